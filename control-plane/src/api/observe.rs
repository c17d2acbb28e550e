//! The span of a call, and the one line that its failure leaves in the log.
//!
//! Fed by every service method; guarantees that an error is logged once, at this
//! boundary: loud when it is ours, quiet when it is the caller's.

use std::error::Error;
use std::fmt::Display;
use std::future::Future;

use futures::{Stream, StreamExt};
use tonic::{Code, Request, Response, Status};
use tracing::field::{Empty, display};
use tracing::{Instrument, Span};

use super::caller::Caller;

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

/// Logs a failure.
fn failed(status: &Status) {
    let code = status.code();
    let message = status.message();
    let source = status.source().map(ToString::to_string).unwrap_or_default();
    let ours = matches!(
        code,
        Code::Unavailable | Code::Internal | Code::Unknown | Code::DataLoss | Code::Unimplemented
    );
    if ours || !source.is_empty() {
        tracing::warn!(?code, message, source, "call failed");
    } else {
        tracing::debug!(?code, message, "call refused");
    }
}

/// Logs a change that was made, with who made it.
pub fn changed(who: &str, what: &'static str, name: &dyn Display) {
    tracing::info!(who, what, %name, "changed");
}
