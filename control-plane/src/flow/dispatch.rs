//! From memory to agents' streams.
//!
//! Fed by every arrow that changes what can go out; feeds agents' sessions.
//! Guarantees that the scheduler is changed in one place, under one short lock,
//! and that what it decides is sent in the order in which it was decided.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use postrider_domain::ids::{AgentId, AttemptKey, Region, ReplicaId, SubscriptionKey};
use postrider_domain::scheduler::{
    Actions, AgentIdentity, Dispatch, Doubt, LaneView, RegionFigures, Scheduler, ShardLease,
    StreamId,
};
use postrider_domain::time::Timestamp;
use postrider_store::AgentSighting;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;

mod admission;

pub use admission::{NewStream, Refused};

/// The pump looks again after this long even if nobody called it.
const IDLE_POLL: Duration = Duration::from_secs(1);

/// Longer than anybody remembers an agent that is silent.
const LONG_SILENT: Duration = Duration::from_secs(120);
/// How long an agent whose stream has ended is remembered.
const REMEMBER_PARTED: Duration = Duration::from_secs(60);

/// What a session is to tell its agent.
#[derive(Debug)]
pub enum StreamMessage {
    Dispatch(Dispatch),
    Ack(Vec<AttemptKey>),
    TakeOver(ShardLease),
    Drain,
}

/// A connected agent as its session knows it.
#[derive(Clone, Debug)]
pub struct AgentState {
    pub identity: AgentIdentity,
    pub region: Region,
    pub version: String,
    pub max_in_flight: u32,
    pub in_flight: u32,
    pub draining: bool,
    pub clock_skew_us: i64,
    pub last_heard: Timestamp,
}

struct Session {
    sender: mpsc::Sender<StreamMessage>,
    state: AgentState,
    /// Its number among the streams of its process.
    number: u64,
    /// Ends the session.
    stop: CancellationToken,
    /// Why, where its agent is to be told.
    reason: Arc<OnceLock<Refused>>,
}

struct Inner {
    scheduler: Mutex<Scheduler>,
    sessions: Mutex<HashMap<StreamId, Session>>,
    /// When agents were last heard whose streams have ended.
    parted: Mutex<HashMap<AgentIdentity, Timestamp>>,
    /// Agents that said goodbye since the last heartbeat.
    gone: Mutex<Vec<AgentState>>,
    releases: Mutex<Vec<AttemptKey>>,
    doubts: Mutex<Vec<Doubt>>,
    clock: Arc<dyn Clock>,
    pump: Notify,
    work: Notify,
}

/// The scheduler and the way out. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

/// A panic while a lock was held leaves consistent data behind in all of these:
/// they are changed by single calls that do not unwind half-way.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dispatcher {
    pub fn new(scheduler: Scheduler, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            scheduler: Mutex::new(scheduler),
            sessions: Mutex::new(HashMap::new()),
            parted: Mutex::new(HashMap::new()),
            gone: Mutex::new(Vec::new()),
            releases: Mutex::new(Vec::new()),
            doubts: Mutex::new(Vec::new()),
            clock,
            pump: Notify::new(),
            work: Notify::new(),
        }))
    }

    /// Changes or asks the scheduler; what follows from it is sent soon.
    pub fn with<R>(&self, act: impl FnOnce(&mut Scheduler, Timestamp) -> R) -> R {
        let result = act(&mut lock(&self.0.scheduler), self.0.clock.now());
        self.0.pump.notify_one();
        result
    }

    /// Asks the scheduler without changing it.
    pub fn look<R>(&self, ask: impl FnOnce(&Scheduler, Timestamp) -> R) -> R {
        ask(&lock(&self.0.scheduler), self.0.clock.now())
    }

    pub fn lane(&self, key: &SubscriptionKey) -> Option<LaneView> {
        self.look(|scheduler, now| scheduler.lane(key, now))
    }

    /// Sends what can go out, until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let (wake, now) = self.pump();
            let pause = wake.map_or(IDLE_POLL, |at| at.since(now).min(IDLE_POLL));
            tokio::select! {
                () = self.0.pump.notified() => {}
                () = self.0.clock.sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    fn pump(&self) -> (Option<Timestamp>, Timestamp) {
        let now = self.0.clock.now();
        let Actions { dispatches, release, wake, claims } = lock(&self.0.scheduler).poll(now);
        if !release.is_empty() {
            lock(&self.0.releases).extend(release);
            self.0.work.notify_one();
        }
        if claims {
            self.0.work.notify_one();
        }
        for dispatch in dispatches {
            self.send(dispatch.stream, StreamMessage::Dispatch(dispatch));
        }
        (wake, now)
    }

    /// Queues a message for an agent. An agent that has left so many unread is
    /// stuck: its stream is closed, and what it holds is asked for when it
    /// returns.
    pub fn send(&self, stream: StreamId, message: StreamMessage) {
        let sessions = lock(&self.0.sessions);
        if let Some(session) = sessions.get(&stream)
            && session.sender.try_send(message).is_err()
        {
            session.stop.cancel();
        }
    }

    /// Tells every connected agent that a shard has a new owner.
    pub fn announce(&self, leases: &[ShardLease]) {
        let streams: Vec<StreamId> = lock(&self.0.sessions).keys().copied().collect();
        for stream in streams {
            for lease in leases {
                self.send(stream, StreamMessage::TakeOver(*lease));
            }
        }
    }

    /// A stream is over. An agent that said goodbye holds nothing any more: the others
    /// need not wait until it has been silent for a while.
    pub fn close(&self, id: StreamId, goodbye: bool) {
        let session = lock(&self.0.sessions).remove(&id);
        if let Some(Session { state, .. }) = session {
            let now = self.0.clock.now();
            if goodbye {
                let last_heard = now - LONG_SILENT;
                lock(&self.0.gone).push(AgentState { last_heard, ..state });
                self.with(|scheduler, _| scheduler.stream_closed(id));
                return;
            }
            let mut parted = lock(&self.0.parted);
            parted.retain(|_, heard| now.since(*heard) < REMEMBER_PARTED);
            parted.insert(state.identity, state.last_heard);
        }
        self.with(|scheduler, _| scheduler.stream_closed(id));
    }

    /// The agent of a stream gave a sign of life.
    pub fn heard(&self, id: StreamId, note: impl FnOnce(&mut AgentState)) {
        let now = self.0.clock.now();
        if let Some(session) = lock(&self.0.sessions).get_mut(&id) {
            session.state.last_heard = now;
            note(&mut session.state);
        }
    }

    /// The agents connected here, and once those that said goodbye since, for the
    /// others to know.
    pub fn sightings(&self, replica: &ReplicaId) -> Vec<AgentSighting> {
        let now = self.0.clock.now();
        let sessions = lock(&self.0.sessions);
        let sighting = |state: &AgentState| AgentSighting {
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
        let gone = std::mem::take(&mut *lock(&self.0.gone));
        here.chain(&gone).map(sighting).collect()
    }

    /// Whether this very process of an agent is connected here, or was heard here
    /// within `span` and no other process of its name is here now. The table hears
    /// of an agent only with the next heartbeat.
    pub fn heard_within(&self, identity: &AgentIdentity, span: Duration) -> bool {
        let sessions = lock(&self.0.sessions);
        let mut namesakes =
            sessions.values().map(|s| &s.state.identity).filter(|i| i.agent == identity.agent);
        match namesakes.next() {
            Some(first) => first == identity || namesakes.any(|other| other == identity),
            None => {
                let heard = lock(&self.0.parted).get(identity).copied();
                heard.is_some_and(|heard| self.0.clock.now().since(heard) < span)
            }
        }
    }

    /// Asks an agent to stop; false when it has no stream here.
    pub fn drain_agent(&self, agent: &AgentId) -> bool {
        let sessions = lock(&self.0.sessions);
        let mut found = false;
        for session in sessions.values().filter(|s| s.state.identity.agent == *agent) {
            found = true;
            if session.sender.try_send(StreamMessage::Drain).is_err() {
                session.stop.cancel();
            }
        }
        found
    }

    /// What each region can take and what is queued for it here.
    pub fn regions(&self) -> Vec<RegionFigures> {
        self.look(|scheduler, now| scheduler.region_figures(now))
    }

    /// Attempts to give back to the table.
    pub(super) fn take_releases(&self) -> Vec<AttemptKey> {
        std::mem::take(&mut *lock(&self.0.releases))
    }

    /// Gives attempts back later: the table could not be reached.
    pub(super) fn put_back_releases(&self, keys: Vec<AttemptKey>) {
        lock(&self.0.releases).extend(keys);
    }

    /// Attempts that were sent over a stream that broke, and that their agent
    /// does not hold.
    pub(super) fn take_doubts(&self) -> Vec<Doubt> {
        std::mem::take(&mut *lock(&self.0.doubts))
    }

    pub(super) fn put_back_doubts(&self, doubts: Vec<Doubt>) {
        lock(&self.0.doubts).extend(doubts);
    }

    /// Asks the work loop to look now.
    pub fn call_for_work(&self) {
        self.0.work.notify_one();
    }

    /// Completes when the table has something to do for the scheduler.
    pub(super) async fn work_wanted(&self) {
        self.0.work.notified().await;
    }

    /// Ends every session.
    pub fn close_all(&self) {
        for session in lock(&self.0.sessions).values() {
            session.stop.cancel();
        }
    }
}
