//! How the agent names attempts and streams to itself.
//!
//! Fed by the keys of the wire; feeds every map in the agent. Guarantees that
//! two keys name the same attempt exactly when delivery and number agree,
//! whatever the epoch under which they were assigned.

use std::fmt;

use postrider_proto::agent::v1::AttemptKey;

/// One attempt: the delivery's id and the attempt's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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

/// One work stream of this process; later streams are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// Prints an id's bytes in hexadecimal, only when somebody looks.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
