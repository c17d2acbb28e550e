//! A clock that a test moves.
//!
//! Fed by tests, which skip hours in a moment; feeds a control plane that runs
//! as a library in place of its own clock. Guarantees that time flows as it does
//! outside, so that heartbeats and leases go on, that it never goes back, and
//! that whoever waits for a moment that was skipped wakes at once.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use postrider::clock::Clock;
use postrider_domain::time::Timestamp;
use tokio::sync::watch;

/// Real time and what was skipped.
#[derive(Debug)]
pub struct ManualClock {
    begun: Timestamp,
    started: Instant,
    skipped: watch::Sender<Duration>,
}

impl ManualClock {
    /// Begins at the present, as the database does.
    pub fn create() -> Arc<Self> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        Arc::new(Self {
            begun: Timestamp::default() + since_epoch.unwrap_or_default(),
            started: Instant::now(),
            skipped: watch::Sender::new(Duration::ZERO),
        })
    }

    /// Skips this much time. What is in flight sees it too: skip when nothing is.
    pub fn advance(&self, span: Duration) {
        self.skipped.send_modify(|skipped| *skipped += span);
    }

    /// Skips what is left until then; nothing when it has passed.
    pub fn advance_to(&self, at: Timestamp) {
        self.advance(at.since(self.now()));
    }

    /// What it showed at an instant, if nothing was skipped since.
    pub fn at(&self, instant: Instant) -> Timestamp {
        self.begun + instant.duration_since(self.started) + *self.skipped.borrow()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.at(Instant::now())
    }

    async fn sleep_until(&self, at: Timestamp) {
        let mut skipped = self.skipped.subscribe();
        loop {
            let left = at.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                // The sender lives as long as `self`, so this cannot fail.
                _ = skipped.changed() => {}
            }
        }
    }

    fn follows_database(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use postrider::clock::Clock;

    use super::ManualClock;

    const ONE_HOUR: Duration = Duration::from_hours(1);

    #[tokio::test]
    async fn skipping_time_wakes_who_waits_for_it() {
        let clock = ManualClock::create();
        let sleeper = tokio::spawn({
            let clock = Arc::clone(&clock);
            async move { clock.sleep(ONE_HOUR).await }
        });
        let begun = clock.now();
        tokio::task::yield_now().await;
        clock.advance(ONE_HOUR / 2);
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance_to(begun + ONE_HOUR);
        let woken = tokio::time::timeout(Duration::from_secs(5), sleeper).await;
        woken.unwrap().unwrap();
        assert!(clock.now() >= begun + ONE_HOUR);
    }

    #[tokio::test]
    async fn time_flows_by_itself_and_never_back() {
        let clock = ManualClock::create();
        let begun = clock.now();
        clock.sleep(Duration::from_millis(20)).await;
        assert!(clock.now() >= begun + Duration::from_millis(20));
        clock.advance_to(begun);
        assert!(clock.at(Instant::now()) > begun);
    }
}
