//! Pages of browsers, and what they may do (CORS).
//!
//! Fed by the setting `server.http_allowed_origins` and by requests; feeds `layer` with what
//! their answers say. Guarantees that a page whose origin is not allowed can neither call nor
//! read, and that no browser is asked to send along what it keeps: who calls is said by the
//! Authorization header that the page sets, and by nothing else. A call with an origin that is
//! not allowed is refused, and not merely hidden from the page: a client certificate, which a
//! browser shows by itself, would be somebody else's.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method};

/// What a page may send.
const ALLOWED_HEADERS: &str =
    "authorization,content-type,idempotency-key,last-event-id,traceparent,tracestate,x-request-id";
/// What a page may read, besides what it always may.
const EXPOSED_HEADERS: &str = "retry-after, x-request-id";
const ALLOWED_METHODS: &str = "DELETE, GET, PATCH, POST";
/// How long a browser remembers it, in seconds. Firefox takes no more than a day, Chromium two
/// hours.
const MAX_AGE_SECONDS: &str = "7200";

/// The origins whose pages may call.
#[derive(Clone, Debug, Default)]
pub struct AllowedOrigins(Vec<HeaderValue>);

/// What the origin of a request means for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginJudgement {
    /// No page sent it.
    None,
    Allowed(HeaderValue),
    Refused,
}

impl AllowedOrigins {
    pub fn new(origins: &[String]) -> Self {
        Self(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()).collect())
    }

    pub fn judge(&self, headers: &HeaderMap) -> OriginJudgement {
        let mut given = headers.get_all(ORIGIN).iter();
        match (given.next(), given.next()) {
            (None, _) => OriginJudgement::None,
            (Some(origin), None) if self.0.contains(origin) => {
                OriginJudgement::Allowed(origin.clone())
            }
            (Some(_), _) => OriginJudgement::Refused,
        }
    }

    /// Whether answers differ by origin.
    pub fn are_set(&self) -> bool {
        !self.0.is_empty()
    }
}

/// Whether a browser asks before it calls.
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    *method == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// What an answer to a page of an allowed origin says.
pub fn tell_allowed(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
}

/// What the answer to a question before a call says besides.
pub fn tell_preflight(headers: &mut HeaderMap) {
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(ALLOWED_METHODS));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE_SECONDS));
}

/// Caches keep the answers to several origins apart.
pub fn tell_variance(headers: &mut HeaderMap) {
    headers.insert(VARY, HeaderValue::from_static("origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(allowed: &[&str], given: &[&'static str]) -> OriginJudgement {
        let allowed: Vec<String> = allowed.iter().map(|origin| (*origin).to_owned()).collect();
        let mut headers = HeaderMap::new();
        for origin in given {
            headers.append(ORIGIN, HeaderValue::from_static(origin));
        }
        AllowedOrigins::new(&allowed).judge(&headers)
    }

    #[test]
    fn only_a_page_of_an_allowed_origin_may_call() {
        let ops = "https://ops.example";
        assert_eq!(judged(&[], &[]), OriginJudgement::None);
        assert_eq!(judged(&[ops], &[]), OriginJudgement::None);
        assert_eq!(judged(&[], &[ops]), OriginJudgement::Refused);
        let allowed = OriginJudgement::Allowed(HeaderValue::from_static(ops));
        assert_eq!(judged(&[ops], &[ops]), allowed);
        for other in ["https://ops.example.evil", "http://ops.example", "null", "*", ""] {
            assert_eq!(judged(&[ops], &[other]), OriginJudgement::Refused, "{other}");
        }
        assert_eq!(judged(&[ops], &[ops, ops]), OriginJudgement::Refused);
    }
}
