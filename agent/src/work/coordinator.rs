//! The state that work streams and attempts share, behind one lock.
//!
//! Sessions bring what replicas send; attempts bring their results. Sessions are
//! woken when there is something for them to send. Each change of the ledger and
//! the credit that follows from it is one step under the lock, and the lock is
//! held for nothing else.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::{
    AgentHeartbeat, Assignment, AttemptKey, Credit, Hello, Inventory, Results, Return,
    ReturnReason, SubscriptionUpdate, TakeOver,
};
use postrider_telemetry::process_tracer;
use postrider_webhook_request::OutgoingTraceContext;
use tokio::sync::Notify;

use crate::attempt::AttemptExecutor;
use crate::attempt_span::AttemptSpan;
use crate::config::AgentConfig;
use crate::ids::{AttemptId, StreamNumber};
use crate::metrics::AgentMetrics;
use crate::subscriptions::{CachedSubscription, SubscriptionCache};
use crate::wall_clock::WallClock;
use crate::work::assignment_memory::detach_from_message;
use crate::work::credit_allocator::{CreditAllocator, CreditGrant};
use crate::work::ledger::{AssignmentDecision, AttemptLedger};

/// Upper limit for one Results message, well below gRPC's.
const MAX_RESULTS_MESSAGE_BYTES: usize = 2 * 1024 * 1024;
/// Half of what one commit takes (`results.max_commit_results`).
const MAX_RESULTS_PER_MESSAGE: usize = 256;
/// A result's size without body excerpt and headers (ids, error text, timings).
const RESULT_OVERHEAD_BYTES: usize = 2 * 1024;

/// Shared by everything in one agent.
pub struct WorkCoordinator {
    executor: Box<dyn AttemptExecutor>,
    results_per_message: usize,
    identity: Hello,
    metrics: AgentMetrics,
    /// Records the replicas' time; gives the time to report.
    pub clock: Arc<WallClock>,
    state: Mutex<CoordinatorState>,
    last_stream: AtomicU64,
    drained: Notify,
}

struct CoordinatorState {
    ledger: AttemptLedger,
    streams: HashMap<StreamNumber, StreamHandle>,
    /// Streams that were begun and not given up, welcomed or not.
    registered: BTreeSet<StreamNumber>,
}

/// Keeps a stream in `Hello.open_streams` from before its Hello until it is given up.
pub struct StreamRegistration {
    coordinator: Arc<WorkCoordinator>,
    pub id: StreamNumber,
}

impl Drop for StreamRegistration {
    fn drop(&mut self) {
        self.coordinator.lock_state().registered.remove(&self.id);
    }
}

/// A welcomed stream: how to wake its session, and credit it has yet to send.
struct StreamHandle {
    replica: String,
    wake: Arc<Notify>,
    credit: Option<CreditGrant>,
}

impl CoordinatorState {
    fn wake_stream(&self, stream: StreamNumber) {
        if let Some(handle) = self.streams.get(&stream) {
            handle.wake.notify_one();
        }
    }

    fn queue_credit(&mut self) {
        for (stream, granted) in self.ledger.grant_credit() {
            if let Some(handle) = self.streams.get_mut(&stream) {
                handle.credit = Some(granted);
                handle.wake.notify_one();
            }
        }
    }
}

impl WorkCoordinator {
    /// A coordinator without streams.
    pub fn new(
        config: &AgentConfig,
        executor: Box<dyn AttemptExecutor>,
        metrics: AgentMetrics,
        clock: Arc<WallClock>,
    ) -> Arc<Self> {
        let capacity =
            CreditAllocator::new(u64::from(config.max_in_flight), config.max_payload_bytes);
        let subscriptions =
            SubscriptionCache::new(config.max_subscriptions, config.connections.per_subscription);
        let result_bytes =
            config.response.excerpt_bytes + config.response.headers_bytes + RESULT_OVERHEAD_BYTES;
        Arc::new(Self {
            executor,
            results_per_message: (MAX_RESULTS_MESSAGE_BYTES / result_bytes)
                .clamp(1, MAX_RESULTS_PER_MESSAGE),
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
            state: Mutex::new(CoordinatorState {
                ledger: AttemptLedger::new(capacity, subscriptions),
                streams: HashMap::new(),
                registered: BTreeSet::new(),
            }),
            last_stream: AtomicU64::new(0),
            drained: Notify::new(),
        })
    }

    /// The region that the agent serves.
    pub fn region(&self) -> &str {
        &self.identity.region
    }

    /// A Hello with the agent's identity and everything it holds.
    pub fn build_hello(&self) -> Hello {
        let state = self.lock_state();
        Hello {
            in_flight: state.ledger.in_flight_keys().cloned().collect(),
            unacknowledged: state.ledger.outbox().keys().cloned().collect(),
            ..self.identity.clone()
        }
    }

    /// Begins a stream, and says what its Hello is.
    pub fn register_stream(self: &Arc<Self>) -> (StreamRegistration, Hello) {
        let mut hello = self.build_hello();
        let mut state = self.lock_state();
        let id = StreamNumber(self.last_stream.fetch_add(1, Ordering::Relaxed) + 1);
        hello.stream = id.0;
        hello.open_streams = state.registered.iter().map(|other| other.0).collect();
        state.registered.insert(id);
        drop(state);
        (StreamRegistration { coordinator: Arc::clone(self), id }, hello)
    }

    /// A replica welcomed the agent on a stream; none, when the agent has another to
    /// that replica already, over another of its addresses.
    pub fn open_stream(&self, stream: StreamNumber, replica: &str) -> Option<Arc<Notify>> {
        let mut state = self.lock_state();
        if state.streams.values().any(|handle| handle.replica == replica) {
            return None;
        }
        let wake = Arc::new(Notify::new());
        let handle =
            StreamHandle { replica: replica.to_owned(), wake: Arc::clone(&wake), credit: None };
        state.streams.insert(stream, handle);
        state.ledger.open_stream(stream);
        state.queue_credit();
        self.metrics.streams.add(1);
        Some(wake)
    }

    /// A stream ended.
    pub fn close_stream(&self, stream: StreamNumber) {
        let mut state = self.lock_state();
        state.streams.remove(&stream);
        if let Some(successor) = state.ledger.close_stream(stream) {
            state.wake_stream(successor);
        }
        state.queue_credit();
        self.metrics.streams.add(-1);
    }

    /// Starts the assignments that may start; returns the Return messages for the others.
    pub fn accept_assignments(
        self: &Arc<Self>,
        stream: StreamNumber,
        mut assignments: Vec<Assignment>,
    ) -> Vec<Return> {
        assignments.iter_mut().for_each(detach_from_message);
        let mut returns: Vec<Return> = Vec::new();
        let mut starts = Vec::with_capacity(assignments.len());
        {
            let mut state = self.lock_state();
            for assignment in assignments {
                match state.ledger.decide_on(stream, &assignment) {
                    AssignmentDecision::Start(id, subscription) => {
                        starts.push((id, subscription, assignment));
                    }
                    AssignmentDecision::Return(reason) => {
                        add_to_returns(&mut returns, assignment.key, reason)
                    }
                    AssignmentDecision::Duplicate => {}
                    AssignmentDecision::InvalidKey => {
                        tracing::error!("an assignment without a valid key is ignored");
                    }
                }
            }
            state.queue_credit();
            self.update_gauges(&state);
        }
        for (id, subscription, assignment) in starts {
            // The task's state is moved about until it runs; the assignment need not be.
            let assignment = Box::new(assignment);
            tokio::spawn(Arc::clone(self).run_attempt(id, subscription, assignment));
        }
        let returned: usize = returns.iter().map(|group| group.keys.len()).sum();
        self.metrics.returned.add(returned as u64);
        returns
    }

    async fn run_attempt(
        self: Arc<Self>,
        id: AttemptId,
        subscription: Arc<CachedSubscription>,
        assignment: Box<Assignment>,
    ) {
        let tracer = process_tracer();
        let span = tracer.and_then(|_| AttemptSpan::begin(&assignment));
        let trace =
            span.as_ref().map_or_else(OutgoingTraceContext::default, |span| span.outgoing());
        let began = Instant::now();
        let mut result = self.executor.execute(&subscription, *assignment, &trace).await;
        if let (Some(tracer), Some(span)) = (tracer, span) {
            let settings = subscription.newest_settings();
            let target = settings.template.as_ref().ok().map(|template| &template.target);
            span.record(tracer, &self.identity.agent_id, &result, (target, trace.sent()));
            result.traceparent = span.traceparent();
        }
        self.metrics.count_attempt(&result, began.elapsed());
        let mut state = self.lock_state();
        if let Some(sender) = state.ledger.finish_attempt(id, result, began) {
            state.wake_stream(sender);
        }
        self.update_gauges(&state);
    }

    /// Removes results that a replica has committed.
    pub fn acknowledge_results(&self, keys: &[AttemptKey]) {
        let mut state = self.lock_state();
        state.ledger.acknowledge_results(keys);
        state.queue_credit();
        self.update_gauges(&state);
        if state.ledger.is_drained() {
            self.drained.notify_waiters();
        }
    }

    /// Fences a shard.
    pub fn fence_shard(&self, take_over: &TakeOver) -> Inventory {
        self.lock_state().ledger.fence_shard(take_over)
    }

    /// Keeps a subscription's settings.
    pub fn update_subscription(&self, update: &SubscriptionUpdate) {
        self.lock_state().ledger.update_subscription(update);
    }

    /// Records how many deliveries a replica has waiting, and grants credit accordingly.
    pub fn record_backlog(&self, stream: StreamNumber, backlog: u64) {
        let mut state = self.lock_state();
        state.ledger.record_backlog(stream, backlog);
        state.queue_credit();
    }

    /// Whether a stream has credit or results to send.
    pub fn has_message_for(&self, stream: StreamNumber) -> bool {
        let state = self.lock_state();
        let credit = |handle: &StreamHandle| handle.credit.is_some();
        state.streams.get(&stream).is_some_and(credit) || state.ledger.outbox().has_outgoing(stream)
    }

    /// What a stream sends next: credit first, because without it the other
    /// side waits, then all results that are ready.
    pub fn next_message_for(&self, stream: StreamNumber, now: Instant) -> Option<AgentMessage> {
        let mut state = self.lock_state();
        if let Some(credit) = state.streams.get_mut(&stream)?.credit.take() {
            return Some(AgentMessage::Credit(Credit {
                assignments: credit.assignments,
                payload_bytes: credit.payload_bytes,
            }));
        }
        let outbox = state.ledger.outbox_mut();
        let results = outbox.next_batch(stream, now, self.results_per_message);
        (!results.is_empty()).then_some(AgentMessage::Results(Results { results }))
    }

    /// Sends results that wait too long over another stream as well.
    pub fn reroute_overdue_results(&self, now: Instant) {
        let mut state = self.lock_state();
        for stream in state.ledger.outbox_mut().reroute_overdue_results(now) {
            state.wake_stream(stream);
        }
    }

    /// The next heartbeat.
    pub fn build_heartbeat(&self) -> AgentHeartbeat {
        let wall_clock_us = self.clock.reading_us();
        let state = self.lock_state();
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        AgentHeartbeat {
            wall_clock_us,
            in_flight: narrow(state.ledger.in_flight_count()),
            unacknowledged: narrow(state.ledger.outbox().len()),
        }
    }

    /// Takes no more work.
    pub fn stop_taking_work(&self) {
        self.lock_state().ledger.stop_taking_work();
    }

    /// Waits until nothing is in flight and nothing waits for acknowledgement.
    pub async fn wait_until_drained(&self) {
        loop {
            let mut changed = std::pin::pin!(self.drained.notified());
            changed.as_mut().enable();
            if self.lock_state().ledger.is_drained() {
                return;
            }
            changed.await;
        }
    }

    fn update_gauges(&self, state: &CoordinatorState) {
        let in_flight = state.ledger.in_flight_count();
        let waiting = state.ledger.outbox().len();
        self.metrics.in_flight.record(in_flight as f64);
        self.metrics.unacknowledged.record(waiting as f64);
    }

    fn lock_state(&self) -> MutexGuard<'_, CoordinatorState> {
        self.state.lock()
    }
}

/// One message for each reason.
fn add_to_returns(returns: &mut Vec<Return>, key: Option<AttemptKey>, reason: ReturnReason) {
    match returns.iter_mut().find(|group| group.reason() == reason) {
        Some(one) => one.keys.extend(key),
        None => returns.push(Return { keys: key.into_iter().collect(), reason: reason.into() }),
    }
}
