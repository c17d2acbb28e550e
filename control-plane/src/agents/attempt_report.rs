//! Makes an attempt's report of what an agent says about it.
//!
//! Fed by a stream's results, with the delivery as this replica knows it; feeds
//! `conclude`. Guarantees that whose the attempt is, its event and what caused it come
//! from the delivery and never from the message, and that every field is bounded: what
//! is too large is cut, what is no value of its field is left out, and no time lies
//! outside the delivery's life.
//!
//! Keeps the invariants `only-what-was-assigned` and `bounded-everything`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{AttemptRecord, Delivery, Outcome, ReportedResponse, StepTimings};
use postrider_domain::ids::AttemptKey;
use postrider_domain::retry::parse_retry_after;
use postrider_domain::scheduler::StreamId;
use postrider_domain::time::Timestamp;
use postrider_proto::agent::v1 as wire;
use postrider_proto::attempt_limits::{
    MAX_EXCERPT_BYTES, MAX_REPORTED_HEADERS, MAX_REPORTED_HEADERS_BYTES, is_http_status,
    printable_error,
};
use postrider_telemetry::{process_tracer, sampled_context};

use super::duration::span;
use crate::flow::conclude::{AttemptReport, ResultTrace};
use crate::state::dispatcher::streams::ConnectedAgent;

/// The longest that an attempt is said to have taken; far longer than any request may
/// take, for an agent that stood still meanwhile.
const MAX_ATTEMPT_SPAN: Duration = Duration::from_secs(600);

/// Reports what an agent says about an attempt of a delivery; `None` when it does not say
/// how the attempt ended.
pub(super) fn to_attempt_report(
    result: wire::AttemptResult,
    key: AttemptKey,
    delivery: &Delivery,
    (agent, stream): (&ConnectedAgent, StreamId),
    now: Timestamp,
) -> Option<AttemptReport> {
    let http_status = u16::try_from(result.http_status).ok();
    let http_status = http_status.filter(|status| is_http_status(u32::from(*status)));
    let mut outcome = outcome(result.fact())?;
    if outcome == Outcome::HttpStatus && http_status.is_none() {
        // A response whose status HTTP does not have is none.
        outcome = Outcome::ConnectionClosed;
    }
    let life = now.since(delivery.create_time());
    let age = span(result.age).unwrap_or_default().min(life);
    let retry_after = retry_after(&result, now);
    let attempt = process_tracer().and_then(|_| sampled_context(&result.traceparent));
    let trace = attempt.map(|attempt| Box::new(ResultTrace { attempt, received: now }));
    let excerpt_is_cut = result.response_body.len() > MAX_EXCERPT_BYTES;
    let body = result.response_body.slice(..result.response_body.len().min(MAX_EXCERPT_BYTES));
    let read = u64::try_from(body.len()).unwrap_or(u64::MAX);
    let record = AttemptRecord {
        key,
        subscription: delivery.subscription.clone(),
        event: delivery.event,
        event_type: delivery.event_type.clone(),
        outcome,
        http_status,
        start_time: key.delivery.no_earlier(now - age),
        timings: timings(result.timings.unwrap_or_default(), life.min(MAX_ATTEMPT_SPAN)),
        response_headers: headers(result.response_headers),
        response_body: body,
        response_body_bytes: result.response_body_bytes.clamp(read, MAX_BODY_BYTES),
        response_body_truncated: result.response_body_truncated || excerpt_is_cut,
        error: printable_error(result.error),
        agent: agent.identity.agent.without_region(),
        region: agent.region.clone(),
        remote_address: remote_address(result.remote_address),
        http_version: http_version(&result.http_version).to_owned(),
        trigger: delivery.trigger,
        test: delivery.test,
        next_attempt_time: None,
        settings_revision: i64::try_from(result.subscription_version).ok().filter(|v| *v > 0),
    };
    // A status is a response, whatever became of the body.
    let response = http_status.map(|_| ReportedResponse { outcome, error: record.error.clone() });
    Some(AttemptReport {
        record: Arc::new(record),
        response,
        retry_after,
        stream: Some(stream),
        reporter: Some(agent.identity.clone()),
        trace,
    })
}

/// The most that an agent is believed to have read of a response, in bytes: it stops at
/// its own limit.
const MAX_BODY_BYTES: u64 = 1 << 40;

/// The outcome of a fact, unless the response's status decides instead.
fn outcome(fact: wire::Fact) -> Option<Outcome> {
    match fact {
        wire::Fact::Unspecified => None,
        wire::Fact::Response => Some(Outcome::HttpStatus),
        wire::Fact::Timeout => Some(Outcome::Timeout),
        wire::Fact::DnsFailed => Some(Outcome::DnsFailed),
        wire::Fact::ConnectFailed => Some(Outcome::ConnectFailed),
        wire::Fact::TlsFailed => Some(Outcome::TlsFailed),
        wire::Fact::ConnectionClosed => Some(Outcome::ConnectionClosed),
        wire::Fact::ResponseTooLarge => Some(Outcome::ResponseTooLarge),
        wire::Fact::BlockedAddress => Some(Outcome::BlockedAddress),
        wire::Fact::InvalidRequest => Some(Outcome::InvalidRequest),
        wire::Fact::TokenFailed => Some(Outcome::TokenFailed),
    }
}

fn retry_after(result: &wire::AttemptResult, now: Timestamp) -> Option<Duration> {
    let value = result.retry_after.as_ref();
    if value.is_empty() {
        return None;
    }
    let mut headers = result.response_headers.iter().take(MAX_REPORTED_HEADERS);
    let date = headers.find(|header| header.name.eq_ignore_ascii_case("date"));
    parse_retry_after(value, date.map(|date| &*date.value), now)
}

fn headers(headers: Vec<wire::Header>) -> Vec<(String, Bytes)> {
    let mut left = MAX_REPORTED_HEADERS_BYTES;
    let fits = |header: &wire::Header| {
        let size = header.name.len().saturating_add(header.value.len());
        left.checked_sub(size).map(|rest| left = rest).is_some()
    };
    let is_token = |header: &wire::Header| {
        !header.name.is_empty() && header.name.bytes().all(|byte| byte.is_ascii_graphic())
    };
    let kept = headers.into_iter().filter(is_token).filter(fits).take(MAX_REPORTED_HEADERS);
    kept.map(|header| (header.name, header.value)).collect()
}

/// No part takes longer than the whole.
fn timings(timings: wire::Timings, longest: Duration) -> StepTimings {
    let total = span(timings.total).unwrap_or_default().min(longest);
    let part = |part: Option<prost_types::Duration>| span(part).map(|span| span.min(total));
    StepTimings {
        dns: part(timings.dns),
        connect: part(timings.connect),
        tls: part(timings.tls),
        first_byte: part(timings.first_byte),
        total,
    }
}

fn remote_address(text: String) -> String {
    if text.parse::<SocketAddr>().is_ok() { text } else { String::new() }
}

fn http_version(text: &str) -> &'static str {
    match text {
        "HTTP/1.1" => "HTTP/1.1",
        "HTTP/2" => "HTTP/2",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::delivery::DeliveryState;
    use postrider_domain::ids::{AgentId, Region};
    use postrider_domain::scheduler::AgentIdentity;
    use postrider_proto::attempt_limits::{MAX_ERROR_BYTES, MAX_RETRY_AFTER_BYTES, is_unprintable};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::{self, FIXTURE_TIME};

    const LIFE: Duration = Duration::from_secs(90);
    const STREAM: StreamId = StreamId(4);

    fn delivery() -> Delivery {
        Delivery { state: DeliveryState::InFlight, ..fixtures::delivery() }
    }

    fn agent() -> ConnectedAgent {
        ConnectedAgent {
            identity: AgentIdentity { agent: AgentId("eu/agent-1".into()), incarnation: [1; 16] },
            region: Region::from_stored("eu"),
            version: String::new(),
            max_in_flight: 8,
            in_flight: 0,
            draining: false,
            clock_skew_us: 0,
            last_heard: FIXTURE_TIME,
        }
    }

    fn report(result: wire::AttemptResult) -> Option<AttemptReport> {
        let delivery = delivery();
        let key = delivery.current_attempt();
        to_attempt_report(result, key, &delivery, (&agent(), STREAM), FIXTURE_TIME + LIFE)
    }

    fn answered(http_status: u32) -> wire::AttemptResult {
        wire::AttemptResult {
            fact: wire::Fact::Response.into(),
            http_status,
            ..wire::AttemptResult::default()
        }
    }

    #[test]
    fn whose_it_is_comes_from_the_delivery() {
        let report = report(wire::AttemptResult { tenant: "another".to_owned(), ..answered(410) });
        let record = report.unwrap().record;
        let own = delivery();
        assert_eq!(record.subscription, own.subscription);
        assert_eq!((record.event, &record.event_type), (own.event, &own.event_type));
        assert_eq!((record.trigger, record.test), (own.trigger, own.test));
        assert_eq!((&*record.agent.0, record.region.as_str()), ("agent-1", "eu"));
    }

    #[test]
    fn a_status_that_http_does_not_have_is_no_response() {
        for status in [0, 99, 600, 999, 65_736, u32::MAX] {
            let report = report(answered(status)).unwrap();
            assert_eq!(report.record.http_status, None, "{status}");
            assert_eq!(report.record.outcome, Outcome::ConnectionClosed, "{status}");
            assert!(report.response.is_none(), "{status}");
        }
        assert_eq!(report(answered(599)).unwrap().record.http_status, Some(599));
        assert!(report(wire::AttemptResult::default()).is_none(), "it does not say how it ended");
    }

    fn any_duration() -> impl Strategy<Value = Option<prost_types::Duration>> {
        let numbers = (any::<i64>(), any::<i32>());
        let wild = numbers.prop_map(|(seconds, nanos)| prost_types::Duration { seconds, nanos });
        let tame = (0..1000_i64).prop_map(|seconds| prost_types::Duration { seconds, nanos: 0 });
        prop::option::of(prop_oneof![wild, tame])
    }

    fn any_bytes(most: usize) -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
    }

    fn any_timings() -> impl Strategy<Value = Option<wire::Timings>> {
        let parts =
            (any_duration(), any_duration(), any_duration(), any_duration(), any_duration());
        let timings = parts.prop_map(|(dns, connect, tls, first_byte, total)| wire::Timings {
            dns,
            connect,
            tls,
            first_byte,
            total,
        });
        prop::option::of(timings)
    }

    prop_compose! {
        fn any_response()(
            names in vec((".{0,20}", any_bytes(300)), 0..300),
            response_body in any_bytes(MAX_EXCERPT_BYTES + 100),
            response_body_bytes in any::<u64>(),
            retry_after in any_bytes(MAX_RETRY_AFTER_BYTES + 10),
        ) -> wire::AttemptResult {
            let header = |(name, value)| wire::Header { name, value };
            wire::AttemptResult {
                response_headers: names.into_iter().map(header).collect(),
                response_body,
                response_body_bytes,
                retry_after,
                ..wire::AttemptResult::default()
            }
        }
    }

    prop_compose! {
        fn any_result()(
            response in any_response(),
            (fact, http_status) in (-1..12_i32, any::<u32>()),
            age in any_duration(),
            timings in any_timings(),
            error in ".{0,3000}",
            remote_address in "[0-9.:a-z]{0,30}|10\\.0\\.0\\.1:443|.{0,300}",
            http_version in "HTTP/1.1|HTTP/2|.{0,300}",
            subscription_version in any::<u64>(),
        ) -> wire::AttemptResult {
            wire::AttemptResult {
                fact,
                http_status,
                age,
                timings,
                error,
                remote_address,
                http_version,
                subscription_version,
                ..response
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn whatever_is_said_is_bounded(result in any_result()) {
            let Some(report) = report(result) else { return Ok(()) };
            let record = &report.record;
            prop_assert!(record.http_status.is_none_or(|status| (100..=599).contains(&status)));
            prop_assert_eq!(report.response.is_some(), record.http_status.is_some());
            prop_assert!((FIXTURE_TIME..=FIXTURE_TIME + LIFE).contains(&record.start_time));
            let timings = record.timings;
            prop_assert!(timings.total <= LIFE);
            for part in [timings.dns, timings.connect, timings.tls, timings.first_byte] {
                prop_assert!(part.is_none_or(|part| part <= timings.total));
            }
            let headers = &record.response_headers;
            let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(headers.len() <= MAX_REPORTED_HEADERS && size <= MAX_REPORTED_HEADERS_BYTES);
            prop_assert!(headers.iter().all(|(name, _)| !name.contains(char::is_control)));
            prop_assert!(record.response_body.len() <= MAX_EXCERPT_BYTES);
            prop_assert!(record.response_body_bytes >= record.response_body.len() as u64);
            prop_assert!(i64::try_from(record.response_body_bytes).is_ok());
            prop_assert!(record.error.len() <= MAX_ERROR_BYTES);
            prop_assert!(!record.error.contains(is_unprintable));
            prop_assert!(record.remote_address.is_empty()
                || record.remote_address.parse::<SocketAddr>().is_ok());
            prop_assert!(["", "HTTP/1.1", "HTTP/2"].contains(&record.http_version.as_str()));
            prop_assert!(record.settings_revision.is_none_or(|revision| revision > 0));
            prop_assert_eq!(&record.subscription, &delivery().subscription);
        }
    }
}
