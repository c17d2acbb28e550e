//! Which regions agents may serve, and which of them no subscription names.
//!
//! Fed by sessions as they begin; feeds them a place for their region, and Welcome.
//! Guarantees that agents make up no regions without end: those that neither a
//! subscription nor `agents.regions` names are at most `agents.max_unnamed_regions`.
//!
//! Answers are cached for a minute: all streams of a region together run the query at
//! most once a minute. A stream waits at most one second for it; a region of which
//! nothing is known by then counts as one that nothing names, and is not told of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use postrider_domain::ids::Region;
use tokio::time::Instant;

use crate::state::context::ReplicaContext;

/// It only makes an agent warn that its region may be misspelt.
const REGION_CACHE_TTL: Duration = Duration::from_secs(60);
/// More than anybody has; but agents can name any.
const MAX_CACHED_REGIONS: usize = 1_000;
/// The Welcome waits for it, for which an agent waits 10 s.
const REGION_QUERY_TIMEOUT: Duration = Duration::from_secs(1);

/// The regions of streams, as far as they are not named. Cheap to clone.
#[derive(Clone, Default)]
pub struct RegionAdmission(Arc<Mutex<RegionTable>>);

#[derive(Default)]
struct RegionTable {
    /// Whether a subscription names a region, if that is known, and since when.
    subscribed: HashMap<Region, (Instant, Option<bool>)>,
    /// Regions that nothing was known to name when their streams began, and how many
    /// those are.
    unnamed: HashMap<Region, usize>,
}

/// A stream's place in its region, until it is dropped.
pub struct RegionPlace {
    admission: RegionAdmission,
    region: Region,
    /// Whether it is known that no subscription names the region.
    pub is_unsubscribed: bool,
    is_counted: bool,
}

impl RegionAdmission {
    /// A place for one more stream of a region; `None` when nothing names the region and
    /// there are as many such regions as there may be.
    pub async fn admit(&self, context: &ReplicaContext, region: &Region) -> Option<RegionPlace> {
        let settings = &context.settings.agents;
        let is_subscribed = self.is_subscribed(context, region).await;
        let is_counted = is_subscribed != Some(true) && !settings.regions.contains(region);
        if is_counted {
            let most = settings.max_unnamed_regions;
            let RegionTable { subscribed, unnamed } = &mut *self.table();
            if unnamed.len() >= most && !unnamed.contains_key(region) {
                // Some may have been named since.
                context.dispatcher.read(|scheduler, _| {
                    let known =
                        |region: &Region| matches!(subscribed.get(region), Some((_, Some(true))));
                    unnamed.retain(|region, _| {
                        !known(region) && !scheduler.has_subscription_in(region)
                    });
                });
                if unnamed.len() >= most {
                    return None;
                }
            }
            *unnamed.entry(region.clone()).or_default() += 1;
        }
        let (admission, region) = (self.clone(), region.clone());
        let is_unsubscribed = is_subscribed == Some(false);
        Some(RegionPlace { admission, region, is_unsubscribed, is_counted })
    }

    /// Whether a subscription names a region, if that can be told in time.
    async fn is_subscribed(&self, context: &ReplicaContext, region: &Region) -> Option<bool> {
        if context.dispatcher.read(|scheduler, _| scheduler.has_subscription_in(region)) {
            return Some(true);
        }
        if let Some(known) = self.known(region) {
            return known;
        }
        // Whoever comes before the answer does not ask as well.
        self.note(region, None);
        let asked =
            tokio::time::timeout(REGION_QUERY_TIMEOUT, context.store.region_is_subscribed(region));
        let is_subscribed = asked.await.ok().and_then(Result::ok);
        self.note(region, is_subscribed);
        is_subscribed
    }

    fn known(&self, region: &Region) -> Option<Option<bool>> {
        let known = &mut self.table().subscribed;
        known.retain(|_, (at, _)| at.elapsed() < REGION_CACHE_TTL);
        known.get(region).map(|(_, is_subscribed)| *is_subscribed)
    }

    fn note(&self, region: &Region, is_subscribed: Option<bool>) {
        let known = &mut self.table().subscribed;
        if known.len() < MAX_CACHED_REGIONS || known.contains_key(region) {
            known.insert(region.clone(), (Instant::now(), is_subscribed));
        }
    }

    fn table(&self) -> MutexGuard<'_, RegionTable> {
        self.0.lock()
    }
}

impl Drop for RegionPlace {
    fn drop(&mut self) {
        if !self.is_counted {
            return;
        }
        let unnamed = &mut self.admission.table().unnamed;
        if let Some(streams) = unnamed.get_mut(&self.region) {
            *streams = streams.saturating_sub(1);
            if *streams == 0 {
                unnamed.remove(&self.region);
            }
        }
    }
}
