//! The span of a call, and the one log line of its failure.
//!
//! Fed by `layer` for every call. Guarantees that an error is logged once, here: as a
//! warning if the server is at fault, at debug level if the caller is; and that an
//! unavailable database leaves a line each second, however many call.

use std::error::Error;
use std::fmt::Display;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use postrider_telemetry::LineLimit;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;
use tracing::Span;
use tracing::field::{Empty, display};

use crate::api::rpc::errors::ErrorReason;
use crate::api::rpc::malformed;

/// More than any method's name has; a path comes from outside.
const MAX_METHOD_CHARACTERS: usize = 64;

/// The span of a call to a method's path, `/package.Service/Method`; fields about
/// resources are filled in later.
pub(super) fn call_span(path: &str, address: &str, request_id: &str) -> Span {
    let method = path.rsplit('/').next().unwrap_or_default();
    let end = method.char_indices().nth(MAX_METHOD_CHARACTERS).map_or(method.len(), |(at, _)| at);
    let method = method.get(..end).unwrap_or_default();
    tracing::info_span!(
        "rpc",
        method,
        who = Empty,
        address,
        request_id,
        tenant = Empty,
        subscription = Empty,
        event = Empty,
        delivery = Empty,
    )
}

/// Records what the call is about.
pub fn record_in_span(field: &'static str, value: impl Display) {
    Span::current().record(field, display(value));
}

/// Passes a stream through and logs the error that ends it, in the present call's span.
pub fn log_stream_end<T>(
    answers: impl Stream<Item = Result<T, Status>>,
) -> impl Stream<Item = Result<T, Status>> {
    let span = Span::current();
    answers.inspect(move |answer| {
        if let Err(status) = answer {
            span.in_scope(|| log_failure(status));
        }
    })
}

/// A line says how many it stands for, and nobody reads faster.
const LINE_INTERVAL: Duration = Duration::from_secs(1);
/// Reasons of UNAVAILABLE that do not mean that this replica is unhealthy.
const EXPECTED_REASONS: [ErrorReason; 4] = [
    ErrorReason::RegionHasNoAgent,
    ErrorReason::WindowOpen,
    ErrorReason::ConnectionAged,
    ErrorReason::Stopping,
];

/// Logs a failed call: a warning if the server is at fault, at debug level if the
/// caller is.
pub(super) fn log_failure(status: &Status) {
    let code = status.code();
    let message = status.message();
    let source = status.source().map(ToString::to_string).unwrap_or_default();
    if !is_server_fault(status) {
        tracing::debug!(?code, message, source, "call refused");
    } else if code != Code::Unavailable {
        tracing::warn!(?code, message, source, "call failed");
    } else if let Some(left_out) = UNAVAILABLE.next_line(Instant::now()) {
        tracing::warn!(?code, message, source, left_out, "call failed");
    } else {
        tracing::debug!(?code, message, source, "call failed");
    }
}

/// The database is away, and everybody calls.
static UNAVAILABLE: LineLimit = LineLimit::new(1, LINE_INTERVAL);

#[expect(clippy::wildcard_enum_match_arm, reason = "all other codes are the caller's")]
fn is_server_fault(status: &Status) -> bool {
    match status.code() {
        Code::Internal => malformed::reason(status).is_none(),
        Code::Unknown | Code::DataLoss => true,
        Code::Unavailable => {
            let details = status.get_details_error_info();
            let reason = details.as_ref().map(|details| details.reason.as_str());
            !EXPECTED_REASONS.iter().any(|expected| Some(expected.name()) == reason)
        }
        _ => false,
    }
}

/// Logs a completed change and its caller.
pub fn log_change(who: &str, what: &'static str, name: &dyn Display) {
    tracing::info!(who, what, %name, "changed");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rpc::errors;

    #[test]
    fn a_caller_s_mistake_is_not_ours() {
        for callers in [
            errors::invalid("filter", "is wrong"),
            errors::status(ErrorReason::DataRefused, "refused"),
            errors::retry_soon(ErrorReason::RegionHasNoAgent, "no agent"),
            errors::retry_soon(ErrorReason::WindowOpen, "open"),
            Status::unimplemented("no such method"),
            Status::internal("failed to decode Protobuf message"),
        ] {
            assert!(!is_server_fault(&callers), "{callers:?}");
        }
        for ours in [
            errors::retry_soon(ErrorReason::StoreUnavailable, "away"),
            errors::status(ErrorReason::Internal, "broke"),
            Status::unknown("?"),
            Status::unavailable("without a reason"),
        ] {
            assert!(is_server_fault(&ours), "{ours:?}");
        }
    }
}
