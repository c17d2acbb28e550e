//! Pause, disable, enable.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that what is paused loses
//! nothing, and that what is disabled can be counted.

use http::StatusCode;
use postrider_proto::v1::{
    DeliveryEndReason, DeliveryState, PauseSubscriptionRequest, Subscription, SubscriptionStatus,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{ok, status};

use crate::stage::{SOON_LIMIT, Stage, UNHURRIED_RETRY_MILLISECONDS};

async fn pause(stage: &Stage, name: &str) -> Subscription {
    let mut api = stage.api.clone();
    let paused = api.subscriptions.pause_subscription(PauseSubscriptionRequest {
        name: name.to_owned(),
        etag: String::new(),
        reason: "the bank's own window".to_owned(),
    });
    paused.await.unwrap().into_inner()
}

pub async fn a_paused_subscription_keeps_what_comes(cluster: &Cluster) {
    let stage = Stage::set(cluster, "paused").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    let name =
        stage.subscribe_with_delays("/hook", &[UNHURRIED_RETRY_MILLISECONDS, 500]).await.name;
    stage.subscribe("/other").await;
    let failed = stage.publish().await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let paused = pause(&stage, &name).await;
    assert_eq!(paused.status(), SubscriptionStatus::Paused);
    assert_eq!(paused.status_reason, "the bank's own window");
    let mut events = stage.publish_many(6).await;
    // The others arrive while the retry's time comes and goes.
    stage.receiver.wait_for_at("/other", 7, SOON_LIMIT).await.unwrap();
    stage.wait_out_retry().await;
    assert_eq!(stage.receiver.received_at("/hook"), 1);
    let waiting = format!("subscription = \"{name}\" AND state = WAITING");
    assert_eq!(stage.count(&waiting).await, 7);
    stage.api.enable(&name).await.unwrap();
    let requests = stage.receiver.wait_for_at("/hook", 8, SOON_LIMIT).await.unwrap();
    let filter = format!("subscription = \"{name}\" AND state = SUCCEEDED");
    let ended = stage.api.wait_for_deliveries(&stage.tenant, &filter, 7, SOON_LIMIT);
    ended.await.unwrap();
    events.push(failed);
    events.sort();
    let mut received: Vec<_> = requests[1..].iter().map(|r| r.webhook_id().to_owned()).collect();
    received.sort();
    let all = events.iter().zip(&received);
    assert!(all.clone().all(|(name, id)| name.ends_with(id)), "{received:?}");
    assert_eq!(stage.receiver.received_at("/hook"), 8);
}

pub async fn a_disabled_subscription_suppresses_what_comes(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "disabled").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    let name =
        stage.subscribe_with_delays("/hook", &[UNHURRIED_RETRY_MILLISECONDS, 300]).await.name;
    let failed = stage.publish().await;
    stage.wait_for_retry(&failed).await;
    stage.api.disable(&name).await.unwrap();
    let event = postrider_tests::publish::event("payment.completed", "{}");
    let published = stage.api.publish(&stage.tenant, event, "").await.unwrap();
    assert_eq!(published.matched_subscriptions, 1);
    stage.publish_many(2).await;
    let suppressed = stage.delivery(&published.event).await;
    assert_eq!(suppressed.state(), DeliveryState::Suppressed);
    assert_eq!(suppressed.end_reason(), DeliveryEndReason::SubscriptionDisabled);
    assert_eq!(suppressed.sequence, 0);
    stage.wait_out_retry().await;
    assert_eq!(stage.receiver.received(), 1);
    assert_eq!(stage.count("state = SUPPRESSED").await, 3);
    assert_eq!(stage.count("state = WAITING").await, 1);
    stage.api.enable(&name).await.unwrap();
    stage.wait_for(&failed, DeliveryState::Succeeded).await;
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(stage.count("state = SUPPRESSED").await, 3);
    assert_eq!(stage.receiver.received(), 3);
}

pub async fn a_subscription_can_be_created_disabled(cluster: &Cluster) {
    let stage = Stage::set(cluster, "made-disabled").await;
    let mut wanted = stage.wanted("/hook");
    wanted.set_status(SubscriptionStatus::Disabled);
    let made = stage.create(wanted).await;
    assert_eq!(made.status(), SubscriptionStatus::Disabled);
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Suppressed).await;
    let enabled = stage.api.enable(&made.name).await.unwrap();
    assert_eq!(enabled.status(), SubscriptionStatus::Enabled);
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(stage.receiver.received(), 1);
}
