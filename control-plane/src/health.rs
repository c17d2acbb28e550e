//! Whether the control plane lives, and whether it can serve.
//!
//! Fed by the loops, which say that they make progress, and by the store; feeds
//! `grpc.health.v1`. Guarantees that liveness follows progress and readiness
//! follows the store: a process that is alive and does nothing is not healthy.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_store::Store;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::clock::Clock;
use crate::flow::cluster::Cluster;

/// The services that probes may ask for besides "".
pub const LIVENESS: &str = "liveness";
pub const READINESS: &str = "readiness";
/// The progress of a loop that waits for work and has none.
const IDLE: i64 = i64::MAX;
/// A store that takes longer to say that it is ready is not.
const READY_LIMIT: Duration = Duration::from_secs(5);
/// A database that took no heartbeat for this long takes no events either. One that
/// refused events this lately, and has taken none since, may take heartbeats all the
/// same: on a full disk what is there can still be changed.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
/// A loop that made no progress for this long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// How often both are looked at.
const PERIOD: Duration = Duration::from_secs(1);

struct Loop {
    name: &'static str,
    last: AtomicI64,
}

/// By which one loop says that it makes progress.
#[derive(Clone)]
pub struct Progress {
    state: Arc<Loop>,
    clock: Arc<dyn Clock>,
}

impl Progress {
    pub fn made(&self) {
        self.state.last.store(self.clock.now().as_micros(), Ordering::Relaxed);
    }

    /// There is nothing to do, for as long as it may be.
    pub fn idle(&self) {
        self.state.last.store(IDLE, Ordering::Relaxed);
    }
}

/// Watches loops and the store. Cheap to clone.
#[derive(Clone)]
pub struct Health {
    loops: Arc<Mutex<Vec<Arc<Loop>>>>,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    cluster: Cluster,
}

impl Health {
    pub fn new(clock: Arc<dyn Clock>, store: Arc<dyn Store>, cluster: Cluster) -> Self {
        Self { loops: Arc::default(), clock, store, cluster }
    }

    async fn ready(&self) -> Result<(), String> {
        if self.cluster.clock_is_off() {
            return Err("the database's clock has jumped".to_owned());
        }
        if self.cluster.silence() > SILENCE_LIMIT {
            return Err("the database takes no heartbeat".to_owned());
        }
        if self.cluster.refused_ago().is_some_and(|ago| ago < SILENCE_LIMIT) {
            return Err("the database refused the last events".to_owned());
        }
        let ready = tokio::time::timeout(READY_LIMIT, self.store.ready(self.clock.now())).await;
        let ready = ready.map_err(|_| "the database does not answer".to_owned())?;
        ready.map_err(|error| error.to_string())
    }

    /// Watches one more loop.
    pub fn watch(&self, name: &'static str) -> Progress {
        let now = self.clock.now().as_micros();
        let state = Arc::new(Loop { name, last: AtomicI64::new(now) });
        self.loops.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&state));
        Progress { state, clock: Arc::clone(&self.clock) }
    }

    /// The loops that are stuck.
    fn stuck(&self) -> Vec<&'static str> {
        let now = self.clock.now();
        let loops = self.loops.lock().unwrap_or_else(PoisonError::into_inner);
        let stuck = loops.iter().filter(|one| {
            now.since(Timestamp::from_micros(one.last.load(Ordering::Relaxed))) > STUCK_AFTER
        });
        stuck.map(|one| one.name).collect()
    }

    /// Reports until told to stop; not ready from then on.
    pub async fn run(&self, reporter: HealthReporter, stop: CancellationToken) {
        let mut was_ready = None;
        while !stop.is_cancelled() {
            let stuck = self.stuck();
            if !stuck.is_empty() {
                tracing::error!(?stuck, "loops make no progress");
            }
            reporter.set_service_status(LIVENESS, status(stuck.is_empty())).await;
            let ready = self.ready().await;
            if was_ready != Some(ready.is_ok()) {
                match &ready {
                    Ok(()) => tracing::info!("ready"),
                    Err(error) => tracing::warn!(%error, "not ready"),
                }
                was_ready = Some(ready.is_ok());
            }
            for service in ["", READINESS] {
                reporter.set_service_status(service, status(ready.is_ok())).await;
            }
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                () = stop.cancelled() => {}
            }
        }
        for service in ["", READINESS] {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
    }
}

const fn status(good: bool) -> ServingStatus {
    if good { ServingStatus::Serving } else { ServingStatus::NotServing }
}
