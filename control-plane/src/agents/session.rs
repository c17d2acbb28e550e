//! One agent's work stream, from Hello to its end.
//!
//! Fed by what the agent sends; feeds the dispatcher and, by `results`, `conclude`.
//! Guarantees that whatever ends a stream, the scheduler is told, and the agent too if it
//! is to do something about it; that none outlives its agent's certificate; and that what
//! an agent says of an attempt counts only if it was assigned to it
//! (only-what-was-assigned).
//!
//! Keeps the invariant `certificate-says-who`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use postrider_domain::ids::{AttemptKey, Epoch, Shard};
use postrider_domain::scheduler::{AgentIdentity, ShardLease, StreamId};
use postrider_domain::time::Timestamp;
use postrider_proto::agent::v1::agent_service_server::{AgentService, AgentServiceServer};
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{
    self as wire, AgentHeartbeat, Hello, Inventory, ReplicaHeartbeat, Return, ReturnReason,
    Welcome, WorkRequest, WorkResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::assignment_proof::AssignmentProver;
use super::duration::duration;
use super::refusals::RefusalLog;
use super::regions::{RegionAdmission, RegionPlace};
use super::results::ResultReader;
use super::{convert, dispatch_waits, refusals};
use crate::flow::Flow;
use crate::listeners::AgentGrants;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::streams::{ConnectedAgent, NewStream, StreamCommand, StreamRefusal};

/// How long a new stream may take to say Hello. It is the first thing that an agent says; a
/// packet may be lost on the way.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves agents until `stop`.
pub fn service(
    context: ReplicaContext,
    flow: Flow,
    stop: CancellationToken,
) -> AgentServiceServer<impl AgentService> {
    let max = context.settings.agents.max_message_bytes;
    AgentServiceServer::new(AgentServiceHandler(AgentSessions::new(context, flow, stop)))
        .max_decoding_message_size(max)
}

/// The messages of one direction of a work stream, until it breaks.
pub type WorkStream<T> = BoxStream<'static, Result<T, Status>>;

/// The gRPC service of the work streams.
struct AgentServiceHandler(AgentSessions);

#[tonic::async_trait]
impl AgentService for AgentServiceHandler {
    type WorkStream = WorkStream<WorkResponse>;

    async fn work(
        &self,
        request: Request<Streaming<WorkRequest>>,
    ) -> Result<Response<Self::WorkStream>, Status> {
        let grants = request.extensions().get::<AgentGrants>().cloned();
        let grants = grants.ok_or_else(|| Status::unauthenticated("this is no agents' door"))?;
        self.0.work(request.into_inner().boxed(), &grants).await.map(Response::new)
    }
}

/// The work streams, independent of their transport.
pub struct AgentSessions {
    context: ReplicaContext,
    flow: Flow,
    stop: CancellationToken,
    next: AtomicU64,
    refusals: RefusalLog,
    regions: RegionAdmission,
}

impl AgentSessions {
    pub fn new(context: ReplicaContext, flow: Flow, stop: CancellationToken) -> Self {
        let (refusals, regions) = (RefusalLog::default(), RegionAdmission::default());
        Self { context, flow, stop, next: AtomicU64::new(1), refusals, regions }
    }

    /// Serves one work stream of somebody who was granted this: takes the agent's messages,
    /// returns the replica's.
    pub async fn work(
        &self,
        mut incoming: WorkStream<WorkRequest>,
        grants: &AgentGrants,
    ) -> Result<WorkStream<WorkResponse>, Status> {
        if self.stop.is_cancelled() {
            return Err(Status::unavailable("this replica is stopping"));
        }
        let first = tokio::time::timeout(HELLO_TIMEOUT, incoming.next()).await;
        let first = first.map_err(|_| Status::invalid_argument("no Hello arrived in time"))?;
        let Some(AgentMessage::Hello(hello)) =
            first.transpose()?.and_then(|message| message.message)
        else {
            return Err(Status::invalid_argument("the first message must be Hello"));
        };
        let id = StreamId(self.next.fetch_add(1, Ordering::Relaxed));
        let session = self.begin(id, &hello, grants)?;
        let (identity, region) = (&session.state.identity, &session.state.region);
        if let Err(why) = grants.check(region, &identity.agent) {
            self.refusals.note_denied(&why, identity, self.context.clock.now());
            return Err(Status::permission_denied(why));
        }
        let place = self.regions.admit(&self.context, region).await;
        let place = place.ok_or_else(|| self.refuse(StreamRefusal::TooManyRegions, &session))?;
        let (sender, receiver) = mpsc::channel(self.context.settings.agents.max_queued_messages);
        let stop = self.stop.child_token();
        let (reason, unreadable) = (Arc::clone(&session.reason), Arc::clone(&session.unreadable));
        if let Err(why) = session.open(hello, sender, stop.clone()) {
            return Err(self.refuse(why, &session));
        }
        let (identity, region) = (session.state.identity.clone(), session.state.region.clone());
        let (prover, ended) = (session.prover.clone(), stop.clone());
        let welcome = welcome(&self.context, place.is_unsubscribed);
        tokio::spawn(session.run(incoming, stop, place));
        let clock = Arc::clone(&self.context.clock);
        let metrics = self.context.metrics.deliveries().of_served(&region);
        let outgoing = ReceiverStream::new(receiver).flat_map(move |message| {
            dispatch_waits::count(&message, &metrics, clock.now());
            let messages = convert::to_agent(message, &prover, clock.now());
            futures::stream::iter(messages.into_iter().map(Ok))
        });
        let beats = heartbeats(self.context.clone(), region);
        let farewell = async move {
            let why = reason.get().map(|why| refusals::status(*why, &identity));
            futures::stream::iter(why.or_else(|| unreadable.get().cloned()).map(Err))
        };
        let outgoing = futures::stream::once(async { Ok(welcome) })
            .chain(futures::stream::select(outgoing, beats))
            .take_until(ended.cancelled_owned())
            .chain(futures::stream::once(farewell).flatten());
        Ok(outgoing.boxed())
    }

    fn begin(
        &self,
        id: StreamId,
        hello: &Hello,
        grants: &AgentGrants,
    ) -> Result<AgentSession, Status> {
        let ReplicaContext { settings, clock, assignment_key, .. } = &self.context;
        let state = convert::agent_state(hello, &settings.agents, clock.now())?;
        let prover = AssignmentProver::new(assignment_key, &state.identity.agent, &state.region)
            .map_err(|error| Status::unavailable(format!("the assignment key: {error}")))?;
        let (context, flow) = (self.context.clone(), self.flow.clone());
        let (grants, held) = (grants.clone(), Vec::new());
        let (reason, unreadable) = (Arc::default(), Arc::default());
        let mut session =
            AgentSession { context, flow, id, state, prover, grants, reason, unreadable, held };
        session.held = session.proven(hello.in_flight.iter().chain(&hello.unacknowledged));
        Ok(session)
    }

    fn refuse(&self, why: StreamRefusal, session: &AgentSession) -> Status {
        let identity = &session.state.identity;
        self.refusals.note(why, identity, self.context.clock.now());
        refusals::count(why, &self.context.metrics);
        refusals::status(why, identity)
    }
}

fn to_response(message: ReplicaMessage) -> WorkResponse {
    WorkResponse { message: Some(message) }
}

fn welcome(context: &ReplicaContext, region_is_unsubscribed: bool) -> WorkResponse {
    let agents = &context.settings.agents;
    to_response(ReplicaMessage::Welcome(Welcome {
        replica_id: context.replica.0.to_string(),
        heartbeat_interval: Some(duration(Duration::from_millis(
            agents.heartbeat_interval_milliseconds,
        ))),
        silence_limit: Some(duration(agents.silence_timeout())),
        region_is_unsubscribed,
    }))
}

/// Heartbeats, each with this replica's backlog for the region.
fn heartbeats(
    context: ReplicaContext,
    region: postrider_domain::ids::Region,
) -> impl futures::Stream<Item = Result<WorkResponse, Status>> + Send {
    let interval = Duration::from_millis(context.settings.agents.heartbeat_interval_milliseconds);
    futures::stream::unfold((context, region, false), move |(context, region, waited)| async move {
        if waited {
            tokio::time::sleep(interval).await;
        }
        let backlog = context.dispatcher.read(|scheduler, _| scheduler.backlog(&region));
        let beat = ReplicaHeartbeat {
            backlog: u64::try_from(backlog).unwrap_or(u64::MAX),
            wall_clock_us: context.clock.now().as_micros(),
        };
        Some((Ok(to_response(ReplicaMessage::Heartbeat(beat))), (context, region, true)))
    })
}

/// One agent's stream.
struct AgentSession {
    context: ReplicaContext,
    flow: Flow,
    id: StreamId,
    state: ConnectedAgent,
    prover: AssignmentProver,
    grants: AgentGrants,
    /// Why the stream ended, if the agent is to be told.
    reason: Arc<OnceLock<StreamRefusal>>,
    /// Why the agent's message could not be read, by which the stream ended.
    unreadable: Arc<OnceLock<Status>>,
    held: Vec<AttemptKey>,
}

impl AgentSession {
    /// The attempts that were assigned to this agent, as many as it can hold.
    fn proven<'k>(&self, keys: impl Iterator<Item = &'k wire::AttemptKey>) -> Vec<AttemptKey> {
        let most = convert::most_claims(self.state.max_in_flight);
        keys.take(most).filter_map(|key| self.prover.check(key)).collect()
    }

    fn open(
        &self,
        hello: Hello,
        sender: mpsc::Sender<StreamCommand>,
        stop: CancellationToken,
    ) -> Result<(), StreamRefusal> {
        self.flow.agent_admission.admit_agent(NewStream {
            id: self.id,
            state: self.state.clone(),
            number: hello.stream,
            holder: self.grants.holder(),
            open: hello.open_streams,
            held: self.held.clone(),
            sender,
            stop,
            reason: Arc::clone(&self.reason),
        })?;
        // Until its first heartbeat tells its clock skew.
        self.context.dispatcher.update(|scheduler, _| scheduler.suspend(self.id, true));
        tracing::info!(
            agent = %self.state.identity.agent.name(), region = %self.state.region,
            stream = self.id.0, held = self.held.len(), "agent connected"
        );
        Ok(())
    }

    /// Reads the agent's messages until either side ends the stream.
    async fn run(
        self,
        mut incoming: WorkStream<WorkRequest>,
        stop: CancellationToken,
        _place: RegionPlace,
    ) {
        let stream = (self.id, &self.state);
        let mut results =
            ResultReader::begin(&self.context, &self.flow.results, stream, &self.prover, &stop);
        let silence = self.context.settings.agents.silence_timeout();
        let mut expired = std::pin::pin!(self.grants.expired());
        let mut goodbye = false;
        let mut draining = false;
        let ended: Result<String, StreamRefusal> = loop {
            let message = tokio::select! {
                message = tokio::time::timeout(silence, incoming.next()) => message,
                () = &mut expired => break Err(StreamRefusal::CertificateExpired),
                () = stop.cancelled() => break Ok("closed".to_owned()),
            };
            match message {
                Err(_) => break Err(StreamRefusal::Silent),
                Ok(Some(Err(status))) => {
                    let why = status.message().to_owned();
                    let _ = self.unreadable.set(status);
                    break Ok(why);
                }
                Ok(None) => {
                    goodbye = draining;
                    break Ok("the agent closed the stream".to_owned());
                }
                Ok(Some(Ok(WorkRequest { message: Some(said) }))) => {
                    draining |= matches!(said, AgentMessage::Draining(_));
                    if let Err(refused) = self.take(said, &mut results).await {
                        break Err(refused);
                    }
                }
                Ok(Some(Ok(WorkRequest { message: None }))) => {}
            }
        };
        let why = ended.unwrap_or_else(|refusal| {
            // Before the stream's end, by which it is told.
            let _ = self.reason.set(refusal);
            refusals::status(refusal, &self.state.identity).message().to_owned()
        });
        stop.cancel();
        if let Some(why) = self.reason.get() {
            refusals::count(*why, &self.context.metrics);
        }
        self.context.dispatcher.close_stream(self.id, goodbye);
        tracing::info!(agent = %self.state.identity.agent.name(), stream = self.id.0, %why, "agent stream ended");
    }

    async fn take(
        &self,
        said: AgentMessage,
        results: &mut ResultReader,
    ) -> Result<(), StreamRefusal> {
        let dispatcher = &self.context.dispatcher;
        dispatcher.note_heard(self.id, |_| {});
        match said {
            AgentMessage::Hello(_) => return Err(StreamRefusal::SecondHello),
            AgentMessage::Credit(credit) => dispatcher.update(|scheduler, _| {
                let most = self.state.max_in_flight;
                scheduler.credit(self.id, credit.assignments, credit.payload_bytes, most);
            }),
            AgentMessage::Results(said) => results.take(said).await?,
            AgentMessage::ReturnAssignments(returned) => self.returned(&returned),
            AgentMessage::Draining(_) => {
                dispatcher.note_heard(self.id, |state| state.draining = true);
                dispatcher.update(|scheduler, _| scheduler.suspend(self.id, true));
            }
            AgentMessage::Heartbeat(beat) => self.heartbeat(&beat),
            AgentMessage::Inventory(inventory) => self.inventory(&inventory),
        }
        Ok(())
    }

    fn returned(&self, returned: &Return) {
        let keys = self.proven(returned.keys.iter());
        let reason = returned.reason();
        if reason != ReturnReason::Draining {
            tracing::debug!(agent = %self.state.identity.agent.name(), ?reason, count = keys.len(), "assignments returned");
        }
        let forget_settings = reason == ReturnReason::UnknownSubscription;
        self.context.dispatcher.update(|scheduler, now| {
            if reason == ReturnReason::Draining {
                scheduler.suspend(self.id, true);
            }
            scheduler.returned(self.id, &keys, forget_settings, now);
        });
    }

    fn heartbeat(&self, beat: &AgentHeartbeat) {
        let wall = Timestamp::from_micros(beat.wall_clock_us);
        let now = self.context.clock.now();
        let skew_us = beat.wall_clock_us.saturating_sub(now.as_micros());
        let limit = Duration::from_secs(self.context.settings.ownership.max_clock_skew_seconds);
        let skewed = wall.since(now) > limit || now.since(wall) > limit;
        let mut draining = false;
        self.context.dispatcher.note_heard(self.id, |state| {
            state.clock_skew_us = skew_us;
            state.in_flight = beat.in_flight.min(state.max_in_flight);
            draining = state.draining;
        });
        self.context
            .dispatcher
            .update(|scheduler, _| scheduler.suspend(self.id, skewed || draining));
    }

    fn inventory(&self, inventory: &Inventory) {
        let Ok(shard) = u16::try_from(inventory.shard) else {
            return;
        };
        let lease = ShardLease { shard: Shard(shard), epoch: Epoch(inventory.epoch) };
        let held = self.proven(inventory.in_flight.iter().chain(&inventory.unacknowledged));
        let agent: &AgentIdentity = &self.state.identity;
        self.context.dispatcher.update(|s, _| s.record_inventory(agent, Some(lease), &held));
        if !self.context.dispatcher.read(|s, now| s.ready_to_settle(now)).is_empty() {
            self.context.dispatcher.request_work();
        }
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
