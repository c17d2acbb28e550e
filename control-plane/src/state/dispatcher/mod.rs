//! The scheduler and the agents' streams.
//!
//! Fed by every loop that changes what can be sent; feeds agents' sessions. Guarantees
//! that the scheduler is changed in one place, under one short lock, and that its
//! decisions are sent in the order in which they were made.
//!
//! - `streams`: what is known of a stream; `admission`: which streams are admitted.

mod admission;
pub mod streams;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::ids::{AgentId, AttemptKey, Region, ReplicaId, SubscriptionKey};
use postrider_domain::scheduler::{
    AgentIdentity, LaneView, RegionFigures, ReplicaDemand, Scheduler, SchedulerActions, ShardLease,
    StreamId, UnconfirmedAttempt,
};
use postrider_domain::time::Timestamp;
use postrider_store::AgentSighting;
use tokio::sync::Notify;

use self::streams::{ConnectedAgent, OpenStream, StreamCommand, StreamRefusal};
use super::cluster::ClusterState;
use crate::clock::Clock;

/// A departed agent is reported as silent for this long: longer than any replica waits
/// for a silent agent.
const DEPARTED_AGENT_SILENCE: Duration = Duration::from_secs(120);
/// How long an agent is remembered after its stream has ended. Twelve times the silence
/// after which an agent is lost.
const DISCONNECTED_AGENT_MEMORY: Duration = Duration::from_secs(60);

/// So long after somebody asked for the demand of regions, samples of it go on. Ten looks of an
/// autoscaler; where nobody asks, they would be for nobody.
const DEMAND_INTEREST_SPAN: Duration = Duration::from_secs(300);

/// A panic under one of the locks leaves consistent data: each change is a single call
/// that does not unwind half-way.
struct DispatcherShared {
    scheduler: Mutex<Scheduler>,
    sessions: Mutex<HashMap<StreamId, OpenStream>>,
    /// Agents whose streams have ended, and when each was last heard.
    parted: Mutex<HashMap<AgentIdentity, Timestamp>>,
    /// Agents that have left in order since the last heartbeat.
    gone: Mutex<Vec<ConnectedAgent>>,
    releases: Mutex<Vec<AttemptKey>>,
    unconfirmed: Mutex<Vec<UnconfirmedAttempt>>,
    /// When somebody asked for the demand of regions last.
    demand_asked: Mutex<Option<Timestamp>>,
    clock: Arc<dyn Clock>,
    pump: Notify,
    work: Notify,
}

/// The scheduler and the agents' streams. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<DispatcherShared>);

impl Dispatcher {
    pub fn new(scheduler: Scheduler, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(DispatcherShared {
            scheduler: Mutex::new(scheduler),
            sessions: Mutex::new(HashMap::new()),
            parted: Mutex::new(HashMap::new()),
            gone: Mutex::new(Vec::new()),
            releases: Mutex::new(Vec::new()),
            unconfirmed: Mutex::new(Vec::new()),
            demand_asked: Mutex::new(None),
            clock,
            pump: Notify::new(),
            work: Notify::new(),
        }))
    }

    /// Changes the scheduler, and wakes the dispatch loop.
    pub fn update<R>(&self, act: impl FnOnce(&mut Scheduler, Timestamp) -> R) -> R {
        let result = act(&mut self.0.scheduler.lock(), self.0.clock.now());
        self.0.pump.notify_one();
        result
    }

    /// Reads the scheduler.
    pub fn read<R>(&self, ask: impl FnOnce(&Scheduler, Timestamp) -> R) -> R {
        ask(&self.0.scheduler.lock(), self.0.clock.now())
    }

    pub fn lane(&self, key: &SubscriptionKey) -> Option<LaneView> {
        self.read(|scheduler, now| scheduler.lane(key, now))
    }

    /// Sends what may be sent now; returns when the next may be, if that is known, and
    /// the time.
    pub fn send_ready(&self) -> (Option<Timestamp>, Timestamp) {
        let now = self.0.clock.now();
        let SchedulerActions { dispatches, release, wake, claims } =
            self.0.scheduler.lock().poll(now);
        if !release.is_empty() {
            self.0.releases.lock().extend(release);
            self.0.work.notify_one();
        }
        if claims {
            self.0.work.notify_one();
        }
        for dispatch in dispatches {
            self.send(dispatch.stream, StreamCommand::Dispatch(dispatch));
        }
        (wake, now)
    }

    /// Completes when the scheduler was changed.
    pub async fn changed(&self) {
        self.0.pump.notified().await;
    }

    /// Queues a message for an agent. If the queue is full, the agent is stuck: its stream
    /// is closed, and what it holds is reconciled when it returns.
    pub fn send(&self, stream: StreamId, message: StreamCommand) {
        let sessions = self.0.sessions.lock();
        if let Some(session) = sessions.get(&stream)
            && session.sender.try_send(message).is_err()
        {
            session.end(StreamRefusal::NotReading);
        }
    }

    /// Tells every connected agent that a shard has a new owner.
    pub fn announce_take_overs(&self, leases: &[ShardLease]) {
        let streams: Vec<StreamId> = self.0.sessions.lock().keys().copied().collect();
        for stream in streams {
            for lease in leases {
                self.send(stream, StreamCommand::TakeOver(*lease));
            }
        }
    }

    /// Closes a stream. An agent that left in order (`goodbye`) holds nothing any more, so
    /// the other replicas need not wait for its silence.
    pub fn close_stream(&self, id: StreamId, goodbye: bool) {
        let session = self.0.sessions.lock().remove(&id);
        if let Some(OpenStream { state, .. }) = session {
            let now = self.0.clock.now();
            if goodbye {
                let last_heard = now - DEPARTED_AGENT_SILENCE;
                self.0.gone.lock().push(ConnectedAgent { last_heard, ..state });
                self.update(|scheduler, _| scheduler.stream_closed(id));
                return;
            }
            let mut parted = self.0.parted.lock();
            parted.retain(|_, heard| now.since(*heard) < DISCONNECTED_AGENT_MEMORY);
            parted.insert(state.identity, state.last_heard);
        }
        self.update(|scheduler, _| scheduler.stream_closed(id));
    }

    /// Notes that a stream's agent was heard.
    pub fn note_heard(&self, id: StreamId, note: impl FnOnce(&mut ConnectedAgent)) {
        let now = self.0.clock.now();
        if let Some(session) = self.0.sessions.lock().get_mut(&id) {
            session.state.last_heard = now;
            note(&mut session.state);
        }
    }

    /// The agents connected here and, once, those that have left since the last call; for
    /// the heartbeat.
    pub fn take_sightings(&self, replica: &ReplicaId) -> Vec<AgentSighting> {
        let now = self.0.clock.now();
        let sessions = self.0.sessions.lock();
        let sighting = |state: &ConnectedAgent| AgentSighting {
            agent: state.identity.agent.clone(),
            incarnation: state.identity.incarnation,
            region: state.region.clone(),
            version: state.version.clone(),
            max_in_flight: state.max_in_flight,
            in_flight: state.in_flight,
            draining: state.draining,
            clock_skew_us: state.clock_skew_us,
            replica: replica.clone(),
            heard: now,
            heard_ago: now.since(state.last_heard),
        };
        let here = sessions.values().map(|session| &session.state);
        let gone = std::mem::take(&mut *self.0.gone.lock());
        here.chain(&gone).map(sighting).collect()
    }

    /// Whether this process of an agent is connected here, or was heard here within `span`
    /// while no other process with its id is connected. The table learns of an agent only
    /// with the next heartbeat.
    pub fn is_connected_or_heard_within(&self, identity: &AgentIdentity, span: Duration) -> bool {
        let sessions = self.0.sessions.lock();
        let mut namesakes =
            sessions.values().map(|s| &s.state.identity).filter(|i| i.agent == identity.agent);
        match namesakes.next() {
            Some(first) => first == identity || namesakes.any(|other| other == identity),
            None => {
                let heard = self.0.parted.lock().get(identity).copied();
                heard.is_some_and(|heard| self.0.clock.now().since(heard) < span)
            }
        }
    }

    /// Whether an agent counts as lost: no replica has heard it for too long.
    pub fn is_agent_lost(
        &self,
        cluster: &ClusterState,
        lost_after: Duration,
        agent: &AgentIdentity,
    ) -> bool {
        !self.is_connected_or_heard_within(agent, lost_after) && !cluster.is_agent_alive(agent)
    }

    /// Whether an agent of a name has a stream here.
    pub fn is_connected(&self, agent: &AgentId) -> bool {
        let sessions = self.0.sessions.lock();
        sessions.values().any(|session| session.state.identity.agent.name() == agent.name())
    }

    /// Asks the agents of a name to stop; false when none has a stream here.
    pub fn drain_agent(&self, agent: &AgentId) -> bool {
        let sessions = self.0.sessions.lock();
        let mut found = false;
        let is_named = |s: &&OpenStream| s.state.identity.agent.name() == agent.name();
        for session in sessions.values().filter(is_named) {
            found = true;
            if session.sender.try_send(StreamCommand::Drain).is_err() {
                session.end(StreamRefusal::NotReading);
            }
        }
        found
    }

    /// Each region's credit, queue and attempts in flight and wanted at this replica.
    pub fn region_figures(&self) -> Vec<RegionFigures> {
        self.read(|scheduler, now| scheduler.region_figures(now))
    }

    /// How many agents of each region have a stream here.
    pub fn connected_by_region(&self) -> BTreeMap<Region, u64> {
        let mut connected = BTreeMap::new();
        for session in self.0.sessions.lock().values() {
            *connected.entry(session.state.region.clone()).or_default() += 1;
        }
        connected
    }

    /// What autoscalers are told of all regions.
    pub fn demand(&self) -> ReplicaDemand {
        self.ask_demand(|scheduler, now| scheduler.demand(now))
    }

    /// Whether a region needs an agent by what this replica has.
    pub fn is_active(&self, region: &Region) -> bool {
        let told = self.ask_demand(|scheduler, now| scheduler.demand_of(region, now));
        told.is_some_and(|told| told.is_active(Duration::ZERO))
    }

    /// Reads the last sample. Who asks after a pause, in which none was taken, gets a new one.
    fn ask_demand<R>(&self, ask: impl FnOnce(&Scheduler, Timestamp) -> R) -> R {
        let mut scheduler = self.0.scheduler.lock();
        let now = self.0.clock.now();
        let asked = self.0.demand_asked.lock().replace(now);
        if !is_interesting(asked, now) {
            scheduler.sample_demand(now);
        }
        ask(&scheduler, now)
    }

    /// Takes a sample of what each region wants now, while somebody asks for it. Nothing more
    /// can be sent by that.
    pub fn sample_demand(&self) {
        let (asked, now) = (*self.0.demand_asked.lock(), self.0.clock.now());
        if is_interesting(asked, now) {
            self.0.scheduler.lock().sample_demand(now);
        }
    }

    /// Attempts that were never sent, to be returned to the table.
    pub fn take_unsent(&self) -> Vec<AttemptKey> {
        std::mem::take(&mut *self.0.releases.lock())
    }

    /// Keeps attempts to be returned later.
    pub fn put_back_unsent(&self, keys: Vec<AttemptKey>) {
        self.0.releases.lock().extend(keys);
    }

    /// Attempts that were sent over a broken stream and that their agent does not hold.
    pub fn take_unconfirmed(&self) -> Vec<UnconfirmedAttempt> {
        std::mem::take(&mut *self.0.unconfirmed.lock())
    }

    pub fn put_back_unconfirmed(&self, unconfirmed: Vec<UnconfirmedAttempt>) {
        self.0.unconfirmed.lock().extend(unconfirmed);
    }

    /// Wakes the work loop.
    pub fn request_work(&self) {
        self.0.work.notify_one();
    }

    /// Completes when the work loop has something to do.
    pub async fn work_requested(&self) {
        self.0.work.notified().await;
    }

    /// Ends every session.
    pub fn close_all_streams(&self) {
        for session in self.0.sessions.lock().values() {
            session.stop.cancel();
        }
    }
}

/// Whether somebody asked for the demand of regions lately.
fn is_interesting(asked: Option<Timestamp>, now: Timestamp) -> bool {
    asked.is_some_and(|asked| now.since(asked) < DEMAND_INTEREST_SPAN)
}
