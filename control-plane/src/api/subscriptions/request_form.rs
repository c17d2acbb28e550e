//! Signature schemes, envelopes, and the form of JSON.
//!
//! Fed by `conversion` with a caller's choice; feeds the domain's settings.
//! Guarantees that no scheme writes a header that another, the transport or Postrider
//! writes, so that what is stored can always be sent.

use std::collections::HashSet;

use postrider_domain::signature::{
    DigestEncoding, HmacHash, HmacScheme, HmacTimestamp, KeyRotation, SignatureScheme,
    default_schemes,
};
use postrider_domain::subscription::{BodyEnvelope, JsonForm};
use postrider_proto::v1;
use postrider_proto::v1::signature_scheme::Scheme;

use crate::api::rpc::errors::FieldViolations;

/// Most schemes of one subscription. A change of scheme needs two for a time; each is work
/// for every request.
const MAX_SCHEMES: usize = 4;
/// Names in use have half.
const MAX_HEADER_NAME_BYTES: usize = 64;
/// As `sha256=`, or a word and a space.
const MAX_PREFIX_BYTES: usize = 32;
/// A dot or an end of line.
const MAX_SEPARATOR_BYTES: usize = 8;
const STRIPE_HEADER: &str = "stripe-signature";
const DEFAULT_SEPARATOR: &str = ".";

/// Headers that the transport writes, and those that carry trace context.
pub(super) const RESERVED_HEADERS: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Postrider's own headers; a signature may not use them.
const POSTRIDER_HEADERS: &[&str] = &[
    "webhook-event-type",
    "webhook-id",
    "webhook-sequence",
    "webhook-signature",
    "webhook-test",
    "webhook-timestamp",
];

/// Reads the signature schemes; an empty list if the caller chose none.
pub fn schemes(
    given: &[v1::SignatureScheme],
    violations: &mut FieldViolations,
) -> Vec<SignatureScheme> {
    let field = "subscription.signature_schemes";
    if given.is_empty() {
        return default_schemes();
    }
    if given.len() > MAX_SCHEMES {
        violations.add(field, format!("must hold at most {MAX_SCHEMES} schemes"));
    }
    let mut schemes = Vec::with_capacity(MAX_SCHEMES);
    let mut headers = HashSet::new();
    for (index, given) in given.iter().take(MAX_SCHEMES).enumerate() {
        let mut at =
            SchemeReader { field: format!("{field}[{index}]"), headers: &mut headers, violations };
        match &given.scheme {
            None => at.refuse("", "names no scheme"),
            Some(Scheme::None(_)) => {}
            Some(scheme) => schemes.extend(at.scheme(scheme)),
        }
    }
    let none = given.iter().any(|given| matches!(given.scheme, Some(Scheme::None(_))));
    if none && given.len() > 1 {
        violations.add(field, "none must be the only scheme of the subscription");
    }
    for (index, scheme) in schemes.iter().enumerate() {
        if schemes.iter().take(index).any(|earlier| earlier == scheme) {
            violations.add(format!("{field}[{index}]"), "is given twice");
        }
    }
    schemes
}

/// Reads one scheme of a list, and collects the headers that the list writes.
struct SchemeReader<'a> {
    field: String,
    headers: &'a mut HashSet<String>,
    violations: &'a mut FieldViolations,
}

impl SchemeReader<'_> {
    fn refuse(&mut self, part: &str, problem: &str) {
        self.violations.add(format!("{}{part}", self.field), problem);
    }

    fn scheme(&mut self, given: &Scheme) -> Option<SignatureScheme> {
        match given {
            Scheme::StandardWebhooksV1(_) => Some(SignatureScheme::StandardV1),
            Scheme::StandardWebhooksV1a(_) => Some(SignatureScheme::StandardV1a),
            Scheme::Stripe(stripe) => {
                let header =
                    if stripe.header.is_empty() { STRIPE_HEADER } else { stripe.header.as_str() };
                Some(SignatureScheme::Stripe { header: self.header(".stripe.header", header) })
            }
            Scheme::Hmac(hmac) => Some(SignatureScheme::Hmac(self.hmac(hmac))),
            Scheme::StaticSecret(secret) => Some(SignatureScheme::StaticSecret {
                header: self.header(".static_secret.header", &secret.header),
                prefix: self.text(".static_secret.prefix", &secret.prefix, MAX_PREFIX_BYTES),
                rotation: self.rotation(".static_secret.rotation", secret.rotation),
            }),
            Scheme::None(_) => None,
        }
    }

    fn hmac(&mut self, given: &v1::HmacSignature) -> HmacScheme {
        let hash = match v1::HmacHash::try_from(given.hash) {
            Ok(v1::HmacHash::Sha512) => HmacHash::Sha512,
            Ok(_) => HmacHash::Sha256,
            Err(_) => {
                self.refuse(".hmac.hash", "must be SHA256 or SHA512");
                HmacHash::Sha256
            }
        };
        let encoding = match v1::SignatureEncoding::try_from(given.encoding) {
            Ok(v1::SignatureEncoding::Base64) => DigestEncoding::Base64,
            Ok(_) => DigestEncoding::Hex,
            Err(_) => {
                self.refuse(".hmac.encoding", "must be HEX or BASE64");
                DigestEncoding::Hex
            }
        };
        let timestamp = given.timestamp.as_ref().map(|timestamp| {
            let separator = timestamp.separator.as_deref().unwrap_or(DEFAULT_SEPARATOR);
            HmacTimestamp {
                header: self.header(".hmac.timestamp.header", &timestamp.header),
                separator: self.text(".hmac.timestamp.separator", separator, MAX_SEPARATOR_BYTES),
            }
        });
        HmacScheme {
            header: self.header(".hmac.header", &given.header),
            prefix: self.text(".hmac.prefix", &given.prefix, MAX_PREFIX_BYTES),
            hash,
            encoding,
            timestamp,
            rotation: self.rotation(".hmac.rotation", given.rotation),
        }
    }

    /// A header that this scheme writes: a token that nothing else writes.
    fn header(&mut self, part: &str, name: &str) -> String {
        let lower = name.to_ascii_lowercase();
        if !is_token(name) {
            self.refuse(part, "must be the name of a header, at most 64 bytes");
        } else if RESERVED_HEADERS.contains(&lower.as_str())
            || POSTRIDER_HEADERS.contains(&lower.as_str())
            || lower.starts_with("ce-")
        {
            self.refuse(part, "is a header that cannot carry a signature");
        } else if !self.headers.insert(lower) {
            self.refuse(part, "is written by another scheme already");
        }
        name.to_owned()
    }

    fn text(&mut self, part: &str, text: &str, most: usize) -> String {
        if text.len() > most || !text.bytes().all(is_visible_or_space) {
            let problem = format!("must be at most {most} visible ASCII characters and spaces");
            self.refuse(part, &problem);
        }
        text.to_owned()
    }

    fn rotation(&mut self, part: &str, given: i32) -> KeyRotation {
        match v1::KeyRotation::try_from(given) {
            Ok(v1::KeyRotation::NewestKey) => KeyRotation::NewestKey,
            Ok(_) => KeyRotation::EachKey,
            Err(_) => {
                self.refuse(part, "must be EACH_KEY or NEWEST_KEY");
                KeyRotation::EachKey
            }
        }
    }
}

/// RFC 9110, section 5.6.2.
pub(super) fn is_token(name: &str) -> bool {
    let tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=MAX_HEADER_NAME_BYTES).contains(&name.len()) && name.bytes().all(tchar)
}

pub(super) const fn is_visible_or_space(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Reads the envelope.
pub fn envelope(given: i32, violations: &mut FieldViolations) -> BodyEnvelope {
    match v1::Envelope::try_from(given) {
        Ok(v1::Envelope::Unspecified | v1::Envelope::None) => BodyEnvelope::None,
        Ok(v1::Envelope::StandardWebhooks) => BodyEnvelope::StandardWebhooks,
        Ok(v1::Envelope::IdTypePayloadDate) => BodyEnvelope::IdTypePayloadDate,
        Ok(v1::Envelope::CloudeventsStructured) => BodyEnvelope::CloudEventsStructured,
        Ok(v1::Envelope::CloudeventsBinary) => BodyEnvelope::CloudEventsBinary,
        Err(_) => {
            violations.add("subscription.envelope", "is not a known envelope");
            BodyEnvelope::None
        }
    }
}

pub fn envelope_to_proto(envelope: BodyEnvelope) -> v1::Envelope {
    match envelope {
        BodyEnvelope::None => v1::Envelope::None,
        BodyEnvelope::StandardWebhooks => v1::Envelope::StandardWebhooks,
        BodyEnvelope::IdTypePayloadDate => v1::Envelope::IdTypePayloadDate,
        BodyEnvelope::CloudEventsStructured => v1::Envelope::CloudeventsStructured,
        BodyEnvelope::CloudEventsBinary => v1::Envelope::CloudeventsBinary,
    }
}

/// Reads the JSON form.
pub fn json_form(given: i32, violations: &mut FieldViolations) -> JsonForm {
    match v1::JsonForm::try_from(given) {
        Ok(v1::JsonForm::Unspecified | v1::JsonForm::AsPublished) => JsonForm::AsPublished,
        Ok(v1::JsonForm::Compact) => JsonForm::Compact,
        Err(_) => {
            violations.add("subscription.json_form", "must be AS_PUBLISHED or COMPACT");
            JsonForm::default()
        }
    }
}

pub const fn json_form_to_proto(form: JsonForm) -> v1::JsonForm {
    match form {
        JsonForm::AsPublished => v1::JsonForm::AsPublished,
        JsonForm::Compact => v1::JsonForm::Compact,
    }
}

pub fn schemes_to_proto(schemes: &[SignatureScheme]) -> Vec<v1::SignatureScheme> {
    if schemes.is_empty() {
        let none = Scheme::None(v1::NoSignature {});
        return vec![v1::SignatureScheme { scheme: Some(none) }];
    }
    let shown = |scheme: &SignatureScheme| v1::SignatureScheme { scheme: Some(to_proto(scheme)) };
    schemes.iter().map(shown).collect()
}

fn to_proto(scheme: &SignatureScheme) -> Scheme {
    match scheme {
        SignatureScheme::StandardV1 => Scheme::StandardWebhooksV1(v1::StandardWebhooksV1 {}),
        SignatureScheme::StandardV1a => Scheme::StandardWebhooksV1a(v1::StandardWebhooksV1a {}),
        SignatureScheme::Stripe { header } => {
            Scheme::Stripe(v1::StripeSignature { header: header.clone() })
        }
        SignatureScheme::Hmac(hmac) => Scheme::Hmac(hmac_to_proto(hmac)),
        SignatureScheme::StaticSecret { header, prefix, rotation } => {
            Scheme::StaticSecret(v1::StaticSecret {
                header: header.clone(),
                prefix: prefix.clone(),
                rotation: rotation_to_proto(*rotation).into(),
            })
        }
    }
}

fn hmac_to_proto(hmac: &HmacScheme) -> v1::HmacSignature {
    let hash = match hmac.hash {
        HmacHash::Sha256 => v1::HmacHash::Sha256,
        HmacHash::Sha512 => v1::HmacHash::Sha512,
    };
    let encoding = match hmac.encoding {
        DigestEncoding::Hex => v1::SignatureEncoding::Hex,
        DigestEncoding::Base64 => v1::SignatureEncoding::Base64,
    };
    let timestamp = hmac.timestamp.as_ref().map(|timestamp| v1::HmacTimestamp {
        header: timestamp.header.clone(),
        separator: Some(timestamp.separator.clone()),
    });
    v1::HmacSignature {
        header: hmac.header.clone(),
        prefix: hmac.prefix.clone(),
        hash: hash.into(),
        encoding: encoding.into(),
        timestamp,
        rotation: rotation_to_proto(hmac.rotation).into(),
    }
}

const fn rotation_to_proto(rotation: KeyRotation) -> v1::KeyRotation {
    match rotation {
        KeyRotation::EachKey => v1::KeyRotation::EachKey,
        KeyRotation::NewestKey => v1::KeyRotation::NewestKey,
    }
}

#[cfg(test)]
#[path = "request_form_tests.rs"]
mod tests;
