//! A bound on lines of one kind, however many tenants, receivers or callers cause them.
//!
//! Given when a line would be written; says whether it is, and how many were left out before
//! it, which the line tells (`left_out`).

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many lines in a row, and then one in each interval.
#[derive(Debug)]
pub struct LineLimit {
    /// How long the lines of a whole row are in debt.
    row_span: Duration,
    interval: Duration,
    state: Mutex<LimitState>,
}

#[derive(Debug)]
struct LimitState {
    /// Until when the lines so far are in debt, each for one interval.
    settled: Option<Instant>,
    left_out: u64,
}

impl LineLimit {
    /// At most `row` lines at once; 0 is as 1.
    pub const fn new(row: u32, interval: Duration) -> Self {
        let row_span = interval.saturating_mul(row.saturating_sub(1));
        Self { row_span, interval, state: Mutex::new(LimitState { settled: None, left_out: 0 }) }
    }

    /// How many were left out before this line; none if this one is left out.
    pub fn next_line(&self, now: Instant) -> Option<u64> {
        let mut state = self.state.lock();
        let settled = state.settled.map_or(now, |settled| settled.max(now));
        if settled.saturating_duration_since(now) > self.row_span {
            state.left_out = state.left_out.saturating_add(1);
            return None;
        }
        state.settled = Some(settled + self.interval);
        Some(std::mem::take(&mut state.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_one_an_interval_and_say_what_was_left_out() {
        let (limit, start) = (LineLimit::new(1, Duration::from_secs(1)), Instant::now());
        let line = |millis| limit.next_line(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 1, 999, 1000, 1500, 9000].map(line),
            [Some(0), None, None, Some(2), None, Some(1)]
        );
    }

    #[test]
    fn some_in_a_row_are_all_written() {
        let (limit, start) = (LineLimit::new(3, Duration::from_secs(1)), Instant::now());
        let line = |millis| limit.next_line(start + Duration::from_millis(millis));
        assert_eq!([0, 0, 0, 0, 500].map(line), [Some(0), Some(0), Some(0), None, None]);
        assert_eq!([1000, 1001, 2000].map(line), [Some(2), None, Some(1)]);
        assert_eq!([9000, 9000, 9000, 9000].map(line), [Some(0), Some(0), Some(0), None]);
    }
}
