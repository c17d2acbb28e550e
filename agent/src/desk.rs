//! The one place that sessions and attempts share.
//!
//! Fed by sessions (what replicas say) and by attempts (what they came to);
//! feeds sessions what to send, and wakes them for it. Guarantees that every
//! change of the agent's holdings, and the credit that follows from it, is one
//! step under one lock, held for no longer than that.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use postrider_proto::agent::v1::work_request::Message;
use postrider_proto::agent::v1::{
    AgentHeartbeat, Assignment, AttemptKey, AttemptResult, Credit, Hello, Inventory, Results,
    Return, ReturnReason, SubscriptionUpdate, TakeOver,
};
use tokio::sync::Notify;
use tracing::Instrument;

use crate::capacity::{Capacity, Granted};
use crate::config::AgentConfig;
use crate::holdings::{Admission, Holdings};
use crate::key::{AttemptId, StreamId};
use crate::metrics::{Metrics, fact_label};
use crate::subscriptions::{Subscription, Subscriptions};
use crate::telemetry::{TraceHeaders, attempt_span};
use crate::wall_clock::WallClock;

/// A message is kept under this, well below what gRPC takes.
const MAX_RESULTS_BYTES: usize = 2 * 1024 * 1024;
const MAX_RESULTS: usize = 256;
/// What a result holds beside the excerpts: names, words, times.
const RESULT_BASE_BYTES: usize = 2 * 1024;

/// Makes attempts.
#[async_trait]
pub trait Attempts: Send + Sync + 'static {
    /// Makes one, and tells what came of it; it always ends.
    async fn perform(
        &self,
        subscription: &Subscription,
        assignment: Assignment,
        trace: TraceHeaders,
    ) -> AttemptResult;
}

/// Shared by everything in one agent.
pub struct Desk {
    attempts: Box<dyn Attempts>,
    results_per_message: usize,
    identity: Hello,
    metrics: Metrics,
    /// What sessions tell of the time, and what they are told.
    pub clock: Arc<WallClock>,
    state: Mutex<State>,
    last_stream: AtomicU64,
    settled: Notify,
}

struct State {
    holdings: Holdings,
    outlets: HashMap<StreamId, Outlet>,
    /// Streams that were begun and not given up, welcomed or not.
    begun: BTreeSet<StreamId>,
}

/// A stream from before its Hello until nothing of it is obeyed any more.
pub struct BegunStream {
    desk: Arc<Desk>,
    pub id: StreamId,
}

impl Drop for BegunStream {
    fn drop(&mut self) {
        self.desk.state().begun.remove(&self.id);
    }
}

/// How a session is reached.
struct Outlet {
    replica: String,
    wake: Arc<Notify>,
    credit: Option<Granted>,
}

impl State {
    fn wake(&self, stream: StreamId) {
        if let Some(outlet) = self.outlets.get(&stream) {
            outlet.wake.notify_one();
        }
    }

    fn distribute_credit(&mut self) {
        for (stream, granted) in self.holdings.top_up() {
            if let Some(outlet) = self.outlets.get_mut(&stream) {
                outlet.credit = Some(granted);
                outlet.wake.notify_one();
            }
        }
    }
}

impl Desk {
    /// A desk without streams.
    pub fn new(
        config: &AgentConfig,
        attempts: Box<dyn Attempts>,
        metrics: Metrics,
        clock: Arc<WallClock>,
    ) -> Arc<Self> {
        let capacity = Capacity::new(u64::from(config.max_in_flight), config.max_payload_bytes);
        let subscriptions =
            Subscriptions::new(config.max_subscriptions, config.connections.per_subscription);
        let result_bytes =
            config.response.excerpt_bytes + config.response.headers_bytes + RESULT_BASE_BYTES;
        Arc::new(Self {
            attempts,
            results_per_message: (MAX_RESULTS_BYTES / result_bytes).clamp(1, MAX_RESULTS),
            identity: Hello {
                agent_id: config.agent_id.clone(),
                incarnation: Bytes::copy_from_slice(&rand::random::<[u8; 16]>()),
                region: config.region.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                max_in_flight: config.max_in_flight,
                in_flight: Vec::new(),
                unacknowledged: Vec::new(),
                stream: 0,
                open_streams: Vec::new(),
            },
            metrics,
            clock,
            state: Mutex::new(State {
                holdings: Holdings::new(capacity, subscriptions),
                outlets: HashMap::new(),
                begun: BTreeSet::new(),
            }),
            last_stream: AtomicU64::new(0),
            settled: Notify::new(),
        })
    }

    /// The region that the agent serves.
    pub fn region(&self) -> &str {
        &self.identity.region
    }

    /// Who the agent is and what it holds.
    pub fn hello(&self) -> Hello {
        let state = self.state();
        Hello {
            in_flight: state.holdings.in_flight_keys().cloned().collect(),
            unacknowledged: state.holdings.report().keys().cloned().collect(),
            ..self.identity.clone()
        }
    }

    /// Begins a stream, and says what its Hello is.
    pub fn begin_stream(self: &Arc<Self>) -> (BegunStream, Hello) {
        let mut hello = self.hello();
        let mut state = self.state();
        let id = StreamId(self.last_stream.fetch_add(1, Ordering::Relaxed) + 1);
        hello.stream = id.0;
        hello.open_streams = state.begun.iter().map(|other| other.0).collect();
        state.begun.insert(id);
        drop(state);
        (BegunStream { desk: Arc::clone(self), id }, hello)
    }

    /// A replica welcomed the agent on a stream; none, when the agent has another to
    /// that replica already, over another of its addresses.
    pub fn open(&self, stream: StreamId, replica: &str) -> Option<Arc<Notify>> {
        let mut state = self.state();
        if state.outlets.values().any(|outlet| outlet.replica == replica) {
            return None;
        }
        let wake = Arc::new(Notify::new());
        let outlet = Outlet { replica: replica.to_owned(), wake: Arc::clone(&wake), credit: None };
        state.outlets.insert(stream, outlet);
        state.holdings.open(stream);
        state.distribute_credit();
        self.metrics.streams.inc();
        Some(wake)
    }

    /// A stream ended.
    pub fn close(&self, stream: StreamId) {
        let mut state = self.state();
        state.outlets.remove(&stream);
        if let Some(heir) = state.holdings.close(stream) {
            state.wake(heir);
        }
        state.distribute_credit();
        self.metrics.streams.dec();
    }

    /// Starts what may start; returns what is given back.
    pub fn assign(self: &Arc<Self>, stream: StreamId, assignments: Vec<Assignment>) -> Vec<Return> {
        let mut returns: Vec<Return> = Vec::new();
        let mut starts = Vec::with_capacity(assignments.len());
        {
            let mut state = self.state();
            for assignment in assignments {
                match state.holdings.admit(stream, &assignment) {
                    Admission::Start(id, subscription) => {
                        starts.push((id, subscription, assignment));
                    }
                    Admission::Return(reason) => give_back(&mut returns, assignment.key, reason),
                    Admission::Duplicate => {}
                    Admission::Nameless => {
                        tracing::error!("an assignment has no usable key and is ignored");
                    }
                }
            }
            state.distribute_credit();
            self.show(&state);
        }
        for (id, subscription, assignment) in starts {
            // The task's state is moved about until it runs; the assignment need not be.
            let assignment = Box::new(assignment);
            tokio::spawn(Arc::clone(self).attempt(id, subscription, assignment));
        }
        let returned: usize = returns.iter().map(|one| one.keys.len()).sum();
        self.metrics.returned.inc_by(returned as u64);
        returns
    }

    async fn attempt(
        self: Arc<Self>,
        id: AttemptId,
        subscription: Arc<Subscription>,
        assignment: Box<Assignment>,
    ) {
        let (span, trace) = attempt_span(&assignment);
        let began = Instant::now();
        let work = self.attempts.perform(&subscription, *assignment, trace);
        let result = work.instrument(span.clone()).await;
        span.record("fact", fact_label(result.fact()));
        span.record("http_status", result.http_status);
        self.metrics.attempt(result.fact(), began.elapsed());
        let mut state = self.state();
        if let Some(sender) = state.holdings.conclude(id, result, began) {
            state.wake(sender);
        }
        self.show(&state);
    }

    /// Forgets what a replica has committed.
    pub fn acknowledge(&self, keys: &[AttemptKey]) {
        let mut state = self.state();
        state.holdings.acknowledge(keys);
        state.distribute_credit();
        self.show(&state);
        if state.holdings.is_settled() {
            self.settled.notify_waiters();
        }
    }

    /// Fences a shard.
    pub fn take_over(&self, take_over: &TakeOver) -> Inventory {
        self.state().holdings.take_over(take_over)
    }

    /// Keeps a subscription's settings.
    pub fn update(&self, update: &SubscriptionUpdate) {
        self.state().holdings.update(update);
    }

    /// Divides the capacity anew by what a replica could assign.
    pub fn report_backlog(&self, stream: StreamId, backlog: u64) {
        let mut state = self.state();
        state.holdings.report_backlog(stream, backlog);
        state.distribute_credit();
    }

    /// Whether a stream has credit or results to send.
    pub fn has_outgoing(&self, stream: StreamId) -> bool {
        let state = self.state();
        let credit = |outlet: &Outlet| outlet.credit.is_some();
        state.outlets.get(&stream).is_some_and(credit)
            || state.holdings.report().has_outgoing(stream)
    }

    /// What a stream sends next: credit first, because without it the other
    /// side waits, then all results that are ready.
    pub fn next_outgoing(&self, stream: StreamId, now: Instant) -> Option<Message> {
        let mut state = self.state();
        if let Some(credit) = state.outlets.get_mut(&stream)?.credit.take() {
            return Some(Message::Credit(Credit {
                assignments: credit.assignments,
                payload_bytes: credit.payload_bytes,
            }));
        }
        let report = state.holdings.report_mut();
        let results = report.next_batch(stream, now, self.results_per_message);
        (!results.is_empty()).then_some(Message::Results(Results { results }))
    }

    /// Sends results that wait too long over another stream as well.
    pub fn send_overdue_elsewhere(&self, now: Instant) {
        let mut state = self.state();
        for stream in state.holdings.report_mut().send_overdue_elsewhere(now) {
            state.wake(stream);
        }
    }

    /// The agent's part of the proof of life.
    pub fn heartbeat(&self) -> AgentHeartbeat {
        let wall_clock_us = self.clock.reported_us();
        let state = self.state();
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        AgentHeartbeat {
            wall_clock_us,
            in_flight: narrow(state.holdings.in_flight_count()),
            unacknowledged: narrow(state.holdings.report().len()),
        }
    }

    /// Takes no more work.
    pub fn drain(&self) {
        self.state().holdings.drain();
    }

    /// Waits until nothing is in flight and nothing waits for acknowledgement.
    pub async fn settled(&self) {
        loop {
            let mut changed = std::pin::pin!(self.settled.notified());
            changed.as_mut().enable();
            if self.state().holdings.is_settled() {
                return;
            }
            changed.await;
        }
    }

    fn show(&self, state: &State) {
        let in_flight = state.holdings.in_flight_count();
        let waiting = state.holdings.report().len();
        self.metrics.in_flight.set(in_flight as i64);
        self.metrics.unacknowledged.set(waiting as i64);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One message for each reason.
fn give_back(returns: &mut Vec<Return>, key: Option<AttemptKey>, reason: ReturnReason) {
    match returns.iter_mut().find(|one| one.reason() == reason) {
        Some(one) => one.keys.extend(key),
        None => returns.push(Return { keys: key.into_iter().collect(), reason: reason.into() }),
    }
}
