//! An error in words: what was refused, which field, and what to do.
//!
//! The advice is that of docs/errors.md, which is generated from the list of reasons and
//! compiled in, so that both always say the same.

use std::fmt::Write as _;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::exits::CliError;
use crate::terminal::{many_lines, one_line};

const ERRORS_PAGE: &str = include_str!("../../../docs/errors.md");

/// What is told of an error, in one or more lines.
pub fn explained(error: &CliError, address: &str) -> String {
    match error {
        CliError::Call(status) => explained_call(status, address),
        other => many_lines(&other.to_string()),
    }
}

fn explained_call(status: &Status, address: &str) -> String {
    let Some(info) = status.get_details_error_info() else {
        return without_reason(status, address);
    };
    let mut text = format!("{} ({})", one_line(status.message()), one_line(&info.reason));
    if let Some(permission) = info.metadata.get("permission") {
        line(&mut text, "permission", permission);
    }
    let fields = status.get_details_bad_request().map(|details| details.field_violations);
    for violation in fields.into_iter().flatten() {
        line(&mut text, &format!("field {}", violation.field), &violation.description);
    }
    let states = status.get_details_precondition_failure().map(|details| details.violations);
    for violation in states.into_iter().flatten() {
        line(&mut text, &violation.subject, &violation.description);
    }
    let quotas = status.get_details_quota_failure().map(|details| details.violations);
    for violation in quotas.into_iter().flatten() {
        line(&mut text, &violation.subject, &violation.description);
    }
    if let Some(resource) = status.get_details_resource_info() {
        line(&mut text, "resource", &resource.resource_name);
    }
    if let Some(delay) = status.get_details_retry_info().and_then(|info| info.retry_delay) {
        line(&mut text, "again in", &format!("{:.1} s", delay.as_secs_f64()));
    }
    if let Some(advice) = advice(&info.reason) {
        line(&mut text, "what to do", &advice);
    }
    if let Some(id) = status.metadata().get("x-request-id").and_then(|id| id.to_str().ok()) {
        line(&mut text, "request", id);
    }
    text
}

fn line(text: &mut String, what: &str, said: &str) {
    // Writing to a string cannot fail.
    let _ = write!(text, "\n  {}: {}", one_line(what), one_line(said));
}

/// An error of the way to the server, or of the client's own library.
fn without_reason(status: &Status, address: &str) -> String {
    let mut text = one_line(status.message());
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let said = one_line(&error.to_string());
        if !text.contains(&said) {
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    let advice = match status.code() {
        Code::Unavailable => "Check the address, and that a replica listens there.",
        Code::DeadlineExceeded | Code::Cancelled => {
            "Nobody knows whether it was done. Read first, or wait longer with --timeout."
        }
        Code::Unknown => "Check that the address is a replica's, for callers.",
        Code::Unimplemented => "The replica is older than this program. Use its own.",
        _ => return text,
    };
    line(&mut text, "address", address);
    line(&mut text, "what to do", advice);
    text
}

/// What the page says of a reason, without its marks.
fn advice(reason: &str) -> Option<String> {
    let begin = format!("| `{reason}` | ");
    let row = ERRORS_PAGE.lines().find_map(|row| row.strip_prefix(&begin))?;
    let text = row.split(" | ").nth(2)?;
    Some(text.trim_end_matches(" |").replace('`', ""))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

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
    fn every_reason_of_the_page_has_advice() {
        let rows = ERRORS_PAGE.lines().filter(|line| line.starts_with("| `") && line.len() > 60);
        let reasons: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
        assert!(reasons.len() > 40, "{reasons:?}");
        let advised = reasons.iter().filter(|reason| advice(reason).is_some()).count();
        assert!(advised > 40, "{advised} of {}", reasons.len());
        assert!(advice("UNAUTHENTICATED").is_some_and(|text| text.starts_with("The call has no")));
        assert_eq!(advice("NO_SUCH_REASON"), None);
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
