//! Closing a window of time, so that it always has the same events.
//!
//! Fed by `api`; feeds nothing. Guarantees that once a window is closed no event
//! appears in it, whichever replica it is published through.

use std::time::Duration;

use postrider_domain::time::Timestamp;

use super::Flow;

/// How long a call waits for what is being committed.
const PATIENCE: Duration = Duration::from_secs(25);
const POLL: Duration = Duration::from_millis(20);

/// A replica still commits, or cannot say whether it does.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WindowOpen(String);

impl Flow {
    /// Waits until every publish that began before `end` is committed or given up.
    pub async fn close_window(&self, end: Timestamp) -> Result<(), WindowOpen> {
        let deadline = self.clock.now() + PATIENCE;
        loop {
            if self.cluster.clock_is_off() {
                return Err(WindowOpen("the database's clock has jumped".to_owned()));
            }
            // One that joined since, and publishes already, could not be asked.
            let here = self.watermark.at(self.clock.now()).min(self.cluster.seen());
            let elsewhere = self.peers.publish_watermarks().await;
            let elsewhere = elsewhere.map_err(|error| WindowOpen(error.to_string()))?;
            // What a replica committed when it was lost, the database may still do.
            let lost = self.cluster.lately_lost();
            if elsewhere.into_iter().chain(lost).fold(here, Timestamp::min) >= end {
                return Ok(());
            }
            if self.clock.now() >= deadline {
                return Err(WindowOpen("something is still being committed".to_owned()));
            }
            self.clock.sleep(POLL).await;
        }
    }
}
