//! A simulated agent: the real one, without connections and POSTs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postrider_agent::parts::{
    AgentMetrics, OVERDUE_CHECK_INTERVAL, ReplicaSession, ShutdownSignals, WorkCoordinator,
};
use postrider_agent::{AgentConfig, ControlPlaneEndpoint};
use postrider_telemetry::metrics::MetricRegistry;

use crate::entropy;
use crate::network;
use crate::process::{Process, State};
use crate::receiver::SimulatedExecutor;
use crate::world::{RunningAgent, World};

/// Attempts that one agent makes at once.
pub const MAX_IN_FLIGHT: u32 = 6;
/// How long an agent that leaves waits for what is in flight.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The region that the agent at a place serves.
pub fn region(place: usize) -> &'static str {
    if place.is_multiple_of(2) { "eu" } else { "us" }
}

/// Starts the agent at a place.
pub fn start(world: &Arc<World>, place: usize, replicas: usize) {
    let process = Process::start();
    let control_plane = ControlPlaneEndpoint { tls: false, host: "localhost".to_owned(), port: 1 };
    let name = format!("agent-{place}");
    let config = AgentConfig::new(control_plane, region(place).to_owned(), name);
    let mut config = config.expect("the defaults can be read");
    config.max_in_flight = MAX_IN_FLIGHT;
    let posts =
        SimulatedExecutor { world: Arc::clone(world), agent: place, process: Arc::clone(&process) };
    let metrics = AgentMetrics::new(&MetricRegistry::unread());
    let coordinator = WorkCoordinator::new(&config, Box::new(posts), metrics, Arc::default());
    world.note(format_args!("agent {place} starts"));
    world.receiver.agent_started(place);
    let signals = ShutdownSignals::default();
    for replica in 0..replicas {
        let keeper = SimulatedConnector {
            world: Arc::clone(world),
            place,
            process: Arc::clone(&process),
            coordinator: Arc::clone(&coordinator),
            signals: signals.clone(),
        };
        tokio::spawn(keeper.keep(replica));
    }
    tokio::spawn(reroute_overdue_periodically(Arc::clone(&process), Arc::clone(&coordinator)));
    if let Some(slot) = world.agents.lock().get_mut(place) {
        *slot = Some(RunningAgent { process, coordinator, signals });
    }
}

async fn reroute_overdue_periodically(process: Arc<Process>, coordinator: Arc<WorkCoordinator>) {
    while !process.is(State::Dead) {
        tokio::time::sleep(OVERDUE_CHECK_INTERVAL).await;
        process.gate().await;
        coordinator.reroute_overdue_results(Instant::now());
    }
}

/// Keeps a stream to the replica at one place, whoever that is.
struct SimulatedConnector {
    world: Arc<World>,
    place: usize,
    process: Arc<Process>,
    coordinator: Arc<WorkCoordinator>,
    signals: ShutdownSignals,
}

impl SimulatedConnector {
    async fn keep(self, replica: usize) {
        while !self.process.is(State::Dead) {
            let end = (self.place, Arc::clone(&self.process));
            let world = Arc::clone(&self.world);
            let open = |said| network::open(world, end, replica, said);
            let begun =
                ReplicaSession::open(Arc::clone(&self.coordinator), self.signals.clone(), open)
                    .await;
            let ended = match begun {
                Ok(session) => session.run().await,
                Err(refused) => Err(refused),
            };
            match ended {
                Ok(()) => return,
                Err(error) => self
                    .world
                    .note(format_args!("agent {} and replica {replica}: {error}", self.place)),
            }
            tokio::time::sleep(entropy::millis(50, 1000)).await;
            self.process.gate().await;
        }
    }
}

/// Takes the agent at a place away as an update does.
pub async fn stop_gracefully(world: &Arc<World>, place: usize) {
    let Some(agent) = world.agent(place) else { return };
    world.note(format_args!("agent {place} leaves"));
    agent.coordinator.stop_taking_work();
    agent.signals.draining.cancel();
    let settled = tokio::time::timeout(LEAVE_TIMEOUT, agent.coordinator.wait_until_drained()).await;
    agent.signals.closing.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.note(format_args!("agent {place} has left, settled: {}", settled.is_ok()));
    agent.process.set(State::Dead);
}
