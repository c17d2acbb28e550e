//! How long a publisher waits for the database, and for how long a change is tried.
//!
//! Fed by the call's deadline; feeds the caller an answer before it
//! (publisher-answered-in-time). A database that does not answer leads to UNAVAILABLE
//! with a time to retry after. The event may still be committed, as after any
//! UNAVAILABLE.
//!
//! Keeps the invariant `publisher-answered-in-time`.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt as _;
use http::HeaderMap;
use tokio::time::Instant;
use tonic::{Request, Status};

use crate::api::rpc::errors::{self, ErrorReason};

/// The upper limit, whatever the caller's deadline. As long as one statement may take at
/// PostgreSQL; a publisher does better to try again.
const MAX_ANSWER_TIME: Duration = Duration::from_secs(10);

/// How long the answer for one event may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerDeadline(Duration);

impl Default for AnswerDeadline {
    fn default() -> Self {
        Self(MAX_ANSWER_TIME)
    }
}

impl AnswerDeadline {
    /// Nine tenths of the call's deadline; the rest is for sending the answer.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get("grpc-timeout").and_then(|value| value.to_str().ok());
        let before = given.and_then(timeout).map(|deadline| deadline / 10 * 9);
        Self(before.unwrap_or(MAX_ANSWER_TIME).min(MAX_ANSWER_TIME))
    }

    /// The deadline of a request that came through `layer`.
    pub fn of_request<T>(request: &Request<T>) -> Self {
        request.extensions().get().copied().unwrap_or_default()
    }

    /// When it is over, for a call that begins now.
    pub fn begun_now(self) -> Instant {
        Instant::now() + self.0
    }

    /// Waits for a publish, up to this time from now. No `async fn`, whose future would have
    /// room for the publish twice.
    pub fn apply<T>(
        self,
        publish: impl Future<Output = Result<T, Status>>,
    ) -> impl Future<Output = Result<T, Status>> {
        tokio::time::timeout(self.0, publish).map(|answered| answered.unwrap_or_else(|_| late()))
    }
}

fn late<T>() -> Result<T, Status> {
    Err(errors::retry_soon(
        ErrorReason::StoreUnavailable,
        "the database did not answer in time; the event may or may not be committed",
    ))
}

/// Reads `grpc-timeout`: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;

    fn patience(given: &str) -> Duration {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", given.parse().unwrap());
        AnswerDeadline::of(&headers).0
    }

    #[test]
    fn it_ends_before_the_deadline_and_has_a_limit() {
        assert_eq!(patience("1000m"), Duration::from_millis(900));
        assert_eq!(patience("2S"), Duration::from_millis(1800));
        assert_eq!(patience("500000u"), Duration::from_millis(450));
        for generous in ["1H", "5M", "99999999H", "", "S", "-1S", "1x", "123456789S"] {
            assert_eq!(patience(generous), MAX_ANSWER_TIME, "{generous}");
        }
        assert_eq!(AnswerDeadline::of(&HeaderMap::new()), AnswerDeadline::default());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_and_everybody_is_told_when_to_try_again() {
        let short = AnswerDeadline(Duration::from_millis(5));
        let refused = short.apply(std::future::pending::<Result<(), Status>>()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        assert_eq!(short.apply(async { Ok::<_, Status>(7) }).await.unwrap(), 7);
    }
}
