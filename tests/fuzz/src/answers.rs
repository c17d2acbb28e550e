//! What receivers answer, as the agent reads it and the control plane believes it.

use std::time::Duration;

use http::Version;
use postrider::agents::fuzzing::read_result;
use postrider::api::fuzzing::FUZZED_TIME;
use postrider_agent::fuzzing::{FUZZED_LIMITS, FUZZED_SECRET, read_answer, scans_alike_in_pieces};
use postrider_proto::agent::v1::{AttemptResult, Fact};
use postrider_proto::attempt_limits::{MAX_ERROR_BYTES, MAX_RETRY_AFTER_BYTES, is_unprintable};

use crate::examples;
use crate::runtime::block_on;
use crate::target::texts;

/// A receiver that has said all it says and closed is read within milliseconds.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Where the bytes are parted, of a piece's worth.
const PIECE_BYTES: usize = 7;

/// The bytes of a receiver over HTTP/1.1.
pub fn http1(data: &[u8]) {
    check_answer(Version::HTTP_11, data);
}

/// The same over HTTP/2.
pub fn http2(data: &[u8]) {
    check_answer(Version::HTTP_2, data);
}

fn check_answer(version: Version, data: &[u8]) {
    assert!(scans_alike_in_pieces(data, PIECE_BYTES.min(data.len() / 2)));
    let reading = read_answer(version, data.to_vec());
    let result = block_on(async { tokio::time::timeout(ANSWER_TIMEOUT, reading).await });
    let result = result.expect("a receiver that has closed is waited for");
    check_result(&result);
    check_believed(result);
}

/// What is reported is bounded and printable, and shows no secret of the request.
fn check_result(result: &AttemptResult) {
    let facts = [Fact::Response, Fact::ConnectionClosed, Fact::ResponseTooLarge];
    assert!(facts.contains(&result.fact()), "{result:?}");
    assert!(result.http_status == 0 || (100..=599).contains(&result.http_status), "{result:?}");
    if result.fact() == Fact::Response {
        assert_ne!(result.http_status, 0, "a response without a status: {result:?}");
    }
    let headers = &result.response_headers;
    let bytes: usize = headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    assert!(bytes <= FUZZED_LIMITS.headers_bytes, "{bytes} bytes of headers");
    assert!(result.response_body.len() <= FUZZED_LIMITS.excerpt_bytes);
    assert!(result.response_body_bytes <= FUZZED_LIMITS.body_bytes as u64);
    assert!(result.error.len() <= MAX_ERROR_BYTES && !result.error.contains(is_unprintable));
    assert!(result.retry_after.len() <= MAX_RETRY_AFTER_BYTES);
    let shown = headers.iter().flat_map(|header| [header.name.as_bytes(), &header.value[..]]);
    for text in shown.chain([&result.response_body[..], result.error.as_bytes()]) {
        assert!(!has_secret(text), "a secret of the request is shown: {result:?}");
    }
}

/// Whether a text has the secret of the request, whatever the case of its letters.
fn has_secret(text: &[u8]) -> bool {
    let secret = FUZZED_SECRET.as_bytes();
    text.windows(secret.len()).any(|part| part.eq_ignore_ascii_case(secret))
}

/// An honest agent is believed: the control plane changes nothing of what it reports.
fn check_believed(result: AttemptResult) {
    let (delivery, agent) = (examples::delivery(), examples::agent());
    let now = FUZZED_TIME + Duration::from_secs(60);
    let report = read_result(result.clone(), &delivery, &agent, now).expect("a fact");
    let record = &report.record;
    assert_eq!(u32::from(record.http_status.unwrap_or_default()), result.http_status);
    assert_eq!(record.error, result.error);
    assert_eq!(record.response_body, result.response_body);
    assert_eq!(record.response_body_bytes, result.response_body_bytes);
    assert_eq!(record.response_body_truncated, result.response_body_truncated);
    assert_eq!(record.http_version, result.http_version);
    let told: Vec<_> =
        result.response_headers.into_iter().map(|header| (header.name, header.value)).collect();
    assert_eq!(record.response_headers, told);
}

pub fn http1_answers() -> Vec<Vec<u8>> {
    texts(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nKeep-Alive: timeout=5, max=9\r\n\r\nok",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:49:37 GMT\r\nDate: x\r\n\r\nwait",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
        "HTTP/1.0 404 \nServer : a\n folded\nno header\n\n<html>",
        "HTTP/1.1 999 Odd\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut off",
        "HTTP/1.1 401 No\r\nX-Key: a-secret-of-the-request\r\n\r\nA-Secret-of-the-Request!",
    ])
}

// Types and flags of frames (RFC 9113, section 6).
const DATA_FRAME: u8 = 0;
const HEADERS_FRAME: u8 = 1;
const RESET_FRAME: u8 = 3;
const SETTINGS_FRAME: u8 = 4;
const PING_FRAME: u8 = 6;
const GOAWAY_FRAME: u8 = 7;
const END_STREAM_FLAG: u8 = 1;
const END_HEADERS_FLAG: u8 = 4;

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

pub fn http2_answers() -> Vec<Vec<u8>> {
    let settings = [frame(SETTINGS_FRAME, 0, 0, &[]), frame(SETTINGS_FRAME, 1, 0, &[])].concat();
    // `:status 200` is the eighth entry of HPACK's static table, 503 is written out.
    let ok = frame(HEADERS_FRAME, END_HEADERS_FLAG, 1, b"\x88");
    let busy = frame(
        HEADERS_FRAME,
        END_HEADERS_FLAG | END_STREAM_FLAG,
        1,
        b"\x08\x03503\x40\x0bretry-after\x0260",
    );
    let early = frame(HEADERS_FRAME, END_HEADERS_FLAG, 1, b"\x08\x03103");
    let body = frame(DATA_FRAME, END_STREAM_FLAG, 1, b"ok");
    vec![
        [&settings[..], &ok, &body].concat(),
        [&settings[..], &busy].concat(),
        [&settings[..], &early, &ok, &frame(PING_FRAME, 0, 0, &[0; 8]), &body].concat(),
        [&settings[..], &frame(GOAWAY_FRAME, 0, 0, b"\0\0\0\0\0\0\0\x0bcalm down")].concat(),
        [&settings[..], &frame(GOAWAY_FRAME, 0, 0, b"\0\0\0\0\0\0\0\x0bA-Secret-of-the-Request!")]
            .concat(),
        [&settings[..], &ok, &frame(RESET_FRAME, 0, 1, &[0, 0, 0, 7])].concat(),
        frame(SETTINGS_FRAME, 0, 0, b"\0\x03\0\0\0\0\0\x04\0\0\0\0"),
    ]
}
