//! Limits of callers' texts.
//!
//! Fed by the conversions; feeds violations. Guarantees that an accepted text fits
//! every column and header that it is written to: no control characters, and within the
//! limits of the contract.

use std::collections::HashMap;

use postrider_domain::event_type_name::{is_reserved, validate_event_type};
use postrider_domain::limits;

use crate::api::rpc::errors::FieldViolations;

/// As attributes of an event.
const MAX_LABELS: usize = 32;
const MAX_LABEL_KEY_BYTES: usize = 64;
const MAX_LABEL_VALUE_BYTES: usize = 256;
/// A sentence or two.
const MAX_REASON_CHARS: usize = 256;
/// Longest search text, in bytes. More than a name or a URL's part that somebody looks for.
const MAX_SEARCH_BYTES: usize = 256;

/// At most `max` bytes.
pub fn bytes(field: &str, text: &str, max: usize, violations: &mut FieldViolations) {
    if text.len() > max {
        violations.add(field, format!("must have at most {max} bytes"));
    }
    printable(field, text, violations);
}

/// At most `max` printable characters.
fn chars(field: &str, text: &str, max: usize, violations: &mut FieldViolations) {
    if text.chars().count() > max {
        violations.add(field, format!("must have at most {max} characters"));
    }
    if text.contains(limits::is_unprintable) {
        let problem = "must not contain control characters, nor any that turn a text's direction";
        violations.add(field, problem);
    }
}

fn printable(field: &str, text: &str, violations: &mut FieldViolations) {
    if text.chars().any(char::is_control) {
        violations.add(field, "must not contain control characters");
    }
}

pub fn display_name(field: &str, text: &str, violations: &mut FieldViolations) {
    chars(field, text, limits::MAX_DISPLAY_NAME_CHARS, violations);
}

pub fn reason(text: &str, violations: &mut FieldViolations) {
    chars("reason", text, MAX_REASON_CHARS, violations);
}

pub fn search(text: &str, violations: &mut FieldViolations) {
    bytes("search", text, MAX_SEARCH_BYTES, violations);
}

pub fn event_type(field: &str, text: &str, violations: &mut FieldViolations) {
    if text.is_empty() {
        violations.add(field, "is missing");
    } else if let Err(problem) = validate_event_type(text) {
        violations.add(field, problem);
    }
}

/// The event type of a publish.
pub fn published_type(field: &str, text: &str, violations: &mut FieldViolations) {
    event_type(field, text, violations);
    if is_reserved(text) {
        violations
            .add(field, "must not begin with \"postrider.\": such events are Postrider's own");
    }
}

pub fn labels(field: &str, labels: &HashMap<String, String>, violations: &mut FieldViolations) {
    if labels.len() > MAX_LABELS {
        violations.add(field, format!("must hold at most {MAX_LABELS} labels"));
    }
    for (key, value) in labels {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let fine = key.len() <= MAX_LABEL_KEY_BYTES
            && key.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
            && key.bytes().all(inner);
        if !fine {
            violations.add(field, "keys have 1 to 64 bytes and match [a-z][a-z0-9_-]*");
        }
        bytes(&format!("{field}.{key}"), value, MAX_LABEL_VALUE_BYTES, violations);
    }
}

pub fn attributes(
    field: &str,
    attributes: &HashMap<String, String>,
    violations: &mut FieldViolations,
) {
    if attributes.len() > limits::MAX_ATTRIBUTES {
        violations.add(field, format!("must hold at most {} attributes", limits::MAX_ATTRIBUTES));
    }
    for (name, value) in attributes {
        if name.is_empty() || name.len() > limits::MAX_ATTRIBUTE_NAME_BYTES {
            violations.add(field, "names have 1 to 64 bytes");
        }
        printable(field, name, violations);
        if value.len() > limits::MAX_ATTRIBUTE_VALUE_BYTES || value.chars().any(char::is_control) {
            bytes(&format!("{field}.{name}"), value, limits::MAX_ATTRIBUTE_VALUE_BYTES, violations);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: impl FnOnce(&mut FieldViolations)) -> bool {
        let mut violations = FieldViolations::default();
        check(&mut violations);
        !violations.is_empty()
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        assert!(refused(|v| bytes("f", "abcd", 3, v)));
        assert!(refused(|v| bytes("f", "a\0", 3, v)));
        assert!(!refused(|v| bytes("f", "äa", 3, v)));
        assert!(!refused(|v| display_name("f", &"ä".repeat(128), v)));
        assert!(refused(|v| display_name("f", &"ä".repeat(129), v)));
        assert!(refused(|v| display_name("f", "a\u{202e}b", v)));
        assert!(refused(|v| display_name("f", "a\nb", v)));
        assert!(refused(|v| event_type("f", "", v)) && refused(|v| event_type("f", "a..b", v)));
    }

    #[test]
    fn agents_think_the_same_of_characters() {
        use postrider_proto::attempt_limits;
        for character in '\0'..=char::MAX {
            let here = limits::is_unprintable(character);
            assert_eq!(here, attempt_limits::is_unprintable(character), "{character:?}");
        }
    }

    #[test]
    fn maps_are_bounded() {
        let map = |key: &str, value: &str| HashMap::from([(key.to_owned(), value.to_owned())]);
        assert!(!refused(|v| labels("f", &map("tier-1_x", "Gold"), v)));
        for key in ["", "1a", "A", "a.b", &"a".repeat(65)] {
            assert!(refused(|v| labels("f", &map(key, "x"), v)), "{key}");
        }
        assert!(refused(|v| labels("f", &map("a", &"x".repeat(257)), v)));
        assert!(!refused(|v| attributes("f", &map("Any name", ""), v)));
        assert!(refused(|v| attributes("f", &map("", "x"), v)));
        assert!(refused(|v| attributes("f", &map("a", "\u{7}"), v)));
        let many: HashMap<_, _> = (0..33).map(|n| (format!("a{n}"), String::new())).collect();
        assert!(refused(|v| attributes("f", &many, v)) && refused(|v| labels("f", &many, v)));
    }
}
