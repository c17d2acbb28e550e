//! Flood control: which key dominates the others, and how many of its items a batch may
//! hold.
//!
//! Fed by the queue with the size and duration of each batch; feeds it with a limit and
//! a cool-down. Guarantees that a key which is alone, or brings no more than all others
//! together, is not limited.
//!
//! How to drive it: `add` what is taken to the counts of its key and of all; for each key
//! that `dominates`, take at most `items`; after its batch `adjust`, and leave it alone for
//! `cool_down_for` as long as the batch took; `record_small_commit` for each batch of few
//! items.

use std::time::Duration;

use tokio::time::Instant;

/// After this long an item counts half. Long beside a batch, so that counts are not one
/// batch's; short beside a person's patience when a flood ends.
const COUNT_HALF_LIFE: Duration = Duration::from_secs(1);
/// Below this count of recent items the other keys count as absent. One item is forgotten
/// after `COUNT_HALF_LIFE`.
const MIN_OTHER_ITEMS: f64 = 0.5;
/// The least that a dominating key's batch may hold, in items. Two turns: less, and a
/// commit's fixed cost is most of it (decision 0013).
const MIN_ADMITTED_ITEMS: usize = 32;
/// How much its limit grows after each full batch, in items. A quarter of the least, so
/// that a limit grown too far has cost little.
const ADMITTED_ITEMS_STEP: usize = 8;
/// Weight of the newest small commit in the moving average. The last eight or so count: one
/// slow commit is not a trend.
const LATENCY_SAMPLE_WEIGHT: f64 = 0.125;
/// The average may be this many times the baseline before the limit shrinks. Commits vary
/// by less while a database is well (decision 0013).
const MAX_LATENCY_RATIO: f64 = 1.5;
/// By what part the baseline grows in a second. It doubles in about two minutes, so that
/// neither a database that has become slower nor a key that always dominates is kept at
/// the smallest limit for ever.
const BASELINE_GROWTH_PER_SECOND: f64 = 0.005;
/// The least baseline, in seconds: a commit that fails at once says nothing about how long
/// commits take. A round trip and a write to a disk take longer.
const MIN_BASELINE_SECONDS: f64 = 0.0002;
/// How long the average counts as known after the last small commit. As long as recent
/// items count.
const LATENCY_VALID_FOR: Duration = Duration::from_secs(1);
/// The longest cool-down, however slow the database is. Several commits of a healthy
/// database; longer would leave a slow one idle (decision 0013).
const MAX_COOL_DOWN: Duration = Duration::from_millis(50);

/// A count of recent items that halves every second.
#[derive(Clone, Copy, Debug)]
pub struct DecayingCount {
    items: f64,
    at: Instant,
}

impl DecayingCount {
    pub fn new() -> Self {
        Self { items: 0.0, at: Instant::now() }
    }

    pub fn add(&mut self, items: usize, now: Instant) {
        self.items = self.count(now) + items as f64;
        self.at = now;
    }

    pub fn count(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        self.items * (-passed.as_secs_f64() / COUNT_HALF_LIFE.as_secs_f64()).exp2()
    }

    /// Whether there are other keys, and this one has more than all of them together:
    /// recent items and queued ones.
    pub fn dominates(&self, own_queued: usize, all: &Self, queued: usize, now: Instant) -> bool {
        let own = self.count(now);
        let others = all.count(now) - own;
        let others_queued = queued.saturating_sub(own_queued);
        others >= MIN_OTHER_ITEMS && own + own_queued as f64 > others + others_queued as f64
    }
}

/// How many items a dominating key's batch may hold. It shrinks by a quarter while small
/// commits, which are mostly those of other keys, take over 1.5 times their baseline,
/// and grows by 8 otherwise.
///
/// Example: commits of up to 16 items took 2 ms and now take 4 ms; a key that filled its
/// limit of 200 gets 150 in its next batch.
#[derive(Debug)]
pub struct AdmissionLimit {
    items: usize,
    small_commits: Option<SmallCommitLatency>,
}

/// How long commits of a few items take, in seconds.
#[derive(Clone, Copy, Debug)]
struct SmallCommitLatency {
    /// Moving average.
    average: f64,
    /// The baseline: the least that the average was, slowly forgotten.
    least: f64,
    at: Instant,
}

impl AdmissionLimit {
    pub const fn new() -> Self {
        Self { items: MIN_ADMITTED_ITEMS, small_commits: None }
    }

    pub const fn items(&self) -> usize {
        self.items
    }

    /// Records how long a commit of a few items took, of whichever keys.
    pub fn record_small_commit(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let latency = self.small_commits.get_or_insert(SmallCommitLatency {
            average: took,
            least: took,
            at: now,
        });
        let passed = now.saturating_duration_since(latency.at).as_secs_f64();
        latency.average += (took - latency.average) * LATENCY_SAMPLE_WEIGHT;
        latency.least = (latency.least * (1.0 + BASELINE_GROWTH_PER_SECOND * passed))
            .min(latency.average)
            .max(MIN_BASELINE_SECONDS);
        latency.at = now;
    }

    /// Adjusts the limit after a dominating key's batch of `had` items, which `filled` the
    /// limit or not; it never exceeds `most`. Without recent small commits it stays.
    pub fn adjust(&mut self, had: usize, filled: bool, most: usize, now: Instant) {
        let known = |latency: &SmallCommitLatency| {
            now.saturating_duration_since(latency.at) < LATENCY_VALID_FOR
        };
        let Some(latency) = self.small_commits.filter(known) else {
            return;
        };
        if latency.average > latency.least * MAX_LATENCY_RATIO {
            let had = had.min(self.items);
            self.items = (had - had / 4).max(MIN_ADMITTED_ITEMS);
        } else if filled {
            self.items = (self.items + ADMITTED_ITEMS_STEP).min(most.max(MIN_ADMITTED_ITEMS));
        }
    }
}

/// How long a dominating key cools down after a batch: as long as the batch took, so
/// that it gets about half of a receiver's time.
pub fn cool_down_for(took: Duration) -> Duration {
    took.min(MAX_COOL_DOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_BATCH_ITEMS: usize = 512;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_key_dominates_that_brings_more_than_all_others_while_there_are_some() {
        let mut everybody = DecayingCount::new();
        let (mut one, mut other) = (everybody, everybody);
        let now = everybody.at;
        let mut takes = |who: &mut DecayingCount, items| {
            who.add(items, now);
            everybody.add(items, now);
            everybody
        };
        let all = takes(&mut one, 1000);
        assert!(!one.dominates(1000, &all, 1000, now), "it is alone");
        let all = takes(&mut other, 400);
        assert!(one.dominates(0, &all, 0, now) && !other.dominates(0, &all, 0, now));
        assert!(!other.dominates(600, &all, 600, now), "no more than the one brought");
        assert!(other.dominates(601, &all, 601, now), "what waits counts");
        assert!(!other.dominates(601, &all, 602, now), "of the others as well");
        assert!(one.dominates(0, &all, 0, now + ms(9_000)), "of 400, a half is left after 9.6 s");
        assert!(!one.dominates(1000, &all, 1000, now + ms(10_000)), "it is alone again");
    }

    #[test]
    fn the_limit_shrinks_while_small_commits_are_slowed_and_grows_otherwise() {
        let mut limit = AdmissionLimit::new();
        let start = Instant::now();
        let rounds = |limit: &mut AdmissionLimit, begun: u64, few| {
            for round in begun..begun + 100 {
                let now = start + ms(10 * round);
                limit.record_small_commit(ms(few), now);
                limit.adjust(limit.items(), true, MAX_BATCH_ITEMS, now);
            }
        };
        rounds(&mut limit, 0, 2);
        assert_eq!(limit.items(), MAX_BATCH_ITEMS);
        rounds(&mut limit, 100, 4);
        assert_eq!(limit.items(), MIN_ADMITTED_ITEMS, "slowed");
        rounds(&mut limit, 200, 2);
        assert_eq!(limit.items(), MAX_BATCH_ITEMS, "no longer");
        rounds(&mut limit, 300, 4);
        let last = start + ms(3_990);
        limit.adjust(MIN_ADMITTED_ITEMS, true, MAX_BATCH_ITEMS, last + ms(1001));
        assert_eq!(limit.items(), MIN_ADMITTED_ITEMS, "whether the others are harmed is not known");
        for second in 4..300 {
            limit.record_small_commit(ms(4), start + ms(1000 * second));
            limit.adjust(limit.items(), true, MAX_BATCH_ITEMS, start + ms(1000 * second));
        }
        assert_eq!(limit.items(), MAX_BATCH_ITEMS, "that is what it takes now");
    }

    #[test]
    fn the_limit_shrinks_from_what_was_taken_and_grows_only_when_it_was_filled() {
        let mut limit = AdmissionLimit::new();
        let now = Instant::now();
        limit.record_small_commit(ms(2), now);
        for _ in 0..100 {
            limit.adjust(limit.items(), true, MAX_BATCH_ITEMS, now);
        }
        assert_eq!(limit.items(), MAX_BATCH_ITEMS);
        for _ in 0..100 {
            limit.record_small_commit(ms(4), now);
        }
        limit.adjust(200, false, MAX_BATCH_ITEMS, now);
        assert_eq!(limit.items(), 150, "it never took all 512");
        for _ in 0..100 {
            limit.record_small_commit(ms(2), now);
        }
        limit.adjust(149, false, MAX_BATCH_ITEMS, now);
        assert_eq!(limit.items(), 150, "it did not want more");
        limit.adjust(150, true, MAX_BATCH_ITEMS, now);
        assert_eq!(limit.items(), 150 + ADMITTED_ITEMS_STEP);
    }

    #[test]
    fn commits_that_fail_at_once_are_no_measure() {
        let mut limit = AdmissionLimit::new();
        let now = Instant::now();
        limit.record_small_commit(Duration::ZERO, now);
        limit.adjust(MIN_ADMITTED_ITEMS, true, MAX_BATCH_ITEMS, now);
        assert_eq!(limit.items(), MIN_ADMITTED_ITEMS + ADMITTED_ITEMS_STEP, "nobody is slowed");
        for second in 1..600 {
            limit.record_small_commit(ms(1), now + ms(1000 * second));
        }
        limit.adjust(
            MIN_ADMITTED_ITEMS + ADMITTED_ITEMS_STEP,
            true,
            MAX_BATCH_ITEMS,
            now + ms(599_000),
        );
        assert_eq!(
            limit.items(),
            MIN_ADMITTED_ITEMS + 2 * ADMITTED_ITEMS_STEP,
            "the least grew from what is possible"
        );
    }
}
