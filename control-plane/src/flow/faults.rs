//! What loops do when the database does not do as told.
//!
//! Fed by the loops with errors and with batches that were refused; feeds the log, and
//! the loops with what to try next. Guarantees that a fault is told once and not once
//! for each try, and that what the database refuses holds up nothing but itself.

use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_store::StoreError;

/// A fault that follows another one is told after so long, if it is another then.
const TELL_AGAIN: Duration = Duration::from_secs(10);
/// Parts of a batch that may be refused while it is divided.
const REFUSED_MAX: usize = 64;

/// What a loop last said of the database.
pub struct FaultLog {
    /// What waits: "operations".
    what: &'static str,
    since: Option<Timestamp>,
    failures: u32,
    told: String,
    told_at: Timestamp,
}

impl FaultLog {
    pub const fn new(what: &'static str) -> Self {
        let told_at = Timestamp::from_micros(0);
        Self { what, since: None, failures: 0, told: String::new(), told_at }
    }

    /// Takes note of a round, and says what has changed by it.
    pub fn note(&mut self, error: Option<&StoreError>, now: Timestamp) {
        let what = self.what;
        match (error, self.since) {
            (Some(error), _) => {
                if self.is_news(error, now) {
                    tracing::warn!(%error, what, "the database does not do as told; tried again");
                } else {
                    tracing::debug!(%error, what, "the database still does not do as told");
                }
                self.since.get_or_insert(now);
                self.failures = self.failures.saturating_add(1);
            }
            (None, Some(since)) => {
                let seconds = now.since(since).as_secs();
                tracing::info!(what, seconds, "the database does as told again");
                *self = Self::new(what);
            }
            (None, None) => {}
        }
    }

    fn is_news(&mut self, error: &StoreError, now: Timestamp) -> bool {
        let text = error.to_string();
        let another = text != self.told && now.since(self.told_at) >= TELL_AGAIN;
        let is_news = self.since.is_none() || another;
        if is_news {
            (self.told, self.told_at) = (text, now);
        }
        is_news
    }

    /// How long to wait after so many failures: the longer, the more there were.
    pub fn pause(&self, shortest: Duration, longest: Duration) -> Duration {
        back_off(self.failures, shortest, longest)
    }
}

/// Twice as long after each failure.
pub fn back_off(failures: u32, shortest: Duration, longest: Duration) -> Duration {
    let doubled = failures.saturating_sub(1).min(16);
    shortest.saturating_mul(1 << doubled).min(longest)
}

/// A batch that is divided where the database refuses it, until what it refuses stands
/// alone.
pub struct Division<T> {
    parts: Vec<Vec<T>>,
    refused: usize,
    left: Vec<T>,
    fault: Option<StoreError>,
}

impl<T> Division<T> {
    pub fn of(batch: Vec<T>) -> Self {
        Self { parts: vec![batch], refused: 0, left: Vec::new(), fault: None }
    }

    /// The next part to be tried.
    pub fn next(&mut self) -> Option<Vec<T>> {
        self.parts.pop().filter(|part| !part.is_empty())
    }

    /// A part was not taken. When the database is away, nothing more is tried.
    pub fn refuse(&mut self, mut part: Vec<T>, error: StoreError) {
        let is_away = error.is_transient();
        self.refused += 1;
        self.fault.get_or_insert(error);
        if is_away || part.len() == 1 || self.refused > REFUSED_MAX {
            self.left.extend(part);
        } else {
            let rest = part.split_off(part.len() / 2);
            self.parts.extend([rest, part]);
        }
        if is_away {
            self.left.extend(self.parts.drain(..).flatten());
        }
    }

    /// What was not taken, and why.
    pub fn left(self) -> (Vec<T>, Option<StoreError>) {
        (self.left, self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faulty() -> StoreError {
        StoreError::Faulty("refused".to_owned())
    }

    /// Divides 0 to 99, of which these are refused.
    fn divide(sick: &[u32], error: &StoreError) -> (Vec<u32>, usize) {
        let mut division = Division::of((0..100).collect());
        let mut tries = 0;
        let mut taken = Vec::new();
        while let Some(part) = division.next() {
            tries += 1;
            match part.iter().any(|one| sick.contains(one)) {
                true => division.refuse(part, error.clone()),
                false => taken.extend(part),
            }
        }
        let (left, fault) = division.left();
        assert_eq!(fault.is_some(), !left.is_empty());
        assert_eq!(taken.len() + left.len(), 100);
        (left, tries)
    }

    #[test]
    fn a_fault_is_told_once_and_another_one_after_a_while() {
        let mut log = FaultLog::new("work");
        let at = |seconds| Timestamp::from_micros(0) + Duration::from_secs(seconds);
        let other = StoreError::Faulty("XX001".to_owned());
        let mut is_news = |error: &StoreError, seconds| {
            let is_news = log.is_news(error, at(seconds));
            log.note(Some(error), at(seconds));
            is_news
        };
        assert!(is_news(&faulty(), 100));
        assert!(!is_news(&faulty(), 101) && !is_news(&other, 102) && !is_news(&faulty(), 200));
        assert!(is_news(&other, 201) && !is_news(&faulty(), 202) && is_news(&faulty(), 211));
        log.note(None, at(212));
        assert!(log.is_news(&faulty(), at(213)));
    }

    #[test]
    fn what_is_refused_is_found_and_the_rest_is_taken() {
        assert_eq!(divide(&[], &faulty()), (vec![], 1));
        let (left, tries) = divide(&[17, 80], &faulty());
        assert_eq!(left, [17, 80]);
        assert!(tries < 40, "{tries}");
    }

    #[test]
    fn dividing_ends_when_all_is_refused_or_the_database_is_away() {
        let all: Vec<u32> = (0..100).collect();
        let (left, tries) = divide(&all, &faulty());
        assert_eq!((left.len(), tries <= 2 * REFUSED_MAX), (100, true));
        let away = StoreError::Unavailable("away".to_owned());
        assert_eq!(divide(&[99], &away), (all, 1));
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let (shortest, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        let pauses = [0, 1, 2, 3, 7, u32::MAX].map(|n| back_off(n, shortest, longest).as_secs());
        assert_eq!(pauses, [1, 1, 2, 4, 60, 60]);
    }
}
