//! The key of the proofs that assignments carry.
//!
//! Fed by the first replica, which draws it, and by the store, which keeps it for all of
//! them; feeds the sessions with agents. Guarantees that it is never printed, and is
//! wiped with its last copy.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Bytes of the key.
pub const ASSIGNMENT_KEY_BYTES: usize = 32;

/// The key under which all replicas prove what was assigned to whom.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct AssignmentKey([u8; ASSIGNMENT_KEY_BYTES]);

impl AssignmentKey {
    pub const fn new(bytes: [u8; ASSIGNMENT_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub const fn bytes(&self) -> &[u8; ASSIGNMENT_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for AssignmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AssignmentKey")
    }
}
