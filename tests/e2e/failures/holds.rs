//! Receivers that ask to be left alone.
//!
//! Fed by a small cluster; feeds `failures`. Guarantees that 410 ends the
//! sending until somebody enables it again, that Retry-After holds the whole
//! subscription, by the receiver's own clock, and that nothing ends because of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use postrider_proto::v1::{
    AttemptOutcome, DeliveryState, RetryPolicy, Subscription, SubscriptionStatus,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{ok, retry_after, status};
use postrider_tests::wait;

use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, delays};

async fn wait_until_held(stage: &Stage, name: &str) {
    let held = wait::until("the subscription to be held", SOON_LIMIT, || async {
        let health = stage.api.subscription(name).await.unwrap().endpoint_health;
        wait::when(health, |health| health.is_some_and(|h| h.hold_until_time.is_some()))
    });
    held.await.unwrap();
}

pub async fn gone_disables_the_subscription(cluster: &Cluster) {
    let stage = Stage::set(cluster, "gone").await;
    stage.receiver.script("/hook", [status(StatusCode::GONE), ok()]);
    let name = stage.subscribe_with_delays("/hook", &[100]).await.name;
    let event = stage.publish().await;
    let disabled = wait::until("the subscription to be disabled", SOON_LIMIT, || async {
        wait::when(stage.api.subscription(&name).await.unwrap(), |s| {
            s.status() == SubscriptionStatus::Disabled
        })
    })
    .await
    .unwrap();
    assert_eq!(disabled.status_reason, "GONE: the receiver answered 410");
    let suppressed = stage.publish().await;
    stage.wait_for(&suppressed, DeliveryState::Suppressed).await;
    // Its retry is due by now, and stays where it is.
    tokio::time::sleep(SETTLE_WAIT).await;
    let waiting = stage.delivery(&event).await;
    assert_eq!(waiting.state(), DeliveryState::Waiting);
    assert_eq!(waiting.last_http_status, 410);
    assert_eq!(stage.receiver.received(), 1);
    stage.api.enable(&name).await.unwrap();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(stage.receiver.received(), 2);
}

pub async fn too_many_requests_holds_the_subscription_alone(cluster: &Cluster) {
    // Everything up to the publishes, on a busy machine, has to happen within it.
    const HOLD_TIME: Duration = Duration::from_secs(7);
    let stage = Stage::set(cluster, "many").await;
    let busy = retry_after(StatusCode::TOO_MANY_REQUESTS, HOLD_TIME.as_secs());
    stage.receiver.script("/hook", [busy, ok()]);
    let name = stage.subscribe_with_delays("/hook", &[100]).await.name;
    stage.subscribe("/other").await;
    let first = stage.publish().await;
    wait_until_held(&stage, &name).await;
    let filter = format!("subscription = \"{name}\"");
    // While it is held; what came of the first is looked at in the meantime.
    let events = stage.publish_many(3).await;
    let mut api = stage.api.clone();
    let held = api.all_deliveries(&stage.tenant, &filter).await.unwrap();
    let held = held.iter().find(|delivery| delivery.event == first).unwrap();
    let attempt = stage.attempts(held).await.remove(0);
    assert_eq!(attempt.outcome(), AttemptOutcome::HttpStatus);
    // Another subscription of the tenant, at the same receiver, is not held.
    let others = stage.receiver.wait_for_at("/other", 4, SOON_LIMIT).await.unwrap();
    let requests = stage.receiver.wait_for_at("/hook", 5, SOON_LIMIT).await.unwrap();
    let begun = requests[0].at;
    assert!(others[3].at < begun + HOLD_TIME, "the other subscription was held too");
    for request in &requests[1..] {
        let after = request.at.duration_since(begun);
        assert!(after >= HOLD_TIME, "a request {after:?} after the 429");
        assert!(after < HOLD_TIME + SOON_LIMIT, "only {after:?} after the 429");
    }
    let filter = "state != SUCCEEDED";
    stage.api.wait_for_deliveries(&stage.tenant, filter, 0, SOON_LIMIT).await.unwrap();
    let mut ids: Vec<_> = requests[1..].iter().map(|r| r.webhook_id().to_owned()).collect();
    let mut wanted: Vec<_> = events.iter().chain([&first]).collect();
    ids.sort();
    wanted.sort();
    assert!(ids.iter().zip(wanted).all(|(id, name)| name.ends_with(id)), "{ids:?}");
}

/// The receiver asks for two hours, as a time since the epoch. The policy grants less;
/// that is more than its deliveries live, whose time stands still in the meantime.
pub async fn a_wait_longer_than_a_delivery_lives_stops_its_deadline(cluster: &Cluster) {
    const GRANTED_WAIT: Duration = Duration::from_secs(8);
    // The first attempt, and all that is sent after the hold, on a busy machine.
    const DELIVERY_MAX_AGE: Duration = Duration::from_secs(6);
    let stage = Stage::set(cluster, "patient").await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let busy = retry_after(StatusCode::SERVICE_UNAVAILABLE, now + 7200);
    stage.receiver.script("/hook", [busy, ok()]);
    let policy = RetryPolicy {
        max_age: Some(DELIVERY_MAX_AGE.try_into().unwrap()),
        max_retry_after: Some(GRANTED_WAIT.try_into().unwrap()),
        ..delays(&[100])
    };
    let wanted = Subscription { retry_policy: Some(policy), ..stage.wanted("/hook") };
    let name = stage.create(wanted).await.name;
    let first = stage.publish().await;
    wait_until_held(&stage, &name).await;
    let mut events = stage.publish_many(3).await;
    events.push(first);
    for event in &events {
        stage.wait_for(event, DeliveryState::Succeeded).await;
    }
    let requests = stage.receiver.requests_to("/hook");
    assert_eq!(requests.len(), 1 + events.len());
    let resumed = requests[1].at.duration_since(requests[0].at);
    assert!(resumed >= GRANTED_WAIT, "a request {resumed:?} after it asked");
}

/// A status that speaks for one request only: its delivery waits, and its time runs on.
pub async fn a_wait_after_another_failure_holds_one_delivery(cluster: &Cluster) {
    let stage = Stage::set(cluster, "single").await;
    let busy = retry_after(StatusCode::INTERNAL_SERVER_ERROR, 3600);
    stage.receiver.script("/hook", [busy, ok()]);
    // The last 5 s are kept for the attempt; the first one takes some of the rest.
    let life = Duration::from_secs(10);
    let policy = RetryPolicy { max_age: Some(life.try_into().unwrap()), ..delays(&[100]) };
    let wanted = Subscription { retry_policy: Some(policy), ..stage.wanted("/hook") };
    stage.create(wanted).await;
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    let requests = stage.receiver.requests_to("/hook");
    let waited = requests[1].at.duration_since(requests[0].at);
    assert!(waited > Duration::from_secs(1), "only {waited:?}");
}

/// Whoever enables the subscription ends the hold for what waits by it, too.
pub async fn a_hold_can_be_ended(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ended").await;
    let busy = retry_after(StatusCode::SERVICE_UNAVAILABLE, 3600);
    stage.receiver.script("/hook", [busy, ok()]);
    let life = Duration::from_secs(10);
    let policy = RetryPolicy { max_age: Some(life.try_into().unwrap()), ..delays(&[100]) };
    let wanted = Subscription { retry_policy: Some(policy), ..stage.wanted("/hook") };
    let name = stage.create(wanted).await.name;
    let event = stage.publish().await;
    wait_until_held(&stage, &name).await;
    stage.api.enable(&name).await.unwrap();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(stage.receiver.received(), 2);
}

/// The timetable ran on during a hold that somebody ends: a retry whose time came
/// meanwhile is sent at once, and does not begin its delay again.
pub async fn a_hold_can_be_ended_after_the_retrys_time(cluster: &Cluster) {
    const RETRY_DELAY: Duration = Duration::from_secs(4);
    let stage = Stage::set(cluster, "ended-late").await;
    let busy = retry_after(StatusCode::SERVICE_UNAVAILABLE, 3600);
    stage.receiver.script("/hook", [busy, ok()]);
    // More than it lives before the hold and after it, on a busy machine.
    let life = RETRY_DELAY * 2;
    let delay = u64::try_from(RETRY_DELAY.as_millis()).unwrap();
    let policy = RetryPolicy { max_age: Some(life.try_into().unwrap()), ..delays(&[delay]) };
    let wanted = Subscription { retry_policy: Some(policy), ..stage.wanted("/hook") };
    let name = stage.create(wanted).await.name;
    let event = stage.publish().await;
    wait_until_held(&stage, &name).await;
    tokio::time::sleep(RETRY_DELAY + SETTLE_WAIT).await;
    stage.api.enable(&name).await.unwrap();
    let enabled = Instant::now();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert!(enabled.elapsed() < RETRY_DELAY, "{:?} after the hold's end", enabled.elapsed());
}
