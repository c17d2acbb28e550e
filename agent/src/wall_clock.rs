//! The machine's clock, and the time used in signatures.
//!
//! A step of the clock is detected at the next check, against the monotonic clock.
//! After a step, signatures use the new time only if the replicas' time is closer to it
//! than to the old time carried forward. Heartbeats report the machine's clock itself,
//! so that an agent whose clock is wrong is visible and gets no work.
//!
//! How to drive it: `record_replica_time` for each heartbeat, `signing_time` for each
//! signature, `reading_us` for each report; a report at once when `subscribe_to_steps` tells
//! of a step.
//!
//! Keeps the invariant `signing-clock-confirmed`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use tokio::sync::watch;

/// A larger difference between the clock and the time carried forward is a step. More than
/// NTP slews between two checks, less than receivers tolerate.
const CLOCK_STEP_THRESHOLD: Duration = Duration::from_secs(1);

/// The clock of one agent.
#[derive(Debug)]
pub struct WallClock {
    state: Mutex<ClockState>,
    /// How often it was found to be set.
    steps: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct ClockState {
    /// The time to sign by, as of the last look.
    trusted: Option<ClockReading>,
    /// A replica's time, when it last told.
    replicas: Option<ClockReading>,
    /// Whether the clock was found elsewhere and is not believed.
    is_doubted: bool,
}

/// A time, and when it was read by the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct ClockReading {
    wall: SystemTime,
    at: Instant,
}

impl ClockReading {
    /// What it would say now, had nobody set it.
    fn carried_to(self, at: Instant) -> SystemTime {
        let passed = at.saturating_duration_since(self.at);
        self.wall.checked_add(passed).unwrap_or(self.wall)
    }
}

/// What a look at the clock found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClockCheck {
    Unchanged,
    /// It was set, just now; what is signed by may be the time before.
    Stepped,
}

fn difference(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
}

impl ClockState {
    /// The time to sign by, when the clock says `wall`.
    fn check(&mut self, wall: SystemTime, at: Instant) -> (SystemTime, ClockCheck) {
        let now = ClockReading { wall, at };
        let carried = self.trusted.map_or(wall, |trusted| trusted.carried_to(at));
        if difference(wall, carried) <= CLOCK_STEP_THRESHOLD {
            self.trusted = Some(now);
            self.is_doubted = false;
            return (wall, ClockCheck::Unchanged);
        }
        let found = if self.is_doubted { ClockCheck::Unchanged } else { ClockCheck::Stepped };
        let replicas = self.replicas.map(|replicas| replicas.carried_to(at));
        if replicas.is_some_and(|theirs| difference(wall, theirs) < difference(carried, theirs)) {
            self.trusted = Some(now);
            self.is_doubted = false;
            return (wall, found);
        }
        self.is_doubted = true;
        (carried, found)
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self { state: Mutex::default(), steps: watch::Sender::new(0) }
    }
}

impl WallClock {
    /// The time to sign by.
    pub fn signing_time(&self) -> SystemTime {
        self.check().0
    }

    /// What the clock says, in microseconds since the Unix epoch.
    pub fn reading_us(&self) -> i64 {
        let (_, wall) = self.check();
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// A replica said that it is so many microseconds since the Unix epoch.
    pub fn record_replica_time(&self, wall_clock_us: i64, at: Instant) {
        // An older replica does not send its time.
        let Some(micros) = u64::try_from(wall_clock_us).ok().filter(|micros| *micros > 0) else {
            return;
        };
        if let Some(wall) = UNIX_EPOCH.checked_add(Duration::from_micros(micros)) {
            let mut state = self.state.lock();
            state.replicas = Some(ClockReading { wall, at });
        }
    }

    /// Changes whenever the clock was found to be set.
    pub fn subscribe_to_steps(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }

    /// The time to sign by, and what the clock says.
    fn check(&self) -> (SystemTime, SystemTime) {
        let mut state = self.state.lock();
        let (wall, at) = (SystemTime::now(), Instant::now());
        let (signed, found) = state.check(wall, at);
        drop(state);
        if found == ClockCheck::Stepped {
            let by = difference(wall, signed);
            tracing::warn!(
                ?by,
                adopted = by.is_zero(),
                "this machine's clock was stepped; signatures use the time that is closer to the replicas'"
            );
            self.steps.send_modify(|steps| *steps += 1);
        }
        (signed, wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// A state that has looked once, and the two clocks then.
    fn begun() -> (ClockState, SystemTime, Instant) {
        let (wall, at) = (UNIX_EPOCH + MINUTE * 1_000_000, Instant::now());
        let mut state = ClockState::default();
        assert_eq!(state.check(wall, at), (wall, ClockCheck::Unchanged));
        (state, wall, at)
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let (mut state, wall, at) = begun();
        for seconds in 1..100 {
            let passed = Duration::from_secs(seconds);
            let slewed = wall + passed + Duration::from_millis(500 * seconds);
            assert_eq!(state.check(slewed, at + passed), (slewed, ClockCheck::Unchanged));
        }
    }

    #[test]
    fn a_step_is_noticed_once_and_not_signed_by_while_nobody_confirms_it() {
        let (mut state, wall, at) = begun();
        for (set, seconds) in [(wall + 60 * MINUTE, 1), (wall - 60 * MINUTE, 2)] {
            let passed = Duration::from_secs(seconds);
            let (signed, _) = state.check(set, at + passed);
            assert_eq!(signed, wall + passed);
        }
        let back = Duration::from_secs(3);
        assert_eq!(state.check(wall + back, at + back), (wall + back, ClockCheck::Unchanged));
        let found = |state: &mut ClockState| state.check(wall + 60 * MINUTE, at + back).1;
        assert_eq!(
            [found(&mut state), found(&mut state)],
            [ClockCheck::Stepped, ClockCheck::Unchanged]
        );
    }

    #[test]
    fn the_replicas_time_says_which_is_right() {
        let (mut state, wall, at) = begun();
        // Theirs is a little off, and as old as the last heartbeat.
        state.replicas = Some(ClockReading { wall: wall + Duration::from_secs(20), at });
        let passed = Duration::from_secs(1);
        let wrong = wall + 10 * MINUTE;
        assert_eq!(state.check(wrong, at + passed), (wall + passed, ClockCheck::Stepped));

        // This machine's was wrong, and somebody has set it right.
        let (mut state, wall, at) = begun();
        let right = wall - 10 * MINUTE;
        state.replicas = Some(ClockReading { wall: right + Duration::from_secs(20), at });
        assert_eq!(state.check(right + passed, at + passed), (right + passed, ClockCheck::Stepped));
        assert_eq!(state.check(right + passed, at + passed).1, ClockCheck::Unchanged);
    }

    #[test]
    fn a_machine_that_stood_still_is_right_once_a_replica_was_heard() {
        let (mut state, wall, at) = begun();
        state.replicas = Some(ClockReading { wall, at });
        // Its monotonic clock stood still as well.
        let woken = wall + 10 * MINUTE;
        assert_eq!(state.check(woken, at), (wall, ClockCheck::Stepped));
        state.replicas = Some(ClockReading { wall: woken, at });
        assert_eq!(state.check(woken, at), (woken, ClockCheck::Unchanged));
    }

    #[test]
    fn what_a_replica_does_not_tell_is_not_heard() {
        let clock = WallClock::default();
        for nothing in [0, -1, i64::MIN] {
            clock.record_replica_time(nothing, Instant::now());
            assert!(clock.state.lock().replicas.is_none());
        }
        clock.record_replica_time(i64::MAX, Instant::now());
        assert!(difference(clock.signing_time(), SystemTime::now()) < MINUTE);
        assert!(clock.reading_us() > 0);
    }
}
