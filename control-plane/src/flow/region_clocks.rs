//! The clocks of regions: stopped while a region has no agent.
//!
//! Fed by `leases` once in each round; feeds the table, from which all replicas read how
//! much time a region's deliveries lost (deadlines-stand-still). Guarantees that a region
//! which has neither an agent nor a subscription is forgotten, in memory and as a row, so
//! that what agents make up does not stay.
//!
//! Keeps the invariant `deadlines-stand-still`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::Region;
use postrider_domain::time::Timestamp;
use postrider_store::{RegionClock, Store, StoreResult};

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;

/// Whether a region may be forgotten is asked this often: the question may look through
/// all subscriptions.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);
/// Most regions that one round asks about.
const MAX_FORGOTTEN_REGIONS: usize = 16;

/// Stops and starts the clocks of regions.
pub struct RegionClocks {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lost_after: Duration,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    next_forgetting: Timestamp,
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
        let known = view.regions.iter().map(|row| &row.region);
        let regions: BTreeSet<&Region> = in_use.iter().chain(known).collect();
        let mut result = Ok(());
        for region in regions {
            let known = view.regions.iter().find(|row| row.region == *region);
            let mut clock = known.map(|row| row.clock).unwrap_or_default();
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
            let unused = view.regions.iter().map(|row| &row.region);
            let unused = unused.filter(|&region| !served.contains(region));
            let unused = unused.filter(|&region| !in_use.contains(region));
            for region in unused.take(MAX_FORGOTTEN_REGIONS) {
                let forgotten = self.store.forget_region(region).await;
                if forgotten.is_ok() {
                    tracing::info!(%region, "a region is forgotten: no agent and no subscription is in it");
                }
                result = result.and(forgotten);
            }
        }
        result
    }
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
