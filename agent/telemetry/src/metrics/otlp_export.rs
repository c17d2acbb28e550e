//! Sends all metrics to an OTLP collector, time and again.
//!
//! Fed by the environment with where and how often; feeds the collector, by the SDK's reader and
//! the exporter of `opentelemetry-otlp`. Guarantees that what cannot be used is an error that
//! names its variable, that a collector which is away or slow delays nothing but the next export,
//! and that this is logged when it begins and when it ends.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use opentelemetry_otlp::MetricExporter;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{
    MeterProviderBuilder, OTEL_METRIC_EXPORT_INTERVAL, OTEL_METRIC_EXPORT_INTERVAL_DEFAULT,
    PeriodicReader, Temporality,
};
use parking_lot::Mutex;

use crate::otlp::endpoint::OtlpEndpoint;
use crate::otlp::exporter::build_metric_exporter;
use crate::otlp::protocol::OtlpProtocol;
use crate::otlp::resource::describe_resource;
use crate::otlp::target::{Environment, METRICS_SIGNAL, OtlpTarget};

/// Metrics are read no more often: each reading goes through all that is in memory.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Where metrics are sent to, and how often.
#[derive(Clone, Debug)]
pub struct OtlpMetricsExport {
    service: &'static str,
    target: OtlpTarget,
    interval: Duration,
}

impl OtlpMetricsExport {
    /// By OpenTelemetry's own variables; the endpoint and the protocol are those that the
    /// settings of a program name. None where metrics are not to be sent.
    pub fn from_environment(
        service: &'static str,
        endpoint: Option<&OtlpEndpoint>,
        protocol: Option<OtlpProtocol>,
    ) -> anyhow::Result<Option<Self>> {
        Self::find(service, (endpoint, protocol), &|name| std::env::var(name).ok())
    }

    fn find(
        service: &'static str,
        (endpoint, protocol): (Option<&OtlpEndpoint>, Option<OtlpProtocol>),
        environment: &Environment<'_>,
    ) -> anyhow::Result<Option<Self>> {
        let variable = |name| environment(name).filter(|value| !value.is_empty());
        let disabled = variable("OTEL_SDK_DISABLED");
        if disabled.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        match variable("OTEL_METRICS_EXPORTER").as_deref() {
            None | Some("otlp") => {}
            // The metrics port is there whatever this says.
            Some("none" | "prometheus") => return Ok(None),
            Some(_) => bail!("OTEL_METRICS_EXPORTER: must be \"otlp\", \"prometheus\" or \"none\""),
        }
        let interval = match variable(OTEL_METRIC_EXPORT_INTERVAL) {
            None => OTEL_METRIC_EXPORT_INTERVAL_DEFAULT,
            Some(value) => read_interval(&value).context(OTEL_METRIC_EXPORT_INTERVAL)?,
        };
        let target = OtlpTarget::find(&METRICS_SIGNAL, endpoint, protocol, environment)?;
        Ok(target.map(|target| Self { service, target, interval }))
    }

    /// Adds a reader that exports; in the runtime.
    pub(super) fn add_reader(
        self,
        builder: MeterProviderBuilder,
    ) -> anyhow::Result<MeterProviderBuilder> {
        let exporter = build_metric_exporter(&self.target).context("metrics by OTLP")?;
        let exporter = LoggedMetricExporter { exporter, failing_since: Mutex::new(None) };
        let reader = PeriodicReader::builder(exporter).with_interval(self.interval).build();
        let resource = describe_resource(self.service, &|name| std::env::var(name).ok());
        Ok(builder.with_resource(resource).with_reader(reader))
    }
}

fn read_interval(text: &str) -> anyhow::Result<Duration> {
    let given = text.trim().parse::<u64>().ok().filter(|milliseconds| *milliseconds > 0);
    let given = given.context("must be a number of milliseconds")?;
    Ok(Duration::from_millis(given).max(MIN_INTERVAL))
}

/// Logs when exports begin to fail, and when they no longer do.
struct LoggedMetricExporter {
    exporter: MetricExporter,
    failing_since: Mutex<Option<Instant>>,
}

impl LoggedMetricExporter {
    fn note_outcome(&self, sent: &OTelSdkResult) {
        let mut failing_since = self.failing_since.lock();
        match (sent, *failing_since) {
            (Err(error), None) => {
                tracing::warn!(%error, "metrics are not exported by OTLP; they are tried again");
                *failing_since = Some(Instant::now());
            }
            (Err(error), Some(_)) => {
                tracing::debug!(%error, "metrics are still not exported by OTLP");
            }
            (Ok(()), Some(since)) => {
                let seconds = since.elapsed().as_secs();
                tracing::info!(seconds, "metrics are exported by OTLP again");
                *failing_since = None;
            }
            (Ok(()), None) => {}
        }
    }
}

impl PushMetricExporter for LoggedMetricExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let sent = self.exporter.export(metrics).await;
        self.note_outcome(&sent);
        sent
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(variables: &[(&str, &str)]) -> anyhow::Result<Option<OtlpMetricsExport>> {
        let environment = |name: &str| {
            let found = variables.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        OtlpMetricsExport::find("x", (None, None), &environment)
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");

    #[test]
    fn nothing_is_sent_unless_it_is_wanted() {
        assert!(find(&[]).unwrap().is_none());
        let export = find(&[ENDPOINT]).unwrap().unwrap();
        assert_eq!(export.interval, OTEL_METRIC_EXPORT_INTERVAL_DEFAULT);
        assert_eq!(export.target.http_url(), "http://collector:4318/v1/metrics");
        for unwanted in [
            ("OTEL_SDK_DISABLED", "TRUE"),
            ("OTEL_METRICS_EXPORTER", "none"),
            ("OTEL_METRICS_EXPORTER", "prometheus"),
        ] {
            assert!(find(&[ENDPOINT, unwanted]).unwrap().is_none(), "{unwanted:?}");
        }
    }

    #[test]
    fn what_is_said_of_metrics_alone_comes_first() {
        let export = find(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://metrics:4318/here"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1"),
        ]);
        let export = export.unwrap().unwrap();
        assert_eq!(export.target.http_url(), "https://metrics:4318/here");
        assert_eq!(export.interval, MIN_INTERVAL);
    }

    #[test]
    fn what_the_settings_say_comes_before_the_variables() {
        let environment = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => Some("http://variable:4317".to_owned()),
            "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("grpc".to_owned()),
            _ => None,
        };
        let endpoint = OtlpEndpoint::parse("http://setting:4318").unwrap();
        let configured = (endpoint.as_ref(), Some(OtlpProtocol::Http));
        let export = OtlpMetricsExport::find("x", configured, &environment).unwrap().unwrap();
        assert_eq!(export.target.protocol, OtlpProtocol::Http);
        assert_eq!(export.target.http_url(), "http://setting:4318/v1/metrics");
    }

    #[test]
    fn what_cannot_be_used_names_its_variable_and_shows_no_secret() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4317"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "secret"),
            ("OTEL_METRICS_EXPORTER", "secret"),
        ] {
            let error = format!("{:#}", find(&[ENDPOINT, (name, value)]).unwrap_err());
            assert!(error.contains(name) && !error.contains("secret"), "{error}");
        }
    }
}
