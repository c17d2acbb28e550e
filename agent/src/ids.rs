//! The agent's own ids for attempts and streams.
//!
//! Two keys are the same attempt exactly if the delivery and the number agree; the
//! epoch under which it was assigned does not matter.

use std::fmt::{self, Write};
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

/// Prints an id's bytes in hexadecimal, only when somebody looks.
pub struct HexBytes<'a>(pub &'a [u8]);

impl fmt::Display for HexBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex_characters(self.0).try_for_each(|digit| f.write_char(digit))
    }
}

/// The hexadecimal digits of some bytes, in lower case. Signatures are written
/// with them at every POST, for which the formatting of numbers is too slow.
pub fn hex_characters(bytes: &[u8]) -> impl Iterator<Item = char> {
    let digit = |nibble| char::from(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
    bytes.iter().flat_map(move |byte| [digit(byte >> 4), digit(byte & 0xf)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_digits() {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        let expected: String = all.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(HexBytes(&all).to_string(), expected);
    }
}
