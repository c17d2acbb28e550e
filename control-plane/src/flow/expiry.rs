//! Expires deliveries that are past their deadline.
//!
//! Fed by `waiting_scan` and `ordering`; feeds the store and, with the operational events
//! about them, the outbox. Guarantees that what waits past its deadline ends. The
//! deadline is compared with the subscription's running clock, which stands still while
//! nothing could be sent.
//!
//! Keeps the invariant `every-delivery-ends`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::operational_event::{EndpointSummary, OperationalEventType};
use postrider_domain::subscription::{DeliveryOrdering, ExhaustedKeyPolicy, Subscription};
use postrider_store::{EndWaitingRequest, Store, StoreResult};
use postrider_telemetry::LineLimit;

use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::outbox::Outbox;
use crate::state::tenants::TenantSnapshot;

/// Most deliveries of one subscription that expire in one sweep. A long backlog ends over
/// several sweeps; more at once would hold up what is due for others.
const MAX_EXPIRED_PER_SWEEP: u32 = 1000;

/// A backlog of many subscriptions expires over many sweeps, each with a line for each.
static EXPIRED_DELIVERIES: LineLimit = LineLimit::new(20, Duration::from_secs(1));

/// Ends what is past its deadline. Cheap to clone.
#[derive(Clone)]
pub struct Expiry {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    cluster: ClusterState,
    outbox: Outbox,
    metrics: Metrics,
}

impl Expiry {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            cluster: context.cluster.clone(),
            outbox: context.outbox.clone(),
            metrics: context.metrics.clone(),
        }
    }

    /// Expires a subscription's waiting and held deliveries that are past their deadline;
    /// returns how many.
    pub async fn expire_overdue(
        &self,
        snapshot: &TenantSnapshot,
        subscription: &Subscription,
    ) -> StoreResult<u64> {
        let key = subscription.key();
        let running = self.cluster.running_time(subscription, self.clock.now());
        let is_wanted = snapshot.wants_event(&self.outbox, OperationalEventType::DeliveryExhausted);
        let endpoint_for_events = is_wanted.then(|| EndpointSummary::of(subscription));
        let request = EndWaitingRequest {
            subscription: key.clone(),
            shard: snapshot.shard,
            deadline_before: Some(running),
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: holds_key_on_expiry(subscription),
            endpoint_for_events,
        };
        let ended =
            self.store.end_waiting(&request, self.clock.now(), MAX_EXPIRED_PER_SWEEP).await?;
        if ended > 0 {
            if let Some(left_out) = EXPIRED_DELIVERIES.next_line(Instant::now()) {
                tracing::info!(subscription = %key, count = ended, left_out, "deliveries expired");
            }
            self.metrics.deliveries().expired(&subscription.settings.region, ended);
            self.outbox.notify();
        }
        Ok(ended)
    }
}

/// Whether a subscription's expired deliveries hold their ordering keys.
fn holds_key_on_expiry(subscription: &Subscription) -> bool {
    subscription.settings.ordering == DeliveryOrdering::PerKey
        && subscription.settings.exhausted_key == ExhaustedKeyPolicy::Hold
}
