//! Prometheus metrics of the links to other replicas.
//!
//! Fed by the links at each scrape; feeds the metrics port.
//!
//! Keeps the invariant `hints-arrive-or-are-reported`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::state::peers::Peers;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReplicaLabel {
    replica: String,
}

/// Counters and gauges read from the links when they are asked for.
pub struct PeerMetrics(pub Peers);

impl fmt::Debug for PeerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerMetrics")
    }
}

impl Collector for PeerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let links = self.0.links();
        let (sent, lost) = links.hints();
        for (name, help, count) in [
            ("hints_sent", "Hints that reached another replica", sent),
            ("hints_lost", "Hints that did not reach another replica, or waited too long", lost),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        let (name, help) =
            ("replica_reachable", "Whether the last call to another replica arrived");
        let figures = links.figures();
        if figures.is_empty() {
            return Ok(());
        }
        let gauge = ConstGauge::new(0_i64);
        let mut metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        for link in figures {
            let label = ReplicaLabel { replica: link.replica.0.to_string() };
            ConstGauge::new(i64::from(link.reached)).encode(metric.encode_family(&label)?)?;
        }
        Ok(())
    }
}
