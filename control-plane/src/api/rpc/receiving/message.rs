//! Where the messages of a request begin and end.
//!
//! Fed by `body` with the bytes as they arrive; feeds it with what they are part of. A
//! message of gRPC has a byte that says whether it is compressed, four that say how long it
//! is, and itself.

/// A message's bytes before itself.
const HEADER_BYTES: usize = 5;

/// How far a request has been received.
///
/// How to drive it: [`MessageMeter::take`] with all bytes, in their order; after each,
/// [`MessageMeter::is_within`] says whether the rest of a message is missing, and
/// [`MessageMeter::completed`] whether one has ended since it was asked last.
#[derive(Debug, Default)]
pub struct MessageMeter {
    header: Vec<u8>,
    missing: usize,
    completed: bool,
}

/// A message that is longer than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTooLarge {
    pub bytes: usize,
}

impl MessageMeter {
    /// Takes bytes; answers how many of them are messages', or an error once a message says
    /// that it is longer than `max`.
    pub fn take(&mut self, mut bytes: &[u8], max: usize) -> Result<usize, MessageTooLarge> {
        let mut of_messages = 0;
        while !bytes.is_empty() {
            if self.missing > 0 {
                let part = self.missing.min(bytes.len());
                bytes = bytes.get(part..).unwrap_or_default();
                self.missing -= part;
                of_messages += part;
                self.completed |= self.missing == 0;
                continue;
            }
            let part = (HEADER_BYTES - self.header.len()).min(bytes.len());
            let (header, rest) = bytes.split_at_checked(part).unwrap_or((bytes, &[]));
            self.header.extend_from_slice(header);
            bytes = rest;
            let [_, a, b, c, d] = *self.header.as_slice() else { return Ok(of_messages) };
            self.header.clear();
            let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
            if length > max {
                return Err(MessageTooLarge { bytes: length });
            }
            self.missing = length;
            self.completed |= length == 0;
        }
        Ok(of_messages)
    }

    /// Whether a message has begun and is not complete.
    pub fn is_within(&self) -> bool {
        self.missing > 0 || !self.header.is_empty()
    }

    /// Whether a message has ended since this was asked last.
    pub fn completed(&mut self) -> bool {
        std::mem::take(&mut self.completed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(length: u32, sent: usize) -> Vec<u8> {
        let mut bytes = vec![0];
        bytes.extend(length.to_be_bytes());
        bytes.extend(vec![7; sent]);
        bytes
    }

    #[test]
    fn messages_are_told_apart_wherever_they_are_cut() {
        let mut all = framed(3, 3);
        all.extend(framed(0, 0));
        all.extend(framed(300, 300));
        for size in [1, 2, 4, 5, 7, 64, all.len()] {
            let (mut meter, mut ended, mut bytes) = (MessageMeter::default(), 0, 0);
            for part in all.chunks(size) {
                bytes += meter.take(part, 300).unwrap();
                ended += usize::from(meter.completed());
            }
            assert!(!meter.is_within(), "cut at {size}");
            assert_eq!(bytes, 303, "headers are no message's");
            assert!(ended >= 1 && !meter.completed());
        }
        let mut meter = MessageMeter::default();
        meter.take(&framed(10, 9), 10).unwrap();
        assert!(meter.is_within() && !meter.completed());
        meter.take(&[7], 10).unwrap();
        assert!(!meter.is_within() && meter.completed());
        let too_large = meter.take(&framed(11, 0), 10);
        assert_eq!(too_large, Err(MessageTooLarge { bytes: 11 }));
    }
}
