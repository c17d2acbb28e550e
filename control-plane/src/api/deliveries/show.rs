//! Shows deliveries with the newest attempt of each, and the time at which it expires.

use std::collections::HashMap;
use std::time::Duration;

use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{DeliveryId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use tonic::Status;

use crate::api::deliveries::conversion::{DeliveryContext, to_proto};
use crate::api::rpc::errors;
use crate::state::context::ReplicaContext;

/// Converts deliveries of one tenant, in the given order.
pub async fn show_deliveries(
    context: &ReplicaContext,
    tenant: &TenantId,
    deliveries: Vec<Delivery>,
) -> Result<Vec<v1::Delivery>, Status> {
    let ids: Vec<DeliveryId> = deliveries.iter().map(|delivery| delivery.id).collect();
    let last = context.store.last_attempts(tenant, &ids).await.map_err(errors::store)?;
    let last: HashMap<DeliveryId, _> =
        last.iter().map(|record| (record.key.delivery, record)).collect();
    let snapshot = match context.tenants.snapshot(tenant).await {
        // For how long its deadlines stood still is not known: they pass then or later.
        Err(error) if error.is_of_one_tenant() => None,
        read => read.map_err(errors::store)?,
    };
    let now = context.clock.now();
    Ok(deliveries
        .iter()
        .map(|delivery| {
            let key = &delivery.subscription.subscription;
            let subscription = snapshot.as_ref().and_then(|snapshot| snapshot.subscription(key));
            let stopped = subscription.map_or(Duration::ZERO, |subscription| {
                now.since(context.cluster.running_time(subscription, now))
            });
            // A test without retries expires after its only attempt.
            let lives = !delivery.state.is_final() && delivery.deadline > Timestamp::default();
            let context = DeliveryContext {
                last: last.get(&delivery.id).copied(),
                expire_time: lives.then(|| delivery.deadline + stopped),
            };
            to_proto(delivery, context)
        })
        .collect())
}
