//! A subscription's own headers.
//!
//! Fed by `conversion` with a caller's choice; feeds the domain's settings.
//! Guarantees that no header is written twice, and none that the transport, Postrider or
//! a signature writes, and that a value is taken and never given (invariant
//! `secrets-encrypted`).

use std::collections::HashSet;

use postrider_domain::secret::SecretText;
use postrider_domain::signature::SignatureScheme;
use postrider_domain::subscription::RequestHeader;
use postrider_proto::v1;

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::request_form::{RESERVED_HEADERS, is_token, is_visible_or_space};

/// Most headers of a subscription's own. With names and values 17 KiB at most, which nginx
/// takes by default (32 KiB).
const MAX_HEADERS: usize = 16;
/// A bearer token fits.
const MAX_HEADER_VALUE_BYTES: usize = 1024;
/// What records of changes show for a value: as `postrider_identity`'s audited fields.
const RECORDED_PLACEHOLDERS: [&str; 2] = ["(secret)", "(another secret)"];
/// `GetAttempt` shows so many asterisks for a value, and answers that repeat one show as many as
/// it has bytes. Fewer can be meant: `*` is a value of some headers.
const MIN_MASK_BYTES: usize = 3;

/// Reads the custom headers; none may be one that something else writes. One without a
/// value keeps the value that it has `there`.
pub fn headers(
    given: &[v1::CustomHeader],
    there: &[RequestHeader],
    violations: &mut FieldViolations,
) -> Vec<RequestHeader> {
    let field = "subscription.headers";
    if given.len() > MAX_HEADERS {
        violations.add(field, format!("must hold at most {MAX_HEADERS} headers"));
    }
    let mut names = HashSet::new();
    let mut headers = Vec::with_capacity(given.len().min(MAX_HEADERS));
    for (index, header) in given.iter().take(MAX_HEADERS).enumerate() {
        let lower = header.name.to_ascii_lowercase();
        let name = format!("{field}[{index}].name");
        let ours = lower.starts_with("webhook-") || lower.starts_with("ce-");
        if !is_token(&header.name) {
            violations.add(name, "must be the name of a header, at most 64 bytes");
        } else if ours || RESERVED_HEADERS.contains(&lower.as_str()) {
            violations.add(name, "is a header that cannot be set");
        } else if !names.insert(lower) {
            violations.add(name, "is given twice");
        }
        let value = header_value(header, there);
        if let Err(problem) = &value {
            violations.add(format!("{field}[{index}].value"), problem);
        }
        let value = value.unwrap_or_default();
        headers.push(RequestHeader { name: header.name.clone(), value });
    }
    headers
}

/// The value given, or the one that the header of this name has.
fn header_value(
    given: &v1::CustomHeader,
    there: &[RequestHeader],
) -> Result<SecretText, &'static str> {
    let value = &given.value;
    if value.is_empty() {
        let same = |header: &&RequestHeader| header.name.eq_ignore_ascii_case(&given.name);
        let kept = there.iter().find(same).map(|header| header.value.clone());
        return kept.ok_or("is missing, and there is no header of this name to keep it from");
    }
    if value.len() > MAX_HEADER_VALUE_BYTES
        || !value.bytes().all(is_visible_or_space)
        || value.trim() != value
    {
        return Err(
            "must be 1 to 1,024 visible ASCII characters and spaces, with no space at an end",
        );
    }
    if is_placeholder(value) {
        return Err(
            "is what is shown in the place of a value, and none: leave it empty to keep the value",
        );
    }
    Ok(value.as_str().into())
}

/// Whether it is what Postrider shows for a value: who writes back what he was shown must not
/// overwrite the value with it.
fn is_placeholder(value: &str) -> bool {
    let is_mask = value.len() >= MIN_MASK_BYTES && value.bytes().all(|byte| byte == b'*');
    is_mask || RECORDED_PLACEHOLDERS.contains(&value)
}

/// Refuses a custom header that one of the signature schemes writes.
pub fn refuse_overlapping_headers(
    schemes: &[SignatureScheme],
    headers: &[RequestHeader],
    violations: &mut FieldViolations,
) {
    let written: Vec<&str> = schemes.iter().flat_map(written).collect();
    for (index, header) in headers.iter().enumerate() {
        if written.iter().any(|name| name.eq_ignore_ascii_case(&header.name)) {
            let field = format!("subscription.headers[{index}].name");
            violations.add(field, "is written by a signature scheme");
        }
    }
}

/// The headers that a scheme writes, but for those that are Postrider's own.
pub(super) fn written(scheme: &SignatureScheme) -> Vec<&str> {
    match scheme {
        SignatureScheme::StandardV1 | SignatureScheme::StandardV1a => Vec::new(),
        SignatureScheme::Stripe { header } | SignatureScheme::StaticSecret { header, .. } => {
            vec![header]
        }
        SignatureScheme::Hmac(hmac) => {
            let timestamp = hmac.timestamp.as_ref().map(|timestamp| timestamp.header.as_str());
            std::iter::once(hmac.header.as_str()).chain(timestamp).collect()
        }
    }
}

pub fn headers_to_proto(headers: &[RequestHeader]) -> Vec<v1::CustomHeader> {
    let shown = |header: &RequestHeader| v1::CustomHeader {
        name: header.name.clone(),
        value: String::new(),
        value_set: !header.value.is_empty(),
    };
    headers.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use postrider_domain::signature::{
        DigestEncoding, HmacHash, HmacScheme, HmacTimestamp, KeyRotation,
    };

    use super::*;

    fn custom(name: &str, value: &str) -> v1::CustomHeader {
        v1::CustomHeader { name: name.into(), value: value.into(), value_set: false }
    }

    #[test]
    fn a_header_without_a_value_keeps_the_one_it_has() {
        let mut violations = FieldViolations::default();
        let there =
            headers(&[custom("X-Token", "one"), custom("X-Team", "two")], &[], &mut violations);
        let shown = headers_to_proto(&there);
        assert!(shown.iter().all(|header| header.value.is_empty() && header.value_set));
        assert_eq!(
            headers(&shown, &there, &mut violations),
            there,
            "what was read changes nothing"
        );
        let changed = [custom("x-token", ""), custom("X-New", "three")];
        let changed = headers(&changed, &there, &mut violations);
        assert!(violations.is_empty());
        let told: Vec<_> = changed.iter().map(|h| (h.name.as_str(), h.value.expose())).collect();
        assert_eq!(told, [("x-token", "one"), ("X-New", "three")]);
        headers(&[custom("X-Other", "")], &there, &mut violations);
        assert!(!violations.is_empty(), "there is nothing to keep");
    }

    #[test]
    fn headers_are_bounded_and_apart_from_signatures() {
        let refused = |given: &[v1::CustomHeader]| {
            let mut violations = FieldViolations::default();
            headers(given, &[], &mut violations);
            !violations.is_empty()
        };
        assert!(!refused(&[custom("Authorization", "Bearer abc"), custom("X-Team", "pay ments")]));
        assert!(!refused(&[custom("X-Allow", "*"), custom("Accept", "*/*")]));
        for (name, value) in [
            ("Host", "x"),
            ("Webhook-Anything", "x"),
            ("Ce-Id", "x"),
            ("", "x"),
            ("X-A", ""),
            ("X-A", "a\r\nb: c"),
            ("X-A", "é"),
            ("X-A", "***"),
            ("X-A", "****************"),
            ("X-A", "(secret)"),
            ("X-A", "(another secret)"),
        ] {
            assert!(refused(&[custom(name, value)]), "{name}: {value}");
        }
        assert!(refused(&[custom("X-A", "1"), custom("x-a", "2")]));
        let mut violations = FieldViolations::default();
        let timestamp = HmacTimestamp { header: "X-Time".into(), separator: ".".into() };
        let schemes = [SignatureScheme::Hmac(HmacScheme {
            header: "X-Signature".into(),
            prefix: String::new(),
            hash: HmacHash::Sha256,
            encoding: DigestEncoding::Hex,
            timestamp: Some(timestamp),
            rotation: KeyRotation::EachKey,
        })];
        let chosen = headers(&[custom("x-time", "1")], &[], &mut violations);
        assert!(violations.is_empty());
        refuse_overlapping_headers(&schemes, &chosen, &mut violations);
        assert!(!violations.is_empty());
    }
}
