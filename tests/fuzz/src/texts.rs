//! Texts of requests: filters, tokens of pages, names, times, conditions, URLs, headers.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderMap, Version};
use postrider::api::fuzzing::{
    FUZZED_TIME, read_filters, read_names, read_order, read_page_token, read_resume_token,
    read_time, reread_moment, reread_span, write_page_token, write_resume_token,
};
use postrider_domain::content_filter::{
    ContentFilter, FilterFailure, FilterInput, FilterScope, MAX_PAYLOAD_BYTES,
};
use postrider_domain::retry::parse_retry_after;
use postrider_proto::agent::v1 as wire;
use postrider_proto::webhook_url::{MAX_URL_BYTES, WebhookUrl};
use postrider_webhook_request::{
    OutgoingTraceContext, RequestTemplate, SigningTime, WebhookTarget, build_parts,
};

use crate::refusal::check_refusal;
use crate::target::texts;

/// The years 0 to 9999.
const CALENDAR_MICROSECONDS: Range<i64> = -62_167_219_200_000_000..253_402_300_800_000_000;
/// Longest text of a position, in bytes: more than a display name has.
const MAX_POSITION_BYTES: usize = 512;
/// What a list's page token is for.
const LISTED_FILTER: &str = "account = acc-1";

/// The filter and the order of every list.
pub fn list_filters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for refused in read_filters(&text).into_iter().filter_map(Result::err) {
        assert!(!refused.is_empty());
    }
    if let Err(refused) = read_order(&text) {
        check_refusal(&refused);
    }
}

/// A content filter, and after a NUL the payload that it is evaluated on.
pub fn content_filters(data: &[u8]) {
    let (source, payload) = parted(data);
    let source = String::from_utf8_lossy(source);
    let Ok(filter) = ContentFilter::compile(&source) else { return };
    assert_eq!(ContentFilter::from_stored(filter.source()), filter);
    let attributes = BTreeMap::from([("currency".to_owned(), "EUR".to_owned())]);
    let payload = payload.get(..MAX_PAYLOAD_BYTES + 1).unwrap_or(payload);
    let input = FilterInput::new("payment.completed", Some("acc-1"), &attributes, payload);
    let answer = filter.evaluate(&input);
    assert_ne!(answer, Err(FilterFailure::Interpreter), "the interpreter failed");
    assert_ne!(answer, Err(FilterFailure::NoLongerAccepted));
    let patterns = ["payment.completed".parse().expect("a type")];
    let accounts = BTreeSet::from(["acc-1".to_owned()]);
    let scope = FilterScope { event_types: &patterns, accounts: &accounts };
    assert!(!(filter.is_never_true(scope) && answer == Ok(true)), "it was said never to be true");
}

/// Page tokens, of the list that they are for and of others; and resume tokens of watches.
pub fn page_tokens(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for filter in [LISTED_FILTER, ""] {
        if let Err(refused) = read_page_token(&text, filter) {
            panic!("a token that was read is not read again: {refused:?}");
        }
    }
    // No name that is listed is longer, or has characters that JSON escapes at length.
    let mut key = text.replace(char::is_control, "");
    key.truncate(key.floor_char_boundary(MAX_POSITION_BYTES));
    let own = write_page_token(LISTED_FILTER, &key, &key).expect("randomness");
    assert!(matches!(read_page_token(&own, LISTED_FILTER), Ok(1)), "{own}");
    assert!(matches!(read_page_token(&own, ""), Ok(0)), "a token of another list");
    match read_resume_token(&text) {
        Ok(position) => assert_eq!(position.is_none(), text.is_empty()),
        Err(refused) => check_refusal(&refused),
    }
    let position = i64::try_from(data.len()).unwrap_or(i64::MAX);
    let own = write_resume_token(position).expect("randomness");
    assert!(matches!(read_resume_token(&own), Ok(Some(again)) if again == position), "{own}");
}

/// Names of resources: one that is read is written alike.
pub fn resource_names(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for written in read_names(&text) {
        assert_eq!(written, text);
    }
}

/// Times of filters, of messages and of HTTP.
pub fn times(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // An offset may lead out of the calendar of four digits.
    if let Ok(at) = read_time(&text)
        && CALENDAR_MICROSECONDS.contains(&at.as_micros())
    {
        let written = at.to_string();
        assert_eq!(read_time(&written), Ok(at), "{text} is written {written}");
    }
    let (value, date) = parted(data);
    let _ = parse_retry_after(value, Some(date).filter(|date| !date.is_empty()), FUZZED_TIME);
    let Some((seconds, rest)) = data.split_first_chunk::<8>() else { return };
    let Some((nanos, _)) = rest.split_first_chunk::<4>() else { return };
    let (seconds, nanos) = (i64::from_le_bytes(*seconds), i32::from_le_bytes(*nanos));
    let given = prost_types::Timestamp { seconds, nanos };
    if let Ok(again) = reread_moment(&given) {
        assert_eq!((again.seconds, again.nanos), (seconds, nanos / 1000 * 1000));
    }
    let given = prost_types::Duration { seconds, nanos };
    if let Ok(again) = reread_span(&given) {
        assert_eq!(again, given);
    }
}

/// URLs of webhooks. One that is let in can be connected to, is put into a request, and
/// means the same when it is read again.
pub fn webhook_urls(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for allow_insecure in [true, false] {
        let Ok(parsed) = WebhookUrl::parse(&text, allow_insecure) else { continue };
        assert!(text.len() <= MAX_URL_BYTES && (parsed.secure || allow_insecure));
        let target = WebhookTarget::parse(&text, allow_insecure)
            .unwrap_or_else(|error| panic!("no target: {error}"));
        assert_eq!(target.origin.tls_name.is_some(), parsed.secure);
        assert_eq!(target.absolute.host(), parsed.url.host_str());
        if parsed.url.as_str().len() <= MAX_URL_BYTES {
            let again = WebhookUrl::parse(parsed.url.as_str(), allow_insecure);
            assert_eq!(again.as_ref(), Ok(&parsed), "it is read otherwise the second time");
        }
    }
}

/// A header of a subscription's own: its name, and after a NUL its value. Whatever it is,
/// it changes nothing else in a request.
pub fn webhook_headers(data: &[u8]) {
    let (name, value) = parted(data);
    let header = wire::Header {
        name: String::from_utf8_lossy(name).into_owned(),
        value: bytes::Bytes::copy_from_slice(value),
    };
    let Some(mut with) = headers_of_request(vec![header.clone()]) else { return };
    let without = headers_of_request(Vec::new()).expect("the example");
    assert_eq!(with.len(), without.len() + 1);
    let (name, value) = (header.name.to_ascii_lowercase(), header.value);
    let put = with.remove(name.as_str()).expect("the header");
    assert_eq!(put.as_bytes(), &value[..]);
    assert!(put.is_sensitive() && !put.as_bytes().iter().any(|byte| b"\r\n\0".contains(byte)));
    assert_eq!(with, without);
}

fn headers_of_request(headers: Vec<wire::Header>) -> Option<HeaderMap> {
    let secret = bytes::Bytes::from_static(b"a key");
    let hmac = wire::HmacSignature {
        header: "X-Signature".into(),
        timestamp_header: "X-Time".into(),
        ..Default::default()
    };
    let settings = wire::SubscriptionUpdate {
        url: "https://pay.example/hooks".into(),
        signers: vec![wire::Signer {
            keys: vec![wire::SignerKey { secret, expires_in: None }],
            scheme: Some(wire::signer::Scheme::Hmac(hmac)),
        }],
        headers,
        ..Default::default()
    };
    let template = RequestTemplate::from_wire(&settings, Instant::now()).ok()?;
    let assignment = wire::Assignment {
        webhook_id: "evt_1".into(),
        event_type: "payment.completed".into(),
        payload: "{}".into(),
        sequence: 7,
        test: true,
        ..Default::default()
    };
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_491_200);
    let moment = SigningTime { wall, monotonic: Instant::now() };
    let trace = OutgoingTraceContext::default();
    let parts = build_parts(&assignment, &template, &trace, Version::HTTP_11, moment);
    Some(parts.expect("a request of settings that are good").headers)
}

/// What is before the first NUL, and what is behind it.
fn parted(data: &[u8]) -> (&[u8], &[u8]) {
    let at = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (before, behind) = data.split_at(at);
    (before, behind.strip_prefix(b"\0").unwrap_or_default())
}

pub fn filter_texts() -> Vec<Vec<u8>> {
    texts(&[
        "state = EXHAUSTED AND create_time >= \"2026-11-01T00:00:00Z\" AND account:*",
        "display_name:\"ba\\\"nk\\\\\" AND labels.tier != \"gold\" AND NOT labels:region",
        "attributes.\"x y\" = 1 AND test = false AND event_type = a.b",
        "http_status >= 500 AND outcome != TIMEOUT AND subscription = tenants/acme/subscriptions/a",
        "-region = regions/eu AND status = PAUSED",
        "actor:token AND method = a.B/C AND record_time < \"2026-11-01T00:00:00Z\"",
        "display_name desc",
    ])
}

pub fn filter_sources() -> Vec<Vec<u8>> {
    texts(&[
        "event.payload.amount > 100 && has(event.payload.mandate)\0{\"amount\":101,\"mandate\":{}}",
        "event.payload.items.exists(x, x.price * 2.0 > double(event.payload.limit))\0\
         {\"items\":[{\"price\":1.5}],\"limit\":\"2\"}",
        "event.type == 'payment.completed' ? event.account != \"\" : size(event.attributes) in [1]",
        "string(event.payload).contains('a') || event.payload[0] == {'a': b'\\xff'}\0[null]",
        "event.payload.map(x, x + 1).all(y, y % 2 == 0u || !(y in [1, 2]))\0[1, -2, 1e9]",
    ])
}

pub fn page_token_texts() -> Vec<Vec<u8>> {
    let made = |filter: &str, value: &str, id: &str| {
        write_page_token(filter, value, id).expect("randomness").into_bytes()
    };
    let own = made(LISTED_FILTER, "1793491200000000", "erp");
    let other = made("", "value", "id");
    vec![own, other, b"AQAAAAAAAAAH".to_vec(), b"AQ".to_vec(), Vec::new()]
}

pub fn name_texts() -> Vec<Vec<u8>> {
    let hex = "0192f0c1a2b37c4d8e5f0123456789ab";
    let names = [
        "tenants/acme".to_owned(),
        "tenants/acme/subscriptions/erp".to_owned(),
        format!("tenants/acme/events/evt_{hex}"),
        format!("tenants/acme/deliveries/dlv_{hex}"),
        format!("tenants/acme/deliveries/dlv_{hex}/attempts/3"),
        format!("tenants/acme/operations/op_{hex}"),
        "tenants/acme/deliveries/-".to_owned(),
        "tenants/-".to_owned(),
        "eventTypes/payment.completed".to_owned(),
        "regions/eu-west-1".to_owned(),
        "tokens/0123456789abcdef0123".to_owned(),
        "agents/pod-1.x".to_owned(),
        "installation".to_owned(),
    ];
    names.into_iter().map(String::into_bytes).collect()
}

pub fn time_texts() -> Vec<Vec<u8>> {
    let mut all = texts(&[
        "2026-11-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999-23:59",
        "0000-01-01t00:00:60+01:00",
        "1990-12-31T23:59:60.5Z",
        "120\0Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT\0Sun Nov  6 08:49:37 1994",
        "1793491260",
        "1793491260000",
    ]);
    let binary =
        |seconds: i64, nanos: i32| [&seconds.to_le_bytes()[..], &nanos.to_le_bytes()].concat();
    all.extend([
        binary(1_793_491_200, 5),
        binary(i64::MIN, -1),
        binary(253_402_300_799, 999_999_999),
    ]);
    all
}

pub fn url_texts() -> Vec<Vec<u8>> {
    texts(&[
        "https://pay.example:8443/hooks/a%20b?c=d&e={f}",
        "HTTP://Pay.Example./",
        "https://user:password@pay.example/",
        "https://bücher.example/ü?ü#f",
        "https://[2001:DB8::1%25eth0]:443/x",
        "https://0x7f.1/",
        "https://2130706433:65535",
        "https://a_b.-c.example/\\..//",
    ])
}

pub fn header_texts() -> Vec<Vec<u8>> {
    texts(&[
        "X-Token\0Bearer abc",
        "content-length\x000",
        "Webhook-Id\0x",
        "x-signature\0x",
        "X-A\0a\r\nb: c",
        "x\0caf\u{e9}",
    ])
}
