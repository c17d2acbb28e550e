//! State that is read only when somebody asks for metrics.
//!
//! Fed by whatever holds the state; feeds the instruments that tell parts of it. The SDK asks
//! each instrument for itself, and each of its readers asks all of them. Guarantees that they
//! read the state once, and that their numbers belong together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opentelemetry::KeyValue;
use opentelemetry::metrics::AsyncInstrument;
use parking_lot::Mutex;

use super::descriptor::{MetricDescriptor, MetricKind};
use super::registry::MetricRegistry;

/// All instruments are asked within milliseconds; readers come seconds apart.
const MAX_READING_AGE: Duration = Duration::from_millis(100);

struct StateReader<T> {
    read: Box<dyn Fn() -> T + Send + Sync>,
    last: Mutex<Option<(Instant, Arc<T>)>>,
}

/// A state that several instruments tell of. Cheap to clone.
pub struct ObservedState<T>(Arc<StateReader<T>>);

impl<T> Clone for ObservedState<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> ObservedState<T> {
    /// `read` must not wait long: whoever scrapes waits for it.
    pub fn new(read: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(StateReader { read: Box::new(read), last: Mutex::new(None) }))
    }

    fn now(&self) -> Arc<T> {
        let mut last = self.0.last.lock();
        match &*last {
            Some((at, reading)) if at.elapsed() < MAX_READING_AGE => Arc::clone(reading),
            _ => {
                let reading = Arc::new((self.0.read)());
                *last = Some((Instant::now(), Arc::clone(&reading)));
                reading
            }
        }
    }
}

/// Takes a value of each series.
pub type SeriesObserver<'a, N> = dyn Fn(N, &[KeyValue]) + 'a;

impl MetricRegistry {
    /// A metric of whole numbers, which are asked of a state. Series that are not told are gone.
    pub fn observe_counts<T: Send + Sync + 'static>(
        &self,
        descriptor: &'static MetricDescriptor,
        state: &ObservedState<T>,
        tell: impl Fn(&T, &SeriesObserver<'_, u64>) + Send + Sync + 'static,
    ) {
        let (meter, state) = (self.meter_of(descriptor), state.clone());
        let (name, unit, meaning) = (descriptor.name, descriptor.unit, descriptor.meaning);
        match descriptor.kind {
            MetricKind::Counter => {
                let told = move |series: &dyn AsyncInstrument<u64>| {
                    tell(&state.now(), &|count, labels| series.observe(count, labels));
                };
                let counter = meter.u64_observable_counter(name).with_callback(told);
                counter.with_unit(unit).with_description(meaning).build();
            }
            MetricKind::UpDownCounter => {
                let told = move |series: &dyn AsyncInstrument<i64>| {
                    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
                    tell(&state.now(), &|count, labels| series.observe(whole(count), labels));
                };
                let counter = meter.i64_observable_up_down_counter(name).with_callback(told);
                counter.with_unit(unit).with_description(meaning).build();
            }
            MetricKind::Gauge | MetricKind::Histogram => {
                debug_assert_eq!(descriptor.kind, MetricKind::Gauge, "{name}");
                let told = move |series: &dyn AsyncInstrument<u64>| {
                    tell(&state.now(), &|count, labels| series.observe(count, labels));
                };
                let gauge = meter.u64_observable_gauge(name).with_callback(told);
                gauge.with_unit(unit).with_description(meaning).build();
            }
        }
    }

    /// The same of real numbers, as seconds are: a counter or a gauge.
    pub fn observe_reals<T: Send + Sync + 'static>(
        &self,
        descriptor: &'static MetricDescriptor,
        state: &ObservedState<T>,
        tell: impl Fn(&T, &SeriesObserver<'_, f64>) + Send + Sync + 'static,
    ) {
        let (meter, state) = (self.meter_of(descriptor), state.clone());
        let (name, unit, meaning) = (descriptor.name, descriptor.unit, descriptor.meaning);
        let told = move |series: &dyn AsyncInstrument<f64>| {
            tell(&state.now(), &|value, labels| series.observe(value, labels));
        };
        if descriptor.kind == MetricKind::Counter {
            let counter = meter.f64_observable_counter(name).with_callback(told);
            counter.with_unit(unit).with_description(meaning).build();
        } else {
            debug_assert_eq!(descriptor.kind, MetricKind::Gauge, "{name}");
            let gauge = meter.f64_observable_gauge(name).with_callback(told);
            gauge.with_unit(unit).with_description(meaning).build();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static FOUND: MetricDescriptor = MetricDescriptor::counter("x.found", "{thing}", "Found");
    static HERE: MetricDescriptor =
        MetricDescriptor::up_down("x.here", "{thing}", "Here").by(&["place"]);
    static AGE: MetricDescriptor = MetricDescriptor::gauge("x.age", "s", "Age").by(&["place"]);

    #[test]
    fn a_state_is_read_once_for_all_and_what_is_gone_is_not_shown() {
        let reads = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&reads);
        let state = ObservedState::new(move || counted.fetch_add(1, Ordering::Relaxed) + 1);
        let registry = MetricRegistry::new(None).unwrap();
        let place = |reads: &u64| [KeyValue::new("place", if *reads == 1 { "a" } else { "b" })];
        registry.observe_counts(&FOUND, &state, |reads, tell| tell(*reads, &[]));
        registry.observe_counts(&HERE, &state, move |reads, tell| tell(*reads, &place(reads)));
        registry.observe_reals(&AGE, &state, move |reads, tell| tell(0.5, &place(reads)));
        for (count, name) in [(1, "a"), (2, "b")] {
            let expected = format!(
                "# HELP x_age_seconds Age\n\
                 # TYPE x_age_seconds gauge\n\
                 x_age_seconds{{place=\"{name}\"}} 0.5\n\
                 # HELP x_found_total Found\n\
                 # TYPE x_found_total counter\n\
                 x_found_total {count}\n\
                 # HELP x_here Here\n\
                 # TYPE x_here gauge\n\
                 x_here{{place=\"{name}\"}} {count}\n"
            );
            assert_eq!(registry.text().unwrap(), expected);
            std::thread::sleep(MAX_READING_AGE);
        }
    }
}
