//! Grants: a role for the installation or for some tenants.
//!
//! Fed by tokens as they are stored, by claims and by settings; feeds the judgement of
//! calls. Guarantees that no scope is empty or left out: what is not said is not granted.

use std::collections::BTreeSet;

use postrider_domain::ids::TenantId;
use serde::{Deserialize, Serialize};

use crate::role::Role;

/// Most grants of one caller. There are six roles; a few scopes of each are usual.
pub const MAX_GRANTS: usize = 16;
/// Most tenants in one grant: a row of the table of tokens stays below 70 KiB.
pub const MAX_GRANT_TENANTS: usize = 1000;

/// Where a role holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantScope {
    /// Everything: all tenants, present and future, and what belongs to none.
    Installation,
    /// These tenants only.
    Tenants(BTreeSet<TenantId>),
}

impl GrantScope {
    /// One tenant.
    pub fn tenant(tenant: TenantId) -> Self {
        Self::Tenants(BTreeSet::from([tenant]))
    }

    pub fn includes(&self, tenant: &TenantId) -> bool {
        match self {
            Self::Installation => true,
            Self::Tenants(tenants) => tenants.contains(tenant),
        }
    }
}

/// A role and where it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub role: Role,
    pub scope: GrantScope,
}

/// Why grants were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("must hold 1 to {MAX_GRANTS} grants")]
    Count,
    #[error("must name 1 to {MAX_GRANT_TENANTS} tenants, or the installation")]
    Tenants,
    #[error("cannot be read: {0}")]
    Form(String),
}

impl Grant {
    /// Checks that there are grants, and that each has a scope.
    pub fn check_all(grants: &[Self]) -> Result<(), GrantError> {
        if grants.is_empty() || grants.len() > MAX_GRANTS {
            return Err(GrantError::Count);
        }
        let bounded = |grant: &Self| match &grant.scope {
            GrantScope::Installation => true,
            GrantScope::Tenants(tenants) => (1..=MAX_GRANT_TENANTS).contains(&tenants.len()),
        };
        if grants.iter().all(bounded) { Ok(()) } else { Err(GrantError::Tenants) }
    }

    /// The tenant for which whoever has these grants counts where a tenant has a part: the
    /// first by name of those in which they hold, however many they are. None where they hold
    /// in the installation.
    pub fn counted_tenant(grants: &[Self]) -> Option<&TenantId> {
        let mut first = None;
        for grant in grants {
            let GrantScope::Tenants(tenants) = &grant.scope else { return None };
            first = first.into_iter().chain(tenants.first()).min();
        }
        first
    }

    /// As they are stored.
    pub fn to_json(grants: &[Self]) -> Result<String, GrantError> {
        serde_json::to_string(grants).map_err(|error| GrantError::Form(error.to_string()))
    }

    /// Reads what was stored; anything unknown refuses the whole.
    pub fn from_json(text: &str) -> Result<Vec<Self>, GrantError> {
        let grants: Vec<Self> =
            serde_json::from_str(text).map_err(|error| GrantError::Form(error.to_string()))?;
        Self::check_all(&grants)?;
        Ok(grants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_stored_and_read_back() {
        let acme = GrantScope::tenant("acme".parse().unwrap());
        let grants = vec![
            Grant { role: Role::SubscriptionManager, scope: acme },
            Grant { role: Role::Operator, scope: GrantScope::Installation },
        ];
        let text = Grant::to_json(&grants).unwrap();
        assert_eq!(
            text,
            r#"[{"role":"subscription-manager","scope":{"tenants":["acme"]}},{"role":"operator","scope":"installation"}]"#
        );
        assert_eq!(Grant::from_json(&text).unwrap(), grants);
    }

    #[test]
    fn what_is_left_out_grants_nothing() {
        for bad in [
            "[]",
            "",
            r#"[{"role":"reader"}]"#,
            r#"[{"role":"reader","scope":{"tenants":[]}}]"#,
            r#"[{"role":"root","scope":"installation"}]"#,
            r#"[{"role":"reader","scope":"installation","more":1}]"#,
        ] {
            assert!(Grant::from_json(bad).is_err(), "{bad}");
        }
    }
}
