//! Until when a certificate counts that was valid when its connection began.
//!
//! Fed by what certificates say; feeds the doors, which judge each request, and
//! connections and streams, which end. TLS looks at a certificate only at the handshake.
//!
//! Keeps the invariant `certificate-says-who`.

use std::time::{Duration, SystemTime};

/// How long after its certificate has expired a connection is closed: time for the calls
/// that go on to be ended with a status that says why.
pub(super) const EXPIRED_CONNECTION_GRACE: Duration = Duration::from_secs(5);
/// A clock that is set is noticed within it, and no timer runs for years.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// By this machine's clock, as in the handshake.
pub(super) fn has_expired(not_after: SystemTime) -> bool {
    SystemTime::now() > not_after
}

/// Completes once a certificate has expired.
pub(super) async fn wait_until(not_after: SystemTime) {
    while let Ok(left) = not_after.duration_since(SystemTime::now()) {
        // A little more, so that it is over then.
        let pause = (left + Duration::from_millis(1)).min(CLOCK_CHECK_INTERVAL);
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_certificate_counts_until_its_end() {
        let end = SystemTime::now() + Duration::from_millis(300);
        assert!(!has_expired(end));
        wait_until(end).await;
        assert!(has_expired(end));
        wait_until(end).await;
        assert!(!has_expired(SystemTime::now() + Duration::from_secs(3600)));
    }
}
