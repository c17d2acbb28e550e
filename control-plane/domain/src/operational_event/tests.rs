//! What is told, and how.

use std::time::Duration;

use super::*;
use crate::event_type::{CompiledSchema, EventTypeInput, SchemaViolation};
use crate::event_type_name::validate_event_type;
use crate::failure_streak::WarningStage;
use crate::secret::SigningSecret;
use crate::subscription::SubscriptionConfig;
use crate::time::StoppedClock;

const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
const SHORT_RULE: AutoDisable = AutoDisable { after: Duration::from_secs(600), never: false };

fn key(id: &str, expire_time: Option<Timestamp>) -> SigningKey {
    let secret = SigningSecret::new(vec![7; 32]);
    SigningKey { id: id.into(), kind: KeyKind::Standard, secret, create_time: NOW, expire_time }
}

fn subscription() -> Subscription {
    Subscription {
        tenant: "acme".parse().unwrap(),
        id: "erp".parse().unwrap(),
        status: SubscriptionStatus::Enabled,
        status_reason: String::new(),
        settings: SubscriptionConfig {
            url: "https://user-7.example:8443/token/abc?key=secret".into(),
            ..SubscriptionConfig::default()
        },
        signing_keys: vec![key("key-1", None)],
        paused_clock: StoppedClock::default(),
        revision: 3,
        request_revision: 3,
        create_time: NOW,
        update_time: NOW,
        delete_time: None,
    }
}

/// A payload, which meets its type's schema and has no field that is not in it.
fn payload(operational_event: &OperationalEvent) -> Value {
    let text = &operational_event.payload;
    assert_eq!(violations(&operational_event.event_type, text), [], "{text}");
    assert!(!text.contains("token") && !text.contains("secret"), "{text}");
    serde_json::from_str(text).unwrap()
}

/// What the catalogue has against a payload, were its schemas closed.
fn violations(event_type: &str, payload: &str) -> Vec<SchemaViolation> {
    let schema = built_in_type(event_type).unwrap().schema.as_deref().unwrap();
    let mut schema: Value = serde_json::from_str(schema).unwrap();
    close(&mut schema);
    CompiledSchema::compile(&schema.to_string()).unwrap().violations(payload.as_bytes())
}

fn close(schema: &mut Value) {
    let Some(rules) = schema.as_object_mut() else { return };
    if let Some(properties) = rules.get_mut("properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(close);
        rules.insert("additionalProperties".into(), false.into());
    }
}

#[test]
fn every_type_is_in_the_catalogue_with_a_sample_and_no_other() {
    let names: Vec<&str> = built_in().iter().map(|built_in| built_in.name.as_str()).collect();
    let mut known = OperationalEventType::ALL.map(OperationalEventType::name);
    known.sort_unstable();
    assert_eq!(names, known);
    for one in built_in() {
        let sample = one.sample.as_deref().unwrap();
        assert_eq!(violations(&one.name, sample), [], "{}", one.name);
        assert!(!one.description.is_empty() && !one.group.is_empty(), "{}", one.name);
        let input = EventTypeInput { name: "a".into(), ..one.input() };
        assert_eq!(input.check(), [], "{}", one.name);
    }
}

#[test]
fn the_types_are_valid_and_reserved() {
    for event_type in OperationalEventType::ALL {
        assert_eq!(validate_event_type(event_type.name()), Ok(()));
        assert!(is_reserved(event_type.name()));
    }
    assert!(
        is_reserved("postrider") && !is_reserved("postriders.x") && !is_reserved("a.postrider.")
    );
}

#[test]
fn a_warning_says_since_when_and_until_when() {
    let endpoint = EndpointSummary::of(&subscription());
    let streak = FailureStreak { since: NOW, stage: WarningStage::Tenth };
    let last = LastAttemptSummary { outcome: Outcome::HttpStatus, http_status: Some(503) };
    let told = endpoint.failing(streak, SHORT_RULE, Some(last));
    assert_eq!(told.event_type, "postrider.endpoint.failing");
    let wanted = json!({
        "subscription": "tenants/acme/subscriptions/erp",
        "host": "user-7.example",
        "failing_since": "2023-11-14T22:13:20Z",
        "stage": "1/10",
        "disable_time": "2023-11-14T22:23:20Z",
        "last_attempt": { "outcome": "HTTP_STATUS", "http_status": 503 },
    });
    assert_eq!(payload(&told), wanted);
    let half = FailureStreak { stage: WarningStage::Half, ..streak };
    let never = AutoDisable { never: true, ..SHORT_RULE };
    let later = endpoint.failing(half, never, None);
    assert_ne!(later.id, told.id);
    assert_eq!(payload(&later)["disable_time"], Value::Null);
    assert_eq!(endpoint.failing(streak, SHORT_RULE, Some(last)), told, "one occurrence, one id");
}

#[test]
fn a_certificate_that_ends_is_told_once_for_each_stage() {
    let certificate = CertificateSummary {
        subject: "CN=acme".into(),
        issuer: "CN=bank".into(),
        start_time: NOW,
        expire_time: NOW + Duration::from_secs(7 * SECONDS_PER_DAY),
        sha256: "ab".repeat(32),
    };
    let endpoint = EndpointSummary::of(&subscription());
    let told = |days: u64| {
        let left = Duration::from_secs(days * SECONDS_PER_DAY);
        endpoint.certificate_expiring(CertificateRole::Client, &certificate, left)
    };
    assert_eq!(told(7).event_type, "postrider.certificate.expiring");
    assert_eq!(told(7), told(7));
    assert_ne!(told(7).id, told(1).id);
    let said = payload(&told(7));
    assert_eq!((&said["certificate"], &said["days_left"]), (&json!("CLIENT"), &json!(7)));
    assert_eq!(said["expire_time"], "2023-11-21T22:13:20Z");
}

#[test]
fn a_change_is_told_by_what_it_did() {
    let before = subscription();
    assert_eq!(of_change(&before, &before, DisabledBy::Caller), []);
    let mut after = before.clone();
    after.set_status(SubscriptionStatus::Disabled, "GONE: why", NOW);
    after.revision = 4;
    let told = of_change(&before, &after, DisabledBy::System);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, OperationalEventType::EndpointDisabled);
    let said = payload(&told[0].1);
    assert_eq!((&said["by"], &said["reason"]), (&json!("SYSTEM"), &json!("GONE: why")));
    assert_eq!(of_change(&after, &after, DisabledBy::Caller), [], "it was disabled already");

    let mut after = before.clone();
    let end = NOW + Duration::from_secs(60);
    after.signing_keys = vec![key("key-1", Some(end)), key("key-2", None)];
    let told = of_change(&before, &after, DisabledBy::Caller);
    assert_eq!(told.len(), 1);
    let said = payload(&told[0].1);
    assert_eq!(said["key_id"], "key-2");
    assert_eq!(said["old_key_id"], "key-1");
    assert_eq!(said["old_key_expire_time"], "2023-11-14T22:14:20Z");
    after.delete_time = Some(NOW);
    assert_eq!(of_change(&before, &after, DisabledBy::Caller), []);
}

#[test]
fn nothing_is_told_of_tests_and_of_notices_themselves() {
    let delivery = |event_type: &str, test| Delivery {
        id: DeliveryId::new(NOW, [1; 10]),
        subscription: subscription().key(),
        event: EventId::new(NOW, [2; 10]),
        event_type: event_type.into(),
        account: None,
        shard: crate::ids::Shard(0),
        epoch: crate::ids::Epoch(1),
        state: crate::delivery::DeliveryState::InFlight,
        end_reason: None,
        attempts: 4,
        failures: 3,
        trigger: crate::delivery::Trigger::Retry,
        due: NOW,
        deadline: NOW,
        end_time: None,
        ordering_key: None,
        sequence: None,
        test,
        resend_of: None,
        filter_failed: false,
    };
    let reason = Some(EndReason::AttemptsExhausted);
    assert!(ExhaustedDelivery::of(&delivery("payment.completed", true), reason).is_none());
    assert!(
        ExhaustedDelivery::of(&delivery("postrider.delivery.exhausted", false), reason).is_none()
    );
    let ended = delivery("payment.completed", false);
    let told = EndpointSummary::of(&subscription())
        .exhausted(ExhaustedDelivery::of(&ended, reason).unwrap());
    let said = payload(&told);
    assert_eq!(said["attempt_count"], 4);
    assert_eq!(said["end_reason"], "ATTEMPTS_EXHAUSTED");
    assert!(told.id.ends_with(&ended.id.to_string()));
}
