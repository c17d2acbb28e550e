//! What becomes of deliveries: attempts, waits, ends.
//!
//! Fed by the publish and conclude writers and by agents' sessions; feeds the registry.
//! Labels are regions, of which there is a bounded number (`regions`), and closed lists.
//! Everything of a region is bound to its labels when the region is first seen, so that what
//! happens often is counted without a look-up by labels.
//!
//! Keeps the invariant `bounded-everything`.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::RwLock;

use postrider_domain::delivery::{
    AttemptRecord, DeliveryState, DeliveryTransition, Outcome, Trigger,
};
use postrider_domain::ids::Region;
use postrider_telemetry::metrics::{
    BoundCounter, BoundHistogram, Counter, Histogram, KeyValue, MetricDescriptor, MetricRegistry,
};

use super::buckets::{ATTEMPT_SECONDS, DELIVERY_SECONDS, WAIT_SECONDS};
use super::regions::{
    MAX_LABELLED_REGIONS, MAX_REGION_LABELS, OTHER_REGIONS, named_regions, region_label,
};
use super::work_totals::{WorkCounts, WorkTotals};

static EVENTS: MetricDescriptor =
    MetricDescriptor::counter("postrider.events.published", "{event}", "Events committed");
static DUPLICATES: MetricDescriptor = MetricDescriptor::counter(
    "postrider.events.repeated",
    "{event}",
    "Publishes that were answered as an earlier one with their idempotency key",
);
static CREATED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.deliveries.created",
    "{delivery}",
    "Deliveries committed with their events",
);
static ENDED: MetricDescriptor = MetricDescriptor::counter(
    "postrider.deliveries.ended",
    "{delivery}",
    "Deliveries that an attempt or their deadline ended, by their state then",
)
.by(&["region", "state"])
.up_to(MAX_REGION_LABELS * FINAL_STATES.len());
static RETRIES: MetricDescriptor = MetricDescriptor::counter(
    "postrider.deliveries.retried",
    "{delivery}",
    "Attempts after which another is due",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static ATTEMPTS: MetricDescriptor = MetricDescriptor::counter(
    "postrider.attempts",
    "{attempt}",
    "Attempts recorded, by their outcome",
)
.by(&["region", "outcome"])
.up_to(MAX_REGION_LABELS * OUTCOME_COUNT);
static DURATION: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.attempt.duration",
    "s",
    ATTEMPT_SECONDS,
    "Duration of a whole attempt, as history has it",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static STEPS: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.attempt.step.duration",
    "s",
    ATTEMPT_SECONDS,
    "Duration of an attempt's parts, where it had them: dns, connect, tls, first_byte",
)
.by(&["region", "step"])
.up_to(MAX_REGION_LABELS * ATTEMPT_STEPS.len());
static DISPATCH_WAIT: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.dispatch.wait",
    "s",
    WAIT_SECONDS,
    "From when an attempt is due until it is sent to an agent",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static FIRST_ATTEMPT: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.delivery.first_attempt.delay",
    "s",
    DELIVERY_SECONDS,
    "From the publish until the first attempt begins, all waiting included; of resends and replays not",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);
static SUCCESS: MetricDescriptor = MetricDescriptor::histogram(
    "postrider.delivery.success.delay",
    "s",
    DELIVERY_SECONDS,
    "From when a delivery is made until an attempt succeeds, all waiting and retries included",
)
.by(&["region"])
.up_to(MAX_REGION_LABELS);

/// The parts of an attempt, as history has them.
const ATTEMPT_STEPS: [&str; 4] = ["dns", "connect", "tls", "first_byte"];
const OUTCOME_COUNT: usize = Outcome::ALL.len();
/// In which a delivery ends.
const FINAL_STATES: [DeliveryState; 4] = [
    DeliveryState::Succeeded,
    DeliveryState::Exhausted,
    DeliveryState::Cancelled,
    DeliveryState::Suppressed,
];

struct DeliveryInstruments {
    events: BoundCounter<u64>,
    duplicates: BoundCounter<u64>,
    created: BoundCounter<u64>,
    ended: Counter<u64>,
    retries: Counter<u64>,
    attempts: Counter<u64>,
    durations: Histogram<f64>,
    steps: Histogram<f64>,
    dispatch_wait: Histogram<f64>,
    first_attempt: Histogram<f64>,
    success: Histogram<f64>,
    totals: WorkTotals,
    named: BTreeSet<Region>,
    /// Those with labels that were seen.
    regions: RwLock<HashMap<Region, RegionMetrics>>,
    other_regions: OnceLock<RegionMetrics>,
}

/// Counters of deliveries. Cheap to clone.
#[derive(Clone)]
pub struct DeliveryMetrics(Arc<DeliveryInstruments>);

impl DeliveryMetrics {
    pub(super) fn new(registry: &MetricRegistry, named: &[Region]) -> Self {
        Self(Arc::new(DeliveryInstruments {
            events: registry.plain_counter(&EVENTS),
            duplicates: registry.plain_counter(&DUPLICATES),
            created: registry.plain_counter(&CREATED),
            ended: registry.counter(&ENDED),
            retries: registry.counter(&RETRIES),
            attempts: registry.counter(&ATTEMPTS),
            durations: registry.histogram(&DURATION),
            steps: registry.histogram(&STEPS),
            dispatch_wait: registry.histogram(&DISPATCH_WAIT),
            first_attempt: registry.histogram(&FIRST_ATTEMPT),
            success: registry.histogram(&SUCCESS),
            totals: WorkTotals::default(),
            named: named_regions(named),
            regions: RwLock::default(),
            other_regions: OnceLock::new(),
        }))
    }

    /// An event and its deliveries were committed.
    pub fn published(&self, deliveries: usize) {
        self.0.events.add(1);
        self.0.totals.published();
        self.0.created.add(u64::try_from(deliveries).unwrap_or(u64::MAX));
    }

    /// A publish had been committed before.
    pub fn repeated(&self) {
        self.0.duplicates.add(1);
    }

    /// An attempt was recorded; what follows for its delivery, if it was the current one.
    pub fn concluded(&self, record: &AttemptRecord, transition: Option<DeliveryTransition>) {
        // Other outcomes are told by an agent.
        let metrics = if record.outcome == Outcome::Unknown {
            self.of_named(&record.region)
        } else {
            self.of_served(&record.region)
        };
        metrics.concluded(record, transition);
        self.0.totals.concluded(record.outcome);
    }

    /// What was counted since the start.
    pub fn counts(&self) -> WorkCounts {
        self.0.totals.counts()
    }

    /// Deliveries of a region ended because their time was over.
    pub fn expired(&self, region: &Region, deliveries: u64) {
        self.of_named(region).count_ends(DeliveryState::Exhausted, deliveries);
    }

    /// Those of a region that an agent serves; it has labels from now on.
    pub fn of_served(&self, region: &Region) -> RegionMetrics {
        self.known(region).unwrap_or_else(|| self.label(region))
    }

    /// Those of a region that a subscription names. This alone makes no labels.
    fn of_named(&self, region: &Region) -> RegionMetrics {
        match self.known(region) {
            Some(known) => known,
            None if self.0.named.contains(region) => self.label(region),
            None => self.others(),
        }
    }

    fn known(&self, region: &Region) -> Option<RegionMetrics> {
        self.0.regions.read().get(region).cloned()
    }

    fn label(&self, region: &Region) -> RegionMetrics {
        let mut regions = self.0.regions.write();
        if regions.len() >= MAX_LABELLED_REGIONS && !regions.contains_key(region) {
            drop(regions);
            return self.others();
        }
        let fresh = || RegionMetrics::bind(&self.0, &region_label(region.as_str()));
        regions.entry(region.clone()).or_insert_with(fresh).clone()
    }

    fn others(&self) -> RegionMetrics {
        let fresh = || RegionMetrics::bind(&self.0, &region_label(OTHER_REGIONS));
        self.0.other_regions.get_or_init(fresh).clone()
    }
}

struct RegionInstruments {
    /// In the order of `FINAL_STATES`.
    ended: [BoundCounter<u64>; FINAL_STATES.len()],
    retries: BoundCounter<u64>,
    /// In the order of `Outcome::ALL`.
    attempts: [BoundCounter<u64>; OUTCOME_COUNT],
    duration: BoundHistogram<f64>,
    /// In the order of `ATTEMPT_STEPS`.
    steps: [BoundHistogram<f64>; ATTEMPT_STEPS.len()],
    dispatch_wait: BoundHistogram<f64>,
    first_attempt: BoundHistogram<f64>,
    success: BoundHistogram<f64>,
}

/// Counters of the deliveries of a region. Cheap to clone.
#[derive(Clone)]
pub struct RegionMetrics(Arc<RegionInstruments>);

impl RegionMetrics {
    fn bind(all: &DeliveryInstruments, region: &KeyValue) -> Self {
        let own = [region.clone()];
        let with =
            |label: &'static str, word: &'static str| [region.clone(), KeyValue::new(label, word)];
        let ended = |state| all.ended.bind(&with("state", state_name(state)));
        let attempt =
            |at: usize| all.attempts.bind(&with("outcome", outcome_name(Outcome::ALL[at])));
        Self(Arc::new(RegionInstruments {
            ended: FINAL_STATES.map(ended),
            retries: all.retries.bind(&own),
            attempts: std::array::from_fn(attempt),
            duration: all.durations.bind(&own),
            steps: ATTEMPT_STEPS.map(|step| all.steps.bind(&with("step", step))),
            dispatch_wait: all.dispatch_wait.bind(&own),
            first_attempt: all.first_attempt.bind(&own),
            success: all.success.bind(&own),
        }))
    }

    /// An attempt is sent to an agent, so long after it was due.
    pub fn dispatched(&self, waited: Duration) {
        self.0.dispatch_wait.record(waited.as_secs_f64());
    }

    fn concluded(&self, record: &AttemptRecord, transition: Option<DeliveryTransition>) {
        let made = record.key.delivery.time();
        // There is one for each outcome.
        self.0.attempts[record.outcome as usize].add(1);
        if record.outcome != Outcome::Unknown {
            self.count_durations(record);
            if record.key.number == 1 && record.trigger == Trigger::Publish {
                self.0.first_attempt.record(record.start_time.since(made).as_secs_f64());
            }
        }
        match transition {
            None => {}
            Some(DeliveryTransition::Retry { .. }) => self.0.retries.add(1),
            Some(DeliveryTransition::End { state, .. }) => {
                self.count_ends(state, 1);
                if state == DeliveryState::Succeeded {
                    let ended = record.start_time + record.timings.total;
                    self.0.success.record(ended.since(made).as_secs_f64());
                }
            }
        }
    }

    fn count_ends(&self, state: DeliveryState, deliveries: u64) {
        let own = FINAL_STATES.iter().zip(&self.0.ended).find(|(of, _)| **of == state);
        if let Some((_, ended)) = own {
            ended.add(deliveries);
        }
    }

    fn count_durations(&self, record: &AttemptRecord) {
        let timings = &record.timings;
        self.0.duration.record(timings.total.as_secs_f64());
        let steps: [Option<Duration>; ATTEMPT_STEPS.len()] =
            [timings.dns, timings.connect, timings.tls, timings.first_byte];
        for (step, took) in self.0.steps.iter().zip(steps) {
            if let Some(took) = took {
                step.record(took.as_secs_f64());
            }
        }
    }
}

/// The name of an outcome in labels and spans.
pub const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::HttpStatus => "http_status",
        Outcome::Timeout => "timeout",
        Outcome::DnsFailed => "dns_failed",
        Outcome::ConnectFailed => "connect_failed",
        Outcome::TlsFailed => "tls_failed",
        Outcome::ConnectionClosed => "connection_closed",
        Outcome::ResponseTooLarge => "response_too_large",
        Outcome::BlockedAddress => "blocked_address",
        Outcome::InvalidRequest => "invalid_request",
        Outcome::Unknown => "unknown",
        Outcome::TokenFailed => "token_failed",
    }
}

/// The name of a state in labels and spans.
pub const fn state_name(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Held => "held",
        DeliveryState::Waiting => "waiting",
        DeliveryState::InFlight => "in_flight",
        DeliveryState::Succeeded => "succeeded",
        DeliveryState::Exhausted => "exhausted",
        DeliveryState::Cancelled => "cancelled",
        DeliveryState::Suppressed => "suppressed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::shown;

    fn ends(registry: &MetricRegistry, region: &str, state: &str) -> f64 {
        let labels = format!("region=\"{region}\",state=\"{state}\"");
        shown(registry, &format!("postrider_deliveries_ended_total{{{labels}}}"))
    }

    #[test]
    fn regions_beyond_the_most_count_together() {
        let registry = MetricRegistry::new(None).unwrap();
        let deliveries = DeliveryMetrics::new(&registry, &[]);
        for number in 0..MAX_LABELLED_REGIONS + 2 {
            let region = Region::from_stored(format!("r{number}"));
            for _ in 0..2 {
                deliveries.of_served(&region).dispatched(Duration::ZERO);
                deliveries.expired(&region, 1);
            }
        }
        assert_eq!(ends(&registry, "r0", "exhausted"), 2.0);
        assert_eq!(ends(&registry, "r0", "succeeded"), 0.0);
        assert_eq!(ends(&registry, OTHER_REGIONS, "exhausted"), 4.0);
        let waits = format!("postrider_dispatch_wait_seconds_count{{region=\"{OTHER_REGIONS}\"}}");
        assert_eq!(shown(&registry, &waits), 4.0);
        let text = registry.text().unwrap();
        assert!(!text.contains(&format!("r{MAX_LABELLED_REGIONS}")), "{text}");
        assert!(!text.contains("otel_metric_overflow"), "{text}");
    }

    #[test]
    fn callers_make_no_labels() {
        let registry = MetricRegistry::new(None).unwrap();
        let deliveries = DeliveryMetrics::new(&registry, &["eu".parse().unwrap()]);
        for region in ["eu", "a", "b"] {
            deliveries.expired(&region.parse().unwrap(), 1);
        }
        assert_eq!(ends(&registry, "eu", "exhausted"), 1.0, "the settings name it");
        assert_eq!(ends(&registry, OTHER_REGIONS, "exhausted"), 2.0);
        deliveries.of_served(&"a".parse().unwrap()).dispatched(Duration::ZERO);
        deliveries.expired(&"a".parse().unwrap(), 1);
        assert_eq!(ends(&registry, "a", "exhausted"), 1.0, "an agent has served it");
    }

    #[test]
    fn each_outcome_has_a_place() {
        for (at, outcome) in Outcome::ALL.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
    }
}
