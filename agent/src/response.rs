//! What is reported about a response.
//!
//! The size of the reported headers is bounded, and secrets of the request are masked in
//! them. If a response was accepted although it was irregular, the result says so; a
//! regular response costs nothing extra.

use std::time::Duration;

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, Version};
use postrider_proto::agent::v1 as wire;
use postrider_proto::attempt_limits::MAX_REPORTED_HEADERS;

use crate::client::traffic::ConnectionTraffic;

/// The headers, in order, as long as they fit; at most [`MAX_REPORTED_HEADERS`]. `mask`
/// overwrites secrets in a text.
pub fn reported_headers(
    headers: &HeaderMap,
    limit: usize,
    mask: impl Fn(&mut [u8]),
) -> Vec<wire::Header> {
    let mut left = limit;
    let mut fits = |name: &HeaderName, length: usize| {
        let size = name.as_str().len() + length;
        left.checked_sub(size).map(|rest| left = rest).is_some()
    };
    headers
        .iter()
        .filter(|(name, value)| fits(name, value.len()))
        .take(MAX_REPORTED_HEADERS)
        .map(|(name, value)| {
            let mut name = name.as_str().as_bytes().to_vec();
            let mut value = value.as_bytes().to_vec();
            mask(&mut name);
            mask(&mut value);
            let name = String::from_utf8(name)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            wire::Header { name, value: value.into() }
        })
        .collect()
}

/// `Keep-Alive: timeout=5`: a receiver that says when it closes an idle
/// connection is believed, a second early, because a POST that meets the close
/// on its way fails without need.
pub fn announced_keep_alive(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get("keep-alive")?.to_str().ok()?;
    let seconds: u64 =
        value.split(',').find_map(|part| part.trim().strip_prefix("timeout="))?.parse().ok()?;
    Some(Duration::from_secs(seconds.saturating_sub(1)))
}

/// What was irregular about a complete response that counts all the same; empty
/// when nothing was.
pub fn irregularities(
    headers: &HeaderMap,
    version: Version,
    traffic: &ConnectionTraffic,
) -> String {
    if version != Version::HTTP_11 {
        return String::new();
    }
    let mut notes = Vec::new();
    let shape = traffic.head_shape();
    if shape.folded {
        notes.push("the response has a folded header line (RFC 9112, section 5.2)".to_owned());
    }
    let understood = u32::try_from(headers.len()).unwrap_or(u32::MAX);
    if let Some(left_out @ 1..) = shape.lines.checked_sub(understood) {
        notes.push(format!("{left_out} lines of the response head are not headers"));
    }
    let has_length =
        headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    if traffic.ended_abruptly() && !has_length {
        notes.push("the response ended with the connection, without TLS close_notify".to_owned());
    }
    notes.join("; ")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use postrider_webhook_request::EchoMask;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn echoes() -> EchoMask {
        let secret = wire::Header { name: "x-key".to_owned(), value: "secret-1".into() };
        EchoMask::from_wire(&wire::SubscriptionUpdate {
            headers: vec![secret],
            ..Default::default()
        })
    }

    #[test]
    fn secrets_of_the_request_are_masked_in_headers() {
        let all = headers(&[("x-echo", "you sent secret-1"), ("x-secret-1", "1")]);
        let reported = reported_headers(&all, usize::MAX, |text| echoes().mask(text));
        let told: Vec<_> = reported.iter().map(|h| (h.name.as_str(), &*h.value)).collect();
        assert_eq!(told, [("x-echo", &b"you sent ********"[..]), ("x-********", &b"1"[..])]);
    }

    #[test]
    fn headers_are_reported_as_long_as_they_fit() {
        let all = headers(&[("a", "1234"), ("big", "0123456789"), ("b", "5")]);
        let reported = reported_headers(&all, 8, |text| echoes().mask(text));
        let names: Vec<_> = reported.iter().map(|header| header.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
    }

    #[test]
    fn only_so_many_headers_are_reported() {
        let many = vec![("a", "1"); MAX_REPORTED_HEADERS + 50];
        assert_eq!(
            reported_headers(&headers(&many), usize::MAX, |_| {}).len(),
            MAX_REPORTED_HEADERS
        );
    }

    #[test]
    fn an_announced_keep_alive_is_believed() {
        let seconds = |value| {
            announced_keep_alive(&headers(&[("keep-alive", value)])).map(|limit| limit.as_secs())
        };
        assert_eq!(seconds("timeout=5, max=100"), Some(4));
        assert_eq!(seconds("max=100, timeout=1"), Some(0));
        assert_eq!(seconds("timeout=0"), Some(0));
        assert_eq!(seconds("max=100"), None);
        assert_eq!(seconds("timeout=x"), None);
    }
}
