//! Since when this replica has heard what the others know.
//!
//! Fed by every heartbeat that the database took; feeds `cluster` with whether
//! silence means anything. Guarantees that nobody counts as lost who could not have
//! been heard: while the database was away, or this very process stood still.

use std::time::Duration;

use postrider_domain::time::Timestamp;
use tokio::time::Instant;

/// After so long without a look at everybody, what others heard meanwhile is not known.
const DEAF: Duration = Duration::from_secs(3);
/// No answer is underway for so long: a database whose clock is further ahead of what it
/// was expected to be was set.
const SET_AHEAD: Duration = Duration::from_secs(30);
/// So many gaps in a row make slowness last: then it is how this database is.
const LASTING: usize = 4;

/// The looks at everybody, as far as they matter.
#[derive(Clone, Copy)]
pub struct Hearing {
    /// By the database's clock: until then nobody could tell this replica that an
    /// agent lives.
    since: Timestamp,
    last: Option<(Instant, Timestamp)>,
    /// When the database's clock was last found to have been set.
    set: Option<Instant>,
    /// The times between the last looks, the newest first.
    gaps: [Duration; LASTING],
}

impl Hearing {
    pub fn new(at: Timestamp) -> Self {
        Self { since: at, last: None, set: None, gaps: [Duration::ZERO; LASTING] }
    }

    /// The database told everybody's state as of `now`, and it came at `at`.
    pub fn hear(&mut self, now: Timestamp, at: Instant) {
        let Some((last_at, last_now)) = self.last.replace((at, now)) else {
            self.since = now;
            return;
        };
        // Nothing that was heard by a clock that was set since can be compared with what
        // is heard now: all begins anew.
        let passed = at.saturating_duration_since(last_at);
        let expected = last_now + passed;
        if now < last_now || now.since(expected) > SET_AHEAD {
            self.set = Some(at);
            self.since = now;
            return;
        }
        // An answer may have lain here, unread, while the process stood still.
        let gap = now.since(last_now).max(passed);
        let before = self.gaps;
        let [first, second, third, _] = before;
        self.gaps = [gap, first, second, third];
        let longest = before.into_iter().max().unwrap_or_default();
        let usual = before.iter().all(|one| *one > DEAF) && gap <= longest * 2;
        if gap > DEAF && !usual {
            self.since = now;
        }
    }

    /// Whether the database's clock was set within `span`.
    pub fn clock_was_set(&self, at: Instant, span: Duration) -> bool {
        self.set.is_some_and(|set| at.saturating_duration_since(set) < span)
    }

    /// When this replica began to hear, or began again.
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// How long ago the last look was, if there was one.
    pub fn silence(&self, at: Instant) -> Option<Duration> {
        self.last.map(|(last, _)| at.saturating_duration_since(last))
    }

    /// Whether it hears now: what is known is hardly older than it always is.
    pub fn hears(&self, at: Instant) -> bool {
        self.silence(at).is_some_and(|silence| silence <= DEAF.max(self.longest() * 2))
    }

    /// How long somebody may be silent before that means something: longer where the
    /// news themselves take long.
    pub fn patience(&self, lost_after: Duration) -> Duration {
        lost_after.max(self.longest() * 2)
    }

    fn longest(&self) -> Duration {
        self.gaps.into_iter().max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);
    const LOST_AFTER: Duration = Duration::from_secs(10);

    /// A hearing, and what moves both clocks on to the next look.
    fn looks() -> (Hearing, impl FnMut(&mut Hearing, u64) -> Timestamp) {
        let (mut now, mut at) = (START, Instant::now());
        let look = move |hearing: &mut Hearing, seconds| {
            now = now + Duration::from_secs(seconds);
            at += Duration::from_secs(seconds);
            hearing.hear(now, at);
            now
        };
        (Hearing::new(START), look)
    }

    #[test]
    fn the_first_look_begins_it_and_a_pause_begins_it_again() {
        let (mut hearing, mut look) = looks();
        let first = look(&mut hearing, 5);
        assert_eq!(hearing.since(), first);
        for _ in 0..10 {
            look(&mut hearing, 1);
        }
        assert_eq!(hearing.since(), first);
        let woken = look(&mut hearing, 12);
        assert_eq!(hearing.since(), woken);
    }

    #[test]
    fn an_answer_read_long_after_it_was_given_begins_it_again() {
        let mut hearing = Hearing::new(START);
        let at = Instant::now();
        hearing.hear(START, at);
        let stale = START + Duration::from_secs(1);
        hearing.hear(stale, at + Duration::from_secs(12));
        assert_eq!(hearing.since(), stale);
    }

    #[test]
    fn it_hears_nothing_while_no_look_comes() {
        let mut hearing = Hearing::new(START);
        let at = Instant::now();
        assert!(!hearing.hears(at), "nothing was heard yet");
        hearing.hear(START, at);
        assert!(hearing.hears(at + Duration::from_secs(3)));
        assert!(!hearing.hears(at + Duration::from_secs(4)));
    }

    #[test]
    fn a_database_that_is_always_slow_makes_it_patient_not_deaf() {
        let (mut hearing, mut look) = looks();
        for _ in 0..6 {
            look(&mut hearing, 6);
        }
        let since = hearing.since();
        for _ in 0..6 {
            look(&mut hearing, 6);
        }
        assert_eq!(hearing.since(), since, "it would never hear anybody out");
        assert_eq!(hearing.patience(LOST_AFTER), Duration::from_secs(12));
        for _ in 0..4 {
            look(&mut hearing, 1);
        }
        assert_eq!(hearing.patience(LOST_AFTER), LOST_AFTER);
    }

    #[test]
    fn a_clock_that_was_set_begins_it_again_and_is_not_waited_for() {
        let mut hearing = Hearing::new(START);
        let (at, second) = (Instant::now(), Duration::from_secs(1));
        let wrong = Duration::from_secs(600);
        hearing.hear(START, at);
        assert!(!hearing.clock_was_set(at, LOST_AFTER));
        // Ahead for as long as thirteen seconds, and back.
        for beat in 1..14 {
            hearing.hear(START + wrong + second * beat, at + second * beat);
        }
        assert_eq!(hearing.since(), START + wrong + second);
        assert!(!hearing.clock_was_set(at + second * 13, LOST_AFTER));
        let back = (START + second * 14, at + second * 14);
        hearing.hear(back.0, back.1);
        assert_eq!(hearing.since(), back.0, "what is awaited comes ten minutes earlier");
        assert!(hearing.clock_was_set(back.1, LOST_AFTER) && hearing.hears(back.1));
        assert_eq!(hearing.patience(LOST_AFTER), LOST_AFTER, "no gap was that long");
    }
}
