//! Which regions no subscription names, cached for a minute.
//!
//! All streams of a region together run the query at most once a minute. A stream waits
//! at most one second for it; what is not known by then is not reported.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::ids::Region;
use tokio::time::Instant;

use crate::state::context::ReplicaContext;

/// It only makes an agent warn that its region may be misspelt.
const REGION_CACHE_TTL: Duration = Duration::from_secs(60);
/// More than anybody has; but agents can name any.
const MAX_CACHED_REGIONS: usize = 1_000;
/// The Welcome waits for it, for which an agent waits 10 s.
const REGION_QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// Recent answers, and when each was found.
#[derive(Default)]
pub struct UnsubscribedRegionCache(Mutex<HashMap<Region, (Instant, bool)>>);

impl UnsubscribedRegionCache {
    /// Whether no subscription uses a region, as far as is known.
    pub async fn contain(&self, context: &ReplicaContext, region: &Region) -> bool {
        if context.dispatcher.read(|scheduler, _| scheduler.has_subscription_in(region)) {
            return false;
        }
        if let Some(known) = self.known(region) {
            return known;
        }
        // Until the answer arrives, the region counts as subscribed.
        self.note(region, false);
        let asked =
            tokio::time::timeout(REGION_QUERY_TIMEOUT, context.store.region_is_subscribed(region));
        let unsubscribed = matches!(asked.await, Ok(Ok(false)));
        self.note(region, unsubscribed);
        unsubscribed
    }

    fn known(&self, region: &Region) -> Option<bool> {
        let mut known = self.0.lock();
        known.retain(|_, (at, _)| at.elapsed() < REGION_CACHE_TTL);
        known.get(region).map(|(_, unsubscribed)| *unsubscribed)
    }

    fn note(&self, region: &Region, unsubscribed: bool) {
        let mut known = self.0.lock();
        if known.len() < MAX_CACHED_REGIONS || known.contains_key(region) {
            known.insert(region.clone(), (Instant::now(), unsubscribed));
        }
    }
}
