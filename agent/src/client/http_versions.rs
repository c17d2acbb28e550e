//! Which HTTP version to speak to a destination, as learned from its answers.
//!
//! An origin that asks for HTTP/1.1 gets it for an hour. One that breaks three HTTP/2
//! connections in a row, without an answer between them, gets HTTP/1.1 for ten
//! minutes. Pure.
//!
//! How to drive it: ask `requires_http1` before a connection is made; `require_http1` when
//! the origin says so; `count_broken` for each connection that broke, `count_answered` for
//! each answer over HTTP/2; keep it while `is_worth_keeping`.
//!
//! Keeps the invariant `dead-connection-not-lent`.

use std::time::{Duration, Instant};

/// A receiver that asked for HTTP/1.1 is asked again after this. To ask costs one refused
/// request, and what is configured changes seldom.
const HTTP1_REQUIRED_TTL: Duration = Duration::from_secs(60 * 60);
/// One whose HTTP/2 kept breaking, after this. Shorter, since a fault is repaired sooner than
/// a configuration.
const HTTP2_BROKEN_TTL: Duration = Duration::from_secs(10 * 60);
/// After this many broken connections in a row HTTP/2 is not used for a while. One or two
/// break when a receiver restarts.
const MAX_BROKEN_CONNECTIONS: u32 = 3;

/// What is remembered of one destination.
#[derive(Debug, Default)]
pub struct HttpVersionMemory {
    http1_until: Option<Instant>,
    broken: u32,
    last_broken: Option<(u64, Instant)>,
}

impl HttpVersionMemory {
    /// A receiver answered `HTTP_1_1_REQUIRED` (RFC 9113, section 7).
    pub fn require_http1(&mut self, now: Instant) {
        self.http1_until = Some(now + HTTP1_REQUIRED_TTL);
    }

    /// A connection over HTTP/2 ended with requests unanswered; all of its requests
    /// count once.
    pub fn count_broken(&mut self, connection: u64, now: Instant) {
        if self.last_broken.is_some_and(|(last, _)| connection <= last) {
            return;
        }
        self.last_broken = Some((connection, now));
        self.broken += 1;
        if self.broken >= MAX_BROKEN_CONNECTIONS {
            self.broken = 0;
            self.http1_until = Some(now + HTTP2_BROKEN_TTL);
        }
    }

    /// An answer came over HTTP/2.
    pub fn count_answered(&mut self) {
        self.broken = 0;
    }

    /// HTTP/1.1 cannot be had there.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether answers over HTTP/2 matter: some connections broke before.
    pub fn has_broken_connections(&self) -> bool {
        self.broken > 0
    }

    /// Whether there is still something to remember.
    pub fn is_worth_keeping(&self, now: Instant) -> bool {
        let recently = |(_, when): (u64, Instant)| now < when + HTTP2_BROKEN_TTL;
        self.requires_http1(now)
            || (self.has_broken_connections() && self.last_broken.is_some_and(recently))
    }

    /// Whether to speak HTTP/1.1.
    pub fn requires_http1(&self, now: Instant) -> bool {
        self.http1_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_receiver_asks_for_it_gets_until_it_is_forgotten() {
        let now = Instant::now();
        let mut memory = HttpVersionMemory::default();
        assert!(!memory.requires_http1(now));
        memory.require_http1(now);
        assert!(memory.requires_http1(now + HTTP1_REQUIRED_TTL / 2));
        assert!(!memory.requires_http1(now + HTTP1_REQUIRED_TTL));
        memory.require_http1(now);
        memory.forget();
        assert!(!memory.requires_http1(now));
    }

    #[test]
    fn connections_that_break_in_a_row_lead_to_http1() {
        let now = Instant::now();
        let mut memory = HttpVersionMemory::default();
        for _ in 0..100 {
            memory.count_broken(1, now);
        }
        memory.count_broken(2, now);
        assert!(memory.has_broken_connections() && !memory.requires_http1(now), "two connections");
        assert!(memory.is_worth_keeping(now) && !memory.is_worth_keeping(now + HTTP2_BROKEN_TTL));
        memory.count_answered();
        assert!(!memory.has_broken_connections());
        for connection in 3..=4 {
            memory.count_broken(connection, now);
        }
        assert!(!memory.requires_http1(now), "it has answered between");
        memory.count_broken(5, now);
        assert!(memory.requires_http1(now));
        assert!(!memory.requires_http1(now + HTTP2_BROKEN_TTL));
        assert!(!memory.has_broken_connections(), "then it counts again");
    }
}
