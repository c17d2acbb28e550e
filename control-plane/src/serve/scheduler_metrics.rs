//! Prometheus metrics of the scheduler.
//!
//! Fed by the scheduler at each scrape; feeds the metrics port. Guarantees that nobody who may
//! only write subscriptions makes labels: a region has one of its own if the settings name it,
//! or once an agent has served it here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_domain::ids::Region;
use postrider_domain::scheduler::RegionFigures;
use postrider_domain::subscription::DEFAULT_REGION;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

use crate::clock::Clock;
use crate::state::dispatcher::Dispatcher;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RegionLabel {
    region: String,
}

/// The label of all regions that have none of their own. No region has such a name.
const OTHER_REGIONS: &str = "_other";

/// Which regions have labels.
struct LabelledRegions {
    named: BTreeSet<Region>,
    /// Those that had an agent when metrics were read, as long as they are in use: figures of
    /// a region that has lost its agents are wanted most.
    served: Mutex<BTreeSet<Region>>,
}

impl LabelledRegions {
    fn new(named: &[Region]) -> Self {
        let default = Region::from_stored(DEFAULT_REGION);
        let named = named.iter().cloned().chain([default]).collect();
        Self { named, served: Mutex::default() }
    }

    /// The figures of each region that has a label, and of all others together.
    fn label(&self, regions: Vec<(RegionFigures, bool)>) -> Vec<RegionFigures> {
        let mut served = self.served.lock();
        let before = std::mem::take(&mut *served);
        let (mut labelled, mut others) = (Vec::new(), None);
        for (figures, has_agent) in regions {
            let is_served = has_agent || before.contains(&figures.region);
            if is_served {
                served.insert(figures.region.clone());
            }
            if is_served || self.named.contains(&figures.region) {
                labelled.push(figures);
            } else {
                add_others(&mut others, figures);
            }
        }
        drop(served);
        labelled.extend(others);
        labelled
    }
}

fn add_others(others: &mut Option<RegionFigures>, figures: RegionFigures) {
    let region = Region::from_stored(OTHER_REGIONS);
    let Some(sum) = others else {
        *others = Some(RegionFigures { region, ..figures });
        return;
    };
    *sum = RegionFigures {
        region,
        credit: sum.credit.saturating_add(figures.credit),
        in_flight: sum.in_flight.saturating_add(figures.in_flight),
        queued: sum.queued.saturating_add(figures.queued),
        subscriptions_behind: sum.subscriptions_behind.saturating_add(figures.subscriptions_behind),
        oldest_due: sum.oldest_due.into_iter().chain(figures.oldest_due).min(),
        wanted: sum.wanted.saturating_add(figures.wanted),
    };
}

/// Gauges read from the scheduler when they are asked for.
pub struct SchedulerMetrics {
    dispatcher: Dispatcher,
    clock: Arc<dyn Clock>,
    labels: LabelledRegions,
}

impl SchedulerMetrics {
    /// With the regions that the settings name.
    pub fn new(dispatcher: Dispatcher, clock: Arc<dyn Clock>, named: &[Region]) -> Self {
        Self { dispatcher, clock, labels: LabelledRegions::new(named) }
    }

    fn region_figures(&self) -> Vec<RegionFigures> {
        let regions = self.dispatcher.region_figures();
        let with_agents = self.dispatcher.read(|scheduler, _| {
            let has_agent = |figures: &RegionFigures| scheduler.region_has_agent(&figures.region);
            regions.iter().map(has_agent).collect::<Vec<_>>()
        });
        self.labels.label(regions.into_iter().zip(with_agents).collect())
    }
}

impl fmt::Debug for SchedulerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SchedulerMetrics")
    }
}

impl Collector for SchedulerMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let now = self.clock.now();
        let regions = self.region_figures();
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

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;

    use super::*;

    fn figures(region: &str, queued: u64) -> RegionFigures {
        RegionFigures {
            region: region.parse().unwrap(),
            credit: 0,
            in_flight: 1,
            queued,
            subscriptions_behind: 0,
            oldest_due: Some(Timestamp::from_micros(i64::try_from(queued).unwrap())),
            wanted: 0,
        }
    }

    fn shown(labels: &LabelledRegions, regions: &[(&str, bool)]) -> Vec<(String, u64)> {
        let regions = regions.iter().zip(1..);
        let regions = regions.map(|((name, agent), queued)| (figures(name, queued), *agent));
        let labelled = labels.label(regions.collect()).into_iter();
        labelled.map(|figures| (figures.region.to_string(), figures.queued)).collect()
    }

    #[test]
    fn callers_make_no_labels() {
        let labels = LabelledRegions::new(&["eu".parse().unwrap()]);
        let read = shown(&labels, &[("default", false), ("eu", false), ("a", false), ("b", false)]);
        let both = 3 + 4;
        let wanted = [("default", 1), ("eu", 2), ("_other", both)];
        assert_eq!(read, wanted.map(|(name, queued)| (name.to_owned(), queued)));
        assert!("_other".parse::<Region>().is_err(), "no region is called so");
    }

    #[test]
    fn a_region_keeps_its_label_when_its_agents_are_gone() {
        let labels = LabelledRegions::new(&[]);
        let names = |regions: &[(&str, bool)]| -> Vec<String> {
            shown(&labels, regions).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&[("us", true)]), ["us"]);
        assert_eq!(names(&[("us", false), ("z", false)]), ["us", "_other"]);
        assert!(names(&[]).is_empty(), "nobody uses it any more");
        assert_eq!(names(&[("us", false)]), ["_other"]);
    }

    #[test]
    fn of_others_the_oldest_and_the_sums_are_told() {
        let mut others = None;
        for queued in [7, 5, 9] {
            add_others(&mut others, figures("a", queued));
        }
        let others = others.unwrap();
        assert_eq!((others.in_flight, others.queued), (3, 21));
        assert_eq!(others.oldest_due, Some(Timestamp::from_micros(5)));
    }
}
