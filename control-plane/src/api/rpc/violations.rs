//! What is wrong with the fields of a request.
//!
//! Fed by conversions, field by field; feeds callers one error with all of it. Guarantees
//! that the error arrives: it is sent in a header, whose size clients limit, so its texts
//! are cut and their number is bounded, whatever the request holds.

use std::fmt::Display;

use tonic::Status;
use tonic_types::{FieldViolation, StatusExt};

use crate::api::rpc::errors::{self, CUT_MARK, ErrorReason};

/// Most violations in one error. Nobody corrects more at a time.
pub const MAX_VIOLATIONS: usize = 32;
/// Longest name of a field, in bytes; the longest of the contract have about 60.
const MAX_FIELD_BYTES: usize = 128;
/// Longest description of a violation, in bytes: that of a filter, which tells all fields
/// and operators and repeats what was asked.
const MAX_DESCRIPTION_BYTES: usize = 768;
/// Most of all fields and descriptions together, in bytes. With the message, and encoded
/// as base64, they fit into the 8 KiB of headers that grpc-java takes by default.
const MAX_VIOLATIONS_BYTES: usize = 3_000;
/// Longest message, in bytes as it is sent: a space, and whatever else a header's value
/// has to escape, takes three times its bytes.
const MAX_MESSAGE_BYTES: usize = 1_024;

/// All violations of a request, by field.
#[derive(Debug, Default)]
pub struct FieldViolations(Vec<FieldViolation>);

impl FieldViolations {
    pub fn add(&mut self, field: impl Into<String>, problem: impl Display) {
        self.0.push(FieldViolation::new(field, problem.to_string()));
    }

    /// Returns the value, or records the error under `field`.
    pub fn keep<T, E: Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.add(field, problem)).ok()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Fails if there are violations.
    pub fn check(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_status()) }
    }

    /// Returns the value if there are no violations. A missing value should have been
    /// recorded as one; if it was not, the request is refused all the same.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Status> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.into_status()),
        }
    }

    fn into_status(self) -> Status {
        self.because(ErrorReason::InvalidRequest)
    }

    /// The error, with a reason other than `INVALID_REQUEST`.
    pub fn because(mut self, reason: ErrorReason) -> Status {
        self.cut();
        let summary: Vec<String> =
            self.0.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
        let message = if summary.is_empty() {
            "the request is invalid".to_owned()
        } else {
            summary.join("; ")
        };
        let mut details = errors::details(reason);
        details.set_bad_request(self.0);
        Status::with_error_details(reason.code(), message_of(message), details)
    }

    /// Leaves as many as an error may tell, each as long as it may be.
    fn cut(&mut self) {
        for violation in &mut self.0 {
            errors::cut(&mut violation.field, MAX_FIELD_BYTES);
            errors::cut(&mut violation.description, MAX_DESCRIPTION_BYTES);
        }
        let mut left = MAX_VIOLATIONS_BYTES;
        let fits = |violation: &&FieldViolation| {
            let bytes = violation.field.len() + violation.description.len();
            left.checked_sub(bytes).map(|rest| left = rest).is_some()
        };
        let told = self.0.iter().take(MAX_VIOLATIONS).take_while(fits).count();
        let more = self.0.len().saturating_sub(told);
        if more > 0 {
            self.0.truncate(told);
            self.add("", format!("{more} more fields are invalid"));
        }
    }
}

/// One violation of one field.
pub fn invalid(field: impl Into<String>, problem: impl Display) -> Status {
    let mut violations = FieldViolations::default();
    violations.add(field, problem);
    violations.into_status()
}

/// A message that must be in its field.
pub fn required<T>(field: &str, given: Option<T>) -> Result<T, Status> {
    given.ok_or_else(|| invalid(field, "is missing"))
}

/// The message as a header carries it: not longer than it may be.
fn message_of(mut message: String) -> String {
    let mut sent = 0_usize;
    let is_plain = |letter: char| letter.is_ascii_graphic() && !"\"#%<>?`{}".contains(letter);
    let end = message.char_indices().find(|(_, letter)| {
        sent += if is_plain(*letter) { 1 } else { 3 * letter.len_utf8() };
        sent > MAX_MESSAGE_BYTES
    });
    if let Some((end, _)) = end {
        message.truncate(end);
        message.push_str(CUT_MARK);
    }
    message
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    fn told(status: &Status) -> Vec<FieldViolation> {
        status.get_details_bad_request().unwrap().field_violations
    }

    #[test]
    fn every_violation_is_told() {
        let mut violations = FieldViolations::default();
        violations.add("a", "is missing");
        assert_eq!(violations.keep("b", "7".parse::<u8>()), Some(7));
        assert_eq!(violations.keep("c", "x".parse::<u8>()), None);
        let status = violations.check().unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let fields: Vec<_> = told(&status).into_iter().map(|v| v.field).collect();
        assert_eq!(fields, ["a", "c"]);
        assert_eq!(status.get_details_error_info().unwrap().reason, "INVALID_REQUEST");
        assert_eq!(status.get_details_error_info().unwrap().domain, "postrider");
    }

    #[test]
    fn a_forgotten_violation_is_refused_all_the_same() {
        assert!(FieldViolations::default().finish::<u8>(None).is_err());
        assert_eq!(FieldViolations::default().finish(Some(1)).unwrap(), 1);
    }

    #[test]
    fn what_is_told_is_bounded() {
        let mut violations = FieldViolations::default();
        (0..1000).for_each(|n| violations.add(format!("f[{n}]"), "is wrong"));
        let refused = told(&violations.check().unwrap_err());
        assert_eq!(refused.len(), MAX_VIOLATIONS + 1);
        assert!(refused.last().unwrap().description.starts_with("968 more"));
    }

    #[test]
    fn an_error_fits_into_the_headers_that_clients_take() {
        let long = ["é".repeat(100_000), "a".repeat(100_000), "\u{1}%".repeat(50_000)];
        for text in long {
            let mut violations = FieldViolations::default();
            (0..100).for_each(|_| violations.add(text.as_str(), &text));
            let status = violations.check().unwrap_err();
            let headers = status.into_http::<()>().into_parts().0.headers;
            let bytes: usize =
                headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum();
            assert!(bytes < 8 * 1024, "{bytes}");
        }
        assert!(invalid("f", "is wrong").message().ends_with("is wrong"));
    }
}
