//! Retries by the subscription's policy.
//!
//! Fed by a small cluster; feeds `failures`. Guarantees that delays are kept as
//! the receiver measures them, and that history shows every attempt.

use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{
    AttemptOutcome, AttemptTrigger, DeliveryEndReason, DeliveryState, Subscription, SuccessRule,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Behaviour, ok, status};

use crate::stage::{DEFAULT_PAYLOAD, DEFAULT_REGION, Stage, delays, duration, once, time};

/// How much later than due a retry may arrive on a busy machine. The first of the standard
/// timetable would come after 4.5 s.
const MAX_LATENESS: Duration = Duration::from_secs(4);

pub async fn a_delivery_is_retried_until_it_succeeds(cluster: &Cluster) {
    let stage = Stage::set(cluster, "until").await;
    let script = [
        status(StatusCode::INTERNAL_SERVER_ERROR),
        Behaviour::CloseBeforeAnswer,
        status(StatusCode::BAD_GATEWAY),
        ok(),
    ];
    stage.receiver.script("/hook", script);
    stage.subscribe_with_delays("/hook", &[50, 50, 50, 50]).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&delivery).await;
    let seen: Vec<_> = attempts.iter().map(|a| (a.number, a.outcome(), a.trigger())).collect();
    let wanted = [
        (1, AttemptOutcome::HttpStatus, AttemptTrigger::Publish),
        (2, AttemptOutcome::ConnectionClosed, AttemptTrigger::Retry),
        (3, AttemptOutcome::HttpStatus, AttemptTrigger::Retry),
        (4, AttemptOutcome::Succeeded, AttemptTrigger::Retry),
    ];
    assert_eq!(seen, wanted);
    for attempt in &attempts {
        assert_eq!(attempt.region, DEFAULT_REGION);
        assert_eq!(attempt.agent, cluster.agents[0].resource_name());
        assert_eq!(attempt.event, event);
        assert_eq!(attempt.delivery, delivery.name);
        assert!(!attempt.test);
    }
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert!(event.ends_with(request.webhook_id()));
        assert_eq!(request.body, DEFAULT_PAYLOAD);
    }
}

pub async fn custom_delays_are_kept(cluster: &Cluster) {
    let stage = Stage::set(cluster, "delays").await;
    let failed = status(StatusCode::INTERNAL_SERVER_ERROR);
    stage.receiver.script("/hook", [failed.clone(), failed, ok()]);
    stage.subscribe_with_delays("/hook", &[200, 400]).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let requests = stage.receiver.requests();
    let attempts = stage.attempts(&delivery).await;
    assert_eq!((requests.len(), attempts.len()), (3, 3));
    for (number, delay) in [(0, 200), (1, 400)] {
        let delay = Duration::from_millis(delay);
        let passed = requests[number + 1].at.duration_since(requests[number].at);
        assert!(passed >= delay, "retry {} came after {passed:?}", number + 1);
        assert!(passed < delay + MAX_LATENESS, "retry {} came after {passed:?}", number + 1);
        // History promised it so. The agent's clock and the control plane's are
        // the same here.
        let attempt = &attempts[number];
        let ended = time(attempt.start_time) + duration(attempt.timings.unwrap().total);
        let due = time(attempt.next_attempt_time);
        let wait = due.duration_since(ended).unwrap();
        assert!(wait >= delay && wait < delay + MAX_LATENESS, "due after {wait:?}");
        assert!(time(attempts[number + 1].start_time) >= due);
    }
    assert!(attempts[2].next_attempt_time.is_none());
}

pub async fn the_success_rule_decides_what_succeeds(cluster: &Cluster) {
    let stage = Stage::set(cluster, "rule").await;
    for (path, status_codes) in [("/teapot", vec![418, 302]), ("/created", vec![201])] {
        stage
            .create(Subscription {
                success_rule: Some(SuccessRule { status_codes }),
                retry_policy: Some(once()),
                ..stage.wanted(path)
            })
            .await;
    }
    stage.receiver.script("/teapot", [status(StatusCode::IM_A_TEAPOT), status(StatusCode::FOUND)]);
    stage.receiver.script("/created", [status(StatusCode::CREATED), ok()]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let event = stage.publish().await;
        let mut api = stage.api.clone();
        for delivery in api.deliveries_of(&event).await.unwrap() {
            let ended = postrider_tests::wait::until("an end", crate::stage::SOON_LIMIT, || {
                let mut api = stage.api.clone();
                let name = delivery.name.clone();
                async move {
                    let seen = api.delivery(&name).await.map_err(|e| e.to_string())?;
                    postrider_tests::wait::when(seen, |seen| seen.end_time.is_some())
                }
            });
            let ended = ended.await.unwrap();
            seen.push((ended.last_http_status, ended.state()));
        }
    }
    seen.sort_by_key(|(status, _)| *status);
    let wanted = [
        (200, DeliveryState::Exhausted),
        (201, DeliveryState::Succeeded),
        (302, DeliveryState::Succeeded),
        (418, DeliveryState::Succeeded),
    ];
    assert_eq!(seen, wanted);
}

pub async fn a_delivery_ends_when_its_policy_does(cluster: &Cluster) {
    let stage = Stage::set(cluster, "exhausted").await;
    stage.receiver.script("/hook", [status(StatusCode::INTERNAL_SERVER_ERROR)]);
    let mut wanted = stage.wanted("/hook");
    wanted.retry_policy = Some(delays(&[0, 50]));
    stage.create(wanted).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Exhausted).await;
    assert_eq!(delivery.end_reason(), DeliveryEndReason::AttemptsExhausted);
    assert_eq!(delivery.attempt_count, 3);
    assert!(delivery.next_attempt_time.is_none());
    let attempts = stage.attempts(&delivery).await;
    let due: Vec<_> = attempts.iter().map(|a| a.next_attempt_time.is_some()).collect();
    assert_eq!(due, [true, true, false]);
    // Nothing is due any more; a further POST would have to come from nowhere.
    tokio::time::sleep(crate::stage::SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 3);
}
