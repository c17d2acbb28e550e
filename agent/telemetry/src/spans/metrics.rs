//! What became of spans, for the metrics port.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

type OutcomeOfSpan = [(&'static str, &'static str); 1];

/// Spans by what became of them. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SpanMetrics {
    family: Family<OutcomeOfSpan, Counter>,
    /// The collector took it.
    pub exported: Counter,
    /// There was no room in the queue.
    pub queue_full: Counter,
    /// The collector refused it, or did not take it in several tries.
    pub refused: Counter,
}

impl Default for SpanMetrics {
    fn default() -> Self {
        let family = Family::<OutcomeOfSpan, Counter>::default();
        let of = |outcome| family.get_or_create_owned(&[("outcome", outcome)]);
        let (exported, queue_full) = (of("exported"), of("queue_full"));
        let refused = of("refused");
        Self { family, exported, queue_full, refused }
    }
}

impl SpanMetrics {
    pub fn register(&self, registry: &mut Registry) {
        let help = "Spans of sampled traces, by what became of them";
        registry.register("spans", help, self.family.clone());
    }
}
