//! Claims due deliveries from the table, and returns attempts that were never sent.
//!
//! Fed by the scheduler's requests and a timer; feeds the scheduler. One task makes
//! every move between the table and memory, one at a time, so that a sweep never sees
//! half a claim. Guarantees that a due delivery which the scheduler was not told of is
//! found within one sweep.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use fair_batch::ProgressReporter as _;
use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::{Region, Shard, SubscriptionKey};
use postrider_domain::operational_event::{EndpointSummary, OperationalEventType};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{
    ClaimLimits, ClaimRequest, ClaimedDelivery, EndWaitingRequest, FirstFault, StoreResult,
};
use tokio_util::sync::CancellationToken;

use super::faults::{BatchBisection, FaultLog};
use super::tenants::TenantSnapshot;
use super::{Flow, ordering};
use crate::health::ProgressHandle;

/// Most deliveries claimed in one call.
const MAX_DELIVERIES_PER_CLAIM: u32 = 2048;
/// Most attempts returned in one call: a long queue that is returned at once must not
/// make publishers wait for its commit.
const MAX_ATTEMPTS_PER_RELEASE: usize = 1000;
/// The pause after a round in which the database refused something.
const REFUSED_ROUND_PAUSE: Duration = Duration::from_millis(100);
/// Most deliveries of one subscription that expire in one sweep.
const MAX_EXPIRED_PER_SWEEP: u32 = 1000;
/// Most subscriptions whose due deliveries are counted for the fleet view, and most
/// deliveries counted of each.
const MAX_COUNTED_SUBSCRIPTIONS: usize = 500;
const MAX_COUNTED_DELIVERIES: u32 = 10_000;

/// Due deliveries in the table for one region's agents.
#[derive(Clone, Debug)]
pub struct DueByRegion {
    pub region: Region,
    pub deliveries: u64,
    pub oldest: Timestamp,
}

impl Flow {
    /// Counts the due deliveries of all shards, by region. A lower bound: the count is
    /// limited for each subscription, and in subscriptions.
    pub async fn count_due(&self) -> StoreResult<Vec<DueByRegion>> {
        let shards: Vec<Shard> = self.cluster.view().shards.iter().map(|row| row.shard).collect();
        let now = self.clock.now();
        let waiting = self.store.waiting(&shards).await?;
        let due = waiting
            .into_iter()
            .filter(|waiting| waiting.first_due <= now)
            .take(MAX_COUNTED_SUBSCRIPTIONS);
        let mut regions: BTreeMap<Region, DueByRegion> = BTreeMap::new();
        for one in due {
            let key = &one.subscription;
            let snapshot = self.tenants.snapshot(&key.tenant).await?;
            let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
            let Some(subscription) = found else { continue };
            let count = self.store.count_due(key, one.shard, now, MAX_COUNTED_DELIVERIES).await?;
            let region = subscription.settings.region.clone();
            let fresh =
                DueByRegion { region: region.clone(), deliveries: 0, oldest: one.first_due };
            let entry = regions.entry(region).or_insert(fresh);
            entry.deliveries += u64::from(count);
            entry.oldest = entry.oldest.min(one.first_due);
        }
        Ok(regions.into_values().collect())
    }

    /// Moves deliveries between the table and memory until told to stop.
    pub async fn run_work(&self, progress: ProgressHandle, stop: CancellationToken) {
        let sweep = self.settings.ownership.sweep();
        let mut next_sweep = self.clock.now();
        let mut log = FaultLog::new("due work");
        while !stop.is_cancelled() {
            progress.report_progress();
            let worked = self.run_work_round(&mut next_sweep).await;
            log.note(worked.as_ref().err(), self.clock.now());
            if let Err(error) = worked {
                // After a refusal the rest of the work goes on soon.
                let pause = if error.is_transient() { sweep } else { REFUSED_ROUND_PAUSE };
                tokio::select! {
                    () = self.clock.sleep(pause) => {}
                    () = stop.cancelled() => {}
                }
                if error.is_transient() {
                    continue;
                }
            }
            tokio::select! {
                () = self.dispatcher.work_requested() => {}
                () = self.clock.sleep_until(next_sweep) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn run_work_round(&self, next_sweep: &mut Timestamp) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        faults.keep(self.release_unsent().await)?;
        faults.keep(self.settle_take_overs().await)?;
        faults.keep(self.check_unconfirmed_attempts().await)?;
        if self.clock.now() >= *next_sweep {
            *next_sweep = self.clock.now() + self.settings.ownership.sweep();
            faults.keep(self.sweep().await)?;
        }
        while faults.keep(self.claim_due().await)? == Some(true) {}
        faults.into_result()
    }

    /// Returns attempts that were never sent to the table.
    pub async fn release_unsent(&self) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        let mut keys = self.dispatcher.take_unsent();
        while !keys.is_empty() {
            let later = keys.split_off(keys.len().min(MAX_ATTEMPTS_PER_RELEASE));
            let mut bisection = BatchBisection::new(keys);
            while let Some(part) = bisection.next() {
                match self.store.release(&part, self.clock.now()).await {
                    Ok(()) => {
                        self.dispatcher.update(|scheduler, _| scheduler.confirm_return(&part))
                    }
                    Err(error) => bisection.note_refused(part, error),
                }
            }
            let (left, fault) = bisection.into_untaken();
            self.dispatcher.put_back_unsent(left);
            if let Err(error) = faults.keep(fault.map_or(Ok(()), Err)) {
                self.dispatcher.put_back_unsent(later);
                return Err(error);
            }
            keys = later;
        }
        faults.into_result()
    }

    /// Makes one round of claims; whether another may find more.
    async fn claim_due(&self) -> StoreResult<bool> {
        let at = self.clock.now();
        let wanted = self.dispatcher.update(|scheduler, now| scheduler.claims(now));
        if wanted.is_empty() {
            return Ok(false);
        }
        let mut claims = Vec::with_capacity(wanted.len());
        let mut refused = Vec::new();
        let mut failed = None;
        for (subscription, shard, epoch, limit, tests_only) in wanted {
            let running = self.running_clock(&subscription, at).await;
            let claim =
                |running| ClaimRequest { subscription, shard, epoch, running, tests_only, limit };
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
        let mut bisection = BatchBisection::new(claims);
        while let Some(part) = bisection.next() {
            let limits = ClaimLimits { deliveries: MAX_DELIVERIES_PER_CLAIM };
            match self.store.claim_due(&part, at, limits).await {
                Ok(claimed) => {
                    work.extend(claimed);
                    answered.extend(part);
                }
                Err(error) => {
                    // The outcome is unknown; the sweep finds what was claimed.
                    self.cluster.note_uncertain_commit();
                    bisection.note_refused(part, error);
                }
            }
        }
        let (left, fault) = bisection.into_untaken();
        refused.extend(left);
        let failed = failed.or(fault);
        let cut_short = work.len() >= MAX_DELIVERIES_PER_CLAIM as usize;
        let mut counts: HashMap<SubscriptionKey, u32> = HashMap::new();
        for one in &work {
            *counts.entry(one.delivery.subscription.clone()).or_default() += 1;
        }
        self.dispatcher.update(|scheduler, now| {
            scheduler.add(work.into_iter().map(new_job), now);
            // A claim that failed, or was cut short, does not tell what is left.
            let answered = answered
                .iter()
                .map(|answered| (answered, if cut_short { 0 } else { answered.limit }));
            for (claim, limit) in answered.chain(refused.iter().map(|refused| (refused, 0))) {
                let claimed = counts.get(&claim.subscription).copied().unwrap_or(0);
                scheduler.claim_done(&claim.subscription, limit, claimed, at, now);
            }
        });
        failed.map_or(Ok(true), Err)
    }

    async fn running_clock(&self, key: &SubscriptionKey, now: Timestamp) -> StoreResult<Timestamp> {
        let snapshot = self.tenants.snapshot(&key.tenant).await?;
        let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
        Ok(found.map_or(now, |subscription| self.cluster.running_time(subscription, now)))
    }

    /// Scans what waits in the owned shards: tells the scheduler when it is due, and expires
    /// what is past its deadline.
    pub(super) async fn scan_waiting(&self) -> StoreResult<()> {
        let shards: Vec<_> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut faults = FirstFault::default();
        for waiting in self.store.waiting(&shards).await? {
            let key = &waiting.subscription;
            let snapshot = faults.keep(self.tenants.snapshot(&key.tenant).await)?.flatten();
            let found = snapshot.as_ref().and_then(|s| s.subscription(&key.subscription));
            let Some((snapshot, subscription)) = snapshot.as_ref().zip(found) else { continue };
            let running = self.cluster.running_time(subscription, self.clock.now());
            if waiting.first_deadline <= running && !self.cluster.has_clock_jumped() {
                faults.keep(self.expire_overdue(snapshot, subscription).await)?;
            }
            let shard = waiting.shard;
            self.dispatcher.update(|scheduler, now| {
                if !scheduler.has_lane(key) {
                    scheduler.configure(Arc::clone(subscription), shard, now);
                }
                scheduler.note_due(key, waiting.first_due, now);
            });
        }
        faults.into_result()
    }

    /// Expires a subscription's waiting and held deliveries that are past their deadline.
    pub(super) async fn expire_overdue(
        &self,
        snapshot: &TenantSnapshot,
        subscription: &Subscription,
    ) -> StoreResult<()> {
        let key = subscription.key();
        let running = self.cluster.running_time(subscription, self.clock.now());
        let told = self.outbox.is_wanted(snapshot, OperationalEventType::DeliveryExhausted);
        let announce = told.then(|| EndpointSummary::of(subscription));
        let request = EndWaitingRequest {
            subscription: key.clone(),
            shard: snapshot.shard,
            deadline_before: Some(running),
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: ordering::holds_key_on_expiry(subscription),
            announce,
        };
        let ended =
            self.store.end_waiting(&request, self.clock.now(), MAX_EXPIRED_PER_SWEEP).await?;
        if ended > 0 {
            tracing::info!(subscription = %key, ended, "deliveries expired");
            self.outbox.notify();
        }
        Ok(())
    }
}

pub(super) fn new_job(work: ClaimedDelivery) -> Arc<ScheduledDelivery> {
    Arc::new(ScheduledDelivery { delivery: work.delivery, event: Some(Arc::new(work.event)) })
}
