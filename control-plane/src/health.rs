//! Liveness and readiness.
//!
//! Fed by the loops, which report progress, and by the store; feeds `grpc.health.v1`
//! at the callers' door and the probes of the metrics port.
//! Guarantees that liveness follows the loops' progress and readiness follows the
//! database (health-tells-the-truth): a process that runs but does nothing is not
//! healthy.
//!
//! Keeps the invariant `health-tells-the-truth`.

use std::sync::Arc;
use std::time::Duration;

use postrider_store::{Store, StoreResult};
use postrider_telemetry::HealthProbes;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::clock::Clock;
use crate::progress::WatchedLoops;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::result_commits::ResultCommitHealth;

/// The services that probes may ask for besides "".
pub const LIVENESS_SERVICE: &str = "liveness";
pub const READINESS_SERVICE: &str = "readiness";
/// A store that takes longer to answer is not ready. A probe asks again after ten seconds
/// or so.
const READY_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// Not ready after this long without a heartbeat. Also not ready for this long after events
/// were refused and none accepted since: on a full disk, heartbeats, which only change
/// existing rows, may still succeed. As long as a lease.
const MAX_DATABASE_SILENCE: Duration = Duration::from_secs(10);
/// If results have failed for this long, the database is asked whether it would accept one.
/// Chosen, not measured: a conflict, or a connection that is made again, is over sooner.
const MAX_RESULT_FAILURE_SPAN: Duration = Duration::from_secs(5);
/// A loop that made no progress for this long is stuck. Four times as long as a call of the
/// database may take: a restart is the last thing to try.
const STUCK_AFTER: Duration = Duration::from_secs(60);
/// How often liveness and readiness are checked. Chosen, not measured: a tenth of the
/// period with which Kubernetes probes by default, so that an answer is never old.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Watches loops and the store. Cheap to clone.
#[derive(Clone)]
pub struct HealthMonitor {
    loops: WatchedLoops,
    clock: Arc<dyn Clock>,
    store: Arc<dyn Store>,
    cluster: ClusterState,
    results: ResultCommitHealth,
}

impl HealthMonitor {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            loops: context.loops.clone(),
            clock: Arc::clone(&context.clock),
            store: Arc::clone(&context.store),
            cluster: context.cluster.clone(),
            results: context.result_commits.clone(),
        }
    }

    async fn check_ready(&self) -> Result<(), String> {
        if self.cluster.has_clock_jumped() {
            return Err("the database's clock has jumped".to_owned());
        }
        if self.cluster.since_heartbeat() > MAX_DATABASE_SILENCE {
            return Err("the database accepts no heartbeat".to_owned());
        }
        if self.cluster.since_publish_refused().is_some_and(|ago| ago < MAX_DATABASE_SILENCE) {
            return Err("the database refused the last commit of events".to_owned());
        }
        within_limit(self.store.ready(self.clock.now())).await?;
        // A single bad result may fail for ever: ask whether any other could be committed.
        if self.results.failing_for().is_some_and(|failing| failing >= MAX_RESULT_FAILURE_SPAN) {
            let rehearsed = within_limit(self.store.rehearse_conclusion(self.clock.now())).await;
            rehearsed.map_err(|error| format!("no result can be committed: {error}"))?;
        }
        Ok(())
    }

    /// The loops that are stuck.
    fn stuck_loops(&self) -> Vec<&'static str> {
        self.loops.stuck_for(STUCK_AFTER)
    }

    /// Reports until told to stop, then reports not ready.
    pub async fn run(
        &self,
        reporter: HealthReporter,
        probes: HealthProbes,
        stop: CancellationToken,
    ) {
        let mut was_ready = None;
        while !stop.is_cancelled() {
            let stuck = self.stuck_loops();
            if !stuck.is_empty() {
                tracing::error!(?stuck, "loops make no progress");
            }
            reporter.set_service_status(LIVENESS_SERVICE, status(stuck.is_empty())).await;
            probes.set_live(stuck.is_empty());
            let ready = self.check_ready().await;
            if was_ready != Some(ready.is_ok()) {
                match &ready {
                    Ok(()) => tracing::info!("ready"),
                    Err(error) => tracing::warn!(%error, "not ready"),
                }
                was_ready = Some(ready.is_ok());
            }
            probes.set_ready(ready.is_ok());
            for service in ["", READINESS_SERVICE] {
                reporter.set_service_status(service, status(ready.is_ok())).await;
            }
            tokio::select! {
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
                () = stop.cancelled() => {}
            }
        }
        probes.set_ready(false);
        for service in ["", READINESS_SERVICE] {
            reporter.set_service_status(service, ServingStatus::NotServing).await;
        }
    }
}

async fn within_limit(asked: impl Future<Output = StoreResult<()>>) -> Result<(), String> {
    let answer = tokio::time::timeout(READY_CALL_TIMEOUT, asked).await;
    let answer = answer.map_err(|_| "the database does not answer".to_owned())?;
    answer.map_err(|error| error.to_string())
}

const fn status(good: bool) -> ServingStatus {
    if good { ServingStatus::Serving } else { ServingStatus::NotServing }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use async_trait::async_trait;
    use fair_batch::{QueueLimits, channel};
    use postrider_domain::ids::ReplicaId;
    use postrider_domain::time::Timestamp;
    use postrider_secret_encryption::LocalKeys;
    use postrider_store::OpenOptions;

    use super::*;

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

    const SMALL_LIMITS: QueueLimits = QueueLimits {
        max_queued_items: 8,
        max_queued_bytes: 8192,
        key_shares: 1,
        max_batch_items: 4,
        max_batch_bytes: 8192,
        slows_floods: true,
        enqueue_timeout: Duration::from_secs(1),
    };

    #[tokio::test]
    async fn a_writer_is_stuck_only_while_a_batch_takes_a_minute() {
        let clock = Arc::new(Manual(AtomicI64::new(0)));
        let passes = |seconds: i64| clock.0.fetch_add(seconds * 1_000_000, Ordering::Relaxed);
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", directory.path().join("db").display());
        let keys = Arc::new(LocalKeys::default());
        let options = OpenOptions {
            migrate: true,
            shards: 1,
            max_connections: 1,
            max_read_connections: 1,
            keys,
        };
        let store = postrider_store::open(&url, &options).await.unwrap();
        let second = Duration::from_secs(1);
        let cluster = ClusterState::new(ReplicaId("one".into()), 1, second, Timestamp::default());
        let shown: Arc<dyn Clock> = Arc::<Manual>::clone(&clock);
        let results = ResultCommitHealth::default();
        let loops = WatchedLoops::new(Arc::clone(&shown));
        let health = HealthMonitor { loops, clock: shown, store, cluster, results };

        let (sender, mut receiver) = channel::<char, u32>(SMALL_LIMITS);
        receiver.set_progress_reporter(health.loops.register_writer("publish"));
        let idle = async {
            tokio::task::yield_now().await;
            passes(3600);
            assert!(health.stuck_loops().is_empty(), "nothing to do is no reason to restart it");
            sender.send_timeout(&'a', 1, 1).await.unwrap();
        };
        let (batch, ()) = tokio::join!(biased; receiver.next_batch(), idle);
        assert_eq!(batch.unwrap().len(), 1);
        passes(60);
        assert!(health.stuck_loops().is_empty());
        passes(1);
        assert_eq!(
            health.stuck_loops(),
            ["publish"],
            "its batch is neither committed nor given up"
        );
        receiver.report_progress();
        assert!(health.stuck_loops().is_empty(), "it waits for the database, and says so");
        passes(61);
        assert_eq!(health.stuck_loops(), ["publish"]);
        sender.send_timeout(&'a', 2, 1).await.unwrap();
        receiver.next_batch().await.unwrap();
        assert!(health.stuck_loops().is_empty());
    }
}
