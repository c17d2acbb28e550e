//! Endpoints whose circuit is not closed, for people.
//!
//! Fed by the busy lanes; feeds other replicas and `GetFleetActivity`. What has nothing to send
//! is not among them: nobody waits for it.

use super::state::Scheduler;
use crate::endpoint_health::BreakerState;
use crate::ids::{Region, SubscriptionKey};
use crate::time::Timestamp;

/// Most circuits that one replica tells of. An operator looks at the first few of them.
pub const MAX_TOLD_CIRCUITS: usize = 100;

/// A circuit that is not closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCircuit {
    pub key: SubscriptionKey,
    pub region: Region,
    /// Whether a probe is under way.
    pub is_probing: bool,
    /// Since when it has not been closed.
    pub opened: Timestamp,
}

impl Scheduler {
    /// How many circuits are not closed, and those that have been so for longest.
    pub fn open_circuits(&self, now: Timestamp) -> (u64, Vec<OpenCircuit>) {
        let open = self.busy_lanes().filter_map(|lane| {
            let view = lane.view(now);
            Some(OpenCircuit {
                key: lane.subscription.key(),
                region: lane.subscription.settings.region.clone(),
                is_probing: view.breaker == BreakerState::HalfOpen,
                opened: view.breaker_opened?,
            })
        });
        let mut open: Vec<OpenCircuit> = open.collect();
        let count = u64::try_from(open.len()).unwrap_or(u64::MAX);
        open.sort_by_key(|circuit| circuit.opened);
        open.truncate(MAX_TOLD_CIRCUITS);
        (count, open)
    }
}
