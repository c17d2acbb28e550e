//! How a command ends: its error, and the exit code that scripts go by.
//!
//! The codes are part of the command line's contract, and stand in docs/cli.md.

use std::io;

use thiserror::Error;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// Something failed that has no code of its own.
pub const FAILURE_CODE: u8 = 1;
/// The command line is wrong; clap ends with it too.
pub const USAGE_CODE: u8 = 2;
/// There is no such resource, or the caller may not know of it.
pub const NOT_FOUND_CODE: u8 = 3;
/// The request is wrong, or not possible now.
pub const REFUSED_CODE: u8 = 4;
/// The caller is unknown or may not do it.
pub const DENIED_CODE: u8 = 5;
/// Nobody could be reached, or not now: the same command may succeed later.
pub const UNAVAILABLE_CODE: u8 = 6;
/// It was carried out, and what it looked at is not as it should be.
pub const MISMATCH_CODE: u8 = 7;
/// Ctrl-C.
pub const INTERRUPTED_CODE: u8 = 130;

/// Of streams that were too slow: they go on over another, with a token or a key.
const RESUMED_REASONS: [&str; 3] = ["WATCH_TOO_SLOW", "READ_TOO_SLOWLY", "RECEIVED_TOO_SLOWLY"];

/// Why a command did not succeed.
#[derive(Debug, Error)]
pub enum CliError {
    #[error("{0}")]
    Usage(String),
    /// The server, or the way to it, refused the call.
    #[error("{}", .0.message())]
    Call(Box<Status>),
    #[error("{0}")]
    Unavailable(String),
    /// Part of it was refused.
    #[error("{0}")]
    Refused(String),
    /// The caller may not do all of it.
    #[error("{0}")]
    Denied(String),
    #[error("{0}")]
    Mismatch(String),
    #[error("{0}")]
    Interrupted(String),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

impl CliError {
    /// The code for scripts.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE_CODE,
            Self::Call(status) => code_of(status.code()),
            Self::Unavailable(_) => UNAVAILABLE_CODE,
            Self::Refused(_) => REFUSED_CODE,
            Self::Denied(_) => DENIED_CODE,
            Self::Mismatch(_) => MISMATCH_CODE,
            Self::Interrupted(_) => INTERRUPTED_CODE,
            // Whoever reads has enough, as `head` does.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Output(_) | Self::Other(_) => FAILURE_CODE,
        }
    }

    /// Whether what was interrupted by it can go on: it passes by waiting, or the connection
    /// broke.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Call(status) => match status.get_details_error_info() {
                Some(info) => {
                    let is_resumed = RESUMED_REASONS.contains(&info.reason.as_str());
                    is_resumed || status.get_details_retry_info().is_some()
                }
                None => matches!(
                    status.code(),
                    Code::Unavailable | Code::Unknown | Code::Cancelled | Code::DeadlineExceeded
                ),
            },
            _ => false,
        }
    }

    /// Whether there is nothing to say.
    pub fn is_silent(&self) -> bool {
        self.exit_code() == 0
    }
}

fn code_of(code: Code) -> u8 {
    match code {
        Code::NotFound => NOT_FOUND_CODE,
        Code::InvalidArgument
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented => REFUSED_CODE,
        Code::Unauthenticated | Code::PermissionDenied => DENIED_CODE,
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => UNAVAILABLE_CODE,
        Code::Ok | Code::Cancelled | Code::Unknown | Code::Internal | Code::DataLoss => {
            FAILURE_CODE
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn scripts_can_tell_errors_apart() {
        let call = |code| CliError::from(Status::new(code, "x")).exit_code();
        assert_eq!(call(Code::NotFound), NOT_FOUND_CODE);
        assert_eq!(call(Code::FailedPrecondition), REFUSED_CODE);
        assert_eq!(call(Code::PermissionDenied), DENIED_CODE);
        assert_eq!(call(Code::Unavailable), UNAVAILABLE_CODE);
        assert_eq!(call(Code::Internal), FAILURE_CODE);
        assert_eq!(CliError::Mismatch(String::new()).exit_code(), MISMATCH_CODE);
        assert_eq!(CliError::Denied(String::new()).exit_code(), DENIED_CODE);
    }

    #[test]
    fn what_passes_by_waiting_is_known() {
        assert!(CliError::from(Status::new(Code::Unknown, "broken")).may_pass());
        assert!(!CliError::from(Status::new(Code::InvalidArgument, "wrong")).may_pass());
        let refused = |reason: &str, details: &mut ErrorDetails| {
            details.set_error_info(reason, "postrider", HashMap::new());
            let details = details.clone();
            CliError::from(Status::with_error_details(Code::ResourceExhausted, "x", details))
        };
        let mut later = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
        assert!(refused("TOO_MANY_WATCHES", &mut later).may_pass());
        assert!(refused("WATCH_TOO_SLOW", &mut ErrorDetails::new()).may_pass());
        assert!(!refused("MESSAGE_TOO_LARGE", &mut ErrorDetails::new()).may_pass());
    }

    #[test]
    fn a_reader_that_has_enough_is_no_error() {
        let closed = CliError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(closed.is_silent());
        assert!(!CliError::from(io::Error::from(io::ErrorKind::StorageFull)).is_silent());
    }
}
