//! Deletions.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that what waits ends,
//! that what is under way is still recorded, and that ids are never used again.

use http::StatusCode;
use postrider_proto::v1::{
    AttemptOutcome, CreateSubscriptionRequest, CreateTenantRequest, DeleteSubscriptionRequest,
    DeleteTenantRequest, DeliveryEndReason, DeliveryState, GetSubscriptionRequest,
    GetTenantRequest, RetryDeliveryRequest, Subscription,
};
use postrider_tests::api::reason;
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{Gate, held, status};
use tonic::Code;
use tonic_types::StatusExt;

use crate::stage::{NO_RETRY_MILLISECONDS, SOON_LIMIT, Stage, delays};

pub async fn a_deleted_subscription_keeps_its_history(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "deleted").await;
    let gate = Gate::closed();
    let failed = status(StatusCode::BAD_GATEWAY);
    stage.receiver.script("/hook", [failed.clone(), failed, held(&gate)]);
    let retry_policy = Some(delays(&[NO_RETRY_MILLISECONDS]));
    let request = CreateSubscriptionRequest {
        parent: stage.tenant.clone(),
        subscription_id: "mine".to_owned(),
        subscription: Some(Subscription { retry_policy, ..stage.wanted("/hook") }),
    };
    let made = stage.api.subscriptions.create_subscription(request.clone()).await;
    let name = made.unwrap().into_inner().name;
    let waiting = [stage.publish().await, stage.publish().await];
    for event in &waiting {
        stage.wait_for_retry(event).await;
    }
    let under_way = stage.publish().await;
    stage.receiver.wait_for_at("/hook", 3, SOON_LIMIT).await.unwrap();
    let deleted = stage.api.subscriptions.delete_subscription(DeleteSubscriptionRequest {
        name: name.clone(),
        ..DeleteSubscriptionRequest::default()
    });
    assert_eq!(deleted.await.unwrap().into_inner().cancelled_deliveries, 2);
    for event in &waiting {
        let ended = stage.wait_for(event, DeliveryState::Cancelled).await;
        assert_eq!(ended.end_reason(), DeliveryEndReason::SubscriptionDeleted);
    }
    gate.open();
    let delivery = stage.wait_for(&under_way, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&delivery).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(attempts[0].outcome(), AttemptOutcome::Succeeded);
    let again = stage.api.subscriptions.create_subscription(request).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists, "{again:?}");
    assert_eq!(reason(&again), "RESOURCE_EXISTS");
    let read = stage.api.subscriptions.get_subscription(GetSubscriptionRequest { name });
    assert!(read.await.unwrap().into_inner().delete_time.is_some());
    let published = stage.api.publish(&stage.tenant, event("payment.completed", "{}"), "");
    assert_eq!(published.await.unwrap().matched_subscriptions, 0);
    let resent = stage.api.deliveries.retry_delivery(RetryDeliveryRequest { name: delivery.name });
    let resent = resent.await.unwrap_err();
    assert_eq!(resent.code(), Code::FailedPrecondition, "{resent:?}");
    assert_eq!(reason(&resent), "SUBSCRIPTION_DELETED");
}

pub async fn a_deleted_tenant_keeps_its_history(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "closing").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    let name = stage.subscribe_with_delays("/hook", &[NO_RETRY_MILLISECONDS]).await.name;
    stage.subscribe("/other").await;
    let event_name = stage.publish().await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let others = stage.api.wait_for_deliveries(&stage.tenant, "state = SUCCEEDED", 1, SOON_LIMIT);
    others.await.unwrap();
    let filter = "state = WAITING";
    let waiting = stage.api.wait_for_deliveries(&stage.tenant, filter, 1, SOON_LIMIT);
    let waiting = waiting.await.unwrap().remove(0);
    let delete = |force| DeleteTenantRequest {
        name: "tenants/closing".to_owned(),
        force,
        ..DeleteTenantRequest::default()
    };
    let refused = stage.api.tenants.delete_tenant(delete(false)).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    assert_eq!(reason(&refused), "TENANT_NOT_EMPTY");
    let violations = refused.get_details_precondition_failure().unwrap().violations;
    let told: Vec<_> = violations.iter().map(|v| v.description.as_str()).collect();
    assert!(told.iter().any(|t| t.starts_with("2 subscriptions")), "{told:?}");
    assert!(told.iter().any(|t| t.starts_with("1 waiting")), "{told:?}");
    stage.api.enable(&name).await.unwrap();
    let deleted = stage.api.tenants.delete_tenant(delete(true)).await.unwrap().into_inner();
    assert_eq!((deleted.deleted_subscriptions, deleted.cancelled_deliveries), (2, 1));
    let ended = stage.api.delivery(&waiting.name).await.unwrap();
    assert_eq!(ended.state(), DeliveryState::Cancelled);
    assert_eq!(ended.end_reason(), DeliveryEndReason::TenantDeleted);
    assert_eq!(ended.event, event_name);
    let published = stage.api.publish(&stage.tenant, event("payment.completed", "{}"), "");
    let published = published.await.unwrap_err();
    assert_eq!(reason(&published), "RESOURCE_DELETED");
    let again = stage
        .api
        .tenants
        .create_tenant(CreateTenantRequest { tenant_id: "closing".to_owned(), tenant: None });
    assert_eq!(reason(&again.await.unwrap_err()), "RESOURCE_EXISTS");
    let read = stage.api.tenants.get_tenant(GetTenantRequest { name: stage.tenant.clone() });
    assert!(read.await.unwrap().into_inner().delete_time.is_some());
}
