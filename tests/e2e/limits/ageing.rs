//! Callers' connections become old, and their streams go on elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use postrider_proto::v1::publish_stream_response::Result as Answer;
use postrider_proto::v1::{
    PublishEventRequest, PublishEventResponse, PublishStreamRequest, WatchAttemptsRequest,
    WatchAttemptsResponse,
};
use postrider_tests::api::{Api, reason};
use postrider_tests::publish::event;
use postrider_tests::token::as_administrator;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use super::with_settings;
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage};

const SETTINGS: &str = "[connections]\nmax_age_seconds = 2\nage_grace_seconds = 11\n";
const EVENT_COUNT: usize = 60;
const EVENT_PAUSE: Duration = Duration::from_millis(100);

/// Calls again if the call met a connection at the moment of its end: other clients of gRPC
/// do so by themselves.
async fn on_a_connection<T>(call: impl AsyncFn() -> Result<T, Status>) -> T {
    match call().await {
        Err(status) if status.code() == Code::Cancelled => call().await.unwrap(),
        answer => answer.unwrap(),
    }
}

async fn watch(api: &Api, tenant: &str, resume_token: &str) -> Streaming<WatchAttemptsResponse> {
    let request = WatchAttemptsRequest {
        parent: tenant.to_owned(),
        resume_token: resume_token.to_owned(),
        send_progress: true,
        ..WatchAttemptsRequest::default()
    };
    let opened = on_a_connection(async || {
        let mut deliveries = api.deliveries.clone();
        deliveries.watch_attempts(request.clone()).await
    });
    opened.await.into_inner()
}

async fn publish(api: &Api, tenant: &str, key: &str) -> PublishEventResponse {
    let event = event("payment.completed", DEFAULT_PAYLOAD);
    on_a_connection(async || api.clone().publish(tenant, event.clone(), key).await).await
}

fn assert_aged(ended: &Status) {
    assert_eq!((ended.code(), reason(ended).as_str()), (Code::Unavailable, "CONNECTION_AGED"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_that_ends_by_age_goes_on_without_loss() {
    let cluster = with_settings(SETTINGS, true).await;
    let stage = Stage::set(&cluster, "aged").await;
    stage.subscribe("/hook").await;
    let mut tail = watch(&stage.api, &stage.tenant, "").await;
    let first = timeout(SOON_LIMIT, tail.message()).await.unwrap().unwrap().unwrap();
    assert!(first.attempt.is_none() && !first.resume_token.is_empty(), "told at once");
    let publishing = async {
        let mut published = BTreeSet::new();
        for number in 0..EVENT_COUNT {
            let answer = publish(&stage.api, &stage.tenant, &number.to_string()).await;
            published.insert(answer.event);
            tokio::time::sleep(EVENT_PAUSE).await;
        }
        published
    };
    let watching = async {
        let (mut seen, mut token, mut ends) = (BTreeSet::new(), first.resume_token, 0);
        let begun = Instant::now();
        while seen.len() < EVENT_COUNT {
            assert!(begun.elapsed() < SOON_LIMIT * 2, "only {} of {EVENT_COUNT}", seen.len());
            match timeout(SOON_LIMIT, tail.message()).await.unwrap() {
                Ok(Some(message)) => {
                    token = message.resume_token;
                    seen.extend(message.attempt.map(|attempt| attempt.event));
                }
                Ok(None) => panic!("it ends with an error"),
                Err(ended) => {
                    assert_aged(&ended);
                    ends += 1;
                    // What is recorded meanwhile is not missed.
                    tokio::time::sleep(EVENT_PAUSE * 3).await;
                    tail = watch(&stage.api, &stage.tenant, &token).await;
                }
            }
        }
        (seen, ends)
    };
    let (published, (seen, ends)) = tokio::join!(publishing, watching);
    assert_eq!(seen, published);
    assert!(ends >= 2, "it ended {ends} times");
}

/// The error with which a stream ends, whatever it tells before.
async fn end_of<T>(stream: &mut Streaming<T>) -> Status {
    loop {
        match stream.message().await {
            Ok(told) => assert!(told.is_some(), "it ends with an error"),
            Err(ended) => return ended,
        }
    }
}

/// Those that cannot be resumed have the whole grace.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_streams_end_with_a_status_before_their_connection() {
    let cluster = with_settings(SETTINGS, true).await;
    let caller = Some((cluster.pki(), cluster.caller()));
    let channel = postrider_tests::api::channel(&cluster.replicas[0].url(), caller).unwrap();
    let begun = Instant::now();
    let mut health = HealthClient::new(channel.clone());
    let watched = health.watch(HealthCheckRequest::default()).await.unwrap();
    let mut watched = watched.into_inner();
    let mut reflection = ServerReflectionClient::new(as_administrator(channel));
    let shown = reflection.server_reflection_info(futures::stream::pending()).await.unwrap();
    let mut shown = shown.into_inner();
    let ended = async { tokio::join!(end_of(&mut watched), end_of(&mut shown)) };
    let (watched, shown) = timeout(SOON_LIMIT, ended).await.unwrap();
    assert_aged(&watched);
    assert_aged(&shown);
    assert!(begun.elapsed() > Duration::from_secs(11), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish_stream_that_ends_by_age_has_answered_what_it_read() {
    let cluster = with_settings(SETTINGS, true).await;
    let stage = Stage::set(&cluster, "aged").await;
    let opened = on_a_connection(async || {
        let (sender, requests) = mpsc::channel(1);
        let requests = futures::stream::unfold(requests, |mut requests| async move {
            requests.recv().await.map(|request| (request, requests))
        });
        let answers = stage.api.clone().events.publish_stream(requests).await?;
        Ok((sender, answers.into_inner()))
    });
    let (sender, mut answers) = opened.await;
    let tenant = stage.tenant.clone();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        loop {
            let publish = PublishEventRequest {
                parent: tenant.clone(),
                event: Some(event("payment.completed", DEFAULT_PAYLOAD)),
                idempotency_key: format!("stream-{sent}"),
            };
            let request = PublishStreamRequest { request_id: sent, publish: Some(publish) };
            if sender.send(request).await.is_err() {
                return;
            }
            sent += 1;
        }
    });
    let mut answered = BTreeSet::new();
    let ended = loop {
        match timeout(SOON_LIMIT, answers.message()).await.unwrap() {
            Ok(Some(answer)) => {
                assert!(matches!(answer.result, Some(Answer::Response(_))), "{answer:?}");
                answered.insert(answer.request_id);
            }
            Ok(None) => panic!("it ends with an error"),
            Err(ended) => break ended,
        }
    };
    assert_aged(&ended);
    sending.abort();
    // Whatever has no answer is sent again, and is no second event.
    let last = answered.last().copied().unwrap();
    let again = publish(&stage.api, &stage.tenant, &format!("stream-{last}")).await;
    assert!(again.duplicate);
    assert_eq!(answered.len() as u64, last + 1, "those that were read are answered");
}
