//! What autoscalers are told of each region: how many attempts it wants in flight.
//!
//! Fed by samples of the busy lanes, twice a second while somebody asks, and by what is sent;
//! feeds other replicas and the external scaler. Guarantees that asking costs nothing but a
//! look at each region, and that a region wants only attempts that agents could begin now:
//! what waits for a retry, a hold, a breaker or a limit of its subscription is not among them,
//! however much it is (decision 0078).

use std::time::Duration;

use super::state::Scheduler;
use super::stream_state::RegionState;
use crate::ids::Region;
use crate::time::Timestamp;

/// A region to which something was sent so lately has work. Twice as long as an autoscaler
/// waits between two looks by default, so that a trickle keeps its agent.
const ACTIVE_SPAN: Duration = Duration::from_secs(60);

/// What one replica has of a region.
#[derive(Clone, Debug, PartialEq)]
pub struct RegionDemand {
    pub region: Region,
    /// Attempts that would have been in flight at the last sample if agents had had room for
    /// all of them.
    pub wanted: u64,
    /// The same, averaged over some seconds.
    pub demand: f64,
    /// How long ago an attempt was sent to its agents last.
    pub since_sent: Option<Duration>,
}

impl RegionDemand {
    /// Whether the region needs an agent, so long after it was told: it has work, or had some
    /// lately.
    pub fn is_active(&self, age: Duration) -> bool {
        let is_recent = |since: Duration| since.saturating_add(age) < ACTIVE_SPAN;
        self.wanted > 0 || self.since_sent.is_some_and(is_recent)
    }
}

/// What one replica has of all regions.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaDemand {
    pub regions: Vec<RegionDemand>,
    /// Whether it has a shard of which it does not know yet what waits.
    pub is_settling: bool,
}

impl Scheduler {
    /// Takes a sample of what each region wants now. Lanes that rest leave the list.
    pub fn sample_demand(&mut self, now: Timestamp) {
        let Self { lanes, regions, busy_lanes, .. } = self;
        for state in regions.values_mut() {
            state.wanted = u64::try_from(state.tests.len()).unwrap_or(u64::MAX);
        }
        busy_lanes.retain(|key| {
            let Some(lane) = lanes.get_mut(key) else {
                return false;
            };
            lane.listed = !lane.rests(now);
            let attempts = if lane.listed { lane.wanted(now) } else { 0 };
            if attempts > 0 {
                let region = lane.subscription.settings.region.clone();
                let state = regions.entry(region).or_insert_with(RegionState::new);
                state.wanted = state.wanted.saturating_add(attempts);
            }
            lane.listed
        });
        for state in regions.values_mut() {
            state.demand.record(state.wanted, now);
        }
    }

    /// What this replica has of all regions, as of the last sample.
    pub fn demand(&self, now: Timestamp) -> ReplicaDemand {
        let regions = self.regions.iter().map(|(region, state)| state.demand_of(region, now));
        let is_settling = self.shards.values().any(|state| state.settling.is_some());
        ReplicaDemand { regions: regions.collect(), is_settling }
    }

    /// What this replica has of one region, as of the last sample.
    pub fn demand_of(&self, region: &Region, now: Timestamp) -> Option<RegionDemand> {
        self.regions.get(region).map(|state| state.demand_of(region, now))
    }
}

impl RegionState {
    fn demand_of(&self, region: &Region, now: Timestamp) -> RegionDemand {
        RegionDemand {
            region: region.clone(),
            wanted: self.wanted,
            demand: self.demand.attempts(),
            since_sent: self.last_sent.map(|sent| now.since(sent)),
        }
    }
}
