//! A region's demand, averaged over some seconds.
//!
//! Fed by the scheduler with what the region wants at a moment, twice a second; feeds the
//! figures that autoscalers read. Guarantees that a burst which is over within a second
//! counts for little, and that a change which lasts is followed within half a minute.

use std::time::Duration;

use crate::time::Timestamp;

/// An autoscaler looks every 15 s, and what it sees counts for minutes. After 15 s an eighth
/// is left of what was; half as long lets single bursts through, and twice as long has
/// agents come a look later (decision 0078).
const DEMAND_HALF_LIFE: Duration = Duration::from_secs(5);

/// An average in which what was counts half as much after each half-life.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DemandAverage {
    attempts: f64,
    taken: Timestamp,
}

impl DemandAverage {
    /// Takes a sample. The first one is the average.
    pub fn record(&mut self, wanted: u64, now: Timestamp) {
        let span = now.since(self.taken).as_secs_f64();
        let kept = 0.5_f64.powf(span / DEMAND_HALF_LIFE.as_secs_f64());
        // So that it does not pass what it comes near, not even by a rounding.
        self.attempts += (wanted as f64 - self.attempts) * (1.0 - kept);
        self.taken = now;
    }

    pub const fn attempts(&self) -> f64 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + millis * 1000)
    }

    #[test]
    fn a_change_that_lasts_is_followed_and_a_burst_is_not() {
        let mut average = DemandAverage::default();
        average.record(10, at(0));
        assert_eq!(average.attempts(), 10.0);
        average.record(100, at(500));
        assert!(average.attempts() < 20.0, "{}", average.attempts());
        for sample in 2..60 {
            average.record(100, at(sample * 500));
        }
        assert!(average.attempts() > 98.0, "{}", average.attempts());
        average.record(0, at(29_500 + 5_000));
        assert!((average.attempts() - 49.5).abs() < 1.0, "{}", average.attempts());
    }
}
