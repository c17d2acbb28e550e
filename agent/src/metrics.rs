//! Counts the agent's attempts, by what came of them, and what they were made of.
//!
//! Fed by the coordinator with each result and by the pool; feeds the registry.
//! Guarantees that a label is a word of a closed list, and never a receiver's or a tenant's.
//! `docs/metrics.md` lists them all.

use std::sync::Arc;
use std::time::Duration;

use postrider_proto::agent::v1::{AttemptResult, Fact};
use postrider_telemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Histogram, KeyValue,
    MetricDescriptor, MetricRegistry,
};

static ATTEMPTS: MetricDescriptor = MetricDescriptor::counter(
    "postrider.agent.attempts",
    "{attempt}",
    "Attempts by how far they came; blocked_address are those that the address guard refused",
)
.by(&["fact"]);
static REQUESTS: MetricDescriptor = MetricDescriptor::histogram(
    "http.client.request.duration",
    "s",
    DURATION_BUCKETS_SECONDS,
    "Duration of attempts from beginning to end; error.type is the fact, or the class of a status \
     that is no success",
)
.by(&["http.request.method", "error.type"]);
static LOOKUPS: MetricDescriptor = MetricDescriptor::histogram(
    "dns.lookup.duration",
    "s",
    DURATION_BUCKETS_SECONDS,
    "How long attempts waited for the look-up of their receiver's name; those that were remembered are not counted",
)
.by(&["error.type"]);
static CONNECTIONS_MADE: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.agent.connection.duration",
    "s",
    DURATION_BUCKETS_SECONDS,
    "How long the parts of a new connection to a receiver took: tcp, tls",
)
.by(&["step"]);
static FIRST_BYTE: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.agent.first_byte.duration",
    "s",
    DURATION_BUCKETS_SECONDS,
    "From a request's first byte to the response's status line",
);
static CONNECTIONS: MetricDescriptor = MetricDescriptor::up_down(
    "http.client.open_connections",
    "{connection}",
    "Open connections to receivers",
);
static IN_FLIGHT: MetricDescriptor =
    MetricDescriptor::gauge("postrider.agent.in_flight", "{attempt}", "Attempts in flight");
static MAX_IN_FLIGHT: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.agent.max_in_flight",
    "{attempt}",
    "Attempts that may be in flight (work.max_in_flight)",
);
static UNACKNOWLEDGED: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.agent.unacknowledged",
    "{result}",
    "Results that wait for an acknowledgement",
);
static STREAMS: MetricDescriptor =
    MetricDescriptor::up_down("postrider.agent.streams", "{stream}", "Welcomed work streams");
static RETURNED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.agent.returned",
    "{assignment}",
    "Assignments given back unstarted",
);
static REFUSED_RECEIVERS: MetricDescriptor = MetricDescriptor::counter(
    "postrider.agent.refused_receivers",
    "{attempt}",
    "Attempts at receivers that the address guard refused, by its rule",
)
.by(&["rule"]);

/// In seconds: from a receiver next door to the longest time-out of a subscription.
const DURATION_BUCKETS_SECONDS: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// How many facts there are; their numbers have no gap.
const FACT_COUNT: usize = Fact::TokenFailed as usize + 1;
/// Webhooks know no other.
const METHOD: &str = "POST";

/// The agent's metrics. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AgentMetrics {
    attempts: Counter<u64>,
    /// In the order of `facts`: most attempts are counted without a look-up by labels.
    attempts_by_fact: Arc<[BoundCounter<u64>]>,
    requests: Histogram<f64>,
    /// Those that were answered with success.
    succeeded_requests: BoundHistogram<f64>,
    lookups: Histogram<f64>,
    connections_made: Histogram<f64>,
    first_byte: BoundHistogram<f64>,
    /// Attempts in flight …
    pub in_flight: BoundGauge<f64>,
    /// … and how many there may be.
    pub max_in_flight: BoundGauge<f64>,
    /// Results that wait for an acknowledgement.
    pub unacknowledged: BoundGauge<f64>,
    /// Open connections to receivers.
    pub connections: BoundUpDownCounter<i64>,
    /// Work streams that a replica has welcomed.
    pub streams: BoundUpDownCounter<i64>,
    /// Assignments given back unstarted.
    pub returned: BoundCounter<u64>,
    /// Attempts at receivers that the address guard refused, by its rule.
    pub refused_receivers: Counter<u64>,
}

/// Every fact that a result may have.
fn facts() -> impl Iterator<Item = Fact> {
    (1..FACT_COUNT).filter_map(|number| Fact::try_from(i32::try_from(number).ok()?).ok())
}

impl AgentMetrics {
    /// Those that a registry shows.
    pub fn new(registry: &MetricRegistry) -> Self {
        let attempts = registry.counter(&ATTEMPTS);
        let attempts_by_fact: Arc<[BoundCounter<u64>]> =
            facts().map(|fact| attempts.bind(&[fact_attribute(fact)])).collect();
        attempts_by_fact.iter().for_each(|attempts| attempts.add(0));
        let (requests, lookups) = (registry.histogram(&REQUESTS), registry.histogram(&LOOKUPS));
        let connections_made = registry.histogram(&CONNECTIONS_MADE);
        // What is bound is shown from now on.
        let succeeded_requests = requests.bind(&[method_attribute()]);
        for step in ["tcp", "tls"] {
            let _ = connections_made.bind(&[KeyValue::new("step", step)]);
        }
        Self {
            attempts,
            attempts_by_fact,
            requests,
            succeeded_requests,
            lookups,
            connections_made,
            first_byte: registry.plain_histogram(&FIRST_BYTE),
            connections: registry.plain_up_down_counter(&CONNECTIONS),
            in_flight: registry.plain_gauge(&IN_FLIGHT),
            max_in_flight: registry.plain_gauge(&MAX_IN_FLIGHT),
            unacknowledged: registry.plain_gauge(&UNACKNOWLEDGED),
            streams: registry.plain_up_down_counter(&STREAMS),
            returned: registry.plain_counter(&RETURNED),
            refused_receivers: registry.counter(&REFUSED_RECEIVERS),
        }
    }

    /// Counts an attempt that took so long in all.
    pub fn count_attempt(&self, result: &AttemptResult, took: Duration) {
        let fact = result.fact();
        // Their numbers begin at 1.
        let place = usize::try_from(fact as i32).ok().and_then(|number| number.checked_sub(1));
        match place.and_then(|place| self.attempts_by_fact.get(place)) {
            Some(attempts) => attempts.add(1),
            None => self.attempts.add(1, &[fact_attribute(fact)]),
        }
        match error_type(fact, result.http_status) {
            "" => self.succeeded_requests.record(took.as_secs_f64()),
            error => {
                let labels = [method_attribute(), error_attribute(error)];
                self.requests.record(took.as_secs_f64(), &labels);
            }
        }
        let Some(timings) = &result.timings else { return };
        let span = |part: &Option<prost_types::Duration>| {
            part.as_ref().and_then(|part| Duration::try_from(*part).ok())
        };
        if let Some(looked_up) = span(&timings.dns) {
            let failed = matches!(fact, Fact::DnsFailed | Fact::BlockedAddress);
            let error = if failed { fact_label(fact) } else { "" };
            let labels = [error_attribute(error)];
            self.lookups.record(looked_up.as_secs_f64(), without_empty(&labels, error));
        }
        for (step, part) in [("tcp", &timings.connect), ("tls", &timings.tls)] {
            if let Some(took) = span(part) {
                self.connections_made.record(took.as_secs_f64(), &[KeyValue::new("step", step)]);
            }
        }
        if let Some(waited) = span(&timings.first_byte) {
            self.first_byte.record(waited.as_secs_f64());
        }
    }
}

fn fact_attribute(fact: Fact) -> KeyValue {
    KeyValue::new("fact", fact_label(fact))
}

fn method_attribute() -> KeyValue {
    KeyValue::new("http.request.method", METHOD)
}

fn error_attribute(error: &'static str) -> KeyValue {
    KeyValue::new("error.type", error)
}

/// The labels without the last one, if nothing failed.
fn without_empty<'l>(labels: &'l [KeyValue], error: &str) -> &'l [KeyValue] {
    match labels {
        [others @ .., _] if error.is_empty() => others,
        _ => labels,
    }
}

/// What kept an attempt from being a success, as far as an agent knows; empty: nothing.
fn error_type(fact: Fact, http_status: u32) -> &'static str {
    match (fact, http_status) {
        (Fact::Response, 200..=299) => "",
        (Fact::Response, 300..=399) => "3xx",
        (Fact::Response, 400..=499) => "4xx",
        (Fact::Response, 500..=599) => "5xx",
        (Fact::Response, _) => "1xx",
        (fact, _) => fact_label(fact),
    }
}

/// The fact as the wire names it, in lower case and without its prefix.
pub fn fact_label(fact: Fact) -> &'static str {
    match fact {
        Fact::Unspecified => "unspecified",
        Fact::Response => "response",
        Fact::Timeout => "timeout",
        Fact::DnsFailed => "dns_failed",
        Fact::ConnectFailed => "connect_failed",
        Fact::TlsFailed => "tls_failed",
        Fact::ConnectionClosed => "connection_closed",
        Fact::ResponseTooLarge => "response_too_large",
        Fact::BlockedAddress => "blocked_address",
        Fact::InvalidRequest => "invalid_request",
        Fact::TokenFailed => "token_failed",
    }
}

#[cfg(test)]
mod tests {
    use postrider_proto::agent::v1::Timings;

    use super::*;

    #[test]
    fn attempts_are_counted_by_fact_and_their_parts() {
        let registry = MetricRegistry::new(None).unwrap();
        let metrics = AgentMetrics::new(&registry);
        let span = |millis| Duration::from_millis(millis).try_into().ok();
        let timings = Timings { dns: span(2), connect: span(3), ..Timings::default() };
        let mut result = AttemptResult { timings: Some(timings), ..AttemptResult::default() };
        result.set_fact(Fact::Timeout);
        metrics.count_attempt(&result, Duration::from_millis(30));
        result.set_fact(Fact::Response);
        result.http_status = 503;
        metrics.count_attempt(&result, Duration::from_millis(30));
        let text = registry.text().unwrap();
        for line in [
            "postrider_agent_attempts_total{fact=\"timeout\"} 1",
            "postrider_agent_attempts_total{fact=\"tls_failed\"} 0",
            "http_client_request_duration_seconds_count{error_type=\"timeout\",http_request_method=\"POST\"} 1",
            "http_client_request_duration_seconds_count{error_type=\"5xx\",http_request_method=\"POST\"} 1",
            "dns_lookup_duration_seconds_count 2",
            "postrider_agent_connection_duration_seconds_count{step=\"tcp\"} 2",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
