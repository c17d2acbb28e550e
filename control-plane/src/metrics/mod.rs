//! Prometheus metrics: the counters.
//!
//! Fed by the flows as things happen; feeds the metrics port, which adds what the
//! scheduler and the links know at each scrape. Guarantees that names
//! follow Prometheus' conventions: base units, `_total` on counters.
//!
//! - `limits`: what is taken of limits.

mod limits;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use postrider_domain::delivery::Outcome;
use postrider_store::CallObserver;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use self::limits::LimitMetrics;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    outcome: &'static str,
}

struct MetricFamilies {
    events: Counter,
    deliveries: Counter,
    attempts: Family<OutcomeLabel, Counter>,
    attempt_seconds: Histogram,
    commit_seconds: Family<KindLabel, Histogram>,
    commit_items: Family<KindLabel, Histogram>,
    database_call_seconds: Family<CallLabels, Histogram>,
    feed_stall: Gauge<f64, AtomicU64>,
    results_rejected: Family<KindLabel, Counter>,
    results_awaiting_retry: Gauge,
    results_dropped: Counter,
    results_ignored: Family<KindLabel, Counter>,
    limits: LimitMetrics,
    audit_alarms: Family<KindLabel, Counter>,
}

/// Counters of one control plane. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<MetricFamilies>);

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.000_5, 2.0, 18))
}

fn items() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 12))
}

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(MetricFamilies {
            events: Counter::default(),
            deliveries: Counter::default(),
            attempts: Family::default(),
            attempt_seconds: seconds(),
            commit_seconds: Family::new_with_constructor(seconds),
            commit_items: Family::new_with_constructor(items),
            database_call_seconds: Family::new_with_constructor(seconds),
            feed_stall: Gauge::default(),
            results_rejected: Family::default(),
            results_awaiting_retry: Gauge::default(),
            results_dropped: Counter::default(),
            results_ignored: Family::default(),
            limits: LimitMetrics::default(),
            audit_alarms: Family::default(),
        }))
    }
}

impl Metrics {
    /// An event and its deliveries were committed.
    pub fn published(&self, deliveries: usize) {
        self.0.events.inc();
        self.0.deliveries.inc_by(u64::try_from(deliveries).unwrap_or(u64::MAX));
    }

    /// An attempt was recorded.
    pub fn attempt(&self, outcome: Outcome, total: Duration) {
        self.0.attempts.get_or_create(&OutcomeLabel { outcome: outcome_name(outcome) }).inc();
        self.0.attempt_seconds.observe(total.as_secs_f64());
    }

    /// A group's transaction has ended.
    pub fn observe_commit(&self, kind: &'static str, span: Duration, items: usize) {
        let label = KindLabel { kind };
        self.0.commit_seconds.get_or_create(&label).observe(span.as_secs_f64());
        // A group is far smaller than 2^52.
        self.0.commit_items.get_or_create(&label).observe(items as f64);
    }

    /// For how long those who watch may have missed something that is recorded.
    pub fn feed_stall(&self, lag: Duration) {
        self.0.feed_stall.set(lag.as_secs_f64());
    }

    #[cfg(test)]
    pub fn shown_feed_stall(&self) -> f64 {
        self.0.feed_stall.get()
    }

    /// The database did not take a result that was tried alone; why, by the error's name.
    pub fn result_rejected(&self, kind: &'static str) {
        self.0.results_rejected.get_or_create(&KindLabel { kind }).inc();
    }

    /// So many results are kept to be tried again.
    pub fn results_awaiting_retry(&self, count: usize) {
        self.0.results_awaiting_retry.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The database refuses a result for what it is.
    pub fn result_dropped(&self) {
        self.0.results_dropped.inc();
    }

    /// Results from agents that changed nothing: of attempts that were not assigned to
    /// them, of deliveries that nobody knows, or recorded already.
    pub fn results_ignored(&self, kind: &'static str, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.results_ignored.get_or_create(&KindLabel { kind }).inc_by(count);
    }

    /// What is taken of limits.
    pub fn limits(&self) -> &LimitMetrics {
        &self.0.limits
    }

    /// Something points at records of changes that are not what was written.
    pub fn audit_alarm(&self, kind: &'static str) {
        self.0.audit_alarms.get_or_create(&KindLabel { kind }).inc();
    }

    /// A registry of these counters.
    pub fn registry(&self) -> Registry {
        let mut registry = Registry::with_prefix("postrider");
        let inner = &self.0;
        registry.register("events_published", "Events committed", inner.events.clone());
        registry.register(
            "deliveries_created",
            "Deliveries committed with their events",
            inner.deliveries.clone(),
        );
        registry.register("attempts", "Attempts recorded, by outcome", inner.attempts.clone());
        registry.register(
            "attempt_duration_seconds",
            "Duration of a whole attempt",
            inner.attempt_seconds.clone(),
        );
        registry.register(
            "commit_duration_seconds",
            "Duration of a batch's transaction, by kind",
            inner.commit_seconds.clone(),
        );
        registry.register(
            "commit_batch_items",
            "Items in one transaction, by kind",
            inner.commit_items.clone(),
        );
        registry.register(
            "database_call_duration_seconds",
            "Duration of a call of PostgreSQL, by the store's method and the outcome",
            inner.database_call_seconds.clone(),
        );
        registry.register(
            "attempt_feed_stalled_seconds",
            "How long the attempt feed has been stalled; 0 while nobody watches at this replica",
            inner.feed_stall.clone(),
        );
        registry.register(
            "results_rejected",
            "Single results that the database did not accept, by the kind of error",
            inner.results_rejected.clone(),
        );
        registry.register(
            "results_awaiting_retry",
            "Results that wait to be retried",
            inner.results_awaiting_retry.clone(),
        );
        registry.register(
            "results_dropped",
            "Results dropped because the database refuses their data",
            inner.results_dropped.clone(),
        );
        registry.register(
            "results_ignored",
            "Results from agents that changed nothing, by kind: unproven, returned, unknown or recorded",
            inner.results_ignored.clone(),
        );
        inner.limits.register(&mut registry);
        registry.register(
            "audit_alarms",
            "Signs that records of changes were tampered with, by kind: head_set_back, \
             chain_removed, fault_found, foreign_trigger or retention_stuck",
            inner.audit_alarms.clone(),
        );
        registry
    }
}

impl CallObserver for Metrics {
    fn ended(&self, method: &'static str, outcome: &'static str, took: Duration) {
        let calls = &self.0.database_call_seconds;
        calls.get_or_create(&CallLabels { method, outcome }).observe(took.as_secs_f64());
    }
}

/// The name of an outcome in labels and spans.
pub const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::HttpStatus => "http_status",
        Outcome::Timeout => "timeout",
        Outcome::DnsFailed => "dns_failed",
        Outcome::ConnectFailed => "connect_failed",
        Outcome::TlsFailed => "tls_failed",
        Outcome::ConnectionClosed => "connection_closed",
        Outcome::ResponseTooLarge => "response_too_large",
        Outcome::BlockedAddress => "blocked_address",
        Outcome::InvalidRequest => "invalid_request",
        Outcome::Unknown => "unknown",
    }
}
