//! A replica of the control plane: all of it but its ports.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use postrider::agents::AgentSessions;
use postrider::clock::Clock;
use postrider::metrics::Metrics;
use postrider::replicas::PeerService;
use postrider::serve::{self, AssembledReplica};
use postrider::settings::Settings;
use postrider::state::peers::calls::PeerCalls;
use postrider_domain::assignment_key::AssignmentKey;
use postrider_store::Store;
use postrider_telemetry::metrics::MetricRegistry;
use tokio_util::sync::CancellationToken;

use crate::database::Connection;
use crate::network::{Line, address};
use crate::process::{Process, State};
use crate::world::{RunningReplica, World};

/// How many shards the tenants hash to.
pub const SHARD_COUNT: u16 = 4;
/// What the first replica would have drawn.
const ASSIGNMENT_KEY: [u8; 32] = [7; 32];
/// How long a replica that leaves waits for what is in flight.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(4);

/// The product's own settings, but for where everything is.
static REPLICA_SETTINGS: LazyLock<Settings> = LazyLock::new(|| {
    let flags = [
        ("database.url", "postgres://memory".to_owned()),
        ("database.shard_count", SHARD_COUNT.to_string()),
        ("server.metrics_listen", String::new()),
    ];
    Settings::load(None, &flags).expect("the defaults are valid")
});

/// Reads the settings, once for all seeds, before time is simulated.
pub fn prepare() {
    LazyLock::force(&REPLICA_SETTINGS);
}

/// Starts the replica at a place; it comes up once the database answers.
pub fn start(world: &Arc<World>, place: usize) {
    let process = Process::start();
    let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
    let connection = Connection { world: Arc::clone(world), place, process: Arc::clone(&process) };
    let line = Line { world: Arc::clone(world), place, process: Arc::clone(&process) };
    let clock: Arc<dyn Clock> = Arc::<Process>::clone(&process);
    let (store, calls): (Arc<dyn Store>, Arc<dyn PeerCalls>) =
        (Arc::new(connection), Arc::new(line));
    let settings = Arc::new(REPLICA_SETTINGS.clone());
    let metrics = Metrics::new(&MetricRegistry::unread(), &[]);
    let key = AssignmentKey::new(ASSIGNMENT_KEY);
    let AssembledReplica { context, flow, loops, mut tasks, .. } =
        serve::assemble(settings, (store, key), clock, address(place), calls, metrics);
    world.note(format_args!("replica {place} starts as {}", context.replica.0));
    let agents = Arc::new(AgentSessions::new(context.clone(), flow.clone(), closing.clone()));
    let peers = Arc::new(PeerService { context: context.clone() });
    let running = RunningReplica {
        process: Arc::clone(&process),
        context: context.clone(),
        flow,
        agents,
        peers,
        draining: draining.clone(),
        closing,
    };
    let world = Arc::clone(world);
    tokio::spawn(async move {
        let up = async {
            while context.event_types.refresh().await.is_err() {
                context.clock.sleep(Duration::from_millis(300)).await;
            }
            if let Some(slot) = world.replicas.lock().get_mut(place) {
                *slot = Some(running);
            }
            let stopped = CancellationToken::new();
            let awaited = serve::spawn_loops(&mut tasks, loops, &draining, &stopped);
            let _ = awaited.leases.await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = up => {}
            () = process.died() => {}
        }
    });
}

/// Takes the replica at a place out of the cluster as an update does.
pub async fn leave(world: &Arc<World>, place: usize) {
    let Some(replica) = world.replica(place) else { return };
    world.note(format_args!("replica {place} leaves"));
    replica.draining.cancel();
    let _ = tokio::time::timeout(
        LEAVE_TIMEOUT + Duration::from_secs(2),
        replica.flow.membership.leave(LEAVE_TIMEOUT),
    )
    .await;
    replica.closing.cancel();
    replica.context.dispatcher.close_all_streams();
    tokio::time::sleep(Duration::from_millis(100)).await;
    replica.process.set(State::Dead);
    world.note(format_args!("replica {place} has left"));
}
