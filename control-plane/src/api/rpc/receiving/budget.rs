//! The bytes that are held for requests which are being received.
//!
//! Fed by `body` as bytes arrive and are decoded; feeds it a refusal beyond a bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::LimitMetrics;
use crate::settings::RequestSettings;

struct BudgetShared {
    taken: AtomicUsize,
    max: usize,
    max_per_connection: usize,
    gauge: Gauge,
    metrics: LimitMetrics,
}

/// The bytes that a door may hold. Cheap to clone.
#[derive(Clone)]
pub struct ReceiveBudget(Arc<BudgetShared>);

/// The bound that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetExceeded {
    /// Of the connection.
    Connection,
    /// Of all connections of the door.
    Door,
}

impl BudgetExceeded {
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Connection => "requests.max_receiving_bytes_per_connection",
            Self::Door => "requests.max_receiving_bytes",
        }
    }
}

impl ReceiveBudget {
    pub fn new(settings: &RequestSettings, door: &'static str, metrics: LimitMetrics) -> Self {
        Self(Arc::new(BudgetShared {
            taken: AtomicUsize::new(0),
            max: settings.max_receiving_bytes,
            max_per_connection: settings.max_receiving_bytes_per_connection,
            gauge: metrics.receiving_bytes(door),
            metrics,
        }))
    }

    /// Nothing yet, for a request on a connection that holds `connection` bytes.
    pub fn hold(&self, connection: Arc<AtomicUsize>) -> HeldBytes {
        HeldBytes { budget: self.clone(), connection, held: 0 }
    }

    pub fn metrics(&self) -> &LimitMetrics {
        &self.0.metrics
    }
}

/// The bytes that are held for a request; given back when dropped.
pub struct HeldBytes {
    budget: ReceiveBudget,
    connection: Arc<AtomicUsize>,
    held: usize,
}

impl HeldBytes {
    /// Holds so many more, unless a bound is reached.
    pub fn add(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        let shared = &*self.budget.0;
        let of_connection = self.connection.fetch_add(bytes, Ordering::Relaxed);
        if of_connection.saturating_add(bytes) > shared.max_per_connection {
            self.connection.fetch_sub(bytes, Ordering::Relaxed);
            return Err(BudgetExceeded::Connection);
        }
        let of_door = shared.taken.fetch_add(bytes, Ordering::Relaxed);
        if of_door.saturating_add(bytes) > shared.max {
            self.connection.fetch_sub(bytes, Ordering::Relaxed);
            shared.taken.fetch_sub(bytes, Ordering::Relaxed);
            return Err(BudgetExceeded::Door);
        }
        shared.gauge.inc_by(bytes as i64);
        self.held += bytes;
        Ok(())
    }

    /// Gives all of them back.
    pub fn release(&mut self) {
        let held = std::mem::take(&mut self.held);
        self.connection.fetch_sub(held, Ordering::Relaxed);
        self.budget.0.taken.fetch_sub(held, Ordering::Relaxed);
        self.budget.0.gauge.dec_by(held as i64);
    }

    pub fn metrics(&self) -> &LimitMetrics {
        self.budget.metrics()
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(max: usize, max_per_connection: usize) -> (ReceiveBudget, LimitMetrics) {
        let settings = RequestSettings {
            receive_timeout_seconds: 1,
            max_receiving_bytes: max,
            max_receiving_bytes_per_connection: max_per_connection,
            max_reads_per_caller: 1,
            max_read_wait_milliseconds: 1,
        };
        let metrics = LimitMetrics::default();
        (ReceiveBudget::new(&settings, "callers", metrics.clone()), metrics)
    }

    #[test]
    fn bytes_are_bounded_for_a_connection_and_for_all() {
        let (budget, metrics) = budget(100, 60);
        let one = Arc::default();
        let mut first = budget.hold(Arc::clone(&one));
        let mut second = budget.hold(one);
        first.add(40).unwrap();
        assert_eq!(second.add(21), Err(BudgetExceeded::Connection));
        second.add(20).unwrap();
        let mut elsewhere = budget.hold(Arc::default());
        assert_eq!(elsewhere.add(41), Err(BudgetExceeded::Door));
        elsewhere.add(40).unwrap();
        assert_eq!(metrics.receiving_bytes("callers").get(), 100);
        drop(first);
        elsewhere.add(20).unwrap();
        drop((second, elsewhere));
        assert_eq!(metrics.receiving_bytes("callers").get(), 0);
    }
}
