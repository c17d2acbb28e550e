//! Turns what is known of a replica's loops into messages between replicas, and back.
//!
//! Given what another replica says; gives no more of it than is believed: so many loops, so
//! many counts, and texts so long.

use std::borrow::Cow;
use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_proto::replica::v1 as wire;

use crate::progress::{LoopOutcome, LoopRound, RoundCounts};

/// A replica has about ten.
const MAX_LOOPS: usize = 100;
/// A loop counts a handful of things.
const MAX_COUNTS: usize = 32;
/// Of the name of a loop, and of what is counted.
const MAX_NAME_BYTES: usize = 64;
/// Of the words for a failure.
const MAX_FAILURE_BYTES: usize = 256;

pub fn to_wire(outcomes: Vec<LoopOutcome>) -> wire::ListLoopOutcomesResponse {
    wire::ListLoopOutcomesResponse { loops: outcomes.into_iter().map(outcome_to_wire).collect() }
}

fn outcome_to_wire(outcome: LoopOutcome) -> wire::LoopOutcome {
    wire::LoopOutcome {
        name: outcome.name.into_owned(),
        round_count: outcome.round_count,
        running_since_us: outcome.running_since.map(Timestamp::as_micros),
        last: outcome.last.map(round_to_wire),
        last_busy: outcome.last_busy.map(round_to_wire),
        last_failed: outcome.last_failed.map(round_to_wire),
        failures: outcome.failures,
        next_us: outcome.next.map(Timestamp::as_micros),
    }
}

fn round_to_wire(round: LoopRound) -> wire::LoopRound {
    let count = |(what, count): (&str, u64)| wire::LoopCount { what: what.to_owned(), count };
    wire::LoopRound {
        begun_us: round.begun.as_micros(),
        took_us: u64::try_from(round.took.as_micros()).unwrap_or(u64::MAX),
        counts: round.counts.iter().map(count).collect(),
        failure: round.failure.unwrap_or_default().into_owned(),
    }
}

pub fn from_wire(told: wire::ListLoopOutcomesResponse) -> Vec<LoopOutcome> {
    told.loops.into_iter().take(MAX_LOOPS).map(outcome_from_wire).collect()
}

fn outcome_from_wire(told: wire::LoopOutcome) -> LoopOutcome {
    LoopOutcome {
        name: shortened(told.name, MAX_NAME_BYTES),
        round_count: told.round_count,
        running_since: told.running_since_us.map(Timestamp::from_micros),
        last: told.last.map(round_from_wire),
        last_busy: told.last_busy.map(round_from_wire),
        last_failed: told.last_failed.map(round_from_wire),
        failures: told.failures,
        next: told.next_us.map(Timestamp::from_micros),
    }
}

fn round_from_wire(told: wire::LoopRound) -> LoopRound {
    let mut counts = RoundCounts::default();
    for wire::LoopCount { what, count } in told.counts.into_iter().take(MAX_COUNTS) {
        counts.add(shortened(what, MAX_NAME_BYTES), count);
    }
    let failure = Some(told.failure).filter(|words| !words.is_empty());
    LoopRound {
        begun: Timestamp::from_micros(told.begun_us),
        took: Duration::from_micros(told.took_us),
        counts,
        failure: failure.map(|words| shortened(words, MAX_FAILURE_BYTES)),
    }
}

fn shortened(mut text: String, max_bytes: usize) -> Cow<'static, str> {
    text.truncate(text.floor_char_boundary(max_bytes));
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_read_back_and_no_more_than_is_believed() {
        let mut counts = RoundCounts::default();
        counts.add("rows_removed", 7);
        let round = LoopRound {
            begun: Timestamp::from_micros(5),
            took: Duration::from_micros(9),
            counts,
            failure: Some("the database is unavailable".into()),
        };
        let outcome = LoopOutcome {
            name: "maintenance".into(),
            round_count: 3,
            running_since: Some(Timestamp::from_micros(1)),
            last: Some(LoopRound { failure: None, ..round.clone() }),
            last_busy: None,
            last_failed: Some(round),
            failures: 2,
            next: Some(Timestamp::from_micros(600)),
        };
        assert_eq!(from_wire(to_wire(vec![outcome.clone()])), std::slice::from_ref(&outcome));

        let mut told = to_wire(vec![outcome; MAX_LOOPS + 1]);
        told.loops[0].name = "é".repeat(MAX_NAME_BYTES);
        let last = told.loops[0].last.as_mut().unwrap();
        let count = |n: usize| wire::LoopCount { what: format!("count_{n}"), count: 1 };
        last.counts = (0..=MAX_COUNTS).map(count).collect();
        last.failure = "x".repeat(MAX_FAILURE_BYTES + 1);
        let read = from_wire(told);
        assert_eq!(read.len(), MAX_LOOPS);
        assert_eq!(read[0].name.len(), MAX_NAME_BYTES);
        let last = read[0].last.as_ref().unwrap();
        assert_eq!(last.counts.iter().count(), MAX_COUNTS);
        assert_eq!(last.failure.as_ref().unwrap().len(), MAX_FAILURE_BYTES);
    }
}
