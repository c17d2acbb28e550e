//! Roles: the permissions that are given together.
//!
//! Fed by tokens, claims and certificates, which name roles; feeds the judgement of calls.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::permission::{ALL_PERMISSIONS, Permission};

/// What a caller is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Publishes events, and reads nothing of a customer's.
    Publisher,
    /// Reads everything of a tenant's, payloads and responses included, and changes nothing.
    Reader,
    /// Makes and changes subscriptions and their signing keys.
    SubscriptionManager,
    /// Keeps deliveries and the fleet going.
    Operator,
    /// Reads how much work each region has, and nothing else.
    Autoscaler,
    /// May do everything.
    Administrator,
}

/// Every role, in the order of the documents.
pub const ALL_ROLES: [Role; 6] = [
    Role::Publisher,
    Role::Reader,
    Role::SubscriptionManager,
    Role::Operator,
    Role::Autoscaler,
    Role::Administrator,
];

const PUBLISHER: &[Permission] =
    &[Permission::PublishEvents, Permission::ReadEventTypes, Permission::ReadDescriptors];

const READER: &[Permission] = &[
    Permission::ReadTenants,
    Permission::ReadEventTypes,
    Permission::ReadEvents,
    Permission::ReadSubscriptions,
    Permission::ReadDeliveries,
    Permission::ReadOperations,
    Permission::ReadDescriptors,
];

const SUBSCRIPTION_MANAGER: &[Permission] = &[
    Permission::ReadTenants,
    Permission::ReadEventTypes,
    Permission::ReadSubscriptions,
    Permission::WriteSubscriptions,
    Permission::SetSubscriptionStatus,
    Permission::TestSubscriptions,
    Permission::WriteSigningKeys,
    Permission::CreatePortalTokens,
    Permission::ReadDescriptors,
];

const OPERATOR: &[Permission] = &[
    Permission::ReadTenants,
    Permission::ReadEventTypes,
    Permission::ReadEvents,
    Permission::ReadSubscriptions,
    Permission::SetSubscriptionStatus,
    Permission::TestSubscriptions,
    Permission::ReadDeliveries,
    Permission::WriteDeliveries,
    Permission::ReadOperations,
    Permission::WriteOperations,
    Permission::ReadFleet,
    Permission::WriteFleet,
    Permission::ReadRegionLoad,
    Permission::ReadDescriptors,
];

const AUTOSCALER: &[Permission] = &[Permission::ReadRegionLoad];

impl Role {
    /// As settings, claims and the command line write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Reader => "reader",
            Self::SubscriptionManager => "subscription-manager",
            Self::Operator => "operator",
            Self::Autoscaler => "autoscaler",
            Self::Administrator => "administrator",
        }
    }

    pub const fn permissions(self) -> &'static [Permission] {
        match self {
            Self::Publisher => PUBLISHER,
            Self::Reader => READER,
            Self::SubscriptionManager => SUBSCRIPTION_MANAGER,
            Self::Operator => OPERATOR,
            Self::Autoscaler => AUTOSCALER,
            Self::Administrator => &ALL_PERMISSIONS,
        }
    }

    pub fn has(self, permission: Permission) -> bool {
        self.permissions().contains(&permission)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no role's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be publisher, reader, subscription-manager, operator, autoscaler or administrator")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        ALL_ROLES.into_iter().find(|role| role.name() == text).ok_or(UnknownRole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for role in ALL_ROLES {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn only_an_administrator_makes_tokens_writes_tenants_and_reads_the_audit() {
        for permission in [Permission::WriteTokens, Permission::WriteTenants, Permission::ReadAudit]
        {
            let holders: Vec<_> = ALL_ROLES.iter().filter(|role| role.has(permission)).collect();
            assert_eq!(holders, [&Role::Administrator]);
        }
    }

    #[test]
    fn an_autoscaler_reads_the_load_of_regions_and_nothing_else() {
        assert_eq!(Role::Autoscaler.permissions(), [Permission::ReadRegionLoad]);
        let json = serde_json::to_string(&Role::Autoscaler).unwrap();
        assert_eq!(json, "\"autoscaler\"", "as settings and rows write it");
    }

    #[test]
    fn whoever_publishes_or_manages_subscriptions_reads_no_payload() {
        for role in [Role::Publisher, Role::SubscriptionManager] {
            assert!(!role.has(Permission::ReadEvents) && !role.has(Permission::ReadDeliveries));
        }
        assert!(!Role::Reader.has(Permission::PublishEvents));
    }
}
