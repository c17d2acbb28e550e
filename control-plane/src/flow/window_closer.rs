//! Closes a time window, so that it always has the same events.
//!
//! Fed by `api` with the end of a window; feeds it the moment at which every replica has
//! committed or given up what was published before. Guarantees that once a window is
//! closed no event appears in it, whichever replica publishes it.
//!
//! Keeps the invariant `closed-window-unchanged`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use postrider_domain::time::Timestamp;
use postrider_telemetry::LineLimit;

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::peers::Peers;
use crate::state::watermark::PublishWatermark;

/// How long a call waits for open commits. A commit whose outcome is unknown counts as open
/// for 22 s (decision 0034).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(25);
const CLOSE_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Accounts of many short windows are many lines, of which some in a row are enough.
static CLOSED_WINDOWS: LineLimit = LineLimit::new(10, Duration::from_secs(1));

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
    log: Arc<Mutex<WindowLog>>,
}

/// What has been logged of windows.
#[derive(Default)]
struct WindowLog {
    /// The latest end of a window that was closed.
    closed_until: Option<Timestamp>,
    /// Since when none can be closed.
    open_since: Option<Timestamp>,
}

/// What is to be logged of a window.
#[derive(Debug, PartialEq, Eq)]
enum WindowChange {
    Closed,
    /// It could not be, and now it can.
    ClosedAtLast(Duration),
    Open,
}

impl WindowLog {
    fn change(&mut self, end: Timestamp, is_closed: bool, now: Timestamp) -> Option<WindowChange> {
        if !is_closed {
            let is_new = self.open_since.is_none();
            self.open_since.get_or_insert(now);
            return is_new.then_some(WindowChange::Open);
        }
        let is_new = self.closed_until.is_none_or(|until| until < end);
        self.closed_until = self.closed_until.max(Some(end));
        match self.open_since.take() {
            Some(since) => Some(WindowChange::ClosedAtLast(now.since(since))),
            None => is_new.then_some(WindowChange::Closed),
        }
    }
}

impl WindowCloser {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            clock: Arc::clone(&context.clock),
            cluster: context.cluster.clone(),
            peers: context.peers.clone(),
            watermark: context.watermark.clone(),
            log: Arc::default(),
        }
    }

    /// Waits until every publish that began before `end` is committed or given up.
    pub async fn close_window(&self, end: Timestamp) -> Result<(), WindowOpen> {
        let closed = self.try_close(end).await;
        let change = self.log.lock().change(end, closed.is_ok(), self.clock.now());
        match (change, &closed) {
            (Some(WindowChange::Open), Err(why)) => {
                tracing::warn!(%end, error = %why, "a window of time cannot be closed yet; whoever asks for its account has to ask again");
            }
            (Some(WindowChange::ClosedAtLast(open)), _) => {
                let seconds = open.as_secs();
                tracing::info!(%end, seconds, "windows of time can be closed again");
            }
            (Some(WindowChange::Closed), _) => {
                if let Some(left_out) = CLOSED_WINDOWS.next_line(Instant::now()) {
                    tracing::info!(%end, left_out, "a window of time was closed: no event appears before its end any more");
                }
            }
            (Some(WindowChange::Open), Ok(())) | (None, _) => {}
        }
        closed
    }

    async fn try_close(&self, end: Timestamp) -> Result<(), WindowOpen> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_told_when_it_is_closed_and_when_none_can_be() {
        let mut log = WindowLog::default();
        let at = |seconds| Timestamp::default() + Duration::from_secs(seconds);
        assert_eq!(log.change(at(10), true, at(11)), Some(WindowChange::Closed));
        assert_eq!(log.change(at(10), true, at(12)), None, "its next page");
        assert_eq!(log.change(at(5), true, at(12)), None, "one within it");
        assert_eq!(log.change(at(20), false, at(21)), Some(WindowChange::Open));
        assert_eq!(log.change(at(20), false, at(46)), None);
        let at_last = WindowChange::ClosedAtLast(Duration::from_secs(30));
        assert_eq!(log.change(at(20), true, at(51)), Some(at_last));
        assert_eq!(log.change(at(20), true, at(52)), None);
    }
}
