//! The trace context that a request carries: the attempt's own, or the assignment's.

use std::sync::OnceLock;
use std::time::Instant;

/// W3C trace context of an attempt that is recorded, and when its request was sent first.
#[derive(Debug, Default)]
pub struct OutgoingTraceContext {
    parent: String,
    sent: OnceLock<Instant>,
}

impl OutgoingTraceContext {
    /// A context of the attempt's own; with an empty `parent` it has none.
    pub const fn new(parent: String) -> Self {
        Self { parent, sent: OnceLock::new() }
    }

    /// Its own context, or the assignment's when it has none.
    pub fn parent_or<'a>(&'a self, parent: &'a str) -> &'a str {
        if self.parent.is_empty() { parent } else { &self.parent }
    }

    /// Notes that the request is sent; of an attempt that sends it again, the first counts.
    pub fn note_sent(&self, sent: Instant) {
        let _ = self.sent.set(sent);
    }

    pub fn sent(&self) -> Option<Instant> {
        self.sent.get().copied()
    }
}
