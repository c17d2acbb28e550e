//! Tests of taking events in.

use tonic_types::StatusExt;

use crate::api::events::publish::*;

fn request() -> v1::PublishEventRequest {
    v1::PublishEventRequest {
        parent: "tenants/acme".into(),
        event: Some(v1::Event {
            event_type: "payment.completed".into(),
            payload_form: Some(PayloadForm::PayloadJson(" {\"a\": 1.0}".into())),
            ..Default::default()
        }),
        idempotency_key: String::new(),
    }
}

fn read(
    request: v1::PublishEventRequest,
    parent: Option<&str>,
) -> Result<(TenantId, EventContent), Vec<String>> {
    let parent: Option<TenantId> = parent.map(|parent| parent.parse().unwrap());
    read_unpublished_event(request, parent.as_ref(), &TraceContext::default(), 100).map_err(
        |status| {
            let violations = status.get_details_bad_request().unwrap().field_violations;
            violations.into_iter().map(|violation| violation.field).collect()
        },
    )
}

fn with(change: impl FnOnce(&mut v1::Event)) -> v1::PublishEventRequest {
    let mut request = request();
    change(request.event.as_mut().unwrap());
    request
}

#[test]
fn the_payload_is_kept_byte_for_byte() {
    let (_, content) = read(request(), None).unwrap();
    assert_eq!(content.payload, " {\"a\": 1.0}");
    assert_eq!(content.content_type, "application/json");
    assert_eq!(
        (content.account, content.ordering_key, content.idempotency_key),
        (None, None, None)
    );
}

#[test]
fn a_payload_does_not_keep_the_message_that_it_came_in() {
    let message = Bytes::from(vec![b'1'; 64]);
    let part = PayloadForm::Payload(message.slice(8..16));
    let (_, content) = read(with(|e| e.payload_form = Some(part)), None).unwrap();
    assert_eq!(content.payload, "11111111");
    assert!(message.is_unique(), "its memory is not shared with the payload");
}

#[test]
fn the_ordering_key_is_the_account_unless_given() {
    let (_, content) = read(with(|e| e.account = "acc".into()), None).unwrap();
    assert_eq!(content.ordering_key.as_deref(), Some("acc"));
    let both = with(|e| {
        e.account = "acc".into();
        e.ordering_key = "key".into();
    });
    assert_eq!(read(both, None).unwrap().1.ordering_key.as_deref(), Some("key"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let mut bad = with(|e| {
        e.event_type = "a..b".into();
        e.account = "x".repeat(257);
        e.content_type = "json".into();
        e.tracestate = "x".repeat(513);
        e.payload_form = None;
    });
    bad.parent = "acme".into();
    bad.idempotency_key = "x".repeat(257);
    let fields = [
        "parent",
        "event.event_type",
        "event.account",
        "idempotency_key",
        "event.content_type",
        "event.payload",
        "event.tracestate",
    ];
    assert_eq!(read(bad, None).unwrap_err(), fields);
    let wrong = with(|e| e.payload_form = Some(PayloadForm::Payload(Bytes::from_static(b"{"))));
    assert_eq!(read(wrong, None).unwrap_err(), ["event.payload"]);
    let own = "postrider/acme/1".to_owned();
    let own = v1::PublishEventRequest { idempotency_key: own, ..request() };
    assert_eq!(read(own, None).unwrap_err(), ["idempotency_key"]);
    let none = v1::PublishEventRequest { event: None, ..request() };
    assert_eq!(read(none, None).unwrap_err(), ["event"]);
}

#[test]
fn a_full_queue_says_its_setting_and_when_to_try_again() {
    let metrics = LimitMetrics::alone();
    let refused = overloaded(&metrics, Duration::from_millis(300));
    assert_eq!(refused.get_details_error_info().unwrap().reason, "OVERLOADED");
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "publish.max_queued_events");
    let retry = refused.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(retry, Some(Duration::from_millis(300)));
    assert_eq!(metrics.times_reached("publish.max_queued_events"), 1);
}

#[test]
fn the_whole_calls_parent_stands_in_and_must_agree() {
    let orphan = v1::PublishEventRequest { parent: String::new(), ..request() };
    assert_eq!(read(orphan.clone(), Some("acme")).unwrap().0.as_str(), "acme");
    assert_eq!(read(orphan, None).unwrap_err(), ["parent"]);
    assert!(read(request(), Some("acme")).is_ok());
    assert_eq!(read(request(), Some("other")).unwrap_err(), ["parent"]);
}
