//! One agent's work stream, from Hello to its end.
//!
//! Fed by what the agent sends; feeds the dispatcher and `conclude`. Guarantees that
//! whatever ends a stream, the scheduler is told.

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
    AgentHeartbeat, Hello, Inventory, ReplicaHeartbeat, Results, Return, ReturnReason, Welcome,
    WorkRequest, WorkResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::duration::duration;
use super::refusals::RefusalLog;
use super::regions::UnsubscribedRegionCache;
use super::{convert, refusals};
use crate::flow::Flow;
use crate::listeners::AgentGrants;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::streams::{ConnectedAgent, NewStream, StreamCommand, StreamRefusal};

/// How long a new stream may take to say Hello. It is the first thing that an agent says; a
/// packet may be lost on the way.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Largest message that an agent sends, in bytes. An inventory of all that an agent holds
/// fits; results come 2 MiB at a time.
const MAX_AGENT_MESSAGE_BYTES: usize = 32 * 1024 * 1024;

/// Serves agents until `stop`.
pub fn service(
    context: ReplicaContext,
    flow: Flow,
    stop: CancellationToken,
) -> AgentServiceServer<impl AgentService> {
    AgentServiceServer::new(AgentServiceHandler(AgentSessions::new(context, flow, stop)))
        .max_decoding_message_size(MAX_AGENT_MESSAGE_BYTES)
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
    regions: UnsubscribedRegionCache,
}

impl AgentSessions {
    pub fn new(context: ReplicaContext, flow: Flow, stop: CancellationToken) -> Self {
        let (refusals, regions) = (RefusalLog::default(), UnsubscribedRegionCache::default());
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
        let session = self.begin(id, &hello)?;
        let (identity, region) = (&session.state.identity, &session.state.region);
        if let Err(why) = grants.check(region, &identity.agent) {
            self.refusals.note_denied(&why, identity, self.context.clock.now());
            return Err(Status::permission_denied(why));
        }
        let (sender, receiver) = mpsc::channel(self.context.settings.agents.max_queued_messages);
        let stop = self.stop.child_token();
        let reason = Arc::default();
        if let Err(why) = session.open(hello, sender, stop.clone(), Arc::clone(&reason)) {
            let identity = &session.state.identity;
            self.refusals.note(why, identity, self.context.clock.now());
            return Err(refusals::status(why, identity));
        }
        let (identity, region) = (session.state.identity.clone(), session.state.region.clone());
        let ended = stop.clone();
        tokio::spawn(session.run(incoming, stop));
        let is_unsubscribed = self.regions.contain(&self.context, &region).await;
        let welcome = welcome(&self.context, is_unsubscribed);
        let clock = Arc::clone(&self.context.clock);
        let outgoing = ReceiverStream::new(receiver).flat_map(move |message| {
            futures::stream::iter(convert::to_agent(message, clock.now()).into_iter().map(Ok))
        });
        let beats = heartbeats(self.context.clone(), region);
        let farewell = async move {
            let why = reason.get().copied();
            futures::stream::iter(why.map(|why| Err(refusals::status(why, &identity))))
        };
        let outgoing = futures::stream::once(async { Ok(welcome) })
            .chain(futures::stream::select(outgoing, beats))
            .take_until(ended.cancelled_owned())
            .chain(futures::stream::once(farewell).flatten());
        Ok(outgoing.boxed())
    }

    fn begin(&self, id: StreamId, hello: &Hello) -> Result<AgentSession, Status> {
        let state = convert::agent_state(hello, self.context.clock.now())?;
        let held = convert::keys(&hello.in_flight)
            .into_iter()
            .chain(convert::keys(&hello.unacknowledged))
            .collect();
        let (context, flow) = (self.context.clone(), self.flow.clone());
        Ok(AgentSession { context, flow, id, state, held })
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
    held: Vec<AttemptKey>,
}

impl AgentSession {
    fn open(
        &self,
        hello: Hello,
        sender: mpsc::Sender<StreamCommand>,
        stop: CancellationToken,
        reason: Arc<OnceLock<StreamRefusal>>,
    ) -> Result<(), StreamRefusal> {
        self.flow.agent_admission.admit_agent(NewStream {
            id: self.id,
            state: self.state.clone(),
            number: hello.stream,
            open: hello.open_streams,
            held: self.held.clone(),
            sender,
            stop,
            reason,
        })?;
        // Until its first heartbeat tells its clock skew.
        self.context.dispatcher.update(|scheduler, _| scheduler.suspend(self.id, true));
        tracing::info!(
            agent = %self.state.identity.agent.0, region = %self.state.region,
            stream = self.id.0, held = self.held.len(), "agent connected"
        );
        Ok(())
    }

    /// Reads the agent's messages until either side ends the stream.
    async fn run(self, mut incoming: WorkStream<WorkRequest>, stop: CancellationToken) {
        let silence = self.context.settings.agents.silence_timeout();
        let mut goodbye = false;
        let mut draining = false;
        let why = loop {
            let message = tokio::select! {
                message = tokio::time::timeout(silence, incoming.next()) => message,
                () = stop.cancelled() => break "closed".to_owned(),
            };
            match message {
                Err(_) => break "silent for too long".to_owned(),
                Ok(Some(Err(status))) => break status.message().to_owned(),
                Ok(None) => {
                    goodbye = draining;
                    break "the agent closed the stream".to_owned();
                }
                Ok(Some(Ok(WorkRequest { message: Some(said) }))) => {
                    draining |= matches!(said, AgentMessage::Draining(_));
                    if let Err(refused) = self.take(said).await {
                        break refused;
                    }
                }
                Ok(Some(Ok(WorkRequest { message: None }))) => {}
            }
        };
        stop.cancel();
        self.context.dispatcher.close_stream(self.id, goodbye);
        tracing::info!(agent = %self.state.identity.agent.0, stream = self.id.0, %why, "agent stream ended");
    }

    async fn take(&self, said: AgentMessage) -> Result<(), String> {
        let dispatcher = &self.context.dispatcher;
        dispatcher.note_heard(self.id, |_| {});
        match said {
            AgentMessage::Hello(_) => return Err("a second Hello".to_owned()),
            AgentMessage::Credit(credit) => dispatcher.update(|scheduler, _| {
                scheduler.credit(self.id, credit.assignments, credit.payload_bytes);
            }),
            AgentMessage::Results(results) => self.results(results).await?,
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

    async fn results(&self, results: Results) -> Result<(), String> {
        let now = self.context.clock.now();
        for result in results.results {
            let report = convert::to_attempt_report(result, &self.state, self.id, now);
            let report = report.map_err(|field| format!("a result without a valid {field}"))?;
            let taken = self.flow.results.submit(report).await;
            taken.map_err(|_| "the replica is stopping".to_owned())?;
        }
        Ok(())
    }

    fn returned(&self, returned: &Return) {
        let keys = convert::keys(&returned.keys);
        let reason = returned.reason();
        if reason != ReturnReason::Draining {
            tracing::debug!(agent = %self.state.identity.agent.0, ?reason, count = keys.len(), "assignments returned");
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
            state.in_flight = beat.in_flight;
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
        let mut held = convert::keys(&inventory.in_flight);
        held.extend(convert::keys(&inventory.unacknowledged));
        let agent: &AgentIdentity = &self.state.identity;
        self.context.dispatcher.update(|s, _| s.record_inventory(agent, Some(lease), &held));
        if !self.context.dispatcher.read(|s, now| s.ready_to_settle(now)).is_empty() {
            self.context.dispatcher.request_work();
        }
    }
}
