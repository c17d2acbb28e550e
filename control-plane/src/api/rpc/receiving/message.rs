//! Where the messages of a request begin and end.
//!
//! Fed by `body` with the bytes as they arrive; feeds it with what they are part of, or with
//! what is wrong with them. A message of gRPC has a byte that says whether it is compressed,
//! four that say how long it is, and itself. Over HTTP a message is a whole body, or a line of
//! it, in JSON: its entries are counted where it is read.

use super::entries::{EntryCounter, EntryFault};
use super::rule::ReceiveRule;

/// A message's bytes before itself.
const HEADER_BYTES: usize = 5;
/// The entries of a message that is no larger are not counted: were it nothing else, it took
/// two megabytes once it is decoded. Nearly all events are smaller.
pub const UNCOUNTED_BYTES: usize = 4096;

/// Where a message ends. Among a request's extensions where it came over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageFraming {
    /// By its length.
    #[default]
    Grpc,
    /// With the body.
    Whole,
    /// With the line.
    Lines,
}

/// How far a request has been received.
///
/// How to drive it: [`MessageMeter::new`], then [`MessageMeter::take`] with all bytes, in their
/// order; after each, [`MessageMeter::is_within`] says whether the rest of a message is
/// missing. [`MessageMeter::end`] at the end of the body.
#[derive(Debug, Default)]
pub struct MessageMeter {
    framing: MessageFraming,
    /// Of a body or a line, what has arrived.
    begun: usize,
    header: [u8; HEADER_BYTES],
    /// How much of it there is.
    header_bytes: usize,
    missing: usize,
    /// Absent where nothing is counted.
    entries: Option<Box<EntryCounter>>,
}

/// What the bytes were that were taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TakenBytes {
    /// How many were messages', and not their headers'.
    pub of_messages: usize,
    /// Where the last message ends that they complete; 0 if they complete none.
    pub complete: usize,
    /// Those of the messages' that come after that.
    pub of_incomplete: usize,
}

/// Why a message is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageFault {
    /// It is longer than it may be.
    TooLarge {
        bytes: usize,
    },
    Entries(EntryFault),
}

impl MessageMeter {
    pub fn new(framing: MessageFraming) -> Self {
        Self { framing, ..Self::default() }
    }

    /// Takes bytes; an error once a message is longer than it may be, or says so, or holds
    /// more entries.
    pub fn take(&mut self, bytes: &[u8], rule: &ReceiveRule) -> Result<TakenBytes, MessageFault> {
        match self.framing {
            MessageFraming::Grpc => self.take_frames(bytes, rule),
            MessageFraming::Whole => {
                self.take_part(bytes.len(), rule)?;
                let of_messages = bytes.len();
                Ok(TakenBytes { of_messages, complete: 0, of_incomplete: of_messages })
            }
            MessageFraming::Lines => self.take_lines(bytes, rule),
        }
    }

    fn take_lines(&mut self, bytes: &[u8], rule: &ReceiveRule) -> Result<TakenBytes, MessageFault> {
        let mut taken = TakenBytes::default();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.take_part(part.len(), rule)?;
            taken.of_messages += part.len();
            taken.of_incomplete += part.len();
            if part.ends_with(b"\n") {
                self.begun = 0;
                taken.complete = taken.of_messages;
                taken.of_incomplete = 0;
            }
        }
        Ok(taken)
    }

    /// Takes a part of a body or a line.
    fn take_part(&mut self, bytes: usize, rule: &ReceiveRule) -> Result<(), MessageFault> {
        self.begun += bytes;
        match self.begun <= rule.max_message_bytes {
            true => Ok(()),
            false => Err(MessageFault::TooLarge { bytes: self.begun }),
        }
    }

    fn take_frames(
        &mut self,
        bytes: &[u8],
        rule: &ReceiveRule,
    ) -> Result<TakenBytes, MessageFault> {
        let mut taken = TakenBytes::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.missing > 0 {
                let part = split_off(&mut rest, self.missing);
                if let Some(entries) = &mut self.entries {
                    entries.take(part).map_err(MessageFault::Entries)?;
                }
                self.missing -= part.len();
                taken.of_messages += part.len();
                taken.of_incomplete += part.len();
            } else {
                self.take_header(split_off(&mut rest, HEADER_BYTES - self.header_bytes));
                if self.header_bytes < HEADER_BYTES {
                    break;
                }
                self.header_bytes = 0;
                self.begin(rule)?;
            }
            if self.missing == 0 {
                taken.complete = bytes.len() - rest.len();
                taken.of_incomplete = 0;
            }
        }
        Ok(taken)
    }

    fn take_header(&mut self, part: &[u8]) {
        for byte in part {
            if let Some(place) = self.header.get_mut(self.header_bytes) {
                *place = *byte;
                self.header_bytes += 1;
            }
        }
    }

    /// Begins the message of a whole header.
    fn begin(&mut self, rule: &ReceiveRule) -> Result<(), MessageFault> {
        let [_, a, b, c, d] = self.header;
        let bytes = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if bytes > rule.max_message_bytes {
            return Err(MessageFault::TooLarge { bytes });
        }
        self.missing = bytes;
        let counted = rule.request.filter(|_| bytes > UNCOUNTED_BYTES);
        self.entries = counted.map(|request| Box::new(EntryCounter::new(request, bytes)));
        Ok(())
    }

    /// Whether a message has begun and is not complete.
    pub fn is_within(&self) -> bool {
        self.missing > 0 || self.header_bytes > 0 || self.begun > 0
    }

    /// The body has ended, and with it a message that is a body or a line; whether it has in
    /// the midst of another one.
    pub fn end(&mut self) -> bool {
        self.begun = 0;
        self.is_within()
    }
}

/// The first bytes, at most so many, which are then no longer among the rest.
fn split_off<'a>(rest: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (part, after) = rest.split_at_checked(most).unwrap_or((*rest, &[]));
    *rest = after;
    part
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::rpc::receiving::message_shapes::MessageShapes;

    const fn rule(max_message_bytes: usize) -> ReceiveRule {
        let size_setting = "server.max_request_bytes";
        ReceiveRule { max_message_bytes, size_setting, streams: false, request: None }
    }

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
            let mut meter = MessageMeter::default();
            let (mut ended, mut bytes, mut complete) = (0, 0, 0);
            for (index, part) in all.chunks(size).enumerate() {
                let taken = meter.take(part, &rule(300)).unwrap();
                bytes += taken.of_messages;
                ended += usize::from(taken.complete > 0);
                if taken.complete > 0 {
                    complete = index * size + taken.complete;
                }
            }
            assert!(!meter.is_within(), "cut at {size}");
            assert_eq!(bytes, 303, "headers are no message's");
            assert!(ended >= 1);
            assert_eq!(complete, all.len());
        }
        let too_large = MessageMeter::default().take(&framed(11, 0), &rule(10));
        assert_eq!(too_large, Err(MessageFault::TooLarge { bytes: 11 }));
    }

    #[test]
    fn what_is_not_complete_is_told_from_what_is() {
        let mut meter = MessageMeter::default();
        let mut bytes = framed(10, 10);
        bytes.extend(framed(9, 4));
        let taken = meter.take(&bytes, &rule(10)).unwrap();
        assert_eq!(taken, TakenBytes { of_messages: 14, complete: 15, of_incomplete: 4 });
        assert!(meter.is_within());
        let taken = meter.take(&[7; 5], &rule(10)).unwrap();
        assert_eq!(taken, TakenBytes { of_messages: 5, complete: 5, of_incomplete: 0 });
        assert!(!meter.is_within());
        let taken = meter.take(&[0, 0], &rule(10)).unwrap();
        assert_eq!(taken, TakenBytes::default());
        assert!(meter.is_within(), "a part of a header");
    }

    #[test]
    fn a_line_is_a_message_and_so_is_a_whole_body() {
        let mut lines = MessageMeter::new(MessageFraming::Lines);
        let taken = lines.take(b"{}\n{", &rule(4)).unwrap();
        assert_eq!(taken, TakenBytes { of_messages: 4, complete: 3, of_incomplete: 1 });
        assert!(lines.is_within());
        let taken = lines.take(b"}\n", &rule(4)).unwrap();
        assert_eq!(taken, TakenBytes { of_messages: 2, complete: 2, of_incomplete: 0 });
        assert!(!lines.is_within());
        let too_large = lines.take(b"12345", &rule(4));
        assert_eq!(too_large, Err(MessageFault::TooLarge { bytes: 5 }));
        let mut whole = MessageMeter::new(MessageFraming::Whole);
        let taken = whole.take(b"{\n}", &rule(4)).unwrap();
        assert_eq!(taken, TakenBytes { of_messages: 3, complete: 0, of_incomplete: 3 });
        assert!(whole.is_within());
        assert_eq!(whole.take(b"  ", &rule(4)), Err(MessageFault::TooLarge { bytes: 5 }));
        assert!(!whole.end() && !whole.is_within());
        let mut grpc = MessageMeter::new(MessageFraming::Grpc);
        grpc.take(&framed(3, 2), &rule(4)).unwrap();
        assert!(grpc.end(), "in its midst");
    }

    #[test]
    fn entries_of_messages_that_are_not_small_are_counted() {
        let path = "/postrider.v1.EventService/PublishEvents";
        let request = MessageShapes::compiled_in().unwrap().of_request(path);
        let rule = ReceiveRule { request, ..rule(100_000) };
        for (entries, is_taken) in [(1024, true), (2048, true), (2049, false)] {
            let mut bytes = framed(entries * 2, 0);
            bytes.extend([0x12, 0].repeat(entries as usize));
            let taken = MessageMeter::default().take(&bytes, &rule);
            assert_eq!(taken.is_ok(), is_taken, "{entries} entries: {taken:?}");
        }
    }
}
