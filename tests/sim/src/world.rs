//! What is simulated, and who sees all of it.
//!
//! Fed by every part with what happens; feeds `judge` and whoever repeats a seed.
//! Guarantees that what happened is one sequence with one hash, by which two runs of a
//! seed are compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider::agents::AgentSessions;
use postrider::flow::Flow;
use postrider::replicas::PeerService;
use postrider::state::context::ReplicaContext;
use postrider_agent::parts::{ShutdownSignals, WorkCoordinator};
use postrider_domain::ids::AttemptKey;
use postrider_store_memory::MemoryStore;
use tokio_util::sync::CancellationToken;

use crate::entropy;
use crate::lies::OverheardAssignments;
use crate::load::Load;
use crate::process::{Process, State};
use crate::receiver::Receiver;

/// How long after it was cut off, or stopped, an agent may be taken for lost.
const EXCUSED_FOR: Duration = Duration::from_secs(30);

/// How long after messages were held up the last of them may come.
const STEADY_AFTER: Duration = Duration::from_secs(5);

/// Somewhere that messages come from or go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    Replica(usize),
    Agent(usize),
    Database,
}

/// A replica that was started, by its place.
#[derive(Clone)]
pub struct RunningReplica {
    pub process: Arc<Process>,
    pub context: ReplicaContext,
    pub flow: Flow,
    pub agents: Arc<AgentSessions>,
    pub peers: Arc<PeerService>,
    pub draining: CancellationToken,
    pub closing: CancellationToken,
}

/// An agent that was started, by its place.
#[derive(Clone)]
pub struct RunningAgent {
    pub process: Arc<Process>,
    pub coordinator: Arc<WorkCoordinator>,
    pub signals: ShutdownSignals,
}

/// What is between the nodes, for the moment.
#[derive(Default)]
pub struct FaultState {
    /// Pairs that cannot reach each other, with how often that was asked for.
    apart: BTreeMap<(Node, Node), usize>,
    /// The longest that a call to the database takes each way.
    pub database_ms: u64,
    /// In how many of a hundred calls nobody knows what the database did.
    pub database_unknown: usize,
    /// The longest that a message takes.
    pub network_ms: u64,
    /// When messages were last held up.
    pub held_up: Duration,
    /// In how many of a hundred cases a hint is lost, or comes twice.
    pub hints_lost: usize,
}

/// Everything.
pub struct World {
    pub store: Arc<MemoryStore>,
    pub replicas: Mutex<Vec<Option<RunningReplica>>>,
    pub agents: Mutex<Vec<Option<RunningAgent>>>,
    pub weather: Mutex<FaultState>,
    pub receiver: Receiver,
    pub load: Load,
    pub overheard: OverheardAssignments,
    /// When each agent was last cut off from a replica, or stopped.
    excused: Mutex<BTreeMap<usize, Duration>>,
    /// Changes whenever a pair is parted or joined.
    pub weather_changed: tokio::sync::watch::Sender<u64>,
    /// What breaks the newest connection of each agent and replica.
    cuts: Mutex<BTreeMap<(usize, usize), CancellationToken>>,
    trace: Mutex<Trace>,
}

struct Trace {
    hash: u64,
    events: u64,
    print: bool,
    wrong: Vec<String>,
}

impl World {
    pub fn new(store: Arc<MemoryStore>, load: Load, print: bool) -> Arc<Self> {
        let trace = Trace { hash: 0xcbf2_9ce4_8422_2325, events: 0, print, wrong: Vec::new() };
        let weather = FaultState { database_ms: 2, network_ms: 5, ..FaultState::default() };
        Arc::new(Self {
            store,
            replicas: Mutex::default(),
            agents: Mutex::default(),
            weather: Mutex::new(weather),
            receiver: Receiver::default(),
            load,
            overheard: OverheardAssignments::default(),
            excused: Mutex::default(),
            weather_changed: tokio::sync::watch::Sender::new(0),
            cuts: Mutex::default(),
            trace: Mutex::new(trace),
        })
    }

    /// Notes what happened.
    pub fn note(&self, what: fmt::Arguments<'_>) {
        let mut trace = self.trace.lock();
        let line = format!("{:>12.6} {what}", entropy::elapsed().as_secs_f64());
        for byte in line.bytes() {
            trace.hash = (trace.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        trace.events += 1;
        if trace.print {
            println!("{line}");
        }
    }

    /// Shows what only helps to understand the rest: it is neither counted nor hashed.
    pub fn detail(&self, what: fmt::Arguments<'_>) {
        if self.trace.lock().print {
            println!("{:>12.6}   {what}", entropy::elapsed().as_secs_f64());
        }
    }

    /// Notes what must not happen.
    pub fn wrong(&self, what: String) {
        self.note(format_args!("WRONG {what}"));
        self.trace.lock().wrong.push(what);
    }

    /// The hash of all that happened, how much that was, and what was wrong with it.
    pub fn story(&self) -> (u64, u64, Vec<String>) {
        let trace = self.trace.lock();
        (trace.hash, trace.events, trace.wrong.clone())
    }

    pub fn replica(&self, place: usize) -> Option<RunningReplica> {
        let found = self.replicas.lock().get(place).cloned().flatten();
        found.filter(|row| !row.process.is(State::Dead))
    }

    pub fn agent(&self, place: usize) -> Option<RunningAgent> {
        let found = self.agents.lock().get(place).cloned().flatten();
        found.filter(|row| !row.process.is(State::Dead))
    }

    /// Notes what each replica has in memory.
    pub fn note_memory(&self) {
        let count = self.replicas.lock().len();
        for (place, replica) in (0..count).filter_map(|at| Some((at, self.replica(at)?))) {
            let dispatcher = &replica.context.dispatcher;
            let (leases, streams) = dispatcher.read(|scheduler, _| {
                let streams: Vec<_> = scheduler.streams().map(|(_, view)| view).collect();
                (scheduler.leases(), streams)
            });
            let (regions, lanes) = (dispatcher.region_figures(), &self.load.plans);
            self.note(format_args!("replica {place} owns {leases:?}"));
            self.note(format_args!("  streams {streams:?}"));
            self.note(format_args!("  regions {regions:?}"));
            for plan in lanes {
                self.note(format_args!("  lane {} {:?}", plan.key, dispatcher.lane(&plan.key)));
            }
        }
    }

    /// Parts a pair, or joins it as often as it was parted.
    pub fn part(&self, one: Node, other: Node, apart: bool) {
        let pair = (one.min(other), one.max(other));
        {
            let mut weather = self.weather.lock();
            let count = weather.apart.entry(pair).or_default();
            *count = if apart { *count + 1 } else { count.saturating_sub(1) };
            weather.held_up = entropy::elapsed();
        }
        for node in [one, other] {
            if let Node::Agent(agent) = node {
                self.excuse(agent);
            }
        }
        self.weather_changed.send_modify(|changes| *changes += 1);
    }

    /// Whether messages have taken about the same time for a while.
    pub fn is_steady(&self) -> bool {
        let weather = self.weather.lock();
        weather.network_ms <= 20 && entropy::elapsed() > weather.held_up + STEADY_AFTER
    }

    pub fn are_apart(&self, one: Node, other: Node) -> bool {
        let pair = (one.min(other), one.max(other));
        self.weather.lock().apart.get(&pair).is_some_and(|count| *count > 0)
    }

    /// Returns once a pair can reach each other.
    pub async fn together(&self, one: Node, other: Node) {
        let mut changes = self.weather_changed.subscribe();
        while self.are_apart(one, other) {
            let _ = changes.changed().await;
        }
    }

    /// What breaks a connection that is being made.
    pub fn cut(&self, agent: usize, replica: usize) -> CancellationToken {
        let cut = CancellationToken::new();
        self.cuts.lock().insert((agent, replica), cut.clone());
        cut
    }

    /// Breaks a connection, if there is one.
    pub fn break_connection(&self, agent: usize, replica: usize) {
        if let Some(cut) = self.cuts.lock().remove(&(agent, replica)) {
            self.note(format_args!("agent {agent} and replica {replica} lose their connection"));
            cut.cancel();
        }
    }

    /// An agent may be taken for lost for a while.
    pub fn excuse(&self, agent: usize) {
        self.excused.lock().insert(agent, entropy::elapsed());
    }

    /// Whether an agent could rightly be taken for lost.
    pub fn is_excused(&self, agent: usize) -> bool {
        let last = self.excused.lock().get(&agent).copied();
        let lately = last.is_some_and(|last| entropy::elapsed() - last < EXCUSED_FOR);
        let apart = self.weather.lock().apart.iter().any(|((apart, other), count)| {
            let this = Node::Agent(agent);
            *count > 0 && (*apart == this || *other == this)
        });
        let stopped = self.agent(agent).is_none_or(|agent| agent.process.is(State::Stopped));
        lately || apart || stopped
    }

    /// The agents that live, and cannot rightly be taken for lost.
    pub fn trusty_agents(&self) -> Vec<(usize, RunningAgent)> {
        let count = self.agents.lock().len();
        let living = (0..count).filter_map(|place| Some((place, self.agent(place)?)));
        living.filter(|(place, _)| !self.is_excused(*place)).collect()
    }

    /// An attempt was given up: no living agent may hold it, unless what it says of that
    /// may take longer on its way than anybody waits for it.
    pub fn given_up(&self, key: AttemptKey) {
        self.note(format_args!("given up {} {}", key.delivery, key.number));
        if !self.is_steady() {
            return;
        }
        for (place, agent) in self.trusty_agents() {
            let hello = agent.coordinator.build_hello();
            let held: BTreeSet<(Vec<u8>, u32)> = hello
                .in_flight
                .iter()
                .chain(&hello.unacknowledged)
                .map(|held| (held.delivery_id.to_vec(), held.number))
                .collect();
            if held.contains(&(key.delivery.0.as_bytes().to_vec(), key.number)) {
                let number = key.number;
                self.wrong(format!(
                    "{} {number} became UNKNOWN while agent {place} held it",
                    key.delivery
                ));
            }
        }
    }
}
