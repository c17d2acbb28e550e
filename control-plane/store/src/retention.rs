//! What the engines share when they remove what is past a tenant's own retention, or was
//! expunged.
//!
//! Fed by rows; feeds the engines what to remove. Guarantees that the payload of an event
//! with an unfinished delivery stays.
//!
//! Keeps the invariant `removed-payloads-stay-removed`.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{DeliveryId, EventId, TenantId};
use postrider_domain::tenant::TenantRetention;
use postrider_domain::time::Timestamp;
use uuid::Uuid;

/// After this a sweep of payloads begins anew, for events that it left because a delivery
/// of theirs was unfinished. It reads an index entry and a row for each event whose payload
/// is gone: a million take some seconds, once a day.
const SWEEP_PERIOD: Duration = Duration::from_secs(86_400);

/// A tenant with a retention of its own.
#[derive(Clone, Debug)]
pub(crate) struct RetainedTenant {
    pub(crate) tenant: TenantId,
    pub(crate) retention: TenantRetention,
}

/// How far the payloads of a tenant were removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PayloadSweep {
    pub(crate) begin_time: Timestamp,
    /// The last event looked at.
    pub(crate) position: Uuid,
}

impl PayloadSweep {
    /// Goes on with a sweep, unless its time is over, or a clock was set back since.
    pub(crate) fn resume(stored: Option<Self>, now: Timestamp) -> Self {
        let recent = |sweep: &Self| {
            now < sweep.begin_time + SWEEP_PERIOD && sweep.begin_time < now + SWEEP_PERIOD
        };
        stored.filter(recent).unwrap_or(Self { begin_time: now, position: Uuid::nil() })
    }
}

/// Events by whether a delivery of theirs is unfinished.
#[derive(Debug, Default)]
pub(crate) struct RemovableEvents {
    pub(crate) removable: Vec<EventId>,
    /// All deliveries of these.
    pub(crate) deliveries: Vec<DeliveryId>,
    pub(crate) unfinished: u64,
}

impl RemovableEvents {
    /// `deliveries` are those of all these events.
    pub(crate) fn of(events: &[EventId], deliveries: &[Delivery]) -> Self {
        let is_unfinished = |delivery: &&Delivery| !delivery.state.is_final();
        let unfinished: HashSet<EventId> =
            deliveries.iter().filter(is_unfinished).map(|delivery| delivery.event).collect();
        let is_removable = |event: &EventId| !unfinished.contains(event);
        let kept = events.iter().filter(|event| unfinished.contains(event)).count();
        Self {
            removable: events.iter().copied().filter(is_removable).collect(),
            deliveries: deliveries
                .iter()
                .filter(|delivery| is_removable(&delivery.event))
                .map(|delivery| delivery.id)
                .collect(),
            unfinished: u64::try_from(kept).unwrap_or(u64::MAX),
        }
    }
}

/// The sizes of the payloads removed, an event once although two tables had it.
pub(crate) fn removed_bytes(rows: impl IntoIterator<Item = (EventId, u64)>) -> (u64, u64) {
    let sizes: BTreeMap<EventId, u64> = rows.into_iter().collect();
    (u64::try_from(sizes.len()).unwrap_or(u64::MAX), sizes.values().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_goes_on_for_a_day() {
        let at = |hours: u64| Timestamp::default() + Duration::from_secs(hours * 3600);
        let begun = PayloadSweep { begin_time: at(100), position: Uuid::from_u128(7) };
        assert_eq!(PayloadSweep::resume(Some(begun), at(101)), begun);
        assert_eq!(PayloadSweep::resume(Some(begun), at(80)), begun, "a clock set back a little");
        for now in [at(124), at(70)] {
            let anew = PayloadSweep { begin_time: now, position: Uuid::nil() };
            assert_eq!(PayloadSweep::resume(Some(begun), now), anew);
            assert_eq!(PayloadSweep::resume(None, now), anew);
        }
    }
}
