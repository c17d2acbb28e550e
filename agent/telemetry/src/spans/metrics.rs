//! What became of spans.
//!
//! Fed by the tracer, which is there before any registry; feeds each registry that asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{KeyValue, MetricDescriptor, MetricRegistry, ObservedState};

static SPANS: MetricDescriptor = MetricDescriptor::counter(
    "postrider.spans",
    "{span}",
    "Spans of sampled traces, by what became of them",
)
.by(&["outcome"]);

/// A number of spans. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SpanCount(Arc<AtomicU64>);

impl SpanCount {
    pub fn add(&self, spans: u64) {
        self.0.fetch_add(spans, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Spans by what became of them. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SpanMetrics {
    /// The collector took it.
    pub exported: SpanCount,
    /// There was no room in the queue.
    pub queue_full: SpanCount,
    /// The collector refused it, or did not take it in several tries.
    pub refused: SpanCount,
}

impl SpanMetrics {
    /// Shows those that `find` gives at each reading; while there are none, no series.
    pub fn observe(registry: &MetricRegistry, find: fn() -> Option<&'static Self>) {
        let outcomes = ["exported", "queue_full", "refused"];
        let labels = outcomes.map(|outcome| [KeyValue::new("outcome", outcome)]);
        registry.observe_counts(&SPANS, &ObservedState::new(find), move |metrics, tell| {
            let Some(Self { exported, queue_full, refused }) = metrics else { return };
            for (count, label) in [exported, queue_full, refused].into_iter().zip(&labels) {
                tell(count.get(), label);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;

    static COUNTED: LazyLock<SpanMetrics> = LazyLock::new(SpanMetrics::default);

    #[test]
    fn spans_are_shown_where_they_are_recorded() {
        let (recorded, without) =
            (MetricRegistry::new(None).unwrap(), MetricRegistry::new(None).unwrap());
        SpanMetrics::observe(&recorded, || Some(LazyLock::force(&COUNTED)));
        SpanMetrics::observe(&without, || None);
        COUNTED.refused.add(3);
        let text = recorded.text().unwrap();
        for (outcome, count) in [("exported", 0), ("queue_full", 0), ("refused", 3)] {
            let series = format!("postrider_spans_total{{outcome=\"{outcome}\"}} {count}\n");
            assert!(text.contains(&series), "{series}\n{text}");
        }
        assert_eq!(without.text().unwrap(), "");
    }
}
