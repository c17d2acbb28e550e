//! Answers that are not a success, or too much of one.
//!
//! Fed by a small cluster; feeds `failures`. Guarantees that an answer counts by
//! its status alone, once its head is complete.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use postrider_proto::v1::{Attempt, AttemptOutcome, DeliveryState, RetryPolicy, Subscription};
use postrider_tests::cluster::Cluster;
use postrider_tests::process::most_memory;
use postrider_tests::receiver::behaviour::{self, Answer, Behaviour, Body};

use crate::stage::{SOON_LIMIT, Stage, duration, once, time};

/// How long an attempt may take: long enough for a connection to be made and an answer to
/// be read on a busy machine, since what never comes is waited for as long.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
/// What a timer may end before its time.
const TIMER_PRECISION: Duration = Duration::from_millis(10);

/// A subscription whose attempts take no longer than [`REQUEST_TIMEOUT`].
fn impatient(stage: &Stage, path: &str, policy: RetryPolicy) -> Subscription {
    Subscription {
        retry_policy: Some(policy),
        request_timeout: Some(REQUEST_TIMEOUT.try_into().unwrap()),
        ..stage.wanted(path)
    }
}

/// A path, what the receiver does there, and what history says of it.
type Fault = (&'static str, Behaviour, AttemptOutcome, u32);

const RESPONSE_WORDS: &[u8] = b"no\0t today \xff";

fn faults() -> [Fault; 7] {
    use AttemptOutcome::{ConnectionClosed, HttpStatus, Timeout};
    let answer = |status: StatusCode| behaviour::status(status);
    let refusal = Answer::status(StatusCode::SERVICE_UNAVAILABLE)
        .header("x-why", "tired")
        .body(Body::Whole(Bytes::from_static(RESPONSE_WORDS)));
    let cut = Answer::status(StatusCode::BAD_GATEWAY)
        .body(Body::Cut(Bytes::from_static(b"as far as it we")));
    let broken = answer(StatusCode::INTERNAL_SERVER_ERROR);
    let close = Behaviour::CloseBeforeAnswer;
    [
        ("/500", broken, HttpStatus, 500),
        ("/503", refusal.into(), HttpStatus, 503),
        ("/404", answer(StatusCode::NOT_FOUND), HttpStatus, 404),
        ("/304", answer(StatusCode::NOT_MODIFIED), HttpStatus, 304),
        ("/hang", Behaviour::Hang, Timeout, 0),
        ("/close", close, ConnectionClosed, 0),
        ("/cut", cut.into(), HttpStatus, 502),
    ]
}

/// Checks what every failed attempt has, and what those have that say more.
fn assert_recorded(stage: &Stage, attempt: &Attempt) {
    let answered = attempt.outcome() == AttemptOutcome::HttpStatus;
    assert!(!attempt.error.is_empty() || answered, "{attempt:?}");
    assert!(attempt.next_attempt_time.is_none(), "{attempt:?}");
    let address = format!("127.0.0.1:{}", stage.receiver.port());
    assert_eq!(attempt.remote_address, address);
    let timings = attempt.timings.unwrap();
    let total = duration(timings.total);
    assert!(total < REQUEST_TIMEOUT * 2, "{attempt:?}");
    if attempt.outcome() == AttemptOutcome::Timeout {
        assert!(total >= REQUEST_TIMEOUT - TIMER_PRECISION, "{attempt:?}");
    }
    if timings.first_byte.is_some() {
        assert!(duration(timings.first_byte) <= total, "{attempt:?}");
    }
    if attempt.http_status == 503 {
        assert_eq!(attempt.response_body, RESPONSE_WORDS);
        assert_eq!(attempt.response_body_size, 12);
        let why = attempt.response_headers.iter().find(|h| h.name == "x-why");
        assert_eq!(why.unwrap().value, "tired");
    }
}

pub async fn every_bad_answer_is_recorded(cluster: &Cluster) {
    let stage = Stage::set(cluster, "answers").await;
    let mut wanted = Vec::new();
    for (path, behaviour, outcome, status) in faults() {
        stage.receiver.script(path, [behaviour]);
        stage.create(impatient(&stage, path, once())).await;
        wanted.push((outcome as i32, status));
    }
    stage.publish().await;
    let filter = "state = EXHAUSTED";
    let ended = stage.api.wait_for_deliveries(&stage.tenant, filter, wanted.len(), SOON_LIMIT);
    let mut seen = Vec::new();
    for delivery in ended.await.unwrap() {
        let attempts = stage.attempts(&delivery).await;
        assert_eq!(attempts.len(), 1, "{attempts:?}");
        let attempt = &attempts[0];
        assert_recorded(&stage, attempt);
        assert_eq!(delivery.last_outcome, attempt.outcome);
        assert!(time(delivery.end_time) >= time(attempt.start_time));
        seen.push((attempt.outcome, attempt.http_status));
    }
    wanted.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, wanted);
}

/// The receiver has said 200: what comes of the body after it changes nothing, and
/// history says what that was.
pub async fn the_status_is_the_answer(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bodies").await;
    let drip = behaviour::drip(Duration::from_millis(50));
    for (path, behaviour, words) in [
        ("/cut", behaviour::close_in_body(), "ended early"),
        ("/drip", drip, "before the response's body was complete"),
    ] {
        stage.receiver.script(path, [behaviour]);
        let created = stage.create(impatient(&stage, path, once())).await;
        let event = stage.publish().await;
        let filter = format!("subscription = \"{}\" AND event = \"{event}\"", created.name);
        let ended =
            stage.api.wait_for_deliveries(&stage.tenant, &filter, 1, SOON_LIMIT).await.unwrap();
        let name = &ended[0].name;
        let ended =
            stage.api.wait_for_state(name, DeliveryState::Succeeded, SOON_LIMIT).await.unwrap();
        let attempt = stage.attempts(&ended).await.remove(0);
        assert_eq!((attempt.outcome(), attempt.http_status), (AttemptOutcome::Succeeded, 200));
        assert!(attempt.error.contains(words), "{attempt:?}");
        assert_eq!(stage.receiver.received_at(path), 1);
    }
}

/// The most memory that the cluster's first agent ever had, in KiB.
fn agent_memory(cluster: &Cluster) -> u64 {
    most_memory(cluster.agents[0].process_id().expect("the agent runs")).unwrap()
}

pub async fn fifty_megabytes_are_not_read(cluster: &Cluster) {
    const BODY_BYTES: u64 = 50 << 20;
    let stage = Stage::set(cluster, "large").await;
    let refused = Answer::status(StatusCode::BAD_GATEWAY).body(Body::Sized(BODY_BYTES));
    stage.receiver.script("/ok", [behaviour::large(BODY_BYTES)]);
    stage.receiver.script("/bad", [refused.into()]);
    for path in ["/ok", "/bad"] {
        let wanted = stage.wanted(path);
        let retry_policy = Some(once());
        stage.create(Subscription { retry_policy, ..wanted }).await;
    }
    let before = agent_memory(cluster);
    stage.publish_many(4).await;
    for (filter, outcome, status) in [
        ("state = SUCCEEDED", AttemptOutcome::Succeeded, 200),
        ("state = EXHAUSTED", AttemptOutcome::HttpStatus, 502),
    ] {
        let ended = stage.api.wait_for_deliveries(&stage.tenant, filter, 4, SOON_LIMIT);
        for delivery in ended.await.unwrap() {
            let attempt = stage.attempts(&delivery).await.remove(0);
            assert_eq!((attempt.outcome(), attempt.http_status), (outcome, status));
            assert!(attempt.response_body_truncated, "{attempt:?}");
            assert_eq!(attempt.response_body.len(), 1024);
            let read = u64::try_from(attempt.response_body_size).unwrap();
            assert!(read < BODY_BYTES / 100, "read {read} bytes");
        }
    }
    let more = agent_memory(cluster).saturating_sub(before);
    assert!(more < 32 << 10, "the agent took {more} KiB more");
}

pub async fn redirects_are_not_followed(cluster: &Cluster) {
    let stage = Stage::set(cluster, "redirects").await;
    let target = stage.receiver.url("/elsewhere");
    let statuses = [301, 302, 303, 307, 308].map(|code| StatusCode::from_u16(code).unwrap());
    stage.receiver.script("/hook", statuses.map(|status| behaviour::redirect(status, &target)));
    stage.subscribe_with_delays("/hook", &[0, 0, 0, 0]).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let attempts = stage.attempts(&delivery).await;
    let seen: Vec<_> = attempts.iter().map(|a| (a.outcome(), a.http_status)).collect();
    let wanted = statuses.map(|s| (AttemptOutcome::HttpStatus, u32::from(s.as_u16())));
    assert_eq!(seen, wanted);
    assert_eq!(stage.receiver.received_at("/elsewhere"), 0);
    assert_eq!(stage.receiver.received(), 5);
}
