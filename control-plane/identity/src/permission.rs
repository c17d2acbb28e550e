//! What a method needs of its caller.
//!
//! Fed by the options in the protos, which name permissions; feeds roles and the judgement
//! of calls.

use std::fmt;
use std::str::FromStr;

/// Leave to call some methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Permission {
    ReadTenants,
    WriteTenants,
    ReadEventTypes,
    WriteEventTypes,
    PublishEvents,
    ReadEvents,
    ExpungeEvents,
    ReadSubscriptions,
    WriteSubscriptions,
    SetSubscriptionStatus,
    TestSubscriptions,
    WriteSigningKeys,
    ReadDeliveries,
    WriteDeliveries,
    ReadOperations,
    WriteOperations,
    ReadFleet,
    WriteFleet,
    ReadRegionLoad,
    ReadTokens,
    WriteTokens,
    CreatePortalTokens,
    ReadAudit,
    ReadDescriptors,
}

/// Every permission, in the order of the documents.
pub const ALL_PERMISSIONS: [Permission; 24] = [
    Permission::ReadTenants,
    Permission::WriteTenants,
    Permission::ReadEventTypes,
    Permission::WriteEventTypes,
    Permission::PublishEvents,
    Permission::ReadEvents,
    Permission::ExpungeEvents,
    Permission::ReadSubscriptions,
    Permission::WriteSubscriptions,
    Permission::SetSubscriptionStatus,
    Permission::TestSubscriptions,
    Permission::WriteSigningKeys,
    Permission::ReadDeliveries,
    Permission::WriteDeliveries,
    Permission::ReadOperations,
    Permission::WriteOperations,
    Permission::ReadFleet,
    Permission::WriteFleet,
    Permission::ReadRegionLoad,
    Permission::ReadTokens,
    Permission::WriteTokens,
    Permission::CreatePortalTokens,
    Permission::ReadAudit,
    Permission::ReadDescriptors,
];

impl Permission {
    /// As the protos and errors write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadTenants => "tenants.read",
            Self::WriteTenants => "tenants.write",
            Self::ReadEventTypes => "eventTypes.read",
            Self::WriteEventTypes => "eventTypes.write",
            Self::PublishEvents => "events.publish",
            Self::ReadEvents => "events.read",
            Self::ExpungeEvents => "events.expunge",
            Self::ReadSubscriptions => "subscriptions.read",
            Self::WriteSubscriptions => "subscriptions.write",
            Self::SetSubscriptionStatus => "subscriptions.setStatus",
            Self::TestSubscriptions => "subscriptions.test",
            Self::WriteSigningKeys => "signingKeys.write",
            Self::ReadDeliveries => "deliveries.read",
            Self::WriteDeliveries => "deliveries.write",
            Self::ReadOperations => "operations.read",
            Self::WriteOperations => "operations.write",
            Self::ReadFleet => "fleet.read",
            Self::WriteFleet => "fleet.write",
            Self::ReadRegionLoad => "regionLoad.read",
            Self::ReadTokens => "tokens.read",
            Self::WriteTokens => "tokens.write",
            Self::CreatePortalTokens => "portalTokens.create",
            Self::ReadAudit => "audit.read",
            Self::ReadDescriptors => "descriptors.read",
        }
    }

    /// Whether its methods read what is stored, and no more. Operations may be waited for, so
    /// that their service takes a turn for each look; the fleet, the load of regions and
    /// descriptors are in memory, but for what is due, which is counted once for all who ask.
    pub const fn reads_stored(self) -> bool {
        matches!(
            self,
            Self::ReadTenants
                | Self::ReadEventTypes
                | Self::ReadEvents
                | Self::ReadSubscriptions
                | Self::ReadDeliveries
                | Self::ReadTokens
                | Self::ReadAudit
        )
    }

    /// Whether its methods change something, other than by publishing.
    pub const fn administers(self) -> bool {
        let only_shows = self.reads_stored()
            || matches!(
                self,
                Self::ReadOperations
                    | Self::ReadFleet
                    | Self::ReadRegionLoad
                    | Self::ReadDescriptors
            );
        !only_shows && !matches!(self, Self::PublishEvents)
    }

    /// Whether it makes credentials, which a portal token never does.
    pub const fn makes_tokens(self) -> bool {
        matches!(self, Self::WriteTokens | Self::CreatePortalTokens)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no permission's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no permission")]
pub struct UnknownPermission(String);

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let mut all = ALL_PERMISSIONS.into_iter();
        all.find(|known| known.name() == text).ok_or_else(|| UnknownPermission(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_shows_or_administers_or_publishes() {
        for permission in ALL_PERMISSIONS {
            let shows = permission.name().ends_with(".read");
            let publishes = permission == Permission::PublishEvents;
            assert_eq!(permission.administers(), !shows && !publishes, "{permission}");
            assert!(shows || !permission.reads_stored(), "{permission}");
        }
    }

    #[test]
    fn names_are_read_back_and_differ() {
        for permission in ALL_PERMISSIONS {
            assert_eq!(permission.name().parse(), Ok(permission));
        }
        assert!("events.Publish".parse::<Permission>().is_err());
        assert!("".parse::<Permission>().is_err());
    }
}
