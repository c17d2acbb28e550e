//! The failure detector: does an agent's or a replica's silence mean that it is lost?
//!
//! Fed by every heartbeat that the database took; feeds the cluster state. Guarantees
//! that nobody counts as lost whom this replica could not have heard: while the
//! database was unavailable, or this process was suspended.
//!
//! How to drive it: call `record_heartbeat` with the database's time and a monotonic
//! one after each heartbeat. Before judging a silence, check `is_listening`, count the
//! silence from `listening_since` at the earliest, and compare it with `loss_timeout`.
//!
//! Keeps the invariant `lost-means-unheard`.

use std::time::Duration;

use postrider_domain::time::Timestamp;
use tokio::time::Instant;

/// After this long without a heartbeat's answer, what others heard in between is not known.
/// Three heartbeats, and below the 5 s after which somebody counts as lost.
const MAX_HEARTBEAT_GAP: Duration = Duration::from_secs(3);
/// The database's clock was set if it is this far ahead of what was expected: no answer
/// is under way for that long.
const CLOCK_SET_THRESHOLD: Duration = Duration::from_secs(30);
/// After this many long gaps in a row, a slow database counts as normal. One long answer,
/// or two, are an incident.
const TRACKED_GAP_COUNT: usize = 4;

/// The times of the last heartbeats.
#[derive(Clone, Copy)]
pub struct FailureDetector {
    /// When this replica began to listen, by the database's clock: before that, no one
    /// could tell it that an agent was alive.
    since: Timestamp,
    last: Option<(Instant, Timestamp)>,
    /// When the database's clock was last found to have been set.
    set: Option<Instant>,
    /// The gaps between the last heartbeats, the newest first.
    gaps: [Duration; TRACKED_GAP_COUNT],
}

impl FailureDetector {
    pub fn new(at: Timestamp) -> Self {
        Self { since: at, last: None, set: None, gaps: [Duration::ZERO; TRACKED_GAP_COUNT] }
    }

    /// The database answered a heartbeat at its time `now`, received at `at`.
    pub fn record_heartbeat(&mut self, now: Timestamp, at: Instant) {
        let Some((last_at, last_now)) = self.last.replace((at, now)) else {
            self.since = now;
            return;
        };
        // Times from before the database's clock was set cannot be compared with times
        // after it: begin again.
        let passed = at.saturating_duration_since(last_at);
        let expected = last_now + passed;
        if now < last_now || now.since(expected) > CLOCK_SET_THRESHOLD {
            self.set = Some(at);
            self.since = now;
            return;
        }
        // The answer may have waited unread while this process was suspended.
        let gap = now.since(last_now).max(passed);
        let before = self.gaps;
        let [first, second, third, _] = before;
        self.gaps = [gap, first, second, third];
        let longest = before.into_iter().max().unwrap_or_default();
        let usual = before.iter().all(|gap| *gap > MAX_HEARTBEAT_GAP) && gap <= longest * 2;
        if gap > MAX_HEARTBEAT_GAP && !usual {
            self.since = now;
        }
    }

    /// Whether the database's clock was set within `span`.
    pub fn clock_was_set(&self, at: Instant, span: Duration) -> bool {
        self.set.is_some_and(|set| at.saturating_duration_since(set) < span)
    }

    /// Since when this replica has been listening without a gap.
    pub fn listening_since(&self) -> Timestamp {
        self.since
    }

    /// How long ago the last heartbeat was answered, if any was.
    pub fn since_heartbeat(&self, at: Instant) -> Option<Duration> {
        self.last.map(|(last, _)| at.saturating_duration_since(last))
    }

    /// Whether it is listening now: the last answer is not much older than usual.
    pub fn is_listening(&self, at: Instant) -> bool {
        self.since_heartbeat(at)
            .is_some_and(|silence| silence <= MAX_HEARTBEAT_GAP.max(self.longest_gap() * 2))
    }

    /// After how long a silence counts as a loss: longer if the database is slow.
    pub fn loss_timeout(&self, lost_after: Duration) -> Duration {
        lost_after.max(self.longest_gap() * 2)
    }

    fn longest_gap(&self) -> Duration {
        self.gaps.into_iter().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const LOST_AFTER: Duration = Duration::from_secs(10);

    /// A hearing, and what moves both clocks on to the next look.
    fn looks() -> (FailureDetector, impl FnMut(&mut FailureDetector, u64) -> Timestamp) {
        let (mut now, mut at) = (START, Instant::now());
        let look = move |detector: &mut FailureDetector, seconds| {
            now = now + Duration::from_secs(seconds);
            at += Duration::from_secs(seconds);
            detector.record_heartbeat(now, at);
            now
        };
        (FailureDetector::new(START), look)
    }

    #[test]
    fn the_first_look_begins_it_and_a_pause_begins_it_again() {
        let (mut detector, mut look) = looks();
        let first = look(&mut detector, 5);
        assert_eq!(detector.listening_since(), first);
        for _ in 0..10 {
            look(&mut detector, 1);
        }
        assert_eq!(detector.listening_since(), first);
        let woken = look(&mut detector, 12);
        assert_eq!(detector.listening_since(), woken);
    }

    #[test]
    fn an_answer_read_long_after_it_was_given_begins_it_again() {
        let mut detector = FailureDetector::new(START);
        let at = Instant::now();
        detector.record_heartbeat(START, at);
        let stale = START + Duration::from_secs(1);
        detector.record_heartbeat(stale, at + Duration::from_secs(12));
        assert_eq!(detector.listening_since(), stale);
    }

    #[test]
    fn it_hears_nothing_while_no_look_comes() {
        let mut detector = FailureDetector::new(START);
        let at = Instant::now();
        assert!(!detector.is_listening(at), "nothing was heard yet");
        detector.record_heartbeat(START, at);
        assert!(detector.is_listening(at + Duration::from_secs(3)));
        assert!(!detector.is_listening(at + Duration::from_secs(4)));
    }

    #[test]
    fn a_database_that_is_always_slow_makes_it_patient_not_deaf() {
        let (mut detector, mut look) = looks();
        for _ in 0..6 {
            look(&mut detector, 6);
        }
        let since = detector.listening_since();
        for _ in 0..6 {
            look(&mut detector, 6);
        }
        assert_eq!(detector.listening_since(), since, "it would never hear anybody out");
        assert_eq!(detector.loss_timeout(LOST_AFTER), Duration::from_secs(12));
        for _ in 0..4 {
            look(&mut detector, 1);
        }
        assert_eq!(detector.loss_timeout(LOST_AFTER), LOST_AFTER);
    }

    #[test]
    fn a_clock_that_was_set_begins_it_again_and_is_not_waited_for() {
        let mut detector = FailureDetector::new(START);
        let (at, second) = (Instant::now(), Duration::from_secs(1));
        let wrong = Duration::from_secs(600);
        detector.record_heartbeat(START, at);
        assert!(!detector.clock_was_set(at, LOST_AFTER));
        // Ahead for as long as thirteen seconds, and back.
        for beat in 1..14 {
            detector.record_heartbeat(START + wrong + second * beat, at + second * beat);
        }
        assert_eq!(detector.listening_since(), START + wrong + second);
        assert!(!detector.clock_was_set(at + second * 13, LOST_AFTER));
        let back = (START + second * 14, at + second * 14);
        detector.record_heartbeat(back.0, back.1);
        assert_eq!(detector.listening_since(), back.0, "what is awaited comes ten minutes earlier");
        assert!(detector.clock_was_set(back.1, LOST_AFTER) && detector.is_listening(back.1));
        assert_eq!(detector.loss_timeout(LOST_AFTER), LOST_AFTER, "no gap was that long");
    }
}
