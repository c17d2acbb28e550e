//! Starts the tracer of a process and the export of its spans, and ends them.
//!
//! Fed by the settings and OpenTelemetry's own variables; feeds the process with its tracer.
//! Guarantees that no tracer exists without a collector, and that a stop waits for the
//! collector, but not for long.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanLimits,
};
use parking_lot::Mutex;

use super::counting_exporter::CountingExporter;
use super::metrics::SpanMetrics;
use super::processor::{BoundedProcessor, QueueRoom};
use super::sampler::span_sampler;
use super::span_ids::GivenOrRandomIds;
use super::tracer::ProcessTracer;
use crate::otlp::endpoint::OtlpEndpoint;
use crate::otlp::exporter::build_span_exporter;
use crate::otlp::protocol::OtlpProtocol;
use crate::otlp::resource::describe_resource;
use crate::otlp::target::{OtlpTarget, TRACES_SIGNAL};

/// Of which version of OpenTelemetry's conventions the names are.
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.45.0";
/// As OpenTelemetry's SDKs have it. With about 1 KiB each far below what a collector takes in
/// one message, 4 MiB.
const MAX_BATCH_SPANS: usize = 512;
/// How long a batch that is not full waits for more. People look at traces later than that.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How long a stop waits for the collector. Kubernetes ends a process that takes long.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(3);

/// What the settings say of traces.
#[derive(Clone, Debug, Default)]
pub struct TraceOptions {
    /// None: what the standard variables say.
    pub endpoint: Option<OtlpEndpoint>,
    /// None: what the standard variables say.
    pub protocol: Option<OtlpProtocol>,
    /// How many of the traces that begin here are recorded.
    pub traces_per_million: u32,
    pub max_queued_spans: usize,
}

/// The export of spans; to be closed last.
#[derive(Debug)]
pub struct SpanExport {
    provider: SdkTracerProvider,
    /// For the layer of `tracing`.
    pub tracer: SdkTracer,
}

impl SpanExport {
    /// Starts recording, if a collector is named; to be called once, inside the runtime.
    pub fn start(
        service_name: &'static str,
        options: &TraceOptions,
    ) -> anyhow::Result<Option<Self>> {
        let environment = |name: &str| std::env::var(name).ok();
        let endpoint = options.endpoint.as_ref();
        let target = OtlpTarget::find(&TRACES_SIGNAL, endpoint, options.protocol, &environment)?;
        let Some(target) = target else { return Ok(None) };
        let (metrics, room) = (SpanMetrics::default(), QueueRoom::new(options.max_queued_spans));
        let exporter = CountingExporter {
            exporter: build_span_exporter(&target)?,
            room: Arc::clone(&room),
            metrics: metrics.clone(),
            outage: Mutex::default(),
        };
        // What the standard variables say of these is not asked.
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(options.max_queued_spans)
            .with_max_export_batch_size(MAX_BATCH_SPANS)
            .with_scheduled_delay(BATCH_INTERVAL)
            .build();
        let batches = BatchSpanProcessor::builder(exporter).with_batch_config(config).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BoundedProcessor { batches, room, metrics: metrics.clone() })
            .with_sampler(span_sampler(options.traces_per_million))
            .with_id_generator(GivenOrRandomIds::default())
            .with_span_limits(SpanLimits::default())
            .with_resource(describe_resource(service_name, &environment))
            .build();
        let scope = InstrumentationScope::builder(service_name)
            .with_version(env!("CARGO_PKG_VERSION"))
            .with_schema_url(SCHEMA_URL)
            .build();
        let tracer = provider.tracer_with_scope(scope);
        ProcessTracer { tracer: tracer.clone(), metrics }.install()?;
        Ok(Some(Self { provider, tracer }))
    }

    /// Exports what is still held.
    pub async fn shutdown(self) {
        // It blocks until the collector answers, which needs the runtime.
        let provider = self.provider;
        let shut_down = move || provider.shutdown_with_timeout(LAST_EXPORT_TIMEOUT);
        if !matches!(tokio::task::spawn_blocking(shut_down).await, Ok(Ok(()))) {
            tracing::warn!("exporting the last spans failed: the collector does not answer");
        }
    }
}
