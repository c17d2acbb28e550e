//! The exporter of spans with what becomes of them counted and told.
//!
//! Fed by the SDK's processor with batches; feeds the exporter of `opentelemetry-otlp`, which
//! tries each several times. Guarantees that a collector which is away costs a line when that
//! begins and one when it ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use parking_lot::Mutex;

use super::metrics::SpanMetrics;
use super::processor::QueueRoom;

/// Counts what another exporter does.
#[derive(Debug)]
pub struct CountingExporter<E> {
    pub exporter: E,
    pub room: Arc<QueueRoom>,
    pub metrics: SpanMetrics,
    /// None while the collector takes spans.
    pub outage: Mutex<Option<CollectorOutage>>,
}

/// Since when the collector takes nothing.
#[derive(Debug)]
pub struct CollectorOutage {
    since: Instant,
    refused: u64,
}

impl<E: SpanExporter> SpanExporter for CountingExporter<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let (count, began) = (batch.len(), Instant::now());
        let exported = self.exporter.export(batch).await;
        self.room.give_back(count);
        let count = count as u64;
        let mut outage = self.outage.lock();
        match &exported {
            Ok(()) => {
                self.metrics.exported.add(count);
                if let Some(CollectorOutage { since, refused }) = outage.take() {
                    let seconds = since.elapsed().as_secs();
                    tracing::info!(seconds, refused, "the collector takes spans again");
                }
            }
            Err(error) => {
                self.metrics.refused.add(count);
                if outage.is_none() {
                    tracing::warn!(%error, "the collector takes no spans; they are dropped");
                }
                let outage = outage.get_or_insert(CollectorOutage { since: began, refused: 0 });
                outage.refused += count;
            }
        }
        exported
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use opentelemetry::trace::{SpanKind, TracerProvider as _};
    use opentelemetry_sdk::error::OTelSdkError;
    use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider};

    use super::super::ended_span::{EndedSpan, SpanTimes};
    use super::super::processor::BoundedProcessor;
    use super::super::tracer::ProcessTracer;
    use super::*;

    #[derive(Debug)]
    struct FakeCollector(Arc<AtomicBool>);

    impl SpanExporter for FakeCollector {
        async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
            match self.0.load(Ordering::Relaxed) {
                true => Ok(()),
                false => Err(OTelSdkError::InternalFailure("away".to_owned())),
            }
        }
    }

    #[test]
    fn what_becomes_of_spans_is_counted() {
        let (is_there, room) = (Arc::new(AtomicBool::new(false)), QueueRoom::new(3));
        let metrics = SpanMetrics::default();
        let exporter = CountingExporter {
            exporter: FakeCollector(Arc::clone(&is_there)),
            room: Arc::clone(&room),
            metrics: metrics.clone(),
            outage: Mutex::default(),
        };
        // It exports when the test says so.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(100)
            .with_max_export_batch_size(100)
            .with_scheduled_delay(Duration::from_secs(3_600));
        let batches =
            BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build();
        let processor = BoundedProcessor { batches, room, metrics: metrics.clone() };
        let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
        let tracer = ProcessTracer { tracer: provider.tracer("test"), metrics: metrics.clone() };
        let record = || {
            let times = SpanTimes::ending_now(Duration::ZERO);
            tracer.record_alone(EndedSpan::new("x", SpanKind::Internal, times));
        };
        (0..5).for_each(|_| record());
        assert_eq!(metrics.queue_full.get(), 2);
        assert!(provider.force_flush().is_err());
        assert_eq!((metrics.refused.get(), metrics.exported.get()), (3, 0));
        is_there.store(true, Ordering::Relaxed);
        (0..2).for_each(|_| record());
        provider.force_flush().unwrap();
        let counted = (metrics.queue_full.get(), metrics.refused.get(), metrics.exported.get());
        assert_eq!(counted, (2, 3, 2));
    }
}
