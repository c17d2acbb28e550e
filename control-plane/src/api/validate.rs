//! Bounds of what callers give.
//!
//! Fed by the conversions with fields; feeds the violations. Guarantees that a
//! text which was let in fits every column and every header it goes to: no
//! control characters, and no longer than the contract says.

use std::collections::HashMap;

use postrider_domain::event_type_name::{is_reserved, validate_event_type};
use postrider_domain::limits;
use url::{Host, Url};

use super::errors::Violations;

const MAX_LABELS: usize = 32;
const MAX_LABEL_KEY_BYTES: usize = 64;
const MAX_LABEL_VALUE_BYTES: usize = 256;
const MAX_REASON_CHARS: usize = 256;
/// Longest search text, in bytes.
const MAX_SEARCH_BYTES: usize = 256;

/// A text of at most so many bytes.
pub fn bytes(field: &str, text: &str, max: usize, violations: &mut Violations) {
    if text.len() > max {
        violations.add(field, format!("must have at most {max} bytes"));
    }
    printable(field, text, violations);
}

/// A text for people, of at most so many characters.
fn chars(field: &str, text: &str, max: usize, violations: &mut Violations) {
    if text.chars().count() > max {
        violations.add(field, format!("must have at most {max} characters"));
    }
    printable(field, text, violations);
}

fn printable(field: &str, text: &str, violations: &mut Violations) {
    if text.chars().any(char::is_control) {
        violations.add(field, "must not contain control characters");
    }
}

pub fn display_name(field: &str, text: &str, violations: &mut Violations) {
    chars(field, text, limits::MAX_DISPLAY_NAME_CHARS, violations);
}

pub fn reason(text: &str, violations: &mut Violations) {
    chars("reason", text, MAX_REASON_CHARS, violations);
}

pub fn search(text: &str, violations: &mut Violations) {
    bytes("search", text, MAX_SEARCH_BYTES, violations);
}

pub fn event_type(field: &str, text: &str, violations: &mut Violations) {
    if text.is_empty() {
        violations.add(field, "is missing");
    } else if let Err(problem) = validate_event_type(text) {
        violations.add(field, problem);
    }
}

/// The type of an event that is published.
pub fn published_type(field: &str, text: &str, violations: &mut Violations) {
    event_type(field, text, violations);
    if is_reserved(text) {
        violations
            .add(field, "must not begin with \"postrider.\": such events are Postrider's own");
    }
}

pub fn labels(field: &str, labels: &HashMap<String, String>, violations: &mut Violations) {
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

pub fn attributes(field: &str, attributes: &HashMap<String, String>, violations: &mut Violations) {
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

/// Why a URL was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    #[error("is missing")]
    Missing,
    #[error("must have at most {} bytes", limits::MAX_URL_BYTES)]
    Length,
    #[error("must not contain spaces or control characters")]
    Characters,
    #[error("is not a URL: {0}")]
    Syntax(url::ParseError),
    #[error("must begin with https://")]
    Scheme,
    #[error("must begin with https://; this tenant does not allow http://")]
    Insecure,
    #[error("must not contain a user name or password")]
    UserInfo,
    #[error("must not contain a fragment")]
    Fragment,
    #[error("must name a host")]
    Host,
    #[error("must not have port 0")]
    Port,
}

/// Whether webhooks may be sent to a URL, as far as its text tells. Whether they
/// may be sent to its host's addresses is judged by the agent at each attempt.
pub fn url(text: &str, allow_insecure: bool) -> Result<(), UrlProblem> {
    if text.is_empty() {
        return Err(UrlProblem::Missing);
    }
    if text.len() > limits::MAX_URL_BYTES {
        return Err(UrlProblem::Length);
    }
    // The parser drops these silently; what is kept must be what is meant.
    if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(UrlProblem::Characters);
    }
    let url = Url::parse(text).map_err(UrlProblem::Syntax)?;
    match url.scheme() {
        "https" => {}
        "http" if allow_insecure => {}
        "http" => return Err(UrlProblem::Insecure),
        _ => return Err(UrlProblem::Scheme),
    }
    // Also an empty one, as in "https://@host", which the parser forgets.
    let authority = text.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if !url.username().is_empty() || url.password().is_some() || authority.contains('@') {
        return Err(UrlProblem::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlProblem::Fragment);
    }
    match url.host() {
        None | Some(Host::Domain("")) => Err(UrlProblem::Host),
        Some(_) if url.port() == Some(0) => Err(UrlProblem::Port),
        Some(_) => Ok(()),
    }
}

/// Whether a URL that was let in is `http://`.
pub fn is_insecure(url: &str) -> bool {
    url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(check: impl FnOnce(&mut Violations)) -> bool {
        let mut violations = Violations::default();
        check(&mut violations);
        !violations.is_empty()
    }

    #[test]
    fn urls() {
        for good in [
            "https://example.com",
            "https://example.com:8443/a/b?c=d",
            "HTTPS://example.com/",
            "https://[2001:db8::1]/x",
            "https://bücher.example/x",
        ] {
            assert_eq!(url(good, false), Ok(()), "{good}");
        }
        assert_eq!(url("http://example.com", true), Ok(()));
        let long = format!("https://example.com/{}", "a".repeat(2048));
        for (bad, problem) in [
            ("", UrlProblem::Missing),
            (long.as_str(), UrlProblem::Length),
            ("http://example.com", UrlProblem::Insecure),
            ("HTTP://example.com", UrlProblem::Insecure),
            ("ftp://example.com", UrlProblem::Scheme),
            ("mailto:a@example.com", UrlProblem::Scheme),
            ("https://user@example.com", UrlProblem::UserInfo),
            ("https://user:pw@example.com", UrlProblem::UserInfo),
            ("https://@example.com", UrlProblem::UserInfo),
            ("https://example.com/#", UrlProblem::Fragment),
            ("https://example.com/#x", UrlProblem::Fragment),
            ("https://exam\nple.com/", UrlProblem::Characters),
            (" https://example.com/", UrlProblem::Characters),
            ("https:\\\\example.com/", UrlProblem::Characters),
            ("https://example.com:0/", UrlProblem::Port),
        ] {
            assert_eq!(url(bad, false), Err(problem), "{bad}");
        }
        for bad in ["https://", "https://:80", "example.com", "/hook", "https://exa%00mple.com"] {
            assert!(url(bad, false).is_err(), "{bad}");
        }
        assert!(is_insecure("Http://x") && !is_insecure("https://x") && !is_insecure("é"));
    }

    #[test]
    fn texts_are_bounded_and_printable() {
        assert!(refused(|v| bytes("f", "abcd", 3, v)));
        assert!(refused(|v| bytes("f", "a\0", 3, v)));
        assert!(!refused(|v| bytes("f", "äa", 3, v)));
        assert!(!refused(|v| display_name("f", &"ä".repeat(128), v)));
        assert!(refused(|v| display_name("f", &"ä".repeat(129), v)));
        assert!(refused(|v| event_type("f", "", v)) && refused(|v| event_type("f", "a..b", v)));
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
