//! Metrics of limits: what is taken of them, and who was refused.
//!
//! Fed by the listeners, the layers around the services, the attempt feed and the console; feeds
//! the registry. Guarantees that a limit has the name of its setting, so that whoever sees it
//! reached knows what to change; those of the console that are fixed have names with a colon.

use postrider_telemetry::metrics::{
    BoundGauge, BoundUpDownCounter, Counter, KeyValue, MetricDescriptor, MetricRegistry,
};

static REACHED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.limits.reached",
    "{refusal}",
    "Connections, calls and pages that a limit refused, by the setting that sets it; of the web \
     console also by a name with a colon, for limits that no setting sets",
)
.by(&["limit"])
.up_to(MAX_LIMITS);
static REFUSED_REQUESTS: MetricDescriptor = MetricDescriptor::counter(
    "postrider.http.requests.refused",
    "{request}",
    "Requests over HTTP/1.1 that the server refused before they were read, so that they are no \
     calls, by reason: malformed, uri_too_long, headers_too_large, head_timeout or other",
)
.by(&["reason"]);
static CONNECTIONS: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.connections",
    "{connection}",
    "Open connections, by who comes in there",
)
.by(&["door"]);
static HANDSHAKES: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.handshakes",
    "{handshake}",
    "TLS handshakes that go on, by who comes in there",
)
.by(&["door"]);
static RECEIVING: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.receiving",
    "By",
    "Bytes of requests that are being received, by who comes in there",
)
.by(&["door"]);
static UNSENT: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.unsent",
    "By",
    "Bytes of answers that are not read yet, by who comes in there",
)
.by(&["door"]);
static READS: MetricDescriptor =
    MetricDescriptor::up_down("postrider.reads", "{call}", "Callers' reads that have their turn");
static READS_WAITING: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.reads_waiting",
    "{call}",
    "Callers' reads that wait for their turn",
);
static WATCHES: MetricDescriptor =
    MetricDescriptor::gauge("postrider.watches", "{stream}", "Open WatchAttempts streams");

/// What a caller, an agent or a replica may come up against in daily life: shown from the
/// beginning. Others are shown once they were reached.
const USUAL_LIMITS: [&str; 13] = [
    "agents.max_streams",
    "connections.max_connections",
    "connections.max_connections_per_address",
    "connections.max_handshakes",
    "database.max_read_connections",
    "publish.max_queued_events",
    "rates.administration_calls_per_second_per_caller",
    "rates.administration_calls_per_second_per_tenant",
    "rates.published_events_per_second_per_caller",
    "rates.published_events_per_second_per_tenant",
    "requests.max_reads_per_caller",
    "requests.max_reads_per_tenant",
    "requests.max_receiving_bytes",
];
/// Why the server refuses requests by itself.
const REFUSAL_REASONS: [&str; 5] =
    ["malformed", "uri_too_long", "headers_too_large", "head_timeout", "other"];
/// There are about forty settings of limits.
const MAX_LIMITS: usize = 128;
/// By who comes in there.
const DOORS: [&str; 3] = ["callers", "agents", "replicas"];

/// Gauges and counters of limits. Cheap to clone.
#[derive(Clone)]
pub struct LimitMetrics {
    reached: Counter<u64>,
    refused_requests: Counter<u64>,
    connections: DoorGauges,
    handshakes: DoorGauges,
    receiving_bytes: DoorGauges,
    unsent_bytes: DoorGauges,
    reads: BoundUpDownCounter<i64>,
    waiting_reads: BoundUpDownCounter<i64>,
    watches: BoundGauge<f64>,
    #[cfg(test)]
    registry: MetricRegistry,
}

/// A number of things at each door.
#[derive(Clone)]
struct DoorGauges([(&'static str, BoundUpDownCounter<i64>); DOORS.len()]);

impl DoorGauges {
    fn new(registry: &MetricRegistry, descriptor: &'static MetricDescriptor) -> Self {
        let all = registry.up_down_counter(descriptor);
        Self(DOORS.map(|door| (door, all.bind(&[KeyValue::new("door", door)]))))
    }

    fn of(&self, door: &'static str) -> BoundUpDownCounter<i64> {
        let own = self.0.iter().find(|(name, _)| *name == door);
        debug_assert!(own.is_some(), "{door} is a door");
        own.unwrap_or(&self.0[0]).1.clone()
    }
}

impl LimitMetrics {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        let reached = registry.counter(&REACHED);
        for limit in USUAL_LIMITS {
            reached.add(0, &[KeyValue::new("limit", limit)]);
        }
        let refused_requests = registry.counter(&REFUSED_REQUESTS);
        for reason in REFUSAL_REASONS {
            refused_requests.add(0, &[KeyValue::new("reason", reason)]);
        }
        let at_doors = |descriptor| DoorGauges::new(registry, descriptor);
        Self {
            reached,
            refused_requests,
            connections: at_doors(&CONNECTIONS),
            handshakes: at_doors(&HANDSHAKES),
            receiving_bytes: at_doors(&RECEIVING),
            unsent_bytes: at_doors(&UNSENT),
            reads: registry.plain_up_down_counter(&READS),
            waiting_reads: registry.plain_up_down_counter(&READS_WAITING),
            watches: registry.plain_gauge(&WATCHES),
            #[cfg(test)]
            registry: registry.clone(),
        }
    }

    /// Somebody was refused something by the limit that a setting sets, or by one of a fixed size.
    pub fn reached(&self, setting: &'static str) {
        self.reached.add(1, &[KeyValue::new("limit", setting)]);
    }

    /// The server refused a request by itself, for one of `REFUSAL_REASONS`.
    pub fn request_refused(&self, reason: &'static str) {
        debug_assert!(REFUSAL_REASONS.contains(&reason), "{reason} is a reason");
        self.refused_requests.add(1, &[KeyValue::new("reason", reason)]);
    }

    /// The gauge of a door's open connections.
    pub fn connections(&self, door: &'static str) -> BoundUpDownCounter<i64> {
        self.connections.of(door)
    }

    /// The gauge of a door's handshakes that go on.
    pub fn handshakes(&self, door: &'static str) -> BoundUpDownCounter<i64> {
        self.handshakes.of(door)
    }

    /// The gauge of bytes that a door is receiving.
    pub fn receiving_bytes(&self, door: &'static str) -> BoundUpDownCounter<i64> {
        self.receiving_bytes.of(door)
    }

    /// The gauge of bytes of a door's answers that are not sent.
    pub fn unsent_bytes(&self, door: &'static str) -> BoundUpDownCounter<i64> {
        self.unsent_bytes.of(door)
    }

    /// Reads that have their turn, and reads that wait for it.
    pub const fn reads(&self) -> (&BoundUpDownCounter<i64>, &BoundUpDownCounter<i64>) {
        (&self.reads, &self.waiting_reads)
    }

    /// So many watches are open.
    pub fn watches(&self, count: usize) {
        self.watches.record(count as f64);
    }
}

#[cfg(test)]
impl LimitMetrics {
    /// Of a registry of their own.
    pub fn alone() -> Self {
        Self::new(&MetricRegistry::new(None).unwrap())
    }

    pub fn times_reached(&self, setting: &str) -> u64 {
        let series = format!("postrider_limits_reached_total{{limit=\"{setting}\"}}");
        super::shown(&self.registry, &series) as u64
    }

    pub fn times_refused(&self, reason: &str) -> u64 {
        let series = format!("postrider_http_requests_refused_total{{reason=\"{reason}\"}}");
        super::shown(&self.registry, &series) as u64
    }

    /// What a gauge shows of callers.
    pub fn shown_of_callers(&self, gauge: &str) -> i64 {
        super::shown(&self.registry, &format!("{gauge}{{door=\"callers\"}}")) as i64
    }

    /// Reads that have their turn, and reads that wait for it.
    pub fn shown_reads(&self) -> [i64; 2] {
        let shown = |gauge| super::shown(&self.registry, gauge) as i64;
        [shown("postrider_reads"), shown("postrider_reads_waiting")]
    }
}
