//! The span of a call, and the one line that its failure leaves in the log.
//!
//! Fed by every service method; guarantees that an error is logged once, at this
//! boundary: loud when it is ours, quiet when it is the caller's.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;

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
    if is_ours(status) {
        tracing::warn!(?code, message, source, "call failed");
    } else {
        tracing::debug!(?code, message, source, "call refused");
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
