//! An error in words, for people: what was refused, which field, and what to do.

use std::fmt::Write as _;

use crate::error_report::ErrorReport;
use crate::exits::CliError;
use crate::terminal::{many_lines, one_line};

/// What is told of an error, in one or more lines.
pub fn explained(error: &CliError, address: &str) -> String {
    let report = ErrorReport::of(error, address);
    if report.code.is_none() {
        return many_lines(&report.message);
    }
    let mut text = one_line(&report.message);
    if let Some(reason) = &report.reason {
        // Writing to a string cannot fail.
        let _ = write!(text, " ({})", one_line(reason));
    }
    let mut line = |what: &str, said: &str| {
        let _ = write!(text, "\n  {}: {}", one_line(what), one_line(said));
    };
    if let Some(permission) = &report.permission {
        line("permission", permission);
    }
    for refused in &report.field_violations {
        line(&format!("field {}", refused.field), &refused.description);
    }
    for refused in &report.violations {
        line(&refused.subject, &refused.description);
    }
    if let Some(resource) = &report.resource {
        line("resource", resource);
    }
    if let Some(seconds) = report.retry_delay_seconds {
        line("again in", &format!("{seconds:.1} s"));
    }
    if let Some(address) = &report.address {
        line("address", address);
    }
    if let Some(advice) = &report.advice {
        line("what to do", advice);
    }
    if let Some(id) = &report.request_id {
        line("request", id);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    fn refused(details: ErrorDetails) -> CliError {
        Status::with_error_details(Code::InvalidArgument, "the url is wrong", details).into()
    }

    #[test]
    fn an_error_says_reason_field_and_what_to_do() {
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_REQUEST", "postrider", HashMap::new());
        details.add_bad_request_violation("subscription.url", "must be https");
        let text = explained(&refused(details), "http://127.0.0.1:7443");
        assert_eq!(
            text,
            "the url is wrong (INVALID_REQUEST)\n  field subscription.url: must be https\n  \
             what to do: Fields are missing or out of their bounds; BadRequest names each. \
             Correct them."
        );
    }

    #[test]
    fn what_a_server_says_does_not_reach_the_terminal_raw() {
        let mut details = ErrorDetails::new();
        details.set_error_info("\u{1b}[2J", "postrider", HashMap::new());
        details.add_bad_request_violation("a", "\u{9b}31m\nb");
        let text = explained(&refused(details), "");
        assert!(!text.contains(['\u{1b}', '\u{9b}']), "{text:?}");
        assert_eq!(text.lines().count(), 2);
    }
}
