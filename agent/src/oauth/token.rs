//! An access token, and what a token server's answer says of it.
//!
//! Pure: the time is a parameter.

use std::fmt;
use std::time::{Duration, Instant};

use http::{HeaderValue, StatusCode};
use postrider_webhook_request::{EchoMask, bearer_value};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// Most bytes of a token: what receivers take in one header line is seldom more than 8 KiB.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// How long a token serves whose answer does not say. Servers give minutes to hours.
const UNTOLD_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// No token serves longer, whatever its server says.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// A token is not sent in the last part of its life, so that none expires on its way or by
/// another clock: a tenth …
const UNUSED_FRACTION: u32 = 10;
/// … and no more than this.
const MAX_UNUSED_TIME: Duration = Duration::from_secs(60);
/// Most characters of a server's own words.
const MAX_WORDS: usize = 300;

/// Why there is no token. It tells no secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("no access token could be had: {0}")]
pub struct TokenError(pub String);

/// A token as requests carry it.
pub struct AccessToken {
    /// The whole value of the header.
    pub authorization: HeaderValue,
    /// What answers are not to show.
    pub echoes: EchoMask,
    usable_until: Instant,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken")
    }
}

/// RFC 6749, section 5.1.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    /// Seconds; some servers write a text.
    expires_in: Option<Value>,
}

/// RFC 6749, section 5.2.
#[derive(Deserialize)]
struct TokenErrorAnswer {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl AccessToken {
    /// Reads the answer to a request that was made at `now`. What a server says of an error
    /// is told with `sent` masked, what the request proved the client with.
    pub fn from_answer(
        status: StatusCode,
        body: &[u8],
        sent: &EchoMask,
        now: Instant,
    ) -> Result<Self, TokenError> {
        if status != StatusCode::OK {
            return Err(refusal(status, body, sent));
        }
        let answer: TokenAnswer = serde_json::from_slice(body)
            .map_err(|_| TokenError("the token server's answer has no access_token".to_owned()))?;
        if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(TokenError("the token's type is not Bearer".to_owned()));
        }
        let token = answer.access_token;
        if token.is_empty() || token.len() > MAX_TOKEN_BYTES {
            let words = format!("the token must have 1 to {MAX_TOKEN_BYTES} bytes");
            return Err(TokenError(words));
        }
        let authorization = bearer_value(&token).map_err(|error| TokenError(error.to_string()))?;
        let echoes = EchoMask::of_secrets([token.as_bytes()]);
        Ok(Self { authorization, echoes, usable_until: now + usable_for(answer.expires_in) })
    }

    /// Whether it may still be sent.
    pub fn is_usable(&self, now: Instant) -> bool {
        now < self.usable_until
    }
}

/// How long a token serves.
fn usable_for(expires_in: Option<Value>) -> Duration {
    let seconds = expires_in.and_then(|value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    let told = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok());
    let lifetime = told.unwrap_or(UNTOLD_LIFETIME).min(MAX_LIFETIME);
    lifetime - (lifetime / UNUSED_FRACTION).min(MAX_UNUSED_TIME)
}

fn refusal(status: StatusCode, body: &[u8], sent: &EchoMask) -> TokenError {
    let words = match serde_json::from_slice::<TokenErrorAnswer>(body) {
        Ok(answer) if answer.error_description.is_empty() => answer.error,
        Ok(answer) => format!("{}: {}", answer.error, answer.error_description),
        Err(_) => String::new(),
    };
    let words: String = sent.mask_words(words).chars().take(MAX_WORDS).collect();
    let status = status.as_u16();
    TokenError(match words.is_empty() {
        true => format!("the token server answered {status}"),
        false => format!("the token server answered {status}, {words}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Result<AccessToken, TokenError> {
        let secrets = EchoMask::of_secrets([&b"hush-hush"[..]]);
        let status = StatusCode::from_u16(status).unwrap();
        AccessToken::from_answer(status, body.as_bytes(), &secrets, Instant::now())
    }

    #[test]
    fn a_token_serves_until_shortly_before_it_expires() {
        for (told, seconds) in [
            ("60", 54.0),
            ("\"60\"", 54.0),
            ("3600", 3540.0),
            ("99999999999", 86_340.0),
            ("1e300", 270.0),
            ("null", 270.0),
            ("\"soon\"", 270.0),
            ("-5", 0.0),
        ] {
            let value = serde_json::from_str(told).unwrap();
            let usable = usable_for(Some(value)).as_secs_f64();
            assert!((usable - seconds).abs() < 0.001, "{told}: {usable}");
        }
        let token = read(200, r#"{"access_token":"abc","token_type":"bearer","expires_in":10}"#);
        let token = token.unwrap();
        assert_eq!(token.authorization, "Bearer abc");
        let now = Instant::now();
        assert!(token.is_usable(now) && !token.is_usable(now + Duration::from_secs(10)));
        assert!(!format!("{token:?}").contains("abc"));
    }

    #[test]
    fn an_answer_without_a_token_says_what_is_wrong() {
        for (status, body, words) in [
            (200, "", "no access_token"),
            (200, r#"{"access_token":1}"#, "no access_token"),
            (200, r#"{"access_token":""}"#, "1 to"),
            (200, r#"{"access_token":"a\r\nb"}"#, "header value"),
            (200, r#"{"access_token":"a","token_type":"mac"}"#, "Bearer"),
            (401, r#"{"error":"invalid_client"}"#, "401, invalid_client"),
            (400, r#"{"error":"x","error_description":"not hush-hush"}"#, "400, x: not *********"),
            (302, "", "answered 302"),
            (500, "<html>", "answered 500"),
        ] {
            let error = read(status, body).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
