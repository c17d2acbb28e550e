//! Lost work, found.
//!
//! Fed by a timer, take-overs and broken streams; feeds the scheduler with what
//! was never sent, and `conclude` with attempts nobody can account for.
//! Guarantees rules 3 and 4: an attempt becomes UNKNOWN only when it may have
//! been made and no living agent knows of it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, Delivery, EndReason, Outcome};
use postrider_domain::ids::{AttemptKey, DeliveryId, Shard, TenantId};
use postrider_domain::scheduler::{AgentIdentity, Job, ShardLease};
use postrider_store::{FirstFault, StoreResult, Work};

use super::Flow;
use super::conclude::Report;
use super::faults::Division;
use super::retry::job;

/// Most rows that one look at lost work takes.
const BATCH: u32 = 1000;
/// How long after a whole attempt's longest deadline its result is missed.
const OVERDUE: Duration = Duration::from_secs(75);
/// How long a batch of lost work is given to be concluded before the next look.
const BETWEEN_BATCHES: Duration = Duration::from_millis(50);
/// Own rows are compared with memory in every so many sweeps.
const OWN_ROWS_EVERY: u64 = 5;
/// Deleted subscriptions are looked for in every so many sweeps.
const DELETED_EVERY: u64 = 5;
/// Ordering keys are looked at in every so many sweeps.
const HELD_EVERY: u64 = 3;

/// What a look at rows of earlier owners found.
#[derive(Default)]
struct Taken {
    found: usize,
    /// Shards with rows of which an agent may still say that it holds them.
    unclear: BTreeSet<Shard>,
    /// Of single rows, which the next sweep looks at again.
    faults: FirstFault,
}

impl Flow {
    /// Finds what every other loop left undone.
    pub(super) async fn sweep(&self) -> StoreResult<()> {
        let round = self.cluster.next_sweep();
        let mut faults = FirstFault::default();
        faults.keep(self.tenants.refresh_stale().await)?;
        faults.keep(self.event_types.refresh().await)?;
        faults.keep(self.read_holds().await)?;
        faults.keep(self.end_holds().await)?;
        faults.keep(self.bring_back().await)?;
        faults.keep(self.look_at_waiting().await)?;
        let settled = self.dispatcher.look(|s, _| s.settled());
        if let Some(taken) = faults.keep(self.take_stale_rows(&settled).await)? {
            faults.keep(taken.faults.into_result())?;
        }
        self.take_lost_agents_work().await;
        faults.keep(self.look_at_parked().await)?;
        faults.keep(self.look_at_overdue().await)?;
        if round.is_multiple_of(OWN_ROWS_EVERY) || self.cluster.take_suspicion() {
            faults.keep(self.find_own_lost_rows().await)?;
        }
        if round.is_multiple_of(HELD_EVERY) {
            faults.keep(self.look_at_held().await)?;
        }
        if round.is_multiple_of(DELETED_EVERY) {
            faults.keep(self.end_deleted().await)?;
        }
        faults.into_result()
    }

    /// Settles the shards whose agents have all told what they hold.
    pub(super) async fn settle_take_overs(&self) -> StoreResult<()> {
        let ready = self.dispatcher.look(|scheduler, now| scheduler.ready_to_settle(now));
        if ready.is_empty() {
            return Ok(());
        }
        let leases: Vec<ShardLease> = ready.into_iter().map(|one| one.lease).collect();
        let (unclear, faults) = loop {
            let taken = self.take_stale_rows(&leases).await?;
            if taken.found < BATCH as usize || !taken.unclear.is_empty() {
                break (taken.unclear, taken.faults);
            }
            // The first batch is being concluded; the next look finds the rest.
            self.clock.sleep(BETWEEN_BATCHES).await;
        };
        self.take_up_holds(&leases).await?;
        self.dispatcher.with(|scheduler, now| {
            for lease in leases.iter().filter(|lease| !unclear.contains(&lease.shard)) {
                scheduler.settle(*lease, now);
            }
        });
        self.look_at_waiting().await?;
        faults.into_result()
    }

    /// Rows that earlier owners left IN_FLIGHT: adopted where an agent still holds
    /// the attempt, UNKNOWN otherwise, once every agent could have said so.
    async fn take_stale_rows(&self, leases: &[ShardLease]) -> StoreResult<Taken> {
        let mut taken = Taken::default();
        if leases.is_empty() {
            return Ok(taken);
        }
        let shards: Vec<_> = leases.iter().map(|lease| (lease.shard, lease.epoch)).collect();
        let rows = self.store.stale_in_flight(&shards, BATCH).await?;
        taken.found = rows.len();
        let heard_out = self.cluster.has_heard_out();
        let mut adopted = Vec::new();
        for mut row in rows {
            let Some(lease) = leases.iter().find(|lease| lease.shard == row.shard) else {
                continue;
            };
            let key = row.current_attempt();
            let claimant = self.dispatcher.look(|s, _| s.claimant(row.shard, key));
            match claimant {
                Some(agent) => {
                    let snapshot = self.tenants.snapshot(&row.subscription.tenant).await;
                    if taken.faults.keep(snapshot)?.is_none() {
                        continue;
                    }
                    row.epoch = lease.epoch;
                    let job = Arc::new(Job { delivery: row, event: None });
                    self.dispatcher.with(|s, now| s.adopt(job, agent, now));
                    taken.faults.keep(self.store.adopt(&[key], lease.epoch).await)?;
                    adopted.push(key);
                }
                None if heard_out => self.give_up(row, None).await,
                None => {
                    taken.unclear.insert(row.shard);
                }
            }
        }
        // What was committed between reading its row and knowing it in memory, nobody
        // will report again.
        self.compare_with_table(&adopted).await?;
        Ok(taken)
    }

    /// What lost agents had in flight is UNKNOWN.
    async fn take_lost_agents_work(&self) {
        for agent in self.dispatcher.look(|s, _| s.agents_with_work()) {
            if self.is_lost(&agent) {
                for job in self.dispatcher.with(|s, _| s.give_up_work_of(&agent)) {
                    self.give_up(job.delivery.clone(), Some(&agent)).await;
                }
            }
        }
    }

    /// Whether nobody has heard an agent for so long that it counts as lost.
    pub(super) fn is_lost(&self, agent: &AgentIdentity) -> bool {
        let lost_after = self.settings.ownership.lost_after();
        !self.dispatcher.heard_within(agent, lost_after) && !self.cluster.agent_alive(agent)
    }

    /// Looks for results that other replicas recorded of what agents said they hold:
    /// while a shard has no owner, nobody is told of them.
    async fn look_at_parked(&self) -> StoreResult<()> {
        let mut held: HashMap<TenantId, Vec<AttemptKey>> = HashMap::new();
        for (tenant, key) in self.dispatcher.look(|s, _| s.parked(BATCH as usize)) {
            held.entry(tenant).or_default().push(key);
        }
        let mut faults = FirstFault::default();
        for (tenant, keys) in held {
            let ids: Vec<DeliveryId> = keys.iter().map(|key| key.delivery).collect();
            let last = faults.keep(self.store.last_attempts(&tenant, &ids).await)?;
            let last = last.unwrap_or_default();
            let known = last.into_iter().filter(|record| record.outcome != Outcome::Unknown);
            let known = known.map(|record| record.key).filter(|key| keys.contains(key));
            self.dispatcher.with(|scheduler, now| {
                for key in known {
                    scheduler.concluded_elsewhere(key, now);
                }
            });
        }
        faults.into_result()
    }

    /// Looks up attempts whose results are long overdue: concluded by another
    /// replica, or lost between us and an agent that lives.
    async fn look_at_overdue(&self) -> StoreResult<()> {
        let before = self.clock.now() - OVERDUE;
        self.dispatcher.with(|scheduler, _| scheduler.unpark_before(before));
        let overdue = self.dispatcher.look(|s, _| s.sent_before(before, BATCH as usize));
        for row in self.compare_with_table(&overdue).await? {
            self.give_up(row.delivery, None).await;
        }
        Ok(())
    }

    /// Attempts sent over a stream that broke and that their agent, back again,
    /// does not hold: concluded meanwhile, or never received.
    pub(super) async fn look_at_doubts(&self) -> StoreResult<()> {
        let doubts = self.dispatcher.take_doubts();
        let keys: Vec<AttemptKey> = doubts.iter().map(|doubt| doubt.key).collect();
        let rows = match self.compare_with_table(&keys).await {
            Ok(rows) => rows,
            Err(error) => {
                self.dispatcher.put_back_doubts(doubts);
                return Err(error);
            }
        };
        self.dispatcher.with(|scheduler, now| {
            for row in rows {
                let key = row.delivery.current_attempt();
                let job = job(row);
                for doubt in doubts.iter().filter(|doubt| doubt.key == key) {
                    scheduler.send_again(*doubt, Arc::clone(&job), now);
                }
            }
        });
        Ok(())
    }

    /// Forgets those of these attempts that the table no longer holds, and returns
    /// those that it does.
    async fn compare_with_table(&self, keys: &[AttemptKey]) -> StoreResult<Vec<Work>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<DeliveryId> = keys.iter().map(|key| key.delivery).collect();
        let mut rows = self.store.load_work(&ids, self.clock.now()).await?;
        let asked: HashSet<&AttemptKey> = keys.iter().collect();
        rows.retain(|row| asked.contains(&row.delivery.current_attempt()));
        let current: Vec<AttemptKey> = rows.iter().map(|w| w.delivery.current_attempt()).collect();
        let gone =
            self.dispatcher.with(|scheduler, now| scheduler.forget_unless(keys, &current, now));
        tracing::debug!(asked = keys.len(), gone, "compared memory with the table");
        Ok(rows)
    }

    /// IN_FLIGHT at our own epoch and not in memory: never sent (rule 4).
    async fn find_own_lost_rows(&self) -> StoreResult<()> {
        let leases = self.dispatcher.look(|s, _| s.settled());
        let shards: Vec<_> = leases.iter().map(|lease| (lease.shard, lease.epoch)).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut after = None;
        loop {
            self.dispatcher.with(|scheduler, _| scheduler.sweep_begins());
            let rows = self.store.own_in_flight(&shards, after, BATCH).await?;
            let count = rows.len();
            after = rows.last().map(|row| row.id);
            let found = rows.into_iter().map(|row| row.id).collect();
            let missing = self.dispatcher.with(|s, _| s.missing_since_sweep(found));
            if !missing.is_empty() {
                tracing::info!(
                    deliveries = missing.len(),
                    "found deliveries that were lost on their way"
                );
                self.take_lost_rows(&missing).await?;
            }
            if count < BATCH as usize {
                return Ok(());
            }
        }
    }

    /// Takes rows that were never sent into memory. What has no subscription any
    /// more goes back to the table, where its end is found.
    async fn take_lost_rows(&self, missing: &[DeliveryId]) -> StoreResult<()> {
        let mut faults = FirstFault::default();
        let mut work = Vec::with_capacity(missing.len());
        let mut division = Division::of(missing.to_vec());
        while let Some(part) = division.next() {
            match self.store.load_work(&part, self.clock.now()).await {
                Ok(loaded) => work.extend(loaded),
                Err(error) => division.refuse(part, error),
            }
        }
        let (_, fault) = division.left();
        faults.keep(fault.map_or(Ok(()), Err))?;
        for tenant in work.iter().map(|one| &one.delivery.subscription.tenant) {
            // Reading the configuration makes the lane, without which none is taken.
            faults.keep(self.tenants.snapshot(tenant).await)?;
        }
        let (known, gone): (Vec<_>, Vec<_>) = self.dispatcher.look(|scheduler, _| {
            work.into_iter().partition(|one| scheduler.has_lane(&one.delivery.subscription))
        });
        self.dispatcher.with(|s, now| s.add(known.into_iter().map(job), now));
        let gone: Vec<AttemptKey> = gone.iter().map(|one| one.delivery.current_attempt()).collect();
        if !gone.is_empty() {
            faults.keep(self.store.release(&gone, self.clock.now()).await)?;
        }
        faults.into_result()
    }

    /// Ends what deletions left waiting.
    async fn end_deleted(&self) -> StoreResult<()> {
        let shards: Vec<_> =
            self.dispatcher.look(|s, _| s.settled()).into_iter().map(|lease| lease.shard).collect();
        if shards.is_empty() {
            return Ok(());
        }
        let mut faults = FirstFault::default();
        for key in self.store.deleted_with_unfinished(&shards, BATCH).await? {
            faults.keep(self.tenants.end_waiting(&key, EndReason::SubscriptionDeleted).await)?;
        }
        faults.into_result()
    }

    /// Concludes an attempt as UNKNOWN.
    async fn give_up(&self, delivery: Delivery, agent: Option<&AgentIdentity>) {
        let region = match self.tenants.snapshot(&delivery.subscription.tenant).await {
            Ok(Some(snapshot)) => {
                let found = snapshot.subscription(&delivery.subscription.subscription);
                found.map(|subscription| subscription.settings.region.clone())
            }
            _ => None,
        };
        let error = "it may have been sent; no agent that is alive knows of it";
        let mut record = AttemptRecord::unknown(&delivery, error, self.clock.now());
        record.region = region.unwrap_or(record.region);
        record.agent = agent.map_or(record.agent, |identity| identity.agent.clone());
        let (record, seen) = (Arc::new(record), Some(Box::new(delivery)));
        let report = Report { record, answered: false, retry_after: None, stream: None, seen };
        // The queue closes only when the process ends; the next owner finds the row.
        let _ = self.concluder.submit(report).await;
    }
}
