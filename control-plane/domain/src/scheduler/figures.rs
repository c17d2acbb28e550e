//! What operators see of each region.
//!
//! Fed by the busy lanes and by the streams' credit; feeds other replicas, `ListRegions` and
//! metrics. Autoscalers are told less, and for less: `region_demand`.

use std::collections::BTreeMap;

use super::lane::Lane;
use super::state::Scheduler;
use crate::ids::Region;
use crate::time::Timestamp;

/// A region as its operator sees it, from one replica's memory.
#[derive(Clone, Debug)]
pub struct RegionFigures {
    pub region: Region,
    /// How many more attempts its agents would take now.
    pub credit: u64,
    pub in_flight: u64,
    /// Deliveries in memory that wait for their turn.
    pub queued: u64,
    /// Subscriptions with deliveries in the table that are due.
    pub subscriptions_behind: u64,
    /// Since when the oldest known delivery has been due.
    pub oldest_due: Option<Timestamp>,
    /// Attempts that would be in flight if agents had room for all of them.
    pub wanted: u64,
}

impl RegionFigures {
    const fn nothing(region: Region) -> Self {
        Self {
            region,
            credit: 0,
            in_flight: 0,
            queued: 0,
            subscriptions_behind: 0,
            oldest_due: None,
            wanted: 0,
        }
    }
}

impl Scheduler {
    /// How many breakers are open in each region, of subscriptions that may have something to
    /// send.
    pub fn open_breakers(&self, now: Timestamp) -> BTreeMap<Region, u64> {
        let mut open = BTreeMap::new();
        for lane in self.busy_lanes().filter(|lane| lane.view(now).breaker_opened.is_some()) {
            *open.entry(lane.subscription.settings.region.clone()).or_default() += 1;
        }
        open
    }

    /// Since when the oldest delivery of each region that could be sent has been due: one behind
    /// an open breaker, a hold or a pause waits for that, and for nothing of Postrider's.
    pub fn oldest_sendable(&self, now: Timestamp) -> BTreeMap<Region, Timestamp> {
        let mut oldest: BTreeMap<Region, Timestamp> = BTreeMap::new();
        for lane in self.busy_lanes().filter(|lane| is_open(lane, now)) {
            let Some(due) = oldest_due(lane, now) else { continue };
            let region = lane.subscription.settings.region.clone();
            oldest.entry(region).and_modify(|known| *known = due.min(*known)).or_insert(due);
        }
        oldest
    }

    /// Every region in use, for people.
    pub fn region_figures(&self, now: Timestamp) -> Vec<RegionFigures> {
        let mut figures: BTreeMap<Region, RegionFigures> = self
            .regions_in_use()
            .into_iter()
            .map(|region| (region.clone(), RegionFigures::nothing(region)))
            .collect();
        for stream in self.streams.values() {
            if let Some(region) = figures.get_mut(&stream.region) {
                region.credit += stream.credit();
            }
        }
        for (name, state) in &self.regions {
            if let Some(region) = figures.get_mut(name) {
                region.wanted += u64::try_from(state.tests.len()).unwrap_or(u64::MAX);
            }
        }
        for lane in self.busy_lanes() {
            let Some(region) = figures.get_mut(&lane.subscription.settings.region) else {
                continue;
            };
            region.in_flight += u64::from(lane.in_flight);
            region.queued += u64::try_from(lane.ready.len()).unwrap_or(u64::MAX);
            let table = lane.next_due().filter(|due| *due <= now);
            region.subscriptions_behind += u64::from(table.is_some());
            let oldest = oldest_due(lane, now);
            region.oldest_due = region.oldest_due.into_iter().chain(oldest).min();
            region.wanted = region.wanted.saturating_add(lane.wanted(now));
        }
        figures.into_values().collect()
    }
}

/// Since when the oldest known delivery has been due.
fn oldest_due(lane: &Lane, now: Timestamp) -> Option<Timestamp> {
    let in_table = lane.next_due().filter(|due| *due <= now);
    let queued = lane.ready.front().map(|scheduled| scheduled.delivery.due);
    [in_table, queued].into_iter().flatten().min()
}

/// Whether neither its receiver nor its owner holds back what it has.
fn is_open(lane: &Lane, now: Timestamp) -> bool {
    let view = lane.view(now);
    lane.enabled() && view.breaker_opened.is_none() && view.held_until.is_none()
}
