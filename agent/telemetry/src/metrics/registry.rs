//! All instruments of a process, which OpenTelemetry's SDK keeps, and who reads them.
//!
//! Fed at the start with descriptors; feeds whoever counts with instruments, the metrics port
//! with text and a collector with OTLP. Guarantees that a metric has its descriptor's name, unit,
//! buckets and number of series, whoever reads it.
//!
//! Instruments are bound to their labels where something happens often (`bind`): counting is an
//! atomic addition then, and a short lock of one series for a histogram.
//!
//! Keeps the invariant `bounded-everything`.

use std::sync::Arc;

use anyhow::Context as _;
use opentelemetry::InstrumentationScope;
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, BoundUpDownCounter, Counter, Histogram, Meter,
    MeterProvider as _, UpDownCounter,
};
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, MeterProviderBuilder, SdkMeterProvider, Stream,
};
use parking_lot::Mutex;
use prometheus::{Registry, TextEncoder};

use super::descriptor::{MetricDescriptor, MetricKind};
use super::otlp_export::OtlpMetricsExport;

/// Of the tables in `docs/metrics.md`.
const TABLE_HEAD: &str = "| name | in Prometheus | kind | unit | labels | meaning |\n\
                          |---|---|---|---|---|---|\n";

/// In the order in which they were made.
type DescriptorList = Arc<Mutex<Vec<&'static MetricDescriptor>>>;

struct RegistryShared {
    provider: SdkMeterProvider,
    meter: Meter,
    prometheus: Registry,
    descriptors: DescriptorList,
}

/// The metrics of a process. Cheap to clone.
#[derive(Clone)]
pub struct MetricRegistry(Arc<RegistryShared>);

impl MetricRegistry {
    /// Read as text by whoever asks for it and, if it is to be exported, by a collector. To be
    /// called in the runtime, which drives the connection to that.
    pub fn new(exported: Option<OtlpMetricsExport>) -> anyhow::Result<Self> {
        let mut builder = SdkMeterProvider::builder();
        if let Some(export) = exported {
            builder = export.add_reader(builder)?;
        }
        let prometheus = Registry::new();
        // What runs is told by a metric of its own, which both readers have.
        let reader = opentelemetry_prometheus::exporter()
            .with_registry(prometheus.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .context("the text of metrics")?;
        Ok(Self::read_by(builder.with_reader(reader), prometheus))
    }

    /// Read by nobody: whatever is counted is forgotten at once.
    pub fn unread() -> Self {
        Self::read_by(SdkMeterProvider::builder(), Registry::new())
    }

    fn read_by(builder: MeterProviderBuilder, prometheus: Registry) -> Self {
        let descriptors = DescriptorList::default();
        let known = Arc::clone(&descriptors);
        let view = move |instrument: &Instrument| {
            let known = known.lock();
            let named = known.iter().find(|descriptor| descriptor.name == instrument.name());
            named.and_then(|descriptor| stream_of(descriptor))
        };
        let provider = builder.with_view(view).build();
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let meter = provider.meter_with_scope(scope);
        Self(Arc::new(RegistryShared { provider, meter, prometheus, descriptors }))
    }

    /// Everything that is measured, in the order in which it was made.
    pub fn descriptors(&self) -> Vec<&'static MetricDescriptor> {
        self.0.descriptors.lock().clone()
    }

    /// The text of `docs/metrics.md` with the table of a program as it has to be; `None` if
    /// the marks around it are missing.
    pub fn documented_in(&self, page: &str, program: &str) -> Option<String> {
        let begin = format!("<!-- {program}: begin -->\n");
        let end = format!("<!-- {program}: end -->");
        let (before, rest) = page.split_once(&begin)?;
        let (_, after) = rest.split_once(&end)?;
        let rows = self.descriptors().into_iter().map(|metric| metric.documented_row() + "\n");
        let table = TABLE_HEAD.to_owned() + &rows.collect::<String>();
        Some(format!("{before}{begin}{table}{end}{after}"))
    }

    /// What Prometheus scrapes.
    pub fn text(&self) -> anyhow::Result<String> {
        Ok(TextEncoder::new().encode_to_string(&self.0.prometheus.gather())?)
    }

    /// Sends what was counted last, where metrics are exported. Nothing is read afterwards.
    pub async fn shutdown(&self) {
        let provider = self.0.provider.clone();
        // It blocks until the collector has answered, for 5 s at most.
        let sent = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        if let Ok(Err(error)) = sent {
            tracing::warn!(%error, "the last metrics were not exported");
        }
    }

    /// The meter, for an instrument of this descriptor.
    pub(super) fn meter_of(&self, descriptor: &'static MetricDescriptor) -> &Meter {
        let mut known = self.0.descriptors.lock();
        if known.iter().all(|other| other.name != descriptor.name) {
            known.push(descriptor);
        }
        &self.0.meter
    }

    /// A counter with labels.
    pub fn counter(&self, descriptor: &'static MetricDescriptor) -> Counter<u64> {
        debug_assert_eq!(descriptor.kind, MetricKind::Counter, "{}", descriptor.name);
        self.meter_of(descriptor)
            .u64_counter(descriptor.name)
            .with_unit(descriptor.unit)
            .with_description(descriptor.meaning)
            .build()
    }

    /// A counter without labels, which is shown from the beginning.
    pub fn plain_counter(&self, descriptor: &'static MetricDescriptor) -> BoundCounter<u64> {
        let counter = self.counter(descriptor).bind(&[]);
        counter.add(0);
        counter
    }

    /// A number of things, with labels, that is counted up and down.
    pub fn up_down_counter(&self, descriptor: &'static MetricDescriptor) -> UpDownCounter<i64> {
        debug_assert_eq!(descriptor.kind, MetricKind::UpDownCounter, "{}", descriptor.name);
        self.meter_of(descriptor)
            .i64_up_down_counter(descriptor.name)
            .with_unit(descriptor.unit)
            .with_description(descriptor.meaning)
            .build()
    }

    /// The same without labels, shown from the beginning.
    pub fn plain_up_down_counter(
        &self,
        descriptor: &'static MetricDescriptor,
    ) -> BoundUpDownCounter<i64> {
        let counter = self.up_down_counter(descriptor).bind(&[]);
        counter.add(0);
        counter
    }

    /// A value of the moment without labels, which is told when it changes; 0 at first.
    pub fn plain_gauge(&self, descriptor: &'static MetricDescriptor) -> BoundGauge<f64> {
        debug_assert_eq!(descriptor.kind, MetricKind::Gauge, "{}", descriptor.name);
        let gauge = self
            .meter_of(descriptor)
            .f64_gauge(descriptor.name)
            .with_unit(descriptor.unit)
            .with_description(descriptor.meaning)
            .build()
            .bind(&[]);
        gauge.record(0.0);
        gauge
    }

    /// A distribution with labels. A set of labels that is bound is shown from then on.
    pub fn histogram(&self, descriptor: &'static MetricDescriptor) -> Histogram<f64> {
        debug_assert_eq!(descriptor.kind, MetricKind::Histogram, "{}", descriptor.name);
        self.meter_of(descriptor)
            .f64_histogram(descriptor.name)
            .with_unit(descriptor.unit)
            .with_description(descriptor.meaning)
            .build()
    }

    /// A distribution without labels, which is shown from its first value on.
    pub fn plain_histogram(&self, descriptor: &'static MetricDescriptor) -> BoundHistogram<f64> {
        self.histogram(descriptor).bind(&[])
    }
}

/// What the SDK keeps of a metric. Smallest and largest values since the start of the process
/// tell nothing, and of a histogram without values they would be infinite.
fn stream_of(descriptor: &MetricDescriptor) -> Option<Stream> {
    let stream = Stream::builder().with_cardinality_limit(descriptor.max_series);
    let stream = match descriptor.kind {
        MetricKind::Histogram => stream.with_aggregation(Aggregation::ExplicitBucketHistogram {
            boundaries: descriptor.bounds.to_vec(),
            record_min_max: false,
        }),
        _ => stream,
    };
    stream.build().ok()
}

#[cfg(test)]
mod tests {
    use opentelemetry::KeyValue;

    use super::*;

    static POSTS: MetricDescriptor =
        MetricDescriptor::counter("x.posts", "{post}", "POSTs").by(&["x.region"]).up_to(2);
    static OPEN: MetricDescriptor = MetricDescriptor::up_down("x.open", "By", "Open bytes");
    static LENGTH: MetricDescriptor =
        MetricDescriptor::histogram("x.post.duration", "s", &[0.001, 1.0], "How long a POST took")
            .by(&["x.region"]);

    fn region(name: &'static str) -> [KeyValue; 1] {
        [KeyValue::new("x.region", name)]
    }

    #[test]
    fn everything_is_shown_as_its_descriptor_says() {
        let registry = MetricRegistry::new(None).unwrap();
        registry.counter(&POSTS).add(2, &region("e\"u\n"));
        registry.plain_up_down_counter(&OPEN).add(7);
        let length = registry.histogram(&LENGTH);
        let eu = length.bind(&region("eu"));
        assert!(registry.text().unwrap().contains("_count{x_region=\"eu\"} 0"), "it was bound");
        eu.record(0.5);
        length.record(2.0, &region("eu"));
        let expected = "\
# HELP x_open_bytes Open bytes
# TYPE x_open_bytes gauge
x_open_bytes 7
# HELP x_post_duration_seconds How long a POST took
# TYPE x_post_duration_seconds histogram
x_post_duration_seconds_bucket{x_region=\"eu\",le=\"0.001\"} 0
x_post_duration_seconds_bucket{x_region=\"eu\",le=\"1\"} 1
x_post_duration_seconds_bucket{x_region=\"eu\",le=\"+Inf\"} 2
x_post_duration_seconds_sum{x_region=\"eu\"} 2.5
x_post_duration_seconds_count{x_region=\"eu\"} 2
# HELP x_posts_total POSTs
# TYPE x_posts_total counter
x_posts_total{x_region=\"e\\\"u\\n\"} 2
";
        assert_eq!(registry.text().unwrap(), expected);
        for descriptor in registry.descriptors() {
            assert!(expected.contains(&format!("# TYPE {} ", descriptor.prometheus_name())));
        }
    }

    #[test]
    fn what_has_no_place_counts_together() {
        let registry = MetricRegistry::new(None).unwrap();
        let posts = registry.counter(&POSTS);
        for name in ["a", "b", "c", "d", "a"] {
            posts.add(1, &region(name));
        }
        let text = registry.text().unwrap();
        for (label, count) in
            [("x_region=\"a\"", 2), ("x_region=\"b\"", 1), ("otel_metric_overflow=\"true\"", 2)]
        {
            let series = format!("x_posts_total{{{label}}} {count}\n");
            assert!(text.contains(&series), "{series}\n{text}");
        }
        assert!(!text.contains("\"c\""), "{text}");
    }

    #[test]
    fn nobody_reads_what_is_unread() {
        let registry = MetricRegistry::unread();
        registry.plain_counter(&POSTS).add(1);
        assert_eq!(registry.text().unwrap(), "");
        assert_eq!(registry.descriptors().len(), 1);
    }
}
