//! Prometheus metrics of limits: what is taken of them, and who was refused.
//!
//! Fed by the listeners, the layers around the services and the attempt feed; feeds the
//! registry. Guarantees that a limit has the name of its setting, so that whoever sees it
//! reached knows what to change.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DoorLabel {
    door: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// Gauges and counters of limits. Cheap to clone.
#[derive(Clone, Default)]
pub struct LimitMetrics {
    reached: Family<LimitLabel, Counter>,
    connections: Family<DoorLabel, Gauge>,
    handshakes: Family<DoorLabel, Gauge>,
    receiving_bytes: Family<DoorLabel, Gauge>,
    unsent_bytes: Family<DoorLabel, Gauge>,
    reads: Gauge,
    waiting_reads: Gauge,
    watches: Gauge,
}

impl LimitMetrics {
    /// Somebody was refused something by the limit that a setting sets.
    pub fn reached(&self, setting: &'static str) {
        self.reached.get_or_create(&LimitLabel { limit: setting }).inc();
    }

    #[cfg(test)]
    pub fn times_reached(&self, setting: &'static str) -> u64 {
        self.reached.get_or_create(&LimitLabel { limit: setting }).get()
    }

    /// The gauge of a door's open connections.
    pub fn connections(&self, door: &'static str) -> Gauge {
        self.connections.get_or_create(&DoorLabel { door }).clone()
    }

    /// The gauge of a door's handshakes that go on.
    pub fn handshakes(&self, door: &'static str) -> Gauge {
        self.handshakes.get_or_create(&DoorLabel { door }).clone()
    }

    /// The gauge of bytes that a door is receiving.
    pub fn receiving_bytes(&self, door: &'static str) -> Gauge {
        self.receiving_bytes.get_or_create(&DoorLabel { door }).clone()
    }

    /// The gauge of bytes of a door's answers that are not sent.
    pub fn unsent_bytes(&self, door: &'static str) -> Gauge {
        self.unsent_bytes.get_or_create(&DoorLabel { door }).clone()
    }

    /// Reads that have their turn, and reads that wait for it.
    pub const fn reads(&self) -> (&Gauge, &Gauge) {
        (&self.reads, &self.waiting_reads)
    }

    /// So many watches are open.
    pub fn watches(&self, count: usize) {
        self.watches.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "limits_reached",
            "Connections and calls that a limit refused, by the setting that sets it",
            self.reached.clone(),
        );
        registry.register(
            "connections",
            "Open connections, by who comes in there",
            self.connections.clone(),
        );
        registry.register(
            "handshakes",
            "TLS handshakes that go on, by who comes in there",
            self.handshakes.clone(),
        );
        registry.register(
            "receiving_bytes",
            "Bytes of requests that are being received, by who comes in there",
            self.receiving_bytes.clone(),
        );
        registry.register(
            "unsent_bytes",
            "Bytes of answers that are not read yet, by who comes in there",
            self.unsent_bytes.clone(),
        );
        registry.register("reads", "Callers' reads that have their turn", self.reads.clone());
        registry.register(
            "reads_waiting",
            "Callers' reads that wait for their turn",
            self.waiting_reads.clone(),
        );
        registry.register("watches", "Open WatchAttempts streams", self.watches.clone());
    }
}
