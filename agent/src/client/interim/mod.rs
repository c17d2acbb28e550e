//! Bounds the interim (1xx) responses that a receiver sends before its response.
//!
//! Fed by `traffic` with every chunk read; feeds it an error when there is too much.
//! Guarantees that for one request their number and their size are limited (RFC 9110,
//! section 15.2). The HTTP libraries skip them without limit; over HTTP/2, one connection
//! filled 90 MB of memory with them. Only as much is parsed as this needs: lines over
//! HTTP/1.1, frames over HTTP/2. Pure.
//!
//! How to drive it: pass every read chunk to `scan`; close the connection when it
//! returns an error.

use std::fmt;

/// Interim responses to one request. A receiver has use for one or two (100, 103).
const MAX_INTERIM_RESPONSES: u32 = 32;
/// Their size as they are sent, for one request. A byte of a compressed header block may
/// stand for a field, so this also bounds how many fields there are. So many responses of
/// 512 bytes each.
const MAX_INTERIM_BYTES_PER_REQUEST: usize = 16 * 1024;
/// The same for all requests under way on one connection. Sixteen requests' worth: more
/// than one connection has under way that all do this.
const MAX_INTERIM_BYTES_PER_CONNECTION: usize = 256 * 1024;
/// Requests of one connection whose interim responses are counted at a time. As many as an
/// agent has in flight by default (`work.max_in_flight`).
const MAX_COUNTED_STREAMS: usize = 512;

/// Of a head over HTTP/1.1, what the parser is given room for; hyper has room for a hundred
/// by itself. At 64 bytes each they fill the 64 KiB of a head.
pub const MAX_HEADER_LINES: u32 = 1_000;

/// A receiver sent too many interim responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterimFlood;

impl fmt::Display for InterimFlood {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the receiver sent more than {MAX_INTERIM_RESPONSES} interim (1xx) responses \
             to a request, or more than {MAX_INTERIM_BYTES_PER_REQUEST} bytes of them"
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
pub struct Http1HeadScanner {
    exchange: u64,
    position: HeadPosition,
    /// How the line at hand begins, and how long it is so far.
    line: [u8; LINE_START_BYTES],
    line_bytes: usize,
    interim: bool,
    interim_responses: u32,
    interim_bytes: usize,
    shape: HeadShape,
}

/// Up to the status: `HTTP/1.1 103`.
const LINE_START_BYTES: usize = 12;

#[derive(Debug, Default, PartialEq, Eq)]
enum HeadPosition {
    #[default]
    StatusLine,
    Headers,
    /// After the head of the final response: whatever comes is its body.
    Body,
}

impl Http1HeadScanner {
    /// Takes what was read while the `exchange`-th request was under way; gives the
    /// shape of the final response's head once that is complete or unusually long.
    pub fn scan(
        &mut self,
        mut bytes: &[u8],
        exchange: u64,
    ) -> Result<Option<HeadShape>, InterimFlood> {
        if exchange != self.exchange {
            *self = Self { exchange, ..Self::default() };
        }
        if self.position == HeadPosition::Body {
            return Ok(None);
        }
        while !bytes.is_empty() {
            let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
            let (piece, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
            bytes = rest;
            self.add(piece);
            if end.is_some() {
                self.end_line();
                self.line = [0; LINE_START_BYTES];
                self.line_bytes = 0;
            }
            if self.interim_responses > MAX_INTERIM_RESPONSES
                || self.interim_bytes > MAX_INTERIM_BYTES_PER_REQUEST
            {
                return Err(InterimFlood);
            }
            if self.position == HeadPosition::Body {
                return Ok(Some(self.shape));
            }
        }
        // The parser gives up a head with more lines than it has room for before that
        // is complete.
        let final_head = self.position == HeadPosition::Headers && !self.interim;
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
        match self.position {
            // The parser skips empty lines before a status line.
            HeadPosition::StatusLine if blank => {}
            HeadPosition::StatusLine => {
                // 101 ends HTTP on the connection: nothing follows it.
                self.interim = self.line[9] == b'1' && self.line[9..] != *b"101";
                self.interim_bytes += if self.interim { self.line_bytes } else { 0 };
                self.shape = HeadShape { status: self.status(), ..HeadShape::default() };
                self.position = HeadPosition::Headers;
            }
            HeadPosition::Headers if blank && self.interim => {
                self.interim = false;
                self.interim_responses += 1;
                self.position = HeadPosition::StatusLine;
            }
            HeadPosition::Headers if blank => self.position = HeadPosition::Body,
            HeadPosition::Headers if matches!(self.line[0], b' ' | b'\t') => {
                self.shape.folded = true
            }
            HeadPosition::Headers => self.shape.lines += 1,
            HeadPosition::Body => {}
        }
    }
}

impl Http1HeadScanner {
    fn status(&self) -> u16 {
        let digits = self.line.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..));
        let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

/// Follows the frames of one connection over HTTP/2 (RFC 9113, section 4.1).
#[derive(Debug, Default)]
pub struct Http2FrameScanner {
    header: [u8; FRAME_HEADER_BYTES],
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

const FRAME_HEADER_BYTES: usize = 9;
const FRAME_TYPE_DATA: u8 = 0x0;
const FRAME_TYPE_HEADERS: u8 = 0x1;
const FRAME_TYPE_RST_STREAM: u8 = 0x3;
const FRAME_TYPE_CONTINUATION: u8 = 0x9;
const FLAG_END_STREAM: u8 = 0x1;

impl Http2FrameScanner {
    /// Takes what was read.
    pub fn scan(&mut self, mut bytes: &[u8]) -> Result<(), InterimFlood> {
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
            if self.header_bytes == FRAME_HEADER_BYTES {
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
        let bytes = self.payload_left + FRAME_HEADER_BYTES;
        match kind {
            FRAME_TYPE_HEADERS if flags & FLAG_END_STREAM == 0 => {
                return self.add_head(stream, bytes);
            }
            FRAME_TYPE_CONTINUATION => {
                if let Some(heads) = self.streams.iter_mut().find(|item| item.stream == stream) {
                    heads.last_bytes += bytes;
                }
            }
            FRAME_TYPE_HEADERS | FRAME_TYPE_DATA | FRAME_TYPE_RST_STREAM => self.forget(stream),
            _ => {}
        }
        Ok(())
    }

    fn add_head(&mut self, stream: u32, bytes: usize) -> Result<(), InterimFlood> {
        let Some(heads) = self.streams.iter_mut().find(|item| item.stream == stream) else {
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
            || heads.interim_bytes > MAX_INTERIM_BYTES_PER_REQUEST
            || self.interim_bytes > MAX_INTERIM_BYTES_PER_CONNECTION;
        if flood { Err(InterimFlood) } else { Ok(()) }
    }

    fn forget(&mut self, stream: u32) {
        if let Some(at) = self.streams.iter().position(|item| item.stream == stream) {
            self.interim_bytes -= self.streams.remove(at).interim_bytes;
        }
    }
}

#[cfg(test)]
mod tests;
