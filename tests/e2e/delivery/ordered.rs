//! One at a time for each ordering key, in the order of commits.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that a failing delivery
//! holds back its own key and no other, that what an exhausted one does to its key
//! is the subscription's choice, and that sequence numbers have no gap.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{
    CancelDeliveryRequest, DeliveryState, Event, ExhaustedKeyPolicy, Ordering,
    ReleaseOrderingKeyRequest, RetryDeliveryRequest, Subscription,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::Received;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok, status};

use crate::stage::{SOON_LIMIT, Stage, delays, once, time};

fn numbered(key: &str, number: usize) -> Event {
    let ordering_key = key.to_owned();
    Event { ordering_key, ..event("payment.completed", &format!("{{\"number\":{number}}}")) }
}

fn ordered(stage: &Stage, path: &str) -> Subscription {
    let mut wanted = stage.wanted(path);
    wanted.set_ordering(Ordering::PerKey);
    wanted
}

fn bodies(requests: &[Arc<Received>]) -> Vec<String> {
    requests.iter().map(|request| String::from_utf8(request.body.to_vec()).unwrap()).collect()
}

fn sequences(requests: &[Arc<Received>]) -> Vec<i64> {
    requests.iter().map(|request| request.header("webhook-sequence").parse().unwrap()).collect()
}

/// The first of a key is answered late and fails once: the others of the key
/// follow it one by one, and another key does not wait.
pub async fn a_failure_holds_back_its_key_alone(cluster: &Cluster) {
    let stage = Stage::set(cluster, "ordered").await;
    let wanted = ordered(&stage, "/hook");
    stage.create(Subscription { retry_policy: Some(delays(&[300, 300])), ..wanted }).await;
    let gate = Gate::closed();
    let slow = Answer::status(StatusCode::BAD_GATEWAY).when_open(&gate);
    stage.receiver.script("/hook", [slow.into(), ok()]);
    for number in 1..=5 {
        stage.publish_event(numbered("a", number)).await;
    }
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    stage.publish_event(numbered("b", 6)).await;
    let two = stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    assert_eq!(bodies(&two), ["{\"number\":1}", "{\"number\":6}"]);
    assert_eq!(stage.count("state = HELD").await, 4);
    gate.open();
    let all = stage.receiver.wait_for_at("/hook", 7, SOON_LIMIT).await.unwrap();
    let expected = [1, 6, 1, 2, 3, 4, 5].map(|number| format!("{{\"number\":{number}}}"));
    assert_eq!(bodies(&all), expected);
    assert_eq!(sequences(&all), [1, 6, 1, 2, 3, 4, 5]);
}

/// An event without a key is not ordered; an account stands in for a key.
pub async fn an_account_is_a_key(cluster: &Cluster) {
    let stage = Stage::set(cluster, "accounts-ordered").await;
    stage.create(ordered(&stage, "/hook")).await;
    let gate = Gate::closed();
    stage.receiver.script("/hook", [Answer::ok().when_open(&gate).into(), ok()]);
    let about = |number| Event { account: "SE1".to_owned(), ..numbered("", number) };
    stage.publish_event(about(1)).await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let second = stage.publish_event(about(2)).await;
    let free = stage.publish_event(numbered("", 3)).await;
    assert_eq!(stage.wait_for(&free, DeliveryState::Succeeded).await.ordering_key, "");
    let held = stage.delivery(&second).await;
    assert_eq!((held.state(), held.ordering_key.as_str()), (DeliveryState::Held, "SE1"));
    gate.open();
    stage.wait_for(&second, DeliveryState::Succeeded).await;
}

/// `GO_ON`, the default: the next is sent when one is exhausted.
pub async fn the_next_goes_on_after_one_is_exhausted(cluster: &Cluster) {
    let stage = Stage::set(cluster, "goes-on").await;
    let wanted = ordered(&stage, "/hook");
    stage.create(Subscription { retry_policy: Some(once()), ..wanted }).await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    let first = stage.publish_event(numbered("a", 1)).await;
    let second = stage.publish_event(numbered("a", 2)).await;
    stage.wait_for(&second, DeliveryState::Succeeded).await;
    assert_eq!(stage.delivery(&first).await.state(), DeliveryState::Exhausted);
}

/// HOLD: the key waits until its exhausted delivery has succeeded after all, or
/// until it is released.
pub async fn a_key_is_held_until_it_is_released(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "held").await;
    let mut wanted = ordered(&stage, "/hook");
    wanted.set_exhausted_key_policy(ExhaustedKeyPolicy::Hold);
    let made = stage.create(Subscription { retry_policy: Some(once()), ..wanted }).await;
    for by_hand in [true, false] {
        let key = format!("key-{by_hand}");
        stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
        let first = stage.publish_event(numbered(&key, 1)).await;
        let second = stage.publish_event(numbered(&key, 2)).await;
        let exhausted = stage.wait_for(&first, DeliveryState::Exhausted).await;
        let other = stage.publish_event(numbered("other", 3)).await;
        stage.wait_for(&other, DeliveryState::Succeeded).await;
        assert_eq!(stage.delivery(&second).await.state(), DeliveryState::Held);
        if by_hand {
            let name = made.name.clone();
            let release = ReleaseOrderingKeyRequest { name, ordering_key: key };
            let released = stage.api.subscriptions.release_ordering_key(release.clone()).await;
            assert!(released.unwrap().into_inner().released);
            let again = stage.api.subscriptions.release_ordering_key(release).await;
            assert!(!again.unwrap().into_inner().released);
        } else {
            let retry = RetryDeliveryRequest { name: exhausted.name };
            let again = stage.api.deliveries.retry_delivery(retry).await.unwrap().into_inner();
            let again = again.delivery.unwrap();
            assert_eq!(again.sequence, exhausted.sequence);
            stage
                .api
                .wait_for_state(&again.name, DeliveryState::Succeeded, SOON_LIMIT)
                .await
                .unwrap();
        }
        stage.wait_for(&second, DeliveryState::Succeeded).await;
    }
}

/// What is held when order is given up goes out.
pub async fn order_can_be_given_up(cluster: &Cluster) {
    let stage = Stage::set(cluster, "given-up").await;
    let made = stage.create(ordered(&stage, "/hook")).await;
    let gate = Gate::closed();
    stage.receiver.script("/hook", [Answer::ok().when_open(&gate).into(), ok()]);
    let first = stage.publish_event(numbered("a", 1)).await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let mut held = Vec::new();
    for number in 2..=4 {
        held.push(stage.publish_event(numbered("a", number)).await);
    }
    let mut changed = Subscription { name: made.name.clone(), ..Subscription::default() };
    changed.set_ordering(Ordering::Unordered);
    stage.api.update(changed, &["ordering"]).await.unwrap();
    for event in &held {
        stage.wait_for(event, DeliveryState::Succeeded).await;
    }
    gate.open();
    stage.wait_for(&first, DeliveryState::Succeeded).await;
}

/// One that is cancelled while it is held, or at the head, does not hold up the
/// others.
pub async fn a_cancelled_one_is_passed_over(cluster: &Cluster) {
    let stage = Stage::set(cluster, "passed-over").await;
    let wanted = ordered(&stage, "/hook");
    let timeout = Some(prost_types::Duration { seconds: 5, nanos: 0 });
    stage.create(Subscription { request_timeout: timeout, ..wanted }).await;
    let gate = Gate::closed();
    stage.receiver.script("/hook", [held(&gate), ok()]);
    let mut names = Vec::new();
    for number in 1..=3 {
        names.push(stage.publish_event(numbered("a", number)).await);
    }
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    for name in &names[..2] {
        let delivery = stage.delivery(name).await;
        let cancel = CancelDeliveryRequest { name: delivery.name };
        stage.api.clone().deliveries.cancel_delivery(cancel).await.unwrap();
    }
    stage.wait_for(&names[2], DeliveryState::Succeeded).await;
    let requests = stage.receiver.requests_to("/hook");
    assert_eq!(bodies(&requests), ["{\"number\":1}", "{\"number\":3}"]);
    let mut starts = Vec::new();
    for name in [&names[0], &names[2]] {
        let attempt = stage.attempts(&stage.delivery(name).await).await.remove(0);
        starts.push(time(attempt.start_time));
    }
    // By the agent's clock, on which its five seconds run.
    let between = starts[1].duration_since(starts[0]).unwrap();
    assert!(between >= Duration::from_millis(4_900), "the first was still under way: {between:?}");
}
