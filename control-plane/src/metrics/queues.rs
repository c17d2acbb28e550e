//! The queues before the writers: how much waits in them, and for how long.
//!
//! Fed by whoever queues something, with a ticket that leaves the queue with it; feeds the
//! registry.

use std::sync::Arc;
use std::time::Instant;

use postrider_telemetry::metrics::{
    BoundHistogram, BoundUpDownCounter, Histogram, KeyValue, MetricDescriptor, MetricRegistry,
    UpDownCounter,
};

use super::buckets::WAIT_SECONDS;

static DEPTH: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.queue.depth",
    "{item}",
    "Events and results that wait for a writer, those that wait for room among them",
)
.by(&["queue"]);
static WAIT: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.queue.wait",
    "s",
    WAIT_SECONDS,
    "How long events and results waited until a writer took them",
)
.by(&["queue"]);

/// All queues.
#[derive(Debug)]
pub struct QueueFamilies {
    depth: UpDownCounter<i64>,
    wait: Histogram<f64>,
}

impl QueueFamilies {
    pub(super) fn new(registry: &MetricRegistry) -> Self {
        Self { depth: registry.up_down_counter(&DEPTH), wait: registry.histogram(&WAIT) }
    }

    /// Those of one queue.
    pub fn of(&self, queue: &'static str) -> QueueMetrics {
        let label = [KeyValue::new("queue", queue)];
        let (depth, wait) = (self.depth.bind(&label), self.wait.bind(&label));
        QueueMetrics(Arc::new(QueueInstruments { depth, wait }))
    }
}

#[derive(Debug)]
struct QueueInstruments {
    depth: BoundUpDownCounter<i64>,
    wait: BoundHistogram<f64>,
}

/// One queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct QueueMetrics(Arc<QueueInstruments>);

impl QueueMetrics {
    /// Something begins to wait.
    pub fn enter(&self) -> QueueTicket {
        self.0.depth.add(1);
        QueueTicket { queue: self.clone(), since: Instant::now() }
    }
}

/// Something that waits in a queue, until this is dropped.
#[derive(Debug)]
pub struct QueueTicket {
    queue: QueueMetrics,
    since: Instant,
}

impl QueueTicket {
    /// A writer has taken it.
    pub fn taken(self) {
        self.queue.0.wait.record(self.since.elapsed().as_secs_f64());
    }
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        self.queue.0.depth.add(-1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::shown;

    #[test]
    fn only_what_a_writer_took_has_waited() {
        let registry = MetricRegistry::new(None).unwrap();
        let depth = || shown(&registry, "postrider_queue_depth{queue=\"publish\"}");
        let queue = QueueFamilies::new(&registry).of("publish");
        let (taken, refused) = (queue.enter(), queue.enter());
        assert_eq!(depth(), 2.0);
        taken.taken();
        drop(refused);
        let waited = shown(&registry, "postrider_queue_wait_seconds_count{queue=\"publish\"}");
        assert_eq!((depth(), waited), (0.0, 1.0));
    }
}
