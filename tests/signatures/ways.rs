//! Every way to sign a webhook, as a subscription has it and as a snippet is told.
//!
//! Fed by nothing; feeds `schemes`. Guarantees that each building block of a
//! signature is in it: both Standard Webhooks schemes, alone and together,
//! Stripe's, the HMAC in each of its forms and the static secret, with one line
//! for each key and with the newest key alone.

use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::{
    HmacHash, HmacSignature, HmacTimestamp, KeyRotation, SignatureEncoding, SigningKeyKind,
    StandardWebhooksV1, StandardWebhooksV1a, StaticSecret, StripeSignature,
};
use serde_json::json;

use super::receivers::Form;

const SIGNATURE_HEADER: &str = "x-signature";
const TIME_HEADER: &str = "x-time";

/// A subscription's schemes, and the forms in which they reach a receiver.
pub struct Way {
    pub name: String,
    pub schemes: Vec<Scheme>,
    pub forms: Vec<(SigningKeyKind, Form)>,
    /// Each key in force signs; otherwise only the newest does.
    pub each_key: bool,
}

/// How many lines the header has with `keys` keys in force.
pub fn lines_wanted(form: &Form, each_key: bool, keys: usize) -> usize {
    let one_line_each = matches!(form.scheme, "hmac" | "timestamped_hmac" | "static_secret");
    if one_line_each && each_key { keys } else { 1 }
}

pub fn all() -> Vec<Way> {
    let mut ways = vec![v1(), v1a(), both(), stripe("stripe-signature"), stripe(SIGNATURE_HEADER)];
    for (hash, hash_name) in [(HmacHash::Sha256, "sha256"), (HmacHash::Sha512, "sha512")] {
        let encodings = [(SignatureEncoding::Hex, "hex"), (SignatureEncoding::Base64, "base64")];
        for (encoding, encoding_name) in encodings {
            for separator in [None, Some(":"), Some("")] {
                let written = (hash_name, encoding_name);
                ways.push(hmac((hash, encoding), written, separator, true));
            }
        }
    }
    ways.push(hmac((HmacHash::Sha256, SignatureEncoding::Hex), ("sha256", "hex"), None, false));
    ways.push(hmac(
        (HmacHash::Sha256, SignatureEncoding::Hex),
        ("sha256", "hex"),
        Some("."),
        false,
    ));
    ways.extend([("", true), ("Bearer ", true), ("", false)].map(|(p, each)| secret(p, each)));
    ways
}

fn v1() -> Way {
    Way {
        name: "v1".to_owned(),
        schemes: vec![Scheme::StandardWebhooksV1(StandardWebhooksV1 {})],
        forms: vec![(SigningKeyKind::Standard, Form::standard("standard_v1"))],
        each_key: true,
    }
}

fn v1a() -> Way {
    Way {
        name: "v1a".to_owned(),
        schemes: vec![Scheme::StandardWebhooksV1a(StandardWebhooksV1a {})],
        forms: vec![(SigningKeyKind::Ed25519, Form::standard("standard_v1a"))],
        each_key: true,
    }
}

fn both() -> Way {
    let (v1, v1a) = (v1(), v1a());
    Way {
        name: "v1-and-v1a".to_owned(),
        schemes: [v1.schemes, v1a.schemes].concat(),
        forms: [v1.forms, v1a.forms].concat(),
        each_key: true,
    }
}

fn stripe(header: &'static str) -> Way {
    Way {
        name: format!("stripe-{header}"),
        schemes: vec![Scheme::Stripe(StripeSignature { header: header.to_owned() })],
        forms: vec![(
            SigningKeyKind::Text,
            Form { scheme: "stripe", header, timestamp: None, more: json!({}) },
        )],
        each_key: true,
    }
}

fn rotation(each_key: bool) -> i32 {
    if each_key { KeyRotation::EachKey.into() } else { KeyRotation::NewestKey.into() }
}

fn hmac(
    (hash, encoding): (HmacHash, SignatureEncoding),
    (hash_name, encoding_name): (&str, &str),
    separator: Option<&str>,
    each_key: bool,
) -> Way {
    // A prefix where there is a time, so that both have been seen.
    let prefix = if separator.is_some() { "v1=" } else { "" };
    let timestamp = separator.map(|separator| HmacTimestamp {
        header: TIME_HEADER.to_owned(),
        separator: Some(separator.to_owned()),
    });
    let scheme = Scheme::Hmac(HmacSignature {
        header: SIGNATURE_HEADER.to_owned(),
        prefix: prefix.to_owned(),
        hash: hash.into(),
        encoding: encoding.into(),
        timestamp,
        rotation: rotation(each_key),
    });
    let mut more = json!({ "prefix": prefix, "hash": hash_name, "encoding": encoding_name });
    if let Some(separator) = separator {
        more["separator"] = separator.into();
    }
    let over = match separator {
        None => "body",
        Some("") => "time-and-body",
        Some(_) => "time-separator-body",
    };
    let form = Form {
        scheme: if separator.is_some() { "timestamped_hmac" } else { "hmac" },
        header: SIGNATURE_HEADER,
        timestamp: separator.is_some().then_some(TIME_HEADER),
        more,
    };
    let keys = if each_key { "each-key" } else { "newest-key" };
    Way {
        name: format!("hmac-{hash_name}-{encoding_name}-{over}-{keys}"),
        schemes: vec![scheme],
        forms: vec![(SigningKeyKind::Text, form)],
        each_key,
    }
}

fn secret(prefix: &str, each_key: bool) -> Way {
    let scheme = Scheme::StaticSecret(StaticSecret {
        header: SIGNATURE_HEADER.to_owned(),
        prefix: prefix.to_owned(),
        rotation: rotation(each_key),
    });
    let more = json!({ "prefix": prefix });
    let form = Form { scheme: "static_secret", header: SIGNATURE_HEADER, timestamp: None, more };
    let keys = if each_key { "each-key" } else { "newest-key" };
    let name = format!("secret-{}-{keys}", if prefix.is_empty() { "alone" } else { "prefixed" });
    Way { name, schemes: vec![scheme], forms: vec![(SigningKeyKind::Text, form)], each_key }
}
