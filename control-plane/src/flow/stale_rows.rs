//! Rows IN_FLIGHT that memory does not account for: adopted, forgotten or concluded.
//!
//! Fed by `recovery` and `take_over`; feeds the scheduler with attempts that an agent
//! still holds, and `conclude` with those that no agent can account for. Guarantees
//! (no-invented-unknown, earlier-epochs-are-swept): an attempt becomes UNKNOWN only if
//! it may have been made and no living agent knows of it.
//!
//! Keeps the invariants `earlier-epochs-are-swept` and `no-invented-unknown`.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use postrider_domain::delivery::{AttemptRecord, Delivery};
use postrider_domain::ids::{AttemptKey, DeliveryId, Shard};
use postrider_domain::scheduler::{AgentIdentity, ScheduledDelivery, ShardLease};
use postrider_store::{ClaimedDelivery, FirstFault, Store, StoreResult};

use super::conclude::{AttemptReport, ResultIntake};
use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::tenants::TenantConfigs;

/// Most rows read at once. Chosen, not measured: they become about two commits of results
/// (`results.max_commit_results`).
pub const MAX_ROWS_PER_READ: u32 = 1000;

/// What a look at earlier owners' rows found.
#[derive(Default)]
pub struct StaleRowsOutcome {
    pub found: usize,
    /// Shards with rows that an agent may still report as held.
    pub unclear: BTreeSet<Shard>,
    /// Errors of single rows; the next sweep tries them again.
    pub faults: FirstFault,
}

/// Compares rows IN_FLIGHT with memory and with what agents hold. Cheap to clone.
#[derive(Clone)]
pub struct StaleRows {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    results: ResultIntake,
}

impl StaleRows {
    pub fn new(context: &ReplicaContext, results: &ResultIntake) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            results: results.clone(),
        }
    }

    /// Recovers rows that earlier owners left IN_FLIGHT: adopts the attempt if an agent
    /// still holds it; otherwise it becomes UNKNOWN, once every agent could have reported.
    pub async fn recover_stale_rows(&self, leases: &[ShardLease]) -> StoreResult<StaleRowsOutcome> {
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
                    if taken.faults.keep_readable(snapshot)?.is_none() {
                        continue;
                    }
                    row.epoch = lease.epoch;
                    let scheduled = Arc::new(ScheduledDelivery { delivery: row, event: None });
                    self.dispatcher.update(|s, now| s.adopt(scheduled, agent, now));
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

    /// Forgets those of these attempts that the table no longer has IN_FLIGHT; returns the
    /// others.
    pub async fn forget_unless_in_table(
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

    /// Concludes an attempt as UNKNOWN.
    pub async fn conclude_as_unknown(&self, delivery: Delivery, agent: Option<&AgentIdentity>) {
        let error = "it may have been sent; no living agent knows of it";
        let mut record = AttemptRecord::unknown(&delivery, error, self.clock.now());
        record.agent = agent.map_or(record.agent, |identity| identity.agent.without_region());
        let record = Arc::new(record);
        let report = AttemptReport {
            record,
            response: None,
            retry_after: None,
            stream: None,
            reporter: None,
            trace: None,
        };
        // The queue closes only when the process ends; the next owner recovers the row.
        let _ = self.results.submit_with_row(report, delivery).await;
    }
}
