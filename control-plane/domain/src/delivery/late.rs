//! Results that arrive after their deliveries have moved on.
//!
//! Fed by the stores with what history holds; feeds them what to write. Guarantees
//! any-success-counts: a result is recorded once, a success ends an unfinished
//! delivery, and EXHAUSTED becomes SUCCEEDED at most once.

use super::{AttemptRecord, Delivery, DeliveryState, DeliveryStatus, Outcome};
use crate::time::Timestamp;

/// What history holds of the attempt of a late result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnownAttempt {
    Nothing,
    Unknown,
    Result,
}

/// What to write for a late result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LateResult {
    pub record: LateRecord,
    /// Whether the delivery becomes SUCCEEDED.
    pub succeeds: bool,
}

impl LateResult {
    /// The delivery's status afterwards, given the one before; `None` if it is no
    /// longer stored.
    pub fn standing(self, before: Option<DeliveryStatus>) -> Option<DeliveryStatus> {
        if self.succeeds { Some(DeliveryStatus::SUCCEEDED) } else { before }
    }

    /// The record of a newer attempt that is IN_FLIGHT when this success ends the
    /// delivery ([`Delivery::left_under_way`]). `number` is the late result's attempt.
    pub fn overtaken(
        self,
        delivery: &Delivery,
        number: u32,
        now: Timestamp,
    ) -> Option<AttemptRecord> {
        let overtakes = self.succeeds && delivery.attempts > number;
        let error = "an earlier attempt succeeded while this one may have been under way";
        overtakes.then(|| delivery.left_under_way(error, now)).flatten()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateRecord {
    Insert,
    ReplaceUnknown,
    /// The same result is recorded already.
    Ignore,
}

/// Decides about a result that is not of the delivery's current attempt, or
/// whose delivery is not IN_FLIGHT (invariant `any-success-counts`). `state` is where the delivery
/// stands, or `None` when it is no longer stored.
pub fn late(state: Option<DeliveryState>, known: KnownAttempt, outcome: Outcome) -> LateResult {
    let record = match known {
        KnownAttempt::Nothing => LateRecord::Insert,
        KnownAttempt::Unknown if outcome != Outcome::Unknown => LateRecord::ReplaceUnknown,
        KnownAttempt::Unknown | KnownAttempt::Result => LateRecord::Ignore,
    };
    let open = matches!(
        state,
        Some(
            DeliveryState::Held
                | DeliveryState::Waiting
                | DeliveryState::InFlight
                | DeliveryState::Exhausted
        )
    );
    let succeeds = open && outcome == Outcome::Succeeded && record != LateRecord::Ignore;
    LateResult { record, succeeds }
}
