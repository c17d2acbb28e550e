//! Recovery: finds work that every other loop lost.
//!
//! Fed by a timer and by broken streams; feeds the scheduler with attempts that were
//! never sent, and, through `stale_rows`, `conclude` with attempts that no agent can
//! account for. The order of a sweep matters: configurations and holds are read before
//! what depends on them. A tenant whose configuration cannot be read is passed over
//! (bad-row-isolated). Guarantees (no-invented-unknown, earlier-epochs-are-swept): an
//! attempt becomes UNKNOWN only if it may have been made and no living agent knows of
//! it.
//!
//! Keeps the invariants `earlier-epochs-are-swept`, `no-invented-unknown`,
//! `bad-row-isolated` and `deletes-keep-history`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::EndReason;
use postrider_domain::ids::{AttemptKey, DeliveryId, TenantId};
use postrider_store::{FirstFault, Store, StoreResult};

use super::clock_recovery::ClockRecovery;
use super::conclude::ResultIntake;
use super::faults::BatchBisection;
use super::hold_keeper::HoldKeeper;
use super::new_delivery::scheduled_delivery;
use super::ordering::OrderingKeys;
use super::stale_rows::{MAX_ROWS_PER_READ, StaleRows};
use super::waiting_scan::WaitingScan;
use crate::clock::Clock;
use crate::progress::RoundCounts;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::event_types::EventTypes;
use crate::state::tenants::TenantConfigs;

/// A result is overdue this long after the attempt was sent; longer than any attempt may
/// take. The longest request time-out is 60 s.
const RESULT_OVERDUE_AFTER: Duration = Duration::from_secs(75);
/// The owner's rows are compared with memory in one of this many sweeps. A hint that is
/// lost costs a delivery five seconds; each look reads all that is in flight.
const SWEEPS_PER_OWN_ROW_CHECK: u64 = 5;
/// Deleted subscriptions are looked for in one of this many sweeps. Nobody waits for it.
const SWEEPS_PER_DELETED_CHECK: u64 = 5;
/// HELD deliveries are checked in one of this many sweeps. More often than rows, since
/// nothing is sent for a key that was forgotten.
const SWEEPS_PER_HELD_CHECK: u64 = 3;

/// Finds what other loops left unfinished.
pub struct Recovery {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    lost_after: Duration,
    tenants: TenantConfigs,
    event_types: EventTypes,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    stale_rows: StaleRows,
    holds: HoldKeeper,
    clock_recovery: ClockRecovery,
    waiting_scan: WaitingScan,
    ordering_keys: OrderingKeys,
}

impl Recovery {
    pub fn new(context: &ReplicaContext, results: &ResultIntake) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            lost_after: context.settings.ownership.lost_after(),
            tenants: context.tenants.clone(),
            event_types: context.event_types.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            stale_rows: StaleRows::new(context, results),
            holds: HoldKeeper::new(context),
            clock_recovery: ClockRecovery::new(context),
            waiting_scan: WaitingScan::new(context),
            ordering_keys: OrderingKeys::new(context),
        }
    }

    /// Finds what other loops left unfinished, and counts it.
    pub async fn sweep(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let round = self.cluster.count_sweep();
        let mut faults = FirstFault::default();
        faults.keep(self.tenants.refresh_stale().await)?;
        faults.keep(self.event_types.refresh().await)?;
        faults.keep(self.holds.refresh_holds().await)?;
        faults.keep(self.holds.end_holds_of_edited().await)?;
        faults.keep(self.clock_recovery.recover_from_clock_set_back().await)?;
        let expired = faults.keep(self.waiting_scan.scan_waiting().await)?;
        counts.add("deliveries_expired", expired.unwrap_or_default());
        let settled = self.dispatcher.read(|s, _| s.settled());
        if let Some(taken) = faults.keep(self.stale_rows.recover_stale_rows(&settled).await)? {
            counts.add_all("stale_rows_found", taken.found);
            faults.keep(taken.faults.into_result())?;
        }
        counts.add_all("attempts_of_lost_agents", self.conclude_work_of_lost_agents().await);
        faults.keep(self.find_results_of_parked().await)?;
        faults.keep(self.check_overdue_attempts().await)?;
        if round.is_multiple_of(SWEEPS_PER_OWN_ROW_CHECK) || self.cluster.take_uncertain_commit() {
            faults.keep(self.recover_unsent_rows(counts).await)?;
        }
        if round.is_multiple_of(SWEEPS_PER_HELD_CHECK) {
            faults.keep(self.ordering_keys.sweep_held_keys().await)?;
        }
        if round.is_multiple_of(SWEEPS_PER_DELETED_CHECK) {
            faults.keep(self.end_deliveries_of_deleted(counts).await)?;
        }
        counts.add_all("tenants_unreadable", self.tenants.unreadable_count());
        faults.into_result()
    }

    /// Concludes the attempts of lost agents as UNKNOWN; returns how many.
    async fn conclude_work_of_lost_agents(&self) -> usize {
        let mut concluded = 0;
        for agent in self.dispatcher.read(|s, _| s.agents_with_work()) {
            if self.dispatcher.is_agent_lost(&self.cluster, self.lost_after, &agent) {
                for scheduled in self.dispatcher.update(|s, _| s.take_work_of_lost_agent(&agent)) {
                    self.stale_rows
                        .conclude_as_unknown(scheduled.delivery.clone(), Some(&agent))
                        .await;
                    concluded += 1;
                }
            }
        }
        concluded
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
            let known = faults.keep(self.store.recorded_results(&tenant, &keys).await)?;
            self.dispatcher.update(|scheduler, now| {
                for key in known.unwrap_or_default() {
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
        for row in self.stale_rows.forget_unless_in_table(&overdue).await? {
            self.stale_rows.conclude_as_unknown(row.delivery, None).await;
        }
        Ok(())
    }

    /// Checks attempts that were sent over a broken stream and that their agent, connected
    /// again, does not hold: they were concluded, or never arrived.
    pub async fn check_unconfirmed_attempts(&self) -> StoreResult<()> {
        let unconfirmed = self.dispatcher.take_unconfirmed();
        let keys: Vec<AttemptKey> = unconfirmed.iter().map(|attempt| attempt.key).collect();
        let rows = match self.stale_rows.forget_unless_in_table(&keys).await {
            Ok(rows) => rows,
            Err(error) => {
                self.dispatcher.put_back_unconfirmed(unconfirmed);
                return Err(error);
            }
        };
        self.dispatcher.update(|scheduler, now| {
            for row in rows {
                let key = row.delivery.current_attempt();
                let scheduled = scheduled_delivery(row);
                for attempt in unconfirmed.iter().filter(|attempt| attempt.key == key) {
                    scheduler.send_again(*attempt, Arc::clone(&scheduled), now);
                }
            }
        });
        Ok(())
    }

    /// Recovers rows that are IN_FLIGHT at our own epoch but not in memory: they were never
    /// sent (no-invented-unknown).
    async fn recover_unsent_rows(&self, counts: &mut RoundCounts) -> StoreResult<()> {
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
                counts.add_all("deliveries_recovered", missing.len());
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
            faults.keep_readable(self.tenants.snapshot(tenant).await)?;
        }
        let (known, gone): (Vec<_>, Vec<_>) = self.dispatcher.read(|scheduler, _| {
            work.into_iter().partition(|claimed| scheduler.has_lane(&claimed.delivery.subscription))
        });
        self.dispatcher.update(|s, now| s.add(known.into_iter().map(scheduled_delivery), now));
        let gone: Vec<AttemptKey> =
            gone.iter().map(|gone| gone.delivery.current_attempt()).collect();
        if !gone.is_empty() {
            faults.keep(self.store.release(&gone, self.clock.now()).await)?;
        }
        faults.into_result()
    }

    /// Ends the waiting deliveries of deleted subscriptions.
    async fn end_deliveries_of_deleted(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let shards: Vec<_> =
            self.dispatcher.read(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut faults = FirstFault::default();
        for key in self.store.deleted_with_unfinished(&shards, MAX_ROWS_PER_READ).await? {
            let ended = self.tenants.end_waiting(&key, EndReason::SubscriptionDeleted).await;
            let ended = faults.keep_readable(ended)?;
            counts.add("deliveries_cancelled", ended.unwrap_or_default());
        }
        faults.into_result()
    }
}
