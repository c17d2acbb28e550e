//! Which lanes there are, in which regions, and which of them may have something to do.
//!
//! Fed by whatever adds, moves, wakes and removes lanes; feeds figures and samples of regions.
//! Guarantees that these look at busy lanes only: a hundred thousand subscriptions that have
//! nothing to do, or only retries for later, cost them nothing. A lane is listed when it is
//! woken with something, and leaves the list at a sample, which is also when its timer or an
//! event will wake it again, so that a busy lane costs a look at a flag.

use super::lane::Lane;
use super::state::Scheduler;
use crate::ids::{Region, SubscriptionKey};

impl Scheduler {
    pub(super) fn insert_lane(&mut self, key: SubscriptionKey, lane: Lane) {
        self.note_lane_in(lane.subscription.settings.region.clone());
        self.lanes.insert(key, lane);
    }

    pub(super) fn remove_lane(&mut self, key: &SubscriptionKey) -> Option<Lane> {
        let lane = self.lanes.remove(key)?;
        self.busy_lanes.remove(key);
        self.note_lane_gone(&lane.subscription.settings.region);
        Some(lane)
    }

    /// A lane has come to a region.
    pub(super) fn note_lane_in(&mut self, region: Region) {
        *self.lanes_by_region.entry(region).or_default() += 1;
    }

    /// A lane has left a region.
    pub(super) fn note_lane_gone(&mut self, region: &Region) {
        if let Some(count) = self.lanes_by_region.get_mut(region) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.lanes_by_region.remove(region);
            }
        }
    }

    /// Lists a lane that has something.
    pub(super) fn list_lane(&mut self, key: &SubscriptionKey) {
        if let Some(lane) = self.lanes.get_mut(key)
            && !lane.listed
            && !lane.is_idle()
        {
            lane.listed = true;
            self.busy_lanes.insert(key.clone());
        }
    }

    /// The lanes that may have something to do, and maybe some more.
    pub(super) fn busy_lanes(&self) -> impl Iterator<Item = &Lane> {
        self.busy_lanes.iter().filter_map(|key| self.lanes.get(key))
    }
}
