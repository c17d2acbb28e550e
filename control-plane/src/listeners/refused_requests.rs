//! Requests over HTTP/1.1 that the server refuses before anything of Postrider's sees them.
//!
//! hyper answers by itself what it cannot read, and drops a connection on which the head of a
//! request does not end in time. tonic's server, which drives it, tells nobody of either. What
//! can be seen is what hyper writes: its own answers, unlike all of Postrider's, have no id of
//! a request. HTTP/2 ends streams and connections by frames, and is not looked at.

use std::time::Duration;

use tokio::time::Instant;

use crate::metrics::LimitMetrics;

/// What an answer begins with, its version's last digit and a space after it.
const ANSWER_BEGIN: &[u8] = b"HTTP/1.";
const STATUS_START: usize = ANSWER_BEGIN.len() + 2;
const STATUS_END: usize = STATUS_START + 3;
/// As hyper writes what is in every answer of Postrider's.
const REQUEST_ID_LINE: &[u8] = b"\r\nx-request-id: ";
/// Far more than the head of an answer has.
const MAX_HEAD_BYTES: usize = 4096;
/// hyper's, for the head of a request, from the answer before it on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection's requests, as far as what is read and written tells of them.
pub(super) struct RequestWatch {
    metrics: LimitMetrics,
    /// By what the server writes first; `None` before that.
    is_http1: Option<bool>,
    /// Whether something was read to which nothing was written yet.
    is_unanswered: bool,
    /// Whether it is known why the connection ends.
    is_ending: bool,
    last_answer: Instant,
}

impl RequestWatch {
    pub fn begin(metrics: LimitMetrics) -> Self {
        Self {
            metrics,
            is_http1: None,
            is_unanswered: false,
            is_ending: false,
            last_answer: Instant::now(),
        }
    }

    /// So many bytes were read, or reading failed.
    pub fn read(&mut self, bytes: Option<usize>) {
        match bytes {
            None | Some(0) => self.is_ending = true,
            Some(_) => self.is_unanswered = true,
        }
    }

    /// The connection ends by somebody who says why.
    pub fn end(&mut self) {
        self.is_ending = true;
    }

    /// The server has written these bytes, or the first of them.
    pub fn written(&mut self, bytes: &[u8]) {
        let is_head = bytes.starts_with(ANSWER_BEGIN);
        if !*self.is_http1.get_or_insert(is_head) {
            return;
        }
        self.is_unanswered = false;
        self.last_answer = Instant::now();
        if is_head && let Some(reason) = refusal(bytes) {
            self.metrics.request_refused(reason);
        }
    }

    /// Why the server drops the connection without a word, if a request had begun.
    fn dropped_for(&self, now: Instant) -> Option<&'static str> {
        if !self.is_unanswered || self.is_ending || self.is_http1 == Some(false) {
            return None;
        }
        let has_had_time = now.duration_since(self.last_answer) >= HEAD_TIMEOUT;
        Some(if has_had_time { "head_timeout" } else { "other" })
    }
}

impl Drop for RequestWatch {
    fn drop(&mut self) {
        if let Some(reason) = self.dropped_for(Instant::now()) {
            self.metrics.request_refused(reason);
        }
    }
}

/// Why hyper refused a request, if this is an answer of its own.
fn refusal(answer: &[u8]) -> Option<&'static str> {
    let reason = match answer.get(STATUS_START..STATUS_END)? {
        b"400" => "malformed",
        b"414" => "uri_too_long",
        b"431" => "headers_too_large",
        _ => return None,
    };
    let head = answer.get(..MAX_HEAD_BYTES).unwrap_or(answer);
    let is_own = head.windows(REQUEST_ID_LINE.len()).any(|part| part == REQUEST_ID_LINE);
    (!is_own).then_some(reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: Duration = Duration::from_secs(31);

    #[test]
    fn only_what_hyper_answers_itself_is_a_refusal() {
        assert_eq!(
            refusal(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
            Some("malformed")
        );
        assert_eq!(refusal(b"HTTP/1.0 414 URI Too Long\r\n\r\n"), Some("uri_too_long"));
        assert_eq!(refusal(b"HTTP/1.1 400 Bad Request\r\nx-request-id: 1\r\n\r\n"), None);
        assert_eq!(refusal(b"HTTP/1.1 404 Not Found\r\n\r\n"), None);
        assert_eq!(refusal(b"HTTP/1."), None);
    }

    #[test]
    fn frames_of_http2_are_no_answers() {
        let metrics = LimitMetrics::alone();
        let mut watch = RequestWatch::begin(metrics.clone());
        watch.read(Some(24));
        watch.written(b"\0\0\0\x04\0\0\0\0\0");
        // The rest of a frame that was written in parts.
        watch.written(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        watch.read(Some(9));
        drop(watch);
        assert_eq!(metrics.times_refused("malformed") + metrics.times_refused("other"), 0);
    }

    #[test]
    fn a_request_whose_head_takes_too_long_is_refused_and_a_silent_connection_is_not() {
        let metrics = LimitMetrics::alone();
        let mut watch = RequestWatch::begin(metrics.clone());
        let begun = watch.last_answer;
        assert_eq!(watch.dropped_for(begun + LATER), None, "nothing was sent");
        watch.read(Some(30));
        assert_eq!(watch.dropped_for(begun + LATER), Some("head_timeout"));
        assert_eq!(watch.dropped_for(begun), Some("other"));
        watch.written(b"HTTP/1.1 200 OK\r\n");
        assert_eq!(watch.dropped_for(begun + LATER), None, "it waits for the next");
        watch.read(Some(30));
        watch.read(None);
        assert_eq!(watch.dropped_for(begun + LATER), None, "its client is gone");
        drop(watch);
        assert_eq!(metrics.times_refused("head_timeout") + metrics.times_refused("other"), 0);
    }
}
