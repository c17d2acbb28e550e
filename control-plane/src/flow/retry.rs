//! Due work, claimed from the table; attempts never sent, given back to it.
//!
//! Fed by the scheduler's wishes and by a timer; feeds the scheduler. One task
//! does everything that moves deliveries between the table and memory, in turn,
//! so that a sweep never sees a claim half-way. Guarantees that what the
//! scheduler was not told of is found within one sweep.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::{Region, Shard, SubscriptionKey};
use postrider_domain::notice::{Endpoint, NoticeType};
use postrider_domain::scheduler::Job;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{Claim, ClaimLimits, EndWaiting, FirstFault, StoreResult, Work};
use tokio_util::sync::CancellationToken;

use super::faults::{Division, FaultLog};
use super::tenants::Snapshot;
use super::{Flow, ordering};
use crate::health::Progress;

/// Most deliveries claimed in one call.
const MAX_CLAIMED: u32 = 2048;
/// Most deliveries given back in one call: a queue that is shed whole must not keep
/// those who publish waiting for its commit.
const MAX_RELEASED: usize = 1000;
/// Between two rounds, of which the first met something that the database refuses.
const FAULT_PAUSE: Duration = Duration::from_millis(100);
/// Most deliveries of one subscription that expire in one sweep.
const MAX_EXPIRED: u32 = 1000;
/// Subscriptions whose due deliveries are counted for people, and most of each.
const MAX_COUNTED: usize = 500;
const MAX_COUNTED_EACH: u32 = 10_000;

/// What waits in the table for agents of one region, and is due.
#[derive(Clone, Debug)]
pub struct Due {
    pub region: Region,
    pub deliveries: u64,
    pub oldest: Timestamp,
}

impl Flow {
    /// What is due in the table, of all shards, whoever owns them. A count, not a
    /// sum to rely on: bounded for each subscription, and in subscriptions.
    pub async fn due(&self) -> StoreResult<Vec<Due>> {
        let shards: Vec<Shard> = self.cluster.view().shards.iter().map(|row| row.shard).collect();
        let now = self.clock.now();
        let waiting = self.store.waiting(&shards).await?;
        let due = waiting.into_iter().filter(|one| one.first_due <= now).take(MAX_COUNTED);
        let mut regions: BTreeMap<Region, Due> = BTreeMap::new();
        for one in due {
            let key = &one.subscription;
            let snapshot = self.tenants.snapshot(&key.tenant).await?;
            let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
            let Some(subscription) = found else { continue };
            let count = self.store.count_due(key, one.shard, now, MAX_COUNTED_EACH).await?;
            let region = subscription.settings.region.clone();
            let fresh = Due { region: region.clone(), deliveries: 0, oldest: one.first_due };
            let entry = regions.entry(region).or_insert(fresh);
            entry.deliveries += u64::from(count);
            entry.oldest = entry.oldest.min(one.first_due);
        }
        Ok(regions.into_values().collect())
    }

    /// Moves work between table and memory until told to stop.
    pub async fn run_work(&self, progress: Progress, stop: CancellationToken) {
        let sweep = self.settings.ownership.sweep();
        let mut next_sweep = self.clock.now();
        let mut log = FaultLog::new("due work");
        while !stop.is_cancelled() {
            progress.made();
            let worked = self.work_once(&mut next_sweep).await;
            log.note(worked.as_ref().err(), self.clock.now());
            if let Err(error) = worked {
                // What is refused keeps nobody else's work waiting.
                let pause = if error.is_transient() { sweep } else { FAULT_PAUSE };
                tokio::select! {
                    () = self.clock.sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
                if error.is_transient() {
                    continue;
                }
            }
            tokio::select! {
                () = self.dispatcher.work_wanted() => {}
                () = self.clock.sleep_until(next_sweep) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn work_once(&self, next_sweep: &mut Timestamp) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        faults.keep(self.release_unsent().await)?;
        faults.keep(self.settle_take_overs().await)?;
        faults.keep(self.look_at_doubts().await)?;
        if self.clock.now() >= *next_sweep {
            *next_sweep = self.clock.now() + self.settings.ownership.sweep();
            faults.keep(self.sweep().await)?;
        }
        while faults.keep(self.claim_due().await)? == Some(true) {}
        faults.into_result()
    }

    /// Gives back attempts that were never sent.
    pub async fn release_unsent(&self) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        let mut keys = self.dispatcher.take_releases();
        while !keys.is_empty() {
            let later = keys.split_off(keys.len().min(MAX_RELEASED));
            let mut division = Division::of(keys);
            while let Some(part) = division.next() {
                match self.store.release(&part, self.clock.now()).await {
                    Ok(()) => self.dispatcher.with(|scheduler, _| scheduler.given_back(&part)),
                    Err(error) => division.refuse(part, error),
                }
            }
            let (left, fault) = division.left();
            self.dispatcher.put_back_releases(left);
            if let Err(error) = faults.keep(fault.map_or(Ok(()), Err)) {
                self.dispatcher.put_back_releases(later);
                return Err(error);
            }
            keys = later;
        }
        faults.into_result()
    }

    /// Makes one round of claims; whether there may be more.
    async fn claim_due(&self) -> StoreResult<bool> {
        let at = self.clock.now();
        let wanted = self.dispatcher.with(|scheduler, now| scheduler.claims(now));
        if wanted.is_empty() {
            return Ok(false);
        }
        let mut claims = Vec::with_capacity(wanted.len());
        let mut refused = Vec::new();
        let mut failed = None;
        for (subscription, shard, epoch, limit, tests_only) in wanted {
            let running = self.running_clock(&subscription, at).await;
            let claim = |running| Claim { subscription, shard, epoch, running, tests_only, limit };
            match running {
                Ok(running) => claims.push(claim(running)),
                Err(error) => {
                    refused.push(claim(at));
                    failed.get_or_insert(error);
                }
            }
        }
        let mut work = Vec::new();
        let mut answered = Vec::with_capacity(claims.len());
        let mut division = Division::of(claims);
        while let Some(part) = division.next() {
            let limits = ClaimLimits { deliveries: MAX_CLAIMED };
            match self.store.claim_due(&part, at, limits).await {
                Ok(claimed) => {
                    work.extend(claimed);
                    answered.extend(part);
                }
                Err(error) => {
                    // Whether anything was claimed is not known: what was, the sweep finds.
                    self.cluster.suspect();
                    division.refuse(part, error);
                }
            }
        }
        let (left, fault) = division.left();
        refused.extend(left);
        let failed = failed.or(fault);
        let cut_short = work.len() >= MAX_CLAIMED as usize;
        let mut counts: HashMap<SubscriptionKey, u32> = HashMap::new();
        for one in &work {
            *counts.entry(one.delivery.subscription.clone()).or_default() += 1;
        }
        self.dispatcher.with(|scheduler, now| {
            scheduler.add(work.into_iter().map(job), now);
            // A claim that failed, or was cut short, knows nothing about what is left.
            let answered = answered.iter().map(|one| (one, if cut_short { 0 } else { one.limit }));
            for (claim, limit) in answered.chain(refused.iter().map(|one| (one, 0))) {
                let claimed = counts.get(&claim.subscription).copied().unwrap_or(0);
                scheduler.claim_done(&claim.subscription, limit, claimed, at, now);
            }
        });
        failed.map_or(Ok(true), Err)
    }

    async fn running_clock(&self, key: &SubscriptionKey, now: Timestamp) -> StoreResult<Timestamp> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
        Ok(found.map_or(now, |subscription| self.cluster.running(subscription, now)))
    }

    /// Looks at everything that waits in the shards owned: tells the scheduler
    /// when it is due, and ends what has expired.
    pub(super) async fn look_at_waiting(&self) -> StoreResult<()> {
        let shards: Vec<_> =
            self.dispatcher.look(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut faults = FirstFault::default();
        for waiting in self.store.waiting(&shards).await? {
            let key = &waiting.subscription;
            let snapshot = faults.keep(self.tenants.snapshot(&key.tenant).await)?.flatten();
            let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
            let Some((snapshot, subscription)) = snapshot.as_ref().zip(found) else { continue };
            let running = self.cluster.running(subscription, self.clock.now());
            if waiting.first_deadline <= running && !self.cluster.clock_is_off() {
                faults.keep(self.expire_what_is_over(snapshot, subscription).await)?;
            }
            let shard = waiting.shard;
            self.dispatcher.with(|scheduler, now| {
                if !scheduler.has_lane(key) {
                    scheduler.configure(Arc::clone(subscription), shard, now);
                }
                scheduler.note_due(key, waiting.first_due, now);
            });
        }
        faults.into_result()
    }

    /// Ends what waits or is held of a subscription and has come to its deadline.
    pub(super) async fn expire_what_is_over(
        &self,
        snapshot: &Snapshot,
        subscription: &Subscription,
    ) -> StoreResult<()> {
        let key = subscription.key();
        let running = self.cluster.running(subscription, self.clock.now());
        let told = self.notices.wanted(snapshot, NoticeType::DeliveryExhausted);
        let announce = told.then(|| Endpoint::of(subscription));
        let request = EndWaiting {
            subscription: key.clone(),
            shard: snapshot.shard,
            deadline_before: Some(running),
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: ordering::expiry_holds(subscription),
            announce,
        };
        let ended = self.store.end_waiting(&request, self.clock.now(), MAX_EXPIRED).await?;
        if ended > 0 {
            tracing::info!(subscription = %key, ended, "deliveries expired");
            self.notices.wake();
        }
        Ok(())
    }
}

pub(super) fn job(work: Work) -> Arc<Job> {
    Arc::new(Job { delivery: work.delivery, event: Some(Arc::new(work.event)) })
}
