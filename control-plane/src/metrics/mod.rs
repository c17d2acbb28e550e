//! Metrics of the control plane: what is counted where it happens.
//!
//! Fed by the flows, the services and the listeners; feeds the registry, in which `serve` also
//! shows what the scheduler, the cluster and the links know. Guarantees that a label is a
//! region, a replica, a door, or a word of a closed list, never a tenant or an endpoint, and
//! that what happens for each event is counted by instruments that are bound to their labels
//! (`postrider_telemetry::metrics`). `docs/metrics.md` lists them all.
//!
//! - `deliveries`: what becomes of them. `regions`: which have labels. `queues`: before the
//!   writers. `calls`: of the API. `http_requests`: requests to it over HTTP. `limits`: what is
//!   taken of limits. `work_totals`: what rates are made of. `buckets`: of histograms, and why.

mod buckets;
mod calls;
mod deliveries;
mod http_requests;
mod limits;
mod queues;
mod regions;
mod work_totals;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use postrider_domain::ids::Region;
use postrider_domain::time::Timestamp;
use postrider_store::CallObserver;
use postrider_telemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, Counter, Histogram, KeyValue, MetricDescriptor,
    MetricRegistry,
};

use self::buckets::{BATCH_ITEMS, CALL_SECONDS};
pub use self::calls::{CallMetrics, CallSystem, DoorCalls, RunningCall};
pub use self::deliveries::{DeliveryMetrics, RegionMetrics, outcome_name, state_name};
pub use self::http_requests::{HttpMetrics, RunningRequest};
pub use self::limits::LimitMetrics;
use self::queues::QueueFamilies;
pub use self::queues::{QueueMetrics, QueueTicket};
pub use self::regions::{
    MAX_LABELLED_REGIONS, MAX_REGION_LABELS, OTHER_REGIONS, named_regions, region_label,
};
pub use self::work_totals::WorkCounts;

static COMMIT_DURATION: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.commit.duration",
    "s",
    CALL_SECONDS,
    "Duration of a batch's transaction, by kind: publish or results",
)
.by(&["kind"]);
static COMMIT_ITEMS: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.commit.batch.items",
    "{item}",
    BATCH_ITEMS,
    "Items in one transaction, by kind: publish or results",
)
.by(&["kind"]);
static DATABASE_CALLS: MetricDescriptor = MetricDescriptor::histogram(
    "db.client.operation.duration",
    "s",
    CALL_SECONDS,
    "Duration of a call of PostgreSQL, by the store's method and the error, if it failed",
)
.by(&["db.system.name", "db.operation.name", "error.type"])
.up_to(MAX_DATABASE_CALLS);
static FEED_STALL: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.attempt_feed.stalled",
    "s",
    "How long the attempt feed has been stalled; 0 while nobody watches at this replica",
);
static RESULTS_REJECTED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.results.rejected",
    "{result}",
    "Single results that the database did not accept, by the kind of error",
)
.by(&["kind"]);
static RESULTS_AWAITING_RETRY: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.results.awaiting_retry",
    "{result}",
    "Results that wait to be retried",
);
static RESULTS_DROPPED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.results.dropped",
    "{result}",
    "Results dropped because the database refuses their data",
);
static RESULTS_IGNORED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.results.ignored",
    "{result}",
    "Results from agents that changed nothing, by kind: unproven, returned, unknown or recorded",
)
.by(&["kind"]);
static AUDIT_ALARMS: MetricDescriptor = MetricDescriptor::counter(
    "postrider.audit.alarms",
    "{alarm}",
    "Signs that records of changes were tampered with, by kind: head_set_back, chain_removed, \
     fault_found, foreign_trigger or retention_stuck",
)
.by(&["kind"]);
static BREAKERS_OPENED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.breakers.opened",
    "{breaker}",
    "Circuit breakers that opened",
);
static BREAKERS_CLOSED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.breakers.closed",
    "{breaker}",
    "Circuit breakers that closed, because an attempt succeeded",
);
static STREAMS_REFUSED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.agent_streams.refused",
    "{stream}",
    "Agents' streams that were refused or ended by this replica, by the reason that they are told",
)
.by(&["reason"]);
static SWEEP_DURATION: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.sweep.duration",
    "s",
    CALL_SECONDS,
    "Duration of a sweep that looks for what other loops lost",
);
static OPERATIONS_RUNNING: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.operations.running",
    "{operation}",
    "Replays and backfills that this replica runs",
);
static OPERATIONS_ENDED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.operations.ended",
    "{operation}",
    "Replays and backfills that this replica ended",
);

/// Methods of the store, each with its few errors.
const MAX_DATABASE_CALLS: usize = 1_024;
/// The outcome of a call that did not fail.
const CALL_OK: &str = "ok";
/// Shown from the beginning.
const AUDIT_ALARM_KINDS: [&str; 5] =
    ["head_set_back", "chain_removed", "fault_found", "foreign_trigger", "retention_stuck"];
const IGNORED_RESULT_KINDS: [&str; 4] = ["unproven", "returned", "unknown", "recorded"];

/// Of the transactions of one kind.
struct CommitInstruments {
    duration: BoundHistogram<f64>,
    items: BoundHistogram<f64>,
}

/// The writer whose transaction it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitKind {
    Publish,
    Results,
}

struct MetricInstruments {
    deliveries: DeliveryMetrics,
    queues: QueueFamilies,
    calls: CallMetrics,
    http: HttpMetrics,
    publish_commits: CommitInstruments,
    result_commits: CommitInstruments,
    database_calls: Histogram<f64>,
    feed_stall: BoundGauge<f64>,
    results_rejected: Counter<u64>,
    results_awaiting_retry: BoundGauge<f64>,
    results_dropped: BoundCounter<u64>,
    results_ignored: Counter<u64>,
    limits: LimitMetrics,
    audit_alarms: Counter<u64>,
    breakers_opened: BoundCounter<u64>,
    breakers_closed: BoundCounter<u64>,
    streams_refused: Counter<u64>,
    sweep_seconds: BoundHistogram<f64>,
    /// When the last sweep ended, in microseconds; 0 before the first.
    last_sweep: AtomicI64,
    operations_running: BoundGauge<f64>,
    operations_ended: BoundCounter<u64>,
    #[cfg(test)]
    registry: MetricRegistry,
}

/// Metrics of one control plane. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<MetricInstruments>);

impl Metrics {
    /// Makes their instruments; `named` are the regions that the settings name. They do not
    /// keep the registry, whose callbacks may hold what holds them.
    pub fn new(registry: &MetricRegistry, named: &[Region]) -> Self {
        let deliveries = DeliveryMetrics::new(registry, named);
        let queues = QueueFamilies::new(registry);
        let (calls, http) = (CallMetrics::new(registry), HttpMetrics::new(registry));
        let (durations, items) =
            (registry.histogram(&COMMIT_DURATION), registry.histogram(&COMMIT_ITEMS));
        let commits = |kind| {
            let label = [kind_label(kind)];
            CommitInstruments { duration: durations.bind(&label), items: items.bind(&label) }
        };
        let kinds = |descriptor, shown: &[&'static str]| {
            let counter = registry.counter(descriptor);
            shown.iter().for_each(|kind| counter.add(0, &[kind_label(kind)]));
            counter
        };
        Self(Arc::new(MetricInstruments {
            deliveries,
            queues,
            calls,
            http,
            publish_commits: commits("publish"),
            result_commits: commits("results"),
            database_calls: registry.histogram(&DATABASE_CALLS),
            feed_stall: registry.plain_gauge(&FEED_STALL),
            results_rejected: kinds(&RESULTS_REJECTED, &[]),
            results_awaiting_retry: registry.plain_gauge(&RESULTS_AWAITING_RETRY),
            results_dropped: registry.plain_counter(&RESULTS_DROPPED),
            results_ignored: kinds(&RESULTS_IGNORED, &IGNORED_RESULT_KINDS),
            limits: LimitMetrics::new(registry),
            audit_alarms: kinds(&AUDIT_ALARMS, &AUDIT_ALARM_KINDS),
            breakers_opened: registry.plain_counter(&BREAKERS_OPENED),
            breakers_closed: registry.plain_counter(&BREAKERS_CLOSED),
            streams_refused: registry.counter(&STREAMS_REFUSED),
            sweep_seconds: registry.plain_histogram(&SWEEP_DURATION),
            last_sweep: AtomicI64::new(0),
            operations_running: registry.plain_gauge(&OPERATIONS_RUNNING),
            operations_ended: registry.plain_counter(&OPERATIONS_ENDED),
            #[cfg(test)]
            registry: registry.clone(),
        }))
    }

    /// What becomes of deliveries.
    pub fn deliveries(&self) -> &DeliveryMetrics {
        &self.0.deliveries
    }

    /// Those of one queue.
    pub fn queue(&self, queue: &'static str) -> QueueMetrics {
        self.0.queues.of(queue)
    }

    /// Calls of the API.
    pub fn calls(&self) -> &CallMetrics {
        &self.0.calls
    }

    /// Requests over HTTP.
    pub fn http(&self) -> &HttpMetrics {
        &self.0.http
    }

    /// A group's transaction has ended.
    pub fn observe_commit(&self, kind: CommitKind, span: Duration, items: usize) {
        let commits = match kind {
            CommitKind::Publish => &self.0.publish_commits,
            CommitKind::Results => &self.0.result_commits,
        };
        commits.duration.record(span.as_secs_f64());
        commits.items.record(items as f64);
    }

    /// For how long those who watch may have missed something that is recorded.
    pub fn feed_stall(&self, lag: Duration) {
        self.0.feed_stall.record(lag.as_secs_f64());
    }

    #[cfg(test)]
    pub fn shown_feed_stall(&self) -> f64 {
        shown(&self.0.registry, "postrider_attempt_feed_stalled_seconds")
    }

    /// The database did not take a result that was tried alone; why, by the error's name.
    pub fn result_rejected(&self, kind: &'static str) {
        self.0.results_rejected.add(1, &[kind_label(kind)]);
    }

    /// So many results are kept to be tried again.
    pub fn results_awaiting_retry(&self, count: usize) {
        self.0.results_awaiting_retry.record(count as f64);
    }

    /// The database refuses a result for what it is.
    pub fn result_dropped(&self) {
        self.0.results_dropped.add(1);
    }

    /// Results from agents that changed nothing: of attempts that were not assigned to
    /// them, of deliveries that nobody knows, or recorded already.
    pub fn results_ignored(&self, kind: &'static str, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.results_ignored.add(count, &[kind_label(kind)]);
    }

    /// What is taken of limits.
    pub fn limits(&self) -> &LimitMetrics {
        &self.0.limits
    }

    /// Something points at records of changes that are not what was written.
    pub fn audit_alarm(&self, kind: &'static str) {
        self.0.audit_alarms.add(1, &[kind_label(kind)]);
    }

    /// An endpoint's breaker opened.
    pub fn breaker_opened(&self) {
        self.0.breakers_opened.add(1);
    }

    /// An endpoint's breaker closed.
    pub fn breaker_closed(&self) {
        self.0.breakers_closed.add(1);
    }

    /// An agent's stream was refused or ended, for a reason of the closed list.
    pub fn stream_refused(&self, reason: &'static str) {
        self.0.streams_refused.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// A sweep has ended that took so long.
    pub fn swept(&self, span: Duration, now: Timestamp) {
        self.0.sweep_seconds.record(span.as_secs_f64());
        self.0.last_sweep.store(now.as_micros(), Ordering::Relaxed);
    }

    /// When the last sweep ended, if there was one.
    pub fn last_sweep(&self) -> Option<Timestamp> {
        let micros = self.0.last_sweep.load(Ordering::Relaxed);
        (micros != 0).then(|| Timestamp::from_micros(micros))
    }

    /// So many operations are run here.
    pub fn operations_running(&self, count: usize) {
        self.0.operations_running.record(count as f64);
    }

    /// An operation ended.
    pub fn operation_ended(&self) {
        self.0.operations_ended.add(1);
    }
}

#[cfg(test)]
impl Default for Metrics {
    /// Of a registry of their own.
    fn default() -> Self {
        Self::new(&MetricRegistry::new(None).unwrap(), &[])
    }
}

fn kind_label(kind: &'static str) -> KeyValue {
    KeyValue::new("kind", kind)
}

impl CallObserver for Metrics {
    fn ended(&self, method: &'static str, outcome: &'static str, took: Duration) {
        let labels = [
            KeyValue::new("db.system.name", "postgresql"),
            KeyValue::new("db.operation.name", method),
            KeyValue::new("error.type", outcome),
        ];
        // The last one is of a call that failed.
        let told = if outcome == CALL_OK { &labels[..2] } else { &labels[..] };
        self.0.database_calls.record(took.as_secs_f64(), told);
    }
}

/// What a scrape shows of a series now, as Prometheus writes it; 0 if it is not shown.
#[cfg(test)]
pub fn shown(registry: &MetricRegistry, series: &str) -> f64 {
    let text = registry.text().unwrap();
    let values = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    values.map(|value| value.parse::<f64>().unwrap()).sum()
}
