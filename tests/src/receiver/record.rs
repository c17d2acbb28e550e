//! What a receiver has seen.
//!
//! Fed by `serve`, once a request's body is complete; feeds tests, which wait
//! here instead of sleeping. Guarantees that nothing is forgotten in silence:
//! past [`MAX_KEPT_BYTES`] every wait fails and says so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

/// Bodies and headers that one receiver keeps.
pub const MAX_KEPT_BYTES: usize = 256 << 20;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// In the order of arrival over all paths, from 1.
    pub number: u64,
    pub method: Method,
    pub uri: Uri,
    pub version: Version,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// When its head arrived, for intervals.
    pub at: Instant,
    /// When its head arrived, for timestamps.
    pub wall: SystemTime,
    /// The connection it came on, from 1 for each receiver.
    pub connection: u64,
}

impl Received {
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// A header's value; empty when it is missing or not text.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// `webhook-id`: the same in every attempt of a delivery.
    pub fn webhook_id(&self) -> &str {
        self.header("webhook-id")
    }

    fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(n, v)| n.as_str().len() + v.len()).sum();
        size_of::<Self>() + self.body.len() + headers
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct PathFigures {
    received: u64,
    in_flight: u64,
    in_flight_most: u64,
}

#[derive(Debug, Default)]
struct State {
    received: u64,
    kept: Vec<Arc<Received>>,
    kept_bytes: usize,
    full: bool,
    paths: HashMap<String, PathFigures>,
}

#[derive(Debug)]
pub(super) struct Record {
    state: Mutex<State>,
    received: watch::Sender<u64>,
    count_only: bool,
}

impl Record {
    pub(super) fn new(count_only: bool) -> Self {
        Self { state: Mutex::default(), received: watch::Sender::new(0), count_only }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Keeps a request and wakes who waits; its answer is in flight until the
    /// value returned here is dropped.
    pub(super) fn add(self: &Arc<Self>, mut request: Received) -> InFlight {
        let path = request.path().to_owned();
        let mut state = self.state();
        state.received += 1;
        request.number = state.received;
        let figures = state.paths.entry(path.clone()).or_default();
        figures.received += 1;
        figures.in_flight += 1;
        figures.in_flight_most = figures.in_flight_most.max(figures.in_flight);
        if !self.count_only {
            state.kept_bytes += request.size();
            if state.kept_bytes > MAX_KEPT_BYTES {
                state.full = true;
            } else {
                state.kept.push(Arc::new(request));
            }
        }
        let received = state.received;
        drop(state);
        self.received.send_if_modified(|seen| {
            let newer = received > *seen;
            *seen = received.max(*seen);
            newer
        });
        InFlight { record: Arc::clone(self), path, number: received }
    }

    pub(super) fn kept(&self, path: Option<&str>) -> Vec<Arc<Received>> {
        let state = self.state();
        let wanted = |r: &&Arc<Received>| path.is_none_or(|path| r.path() == path);
        state.kept.iter().filter(wanted).cloned().collect()
    }

    pub(super) fn received(&self, path: Option<&str>) -> u64 {
        let state = self.state();
        match path {
            Some(path) => state.paths.get(path).map_or(0, |figures| figures.received),
            None => state.received,
        }
    }

    pub(super) fn in_flight(&self, path: &str) -> u64 {
        let state = self.state();
        state.paths.get(path).map_or(0, |f| f.in_flight)
    }

    pub(super) fn in_flight_most(&self, path: &str) -> u64 {
        let state = self.state();
        state.paths.get(path).map_or(0, |f| f.in_flight_most)
    }

    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.kept.clear();
        state.kept_bytes = 0;
        state.full = false;
        // What is in flight still comes back to its path's figures.
        for figures in state.paths.values_mut() {
            figures.received = 0;
            figures.in_flight_most = figures.in_flight;
        }
    }

    /// Waits until `done` holds; it is asked again after every request.
    pub(super) async fn wait_until(
        &self,
        what: &str,
        limit: Duration,
        done: impl Fn(&Self) -> bool,
    ) -> Result<()> {
        let mut received = self.received.subscribe();
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            received.borrow_and_update();
            if self.state().full {
                bail!("the receiver keeps {MAX_KEPT_BYTES} bytes and has had more");
            }
            if done(self) {
                return Ok(());
            }
            let changed = tokio::time::timeout_at(deadline, received.changed());
            if changed.await.is_err() {
                let had: Vec<_> = self.state().paths.clone().into_iter().collect();
                bail!("waited {limit:?} for {what}; received: {had:?}");
            }
        }
    }
}

/// An answer that is not finished.
#[derive(Debug)]
pub(super) struct InFlight {
    record: Arc<Record>,
    path: String,
    number: u64,
}

impl InFlight {
    /// The request's number.
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.record.state();
        if let Some(figures) = state.paths.get_mut(&self.path) {
            figures.in_flight = figures.in_flight.saturating_sub(1);
        }
    }
}
