//! Prometheus metrics of the scheduler.
//!
//! Fed by the scheduler at each scrape; feeds the metrics port.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::clock::Clock;
use crate::state::dispatcher::Dispatcher;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RegionLabel {
    region: String,
}

/// Gauges read from the scheduler when they are asked for.
pub struct SchedulerMetrics {
    pub dispatcher: Dispatcher,
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for SchedulerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SchedulerMetrics")
    }
}

impl Collector for SchedulerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.clock.now();
        let regions = self.dispatcher.region_figures();
        let (deliveries, bytes) = self.dispatcher.read(|s, _| (s.deliveries(), s.payload_bytes()));
        let mut gauge = |name, help, region: Option<String>, value: f64| {
            let gauge = ConstGauge::new(value);
            let mut metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            match region {
                None => gauge.encode(metric),
                Some(region) => gauge.encode(metric.encode_family(&RegionLabel { region })?),
            }
        };
        gauge("deliveries_in_memory", "Deliveries in memory", None, deliveries as f64)?;
        gauge("payload_bytes_in_memory", "Payload bytes in memory", None, bytes as f64)?;
        for region in regions {
            let name = || Some(region.region.to_string());
            let age = region.oldest_due.map_or(0.0, |due| now.since(due).as_secs_f64());
            gauge("attempts_in_flight", "Attempts at agents", name(), region.in_flight as f64)?;
            gauge(
                "attempts_wanted",
                "Attempts that would be at agents if they had room for all",
                name(),
                region.wanted as f64,
            )?;
            gauge(
                "agent_credit_attempts",
                "Attempts agents would take now",
                name(),
                region.credit as f64,
            )?;
            gauge(
                "deliveries_queued",
                "Deliveries in memory that are not sent yet",
                name(),
                region.queued as f64,
            )?;
            gauge(
                "subscriptions_with_due_deliveries",
                "Subscriptions with due deliveries in the table",
                name(),
                region.subscriptions_behind as f64,
            )?;
            gauge(
                "oldest_due_delivery_age_seconds",
                "Age of the oldest known due delivery",
                name(),
                age,
            )?;
        }
        Ok(())
    }
}
