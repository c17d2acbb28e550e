//! Deliveries as callers see them.
//!
//! Fed by the services with deliveries; adds what is kept elsewhere, the newest
//! attempt of each and the time by which it expires, and feeds their answers.

use std::collections::HashMap;
use std::time::Duration;

use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{DeliveryId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use tonic::Status;

use super::convert::delivery::{Context, to_proto};
use super::errors;
use crate::flow::Flow;

/// Shows deliveries of one tenant, in their order.
pub async fn deliveries(
    flow: &Flow,
    tenant: &TenantId,
    deliveries: Vec<Delivery>,
) -> Result<Vec<v1::Delivery>, Status> {
    let ids: Vec<DeliveryId> = deliveries.iter().map(|delivery| delivery.id).collect();
    let last = flow.store.last_attempts(tenant, &ids).await.map_err(errors::store)?;
    let last: HashMap<DeliveryId, _> =
        last.iter().map(|record| (record.key.delivery, record)).collect();
    let snapshot = flow.tenants.snapshot(tenant).await.map_err(errors::store)?;
    let now = flow.clock.now();
    Ok(deliveries
        .iter()
        .map(|delivery| {
            let key = &delivery.subscription.subscription;
            let subscription = snapshot.as_ref().and_then(|snapshot| snapshot.subscription(key));
            let stopped = subscription.map_or(Duration::ZERO, |subscription| {
                now.since(flow.cluster.running(subscription, now))
            });
            // A test without retries has no time beyond its only attempt.
            let lives = !delivery.state.is_final() && delivery.deadline > Timestamp::default();
            let context = Context {
                last: last.get(&delivery.id).copied(),
                expire_time: lives.then(|| delivery.deadline + stopped),
            };
            to_proto(delivery, context)
        })
        .collect())
}
