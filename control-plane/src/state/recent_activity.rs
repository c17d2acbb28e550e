//! What went on at this replica in the last minute.
//!
//! Fed by the dispatch loop with the time, and by the counters of deliveries; feeds people, at
//! this replica and at others. Guarantees that a look costs nothing that grows, and that a clock
//! which is set back makes no rate that never was.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::scheduler::OpenCircuit;
use postrider_domain::time::Timestamp;

use super::dispatcher::Dispatcher;
use crate::metrics::{DeliveryMetrics, WorkCounts};

const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// What rates are averages of: long enough to be read, and soon over.
const ACTIVITY_SPAN: Duration = Duration::from_secs(60);
const MAX_ACTIVITY_SAMPLES: usize = 61;

/// In a second, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ActivityRates {
    pub events: f64,
    pub attempts: f64,
    pub failures: f64,
}

/// What goes on at one replica.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReplicaActivity {
    pub rates: ActivityRates,
    pub open_circuit_count: u64,
    /// Those that have not been closed for longest.
    pub open_circuits: Vec<OpenCircuit>,
}

struct ActivitySamples {
    deliveries: DeliveryMetrics,
    /// The oldest first.
    samples: Mutex<VecDeque<(Timestamp, WorkCounts)>>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct RecentActivity(Arc<ActivitySamples>);

impl RecentActivity {
    pub fn new(deliveries: DeliveryMetrics) -> Self {
        Self(Arc::new(ActivitySamples { deliveries, samples: Mutex::default() }))
    }

    /// Takes a sample, if the last one is old enough.
    pub fn sample(&self, now: Timestamp) {
        let mut samples = self.0.samples.lock();
        if samples.back().is_some_and(|(taken, _)| *taken > now) {
            samples.clear();
        }
        if samples.back().is_some_and(|(taken, _)| now.since(*taken) < SAMPLE_INTERVAL) {
            return;
        }
        samples.push_back((now, self.0.deliveries.counts()));
        while samples.len() > MAX_ACTIVITY_SAMPLES {
            samples.pop_front();
        }
    }

    /// Since the oldest sample of the last minute; nothing before there is one of a second ago.
    pub fn rates(&self, now: Timestamp) -> ActivityRates {
        let samples = self.0.samples.lock();
        let oldest = samples.iter().find(|(taken, _)| now.since(*taken) <= ACTIVITY_SPAN);
        let Some((taken, before)) = oldest.filter(|(taken, _)| *taken < now) else {
            return ActivityRates::default();
        };
        let span = now.since(*taken).max(SAMPLE_INTERVAL).as_secs_f64();
        let counts = self.0.deliveries.counts();
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / span;
        ActivityRates {
            events: rate(counts.events, before.events),
            attempts: rate(counts.attempts, before.attempts),
            failures: rate(counts.failures, before.failures),
        }
    }

    /// With the circuits of a replica's scheduler.
    pub fn with_circuits(&self, dispatcher: &Dispatcher) -> ReplicaActivity {
        dispatcher.read(|scheduler, now| {
            let (open_circuit_count, open_circuits) = scheduler.open_circuits(now);
            ReplicaActivity { rates: self.rates(now), open_circuit_count, open_circuits }
        })
    }
}

#[cfg(test)]
mod tests {
    use postrider_telemetry::metrics::MetricRegistry;

    use super::*;
    use crate::metrics::Metrics;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn rates_are_of_the_last_minute() {
        let registry = MetricRegistry::new(None).unwrap();
        let deliveries = Metrics::new(&registry, &[]).deliveries().clone();
        let activity = RecentActivity::new(deliveries.clone());
        assert_eq!(activity.rates(at(0)), ActivityRates::default());
        for second in 0..200 {
            activity.sample(at(second));
            for _ in 0..(second / 100) {
                deliveries.published(1);
            }
        }
        assert!((activity.rates(at(199)).events - 1.0).abs() < 0.1, "since 139");
        assert_eq!(activity.rates(at(500)), ActivityRates::default(), "nothing is told of it");
        assert!(activity.0.samples.lock().len() <= MAX_ACTIVITY_SAMPLES);
        activity.sample(at(10));
        assert_eq!(activity.rates(at(10)).events, 0.0, "the clock was set back");
        deliveries.published(1);
        assert_eq!(activity.rates(at(20)).events, 0.1);
    }
}
