//! Ids.
//!
//! People name tenants, subscriptions, regions and agents. Events and deliveries have
//! UUIDv7s, which sort by time and carry their millisecond, so that a row's time
//! partition follows from its id.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::time::Timestamp;

/// Why an id was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("must match ^[a-z]([a-z0-9-]{{0,61}}[a-z0-9])?$")]
    Name,
    #[error("must be {0} followed by 32 lower-case hexadecimal digits")]
    Uuid(&'static str),
}

/// AIP-122: what people may choose as an id.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(inner)
        && bytes.last() != Some(&b'-')
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $type(Arc<str>);

        impl $type {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes a name that was checked before it was stored.
            pub fn from_stored(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }
        }

        impl FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(IdError::Name) }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A tenant's id, chosen by whoever created it.
    TenantId
);
name!(
    /// A subscription's id, unique within its tenant and never used again.
    SubscriptionId
);
name!(
    /// The place in which agents run.
    Region
);

/// Names a subscription in the whole installation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionKey {
    pub tenant: TenantId,
    pub subscription: SubscriptionId,
}

impl fmt::Display for SubscriptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenants/{}/subscriptions/{}", self.tenant, self.subscription)
    }
}

/// One ordering key of one subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderedKey {
    pub subscription: SubscriptionKey,
    pub key: String,
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $type:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $type(pub Uuid);

        impl $type {
            pub const PREFIX: &'static str = $prefix;
            /// How long it is when it is displayed.
            pub const TEXT_BYTES: usize = $prefix.len() + 32;

            /// A new id for something that happens at `now`.
            pub fn new(now: Timestamp, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// Appends it to a text as it is displayed. This is done for each event, so it
            /// does without the formatter.
            pub fn append_to(self, text: &mut String) {
                text.push_str($prefix);
                text.push_str(self.0.as_simple().encode_lower(&mut Uuid::encode_buffer()));
            }

            /// The moment, in whole milliseconds, for which the id was made.
            pub fn time(self) -> Timestamp {
                uuid_time(self.0)
            }

            /// `at`, or the id's own time if that is later: whatever happens to a thing
            /// happens after its creation, even if clocks were set back, because rows
            /// are found by this time.
            pub fn no_earlier(self, at: Timestamp) -> Timestamp {
                at.max(self.time())
            }
        }

        impl FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                text.strip_prefix($prefix)
                    .filter(|hex| hex.len() == 32 && !hex.bytes().any(|b| b.is_ascii_uppercase()))
                    .and_then(|hex| Uuid::try_parse(hex).ok())
                    .map(Self)
                    .ok_or(IdError::Uuid($prefix))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.as_simple())
            }
        }
    };
}

uuid_id!(
    /// An event's id, which is also the `webhook-id` of all its webhooks.
    EventId,
    "evt_"
);
uuid_id!(
    /// A delivery's id.
    DeliveryId,
    "dlv_"
);

uuid_id!(
    /// A long-running operation's id.
    OperationId,
    "op_"
);

fn uuid_v7(now: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.as_micros().div_euclid(1000)).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

fn uuid_time(id: Uuid) -> Timestamp {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
    Timestamp::from_micros(millis.saturating_mul(1000))
}

/// One attempt of one delivery: the token by which a result is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    pub delivery: DeliveryId,
    /// From 1.
    pub number: u32,
}

/// A group of tenants that one replica owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl Shard {
    /// The shard of a tenant among `count`. The hash (FNV-1a, 64 bits) is part
    /// of the storage format: it must never change.
    pub fn of(tenant: &TenantId, count: u16) -> Self {
        let hash = tenant.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        // FNV's low bits are its weakest; fold the high half in.
        let mixed = hash ^ (hash >> 32);
        Self(u16::try_from(mixed % u64::from(count.max(1))).unwrap_or(0))
    }
}

/// Counts a shard's owners; only the newest may dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

/// One process of the control plane.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub Arc<str>);

/// An agent's id: `REGION/NAME` of one that is connected, or its name alone, as history and
/// callers have it. Names are unique within a region, so that agents of one region do not
/// keep those of another out by their names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId(pub Arc<str>);

impl AgentId {
    /// The id of an agent of a region that calls itself by this name.
    pub fn in_region(region: &Region, name: &str) -> Self {
        Self(format!("{region}/{name}").into())
    }

    /// What the agent calls itself, which contains no slash.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The name alone.
    pub fn without_region(&self) -> Self {
        Self(self.name().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_of_two_regions_may_have_one_name() {
        let of = |region: &str| AgentId::in_region(&region.parse().unwrap(), "pod-1");
        assert_ne!(of("eu"), of("us"));
        assert_eq!(
            (of("eu").name(), of("us").without_region()),
            ("pod-1", AgentId("pod-1".into()))
        );
        assert_eq!(AgentId("pod-1".into()).name(), "pod-1");
    }

    #[test]
    fn names_follow_aip_122() {
        for good in ["a", "acme", "acme-1", &"a".repeat(63)] {
            assert!(good.parse::<TenantId>().is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a-", "A", "a_b", "é", "a/b", &"a".repeat(64)] {
            assert_eq!(bad.parse::<TenantId>(), Err(IdError::Name), "{bad}");
        }
    }

    #[test]
    fn event_ids_round_trip_carry_their_time_and_sort_by_it() {
        let now = Timestamp::from_micros(1_700_000_000_123_456);
        let id = EventId::new(now, [0xff; 10]);
        assert_eq!(id.to_string().parse::<EventId>().unwrap(), id);
        let mut text = String::new();
        id.append_to(&mut text);
        assert_eq!((text.len(), text), (EventId::TEXT_BYTES, id.to_string()));
        assert_eq!(id.time(), now.truncate_to_millis());
        let later = EventId::new(now + std::time::Duration::from_millis(1), [0; 10]);
        assert!(later > id);
        assert_eq!(id.no_earlier(Timestamp::default()), id.time());
        assert_eq!(id.no_earlier(now), now);
        assert_eq!("evt_x".parse::<EventId>(), Err(IdError::Uuid("evt_")));
        assert!(id.to_string().to_uppercase().parse::<EventId>().is_err());
    }

    #[test]
    fn shards_are_stable_and_spread() {
        let tenant: TenantId = "acme".parse().unwrap();
        assert_eq!(Shard::of(&tenant, 64), Shard(12), "the storage format changed");
        let mut seen = [0_u32; 64];
        for n in 0..6400 {
            let tenant: TenantId = format!("tenant-{n}").parse().unwrap();
            seen[usize::from(Shard::of(&tenant, 64).0)] += 1;
        }
        assert!(seen.iter().all(|n| (50..200).contains(n)), "{seen:?}");
    }
}
