//! Values of the header `authorization`.
//!
//! Fed by `template` with a subscription's credentials, and by the agent with access tokens
//! and clients of token servers; feeds them values that are never printed, nor kept in the
//! tables of an HTTP/2 connection.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why there is no value. It may be secret, and so is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AuthorizationError {
    /// With a line break, for instance.
    #[error("the access token is not a valid header value")]
    Token,
    /// More than fits into a header.
    #[error("the user name and password are not a valid header value")]
    Basic,
}

/// "Basic" and the base64 of both (RFC 7617, section 2).
pub fn basic_value(username: &str, password: &str) -> Result<HeaderValue, AuthorizationError> {
    let both = Zeroizing::new(format!("{username}:{password}"));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(both.as_bytes())));
    sensitive(&value).ok_or(AuthorizationError::Basic)
}

/// "Bearer" and the token (RFC 6750, section 2.1).
pub fn bearer_value(token: &str) -> Result<HeaderValue, AuthorizationError> {
    sensitive(&Zeroizing::new(format!("Bearer {token}"))).ok_or(AuthorizationError::Token)
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7617, section 2, and section 2.1.
    #[test]
    fn basic_is_the_base64_of_both() {
        let value = basic_value("Aladdin", "open sesame").unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(value.is_sensitive());
        assert_eq!(basic_value("test", "123\u{a3}").unwrap(), "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn a_token_cannot_smuggle() {
        assert_eq!(bearer_value("abc").unwrap(), "Bearer abc");
        assert_eq!(bearer_value("a\r\nx: b"), Err(AuthorizationError::Token));
    }
}
