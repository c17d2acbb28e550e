//! The span of a call, and the one line that its failure leaves in the log.
//!
//! Fed by every service method; guarantees that an error is logged once, at this
//! boundary: loud when it is ours, quiet when it is the caller's; and that a database
//! which is away leaves a line each second, however many call.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use super::caller::Caller;
use super::errors::Reason;

/// The span of one call; what it is about is noted once it is known.
pub fn span<T>(method: &'static str, request: &Request<T>) -> Span {
    let caller = Caller::of(request);
    tracing::info_span!(
        "rpc",
        method,
        who = %caller,
        tenant = Empty,
        subscription = Empty,
        event = Empty,
        delivery = Empty,
    )
}

/// Notes what the current call is about.
pub fn note(field: &'static str, value: impl Display) {
    Span::current().record(field, display(value));
}

/// Runs a call inside its span.
pub async fn call<T>(
    span: Span,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<Response<T>, Status> {
    let result = work.instrument(span.clone()).await;
    if let Err(status) = &result {
        span.in_scope(|| failed(status));
    }
    result.map(Response::new)
}

/// Passes a stream's answers on, in its span only where that costs nothing: what
/// ends it is logged in the span, what it answers is not.
pub fn stream<T>(
    span: Span,
    answers: impl Stream<Item = Result<T, Status>>,
) -> impl Stream<Item = Result<T, Status>> {
    answers.inspect(move |answer| {
        if let Err(status) = answer {
            span.in_scope(|| failed(status));
        }
    })
}

const LINE_INTERVAL: Duration = Duration::from_secs(1);
/// Reasons of UNAVAILABLE that say nothing of our health: what was asked for is not
/// there yet, or this replica leaves.
const EXPECTED_REASONS: [Reason; 3] =
    [Reason::RegionHasNoAgent, Reason::WindowOpen, Reason::Stopping];

/// Logs a failure: whatever is wrong with what a caller sent is no concern of whoever
/// reads the log, whoever noticed it.
fn failed(status: &Status) {
    let code = status.code();
    let message = status.message();
    let source = status.source().map(ToString::to_string).unwrap_or_default();
    if !is_ours(status) {
        tracing::debug!(?code, message, source, "call refused");
    } else if code != Code::Unavailable {
        tracing::warn!(?code, message, source, "call failed");
    } else if let Some(left_out) = UNAVAILABLE.next_line(Instant::now()) {
        tracing::warn!(?code, message, source, left_out, "call failed");
    } else {
        tracing::debug!(?code, message, source, "call failed");
    }
}

/// Lines of one kind, at most one each second.
struct LineLimit(Mutex<Option<(Instant, u64)>>);

static UNAVAILABLE: LineLimit = LineLimit(Mutex::new(None));

impl LineLimit {
    /// How many were left out before this line; none if this one is left out.
    fn next_line(&self, now: Instant) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((said, left_out)) = last.as_mut()
            && now.saturating_duration_since(*said) < LINE_INTERVAL
        {
            *left_out += 1;
            return None;
        }
        let left_out = last.map_or(0, |(_, left_out)| left_out);
        *last = Some((now, 0));
        Some(left_out)
    }
}

fn is_ours(status: &Status) -> bool {
    match status.code() {
        Code::Internal | Code::Unknown | Code::DataLoss => true,
        Code::Unavailable => {
            let details = status.get_details_error_info();
            let reason = details.as_ref().map(|details| details.reason.as_str());
            !EXPECTED_REASONS.iter().any(|expected| Some(expected.name()) == reason)
        }
        _ => false,
    }
}

/// Logs a change that was made, with who made it.
pub fn changed(who: &str, what: &'static str, name: &dyn Display) {
    tracing::info!(who, what, %name, "changed");
}

#[cfg(test)]
mod tests {
    use super::super::errors;
    use super::*;

    #[test]
    fn lines_are_one_a_second_and_say_what_was_left_out() {
        let (limit, start) = (LineLimit(Mutex::new(None)), Instant::now());
        let line = |millis| limit.next_line(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 1, 999, 1000, 1500, 9000].map(line),
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }

    #[test]
    fn a_caller_s_mistake_is_not_ours() {
        for callers in [
            errors::invalid("filter", "is wrong"),
            errors::plain(Reason::DataRefused, "refused"),
            errors::retry_soon(Reason::RegionHasNoAgent, "no agent"),
            errors::retry_soon(Reason::WindowOpen, "open"),
            Status::unimplemented("no such method"),
        ] {
            assert!(!is_ours(&callers), "{callers:?}");
        }
        for ours in [
            errors::retry_soon(Reason::StoreUnavailable, "away"),
            errors::plain(Reason::Internal, "broke"),
            Status::unknown("?"),
            Status::unavailable("without a reason"),
        ] {
            assert!(is_ours(&ours), "{ours:?}");
        }
    }
}
