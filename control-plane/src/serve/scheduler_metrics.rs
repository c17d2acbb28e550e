//! Metrics of the scheduler and of the agents' streams.
//!
//! Fed by the dispatcher at each reading; feeds the metrics port. Guarantees that nobody who may
//! only write subscriptions makes labels: a region has one of its own if the settings name it,
//! or once an agent has served it here.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_domain::ids::Region;
use postrider_domain::scheduler::RegionFigures;
use postrider_domain::time::Timestamp;
use postrider_telemetry::metrics::{KeyValue, MetricDescriptor, MetricRegistry, ObservedState};

use crate::clock::Clock;
use crate::metrics::{
    MAX_LABELLED_REGIONS, MAX_REGION_LABELS, OTHER_REGIONS, named_regions, region_label,
};
use crate::state::dispatcher::Dispatcher;

static IN_MEMORY: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.deliveries.in_memory",
    "{delivery}",
    "Deliveries in memory",
);
static PAYLOAD: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.payload.in_memory",
    "By",
    "Payload bytes of deliveries in memory",
);
static IN_FLIGHT: MetricDescriptor =
    MetricDescriptor::up_down("postrider.attempts_in_flight", "{attempt}", "Attempts at agents")
        .by(&["region"])
        .up_to(MAX_REGION_LABELS);
static WANTED: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.attempts_wanted",
    "{attempt}",
    "Attempts that would be at agents if they had room for all",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static CREDIT: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.agent_credit.attempts",
    "{attempt}",
    "Attempts agents would take now",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static QUEUED: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.deliveries.queued",
    "{delivery}",
    "Deliveries in memory that are not sent yet",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static BEHIND: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.subscriptions.with_due_deliveries",
    "{subscription}",
    "Subscriptions with due deliveries in the table",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static OLDEST_DUE: MetricDescriptor = MetricDescriptor::gauge(
    "postrider.oldest_due_delivery.age",
    "s",
    "Age of the oldest known due delivery that no breaker, hold or pause keeps back; 0 where none is",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static BREAKERS_OPEN: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.breakers.open",
    "{breaker}",
    "Open circuit breakers of subscriptions that have something to send",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static AGENTS: MetricDescriptor = MetricDescriptor::up_down(
    "postrider.agents.connected",
    "{agent}",
    "Agents with a stream at this replica",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);

/// What is known of a region, or of several together.
struct RegionReading {
    figures: RegionFigures,
    open_breakers: u64,
    /// Since when the oldest delivery that could be sent has been due.
    oldest_sendable: Option<Timestamp>,
    agents: u64,
}

impl RegionReading {
    fn add(&mut self, other: Self) {
        let (sum, more) = (&mut self.figures, other.figures);
        sum.credit = sum.credit.saturating_add(more.credit);
        sum.in_flight = sum.in_flight.saturating_add(more.in_flight);
        sum.queued = sum.queued.saturating_add(more.queued);
        sum.subscriptions_behind =
            sum.subscriptions_behind.saturating_add(more.subscriptions_behind);
        sum.wanted = sum.wanted.saturating_add(more.wanted);
        self.open_breakers = self.open_breakers.saturating_add(other.open_breakers);
        self.oldest_sendable = self.oldest_sendable.into_iter().chain(other.oldest_sendable).min();
        self.agents = self.agents.saturating_add(other.agents);
    }

    fn labels(&self) -> [KeyValue; 1] {
        [region_label(self.figures.region.as_str())]
    }
}

/// Which regions have labels.
struct LabelledRegions {
    named: BTreeSet<Region>,
    /// Those that had an agent when metrics were read, as long as they are in use: figures of
    /// a region that has lost its agents are wanted most.
    served: Mutex<BTreeSet<Region>>,
}

impl LabelledRegions {
    fn new(named: &[Region]) -> Self {
        Self { named: named_regions(named), served: Mutex::default() }
    }

    /// What is known of each region that has a label, and of all others together.
    fn label(&self, regions: Vec<RegionReading>) -> Vec<RegionReading> {
        let mut served = self.served.lock();
        let before = std::mem::take(&mut *served);
        let mut labelled = Vec::new();
        let mut others: Option<RegionReading> = None;
        for mut reading in regions {
            let region = &reading.figures.region;
            let is_served = reading.agents > 0 || before.contains(region);
            if is_served {
                served.insert(region.clone());
            }
            let is_labelled = is_served || self.named.contains(region);
            if is_labelled && labelled.len() < MAX_LABELLED_REGIONS {
                labelled.push(reading);
            } else if let Some(sum) = &mut others {
                sum.add(reading);
            } else {
                reading.figures.region = Region::from_stored(OTHER_REGIONS);
                others = Some(reading);
            }
        }
        drop(served);
        labelled.extend(others);
        labelled
    }
}

/// What is known at one moment.
struct SchedulerReading {
    now: Timestamp,
    deliveries: u64,
    payload_bytes: u64,
    regions: Vec<RegionReading>,
}

impl SchedulerReading {
    fn read(dispatcher: &Dispatcher, clock: &dyn Clock, labels: &LabelledRegions) -> Self {
        let figures = dispatcher.region_figures();
        let (deliveries, bytes) = dispatcher.read(|s, _| (s.deliveries(), s.payload_bytes()));
        let (breakers, sendable) =
            dispatcher.read(|s, now| (s.open_breakers(now), s.oldest_sendable(now)));
        let agents = dispatcher.connected_by_region();
        let regions = figures.into_iter().map(|figures| RegionReading {
            open_breakers: breakers.get(&figures.region).copied().unwrap_or_default(),
            oldest_sendable: sendable.get(&figures.region).copied(),
            agents: agents.get(&figures.region).copied().unwrap_or_default(),
            figures,
        });
        Self {
            now: clock.now(),
            deliveries: deliveries as u64,
            payload_bytes: bytes as u64,
            regions: labels.label(regions.collect()),
        }
    }

    /// In seconds; 0 where nothing is due that could be sent.
    fn oldest_due_age(&self, region: &RegionReading) -> f64 {
        region.oldest_sendable.map_or(0.0, |due| self.now.since(due).as_secs_f64())
    }
}

/// Shows what the scheduler says; the settings name these regions.
pub fn observe_scheduler(
    registry: &MetricRegistry,
    dispatcher: Dispatcher,
    clock: Arc<dyn Clock>,
    named: &[Region],
) {
    let labels = LabelledRegions::new(named);
    let state = ObservedState::new(move || SchedulerReading::read(&dispatcher, &*clock, &labels));
    let of_regions = |descriptor, number: fn(&RegionReading) -> u64| {
        registry.observe_counts(descriptor, &state, move |scheduler, tell| {
            scheduler.regions.iter().for_each(|region| tell(number(region), &region.labels()));
        });
    };
    registry.observe_counts(&IN_MEMORY, &state, |scheduler, tell| tell(scheduler.deliveries, &[]));
    registry.observe_counts(&PAYLOAD, &state, |scheduler, tell| tell(scheduler.payload_bytes, &[]));
    of_regions(&IN_FLIGHT, |region| region.figures.in_flight);
    of_regions(&WANTED, |region| region.figures.wanted);
    of_regions(&CREDIT, |region| region.figures.credit);
    of_regions(&QUEUED, |region| region.figures.queued);
    of_regions(&BEHIND, |region| region.figures.subscriptions_behind);
    registry.observe_reals(&OLDEST_DUE, &state, |scheduler, tell| {
        for region in &scheduler.regions {
            tell(scheduler.oldest_due_age(region), &region.labels());
        }
    });
    of_regions(&BREAKERS_OPEN, |region| region.open_breakers);
    of_regions(&AGENTS, |region| region.agents);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(region: &str, queued: u64, agents: u64) -> RegionReading {
        let figures = RegionFigures {
            region: region.parse().unwrap(),
            credit: 0,
            in_flight: 1,
            queued,
            subscriptions_behind: 0,
            oldest_due: None,
            wanted: 0,
        };
        let oldest_sendable = Some(Timestamp::from_micros(i64::try_from(queued).unwrap()));
        RegionReading { figures, open_breakers: 1, oldest_sendable, agents }
    }

    fn shown(labels: &LabelledRegions, regions: &[(&str, u64)]) -> Vec<(String, u64)> {
        let regions = regions.iter().zip(1..);
        let regions = regions.map(|((name, agents), queued)| reading(name, queued, *agents));
        let labelled = labels.label(regions.collect()).into_iter();
        labelled.map(|region| (region.figures.region.to_string(), region.figures.queued)).collect()
    }

    #[test]
    fn callers_make_no_labels() {
        let labels = LabelledRegions::new(&["eu".parse().unwrap()]);
        let read = shown(&labels, &[("default", 0), ("eu", 0), ("a", 0), ("b", 0)]);
        let both = 3 + 4;
        let wanted = [("default", 1), ("eu", 2), ("_other", both)];
        assert_eq!(read, wanted.map(|(name, queued)| (name.to_owned(), queued)));
    }

    #[test]
    fn a_region_keeps_its_label_when_its_agents_are_gone() {
        let labels = LabelledRegions::new(&[]);
        let names = |regions: &[(&str, u64)]| -> Vec<String> {
            shown(&labels, regions).into_iter().map(|(name, _)| name).collect()
        };
        assert_eq!(names(&[("us", 1)]), ["us"]);
        assert_eq!(names(&[("us", 0), ("z", 0)]), ["us", "_other"]);
        assert!(names(&[]).is_empty(), "nobody uses it any more");
        assert_eq!(names(&[("us", 0)]), ["_other"]);
    }

    #[test]
    fn of_others_the_oldest_and_the_sums_are_told() {
        let labels = LabelledRegions::new(&[]);
        let others = labels.label(vec![reading("a", 7, 0), reading("b", 5, 0), reading("c", 9, 0)]);
        let [others] = &others[..] else { panic!("they are told together") };
        assert_eq!((others.figures.in_flight, others.figures.queued), (3, 21));
        assert_eq!(others.oldest_sendable, Some(Timestamp::from_micros(5)));
        assert_eq!(others.open_breakers, 3);
    }

    #[test]
    fn agents_bring_a_bounded_number_of_labels() {
        let labels = LabelledRegions::new(&[]);
        let regions = (0..MAX_REGION_LABELS + 5).map(|number| reading(&format!("r{number}"), 1, 1));
        let read = labels.label(regions.collect());
        assert_eq!(read.len(), MAX_REGION_LABELS);
        let others = read.last().unwrap();
        assert_eq!((others.figures.region.as_str(), others.agents), (OTHER_REGIONS, 6));
    }
}
