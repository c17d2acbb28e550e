//! What an attempt tells, and how large one is.

use std::time::Duration;

use postrider_proto::attempt_limits::MAX_ERROR_BYTES;
use postrider_telemetry::metrics::MetricRegistry;

use super::*;
use crate::address_guard::{PortRules, SubnetRules};
use crate::client::connect::ReceiverConnector;
use crate::client::pool::ConnectionPool;
use crate::limits::{ConnectionLimits, LookupBackend, LookupLimits};
use crate::metrics::AgentMetrics;
use crate::refused_receivers::RefusedReceivers;
use crate::resolve::Resolver;
use crate::subscriptions::SubscriptionCache;

/// As many wait as the agent may hold: what happens rarely, or at few of them at
/// a time, has its state elsewhere.
#[tokio::test]
async fn an_attempt_that_waits_is_small() {
    let limits = ConnectionLimits {
        per_origin: 1,
        per_subscription: 1,
        total: 1,
        idle_timeout: Duration::from_secs(1),
    };
    let connector = ReceiverConnector::new(&[], &[], Duration::from_secs(1)).unwrap();
    let metrics = AgentMetrics::new(&MetricRegistry::unread());
    let pool = ConnectionPool::new(connector, limits, metrics.connections);
    let limits_of_lookups = LookupLimits::default();
    let resolver = Resolver::new(SubnetRules::default(), LookupBackend::System, limits_of_lookups);
    let refused = RefusedReceivers::new(metrics.refused_receivers);
    let ports = PortRules::default();
    let client = Arc::new(WebhookClient::new(resolver, pool, ports, refused));
    let mut subscriptions = SubscriptionCache::new(1, 1);
    subscriptions.update(&wire::SubscriptionUpdate::default());
    let subscription = subscriptions.get_at_version("", "", 0).unwrap();
    let limits = ResponseLimits { body_bytes: 1, excerpt_bytes: 1, headers_bytes: 1 };
    let trace = OutgoingTraceContext::default();
    let clock = Arc::<WallClock>::default();
    let user_agent = UserAgent::default();
    let tokens = TokenKeeper::new(Arc::clone(&client), user_agent.clone(), Arc::clone(&clock));
    let attempts = HttpAttemptExecutor { client, tokens, limits, user_agent, clock };
    let attempt = attempts.execute(&subscription, Assignment::default(), &trace);
    assert!(size_of_val(&*attempt) < 2000, "{} bytes", size_of_val(&*attempt));
}

/// What is known of an attempt whose request carried `secret-1`.
fn progress_with_secret() -> AttemptProgress {
    let mut subscriptions = SubscriptionCache::new(1, 1);
    subscriptions.update(&wire::SubscriptionUpdate {
        url: "https://pay.example/hooks".to_owned(),
        unsigned: true,
        headers: vec![wire::Header { name: "x-key".to_owned(), value: "secret-1".into() }],
        ..Default::default()
    });
    let subscription = subscriptions.get_at_version("", "", 0).unwrap();
    let sent_with = Some(subscription.newest_settings());
    AttemptProgress { sent_with, ..AttemptProgress::default() }
}

#[tokio::test]
async fn an_excerpt_shows_no_secret_of_the_request() {
    let progress = AttemptProgress {
        excerpt: (&b"you sent secret-1, and sec"[..]).into(),
        body_bytes: 40,
        ..progress_with_secret()
    };
    let result = progress.into_result(Assignment::default(), Fact::Timeout, String::new());
    assert_eq!(result.response_body, "you sent ********, and sec");
    assert!(result.response_body_truncated);
}

#[test]
fn an_error_shows_no_secret_of_the_request() {
    let told = |error: &str| {
        let (assignment, fact) = (Assignment::default(), Fact::ConnectionClosed);
        progress_with_secret().into_result(assignment, fact, error.to_owned()).error
    };
    let said = bytes::Bytes::from_static(b"\"you sent Secret-1\"");
    let masked = r#"it was closed (b"\"you sent ********\"")"#;
    assert_eq!(told(&format!("it was closed ({said:?})")), masked);
    // Where it is cut, too.
    let long = "x".repeat(MAX_ERROR_BYTES - 8);
    let shown = told(&format!("{long}secret-1, and more"));
    assert_eq!(shown, format!("{long}*****…"));
}
