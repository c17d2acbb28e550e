//! Closes a time window, so that it always has the same events.
//!
//! Fed by `api` with the end of a window; feeds it the moment at which every replica has
//! committed or given up what was published before. Guarantees that once a window is
//! closed no event appears in it, whichever replica publishes it.
//!
//! Keeps the invariant `closed-window-unchanged`.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::time::Timestamp;

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::peers::Peers;
use crate::state::watermark::PublishWatermark;

/// How long a call waits for open commits. A commit whose outcome is unknown counts as open
/// for 22 s (decision 0034).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(25);
const CLOSE_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The window cannot be closed now, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct WindowOpen(String);

/// Closes time windows. Cheap to clone.
#[derive(Clone)]
pub struct WindowCloser {
    clock: Arc<dyn Clock>,
    cluster: ClusterState,
    peers: Peers,
    watermark: PublishWatermark,
}

impl WindowCloser {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            cluster: context.cluster.clone(),
            peers: context.peers.clone(),
            watermark: context.watermark.clone(),
        }
    }

    /// Waits until every publish that began before `end` is committed or given up.
    pub async fn close_window(&self, end: Timestamp) -> Result<(), WindowOpen> {
        let deadline = self.clock.now() + CLOSE_TIMEOUT;
        loop {
            if self.cluster.has_clock_jumped() {
                return Err(WindowOpen("the database's clock has jumped".to_owned()));
            }
            // A replica that has joined since the last view could not be asked.
            let here = self.watermark.current(self.clock.now()).min(self.cluster.view_time());
            let elsewhere = self.peers.publish_watermarks().await;
            let elsewhere = elsewhere.map_err(|error| WindowOpen(error.to_string()))?;
            // The database may still run the last commit of a lost replica.
            let lost = self.cluster.recently_lost_replicas();
            if elsewhere.into_iter().chain(lost).fold(here, Timestamp::min) >= end {
                return Ok(());
            }
            if self.clock.now() >= deadline {
                return Err(WindowOpen("a commit is still in progress".to_owned()));
            }
            self.clock.sleep(CLOSE_POLL_INTERVAL).await;
        }
    }
}
