//! Tests of signature schemes, envelopes and headers on the wire.

use crate::api::subscriptions::request_form::*;

fn hmac(header: &str) -> v1::SignatureScheme {
    let hmac = v1::HmacSignature {
        header: header.into(),
        prefix: "v1=".into(),
        timestamp: Some(v1::HmacTimestamp { header: "X-Time".into(), separator: Some(":".into()) }),
        ..Default::default()
    };
    v1::SignatureScheme { scheme: Some(Scheme::Hmac(hmac)) }
}

fn scheme(scheme: Scheme) -> v1::SignatureScheme {
    v1::SignatureScheme { scheme: Some(scheme) }
}

fn refused(given: &[v1::SignatureScheme]) -> bool {
    let mut violations = FieldViolations::default();
    schemes(given, &mut violations);
    !violations.is_empty()
}

#[test]
fn what_is_shown_is_what_was_chosen() {
    let given = [
        scheme(Scheme::StandardWebhooksV1(v1::StandardWebhooksV1 {})),
        scheme(Scheme::StandardWebhooksV1a(v1::StandardWebhooksV1a {})),
        hmac("X-Signature"),
        scheme(Scheme::StaticSecret(v1::StaticSecret {
            header: "X-Secret".into(),
            rotation: v1::KeyRotation::NewestKey.into(),
            ..Default::default()
        })),
    ];
    let mut violations = FieldViolations::default();
    let read = schemes(&given, &mut violations);
    assert!(violations.is_empty());
    let shown = schemes_to_proto(&read);
    assert_eq!(schemes(&shown, &mut violations), read);
    assert_eq!(shown.len(), 4);
    assert_eq!(shown[3], given[3]);
}

#[test]
fn none_is_a_choice_of_its_own() {
    let none = scheme(Scheme::None(v1::NoSignature {}));
    let mut violations = FieldViolations::default();
    assert!(schemes(std::slice::from_ref(&none), &mut violations).is_empty());
    assert!(violations.is_empty());
    assert_eq!(schemes_to_proto(&[]), std::slice::from_ref(&none));
    assert_eq!(schemes(&[], &mut violations), default_schemes());
    assert!(refused(&[none, hmac("X-Signature")]));
}

#[test]
fn no_header_is_written_twice_or_by_anybody_else() {
    assert!(!refused(&[hmac("X-Signature")]));
    for taken in ["", "x y", "Content-Length", "host", "webhook-signature", "ce-id", "x-time"] {
        assert!(refused(&[hmac(taken)]), "{taken}");
    }
    assert!(refused(&[hmac("X-Signature"), hmac("x-signature")]));
    assert!(refused(&[v1::SignatureScheme::default()]));
}
