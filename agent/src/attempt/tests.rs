//! Tests of `attempt`.

use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;

use super::*;
use crate::address_guard::AllowedSubnets;
use crate::client::connect::ReceiverConnector;
use crate::client::pool::ConnectionPool;
use crate::limits::{ConnectionLimits, LookupBackend, LookupLimits};
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
    let connector = ReceiverConnector::new(&[], Duration::from_secs(1)).unwrap();
    let pool = ConnectionPool::new(connector, limits, Gauge::default());
    let limits_of_lookups = LookupLimits::default();
    let resolver = Resolver::new(AllowedSubnets::new([]), LookupBackend::System, limits_of_lookups);
    let client = WebhookClient::new(resolver, pool);
    let mut subscriptions = SubscriptionCache::new(1, 1);
    subscriptions.update(&wire::SubscriptionUpdate::default());
    let subscription = subscriptions.get_at_version("", "", 0).unwrap();
    let limits = ResponseLimits { body_bytes: 1, excerpt_bytes: 1, headers_bytes: 1 };
    let trace = OutgoingTraceContext::default();
    let attempts = HttpAttemptExecutor { client, limits, clock: Arc::default() };
    let attempt = attempts.execute(&subscription, Assignment::default(), trace);
    assert!(size_of_val(&*attempt) < 2000, "{} bytes", size_of_val(&*attempt));
}

#[tokio::test]
async fn an_excerpt_shows_no_secret_of_the_request() {
    let mut subscriptions = SubscriptionCache::new(1, 1);
    subscriptions.update(&wire::SubscriptionUpdate {
        url: "https://pay.example/hooks".to_owned(),
        unsigned: true,
        headers: vec![wire::Header { name: "x-key".to_owned(), value: "secret-1".into() }],
        ..Default::default()
    });
    let subscription = subscriptions.get_at_version("", "", 0).unwrap();
    let progress = AttemptProgress {
        sent_with: Some(subscription.newest_settings()),
        excerpt: (&b"you sent secret-1, and sec"[..]).into(),
        body_bytes: 40,
        ..AttemptProgress::default()
    };
    let result = progress.into_result(Assignment::default(), Fact::Timeout, String::new());
    assert_eq!(result.response_body, "you sent ********, and sec");
    assert!(result.response_body_truncated);
}
