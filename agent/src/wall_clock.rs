//! This machine's clock, which somebody may set, and the time to sign by.
//!
//! Fed by sessions with the replicas' time and by whoever asks; feeds `attempt` the
//! time of a signature and sessions what to tell replicas. Guarantees that a step of
//! the clock is noticed at the first look after it, by the monotonic clock, and that
//! nothing is signed by the new time unless the replicas' agrees with it better than
//! the time before the step, carried forward. Replicas are told what the clock says,
//! whatever is signed: an agent whose clock is far off is shown and gets no work.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

/// What the clock may differ from the time carried forward without having been set:
/// more than it is slewed by between two looks, less than any receiver would notice.
const STEP: Duration = Duration::from_secs(1);

/// The clock of one agent.
#[derive(Debug)]
pub struct WallClock {
    state: Mutex<State>,
    /// How often it was found to be set.
    steps: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// The time to sign by, as of the last look.
    trusted: Option<Reading>,
    /// A replica's time, when it last told.
    replicas: Option<Reading>,
    /// Whether the clock was found elsewhere and is not believed.
    doubted: bool,
}

/// A time, and when it was read by the monotonic clock.
#[derive(Debug, Clone, Copy)]
struct Reading {
    wall: SystemTime,
    at: Instant,
}

impl Reading {
    /// What it would say now, had nobody set it.
    fn carried_to(self, at: Instant) -> SystemTime {
        let passed = at.saturating_duration_since(self.at);
        self.wall.checked_add(passed).unwrap_or(self.wall)
    }
}

/// What a look at the clock found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    AsBefore,
    /// It was set, just now; what is signed by may be the time before.
    Set,
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
}

impl State {
    /// The time to sign by, when the clock says `wall`.
    fn look(&mut self, wall: SystemTime, at: Instant) -> (SystemTime, Found) {
        let now = Reading { wall, at };
        let carried = self.trusted.map_or(wall, |trusted| trusted.carried_to(at));
        if apart(wall, carried) <= STEP {
            self.trusted = Some(now);
            self.doubted = false;
            return (wall, Found::AsBefore);
        }
        let found = if self.doubted { Found::AsBefore } else { Found::Set };
        let replicas = self.replicas.map(|replicas| replicas.carried_to(at));
        if replicas.is_some_and(|theirs| apart(wall, theirs) < apart(carried, theirs)) {
            self.trusted = Some(now);
            self.doubted = false;
            return (wall, found);
        }
        self.doubted = true;
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
    pub fn time_to_sign_by(&self) -> SystemTime {
        self.look().0
    }

    /// What the clock says, in microseconds since the Unix epoch.
    pub fn reported_us(&self) -> i64 {
        let (_, wall) = self.look();
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }

    /// A replica said that it is so many microseconds since the Unix epoch.
    pub fn hear_replica(&self, wall_clock_us: i64, at: Instant) {
        // One that does not tell, of an earlier version, sends nothing.
        let Some(micros) = u64::try_from(wall_clock_us).ok().filter(|micros| *micros > 0) else {
            return;
        };
        if let Some(wall) = UNIX_EPOCH.checked_add(Duration::from_micros(micros)) {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.replicas = Some(Reading { wall, at });
        }
    }

    /// Changes whenever the clock was found to be set.
    pub fn steps(&self) -> watch::Receiver<u64> {
        self.steps.subscribe()
    }

    /// The time to sign by, and what the clock says.
    fn look(&self) -> (SystemTime, SystemTime) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, at) = (SystemTime::now(), Instant::now());
        let (signed, found) = state.look(wall, at);
        drop(state);
        if found == Found::Set {
            let by = apart(wall, signed);
            tracing::warn!(
                ?by,
                adopted = by.is_zero(),
                "this machine's clock was set; signatures go by whichever time the replicas' agrees with"
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
    fn begun() -> (State, SystemTime, Instant) {
        let (wall, at) = (UNIX_EPOCH + MINUTE * 1_000_000, Instant::now());
        let mut state = State::default();
        assert_eq!(state.look(wall, at), (wall, Found::AsBefore));
        (state, wall, at)
    }

    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        let (mut state, wall, at) = begun();
        for seconds in 1..100 {
            let passed = Duration::from_secs(seconds);
            let slewed = wall + passed + Duration::from_millis(500 * seconds);
            assert_eq!(state.look(slewed, at + passed), (slewed, Found::AsBefore));
        }
    }

    #[test]
    fn a_step_is_noticed_once_and_not_signed_by_while_nobody_confirms_it() {
        let (mut state, wall, at) = begun();
        for (set, seconds) in [(wall + 60 * MINUTE, 1), (wall - 60 * MINUTE, 2)] {
            let passed = Duration::from_secs(seconds);
            let (signed, _) = state.look(set, at + passed);
            assert_eq!(signed, wall + passed);
        }
        let back = Duration::from_secs(3);
        assert_eq!(state.look(wall + back, at + back), (wall + back, Found::AsBefore));
        let found = |state: &mut State| state.look(wall + 60 * MINUTE, at + back).1;
        assert_eq!([found(&mut state), found(&mut state)], [Found::Set, Found::AsBefore]);
    }

    #[test]
    fn the_replicas_time_says_which_is_right() {
        let (mut state, wall, at) = begun();
        // Theirs is a little off, and as old as the last heartbeat.
        state.replicas = Some(Reading { wall: wall + Duration::from_secs(20), at });
        let passed = Duration::from_secs(1);
        let wrong = wall + 10 * MINUTE;
        assert_eq!(state.look(wrong, at + passed), (wall + passed, Found::Set));

        // This machine's was wrong, and somebody has set it right.
        let (mut state, wall, at) = begun();
        let right = wall - 10 * MINUTE;
        state.replicas = Some(Reading { wall: right + Duration::from_secs(20), at });
        assert_eq!(state.look(right + passed, at + passed), (right + passed, Found::Set));
        assert_eq!(state.look(right + passed, at + passed).1, Found::AsBefore);
    }

    #[test]
    fn a_machine_that_stood_still_is_right_once_a_replica_was_heard() {
        let (mut state, wall, at) = begun();
        state.replicas = Some(Reading { wall, at });
        // Its monotonic clock stood still as well.
        let woken = wall + 10 * MINUTE;
        assert_eq!(state.look(woken, at), (wall, Found::Set));
        state.replicas = Some(Reading { wall: woken, at });
        assert_eq!(state.look(woken, at), (woken, Found::AsBefore));
    }

    #[test]
    fn what_a_replica_does_not_tell_is_not_heard() {
        let clock = WallClock::default();
        for nothing in [0, -1, i64::MIN] {
            clock.hear_replica(nothing, Instant::now());
            assert!(clock.state.lock().is_ok_and(|state| state.replicas.is_none()));
        }
        clock.hear_replica(i64::MAX, Instant::now());
        assert!(apart(clock.time_to_sign_by(), SystemTime::now()) < MINUTE);
        assert!(clock.reported_us() > 0);
    }
}
