//! The agent's own ids for attempts and streams.
//!
//! Two keys are the same attempt exactly if the delivery and the number agree; the
//! epoch under which it was assigned does not matter.

use std::hash::{Hash, Hasher};

use postrider_proto::agent::v1::AttemptKey;

/// One attempt: the delivery's id and the attempt's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AttemptId {
    delivery: [u8; 16],
    number: u32,
}

impl AttemptId {
    /// The id in a key, unless its delivery is not 16 bytes.
    pub fn from_wire(key: &AttemptKey) -> Option<Self> {
        Some(Self { delivery: key.delivery_id.as_ref().try_into().ok()?, number: key.number })
    }
}

/// By the second half of the delivery's id, which is random: every map of attempts is
/// asked for each of them, and most are the only one of their delivery.
impl Hash for AttemptId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let [.., a, b, c, d, e, f, g, h] = self.delivery;
        state.write_u64(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
    }
}

/// One work stream of this process; later streams are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamNumber(pub u64);
