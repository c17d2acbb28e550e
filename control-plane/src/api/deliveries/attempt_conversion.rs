//! Turns an attempt as history has it into the message that callers read.

use postrider_domain::delivery::{AttemptRecord, Outcome, StepTimings, Trigger};
use postrider_proto::v1;
use postrider_store::RecordedAttempt;
use postrider_webhook_request::{RebuiltHeader, RebuiltHeaderValue, RebuiltRequest};

use crate::api::values::names;
use crate::api::values::time::{duration, timestamp};

/// Like [`to_proto`], with the time at which the attempt was recorded.
pub fn recorded_to_proto(attempt: RecordedAttempt) -> v1::Attempt {
    let create_time = Some(timestamp(attempt.record_time));
    v1::Attempt { create_time, ..to_proto(attempt.record) }
}

pub fn to_proto(attempt: AttemptRecord) -> v1::Attempt {
    let tenant = &attempt.subscription.tenant;
    let headers = attempt.response_headers.into_iter();
    v1::Attempt {
        name: names::of_attempt(tenant, attempt.key.delivery, attempt.key.number),
        number: attempt.key.number,
        delivery: names::of_delivery(tenant, attempt.key.delivery),
        event: names::of_event(tenant, attempt.event),
        event_type: attempt.event_type,
        subscription: attempt.subscription.to_string(),
        outcome: outcome(attempt.outcome).into(),
        http_status: attempt.http_status.map_or(0, u32::from),
        error: attempt.error,
        start_time: Some(timestamp(attempt.start_time)),
        timings: Some(timings(attempt.timings)),
        response_headers: headers.map(|(name, value)| v1::HttpHeader { name, value }).collect(),
        response_text: text(&attempt.response_body, attempt.response_body_truncated),
        response_body: attempt.response_body,
        response_body_truncated: attempt.response_body_truncated,
        response_body_size: i64::try_from(attempt.response_body_bytes).unwrap_or(i64::MAX),
        // An attempt with an unknown outcome may have no agent, and so no region.
        agent: match attempt.agent.0.as_ref() {
            "" => String::new(),
            _ => names::of_agent(&attempt.agent),
        },
        region: match attempt.region.as_str() {
            "" => String::new(),
            _ => names::of_region(&attempt.region),
        },
        remote_address: attempt.remote_address,
        http_version: attempt.http_version,
        test: attempt.test,
        trigger: trigger(attempt.trigger).into(),
        next_attempt_time: attempt.next_attempt_time.map(timestamp),
        create_time: None,
        request: None,
        request_unknown_reason: v1::RequestUnknownReason::Unspecified.into(),
    }
}

/// A larger body is not shown as text too. The answer would hold it twice, and gRPC's
/// default limit is 4 MiB.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// Shown instead of a header value that is secret.
const MASKED_VALUE: &str = "***";

pub fn request_to_proto(request: RebuiltRequest) -> v1::AttemptRequest {
    let headers = request.headers.into_iter().map(|RebuiltHeader { name, value }| {
        let (value, view) = match value {
            RebuiltHeaderValue::Sent(value) => (value, v1::RequestHeaderView::Sent),
            RebuiltHeaderValue::Secret => (MASKED_VALUE.to_owned(), v1::RequestHeaderView::Masked),
            RebuiltHeaderValue::NotKept => (String::new(), v1::RequestHeaderView::NotKept),
        };
        v1::RequestHeader { name, value, view: view.into() }
    });
    v1::AttemptRequest {
        method: "POST".to_owned(),
        url: request.url,
        headers: headers.collect(),
        body_text: match request.body.len() {
            0..=MAX_TEXT_BYTES => text(&request.body, false),
            _ => String::new(),
        },
        body: request.body,
    }
}

/// A body as text if it is text, else empty. If the body was cut, an incomplete last
/// character is dropped.
fn text(body: &[u8], is_cut: bool) -> String {
    let (whole, rest) = match std::str::from_utf8(body) {
        Ok(whole) => (whole, Ok(())),
        Err(error) => {
            let (whole, _) = body.split_at_checked(error.valid_up_to()).unwrap_or_default();
            // No error length: the body ends within a character.
            let ends_within = error.error_len().is_none();
            let rest = if is_cut && ends_within { Ok(()) } else { Err(()) };
            (std::str::from_utf8(whole).unwrap_or_default(), rest)
        }
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    if rest.is_ok() && whole.chars().all(is_text) { whole.to_owned() } else { String::new() }
}

fn timings(timings: StepTimings) -> v1::AttemptTimings {
    v1::AttemptTimings {
        dns: timings.dns.map(duration),
        connect: timings.connect.map(duration),
        tls: timings.tls.map(duration),
        first_byte: timings.first_byte.map(duration),
        total: Some(duration(timings.total)),
    }
}

pub const fn outcome(outcome: Outcome) -> v1::AttemptOutcome {
    match outcome {
        Outcome::Succeeded => v1::AttemptOutcome::Succeeded,
        Outcome::HttpStatus => v1::AttemptOutcome::HttpStatus,
        Outcome::Timeout => v1::AttemptOutcome::Timeout,
        Outcome::DnsFailed => v1::AttemptOutcome::DnsFailed,
        Outcome::ConnectFailed => v1::AttemptOutcome::ConnectFailed,
        Outcome::TlsFailed => v1::AttemptOutcome::TlsFailed,
        Outcome::ConnectionClosed => v1::AttemptOutcome::ConnectionClosed,
        Outcome::ResponseTooLarge => v1::AttemptOutcome::ResponseTooLarge,
        Outcome::BlockedAddress => v1::AttemptOutcome::BlockedAddress,
        Outcome::InvalidRequest => v1::AttemptOutcome::InvalidRequest,
        Outcome::Unknown => v1::AttemptOutcome::Unknown,
        Outcome::TokenFailed => v1::AttemptOutcome::TokenFailed,
    }
}

pub const fn trigger(trigger: Trigger) -> v1::AttemptTrigger {
    match trigger {
        Trigger::Publish => v1::AttemptTrigger::Publish,
        Trigger::Retry => v1::AttemptTrigger::Retry,
        Trigger::Manual => v1::AttemptTrigger::Manual,
        Trigger::Test => v1::AttemptTrigger::Test,
        Trigger::Replay => v1::AttemptTrigger::Replay,
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::ids::{AgentId, Region};

    use super::*;
    use crate::fixtures;

    #[test]
    fn a_body_is_shown_as_text_where_it_is_text() {
        for (body, is_cut, shown) in [
            (&b"closed: \xe2\x82\xac\r\n\tbye"[..], false, "closed: \u{20ac}\r\n\tbye"),
            (b"", false, ""),
            (b"cut: \xe2\x82", true, "cut: "),
            // Not by us: it is not UTF-8.
            (b"cut: \xe2\x82", false, ""),
            (b"\xe2\x28\xa1 in the middle", true, ""),
            (b"PNG\0\x1a", false, ""),
            (b"\x1b[31mred", false, ""),
        ] {
            assert_eq!(text(body, is_cut), shown, "{body:?}");
        }
    }

    #[test]
    fn an_attempt_is_shown_whole() {
        let record = fixtures::attempt();
        let shown = to_proto(record.clone());
        assert_eq!(shown.name, format!("{}/attempts/1", shown.delivery));
        assert_eq!(shown.outcome(), v1::AttemptOutcome::HttpStatus);
        assert_eq!(shown.http_status, 503);
        assert_eq!(shown.response_body, record.response_body);
        assert_eq!(shown.agent, "agents/agent-1");
        assert!(shown.timings.is_some_and(|t| t.dns.is_none() && t.total.is_some()));
    }

    #[test]
    fn an_attempt_that_nobody_made_has_no_agent_and_no_region() {
        let (agent, region) = (AgentId("".into()), Region::from_stored(""));
        let shown = to_proto(AttemptRecord { agent, region, ..fixtures::attempt() });
        assert_eq!((shown.agent, shown.region), (String::new(), String::new()));
    }

    #[test]
    fn every_outcome_has_the_number_of_its_name() {
        for each in Outcome::ALL {
            assert_eq!(i32::from(outcome(*each)), i32::from(each.code()));
        }
        for each in Trigger::ALL {
            assert_eq!(i32::from(trigger(*each)), i32::from(each.code()));
        }
    }
}
