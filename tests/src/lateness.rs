//! How late this machine is.
//!
//! Fed by a piece of a test; feeds the test with what a bound on time has to allow for.
//! Guarantees that a pause of the machine, which no program can make up for, is told
//! from a program's own slowness.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often lateness is measured: a shorter pause is shorter than any bound.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Does the work, and tells the longest that a timer beside it was late.
pub async fn during<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let mut work = pin!(work);
    let mut worst = Duration::ZERO;
    loop {
        let due = Instant::now() + POLL_INTERVAL;
        let done = tokio::select! {
            biased;
            done = &mut work => Some(done),
            () = sleep_until(due) => None,
        };
        worst = worst.max(due.elapsed());
        if let Some(done) = done {
            return (done, worst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::during;

    #[tokio::test]
    async fn a_pause_is_seen_and_the_work_is_done() {
        let pause = Duration::from_millis(200);
        let work = async {
            tokio::task::yield_now().await;
            std::thread::sleep(pause);
            7
        };
        let (done, late) = during(work).await;
        assert_eq!(done, 7);
        assert!(late >= pause / 2, "{late:?}");
    }
}
