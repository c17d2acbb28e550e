//! `TestSubscription`.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that a test goes the way
//! of a real webhook, in every status, and leaves no trace in order or figures.

use std::time::{Duration, Instant};

use http::StatusCode;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use postrider_proto::v1::{
    AttemptOutcome, AttemptTrigger, DeliveryState, GetEventRequest, GetSubscriptionStatsRequest,
    Subscription, TestSubscriptionRequest, TestSubscriptionResponse,
};
use postrider_tests::api::{reason, retry_delay};
use postrider_tests::cluster::Cluster;
use postrider_tests::lateness;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::signature::assert_signed;
use tonic::{Code, Status};

use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, UNHURRIED_RETRY_MILLISECONDS};

/// An agent is waited for for 2 s.
const REFUSED_LIMIT: Duration = Duration::from_millis(3_500);
/// On the way there and back, the steps at each of which a busy machine can be late.
const LATE_STEPS: u32 = 20;

async fn test(stage: &Stage, name: &str, retry: bool) -> Result<TestSubscriptionResponse, Status> {
    let mut api = stage.api.clone();
    let tested = api.subscriptions.test_subscription(TestSubscriptionRequest {
        name: name.to_owned(),
        event_type: "sample.of_mine".to_owned(),
        payload_form: Some(PayloadForm::PayloadJson("{\"a\" :1}".to_owned())),
        retry,
    });
    Ok(tested.await?.into_inner())
}

pub async fn a_test_is_sent_in_every_status(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "tested").await;
    let made = stage.subscribe("/hook").await;
    for number in 1..=3 {
        match number {
            2 => drop(stage.api.pause(&made.name).await.unwrap()),
            3 => drop(stage.api.disable(&made.name).await.unwrap()),
            _ => {}
        }
        let tested = test(&stage, &made.name, false).await.unwrap();
        let (delivery, attempt) = (tested.delivery.unwrap(), tested.attempt.unwrap());
        assert_eq!(attempt.outcome(), AttemptOutcome::Succeeded, "{attempt:?}");
        assert_eq!(attempt.http_status, 200);
        assert_eq!(attempt.trigger(), AttemptTrigger::Test);
        assert_eq!(attempt.agent, cluster.agents[0].resource_name());
        assert_eq!(delivery.state(), DeliveryState::Succeeded);
        assert_eq!(delivery.sequence, 0);
        assert!(attempt.test && delivery.test);
        let request = stage.receiver.requests().pop().unwrap();
        assert_eq!(request.number, number);
        assert_eq!(request.body, "{\"a\" :1}");
        assert_eq!(request.header("webhook-event-type"), "sample.of_mine");
        assert_eq!(request.header("webhook-test"), "true");
        assert_signed(&request, &made.signing_secret).unwrap();
        let event = stage
            .api
            .events
            .get_event(GetEventRequest { name: delivery.event, ..GetEventRequest::default() });
        let event = event.await.unwrap().into_inner();
        assert!(event.test && event.event_type == "sample.of_mine", "{event:?}");
    }
    assert_eq!(stage.count("test = true").await, 3);
    let stats = stage
        .api
        .subscriptions
        .get_subscription_stats(GetSubscriptionStatsRequest { name: made.name });
    assert_eq!(stats.await.unwrap().into_inner().total.unwrap().attempt_count, 0);
}

pub async fn a_test_that_fails_is_answered_with_its_outcome(cluster: &Cluster) {
    let stage = Stage::set(cluster, "test-fails").await;
    stage.receiver.script("/hook", [status(StatusCode::FORBIDDEN)]);
    let made = stage.subscribe_with_delays("/hook", &[0, 0]).await;
    let tested = test(&stage, &made.name, false).await.unwrap();
    let (delivery, attempt) = (tested.delivery.unwrap(), tested.attempt.unwrap());
    assert_eq!(attempt.outcome(), AttemptOutcome::HttpStatus);
    assert_eq!(attempt.http_status, 403);
    assert_eq!(delivery.state(), DeliveryState::Exhausted, "{delivery:?}");
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 1);
}

pub async fn a_test_is_retried_if_asked(cluster: &Cluster) {
    let stage = Stage::set(cluster, "test-retries").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    // The delivery is read a moment after its attempt: before the retry.
    let made = stage.subscribe_with_delays("/hook", &[UNHURRIED_RETRY_MILLISECONDS]).await;
    // Retries of a test go out while it is disabled too.
    stage.api.disable(&made.name).await.unwrap();
    let tested = test(&stage, &made.name, true).await.unwrap();
    let (delivery, attempt) = (tested.delivery.unwrap(), tested.attempt.unwrap());
    assert_eq!(attempt.http_status, 502);
    assert_eq!(delivery.state(), DeliveryState::Waiting);
    let ended = stage.api.wait_for_state(&delivery.name, DeliveryState::Succeeded, SOON_LIMIT);
    let attempts = stage.attempts(&ended.await.unwrap()).await;
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert!(attempts.iter().all(|attempt| attempt.test), "{attempts:?}");
    assert_eq!(attempts[1].trigger(), AttemptTrigger::Retry);
}

pub async fn a_test_without_an_agent_is_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "test-nowhere").await;
    let region = "regions/nowhere".to_owned();
    let wanted = stage.wanted("/hook");
    let made = stage.create(Subscription { region, ..wanted }).await;
    let begun = Instant::now();
    let (refused, late) = lateness::during(test(&stage, &made.name, false)).await;
    let (refused, took) = (refused.unwrap_err(), begun.elapsed());
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert_eq!(reason(&refused), "REGION_HAS_NO_AGENT");
    assert!(retry_delay(&refused).is_some(), "{refused:?}");
    assert!(took < REFUSED_LIMIT + late * LATE_STEPS, "after {took:?}, late {late:?}");
    assert_eq!(stage.receiver.received(), 0);
}
