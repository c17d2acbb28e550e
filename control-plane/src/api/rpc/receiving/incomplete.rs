//! What has arrived of a message that is not complete.
//!
//! Fed by `body` with parts of a message; feeds it with the whole, in pieces, once the last
//! part is there. Guarantees that no more memory is held than twice what has arrived, and the
//! smallest piece: a part is copied, since it is a part of all that was read from the
//! connection at once and would keep it; and no room is made for what was only announced.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// The first piece: beside the thousands of bytes that each request takes it is little.
const MIN_PIECE_BYTES: usize = 256;
/// The largest. Pieces are freed one by one as they are decoded, and one of this size is
/// cheap to allocate.
const MAX_PIECE_BYTES: usize = 64 * 1024;

/// See the module.
#[derive(Debug, Default)]
pub struct IncompleteMessage {
    full: VecDeque<Bytes>,
    last: BytesMut,
    bytes: usize,
}

impl IncompleteMessage {
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Adds a part.
    pub fn add(&mut self, mut part: &[u8]) {
        while !part.is_empty() {
            let room = self.last.capacity() - self.last.len();
            if room == 0 {
                self.close_piece();
                let bytes = self.bytes.clamp(MIN_PIECE_BYTES, MAX_PIECE_BYTES);
                self.last = BytesMut::with_capacity(bytes);
                continue;
            }
            let (fits, rest) = part.split_at_checked(room).unwrap_or((part, &[]));
            self.last.extend_from_slice(fits);
            self.bytes += fits.len();
            part = rest;
        }
    }

    fn close_piece(&mut self) {
        if !self.last.is_empty() {
            self.full.push_back(std::mem::take(&mut self.last).freeze());
        }
    }

    /// All that was added, in its order; nothing is left.
    pub fn take(&mut self) -> VecDeque<Bytes> {
        self.close_piece();
        self.bytes = 0;
        std::mem::take(&mut self.full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_comes_back_and_takes_little_more_than_itself() {
        for (part_bytes, parts) in [(1, 5_000), (100, 1), (257, 40), (16_384, 30)] {
            let mut message = IncompleteMessage::default();
            let mut expected = Vec::new();
            for number in 0..parts {
                let part = vec![number as u8; part_bytes];
                message.add(&part);
                expected.extend(part);
                let room: usize = message.full.iter().map(Bytes::len).sum();
                let room = room + message.last.capacity();
                assert!(room <= 2 * expected.len() + MIN_PIECE_BYTES, "{room}");
            }
            assert!(!message.is_empty());
            assert_eq!(message.take().into_iter().flatten().collect::<Vec<u8>>(), expected);
            assert!(message.is_empty() && message.take().is_empty());
        }
    }
}
