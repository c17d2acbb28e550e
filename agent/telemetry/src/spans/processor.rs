//! The way of a span that has ended to the exporter: bounded, and never waited for.
//!
//! Fed by the SDK with each span that ends; feeds the SDK's own processor, which exports in
//! batches from a thread of its own. That one drops what finds no room without telling; here
//! it is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};

use super::metrics::SpanMetrics;

/// How many spans may wait for the collector, and how many do; those that are being exported
/// count, so that the SDK's queue has room for each that finds some here.
#[derive(Debug)]
pub struct QueueRoom {
    waiting: AtomicUsize,
    most: usize,
}

impl QueueRoom {
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { waiting: AtomicUsize::new(0), most })
    }

    fn take(&self) -> bool {
        let one_more = |waiting| (waiting < self.most).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    /// These are not held any more.
    pub fn give_back(&self, spans: usize) {
        self.waiting.fetch_sub(spans, Ordering::Relaxed);
    }
}

/// Passes spans on for which there is room.
#[derive(Debug)]
pub struct BoundedProcessor {
    pub batches: BatchSpanProcessor,
    pub room: Arc<QueueRoom>,
    pub metrics: SpanMetrics,
}

impl SpanProcessor for BoundedProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.batches.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        if self.room.take() {
            self.batches.on_end(span);
        } else {
            self.metrics.queue_full.add(1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_as_many_as_were_given_back() {
        let room = QueueRoom::new(2);
        assert_eq!([room.take(), room.take(), room.take()], [true, true, false]);
        room.give_back(1);
        assert_eq!([room.take(), room.take()], [true, false]);
    }
}
