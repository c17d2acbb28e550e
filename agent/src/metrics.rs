//! Counts the agent's attempts, by what came of them, for the metrics port.
//!
//! Counting an attempt costs a few atomic additions.

use std::time::Duration;

use postrider_proto::agent::v1::Fact;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// In seconds: from a receiver next door to the longest deadline.
const DURATION_BUCKETS_SECONDS: [f64; 13] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0];

/// What the name of every figure begins with.
pub const METRICS_PREFIX: &str = "postrider_agent";

type FactLabel = [(&'static str, &'static str); 1];

/// Refusals of the address guard, by its rule.
pub type RefusalCounts = Family<[(&'static str, &'static str); 1], Counter>;

/// How many facts there are; their numbers have no gap.
const FACT_COUNT: usize = Fact::InvalidRequest as usize + 1;

/// The agent's figures.
#[derive(Debug, Clone)]
pub struct AgentMetrics {
    /// By the fact's number.
    attempts: [Counter; FACT_COUNT],
    seconds: Histogram,
    /// Attempts in flight.
    pub in_flight: Gauge,
    /// Results that wait for an acknowledgement.
    pub unacknowledged: Gauge,
    /// Open connections to receivers.
    pub connections: Gauge,
    /// Work streams that a replica has welcomed.
    pub streams: Gauge,
    /// Assignments given back unstarted.
    pub returned: Counter,
    /// Attempts at receivers that the address guard refused, by its rule.
    pub refused_receivers: RefusalCounts,
}

impl AgentMetrics {
    /// Registers the figures.
    pub fn register(registry: &mut Registry) -> Self {
        let attempts = Family::<FactLabel, Counter>::default();
        let metrics = Self {
            attempts: std::array::from_fn(|number| {
                let fact = i32::try_from(number).ok().and_then(|number| number.try_into().ok());
                attempts.get_or_create_owned(&[("fact", fact_label(fact.unwrap_or_default()))])
            }),
            seconds: Histogram::new(DURATION_BUCKETS_SECONDS),
            in_flight: Gauge::default(),
            unacknowledged: Gauge::default(),
            connections: Gauge::default(),
            streams: Gauge::default(),
            returned: Counter::default(),
            refused_receivers: RefusalCounts::default(),
        };
        let agent = registry.sub_registry_with_prefix(METRICS_PREFIX);
        agent.register("attempts", "Attempts by how far they came", attempts);
        agent.register("attempt_duration_seconds", "Duration of attempts", metrics.seconds.clone());
        agent.register("in_flight", "Attempts in flight", metrics.in_flight.clone());
        agent.register(
            "unacknowledged",
            "Results that wait for an acknowledgement",
            metrics.unacknowledged.clone(),
        );
        agent.register("connections", "Open connections to receivers", metrics.connections.clone());
        agent.register("streams", "Welcomed work streams", metrics.streams.clone());
        agent.register("returned", "Assignments given back unstarted", metrics.returned.clone());
        agent.register(
            "refused_receivers",
            "Attempts at receivers that the address guard refused, by its rule",
            metrics.refused_receivers.clone(),
        );
        metrics
    }

    /// Counts an attempt.
    pub fn count_attempt(&self, fact: Fact, duration: Duration) {
        if let Some(counted) = self.attempts.get(fact as usize) {
            counted.inc();
        }
        self.seconds.observe(duration.as_secs_f64());
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
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn attempts_are_counted_by_fact() {
        let mut registry = Registry::default();
        let metrics = AgentMetrics::register(&mut registry);
        metrics.count_attempt(Fact::Timeout, Duration::from_millis(30));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        assert!(text.contains("postrider_agent_attempts_total{fact=\"timeout\"} 1"), "{text}");
        assert!(text.contains("postrider_agent_attempt_duration_seconds_count 1"), "{text}");
    }
}
