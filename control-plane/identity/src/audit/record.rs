//! One record: who changed what, and when.
//!
//! Fed by whoever changes something, with a draft; feeds the store, which gives the record
//! its place in its chain. Guarantees that texts that come from outside are printable and
//! bounded.

use std::borrow::Cow;
use std::collections::BTreeSet;

use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::fields::{AuditFields, BoundedChanges, FieldChange, cut};
use super::hash::ChainHash;
use crate::grant::{Grant, GrantScope};

/// Longest name of who acts: a JWT may have a longer subject.
const MAX_ACTOR_BYTES: usize = 512;
/// Longest name of a resource. Names that exist are shorter but for odd event types.
const MAX_RESOURCE_BYTES: usize = 512;
/// Who acts when nobody called.
const SYSTEM_ACTOR: &str = "system";
/// Who acts at the command line.
const COMMAND_ACTOR: &str = "command";
/// What the installation's chain begins with.
const BEGINNING_METHOD: &str = "begin the audit log";
const INSTALLATION_RESOURCE: &str = "installation";
/// What a tenant's chain begins with.
const TENANT_CREATION_METHOD: &str = "postrider.v1.TenantService/CreateTenant";

/// What a tenant's life ends with: its id is never used again.
const TENANT_DELETION_METHOD: &str = "postrider.v1.TenantService/DeleteTenant";
/// Changes that are made in one transaction with a look at their tenant, which must not be
/// deleted.
const LIVING_TENANT_METHODS: [&str; 11] = [
    TENANT_CREATION_METHOD,
    "postrider.v1.TenantService/UpdateTenant",
    TENANT_DELETION_METHOD,
    "postrider.v1.SubscriptionService/CreateSubscription",
    "postrider.v1.SubscriptionService/UpdateSubscription",
    "postrider.v1.SubscriptionService/DeleteSubscription",
    "postrider.v1.SubscriptionService/EnableSubscription",
    "postrider.v1.SubscriptionService/DisableSubscription",
    "postrider.v1.SubscriptionService/PauseSubscription",
    "postrider.v1.SubscriptionService/RotateSigningSecret",
    "postrider.v1.SubscriptionService/RevokeSigningKey",
];

/// Which records are held together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditChain {
    /// Of what belongs to no tenant: event types, tokens, agents.
    Installation,
    /// Of a tenant and all that it has.
    Tenant(TenantId),
}

impl AuditChain {
    /// The chain of a resource, by its name.
    pub fn of_resource(name: &str) -> Self {
        let mut parts = name.split('/');
        match (parts.next(), parts.next().map(str::parse)) {
            (Some("tenants"), Some(Ok(tenant))) => Self::Tenant(tenant),
            _ => Self::Installation,
        }
    }

    /// The chain of a token: that of the one tenant for which it holds.
    pub fn of_grants(grants: &[Grant]) -> Self {
        let mut tenants = BTreeSet::new();
        for grant in grants {
            match &grant.scope {
                GrantScope::Installation => return Self::Installation,
                GrantScope::Tenants(some) => tenants.extend(some),
            }
        }
        match (tenants.len(), tenants.first()) {
            (1, Some(tenant)) => Self::Tenant((*tenant).clone()),
            _ => Self::Installation,
        }
    }

    /// As the store and the hashes write it. No tenant's id is empty.
    pub fn stored(&self) -> &str {
        match self {
            Self::Installation => "",
            Self::Tenant(tenant) => tenant.as_str(),
        }
    }

    /// Reads what was stored.
    pub fn from_stored(text: &str) -> Self {
        match text {
            "" => Self::Installation,
            tenant => Self::Tenant(TenantId::from_stored(tenant)),
        }
    }
}

/// Who asked for a change, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOrigin {
    /// As in "token:0123456789abcdef0123".
    pub actor: String,
    /// The address that the call came from; empty if nobody called.
    pub address: String,
    /// The call's id; empty if nobody called.
    pub request_id: String,
    /// "package.Service/Method", or what a command or the system did.
    pub method: Cow<'static, str>,
}

impl AuditOrigin {
    /// Nobody: the system does something by itself.
    pub fn system(what: &'static str) -> Self {
        Self::local(String::new(), what)
    }

    fn local(actor: String, what: &'static str) -> Self {
        let (address, request_id) = (String::new(), String::new());
        Self { actor, address, request_id, method: Cow::Borrowed(what) }
    }

    /// Somebody at the command line.
    pub fn command(what: &'static str) -> Self {
        Self::local(COMMAND_ACTOR.to_owned(), what)
    }

    /// A record of a change of a resource, in its chain.
    pub fn draft(&self, resource: &str, now: Timestamp) -> AuditDraft {
        let actor = if self.actor.is_empty() { SYSTEM_ACTOR } else { &self.actor };
        AuditDraft {
            chain: AuditChain::of_resource(resource),
            time: now,
            actor: printable(actor, MAX_ACTOR_BYTES),
            address: self.address.clone(),
            request_id: self.request_id.clone(),
            method: self.method.clone().into_owned(),
            resource: printable(resource, MAX_RESOURCE_BYTES),
            changes: Vec::new(),
            left_out: 0,
        }
    }
}

/// A record that has no place in its chain yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDraft {
    pub chain: AuditChain,
    /// When, by the clock of the replica that made the change.
    pub time: Timestamp,
    pub actor: String,
    pub address: String,
    pub request_id: String,
    pub method: String,
    pub resource: String,
    pub changes: Vec<FieldChange>,
    /// How many more differences there were.
    pub left_out: u32,
}

impl AuditDraft {
    /// The first record of the installation, which is written with the key of all chains.
    pub fn beginning(now: Timestamp) -> Self {
        AuditOrigin::system(BEGINNING_METHOD).draft(INSTALLATION_RESOURCE, now)
    }

    /// Whether it is what its chain begins with: a chain of which all was removed goes on
    /// with something else.
    pub fn begins_chain(&self) -> bool {
        match &self.chain {
            AuditChain::Installation => self.method == BEGINNING_METHOD,
            AuditChain::Tenant(_) => self.method == TENANT_CREATION_METHOD && self.is_of_tenant(),
        }
    }

    /// Whether it is the deletion of its chain's tenant.
    pub fn deletes_tenant(&self) -> bool {
        self.method == TENANT_DELETION_METHOD && self.is_of_tenant()
    }

    /// Whether it is a change that cannot be made once its chain's tenant is deleted. Of
    /// tokens, operations, deliveries and reads there may be records afterwards.
    pub fn needs_living_tenant(&self) -> bool {
        matches!(self.chain, AuditChain::Tenant(_))
            && LIVING_TENANT_METHODS.contains(&self.method.as_str())
    }

    /// Whether it is about its chain's tenant itself.
    fn is_of_tenant(&self) -> bool {
        let AuditChain::Tenant(tenant) = &self.chain else { return false };
        self.resource.strip_prefix("tenants/") == Some(tenant.as_str())
    }

    /// Whether it may stand before that: a token can be made for a tenant that is still to
    /// come.
    pub fn may_precede_beginning(&self) -> bool {
        matches!(self.chain, AuditChain::Tenant(_)) && self.resource.starts_with("tokens/")
    }

    /// With what differs.
    #[must_use]
    pub fn with_changes(mut self, before: &AuditFields, after: &AuditFields) -> Self {
        (self.changes, self.left_out) = before.changes_to(after);
        self
    }

    /// With what went along with the resource: ids, after the differences that are there.
    #[must_use]
    pub fn with_removed(mut self, field: &str, ids: &[String]) -> Self {
        let mut changes = BoundedChanges::of(self.changes, self.left_out);
        for (at, id) in ids.iter().enumerate() {
            let field = format!("{field}[{at}]");
            changes.add(FieldChange { field, before: Some(id.clone()), after: None });
        }
        (self.changes, self.left_out) = (changes.kept, changes.left_out);
        self
    }

    /// In another chain than that of its resource's name.
    #[must_use]
    pub fn in_chain(mut self, chain: AuditChain) -> Self {
        self.chain = chain;
        self
    }
}

/// A record in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// From 1, without gaps.
    pub sequence: i64,
    /// The hash of the record before it.
    pub previous: ChainHash,
    pub hash: ChainHash,
    pub draft: AuditDraft,
}

/// Text from outside, printable, and of a long one the beginning and the hash of the whole.
fn printable(text: &str, most: usize) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    cut(text, most, most).chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    #[test]
    fn a_resource_belongs_to_its_tenants_chain() {
        let acme = AuditChain::Tenant("acme".parse().unwrap());
        for name in ["tenants/acme", "tenants/acme/subscriptions/erp"] {
            assert_eq!(AuditChain::of_resource(name), acme);
        }
        for name in ["eventTypes/a", "tokens/1", "tenants/-", "tenants", ""] {
            assert_eq!(AuditChain::of_resource(name), AuditChain::Installation, "{name}");
        }
        for chain in [acme, AuditChain::Installation] {
            assert_eq!(AuditChain::from_stored(chain.stored()), chain);
        }
    }

    #[test]
    fn a_token_of_one_tenant_belongs_to_its_chain() {
        let tenants = |names: &[&str]| {
            let tenants = names.iter().map(|name| name.parse().unwrap());
            GrantScope::Tenants(tenants.collect())
        };
        let chain = |scopes: &[GrantScope]| {
            let grants: Vec<_> = scopes
                .iter()
                .map(|scope| Grant { role: Role::Reader, scope: scope.clone() })
                .collect();
            AuditChain::of_grants(&grants)
        };
        let acme = AuditChain::Tenant("acme".parse().unwrap());
        assert_eq!(chain(&[tenants(&["acme"]), tenants(&["acme"])]), acme);
        for several in [
            vec![tenants(&["acme", "other"])],
            vec![tenants(&["acme"]), GrantScope::Installation],
            vec![],
        ] {
            assert_eq!(chain(&several), AuditChain::Installation);
        }
    }

    #[test]
    fn a_chain_begins_with_its_tenant_or_with_the_key() {
        let beginning = AuditDraft::beginning(Timestamp::default());
        assert_eq!(beginning.chain, AuditChain::Installation);
        assert!(beginning.begins_chain() && !beginning.may_precede_beginning());
        let acme = AuditChain::Tenant("acme".parse().unwrap());
        let record = |method: &'static str, resource: &str| {
            AuditOrigin::system(method).draft(resource, Timestamp::default()).in_chain(acme.clone())
        };
        let create = "postrider.v1.TenantService/CreateTenant";
        assert!(record(create, "tenants/acme").begins_chain());
        for (method, resource) in [
            (create, "tenants/acme2"),
            (create, "acme"),
            ("postrider.v1.TenantService/UpdateTenant", "tenants/acme"),
            (BEGINNING_METHOD, "installation"),
        ] {
            let record = record(method, resource);
            assert!(!record.begins_chain() && !record.may_precede_beginning(), "{record:?}");
        }
        let token = record("postrider.v1.TokenService/CreateToken", "tokens/1");
        assert!(token.may_precede_beginning() && !token.begins_chain());
        assert!(!token.in_chain(AuditChain::Installation).may_precede_beginning());
    }

    #[test]
    fn what_went_along_is_named_and_bounded() {
        let draft = AuditOrigin::command("x").draft("tenants/acme", Timestamp::default());
        let mut before = AuditFields::none();
        before.text("display_name", "Acme");
        let draft = draft.with_changes(&before, &AuditFields::none());
        let none = draft.clone().with_removed("subscriptions", &[]);
        assert_eq!(none, draft);
        let ids: Vec<String> = (0..300).map(|number| format!("hook-{number}")).collect();
        let removed = draft.with_removed("subscriptions", &ids);
        assert_eq!((removed.changes.len(), removed.left_out), (200, 101));
        assert_eq!(removed.changes[0].field, "display_name");
        let last = &removed.changes[199];
        assert_eq!(last.field, "subscriptions[198]");
        assert_eq!((last.before.as_deref(), last.after.as_deref()), (Some("hook-198"), None));
    }

    #[test]
    fn texts_from_outside_are_printable_and_bounded() {
        let origin = AuditOrigin {
            actor: format!("subject:a\0\n{}", "é".repeat(MAX_ACTOR_BYTES)),
            ..AuditOrigin::system("x")
        };
        let draft = origin.draft("tenants/acme", Timestamp::default());
        assert!(draft.actor.len() <= 2 * MAX_ACTOR_BYTES);
        assert!(draft.actor.starts_with("subject:a\u{fffd}\u{fffd}é"), "{}", draft.actor);
        let other = AuditOrigin { actor: format!("{}!", origin.actor), ..origin };
        let other = other.draft("tenants/acme", Timestamp::default());
        assert_ne!(draft.actor, other.actor, "two that begin alike are not one");
        assert_eq!(draft.actor.split('…').next(), other.actor.split('…').next());
        assert_eq!(AuditOrigin::system("x").draft("", Timestamp::default()).actor, "system");
        assert_eq!(AuditOrigin::command("x").draft("", Timestamp::default()).actor, "command");
    }
}
