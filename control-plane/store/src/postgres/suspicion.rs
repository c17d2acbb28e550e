//! Doubt about the server that connections lead to.
//!
//! Fed by calls that fail, and by the pools with each connection that is opened; feeds the
//! watch, which then looks for the server that can be written to, the pools, and whoever
//! remembers what a server has. Guarantees that a connection from before the server was left
//! is never used again.
//!
//! Keeps the invariant `only-a-writable-server`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// Cheap to clone; asked for each connection that is taken, so without a lock.
#[derive(Clone, Debug)]
pub(super) struct ServerSuspicion(Arc<SuspicionState>);

#[derive(Debug)]
struct SuspicionState {
    begun: Instant,
    /// When the server was left, in microseconds since `begun`; zero: never.
    left_microseconds: AtomicU64,
    /// How many connections were opened.
    opened_connections: AtomicU64,
    suspected: Notify,
}

impl ServerSuspicion {
    pub(super) fn new() -> Self {
        Self(Arc::new(SuspicionState {
            begun: Instant::now(),
            left_microseconds: AtomicU64::new(0),
            opened_connections: AtomicU64::new(0),
            suspected: Notify::new(),
        }))
    }

    /// The server may be away, or no longer the one that is written to.
    pub(super) fn suspect(&self) {
        self.0.suspected.notify_one();
    }

    /// A connection was opened, to whichever server is at the address now.
    pub(super) fn note_connection(&self) {
        self.0.opened_connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Changes before a statement runs on another server: no connection leads to two.
    pub(super) fn opened_connections(&self) -> u64 {
        self.0.opened_connections.load(Ordering::Relaxed)
    }

    /// Waits for a suspicion; one that came meanwhile counts.
    pub(super) async fn suspected(&self) {
        self.0.suspected.notified().await;
    }

    /// No connection that there is leads to the right server.
    pub(super) fn leave(&self) {
        let now = microseconds(self.0.begun.elapsed()).max(1);
        self.0.left_microseconds.fetch_max(now, Ordering::Relaxed);
        self.suspect();
    }

    /// Whether a connection of this age is from before the server was left.
    pub(super) fn is_left(&self, age: Duration) -> bool {
        let left = self.0.left_microseconds.load(Ordering::Relaxed);
        let connected = self.0.begun.elapsed().saturating_sub(age);
        left > 0 && microseconds(connected) <= left
    }
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_left_that_are_older_than_the_doubt() {
        let suspicion = ServerSuspicion::new();
        let (long, short) = (Duration::from_secs(60), Duration::ZERO);
        assert!(!suspicion.is_left(long));
        suspicion.leave();
        suspicion.suspected().await;
        assert!(suspicion.is_left(long));
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(suspicion.is_left(long));
        assert!(!suspicion.is_left(short));
    }
}
