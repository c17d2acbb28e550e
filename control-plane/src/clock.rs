//! The clock of a control plane.
//!
//! Fed at start with the database's time; feeds every decision. Guarantees that time
//! never jumps: it is carried forward by a monotonic clock (database-clock). Tests use
//! a clock of their own.
//!
//! Keeps the invariant `database-clock`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use postrider_domain::time::Timestamp;

/// The time, and waiting for a time.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;

    /// Returns once `now` has reached `at`.
    async fn sleep_until(&self, at: Timestamp);

    /// Whether it started from the database's clock, and is compared with it.
    fn follows_database(&self) -> bool {
        true
    }

    async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now() + span).await;
    }
}

/// This machine's own clock, which anybody may set; used only for comparison.
pub fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The real clock.
#[derive(Debug)]
pub struct SystemClock {
    start: Timestamp,
    started: Instant,
}

impl SystemClock {
    /// A clock that reads `start` now.
    pub fn starting_at(start: Timestamp) -> Arc<Self> {
        Arc::new(Self { start, started: Instant::now() })
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.start + self.started.elapsed()
    }

    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
    }
}
