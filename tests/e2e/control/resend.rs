//! One event, sent again.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that an event reaches the
//! subscriptions that it has deliveries for, or the one that is named, once for
//! each call, and that what is unfinished is not doubled.

use http::StatusCode;
use postrider_proto::v1::{
    AttemptTrigger, DeleteSubscriptionRequest, Delivery, DeliveryState, ResendEventRequest,
    Subscription,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{Gate, held, ok, status};
use tonic::{Code, Status};

use crate::stage::{DEFAULT_PAYLOAD, NO_RETRY_MILLISECONDS, SETTLE_WAIT, SOON_LIMIT, Stage};

async fn resend(stage: &Stage, event: &str, subscription: &str) -> Result<Vec<Delivery>, Status> {
    let mut api = stage.api.clone();
    let asked =
        ResendEventRequest { name: event.to_owned(), subscription: subscription.to_owned() };
    Ok(api.events.resend_event(asked).await?.into_inner().deliveries)
}

async fn delete(stage: &Stage, subscription: &Subscription) {
    let mut api = stage.api.clone();
    let name = subscription.name.clone();
    let asked = DeleteSubscriptionRequest { name, ..DeleteSubscriptionRequest::default() };
    api.subscriptions.delete_subscription(asked).await.unwrap();
}

async fn succeeds(stage: &Stage, delivery: &Delivery) -> Delivery {
    let ended = stage.api.wait_for_state(&delivery.name, DeliveryState::Succeeded, SOON_LIMIT);
    ended.await.unwrap()
}

pub async fn an_event_is_sent_again_to_all(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "resend-all").await;
    let failed = status(StatusCode::BAD_GATEWAY);
    stage.receiver.script("/a", [failed.clone(), failed.clone(), failed, ok()]);
    stage.receiver.script("/b", [ok()]);
    let a = stage.subscribe_with_delays("/a", &[50]).await;
    let b = stage.subscribe("/b").await;
    let event = stage.publish().await;
    stage.api.wait_for_deliveries(&stage.tenant, "state = EXHAUSTED", 1, SOON_LIMIT).await.unwrap();
    stage.api.wait_for_deliveries(&stage.tenant, "state = SUCCEEDED", 1, SOON_LIMIT).await.unwrap();
    let first = stage.api.deliveries_of(&event).await.unwrap();
    let again = resend(&stage, &event, "").await.unwrap();
    assert_eq!(again.len(), 2, "{again:?}");
    for subscription in [&a, &b] {
        let of = |all: &[Delivery]| {
            all.iter().find(|d| d.subscription == subscription.name).cloned().unwrap()
        };
        let (before, after) = (of(&first), of(&again));
        assert_eq!((&after.resend_of, &after.event), (&before.name, &event));
        assert_eq!(after.sequence, before.sequence);
        let ended = succeeds(&stage, &after).await;
        assert_eq!(stage.attempts(&ended).await[0].trigger(), AttemptTrigger::Manual);
    }
    // The failing one had all of its retries again.
    assert_eq!((stage.receiver.received_at("/a"), stage.receiver.received_at("/b")), (4, 2));
    for request in stage.receiver.requests() {
        assert!(event.ends_with(request.webhook_id()), "{request:?}");
        assert_eq!(request.body, DEFAULT_PAYLOAD);
    }
    assert_eq!(stage.api.deliveries_of(&event).await.unwrap().len(), 4);
}

pub async fn an_event_is_sent_to_one(cluster: &Cluster) {
    let stage = Stage::set(cluster, "resend-one").await;
    let a = stage.subscribe("/a").await;
    let b = stage.subscribe("/b").await;
    let event = stage.publish().await;
    stage.api.wait_for_deliveries(&stage.tenant, "state = SUCCEEDED", 2, SOON_LIMIT).await.unwrap();
    let again = resend(&stage, &event, &a.name).await.unwrap();
    assert_eq!(again.len(), 1);
    succeeds(&stage, &again[0]).await;
    assert_eq!((stage.receiver.received_at("/a"), stage.receiver.received_at("/b")), (2, 1));

    // One that never matched gets its first delivery, with its first number.
    let wanted = Subscription { event_types: vec!["refund.*".into()], ..stage.wanted("/c") };
    let c = stage.create(wanted).await;
    let first = resend(&stage, &event, &c.name).await.unwrap();
    assert_eq!((first.len(), first[0].resend_of.as_str(), first[0].sequence), (1, "", 1));
    succeeds(&stage, &first[0]).await;
    let second = resend(&stage, &event, &c.name).await.unwrap();
    assert_eq!(second[0].resend_of, first[0].name);
    succeeds(&stage, &second[0]).await;

    delete(&stage, &b).await;
    let refused = resend(&stage, &event, &b.name).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    assert_eq!(reason(&refused), "SUBSCRIPTION_DELETED");
    // To all means all that are left.
    let left = resend(&stage, &event, "").await.unwrap();
    let mut names: Vec<_> = left.iter().map(|d| d.subscription.clone()).collect();
    names.sort();
    let mut wanted = vec![a.name, c.name];
    wanted.sort();
    assert_eq!(names, wanted);
}

pub async fn an_unfinished_delivery_is_brought_forward(cluster: &Cluster) {
    let stage = Stage::set(cluster, "resend-unfinished").await;
    stage.receiver.script("/slow", [status(StatusCode::BAD_GATEWAY), ok()]);
    stage.subscribe_with_delays("/slow", &[NO_RETRY_MILLISECONDS]).await;
    let event = stage.publish().await;
    let waiting = stage.wait_for_retry(&event).await;
    let again = resend(&stage, &event, "").await.unwrap();
    assert_eq!((again.len(), &again[0].name), (1, &waiting.name));
    stage.wait_for(&event, DeliveryState::Succeeded).await;

    let gate = Gate::closed();
    stage.receiver.script("/slow", [held(&gate)]);
    let event = stage.publish().await;
    stage.receiver.wait_for_at("/slow", 3, SOON_LIMIT).await.unwrap();
    let again = resend(&stage, &event, "").await.unwrap();
    assert_eq!(again[0].state(), DeliveryState::InFlight);
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/slow"), 3);
    gate.open();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
}

pub async fn a_suppressed_delivery_is_sent(cluster: &Cluster) {
    let stage = Stage::set(cluster, "resend-suppressed").await;
    let made = stage.subscribe("/hook").await;
    stage.api.disable(&made.name).await.unwrap();
    let event = stage.publish().await;
    let kept = stage.delivery(&event).await;
    assert_eq!(kept.state(), DeliveryState::Suppressed);
    let again = resend(&stage, &event, "").await.unwrap();
    assert_eq!((again[0].state(), &again[0].resend_of), (DeliveryState::Waiting, &kept.name));
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 0);
    stage.api.enable(&made.name).await.unwrap();
    succeeds(&stage, &again[0]).await;
}

pub async fn what_cannot_be_sent_again_is_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "resend-refused").await;
    let unmatched = stage.publish_event(event("payment.completed", DEFAULT_PAYLOAD)).await;
    let nothing = resend(&stage, &unmatched, "").await.unwrap_err();
    assert_eq!(nothing.code(), Code::FailedPrecondition, "{nothing:?}");
    assert_eq!(reason(&nothing), "NOTHING_TO_RESEND");
    let made = stage.subscribe("/hook").await;
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    delete(&stage, &made).await;
    let nothing = resend(&stage, &event, "").await.unwrap_err();
    assert_eq!(reason(&nothing), "NOTHING_TO_RESEND");

    let unknown = format!("{}/events/evt_{}", stage.tenant, "0".repeat(32));
    let missing = resend(&stage, &unknown, "").await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let nowhere = format!("{}/subscriptions/nowhere", stage.tenant);
    let missing = resend(&stage, &event, &nowhere).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let elsewhere = resend(&stage, &event, "tenants/other/subscriptions/erp").await.unwrap_err();
    assert_eq!(violated_fields(&elsewhere), ["subscription"]);
    let malformed = resend(&stage, "events/1", "erp").await.unwrap_err();
    assert_eq!(violated_fields(&malformed), ["name", "subscription"]);
}
