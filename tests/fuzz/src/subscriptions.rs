//! Subscriptions, from a caller's message to the request that is made of them.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use postrider::agents::fuzzing::sent_to_agent;
use postrider::api::fuzzing::{
    FUZZED_TIME, create_subscription, rotate_secret, show_subscription, update_subscription,
};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::EventId;
use postrider_domain::subscription::Subscription;
use postrider_proto::v1;
use postrider_proto::v1::receiver_credentials::Authorization;
use postrider_webhook_request::{OutgoingTraceContext, RequestTemplate, SigningTime, build_parts};
use prost::Message as _;

use crate::examples;
use crate::refusal::check_refusal;

/// `CreateSubscription`. What it accepts is shown as it was stored, is not changed by an
/// update with what was shown, and can be signed and sent.
pub fn create(data: &[u8]) {
    let Ok(request) = v1::CreateSubscriptionRequest::decode(data) else { return };
    match create_subscription(&request, true) {
        Ok(subscription) => {
            check_shown(&subscription);
            check_sent(&subscription);
        }
        Err(refused) => check_refusal(&refused),
    }
}

/// `UpdateSubscription`, with any mask, of a subscription that is there.
pub fn update(data: &[u8]) {
    let Ok(request) = v1::UpdateSubscriptionRequest::decode(data) else { return };
    match update_subscription(&request, &examples::subscription(), false) {
        Ok(changed) => {
            check_shown(&changed);
            check_sent(&changed);
        }
        Err(refused) => check_refusal(&refused),
    }
}

/// `RotateSigningSecret` of a subscription that is there.
pub fn rotate(data: &[u8]) {
    let Ok(request) = v1::RotateSigningSecretRequest::decode(data) else { return };
    match rotate_secret(&request, &examples::subscription()) {
        Ok(changed) => check_sent(&changed),
        Err(refused) => check_refusal(&refused),
    }
}

fn check_shown(subscription: &Subscription) {
    let shown = show_subscription(subscription);
    assert!(shown.signing_secret.is_empty());
    assert!(shown.headers.iter().all(|header| header.value.is_empty()));
    assert!(!shows_secret(shown.credentials.as_ref()), "a secret of the credentials is shown");
    let again = v1::UpdateSubscriptionRequest { subscription: Some(shown), update_mask: None };
    let changed = update_subscription(&again, subscription, true).expect("what was shown");
    assert_eq!(changed.settings, subscription.settings, "what was shown changes something");
}

/// Whether something is told that is taken and never given.
fn shows_secret(credentials: Option<&v1::ReceiverCredentials>) -> bool {
    let Some(credentials) = credentials else { return false };
    let client = credentials.client_certificate.as_ref();
    let of_authorization = match &credentials.authorization {
        Some(Authorization::Basic(basic)) => !basic.password.is_empty(),
        Some(Authorization::Oauth(client)) => {
            let key = client.assertion_key.as_ref();
            !client.client_secret.is_empty() || key.is_some_and(|key| !key.private_key.is_empty())
        }
        None => false,
    };
    of_authorization || client.is_some_and(|client| !client.private_key.is_empty())
}

/// A request can be made of whatever was accepted, over both versions of HTTP.
fn check_sent(subscription: &Subscription) {
    let payload = Bytes::from_static(b"{\"amount\": 1.0}");
    let content = EventContent::new("payment.completed".into(), "application/json".into(), payload);
    let event = Event {
        tenant: subscription.tenant.clone(),
        id: EventId::new(FUZZED_TIME, [1; 10]),
        content,
        matched: 1,
        test: false,
        payload_removal: None,
    };
    let delivery = examples::delivery();
    let (settings, assignment) = sent_to_agent(subscription, &delivery, &event, FUZZED_TIME);
    let template = RequestTemplate::from_wire(&settings, Instant::now())
        .unwrap_or_else(|error| panic!("an agent refuses what was accepted: {error}"));
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_793_491_200);
    let moment = SigningTime { wall, monotonic: Instant::now() };
    for version in [http::Version::HTTP_11, http::Version::HTTP_2] {
        let trace = OutgoingTraceContext::default();
        let parts = build_parts(&assignment, &template, &trace, version, moment)
            .unwrap_or_else(|error| panic!("no request can be made: {error}"));
        let count = parts.headers.get_all("content-length").iter().count();
        assert_eq!(count, 1, "a request with {count} lengths");
        assert_eq!(parts.headers["webhook-id"], assignment.webhook_id);
        assert_eq!(parts.headers["content-length"], parts.body.len().to_string());
    }
}

pub fn creations() -> Vec<Vec<u8>> {
    let of = |id: &str, subscription: v1::Subscription| {
        let request = v1::CreateSubscriptionRequest {
            parent: "tenants/acme".into(),
            subscription_id: id.into(),
            subscription: Some(subscription),
        };
        request.encode_to_vec()
    };
    examples::subscription_messages().into_iter().map(|message| of("erp", message)).collect()
}

pub fn updates() -> Vec<Vec<u8>> {
    let masks: [&[&str]; 4] = [&[], &["*"], &["url", "headers"], &["content_filter", "status"]];
    let of = |subscription: v1::Subscription, paths: &[&str]| {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(prost_types::FieldMask { paths });
        let name = "tenants/acme/subscriptions/erp".to_owned();
        let subscription = Some(v1::Subscription { name, ..subscription });
        v1::UpdateSubscriptionRequest { subscription, update_mask }.encode_to_vec()
    };
    let messages = examples::subscription_messages();
    messages.iter().flat_map(|message| masks.map(|mask| of(message.clone(), mask))).collect()
}

pub fn rotations() -> Vec<Vec<u8>> {
    let of = |secret: &str, kind: v1::SigningKeyKind, seconds: i64| {
        let request = v1::RotateSigningSecretRequest {
            name: "tenants/acme/subscriptions/erp".into(),
            signing_secret: secret.into(),
            kind: kind.into(),
            grace_period: Some(prost_types::Duration { seconds, nanos: 0 }),
            ..Default::default()
        };
        request.encode_to_vec()
    };
    vec![
        of("", v1::SigningKeyKind::Unspecified, 0),
        of("whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLW9yLW1vcmU=", v1::SigningKeyKind::Standard, 3600),
        of("a text of one's own", v1::SigningKeyKind::Text, 60),
        of("whsk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", v1::SigningKeyKind::Ed25519, 60),
    ]
}
