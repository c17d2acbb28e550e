//! Regions that no subscription names.
//!
//! Fed by new streams; feeds Welcome. Guarantees that all streams of a region together
//! look through the subscriptions at most once a minute, and that no stream waits long
//! for it: what is not known in time is not said.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postrider_domain::ids::Region;
use tokio::time::Instant;

use crate::flow::Flow;

const REMEMBERED_FOR: Duration = Duration::from_secs(60);
const MAX_REMEMBERED: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(1);

/// What was found lately, and when.
#[derive(Default)]
pub struct UnsubscribedRegions(Mutex<HashMap<Region, (Instant, bool)>>);

impl UnsubscribedRegions {
    /// Whether nobody subscribes to a region, as far as is known.
    pub async fn contain(&self, flow: &Flow, region: &Region) -> bool {
        if flow.dispatcher.look(|scheduler, _| scheduler.has_subscription_in(region)) {
            return false;
        }
        if let Some(known) = self.known(region) {
            return known;
        }
        // Whoever comes while it is asked takes it for subscribed.
        self.note(region, false);
        let asked = tokio::time::timeout(PATIENCE, flow.store.region_is_subscribed(region));
        let unsubscribed = matches!(asked.await, Ok(Ok(false)));
        self.note(region, unsubscribed);
        unsubscribed
    }

    fn known(&self, region: &Region) -> Option<bool> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (at, _)| at.elapsed() < REMEMBERED_FOR);
        known.get(region).map(|(_, unsubscribed)| *unsubscribed)
    }

    fn note(&self, region: &Region, unsubscribed: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MAX_REMEMBERED || known.contains_key(region) {
            known.insert(region.clone(), (Instant::now(), unsubscribed));
        }
    }
}
