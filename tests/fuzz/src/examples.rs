//! What targets begin with.

use std::time::Duration;

use postrider::api::fuzzing::{FUZZED_TIME, create_subscription};
use postrider::state::dispatcher::streams::ConnectedAgent;
use postrider_domain::delivery::{Delivery, DeliveryState, Trigger};
use postrider_domain::ids::{AgentId, DeliveryId, Epoch, EventId, Region, Shard};
use postrider_domain::scheduler::AgentIdentity;
use postrider_domain::subscription::Subscription;
use postrider_proto::v1;
use postrider_proto::v1::signature_scheme::Scheme;

/// A subscription that is there, with keys of two kinds and a header.
pub fn subscription() -> Subscription {
    let subscription = v1::Subscription {
        url: "https://pay.example/hooks".into(),
        event_types: vec!["*".into()],
        headers: vec![v1::CustomHeader {
            name: "X-Token".into(),
            value: "a bearer token".into(),
            value_set: false,
        }],
        signature_schemes: vec![
            scheme(Scheme::StandardWebhooksV1(v1::StandardWebhooksV1 {})),
            scheme(Scheme::StandardWebhooksV1a(v1::StandardWebhooksV1a {})),
        ],
        ..Default::default()
    };
    let request = v1::CreateSubscriptionRequest {
        parent: "tenants/acme".into(),
        subscription_id: "erp".into(),
        subscription: Some(subscription),
    };
    create_subscription(&request, false).expect("the example")
}

/// A delivery at an agent.
pub fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId::new(FUZZED_TIME, [2; 10]),
        subscription: subscription().key(),
        event: EventId::new(FUZZED_TIME, [1; 10]),
        event_type: "payment.completed".into(),
        account: Some("acc".into()),
        shard: Shard(1),
        epoch: Epoch(1),
        state: DeliveryState::InFlight,
        end_reason: None,
        attempts: 1,
        failures: 0,
        trigger: Trigger::Publish,
        due: FUZZED_TIME,
        deadline: FUZZED_TIME + Duration::from_secs(3600),
        end_time: None,
        ordering_key: None,
        sequence: Some(7),
        test: false,
        resend_of: None,
        filter_failed: false,
    }
}

/// The agent that has it.
pub fn agent() -> ConnectedAgent {
    let region = Region::from_stored("eu");
    ConnectedAgent {
        identity: AgentIdentity {
            agent: AgentId::in_region(&region, "agent-1"),
            incarnation: [1; 16],
        },
        region,
        version: String::new(),
        max_in_flight: 8,
        in_flight: 0,
        draining: false,
        clock_skew_us: 0,
        last_heard: FUZZED_TIME,
    }
}

fn scheme(scheme: Scheme) -> v1::SignatureScheme {
    v1::SignatureScheme { scheme: Some(scheme) }
}

const fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

/// Subscriptions as callers write them: together they use every field.
pub fn subscription_messages() -> Vec<v1::Subscription> {
    let plain = || v1::Subscription {
        url: "https://pay.example/hooks".into(),
        event_types: vec!["payment.*".into()],
        ..Default::default()
    };
    let custom = |name: &str, value: &str| v1::CustomHeader {
        name: name.into(),
        value: value.into(),
        value_set: false,
    };
    let fixed = v1::FixedDelays { delays: [1, 60, 3600].into_iter().filter_map(seconds).collect() };
    let exponential = v1::ExponentialBackoff {
        initial_delay: seconds(1),
        multiplier_percent: 200,
        max_delay: seconds(3600),
        max_attempts: 10,
    };
    let retries = |timetable| v1::RetryPolicy {
        timetable: Some(timetable),
        jitter_percent: Some(10),
        max_age: seconds(86_400),
        max_retry_after: seconds(60),
    };
    vec![
        plain(),
        v1::Subscription {
            display_name: "ERP".into(),
            url: "http://127.0.0.1:8080/hook?x=1".into(),
            accounts: vec!["acc-1".into(), "acc-2".into()],
            region: "regions/eu".into(),
            retry_policy: Some(retries(v1::retry_policy::Timetable::FixedDelays(fixed))),
            success_rule: Some(v1::SuccessRule { status_codes: vec![200, 202] }),
            request_timeout: seconds(5),
            max_requests_per_second: 10,
            max_in_flight: 5,
            signing_secret: "a text of one's own".into(),
            signature_schemes: signed_by_text(),
            envelope: v1::Envelope::CloudeventsBinary.into(),
            headers: vec![custom("Authorization", "Bearer x"), custom("X-Team", "pay ments")],
            ..plain()
        },
        v1::Subscription {
            retry_policy: Some(retries(v1::retry_policy::Timetable::Exponential(exponential))),
            content_filter: "event.payload.amount > 100 && has(event.payload.mandate)".into(),
            ordering: v1::Ordering::PerKey.into(),
            exhausted_key_policy: v1::ExhaustedKeyPolicy::Hold.into(),
            auto_disable: Some(v1::AutoDisable { after: seconds(86_400), never: false }),
            json_form: v1::JsonForm::Compact.into(),
            http1_only: true,
            send_trace_context: true,
            envelope: v1::Envelope::StandardWebhooks.into(),
            signing_secret: "whsec_c2VjcmV0LW9mLTI0LWJ5dGVzLW9yLW1vcmU=".into(),
            ..plain()
        },
        v1::Subscription {
            url: "https://bücher.example./a%20b?c={d}".into(),
            signature_schemes: vec![scheme(Scheme::None(v1::NoSignature {}))],
            status: v1::SubscriptionStatus::Paused.into(),
            ..plain()
        },
        v1::Subscription { credentials: Some(with_password()), ..plain() },
        v1::Subscription { credentials: Some(with_token()), ..plain() },
    ]
}

fn with_password() -> v1::ReceiverCredentials {
    let basic = v1::BasicAuthorization {
        username: "acme".into(),
        password: "a password".into(),
        password_set: false,
    };
    let authorization = Some(v1::receiver_credentials::Authorization::Basic(basic));
    v1::ReceiverCredentials { authorization, ..Default::default() }
}

fn with_token() -> v1::ReceiverCredentials {
    let client = v1::OauthClient {
        token_url: "https://id.example/token".into(),
        client_id: "acme".into(),
        client_secret: "a secret".into(),
        scope: "hooks".into(),
        ..Default::default()
    };
    let authorization = Some(v1::receiver_credentials::Authorization::Oauth(client));
    v1::ReceiverCredentials { authorization, ..Default::default() }
}

fn signed_by_text() -> Vec<v1::SignatureScheme> {
    let hmac = v1::HmacSignature {
        header: "X-Signature".into(),
        prefix: "v1=".into(),
        timestamp: Some(v1::HmacTimestamp { header: "X-Time".into(), separator: Some(":".into()) }),
        ..Default::default()
    };
    let fixed = v1::StaticSecret {
        header: "X-Secret".into(),
        prefix: "Bearer ".into(),
        rotation: v1::KeyRotation::NewestKey.into(),
    };
    vec![
        scheme(Scheme::Hmac(hmac)),
        scheme(Scheme::Stripe(v1::StripeSignature { header: String::new() })),
        scheme(Scheme::StaticSecret(fixed)),
    ]
}
