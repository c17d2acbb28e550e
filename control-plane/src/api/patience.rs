//! How long a publisher waits for the database.
//!
//! Fed by a call's own deadline; feeds the publisher an answer before it.
//! Guarantees that a database which stands still, or a network that swallows its
//! words, leaves nobody waiting: the answer is UNAVAILABLE, with when to try again.
//! What was asked may still happen, as after any UNAVAILABLE.

use std::future::Future;
use std::time::Duration;

use tonic::Status;
use tonic::metadata::MetadataMap;

use super::errors::{self, Reason};

/// Nobody waits longer, whatever his deadline.
const LONGEST: Duration = Duration::from_secs(10);

/// How long one event's answer may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(LONGEST)
    }
}

impl Patience {
    /// Nine tenths of the call's deadline: the rest is the answer's way.
    pub fn of(metadata: &MetadataMap) -> Self {
        let given = metadata.get("grpc-timeout").and_then(|value| value.to_str().ok());
        let before = given.and_then(timeout).map(|deadline| deadline / 10 * 9);
        Self(before.unwrap_or(LONGEST).min(LONGEST))
    }

    /// Waits for a publish no longer than that.
    pub async fn keep<T>(
        self,
        publish: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        tokio::time::timeout(self.0, publish).await.unwrap_or_else(|_| {
            Err(errors::retry_soon(
                Reason::StoreUnavailable,
                "the database gave no answer in time; whether the event was committed is not known",
            ))
        })
    }
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
#[allow(clippy::unwrap_used)]
mod tests {
    use tonic::Code;
    use tonic_types::StatusExt;

    use super::*;

    fn patience(given: &str) -> Duration {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", given.parse().unwrap());
        Patience::of(&metadata).0
    }

    #[test]
    fn it_ends_before_the_deadline_and_has_a_limit() {
        assert_eq!(patience("1000m"), Duration::from_millis(900));
        assert_eq!(patience("2S"), Duration::from_millis(1800));
        assert_eq!(patience("500000u"), Duration::from_millis(450));
        for generous in ["1H", "5M", "99999999H", "", "S", "-1S", "1x", "123456789S"] {
            assert_eq!(patience(generous), LONGEST, "{generous}");
        }
        assert_eq!(Patience::of(&MetadataMap::new()), Patience::default());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_and_everybody_is_told_when_to_try_again() {
        let short = Patience(Duration::from_millis(5));
        let refused = short.keep(std::future::pending::<Result<(), Status>>()).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        assert_eq!(short.keep(async { Ok::<_, Status>(7) }).await.unwrap(), 7);
    }
}
