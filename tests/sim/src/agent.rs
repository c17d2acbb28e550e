//! An agent: all of it but what connects and what POSTs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use postrider_agent::parts::{Desk, Metrics, OVERDUE_CHECK, Session, Stopping};
use postrider_agent::{AgentConfig, ControlPlane};
use prometheus_client::registry::Registry;

use crate::entropy;
use crate::network;
use crate::process::{Process, State};
use crate::receiver::Posts;
use crate::world::{RunningAgent, World, lock};

/// Attempts that one agent makes at once.
pub const MAX_IN_FLIGHT: u32 = 6;
/// How long an agent that leaves waits for what is in flight.
const LEAVE: Duration = Duration::from_secs(5);

/// The region that the agent at a place serves.
pub fn region(place: usize) -> &'static str {
    if place.is_multiple_of(2) { "eu" } else { "us" }
}

/// Starts the agent at a place.
pub fn start(world: &Arc<World>, place: usize, replicas: usize) {
    let process = Process::start();
    let plane = ControlPlane { secure: false, host: "localhost".to_owned(), port: 1 };
    let name = format!("agent-{place}");
    let mut config = AgentConfig::new(plane, region(place).to_owned(), name);
    config.max_in_flight = MAX_IN_FLIGHT;
    let posts = Posts { world: Arc::clone(world), agent: place, process: Arc::clone(&process) };
    let metrics = Metrics::register(&mut Registry::default());
    let desk = Desk::new(&config, Box::new(posts), metrics, Arc::default());
    world.note(format_args!("agent {place} starts"));
    world.receiver.agent_started(place);
    let stopping = Stopping::default();
    for replica in 0..replicas {
        let keeper = Keeper {
            world: Arc::clone(world),
            place,
            process: Arc::clone(&process),
            desk: Arc::clone(&desk),
            stopping: stopping.clone(),
        };
        tokio::spawn(keeper.keep(replica));
    }
    tokio::spawn(watch_overdue(Arc::clone(&process), Arc::clone(&desk)));
    if let Some(slot) = lock(&world.agents).get_mut(place) {
        *slot = Some(RunningAgent { process, desk, stopping });
    }
}

async fn watch_overdue(process: Arc<Process>, desk: Arc<Desk>) {
    while !process.is(State::Dead) {
        tokio::time::sleep(OVERDUE_CHECK).await;
        process.gate().await;
        desk.send_overdue_elsewhere(Instant::now());
    }
}

/// Keeps a stream to the replica at one place, whoever that is.
struct Keeper {
    world: Arc<World>,
    place: usize,
    process: Arc<Process>,
    desk: Arc<Desk>,
    stopping: Stopping,
}

impl Keeper {
    async fn keep(self, replica: usize) {
        while !self.process.is(State::Dead) {
            let end = (self.place, Arc::clone(&self.process));
            let world = Arc::clone(&self.world);
            let open = |said| network::open(world, end, replica, said);
            let begun = Session::begin(Arc::clone(&self.desk), self.stopping.clone(), open).await;
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
pub async fn leave(world: &Arc<World>, place: usize) {
    let Some(agent) = world.agent(place) else { return };
    world.note(format_args!("agent {place} leaves"));
    agent.desk.drain();
    agent.stopping.draining.cancel();
    let settled = tokio::time::timeout(LEAVE, agent.desk.settled()).await;
    agent.stopping.closing.cancel();
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.note(format_args!("agent {place} has left, settled: {}", settled.is_ok()));
    agent.process.set(State::Dead);
}
