//! What requests say of who sends them.
//!
//! Receivers let senders in, and count them, by this header. It is a setting of the
//! installation, and no subscription's: `User-Agent` is reserved.

use std::str::FromStr;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use thiserror::Error;

/// Longer ones are cut, or refused, by some firewalls and logs.
const MAX_USER_AGENT_BYTES: usize = 256;

pub const DEFAULT_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("Postrider/", env!("CARGO_PKG_VERSION")));

/// The header's value: products and comments, as RFC 9110, section 10.1.5, has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserAgent(HeaderValue);

impl Default for UserAgent {
    fn default() -> Self {
        Self(DEFAULT_USER_AGENT)
    }
}

impl UserAgent {
    /// Puts it into a request's headers, in place of the default.
    pub fn write(&self, headers: &mut HeaderMap) {
        headers.insert(USER_AGENT, self.0.clone());
    }
}

/// Why a text is no such value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UserAgentError {
    #[error("must have at most {MAX_USER_AGENT_BYTES} characters")]
    Length,
    #[error(
        "must be a product and its version, Bank-Webhooks/1.2; the version may be missing, and \
         others and comments in parentheses may follow after spaces, all of printable ASCII"
    )]
    Syntax,
}

impl FromStr for UserAgent {
    type Err = UserAgentError;

    fn from_str(text: &str) -> Result<Self, UserAgentError> {
        if text.len() > MAX_USER_AGENT_BYTES {
            return Err(UserAgentError::Length);
        }
        if !is_user_agent(text) {
            return Err(UserAgentError::Syntax);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| UserAgentError::Syntax)
    }
}

/// `product *( RWS ( product / comment ) )`, with spaces alone as RWS.
fn is_user_agent(text: &str) -> bool {
    let mut after = after_product(text);
    while let Some(rest) = after {
        let next = rest.trim_start_matches(' ');
        if next.is_empty() {
            return rest.is_empty();
        }
        after = match next.len() < rest.len() {
            true => after_product(next).or_else(|| after_comment(next)),
            false => None,
        };
    }
    false
}

/// What follows a product: `token ["/" token]`.
fn after_product(text: &str) -> Option<&str> {
    let rest = after_token(text)?;
    match rest.strip_prefix('/') {
        Some(version) => after_token(version),
        None => Some(rest),
    }
}

/// RFC 9110, section 5.6.2.
fn after_token(text: &str) -> Option<&str> {
    let is_tchar = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let end = text.bytes().position(|byte| !is_tchar(byte)).unwrap_or(text.len());
    if end == 0 { None } else { text.get(end..) }
}

/// RFC 9110, section 5.6.5: parentheses are in pairs, or behind a backslash.
fn after_comment(text: &str) -> Option<&str> {
    let mut depth = 0_usize;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.checked_sub(1)?,
            b'\\' => {
                bytes.next().filter(|(_, quoted)| matches!(quoted, b' '..=b'~'))?;
            }
            b' '..=b'~' => {}
            _ => return None,
        }
        if depth == 0 {
            return if at == 0 { None } else { text.get(at + 1..) };
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_comments_are_a_user_agent() {
        for text in [
            "Bank-Webhooks",
            "Bank-Webhooks/1.2",
            "Bank-Webhooks/1.2 Postrider/0.1.0",
            "Bank-Webhooks/1.2  (ops@bank.example; https://bank.example/webhooks) Postrider",
            "Bank (a (nested) comment, and \\) quoted ones: \\\\)",
            &"x".repeat(MAX_USER_AGENT_BYTES),
        ] {
            let mut headers = HeaderMap::new();
            UserAgent::default().write(&mut headers);
            text.parse::<UserAgent>().expect(text).write(&mut headers);
            assert_eq!(headers.get_all(USER_AGENT).iter().collect::<Vec<_>>(), [text]);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            " ",
            " Bank",
            "Bank ",
            "Bank/",
            "/1.2",
            "Bank/1/2",
            "Bank, Webhooks",
            "(a comment first)",
            "Bank(beside)",
            "Bank (open",
            "Bank ((open)",
            "Bank closed)",
            "Bank (\\",
            "Bank\t/1",
            "Bank\r\nx-evil: 1",
            "Bank (\r\n)",
            "Bänk",
            "Bank (ä)",
            "Bank\u{7f}",
        ] {
            assert_eq!(text.parse::<UserAgent>(), Err(UserAgentError::Syntax), "{text:?}");
        }
        let long = "x".repeat(MAX_USER_AGENT_BYTES + 1);
        assert_eq!(long.parse::<UserAgent>(), Err(UserAgentError::Length));
        let mut headers = HeaderMap::new();
        UserAgent::default().write(&mut headers);
        let default = headers[USER_AGENT].to_str().unwrap();
        assert_eq!(default.parse::<UserAgent>(), Ok(UserAgent::default()));
    }
}
