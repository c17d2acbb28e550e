//! What a metric is called, what it counts in, and what tells its series apart.
//!
//! Fed by the tables of both programs; feeds the registry, and `docs/metrics.md`. Names and
//! units are OpenTelemetry's; the name in Prometheus follows from them, by the rules of
//! `opentelemetry-prometheus`.

/// Of a metric that says nothing else: closed lists of a few words.
const DEFAULT_MAX_SERIES: usize = 64;

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Only goes up, until the process restarts.
    Counter,
    /// Goes up and down, and can be summed over processes.
    UpDownCounter,
    /// A value of the moment, which is not summed.
    Gauge,
    /// How values are distributed over buckets.
    Histogram,
}

/// A metric, as it is declared once.
#[derive(Clone, Copy, Debug)]
pub struct MetricDescriptor {
    /// In OpenTelemetry's form, `postrider.attempt.duration`.
    pub name: &'static str,
    pub kind: MetricKind,
    /// A UCUM unit: `s`, `By`, `1`, or what is counted, as `{event}`.
    pub unit: &'static str,
    /// The names of its attributes.
    pub labels: &'static [&'static str],
    /// One sentence without a full stop.
    pub meaning: &'static str,
    /// The upper bounds of a histogram's buckets, which rise; of others none.
    pub bounds: &'static [f64],
    /// How many series it has at most. What comes later is counted together, in the series with
    /// the attribute `otel.metric.overflow`.
    pub max_series: usize,
}

impl MetricDescriptor {
    const fn new(
        name: &'static str,
        kind: MetricKind,
        unit: &'static str,
        meaning: &'static str,
    ) -> Self {
        let max_series = DEFAULT_MAX_SERIES;
        Self { name, kind, unit, labels: &[], meaning, bounds: &[], max_series }
    }

    /// Something that is only counted up.
    pub const fn counter(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self::new(name, MetricKind::Counter, unit, meaning)
    }

    /// A number of things that there are now.
    pub const fn up_down(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self::new(name, MetricKind::UpDownCounter, unit, meaning)
    }

    /// A value of the moment.
    pub const fn gauge(name: &'static str, unit: &'static str, meaning: &'static str) -> Self {
        Self::new(name, MetricKind::Gauge, unit, meaning)
    }

    /// A distribution over buckets.
    pub const fn histogram(
        name: &'static str,
        unit: &'static str,
        bounds: &'static [f64],
        meaning: &'static str,
    ) -> Self {
        Self { bounds, ..Self::new(name, MetricKind::Histogram, unit, meaning) }
    }

    /// The same, told apart by these labels.
    pub const fn by(self, labels: &'static [&'static str]) -> Self {
        Self { labels, ..self }
    }

    /// The same, with at most so many series.
    pub const fn up_to(self, max_series: usize) -> Self {
        Self { max_series, ..self }
    }

    /// The unit as a word at the end of Prometheus' name; none for what is only counted.
    fn unit_suffix(&self) -> Option<&'static str> {
        match self.unit {
            "s" => Some("seconds"),
            "By" => Some("bytes"),
            "1" => Some("ratio"),
            _ => None,
        }
    }

    /// The name that a query asks for.
    pub fn prometheus_name(&self) -> String {
        let mut name = prometheus_word(self.name);
        let total = (self.kind == MetricKind::Counter).then_some("total");
        for suffix in self.unit_suffix().into_iter().chain(total) {
            name.push('_');
            name.push_str(suffix);
        }
        name
    }

    /// This metric's row in `docs/metrics.md`.
    pub(super) fn documented_row(&self) -> String {
        let kind = match self.kind {
            MetricKind::Counter => "counter",
            MetricKind::UpDownCounter => "up-down counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels: Vec<String> =
            self.labels.iter().map(|label| format!("`{}`", prometheus_word(label))).collect();
        format!(
            "| `{}` | `{}` | {kind} | `{}` | {} | {} |",
            self.name,
            self.prometheus_name(),
            self.unit,
            labels.join(", "),
            self.meaning
        )
    }
}

/// A name in OpenTelemetry's form as Prometheus writes it.
fn prometheus_word(name: &str) -> String {
    name.replace('.', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_prometheus_end_with_unit_and_total() {
        let duration =
            MetricDescriptor::histogram("postrider.attempt.duration", "s", &[1.0], "Duration");
        assert_eq!(duration.prometheus_name(), "postrider_attempt_duration_seconds");
        let bytes = MetricDescriptor::up_down("process.memory.usage", "By", "Memory");
        assert_eq!(bytes.prometheus_name(), "process_memory_usage_bytes");
        let events = MetricDescriptor::counter("postrider.events.published", "{event}", "Events");
        assert_eq!(events.prometheus_name(), "postrider_events_published_total");
        let time = MetricDescriptor::counter("process.cpu.time", "s", "Time").by(&["cpu.mode"]);
        assert_eq!(
            time.documented_row(),
            "| `process.cpu.time` | `process_cpu_time_seconds_total` | counter | `s` | `cpu_mode` | Time |"
        );
    }
}
