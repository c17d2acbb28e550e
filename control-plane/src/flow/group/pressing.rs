//! Which crowd presses on the others, and how much it may take meanwhile.
//!
//! Fed by the hall with what writers took and how long they had it; feeds it with
//! bounds and rests. Guarantees that a crowd is not held back that is alone, or that
//! brings no more than all others together.

use std::time::Duration;

use tokio::time::Instant;

/// After this long, what was taken counts half.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// Others that brought less than this lately are not there.
const SOMEBODY: f64 = 0.5;
/// What a crowd that presses may take at once, at least.
const LEAST: usize = 32;
/// How its part grows while it costs little.
const STEP: usize = 8;
/// How much the last commit of a few items counts in their average.
const WEIGHT: f64 = 0.125;
/// That average may be so many times the least that it was.
const HARM: f64 = 1.5;
/// By what part the least grows in a second: twice as much after some two minutes, so
/// that neither a slower database nor a tenant that always brings the most keeps that
/// tenant at its least part for ever.
const FORGOTTEN: f64 = 0.005;
/// The least is not taken to be less, in seconds: what fails at once says nothing of
/// what a commit takes.
const QUICKEST: f64 = 0.0002;
/// What is known of commits of a few items is true for so long.
const KNOWN_FOR: Duration = Duration::from_secs(1);
/// However long the database takes, a rest is no longer.
const LONGEST_REST: Duration = Duration::from_millis(50);

/// How many items were taken lately.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    items: f64,
    at: Instant,
}

impl Recent {
    pub(super) fn nothing() -> Self {
        Self { items: 0.0, at: Instant::now() }
    }

    pub(super) fn add(&mut self, items: usize, now: Instant) {
        self.items = self.count(now) + items as f64;
        self.at = now;
    }

    pub(super) fn count(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at);
        self.items * (-passed.as_secs_f64() / HALF_LIFE.as_secs_f64()).exp2()
    }

    /// Whether there are others, and this is more than all of theirs, each with what
    /// waits of it.
    pub(super) fn presses(
        &self,
        own_waiting: usize,
        all: &Self,
        waiting: usize,
        now: Instant,
    ) -> bool {
        let own = self.count(now);
        let others = all.count(now) - own;
        let others_waiting = waiting.saturating_sub(own_waiting);
        others >= SOMEBODY && own + own_waiting as f64 > others + others_waiting as f64
    }
}

/// How many items a crowd that presses may take at once: as many as leave commits of a
/// few items, which are mostly those of the others, about as quick as they can be.
#[derive(Debug)]
pub(super) struct Part {
    items: usize,
    few: Option<Few>,
}

/// What commits of a few items took, in seconds.
#[derive(Clone, Copy, Debug)]
struct Few {
    /// Moving average.
    average: f64,
    /// The least that the average was.
    least: f64,
    at: Instant,
}

impl Part {
    pub(super) const fn new() -> Self {
        Self { items: LEAST, few: None }
    }

    pub(super) const fn items(&self) -> usize {
        self.items
    }

    /// A commit of a few items, of whomever, is done.
    pub(super) fn few_took(&mut self, took: Duration, now: Instant) {
        let took = took.as_secs_f64();
        let few = self.few.get_or_insert(Few { average: took, least: took, at: now });
        let passed = now.saturating_duration_since(few.at).as_secs_f64();
        few.average += (took - few.average) * WEIGHT;
        few.least = (few.least * (1.0 + FORGOTTEN * passed)).min(few.average).max(QUICKEST);
        few.at = now;
    }

    /// A crowd that presses was given `had` items, which were all that it might take or
    /// not, of at most `most`. While nothing is known of the others, nothing changes.
    pub(super) fn was_taken(&mut self, had: usize, filled: bool, most: usize, now: Instant) {
        let known = |few: &Few| now.saturating_duration_since(few.at) < KNOWN_FOR;
        let Some(few) = self.few.filter(known) else {
            return;
        };
        if few.average > few.least * HARM {
            let had = had.min(self.items);
            self.items = (had - had / 4).max(LEAST);
        } else if filled {
            self.items = (self.items + STEP).min(most.max(LEAST));
        }
    }
}

/// For how long it leaves the writers to the others: as long as one was busy with its
/// items, so that it has about half of a writer's time.
pub(super) fn rest(took: Duration) -> Duration {
    took.min(LONGEST_REST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 512;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_crowd_presses_that_brings_more_than_all_others_while_there_are_some() {
        let mut everybody = Recent::nothing();
        let (mut one, mut other) = (everybody, everybody);
        let now = everybody.at;
        let mut takes = |who: &mut Recent, items| {
            who.add(items, now);
            everybody.add(items, now);
            everybody
        };
        let all = takes(&mut one, 1000);
        assert!(!one.presses(1000, &all, 1000, now), "it is alone");
        let all = takes(&mut other, 400);
        assert!(one.presses(0, &all, 0, now) && !other.presses(0, &all, 0, now));
        assert!(!other.presses(600, &all, 600, now), "no more than the one brought");
        assert!(other.presses(601, &all, 601, now), "what waits counts");
        assert!(!other.presses(601, &all, 602, now), "of the others as well");
        assert!(one.presses(0, &all, 0, now + ms(9_000)), "of 400, a half is left after 9.6 s");
        assert!(!one.presses(1000, &all, 1000, now + ms(10_000)), "it is alone again");
    }

    #[test]
    fn its_part_shrinks_while_commits_of_a_few_are_slowed_and_grows_otherwise() {
        let mut part = Part::new();
        let start = Instant::now();
        let rounds = |part: &mut Part, begun: u64, few| {
            for round in begun..begun + 100 {
                let now = start + ms(10 * round);
                part.few_took(ms(few), now);
                part.was_taken(part.items(), true, MOST, now);
            }
        };
        rounds(&mut part, 0, 2);
        assert_eq!(part.items(), MOST);
        rounds(&mut part, 100, 4);
        assert_eq!(part.items(), LEAST, "slowed");
        rounds(&mut part, 200, 2);
        assert_eq!(part.items(), MOST, "no longer");
        rounds(&mut part, 300, 4);
        let last = start + ms(3_990);
        part.was_taken(LEAST, true, MOST, last + ms(1001));
        assert_eq!(part.items(), LEAST, "whether the others are harmed is not known");
        for second in 4..300 {
            part.few_took(ms(4), start + ms(1000 * second));
            part.was_taken(part.items(), true, MOST, start + ms(1000 * second));
        }
        assert_eq!(part.items(), MOST, "that is what it takes now");
    }

    #[test]
    fn its_part_shrinks_from_what_was_taken_and_grows_only_when_all_was() {
        let mut part = Part::new();
        let now = Instant::now();
        part.few_took(ms(2), now);
        for _ in 0..100 {
            part.was_taken(part.items(), true, MOST, now);
        }
        assert_eq!(part.items(), MOST);
        for _ in 0..100 {
            part.few_took(ms(4), now);
        }
        part.was_taken(200, false, MOST, now);
        assert_eq!(part.items(), 150, "it never took all 512");
        for _ in 0..100 {
            part.few_took(ms(2), now);
        }
        part.was_taken(149, false, MOST, now);
        assert_eq!(part.items(), 150, "it did not want more");
        part.was_taken(150, true, MOST, now);
        assert_eq!(part.items(), 150 + STEP);
    }

    #[test]
    fn commits_that_fail_at_once_are_no_measure() {
        let mut part = Part::new();
        let now = Instant::now();
        part.few_took(Duration::ZERO, now);
        part.was_taken(LEAST, true, MOST, now);
        assert_eq!(part.items(), LEAST + STEP, "nobody is slowed");
        for second in 1..600 {
            part.few_took(ms(1), now + ms(1000 * second));
        }
        part.was_taken(LEAST + STEP, true, MOST, now + ms(599_000));
        assert_eq!(part.items(), LEAST + 2 * STEP, "the least grew from what is possible");
    }
}
