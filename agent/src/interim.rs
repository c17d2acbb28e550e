//! Bounds what a receiver sends before its response.
//!
//! Fed by `traffic` with every byte that is read from a connection; feeds it a
//! refusal, upon which the connection is given up, and the shape of a response's
//! head. Guarantees that the interim responses (RFC 9110, section 15.2) to one
//! request stay within a number and a size: the HTTP libraries skip them without
//! end, and one connection over HTTP/2 filled 90 MB with them. It reads only as
//! much as it needs for that, line by line or frame by frame. Pure.

use std::fmt;

/// Interim responses to one request.
const MAX_INTERIM_RESPONSES: u32 = 32;
/// Their size as they are sent, for one request. A byte of a compressed header
/// block may stand for a field, so this also bounds how many fields there are.
const MAX_INTERIM_BYTES: usize = 16 * 1024;
/// The same for all requests under way on one connection.
const MAX_INTERIM_BYTES_TOGETHER: usize = 256 * 1024;
/// Requests of one connection whose interim responses are counted at a time.
const MAX_COUNTED_STREAMS: usize = 512;

/// Of a head over HTTP/1.1, what the parser is given room for; hyper has room for a
/// hundred by itself.
pub const MAX_HEADER_LINES: u32 = 1_000;

/// A receiver sent too many interim responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterimFlood;

impl fmt::Display for InterimFlood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the receiver sent more than {MAX_INTERIM_RESPONSES} interim (1xx) responses \
             to a request, or more than {MAX_INTERIM_BYTES} bytes of them"
        )
    }
}

impl std::error::Error for InterimFlood {}

/// What the lines of a response's head looked like, over HTTP/1.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HeadShape {
    /// As the status line has it; 0 when there is no head, or none of HTTP/1.
    pub status: u16,
    /// Header lines, those that continue another left out.
    pub lines: u32,
    /// Whether a line continued another (RFC 9112, section 5.2).
    pub folded: bool,
}

/// Follows the heads of one exchange after the other over HTTP/1.1.
#[derive(Debug, Default)]
pub struct HeadWatch {
    exchange: u64,
    place: Place,
    /// How the line at hand begins, and how long it is so far.
    line: [u8; LINE_START],
    line_bytes: usize,
    interim: bool,
    interim_responses: u32,
    interim_bytes: usize,
    shape: HeadShape,
}

/// Up to the status: `HTTP/1.1 103`.
const LINE_START: usize = 12;

#[derive(Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    StatusLine,
    Headers,
    /// After the head of the final response: whatever comes is its body.
    Body,
}

impl HeadWatch {
    /// Takes what was read while the `exchange`-th request was under way; gives the
    /// shape of the final response's head once that is complete or unusually long.
    pub fn take(
        &mut self,
        mut bytes: &[u8],
        exchange: u64,
    ) -> Result<Option<HeadShape>, InterimFlood> {
        if exchange != self.exchange {
            *self = Self { exchange, ..Self::default() };
        }
        if self.place == Place::Body {
            return Ok(None);
        }
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            bytes = rest;
            self.add(piece);
            if end.is_some() {
                self.end_line();
                self.line = [0; LINE_START];
                self.line_bytes = 0;
            }
            if self.interim_responses > MAX_INTERIM_RESPONSES
                || self.interim_bytes > MAX_INTERIM_BYTES
            {
                return Err(InterimFlood);
            }
            if self.place == Place::Body {
                return Ok(Some(self.shape));
            }
        }
        // The parser gives up a head with more lines than it has room for before that
        // is complete.
        let final_head = self.place == Place::Headers && !self.interim;
        Ok((final_head && self.shape.lines > MAX_HEADER_LINES).then_some(self.shape))
    }

    fn add(&mut self, piece: &[u8]) {
        if let Some(room) = self.line.get_mut(self.line_bytes..) {
            for (place, byte) in room.iter_mut().zip(piece) {
                *place = *byte;
            }
        }
        self.line_bytes += piece.len();
        if self.interim {
            self.interim_bytes += piece.len();
        }
    }

    fn end_line(&mut self) {
        let blank = self.line_bytes == 1 || (self.line_bytes == 2 && self.line[0] == b'\r');
        match self.place {
            // The parser skips empty lines before a status line.
            Place::StatusLine if blank => {}
            Place::StatusLine => {
                // 101 ends HTTP on the connection: nothing follows it.
                self.interim = self.line[9] == b'1' && self.line[9..] != *b"101";
                self.interim_bytes += if self.interim { self.line_bytes } else { 0 };
                self.shape = HeadShape { status: self.status(), ..HeadShape::default() };
                self.place = Place::Headers;
            }
            Place::Headers if blank && self.interim => {
                self.interim = false;
                self.interim_responses += 1;
                self.place = Place::StatusLine;
            }
            Place::Headers if blank => self.place = Place::Body,
            Place::Headers if matches!(self.line[0], b' ' | b'\t') => self.shape.folded = true,
            Place::Headers => self.shape.lines += 1,
            Place::Body => {}
        }
    }
}

impl HeadWatch {
    fn status(&self) -> u16 {
        let digits = self.line.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Follows the frames of one connection over HTTP/2 (RFC 9113, section 4.1).
#[derive(Debug, Default)]
pub struct FrameWatch {
    header: [u8; FRAME_HEADER],
    header_bytes: usize,
    payload_left: usize,
    /// Streams with a head that was not their end.
    streams: Vec<StreamHeads>,
    interim_bytes: usize,
}

/// A stream's heads so far. All but the last of them are interim; which one is the
/// last shows only by what follows it.
#[derive(Debug)]
struct StreamHeads {
    stream: u32,
    interim_responses: u32,
    interim_bytes: usize,
    last_bytes: usize,
}

const FRAME_HEADER: usize = 9;
const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const RST_STREAM: u8 = 0x3;
const CONTINUATION: u8 = 0x9;
const END_STREAM: u8 = 0x1;

impl FrameWatch {
    /// Takes what was read.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), InterimFlood> {
        while !bytes.is_empty() {
            let skipped = self.payload_left.min(bytes.len());
            self.payload_left -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let mut taken = 0;
            for (place, byte) in self.header.iter_mut().skip(self.header_bytes).zip(bytes) {
                *place = *byte;
                taken += 1;
            }
            self.header_bytes += taken;
            bytes = bytes.get(taken..).unwrap_or_default();
            if self.header_bytes == FRAME_HEADER {
                self.header_bytes = 0;
                self.begin_frame()?;
            }
        }
        Ok(())
    }

    fn begin_frame(&mut self) -> Result<(), InterimFlood> {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = self.header;
        self.payload_left = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & (u32::MAX >> 1);
        let bytes = self.payload_left + FRAME_HEADER;
        match kind {
            HEADERS if flags & END_STREAM == 0 => return self.add_head(stream, bytes),
            CONTINUATION => {
                if let Some(heads) = self.streams.iter_mut().find(|one| one.stream == stream) {
                    heads.last_bytes += bytes;
                }
            }
            HEADERS | DATA | RST_STREAM => self.forget(stream),
            _ => {}
        }
        Ok(())
    }

    fn add_head(&mut self, stream: u32, bytes: usize) -> Result<(), InterimFlood> {
        let Some(heads) = self.streams.iter_mut().find(|one| one.stream == stream) else {
            if self.streams.len() >= MAX_COUNTED_STREAMS {
                // Most likely one that its request has given up: the oldest.
                self.interim_bytes -= self.streams.remove(0).interim_bytes;
            }
            let first =
                StreamHeads { stream, interim_responses: 0, interim_bytes: 0, last_bytes: bytes };
            self.streams.push(first);
            return Ok(());
        };
        let before = std::mem::replace(&mut heads.last_bytes, bytes);
        heads.interim_responses += 1;
        heads.interim_bytes += before;
        self.interim_bytes += before;
        let flood = heads.interim_responses > MAX_INTERIM_RESPONSES
            || heads.interim_bytes > MAX_INTERIM_BYTES
            || self.interim_bytes > MAX_INTERIM_BYTES_TOGETHER;
        if flood { Err(InterimFlood) } else { Ok(()) }
    }

    fn forget(&mut self, stream: u32) {
        if let Some(at) = self.streams.iter().position(|one| one.stream == stream) {
            self.interim_bytes -= self.streams.remove(at).interim_bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    /// The shape that the head watch gives for these bytes, read so many at a time.
    fn shape(bytes: &[u8], at_a_time: usize) -> Result<Option<HeadShape>, InterimFlood> {
        let mut watch = HeadWatch::default();
        for piece in bytes.chunks(at_a_time) {
            if let Some(shape) = watch.take(piece, 1)? {
                return Ok(Some(shape));
            }
        }
        Ok(None)
    }

    const EARLY_HINT: &[u8] = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";

    #[test]
    fn the_final_head_is_told_however_it_is_cut() {
        let folded = b"\r\nHTTP/1.1 200 OK\r\na: 1\r\n  2\r\nb: 3\r\n\r\nHTTP/1.1 100 \r\n";
        let text = [EARLY_HINT, EARLY_HINT, folded].concat();
        for at_a_time in [1, 2, 3, 7, 30, 1000] {
            let wanted = HeadShape { status: 200, lines: 2, folded: true };
            assert_eq!(shape(&text, at_a_time), Ok(Some(wanted)), "{at_a_time}");
        }
        let status = |text: &[u8]| shape(text, 4).unwrap().unwrap().status;
        assert_eq!(status(b"HTTP/1.1 204 \n\n"), 204);
        assert_eq!(status(b"HTTP/1.0 101 x\r\n\r\n"), 101);
        for other in ["ICY 200 OK\n\n", "HTTP/2.0 200\n\n", "HTTP/1.1 2x0\n\n", "SSH-2.0\n\n"] {
            assert_eq!(status(other.as_bytes()), 0, "{other}");
        }
        assert_eq!(shape(b"HTTP/1.1 200 OK\r\na: 1\r\n", 4), Ok(None));
    }

    #[test]
    fn an_unusually_long_head_is_told_before_its_end() {
        let head = |lines: u32| {
            let lines = (0..lines).map(|line| format!("x-{line}: 1\r\n"));
            format!("HTTP/1.1 201 Created\r\n{}", lines.collect::<String>())
        };
        assert_eq!(shape(head(MAX_HEADER_LINES).as_bytes(), 99_999), Ok(None));
        let told = shape(head(MAX_HEADER_LINES + 1).as_bytes(), 99_999).unwrap().unwrap();
        assert_eq!((told.status, told.lines), (201, MAX_HEADER_LINES + 1));
        let hint = head(MAX_HEADER_LINES + 1).replace("201", "103");
        assert!(!matches!(shape(hint.as_bytes(), 99_999), Ok(Some(_))));
    }

    #[test]
    fn interim_responses_are_bounded_in_number_and_bytes() {
        let answer = b"HTTP/1.1 200 OK\r\n\r\n".as_slice();
        let many = EARLY_HINT.repeat(MAX_INTERIM_RESPONSES as usize);
        assert!(shape(&[&many, answer].concat(), 100).unwrap().is_some());
        let more = [&many, EARLY_HINT, answer].concat();
        assert_eq!(shape(&more, 100), Err(InterimFlood));
        let mut large = b"HTTP/1.1 100 Continue\r\na: ".to_vec();
        large.resize(MAX_INTERIM_BYTES + 1, b'a');
        assert_eq!(shape(&large, 1000), Err(InterimFlood), "in one that has no end");
        let mut body = answer.to_vec();
        body.extend(EARLY_HINT.repeat(1000));
        assert!(shape(&body, 100).unwrap().is_some(), "a body may look so");
    }

    #[test]
    fn each_request_has_its_own_bound() {
        let mut watch = HeadWatch::default();
        let answer = b"HTTP/1.1 200 OK\r\na: 1\r\n\r\n".as_slice();
        let text = [&EARLY_HINT.repeat(MAX_INTERIM_RESPONSES as usize), answer].concat();
        for exchange in 1..=10 {
            let shape = watch.take(&text, exchange).unwrap().unwrap();
            assert_eq!(shape, HeadShape { status: 200, lines: 1, folded: false });
            assert_eq!(watch.take(b"body\n\n", exchange), Ok(None));
        }
    }

    fn frame(kind: u8, flags: u8, stream: u32, length: usize) -> Vec<u8> {
        let mut frame = u32::try_from(length).unwrap().to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.resize(FRAME_HEADER + length, HEADERS);
        frame
    }

    fn take(frames: &[Vec<u8>], at_a_time: usize) -> Result<FrameWatch, InterimFlood> {
        let mut watch = FrameWatch::default();
        for piece in frames.concat().chunks(at_a_time) {
            watch.take(piece)?;
        }
        Ok(watch)
    }

    #[test]
    fn interim_heads_of_a_stream_are_bounded_in_number() {
        let heads = vec![frame(HEADERS, 0, 3, 1); MAX_INTERIM_RESPONSES as usize + 1];
        for at_a_time in [1, 5, 9, 10, 4096] {
            assert!(take(&heads, at_a_time).is_ok());
            let more = [heads.clone(), vec![frame(HEADERS, 0, 3, 1)]].concat();
            assert_eq!(take(&more, at_a_time).unwrap_err(), InterimFlood, "{at_a_time}");
        }
    }

    #[test]
    fn interim_heads_are_bounded_in_bytes() {
        let interim = |stream| frame(HEADERS, 0, stream, MAX_INTERIM_BYTES / 2);
        let last = |stream| frame(HEADERS, 0, stream, 10 * MAX_INTERIM_BYTES);
        assert!(take(&[interim(1), last(1)], 4096).is_ok(), "the final head may be larger");
        assert!(take(&[interim(1), interim(1), interim(1)], 4096).is_err());
        let continued = [interim(1), frame(CONTINUATION, 0, 1, MAX_INTERIM_BYTES), last(1)];
        assert!(take(&continued, 4096).is_err());
        let streams = |count| (0..count).flat_map(|n| [interim(2 * n + 1), last(2 * n + 1)]);
        assert!(take(&streams(31).collect::<Vec<_>>(), 4096).is_ok());
        assert!(take(&streams(33).collect::<Vec<_>>(), 4096).is_err(), "all together");
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let one = |stream| {
            let head = || frame(HEADERS, 0, stream, MAX_INTERIM_BYTES / 2);
            [head(), head(), frame(DATA, 0, stream, 100), frame(HEADERS, END_STREAM, stream, 20)]
        };
        let watch = take(&(0..2000).flat_map(one).collect::<Vec<_>>(), 4096).unwrap();
        assert!(watch.streams.is_empty());
        assert_eq!(watch.interim_bytes, 0);
        let given_up: Vec<_> = (0..2000).map(|stream| frame(HEADERS, 0, stream, 20)).collect();
        assert_eq!(take(&given_up, 4096).unwrap().streams.len(), MAX_COUNTED_STREAMS);
    }
}
