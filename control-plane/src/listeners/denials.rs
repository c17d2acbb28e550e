//! The log line about certificates that are let in nowhere, and connections that fail.
//!
//! Fed by the doors; feeds the log, and whoever is not let in with the reason. Guarantees
//! that whoever keeps trying leaves a line every ten seconds and no more.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use postrider_telemetry::LineLimit;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::door::Door;

/// The domain of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "postrider";
/// Seen while somebody looks, and not the log's bulk.
const DENIAL_LOG_INTERVAL: Duration = Duration::from_secs(10);

/// An error with its reason, as one of the public API has it.
pub(super) fn status_with_reason(code: Code, reason: &str, message: String) -> Status {
    let details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}

/// The lines about those who are let in nowhere.
pub struct DenialLog(LineLimit);

impl Default for DenialLog {
    fn default() -> Self {
        Self(LineLimit::new(1, DENIAL_LOG_INTERVAL))
    }
}

impl DenialLog {
    /// The answer to somebody whose certificate lets him in nowhere.
    pub fn refuse(&self, door: Door, reason: String) -> Status {
        if let Some(left_out) = self.0.next_line(Instant::now()) {
            tracing::warn!(%door, reason, left_out, "a certificate was refused");
        }
        status_with_reason(Code::PermissionDenied, "PERMISSION_DENIED", reason)
    }

    /// Notes that a connection was closed at once, since the door has no place.
    pub fn note_full(&self, door: Door, address: SocketAddr) {
        if let Some(left_out) = self.0.next_line(Instant::now()) {
            tracing::warn!(%door, %address, left_out, "a connection was closed: its door, or its address, has no place for another");
        }
    }

    /// Notes that a handshake failed by the fault of whoever came, who is told little.
    pub fn note_handshake(&self, door: Door, address: SocketAddr, reason: &str) {
        if let Some(left_out) = self.0.next_line(Instant::now()) {
            tracing::warn!(%door, %address, reason, left_out, "a connection was refused");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_let_in_nowhere_is_told_the_reason() {
        let refused = DenialLog::default().refuse(Door::Agents, "it is no agent's".to_owned());
        let told = refused.get_details_error_info().unwrap();
        assert_eq!(
            (told.reason.as_str(), told.domain.as_str()),
            ("PERMISSION_DENIED", "postrider")
        );
        assert_eq!(refused.code(), Code::PermissionDenied);
    }

    #[test]
    fn lines_are_one_in_ten_seconds_and_say_what_was_left_out() {
        let log = DenialLog::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(log.0.next_line(start), Some(0));
        assert_eq!(log.0.next_line(at(1)), None);
        assert_eq!(log.0.next_line(at(9)), None);
        assert_eq!(log.0.next_line(at(10)), Some(2));
        assert_eq!(log.0.next_line(at(30)), Some(0));
    }
}
