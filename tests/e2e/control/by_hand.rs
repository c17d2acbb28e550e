//! `RetryDelivery`, `ResendEvent` and `CancelDelivery`.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that a person can move every
//! delivery on, and that a resend is a delivery with all its own retries.

use http::StatusCode;
use postrider_proto::v1::{
    Attempt, AttemptOutcome, AttemptTrigger, CancelDeliveryRequest, Delivery, DeliveryEndReason,
    DeliveryState, RetryDeliveryRequest,
};
use postrider_tests::api::reason;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Gate, held, ok, status};
use postrider_tests::wait;
use tonic::{Code, Status};

use crate::stage::{
    DEFAULT_PAYLOAD, NO_RETRY_MILLISECONDS, SOON_LIMIT, Stage, UNHURRIED_RETRY_MILLISECONDS,
};

async fn retry(stage: &Stage, delivery: &Delivery) -> Result<Delivery, Status> {
    let mut api = stage.api.clone();
    let name = delivery.name.clone();
    let retried = api.deliveries.retry_delivery(RetryDeliveryRequest { name });
    Ok(retried.await?.into_inner().delivery.unwrap())
}

async fn cancel(stage: &Stage, delivery: &Delivery) -> Result<Delivery, Status> {
    let mut api = stage.api.clone();
    let name = delivery.name.clone();
    let cancelled = api.deliveries.cancel_delivery(CancelDeliveryRequest { name });
    Ok(cancelled.await?.into_inner())
}

fn outcomes(attempts: &[Attempt]) -> Vec<AttemptOutcome> {
    attempts.iter().map(|attempt| attempt.outcome()).collect()
}

pub async fn a_waiting_delivery_is_brought_forward(cluster: &Cluster) {
    let stage = Stage::set(cluster, "forward").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    stage.subscribe_with_delays("/hook", &[NO_RETRY_MILLISECONDS]).await;
    let event = stage.publish().await;
    let waiting = stage.wait_for_retry(&event).await;
    let retried = retry(&stage, &waiting).await.unwrap();
    assert_eq!(retried.name, waiting.name);
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&ended).await;
    let triggers: Vec<_> = attempts.iter().map(|a| a.trigger()).collect();
    assert_eq!(triggers, [AttemptTrigger::Publish, AttemptTrigger::Manual]);
}

pub async fn an_ended_delivery_is_sent_again(cluster: &Cluster) {
    let stage = Stage::set(cluster, "again-by-hand").await;
    let failed = status(StatusCode::BAD_GATEWAY);
    stage.receiver.script("/hook", [failed.clone(), failed.clone(), failed, ok()]);
    stage.subscribe_with_delays("/hook", &[50]).await;
    let event = stage.publish().await;
    let ended = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let again = retry(&stage, &ended).await.unwrap();
    assert_ne!(again.name, ended.name);
    assert_eq!(again.resend_of, ended.name);
    assert_eq!(again.event, event);
    assert_eq!(again.sequence, ended.sequence);
    let succeeded = stage.api.wait_for_state(&again.name, DeliveryState::Succeeded, SOON_LIMIT);
    let succeeded = succeeded.await.unwrap();
    let attempts = stage.attempts(&succeeded).await;
    let seen: Vec<_> = attempts.iter().map(|a| (a.number, a.trigger(), a.http_status)).collect();
    let wanted = [(1, AttemptTrigger::Manual, 502), (2, AttemptTrigger::Retry, 200)];
    assert_eq!(seen, wanted);
    // Also what succeeded can be sent again.
    let third = retry(&stage, &succeeded).await.unwrap();
    let third = stage.api.wait_for_state(&third.name, DeliveryState::Succeeded, SOON_LIMIT);
    assert_eq!(third.await.unwrap().resend_of, succeeded.name);
    let mut api = stage.api.clone();
    assert_eq!(api.deliveries_of(&event).await.unwrap().len(), 3);
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 5);
    for request in requests {
        assert!(event.ends_with(request.webhook_id()), "{request:?}");
        assert_eq!(request.body, DEFAULT_PAYLOAD);
    }
}

pub async fn a_cancelled_delivery_is_not_sent(cluster: &Cluster) {
    let stage = Stage::set(cluster, "cancelled").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    stage.subscribe_with_delays("/hook", &[UNHURRIED_RETRY_MILLISECONDS]).await;
    let event = stage.publish().await;
    let waiting = stage.wait_for_retry(&event).await;
    let ended = cancel(&stage, &waiting).await.unwrap();
    assert_eq!(ended.state(), DeliveryState::Cancelled);
    assert_eq!(ended.end_reason(), DeliveryEndReason::CancelledByCaller);
    assert!(ended.end_time.is_some() && ended.next_attempt_time.is_none());
    let again = cancel(&stage, &waiting).await.unwrap_err();
    assert_eq!(again.code(), Code::FailedPrecondition, "{again:?}");
    assert_eq!(reason(&again), "DELIVERY_ENDED");
    stage.wait_out_retry().await;
    assert_eq!(stage.receiver.received(), 1);
}

pub async fn an_attempt_under_way_is_not_interrupted(cluster: &Cluster) {
    let stage = Stage::set(cluster, "under-way").await;
    let gate = Gate::closed();
    stage.receiver.script("/hook", [held(&gate)]);
    stage.subscribe("/hook").await;
    let event = stage.publish().await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let delivery = stage.delivery(&event).await;
    assert_eq!(delivery.state(), DeliveryState::InFlight);
    let refused = retry(&stage, &delivery).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    assert_eq!(reason(&refused), "DELIVERY_IN_FLIGHT");
    cancel(&stage, &delivery).await.unwrap();
    let meanwhile = stage.attempts(&delivery).await;
    assert_eq!(outcomes(&meanwhile), [AttemptOutcome::Unknown]);
    gate.open();
    // The result is recorded and changes nothing.
    let attempts = wait::until("the attempt's record", SOON_LIMIT, || async {
        wait::when(stage.attempts(&delivery).await, |now| outcomes(now) != outcomes(&meanwhile))
    });
    assert_eq!(outcomes(&attempts.await.unwrap()), [AttemptOutcome::Succeeded]);
    let ended = stage.delivery(&event).await;
    assert_eq!(ended.state(), DeliveryState::Cancelled);
}
