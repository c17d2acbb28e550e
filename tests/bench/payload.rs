//! The body that everybody measures with.
//!
//! Fed by nothing, or by a time of sending; feeds every publisher and the floor,
//! and the receiver, which reads the time again. Guarantees that every body has
//! the same size.

/// Of the JSON text.
pub const PAYLOAD_BYTES: usize = 1024;

const SENT_FIELD: &[u8] = br#"{"sent":""#;
const SENT_DIGITS: usize = 20;

/// Without a time.
pub fn plain() -> String {
    fill(r#"{"payment":""#.to_owned())
}

/// With the time at which it is sent, in nanoseconds.
pub fn sent_at(ns: u64) -> String {
    fill(format!(r#"{{"sent":"{ns:020}","payment":""#))
}

fn fill(mut text: String) -> String {
    const PAYLOAD_END: &str = r#""}"#;
    let filler = PAYLOAD_BYTES.saturating_sub(text.len() + PAYLOAD_END.len());
    text.reserve_exact(filler + PAYLOAD_END.len());
    text.extend(std::iter::repeat_n('x', filler));
    text.push_str(PAYLOAD_END);
    text
}

/// The time that a body was sent at, when it carries one.
pub fn time_of(body: &[u8]) -> Option<u64> {
    let digits = body.strip_prefix(SENT_FIELD)?.get(..SENT_DIGITS)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}
