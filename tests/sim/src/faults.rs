//! Which faults occur, and when.
//!
//! Fed by the seed, which also chooses faults that do not occur: faults that always
//! come together hide each other. Guarantees that there are no faults left when it
//! returns.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::process::{Process, State};
use crate::world::{Node, World};
use crate::{agent, entropy, replica};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    ReplicaCrashes,
    ReplicaLeaves,
    ReplicaStops,
    AgentCrashes,
    AgentLeaves,
    AgentStops,
    AgentIsParted,
    ReplicasAreParted,
    DatabaseIsParted,
    DatabaseIsDown,
    DatabaseIsSlow,
    DatabaseIsUnsure,
    NetworkIsSlow,
    ConnectionBreaks,
}

const ALL_FAULTS: [Fault; 14] = [
    Fault::ReplicaCrashes,
    Fault::ReplicaLeaves,
    Fault::ReplicaStops,
    Fault::AgentCrashes,
    Fault::AgentLeaves,
    Fault::AgentStops,
    Fault::AgentIsParted,
    Fault::ReplicasAreParted,
    Fault::DatabaseIsParted,
    Fault::DatabaseIsDown,
    Fault::DatabaseIsSlow,
    Fault::DatabaseIsUnsure,
    Fault::NetworkIsSlow,
    Fault::ConnectionBreaks,
];

/// All faults of one seed.
pub struct FaultSchedule {
    world: Arc<World>,
    /// Processes that something is being done to.
    busy: Mutex<BTreeSet<Node>>,
    replicas: usize,
    agents: usize,
}

impl FaultSchedule {
    pub fn new(world: Arc<World>) -> Arc<Self> {
        let (replicas, agents) = (world.replicas.lock().len(), world.agents.lock().len());
        Arc::new(Self { world, busy: Mutex::default(), replicas, agents })
    }

    /// Lets faults happen until then, and waits until each is over.
    pub async fn rage(self: Arc<Self>, until: Duration) {
        let chosen: Vec<Fault> = ALL_FAULTS.into_iter().filter(|_| entropy::percent(35)).collect();
        self.world.note(format_args!("faults: {chosen:?}"));
        self.world.weather.lock().hints_lost = if entropy::percent(50) { 30 } else { 0 };
        let pause = 300 + entropy::next() % 4000;
        let mut under_way = JoinSet::new();
        while entropy::elapsed() < until {
            tokio::time::sleep(entropy::millis(10, pause)).await;
            if let Some(fault) = chosen.get(entropy::below(chosen.len())) {
                under_way.spawn(Arc::clone(&self).happen(*fault));
            }
        }
        while under_way.join_next().await.is_some() {}
        self.world.weather.lock().hints_lost = 0;
        self.world.note(format_args!("all is well"));
    }

    async fn happen(self: Arc<Self>, fault: Fault) {
        let (one, other) = (entropy::below(self.replicas), entropy::below(self.replicas));
        let this = entropy::below(self.agents);
        self.world.note(format_args!("{fault:?}"));
        let here = Node::Replica(one);
        match fault {
            Fault::ReplicaCrashes | Fault::ReplicaLeaves | Fault::ReplicaStops => {
                self.alone(here, self.replica(fault, one)).await;
            }
            Fault::AgentCrashes | Fault::AgentLeaves | Fault::AgentStops => {
                self.alone(Node::Agent(this), self.agent(fault, this)).await;
            }
            Fault::AgentIsParted => {
                if entropy::percent(40) {
                    self.world.break_connection(this, one);
                }
                self.parted(&[(Node::Agent(this), here)]).await;
            }
            Fault::ReplicasAreParted => self.parted(&[(here, Node::Replica(other))]).await,
            Fault::DatabaseIsParted => self.parted(&[(here, Node::Database)]).await,
            Fault::DatabaseIsDown => {
                let all = (0..self.replicas).map(|place| (Node::Replica(place), Node::Database));
                self.parted(&all.collect::<Vec<_>>()).await;
            }
            Fault::DatabaseIsSlow => {
                self.world.weather.lock().database_ms = 100 + entropy::next() % 2500;
                tokio::time::sleep(entropy::millis(500, 6000)).await;
                self.world.weather.lock().database_ms = 2;
            }
            Fault::DatabaseIsUnsure => {
                self.world.weather.lock().database_unknown = 5 + entropy::below(40);
                tokio::time::sleep(entropy::millis(500, 6000)).await;
                self.world.weather.lock().database_unknown = 0;
            }
            Fault::NetworkIsSlow => {
                self.world.weather.lock().network_ms = 100 + entropy::next() % 1500;
                tokio::time::sleep(entropy::millis(500, 6000)).await;
                let mut weather = self.world.weather.lock();
                (weather.network_ms, weather.held_up) = (5, entropy::elapsed());
            }
            Fault::ConnectionBreaks => self.world.break_connection(this, one),
        }
    }

    /// Does something to a process, unless something is being done to it.
    async fn alone(&self, node: Node, deed: impl Future<Output = ()>) {
        if self.busy.lock().insert(node) {
            deed.await;
            self.busy.lock().remove(&node);
        }
    }

    async fn parted(&self, pairs: &[(Node, Node)]) {
        pairs.iter().for_each(|(pair, other)| self.world.part(*pair, *other, true));
        tokio::time::sleep(entropy::millis(200, 14_000)).await;
        self.world.note(format_args!("joined again: {pairs:?}"));
        pairs.iter().for_each(|(pair, other)| self.world.part(*pair, *other, false));
    }

    async fn replica(&self, fault: Fault, place: usize) {
        let Some(running) = self.world.replica(place) else { return };
        match fault {
            Fault::ReplicaStops => return self.stopped(&running.process).await,
            Fault::ReplicaLeaves => replica::leave(&self.world, place).await,
            _ => running.process.set(State::Dead),
        }
        tokio::time::sleep(entropy::millis(50, 13_000)).await;
        replica::start(&self.world, place);
    }

    async fn agent(&self, fault: Fault, place: usize) {
        let Some(running) = self.world.agent(place) else { return };
        match fault {
            Fault::AgentStops => {
                self.stopped(&running.process).await;
                return self.world.excuse(place);
            }
            Fault::AgentLeaves => agent::stop_gracefully(&self.world, place).await,
            _ => running.process.set(State::Dead),
        }
        tokio::time::sleep(entropy::millis(50, 8000)).await;
        agent::start(&self.world, place, self.replicas);
    }

    async fn stopped(&self, process: &Process) {
        process.set(State::Stopped);
        tokio::time::sleep(entropy::millis(200, 16_000)).await;
        process.set(State::Running);
        self.world.weather.lock().held_up = entropy::elapsed();
        self.world.note(format_args!("a process goes on"));
    }
}
