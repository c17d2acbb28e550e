//! What an origin's answers over HTTP/2 have taught about it.
//!
//! Fed by `host` with what happened on connections; feeds it whether to speak
//! HTTP/1.1 instead. Guarantees that a receiver which asks for HTTP/1.1 gets it
//! from then on, that one which breaks several HTTP/2 connections in a row without
//! an answer on any gets HTTP/1.1 for a while, and that both are forgotten in
//! time. Pure.

use std::time::{Duration, Instant};

/// A receiver that asked for HTTP/1.1 is asked again after this.
const REQUIRED_KEPT: Duration = Duration::from_secs(60 * 60);
/// One whose HTTP/2 kept breaking, after this.
const BROKEN_KEPT: Duration = Duration::from_secs(10 * 60);
/// So many connections in a row that broke are no accident.
const BROKEN_CONNECTIONS: u32 = 3;

/// What is remembered of one origin.
#[derive(Debug, Default)]
pub struct VersionMemory {
    http1_until: Option<Instant>,
    broken: u32,
    last_broken: Option<(u64, Instant)>,
}

impl VersionMemory {
    /// A receiver answered HTTP_1_1_REQUIRED (RFC 9113, section 7).
    pub fn require_http1(&mut self, now: Instant) {
        self.http1_until = Some(now + REQUIRED_KEPT);
    }

    /// A connection over HTTP/2 ended with requests unanswered; all of its requests
    /// count once.
    pub fn count_broken(&mut self, connection: u64, now: Instant) {
        if self.last_broken.is_some_and(|(last, _)| connection <= last) {
            return;
        }
        self.last_broken = Some((connection, now));
        self.broken += 1;
        if self.broken >= BROKEN_CONNECTIONS {
            self.broken = 0;
            self.http1_until = Some(now + BROKEN_KEPT);
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
    pub fn is_doubtful(&self) -> bool {
        self.broken > 0
    }

    /// Whether there is still something to remember.
    pub fn is_worth_keeping(&self, now: Instant) -> bool {
        let recently = |(_, when): (u64, Instant)| now < when + BROKEN_KEPT;
        self.is_http1(now) || (self.is_doubtful() && self.last_broken.is_some_and(recently))
    }

    /// Whether to speak HTTP/1.1.
    pub fn is_http1(&self, now: Instant) -> bool {
        self.http1_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn what_a_receiver_asks_for_it_gets_until_it_is_forgotten() {
        let now = Instant::now();
        let mut memory = VersionMemory::default();
        assert!(!memory.is_http1(now));
        memory.require_http1(now);
        assert!(memory.is_http1(now + REQUIRED_KEPT / 2));
        assert!(!memory.is_http1(now + REQUIRED_KEPT));
        memory.require_http1(now);
        memory.forget();
        assert!(!memory.is_http1(now));
    }

    #[test]
    fn connections_that_break_in_a_row_lead_to_http1() {
        let now = Instant::now();
        let mut memory = VersionMemory::default();
        for _ in 0..100 {
            memory.count_broken(1, now);
        }
        memory.count_broken(2, now);
        assert!(memory.is_doubtful() && !memory.is_http1(now), "two connections");
        assert!(memory.is_worth_keeping(now) && !memory.is_worth_keeping(now + BROKEN_KEPT));
        memory.count_answered();
        assert!(!memory.is_doubtful());
        for connection in 3..=4 {
            memory.count_broken(connection, now);
        }
        assert!(!memory.is_http1(now), "it has answered between");
        memory.count_broken(5, now);
        assert!(memory.is_http1(now));
        assert!(!memory.is_http1(now + BROKEN_KEPT));
        assert!(!memory.is_doubtful(), "then it counts anew");
    }
}
