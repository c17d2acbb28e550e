//! Claims due deliveries from the table.
//!
//! Fed by the scheduler's requests; feeds the scheduler with deliveries. Guarantees that
//! nothing stays claimed and unsent: a claim whose outcome is unknown has the next sweep
//! compare memory with the table.

use std::collections::HashMap;
use std::sync::Arc;

use postrider_domain::ids::SubscriptionKey;
use postrider_domain::time::Timestamp;
use postrider_store::{ClaimLimits, ClaimRequest, Store, StoreResult};

use super::faults::BatchBisection;
use super::new_delivery::scheduled_delivery;
use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::tenants::TenantConfigs;

/// Most deliveries claimed in one call. Eight subscriptions' claims of 256: one statement
/// stays short.
const MAX_DELIVERIES_PER_CLAIM: u32 = 2048;

/// Moves due deliveries into memory.
pub struct Claimer {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    tenants: TenantConfigs,
    dispatcher: Dispatcher,
    cluster: ClusterState,
}

impl Claimer {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            tenants: context.tenants.clone(),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
        }
    }

    /// Makes one round of claims; returns how many deliveries it claimed, or `None` if there
    /// was nothing to claim.
    pub async fn claim_due(&self) -> StoreResult<Option<usize>> {
        let at = self.clock.now();
        let wanted = self.dispatcher.update(|scheduler, now| scheduler.claims(now));
        if wanted.is_empty() {
            return Ok(None);
        }
        let mut claims = Vec::with_capacity(wanted.len());
        let mut refused = Vec::new();
        let mut failed = None;
        let mut passed_over = Vec::new();
        for (subscription, shard, epoch, limit, tests_only) in wanted {
            let running = self.running_time(&subscription, at).await;
            let claim =
                |running| ClaimRequest { subscription, shard, epoch, running, tests_only, limit };
            match running {
                Ok(running) => claims.push(claim(running)),
                // The scan tells of what waits once the tenant's configuration can be read.
                Err(error) if error.is_of_one_tenant() => passed_over.push(claim(at)),
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
        let claimed_count = work.len();
        let cut_short = claimed_count >= MAX_DELIVERIES_PER_CLAIM as usize;
        let mut counts: HashMap<SubscriptionKey, u32> = HashMap::new();
        for claimed in &work {
            *counts.entry(claimed.delivery.subscription.clone()).or_default() += 1;
        }
        self.dispatcher.update(|scheduler, now| {
            scheduler.add(work.into_iter().map(scheduled_delivery), now);
            // A claim that failed, or was cut short, does not tell what is left.
            let answered = answered
                .iter()
                .map(|answered| (answered, if cut_short { 0 } else { answered.limit }));
            let passed_over = passed_over.iter().map(|claim| (claim, claim.limit));
            let answered = answered.chain(passed_over);
            for (claim, limit) in answered.chain(refused.iter().map(|refused| (refused, 0))) {
                let claimed = counts.get(&claim.subscription).copied().unwrap_or(0);
                scheduler.claim_done(&claim.subscription, limit, claimed, at, now);
            }
        });
        failed.map_or(Ok(Some(claimed_count)), Err)
    }

    async fn running_time(&self, key: &SubscriptionKey, now: Timestamp) -> StoreResult<Timestamp> {
        let found = self.tenants.find_subscription(key).await?;
        Ok(found.map_or(now, |subscription| self.cluster.running_time(&subscription, now)))
    }
}
