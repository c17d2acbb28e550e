//! Results that come after their deliveries have moved on.
//!
//! Fed by the stores with what history holds; feeds them with what to write of it.
//! Guarantees rule 5: a result is recorded once, a success ends what has not ended
//! otherwise, and EXHAUSTED becomes SUCCEEDED at most once.

use super::{AttemptRecord, Delivery, DeliveryState, Outcome, Standing};
use crate::time::Timestamp;

/// What history holds of the attempt that a late result belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Nothing,
    Unknown,
    Result,
}

/// What to write of a result that came after its delivery had moved on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    pub record: LateRecord,
    /// Whether the delivery becomes SUCCEEDED.
    pub succeeds: bool,
}

impl Late {
    /// Where a delivery that stood like this, or is no longer kept, stands after
    /// it.
    pub fn standing(self, before: Option<Standing>) -> Option<Standing> {
        if self.succeeds { Some(Standing::SUCCEEDED) } else { before }
    }

    /// What history is to hold of a newer attempt that is IN_FLIGHT while this ends its
    /// delivery ([`Delivery::left_under_way`]); `number` is the result's own.
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
    /// The same result was recorded before.
    Ignore,
}

/// Decides about a result that is not of the delivery's current attempt, or
/// whose delivery is not IN_FLIGHT (rule 5). `state` is where the delivery
/// stands, or `None` when it is no longer kept.
pub fn late(state: Option<DeliveryState>, known: Known, outcome: Outcome) -> Late {
    let record = match known {
        Known::Nothing => LateRecord::Insert,
        Known::Unknown if outcome != Outcome::Unknown => LateRecord::ReplaceUnknown,
        Known::Unknown | Known::Result => LateRecord::Ignore,
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
    Late { record, succeeds }
}
