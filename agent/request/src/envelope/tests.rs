//! Envelopes byte for byte.
use super::*;

/// Of 2026-11-25T05:00:00.123Z.
const EVENT_ID: &[u8] = b"\x01\xa2\x11\x13\x30\xfb\x70\x01\x80\x02\x03\x04\x05\x06\x07\x08";
/// Spaces, a needless fraction, a needless escape, and no ASCII.
const PAYLOAD: &str = "{\"a\" : 1.0,\n \"b\":\"\\u0041Zoë\" }";
const JSON_ENVELOPES: [Envelope; 3] =
    [Envelope::StandardWebhooks, Envelope::IdTypePayloadDate, Envelope::CloudeventsStructured];

fn assignment() -> Assignment {
    Assignment {
        tenant: "acme".to_owned(),
        webhook_id: "evt_1".to_owned(),
        event_id: Bytes::from_static(EVENT_ID),
        event_type: "payment.completed".to_owned(),
        payload: Bytes::from_static(PAYLOAD.as_bytes()),
        ..Default::default()
    }
}

fn body(envelope: Envelope, assignment: &Assignment) -> String {
    String::from_utf8(build_body(envelope, false, assignment).unwrap().body.to_vec()).unwrap()
}

fn headers(assignment: &Assignment) -> Vec<(String, String)> {
    let wrapped = build_body(Envelope::CloudeventsBinary, false, assignment).unwrap();
    let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
    wrapped.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

#[test]
fn without_an_envelope_the_payload_is_the_body() {
    for envelope in [Envelope::Unspecified, Envelope::None] {
        let any = Assignment {
            payload: Bytes::from_static(b"\0\xff"),
            content_type: "application/octet-stream".to_owned(),
            event_id: Bytes::new(),
            ..assignment()
        };
        let wrapped = build_body(envelope, false, &any).unwrap();
        assert_eq!(wrapped.body, any.payload);
        assert_eq!(wrapped.content_type, "application/octet-stream");
        assert!(wrapped.headers.is_empty());
        assert_eq!(
            build_body(envelope, false, &assignment()).unwrap().content_type,
            "application/json"
        );
    }
}

#[test]
fn a_compact_payload_is_compact_in_every_envelope() {
    const COMPACT: &str = "{\"a\":1.0,\"b\":\"\\u0041Zoë\"}";
    for envelope in JSON_ENVELOPES {
        let spaced = build_body(envelope, false, &assignment()).unwrap().body;
        let wanted = std::str::from_utf8(&spaced).unwrap().replace(PAYLOAD, COMPACT);
        assert_eq!(build_body(envelope, true, &assignment()).unwrap().body, wanted);
    }
    for envelope in [Envelope::Unspecified, Envelope::None, Envelope::CloudeventsBinary] {
        assert_eq!(build_body(envelope, true, &assignment()).unwrap().body, COMPACT);
        let text = Assignment { content_type: "text/plain".to_owned(), ..assignment() };
        assert_eq!(build_body(envelope, true, &text).unwrap().body, PAYLOAD);
        let named = Assignment { content_type: "a/b+json; x=y".to_owned(), ..assignment() };
        assert_eq!(build_body(envelope, true, &named).unwrap().body, COMPACT);
    }
}

#[test]
fn standard_webhooks_has_type_timestamp_and_data() {
    let expected = format!(
        r#"{{"type":"payment.completed","timestamp":"2026-11-25T05:00:00.123Z","data":{PAYLOAD}}}"#
    );
    assert_eq!(body(Envelope::StandardWebhooks, &assignment()), expected);
    let wrapped = build_body(Envelope::StandardWebhooks, false, &assignment()).unwrap();
    assert_eq!(wrapped.content_type, "application/json");
}

#[test]
fn the_other_plain_one_has_id_type_payload_and_date() {
    let expected = format!(
        r#"{{"id":"evt_1","type":"payment.completed","payload":{PAYLOAD},"date":"2026-11-25T05:00:00.123Z"}}"#
    );
    assert_eq!(body(Envelope::IdTypePayloadDate, &assignment()), expected);
    let wrapped = build_body(Envelope::IdTypePayloadDate, false, &assignment()).unwrap();
    assert_eq!(wrapped.content_type, "application/json");
}

#[test]
fn structured_cloudevents_say_what_there_is_to_say() {
    let least = format!(
        r#"{{"specversion":"1.0","id":"evt_1","source":"/tenants/acme","type":"payment.completed","time":"2026-11-25T05:00:00.123Z","datacontenttype":"application/json","data":{PAYLOAD}}}"#
    );
    assert_eq!(body(Envelope::CloudeventsStructured, &assignment()), least);
    let most = Assignment {
        account: "SE35 5000".to_owned(),
        sequence: 17,
        content_type: "application/vnd.pay+json; charset=\"utf-8\"".to_owned(),
        ..assignment()
    };
    let expected = format!(
        r#"{{"specversion":"1.0","id":"evt_1","source":"/tenants/acme","type":"payment.completed","subject":"SE35 5000","time":"2026-11-25T05:00:00.123Z","datacontenttype":"application/vnd.pay+json; charset=\"utf-8\"","sequence":"17","data":{PAYLOAD}}}"#
    );
    assert_eq!(body(Envelope::CloudeventsStructured, &most), expected);
    let wrapped = build_body(Envelope::CloudeventsStructured, false, &most).unwrap();
    assert_eq!(wrapped.content_type, "application/cloudevents+json; charset=utf-8");
}

#[test]
fn binary_cloudevents_leave_the_body_alone() {
    let plain = Assignment {
        content_type: "text/plain".to_owned(),
        payload: Bytes::from_static(b"paid"),
        ..assignment()
    };
    let wrapped = build_body(Envelope::CloudeventsBinary, false, &plain).unwrap();
    assert_eq!(wrapped.body, "paid");
    assert_eq!(wrapped.content_type, "text/plain");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut expected = vec![
        pair("ce-specversion", "1.0"),
        pair("ce-id", "evt_1"),
        pair("ce-source", "/tenants/acme"),
        pair("ce-type", "payment.completed"),
        pair("ce-time", "2026-11-25T05:00:00.123Z"),
    ];
    assert_eq!(headers(&plain), expected);
    expected.extend([pair("ce-subject", "SE35%205000"), pair("ce-sequence", "17")]);
    let most = Assignment { account: "SE35 5000".to_owned(), sequence: 17, ..plain };
    assert_eq!(headers(&most), expected);
}

#[test]
fn header_values_are_encoded_as_the_binding_says() {
    for (account, encoded) in [
        ("Euro \u{20ac} \u{1f600}", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ("a\"b%c\r\nx-evil: 1\0\u{7f}", "a%22b%25c%0D%0Ax-evil:%201%00%7F"),
        ("!#$&'()*+,-./:;<=>?@[\\]^_`{|}~", "!#$&'()*+,-./:;<=>?@[\\]^_`{|}~"),
    ] {
        let hostile = Assignment { account: account.to_owned(), ..assignment() };
        let subject = headers(&hostile).pop().unwrap();
        assert_eq!(subject, ("ce-subject".to_owned(), encoded.to_owned()));
    }
}

#[test]
fn hostile_texts_stay_texts() {
    let hostile = "\",\"data\":{}}\\ \r\n\t\0\u{1f} é \u{2028}";
    let assignment = Assignment {
        account: hostile.to_owned(),
        event_type: hostile.to_owned(),
        webhook_id: hostile.to_owned(),
        ..assignment()
    };
    let written = r#"\",\"data\":{}}\\ \r\n\t\u0000\u001f é "#.to_owned() + "\u{2028}";
    for (envelope, members) in
        JSON_ENVELOPES.into_iter().zip([&["type"][..], &["id", "type"], &["id", "type", "subject"]])
    {
        let body = body(envelope, &assignment);
        let read: serde_json::Value = serde_json::from_str(&body).unwrap();
        for member in members {
            assert_eq!(read[member], hostile);
            assert!(body.contains(&format!("\"{member}\":\"{written}\"")), "{body}");
        }
    }
}

#[test]
fn an_envelope_of_json_holds_nothing_else() {
    for envelope in JSON_ENVELOPES {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json ;a=b",
            "text/json",
            "",
        ] {
            let json = Assignment { content_type: good.to_owned(), ..assignment() };
            assert!(body(envelope, &json).contains(PAYLOAD), "{good}");
        }
        for bad in ["text/plain", "application/jsonx", "text/plain; a=application/json"] {
            let other = Assignment { content_type: bad.to_owned(), ..assignment() };
            let error = build_body(envelope, false, &other).unwrap_err();
            assert!(matches!(error, EnvelopeError::NotJson(_)), "{error}");
            assert!(error.to_string().contains(bad));
        }
    }
}

#[test]
fn the_time_is_the_one_in_the_id_and_always_has_milliseconds() {
    let at = |event_id: &[u8]| {
        let event_id = Bytes::copy_from_slice(event_id);
        event_time(&Assignment { event_id, ..assignment() })
    };
    let mut id = [0; 16];
    id[6] = 0x7f;
    assert_eq!(at(&id).unwrap(), "1970-01-01T00:00:00.000Z");
    id[..6].copy_from_slice(&1_000u64.to_be_bytes()[2..]);
    assert_eq!(at(&id).unwrap(), "1970-01-01T00:00:01.000Z");
    // The last millisecond of the year 9999, and one more.
    id[..6].copy_from_slice(&253_402_300_799_999u64.to_be_bytes()[2..]);
    assert!(at(&id).is_err(), "a time that cannot be written is refused");
    id[6] = 0x4f;
    for wrong in [&id[..], &id[..15], b""] {
        assert!(matches!(at(wrong), Err(EnvelopeError::EventId)));
    }
}
