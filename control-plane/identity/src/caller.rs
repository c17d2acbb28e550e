//! One caller: who it is, and what it may do.
//!
//! Fed by whatever verified a credential; feeds the layer, which judges by it, and the
//! records of changes. Guarantees that a caller covers only what its own grants allow.

use std::collections::BTreeSet;
use std::fmt;

use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::grant::{Grant, GrantScope};
use crate::permission::Permission;
use crate::role::Role;
use crate::token::{TokenId, TokenKind, TokenRecord};

/// Who a credential says the caller is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Principal {
    /// A token of ours.
    Token(TokenId),
    /// A short-lived one for a customer's browser.
    PortalToken(TokenId),
    /// A JWT's subject, as its issuer names it.
    Subject { issuer: String, subject: String },
    /// A client certificate, by the name that the configuration maps.
    Certificate(String),
    /// Nobody: identities are switched off.
    Unknown,
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(id) => write!(f, "token:{id}"),
            Self::PortalToken(id) => write!(f, "portal-token:{id}"),
            Self::Subject { issuer, subject } => write!(f, "subject:{subject}@{issuer}"),
            Self::Certificate(name) => write!(f, "certificate:{name}"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A caller whose credential was verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerIdentity {
    pub principal: Principal,
    pub grants: Vec<Grant>,
    /// When the credential ends; absent: not by itself.
    pub expire_time: Option<Timestamp>,
}

impl CallerIdentity {
    /// The caller of an installation that asks for no credentials.
    pub fn unchecked() -> Self {
        let grant = Grant { role: Role::Administrator, scope: GrantScope::Installation };
        Self { principal: Principal::Unknown, grants: vec![grant], expire_time: None }
    }

    /// The caller who presents a token.
    pub fn of_token(token: &TokenRecord) -> Self {
        let principal = match token.kind {
            TokenKind::Service => Principal::Token(token.id.clone()),
            TokenKind::Portal => Principal::PortalToken(token.id.clone()),
        };
        Self { principal, grants: token.grants.clone(), expire_time: token.expire_time }
    }

    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }

    /// The scopes in which it holds a permission.
    fn scopes(&self, permission: Permission) -> impl Iterator<Item = &GrantScope> {
        let portal = matches!(self.principal, Principal::PortalToken(_));
        let withheld = portal && permission.makes_tokens();
        let held = self.grants.iter().filter(move |grant| !withheld && grant.role.has(permission));
        held.map(|grant| &grant.scope)
    }

    /// Whether it holds the permission anywhere.
    pub fn may_somewhere(&self, permission: Permission) -> bool {
        self.scopes(permission).next().is_some()
    }

    /// Whether it holds the permission for the whole installation.
    pub fn may_everywhere(&self, permission: Permission) -> bool {
        self.scopes(permission).any(|scope| *scope == GrantScope::Installation)
    }

    pub fn may_in(&self, permission: Permission, tenant: &TenantId) -> bool {
        self.scopes(permission).any(|scope| scope.includes(tenant))
    }

    /// Whether it has any role for a tenant, and so may know that there is one.
    pub fn knows(&self, tenant: &TenantId) -> bool {
        self.grants.iter().any(|grant| grant.scope.includes(tenant))
    }

    /// The tenants in which it holds the permission; `None`: all.
    pub fn tenants_with(&self, permission: Permission) -> Option<BTreeSet<TenantId>> {
        let mut tenants = BTreeSet::new();
        for scope in self.scopes(permission) {
            match scope {
                GrantScope::Installation => return None,
                GrantScope::Tenants(some) => tenants.extend(some.iter().cloned()),
            }
        }
        Some(tenants)
    }

    /// The tenant for which it counts where all of a tenant's callers have a part together:
    /// the first by name of those in which its grants hold. None where one holds in the
    /// installation.
    pub fn counted_tenant(&self) -> Option<&TenantId> {
        Grant::counted_tenant(&self.grants)
    }

    /// The same caller with only those grants that hold in a tenant, or in the installation.
    pub fn within(&self, tenant: Option<&TenantId>) -> Self {
        let grants = self.grants.iter().filter_map(|grant| match (&grant.scope, tenant) {
            (GrantScope::Installation, _) => Some(grant.clone()),
            (GrantScope::Tenants(tenants), Some(tenant)) if tenants.contains(tenant) => {
                Some(Grant { role: grant.role, scope: GrantScope::tenant(tenant.clone()) })
            }
            _ => None,
        });
        Self { grants: grants.collect(), ..self.clone() }
    }

    /// Whether it may do all that these grants allow, so that it may pass them on.
    pub fn covers(&self, grants: &[Grant]) -> bool {
        grants.iter().all(|grant| self.covers_grant(grant))
    }

    fn covers_grant(&self, grant: &Grant) -> bool {
        let mut permissions = grant.role.permissions().iter();
        permissions.all(|permission| match &grant.scope {
            GrantScope::Installation => self.may_everywhere(*permission),
            GrantScope::Tenants(tenants) => {
                tenants.iter().all(|tenant| self.may_in(*permission, tenant))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::ALL_ROLES;

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    fn scope(tenants: &[&str]) -> GrantScope {
        match tenants {
            [] => GrantScope::Installation,
            some => GrantScope::Tenants(some.iter().copied().map(tenant).collect()),
        }
    }

    fn grant(role: Role, tenants: &[&str]) -> Grant {
        Grant { role, scope: scope(tenants) }
    }

    fn caller(grants: &[Grant]) -> CallerIdentity {
        let principal = Principal::Token(TokenId::from_stored("1"));
        CallerIdentity { principal, grants: grants.to_vec(), expire_time: None }
    }

    #[test]
    fn a_permission_holds_where_its_role_holds() {
        let both = caller(&[grant(Role::Publisher, &["a"]), grant(Role::Reader, &["b"])]);
        assert!(both.may_in(Permission::PublishEvents, &tenant("a")));
        assert!(!both.may_in(Permission::PublishEvents, &tenant("b")));
        assert!(both.may_in(Permission::ReadEvents, &tenant("b")));
        assert!(both.knows(&tenant("b")) && !both.knows(&tenant("c")));
        assert!(both.may_somewhere(Permission::ReadEvents));
        assert!(!both.may_everywhere(Permission::ReadEvents));
        assert_eq!(both.tenants_with(Permission::ReadEvents), Some([tenant("b")].into()));
        assert_eq!(both.tenants_with(Permission::WriteFleet), Some(BTreeSet::new()));
        let all = caller(&[grant(Role::Reader, &[])]);
        assert!(all.may_in(Permission::ReadEvents, &tenant("z")));
        assert_eq!(all.tenants_with(Permission::ReadEvents), None);
    }

    #[test]
    fn a_caller_counts_for_a_tenant_unless_it_holds_everywhere() {
        let counted = |grants: &[Grant]| caller(grants).counted_tenant().map(ToString::to_string);
        let reader = grant(Role::Reader, &["b"]);
        let both = [reader.clone(), grant(Role::Publisher, &["b"])];
        assert_eq!(counted(&both).as_deref(), Some("b"));
        let several = [reader.clone(), grant(Role::Publisher, &["c"])];
        assert_eq!(counted(&several).as_deref(), Some("b"), "the first by name");
        let several = [reader.clone(), grant(Role::Publisher, &["c", "a"])];
        assert_eq!(counted(&several).as_deref(), Some("a"), "of whichever grant");
        assert_eq!(counted(&[reader, grant(Role::Publisher, &[])]), None);
        assert_eq!(counted(&[]), None);
    }

    #[test]
    fn nobody_passes_on_what_he_does_not_have() {
        let manager = caller(&[grant(Role::Administrator, &["a", "b"])]);
        assert!(manager.covers(&[grant(Role::Publisher, &["a"])]));
        assert!(manager.covers(&[grant(Role::Administrator, &["a", "b"])]));
        assert!(!manager.covers(&[grant(Role::Publisher, &["a", "c"])]));
        assert!(!manager.covers(&[grant(Role::Publisher, &[])]));
        let publisher = caller(&[grant(Role::Publisher, &[])]);
        for role in ALL_ROLES {
            let passes = publisher.covers(&[grant(role, &["a"])]);
            assert_eq!(passes, role == Role::Publisher, "{role}");
        }
    }

    #[test]
    fn a_portal_token_makes_no_token() {
        let mut portal = caller(&[grant(Role::Administrator, &["a"])]);
        portal.principal = Principal::PortalToken(TokenId::from_stored("1"));
        assert!(portal.may_in(Permission::WriteSubscriptions, &tenant("a")));
        assert!(!portal.may_somewhere(Permission::WriteTokens));
        assert!(!portal.may_somewhere(Permission::CreatePortalTokens));
    }

    #[test]
    fn a_credential_ends_at_its_time() {
        let mut caller = caller(&[]);
        assert!(!caller.has_expired(Timestamp::from_micros(i64::MAX)));
        caller.expire_time = Some(Timestamp::from_micros(5));
        assert!(!caller.has_expired(Timestamp::from_micros(4)));
        assert!(caller.has_expired(Timestamp::from_micros(5)));
    }
}
