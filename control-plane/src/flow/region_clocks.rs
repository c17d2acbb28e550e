//! The clocks of regions: stopped while a region has no agent.
//!
//! Fed by `leases` once in each round; feeds the table, from which all replicas read how
//! much time a region's deliveries lost (deadlines-stand-still). Guarantees that a region
//! which has neither an agent nor a subscription is forgotten, in memory and as a row, so
//! that what agents make up does not stay.
//!
//! Keeps the invariant `deadlines-stand-still`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::Region;
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_store::{RegionClock, Store, StoreResult};

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

/// Whether a region may be forgotten is asked this often: the question may look through
/// all subscriptions.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);
/// Most regions that one round asks about; the next goes on after them.
const MAX_FORGOTTEN_REGIONS: usize = 16;

/// Stops and starts the clocks of regions.
pub struct RegionClocks {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lost_after: Duration,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    next_forgetting: Timestamp,
    /// The last region that was asked about.
    asked_about: Option<Region>,
}

impl RegionClocks {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            lost_after: context.settings.ownership.lost_after(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            next_forgetting: context.clock.now() + FORGET_INTERVAL,
            asked_about: None,
        }
    }

    /// Stops the clocks of regions without agents, starts those of regions with one, and
    /// forgets regions that nobody uses.
    pub async fn update(&mut self) -> StoreResult<()> {
        self.dispatcher.update(|scheduler, _| scheduler.forget_empty_regions());
        let view = self.cluster.view();
        let alive =
            view.agents.iter().filter(|agent| view.now.since(agent.heard) < self.lost_after);
        let served: BTreeSet<&Region> = alive.map(|agent| &agent.region).collect();
        let in_use: BTreeSet<Region> =
            self.dispatcher.read(|s, _| s.regions_in_use()).into_iter().collect();
        let known: BTreeMap<&Region, StoppedClock> =
            view.regions.iter().map(|row| (&row.region, row.clock)).collect();
        let regions: BTreeSet<&Region> = in_use.iter().chain(known.keys().copied()).collect();
        let mut result = Ok(());
        for region in regions {
            let mut clock = known.get(region).copied().unwrap_or_default();
            let before = clock;
            let now = self.clock.now();
            match served.contains(region) {
                true => clock.start(now),
                false => clock.stop(now),
            }
            if clock != before {
                let row = RegionClock { region: region.clone(), clock };
                let put = self.store.put_region_clock(&row).await;
                if put.is_ok() {
                    log_region_change(region, before.since, now);
                }
                result = result.and(put);
            }
        }
        let now = self.clock.now();
        if now >= self.next_forgetting {
            self.next_forgetting = now + FORGET_INTERVAL;
            let is_used = |region: &Region| served.contains(region) || in_use.contains(region);
            let unused = known.into_keys().filter(|&region| !is_used(region)).collect();
            result = result.and(self.forget(&unused).await);
        }
        result
    }

    /// Asks about some regions that nobody uses here, after those that were asked about last:
    /// one that a subscription names stays, and keeps no other from its turn.
    async fn forget(&mut self, unused: &BTreeSet<&Region>) -> StoreResult<()> {
        let mut result = Ok(());
        for region in next_of(unused, self.asked_about.as_ref(), MAX_FORGOTTEN_REGIONS) {
            let forgotten = self.store.forget_region(&region).await;
            if matches!(forgotten, Ok(true)) {
                tracing::info!(%region, "a region is forgotten: no agent and no subscription is in it");
            }
            result = result.and(forgotten.map(drop));
            self.asked_about = Some(region);
        }
        result
    }
}

/// So many regions after one, and from the beginning after the last.
fn next_of(regions: &BTreeSet<&Region>, after: Option<&Region>, most: usize) -> Vec<Region> {
    let Some(after) = after else { return regions.iter().copied().take(most).cloned().collect() };
    let later = regions.range::<&Region, _>((Excluded(&after), Unbounded));
    let others = regions.range::<&Region, _>(..=&after);
    later.chain(others).copied().take(most).cloned().collect()
}

/// Logs that a region's clock was stopped, or runs again since it had stopped.
fn log_region_change(region: &Region, stopped: Option<Timestamp>, now: Timestamp) {
    match stopped {
        None => tracing::warn!(
            %region,
            "a region has no agent: its deliveries wait, and their deadlines stand still"
        ),
        Some(since) => {
            let seconds = now.since(since).as_secs();
            tracing::info!(%region, seconds, "a region has an agent again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_its_turn_to_be_forgotten() {
        let names: Vec<Region> =
            ["a", "b", "c", "d", "e"].iter().map(|name| name.parse().unwrap()).collect();
        let regions: BTreeSet<&Region> = names.iter().collect();
        let mut asked: Option<Region> = None;
        let mut rounds = Vec::new();
        for _ in 0..3 {
            let next = next_of(&regions, asked.as_ref(), 2);
            asked = next.last().cloned();
            rounds.push(next.iter().map(Region::as_str).collect::<String>());
        }
        assert_eq!(rounds, ["ab", "cd", "ea"]);
        // What was asked about last may be forgotten.
        let gone: Region = "bb".parse().unwrap();
        assert_eq!(next_of(&regions, Some(&gone), 9).len(), 5);
        assert!(next_of(&BTreeSet::new(), Some(&gone), 9).is_empty());
    }
}
