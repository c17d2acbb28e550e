//! Whether the control plane lives, and whether it can serve.
//!
//! Fed by the loops, which say that they make progress, and by the store; feeds
//! `grpc.health.v1`. Guarantees that liveness follows progress and readiness
//! follows the store: a process that is alive and does nothing is not healthy.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postrider_domain::time::Timestamp;
use postrider_store::{Store, StoreResult};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::clock::Clock;
use crate::flow::Parts;
use crate::flow::cluster::Cluster;
use crate::flow::conclude::ResultCommits;

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
/// A database that took no result for this long, although some were brought, is asked
/// whether it would take one.
const RESULTS_LIMIT: Duration = Duration::from_secs(5);
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
    results: ResultCommits,
}

impl Health {
    pub fn new(parts: &Parts) -> Self {
        Self {
            loops: Arc::default(),
            clock: Arc::clone(&parts.clock),
            store: Arc::clone(&parts.store),
            cluster: parts.cluster.clone(),
            results: parts.results.clone(),
        }
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
        in_time(self.store.ready(self.clock.now())).await?;
        // One result that fails for ever is no reason: whether any other could be
        // committed is asked.
        if self.results.failing_for().is_some_and(|failing| failing >= RESULTS_LIMIT) {
            let rehearsed = in_time(self.store.rehearse_conclusion(self.clock.now())).await;
            rehearsed.map_err(|error| format!("no result can be committed: {error}"))?;
        }
        Ok(())
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

async fn in_time(asked: impl Future<Output = StoreResult<()>>) -> Result<(), String> {
    let answer = tokio::time::timeout(READY_LIMIT, asked).await;
    let answer = answer.map_err(|_| "the database does not answer".to_owned())?;
    answer.map_err(|error| error.to_string())
}

const fn status(good: bool) -> ServingStatus {
    if good { ServingStatus::Serving } else { ServingStatus::NotServing }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use async_trait::async_trait;
    use postrider_domain::ids::ReplicaId;
    use postrider_store::OpenOptions;

    use super::*;
    use crate::flow::group::{Bounds, group};

    /// A clock that stands until it is moved.
    struct Manual(AtomicI64);

    #[async_trait]
    impl Clock for Manual {
        fn now(&self) -> Timestamp {
            Timestamp::from_micros(self.0.load(Ordering::Relaxed))
        }

        async fn sleep_until(&self, _: Timestamp) {
            std::future::pending().await
        }
    }

    const BOUNDS: Bounds = Bounds {
        queued_items: 8,
        queued_bytes: 8192,
        shares: 1,
        batch_items: 4,
        batch_bytes: 8192,
        patience: Duration::from_secs(1),
    };

    #[tokio::test]
    async fn a_writer_is_stuck_only_while_a_batch_takes_a_minute() {
        let clock = Arc::new(Manual(AtomicI64::new(0)));
        let passes = |seconds: i64| clock.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("db").display());
        let options = OpenOptions { migrate: true, shards: 1, max_connections: 1 };
        let store = postrider_store::open(&url, &options).await.unwrap();
        let second = Duration::from_secs(1);
        let cluster = Cluster::new(ReplicaId("one".into()), 1, second, Timestamp::default());
        let shown: Arc<dyn Clock> = Arc::<Manual>::clone(&clock);
        let results = ResultCommits::default();
        let health = Health { loops: Arc::default(), clock: shown, store, cluster, results };

        let (entrance, mut exit) = group::<char, u32>(BOUNDS);
        exit.watch(health.watch("publish"));
        let idle = async {
            tokio::task::yield_now().await;
            passes(3600);
            assert!(health.stuck().is_empty(), "nothing to do is no reason to restart it");
            entrance.enter(&'a', 1, 1).await.unwrap();
        };
        let (batch, ()) = tokio::join!(biased; exit.batch(), idle);
        assert_eq!(batch.unwrap().len(), 1);
        passes(60);
        assert!(health.stuck().is_empty());
        passes(1);
        assert_eq!(health.stuck(), ["publish"], "its batch is neither committed nor given up");
        exit.made_progress();
        assert!(health.stuck().is_empty(), "it waits for the database, and says so");
        passes(61);
        assert_eq!(health.stuck(), ["publish"]);
        entrance.enter(&'a', 2, 1).await.unwrap();
        exit.batch().await.unwrap();
        assert!(health.stuck().is_empty());
    }
}
