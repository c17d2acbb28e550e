//! Recovery: finds work that every other loop lost.
//!
//! Fed by a timer, take-overs and broken streams; feeds the scheduler with attempts
//! that were never sent, and `conclude` with attempts that no agent can account for.
//! Guarantees (no-invented-unknown, earlier-epochs-are-swept): an attempt becomes
//! UNKNOWN only if it may have been made and no living agent knows of it.
//!
//! Keeps the invariants `earlier-epochs-are-swept` and `no-invented-unknown`.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, Delivery, EndReason, Outcome};
use postrider_domain::ids::{AttemptKey, DeliveryId, Shard, TenantId};
use postrider_domain::scheduler::{AgentIdentity, ScheduledDelivery, ShardLease};
use postrider_store::{ClaimedDelivery, FirstFault, StoreResult};

use super::Flow;
use super::conclude::AttemptReport;
use super::faults::BatchBisection;
use super::work_loop::new_job;

/// Most rows read at once.
const MAX_ROWS_PER_READ: u32 = 1000;
/// A result is overdue this long after the attempt was sent; longer than any attempt may
/// take.
const RESULT_OVERDUE_AFTER: Duration = Duration::from_secs(75);
/// The pause between batches, in which the first is concluded.
const BATCH_PAUSE: Duration = Duration::from_millis(50);
/// The owner's rows are compared with memory in one of this many sweeps.
const SWEEPS_PER_OWN_ROW_CHECK: u64 = 5;
/// Deleted subscriptions are looked for in one of this many sweeps.
const SWEEPS_PER_DELETED_CHECK: u64 = 5;
/// HELD deliveries are checked in one of this many sweeps.
const SWEEPS_PER_HELD_CHECK: u64 = 3;

/// What a look at earlier owners' rows found.
#[derive(Default)]
struct StaleRowsOutcome {
    found: usize,
    /// Shards with rows that an agent may still report as held.
    unclear: BTreeSet<Shard>,
    /// Errors of single rows; the next sweep tries them again.
    faults: FirstFault,
}

impl Flow {
    /// Finds what other loops left unfinished.
    pub(super) async fn sweep(&self) -> StoreResult<()> {
        let round = self.cluster.count_sweep();
        let mut faults = FirstFault::default();
        faults.keep(self.tenants.refresh_stale().await)?;
        faults.keep(self.event_types.refresh().await)?;
        faults.keep(self.refresh_holds().await)?;
        faults.keep(self.end_holds_of_edited().await)?;
        faults.keep(self.recover_from_clock_set_back().await)?;
        faults.keep(self.scan_waiting().await)?;
        let settled = self.dispatcher.read(|s, _| s.settled());
        if let Some(taken) = faults.keep(self.recover_stale_rows(&settled).await)? {
            faults.keep(taken.faults.into_result())?;
        }
        self.conclude_work_of_lost_agents().await;
        faults.keep(self.find_results_of_parked().await)?;
        faults.keep(self.check_overdue_attempts().await)?;
        if round.is_multiple_of(SWEEPS_PER_OWN_ROW_CHECK) || self.cluster.take_uncertain_commit() {
            faults.keep(self.recover_unsent_rows().await)?;
        }
        if round.is_multiple_of(SWEEPS_PER_HELD_CHECK) {
            faults.keep(self.sweep_held_keys().await)?;
        }
        if round.is_multiple_of(SWEEPS_PER_DELETED_CHECK) {
            faults.keep(self.end_deliveries_of_deleted().await)?;
        }
        faults.into_result()
    }

    /// Finishes the take-over of shards whose agents have all sent their inventories.
    pub(super) async fn settle_take_overs(&self) -> StoreResult<()> {
        let ready = self.dispatcher.read(|scheduler, now| scheduler.ready_to_settle(now));
        if ready.is_empty() {
            return Ok(());
        }
        let leases: Vec<ShardLease> = ready.into_iter().map(|ready| ready.lease).collect();
        let (unclear, faults) = loop {
            let taken = self.recover_stale_rows(&leases).await?;
            if taken.found < MAX_ROWS_PER_READ as usize || !taken.unclear.is_empty() {
                break (taken.unclear, taken.faults);
            }
            // The first batch is being concluded; the next read finds the rest.
            self.clock.sleep(BATCH_PAUSE).await;
        };
        self.resume_holds(&leases).await?;
        self.dispatcher.update(|scheduler, now| {
            for lease in leases.iter().filter(|lease| !unclear.contains(&lease.shard)) {
                scheduler.settle(*lease, now);
            }
        });
        self.scan_waiting().await?;
        faults.into_result()
    }

    /// Recovers rows that earlier owners left IN_FLIGHT: adopts the attempt if an agent
    /// still holds it; otherwise it becomes UNKNOWN, once every agent could have reported.
    async fn recover_stale_rows(&self, leases: &[ShardLease]) -> StoreResult<StaleRowsOutcome> {
        let mut taken = StaleRowsOutcome::default();
        if leases.is_empty() {
            return Ok(taken);
        }
        let shards: Vec<_> = leases.iter().map(|lease| (lease.shard, lease.epoch)).collect();
        let rows = self.store.stale_in_flight(&shards, MAX_ROWS_PER_READ).await?;
        taken.found = rows.len();
        let heard_out = self.cluster.has_heard_all_agents();
        let mut adopted = Vec::new();
        for mut row in rows {
            let Some(lease) = leases.iter().find(|lease| lease.shard == row.shard) else {
                continue;
            };
            let key = row.current_attempt();
            let claimant = self.dispatcher.read(|s, _| s.claimant(row.shard, key));
            match claimant {
                Some(agent) => {
                    let snapshot = self.tenants.snapshot(&row.subscription.tenant).await;
                    if taken.faults.keep(snapshot)?.is_none() {
                        continue;
                    }
                    row.epoch = lease.epoch;
                    let job = Arc::new(ScheduledDelivery { delivery: row, event: None });
                    self.dispatcher.update(|s, now| s.adopt(job, agent, now));
                    taken.faults.keep(self.store.adopt(&[key], lease.epoch).await)?;
                    adopted.push(key);
                }
                None if heard_out => self.conclude_as_unknown(row, None).await,
                None => {
                    taken.unclear.insert(row.shard);
                }
            }
        }
        // A result committed between the read and the adoption is not reported again.
        self.forget_unless_in_table(&adopted).await?;
        Ok(taken)
    }

    /// Concludes the attempts of lost agents as UNKNOWN.
    async fn conclude_work_of_lost_agents(&self) {
        for agent in self.dispatcher.read(|s, _| s.agents_with_work()) {
            if self.is_agent_lost(&agent) {
                for job in self.dispatcher.update(|s, _| s.take_work_of_lost_agent(&agent)) {
                    self.conclude_as_unknown(job.delivery.clone(), Some(&agent)).await;
                }
            }
        }
    }

    /// Whether an agent counts as lost: no replica has heard it for too long.
    pub(super) fn is_agent_lost(&self, agent: &AgentIdentity) -> bool {
        let lost_after = self.settings.ownership.lost_after();
        !self.dispatcher.is_connected_or_heard_within(agent, lost_after)
            && !self.cluster.is_agent_alive(agent)
    }

    /// Finds results that other replicas recorded for parked attempts: while a shard had no
    /// owner, no one was told.
    async fn find_results_of_parked(&self) -> StoreResult<()> {
        let mut held: HashMap<TenantId, Vec<AttemptKey>> = HashMap::new();
        for (tenant, key) in self.dispatcher.read(|s, _| s.parked(MAX_ROWS_PER_READ as usize)) {
            held.entry(tenant).or_default().push(key);
        }
        let mut faults = FirstFault::default();
        for (tenant, keys) in held {
            let ids: Vec<DeliveryId> = keys.iter().map(|key| key.delivery).collect();
            let last = faults.keep(self.store.last_attempts(&tenant, &ids).await)?;
            let last = last.unwrap_or_default();
            let known = last.into_iter().filter(|record| record.outcome != Outcome::Unknown);
            let known = known.map(|record| record.key).filter(|key| keys.contains(key));
            self.dispatcher.update(|scheduler, now| {
                for key in known {
                    scheduler.concluded_elsewhere(key, now);
                }
            });
        }
        faults.into_result()
    }

    /// Checks attempts whose results are overdue: concluded by another replica, or lost
    /// between this replica and a living agent.
    async fn check_overdue_attempts(&self) -> StoreResult<()> {
        let before = self.clock.now() - RESULT_OVERDUE_AFTER;
        self.dispatcher.update(|scheduler, _| scheduler.unpark_before(before));
        let overdue =
            self.dispatcher.read(|s, _| s.sent_before(before, MAX_ROWS_PER_READ as usize));
        for row in self.forget_unless_in_table(&overdue).await? {
            self.conclude_as_unknown(row.delivery, None).await;
        }
        Ok(())
    }

    /// Checks attempts that were sent over a broken stream and that their agent, connected
    /// again, does not hold: they were concluded, or never arrived.
    pub(super) async fn check_unconfirmed_attempts(&self) -> StoreResult<()> {
        let doubts = self.dispatcher.take_unconfirmed();
        let keys: Vec<AttemptKey> = doubts.iter().map(|doubt| doubt.key).collect();
        let rows = match self.forget_unless_in_table(&keys).await {
            Ok(rows) => rows,
            Err(error) => {
                self.dispatcher.put_back_unconfirmed(doubts);
                return Err(error);
            }
        };
        self.dispatcher.update(|scheduler, now| {
            for row in rows {
                let key = row.delivery.current_attempt();
                let job = new_job(row);
                for doubt in doubts.iter().filter(|doubt| doubt.key == key) {
                    scheduler.send_again(*doubt, Arc::clone(&job), now);
                }
            }
        });
        Ok(())
    }

    /// Forgets those of these attempts that the table no longer has IN_FLIGHT; returns the
    /// others.
    async fn forget_unless_in_table(
        &self,
        keys: &[AttemptKey],
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<DeliveryId> = keys.iter().map(|key| key.delivery).collect();
        let mut rows = self.store.load_work(&ids, self.clock.now()).await?;
        let asked: HashSet<&AttemptKey> = keys.iter().collect();
        rows.retain(|row| asked.contains(&row.delivery.current_attempt()));
        let current: Vec<AttemptKey> = rows.iter().map(|w| w.delivery.current_attempt()).collect();
        let gone =
            self.dispatcher.update(|scheduler, now| scheduler.forget_unless(keys, &current, now));
        tracing::debug!(asked = keys.len(), gone, "compared memory with the table");
        Ok(rows)
    }

    /// Recovers rows that are IN_FLIGHT at our own epoch but not in memory: they were never
    /// sent (no-invented-unknown).
    async fn recover_unsent_rows(&self) -> StoreResult<()> {
        let leases = self.dispatcher.read(|s, _| s.settled());
        let shards: Vec<_> = leases.iter().map(|lease| (lease.shard, lease.epoch)).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut after = None;
        loop {
            self.dispatcher.update(|scheduler, _| scheduler.begin_sweep());
            let rows = self.store.own_in_flight(&shards, after, MAX_ROWS_PER_READ).await?;
            let count = rows.len();
            after = rows.last().map(|row| row.id);
            let found = rows.into_iter().map(|row| row.id).collect();
            let missing = self.dispatcher.update(|s, _| s.find_missing_since_sweep(found));
            if !missing.is_empty() {
                tracing::info!(
                    deliveries = missing.len(),
                    "recovered deliveries that were never sent"
                );
                self.load_lost_rows(&missing).await?;
            }
            if count < MAX_ROWS_PER_READ as usize {
                return Ok(());
            }
        }
    }

    /// Loads rows that were never sent into memory. Those without a subscription return to
    /// the table, where they are ended.
    async fn load_lost_rows(&self, missing: &[DeliveryId]) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        let mut work = Vec::with_capacity(missing.len());
        let mut bisection = BatchBisection::new(missing.to_vec());
        while let Some(part) = bisection.next() {
            match self.store.load_work(&part, self.clock.now()).await {
                Ok(loaded) => work.extend(loaded),
                Err(error) => bisection.note_refused(part, error),
            }
        }
        let (_, fault) = bisection.into_untaken();
        faults.keep(fault.map_or(Ok(()), Err))?;
        for tenant in work.iter().map(|claimed| &claimed.delivery.subscription.tenant) {
            // Reading the configuration creates the lane, which `add` requires.
            faults.keep(self.tenants.snapshot(tenant).await)?;
        }
        let (known, gone): (Vec<_>, Vec<_>) = self.dispatcher.read(|scheduler, _| {
            work.into_iter().partition(|claimed| scheduler.has_lane(&claimed.delivery.subscription))
        });
        self.dispatcher.update(|s, now| s.add(known.into_iter().map(new_job), now));
        let gone: Vec<AttemptKey> =
            gone.iter().map(|gone| gone.delivery.current_attempt()).collect();
        if !gone.is_empty() {
            faults.keep(self.store.release(&gone, self.clock.now()).await)?;
        }
        faults.into_result()
    }

    /// Ends the waiting deliveries of deleted subscriptions.
    async fn end_deliveries_of_deleted(&self) -> StoreResult<()> {
        let shards: Vec<_> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut faults = FirstFault::default();
        for key in self.store.deleted_with_unfinished(&shards, MAX_ROWS_PER_READ).await? {
            faults.keep(self.tenants.end_waiting(&key, EndReason::SubscriptionDeleted).await)?;
        }
        faults.into_result()
    }

    /// Concludes an attempt as UNKNOWN.
    async fn conclude_as_unknown(&self, delivery: Delivery, agent: Option<&AgentIdentity>) {
        let region = match self.tenants.snapshot(&delivery.subscription.tenant).await {
            Ok(Some(snapshot)) => {
                let found = snapshot.subscription(&delivery.subscription.subscription);
                found.map(|subscription| subscription.settings.region.clone())
            }
            _ => None,
        };
        let error = "it may have been sent; no living agent knows of it";
        let mut record = AttemptRecord::unknown(&delivery, error, self.clock.now());
        record.region = region.unwrap_or(record.region);
        record.agent = agent.map_or(record.agent, |identity| identity.agent.clone());
        let (record, seen) = (Arc::new(record), Some(Box::new(delivery)));
        let report =
            AttemptReport { record, has_response: false, retry_after: None, stream: None, seen };
        // The queue closes only when the process ends; the next owner recovers the row.
        let _ = self.results.submit(report).await;
    }
}
