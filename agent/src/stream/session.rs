//! One work stream to one replica, from Hello to its end.
//!
//! If nothing arrives for the silence limit, the stream is ended before anything
//! that arrives late is obeyed: a process that was suspended must not send POSTs
//! when it wakes up. A stream on which nothing can be sent is ended too. No timer
//! collects results: while one message waits to be sent, the next batch grows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{Draining, Hello, Welcome, WorkRequest, WorkResponse};
use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::attempt::progress::describe_with_causes;
use crate::work::coordinator::{StreamRegistration, WorkCoordinator};

/// One message being sent and one ready; more would only get old in the queue.
const OUTGOING_QUEUE_MESSAGES: usize = 2;
/// Replies waiting to be sent. While the queue is full, nothing is read from the replica. A
/// replica asks seldom, and shard by shard: one take-over of all 64 shards fits.
const MAX_QUEUED_REPLIES: usize = 64;
/// Twice what a replica gives an agent for its Hello.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the replica has to end a stream that the agent has ended. A round trip and a
/// look at a table; everything is acknowledged by then.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);
/// Limits for the intervals in Welcome. Less would be work for nothing, more than a minute
/// no sign of life.
const MIN_AGREED_INTERVAL: Duration = Duration::from_millis(10);
const MAX_AGREED_INTERVAL: Duration = Duration::from_secs(60);

/// Why a session ended before the agent did.
#[derive(Debug, Error)]
pub enum ReplicaSessionError {
    #[error("the replica cannot be reached: {}", describe_with_causes(.0))]
    Unreachable(#[from] tonic::transport::Error),
    #[error("{0} cannot be asked for over TLS")]
    NoTls(String),
    #[error("the stream failed: {0}")]
    StreamFailed(Status),
    /// The replica said nothing at all, and the usual reason may be this.
    #[error("the connection broke before the stream began: {}; {advice}", .status.message())]
    NotBegun { status: Status, advice: &'static str },
    #[error("the replica ended the stream")]
    Ended,
    #[error("the replica's first message was not Welcome")]
    NoWelcome,
    #[error("this agent already has a stream to this replica")]
    DuplicateStream,
    #[error("{0}")]
    IdInUse(String),
    #[error("nothing arrived from the replica for {0:?}")]
    Silent(Duration),
    #[error("nothing could be sent to the replica for {0:?}")]
    NotReading(Duration),
}

impl From<Status> for ReplicaSessionError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Aborted => Self::DuplicateStream,
            Code::AlreadyExists => Self::IdInUse(status.message().to_owned()),
            _ => Self::StreamFailed(status),
        }
    }
}

/// When an agent stops.
#[derive(Debug, Clone, Default)]
pub struct ShutdownSignals {
    /// No more work is wanted.
    pub draining: CancellationToken,
    /// Streams are to be closed.
    pub closing: CancellationToken,
    /// A replica asked the agent to stop.
    pub stop_requested: CancellationToken,
}

/// What the agent says.
pub type AgentMessageStream = ReceiverStream<WorkRequest>;
/// What a replica says, until the stream breaks.
pub type ReplicaMessageStream = BoxStream<'static, Result<WorkResponse, Status>>;

/// A stream that the replica has welcomed.
pub struct ReplicaSession {
    coordinator: Arc<WorkCoordinator>,
    signals: ShutdownSignals,
    registration: StreamRegistration,
    wake: Arc<Notify>,
    incoming: ReplicaMessageStream,
    outgoing: mpsc::Sender<WorkRequest>,
    replies: VecDeque<AgentMessage>,
    heartbeat_interval: Duration,
    silence_limit: Duration,
    region_is_unsubscribed: bool,
    last_received_at: Instant,
    last_sent_at: Instant,
}

impl ReplicaSession {
    /// Says Hello over the stream that `open` makes, and waits for Welcome.
    pub async fn open<F>(
        coordinator: Arc<WorkCoordinator>,
        signals: ShutdownSignals,
        open: impl FnOnce(AgentMessageStream) -> F,
    ) -> Result<Self, ReplicaSessionError>
    where
        F: Future<Output = Result<ReplicaMessageStream, Status>>,
    {
        let (registration, hello) = coordinator.register_stream();
        let greeting = timeout(WELCOME_TIMEOUT, exchange_greetings(hello, open)).await;
        let (outgoing, incoming, welcome) =
            greeting.unwrap_or(Err(ReplicaSessionError::Silent(WELCOME_TIMEOUT)))?;
        let wake = coordinator
            .open_stream(registration.id, &welcome.replica_id)
            .ok_or(ReplicaSessionError::DuplicateStream)?;
        tracing::info!(replica = welcome.replica_id, "work stream opened");
        let now = Instant::now();
        let heartbeat_interval =
            interval_or_default(welcome.heartbeat_interval, Duration::from_secs(1));
        let silence_limit = interval_or_default(welcome.silence_limit, Duration::from_secs(5));
        Ok(Self {
            coordinator,
            signals,
            registration,
            wake,
            incoming,
            outgoing,
            replies: VecDeque::new(),
            heartbeat_interval,
            silence_limit: silence_limit.max(heartbeat_interval),
            region_is_unsubscribed: welcome.region_is_unsubscribed,
            last_received_at: now,
            last_sent_at: now,
        })
    }

    /// Whether the replica knows that no subscription names the agent's region.
    pub fn region_is_unsubscribed(&self) -> bool {
        self.region_is_unsubscribed
    }

    /// Works until the agent closes or the stream ends.
    pub async fn run(mut self) -> Result<(), ReplicaSessionError> {
        let ended = self.run_loop().await;
        let coordinator = Arc::clone(&self.coordinator);
        let stream = self.registration.id;
        if ended.is_ok() {
            self.close_gracefully().await;
        }
        coordinator.close_stream(stream);
        ended
    }

    async fn run_loop(&mut self) -> Result<(), ReplicaSessionError> {
        // Twice as often as agreed, so that a delayed heartbeat is still in time.
        let mut heartbeat = interval(self.heartbeat_interval / 2);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch =
            std::pin::pin!(sleep_until((self.last_received_at + self.silence_limit).into()));
        let ShutdownSignals { draining, closing, .. } = self.signals.clone();
        let (outgoing, wake) = (self.outgoing.clone(), Arc::clone(&self.wake));
        let mut draining_announced = false;
        let mut clock_steps = self.coordinator.clock.subscribe_to_steps();
        loop {
            let has_message =
                !self.replies.is_empty() || self.coordinator.has_message_for(self.registration.id);
            tokio::select! {
                message = self.incoming.next(), if self.replies.len() < MAX_QUEUED_REPLIES => {
                    let message = message.ok_or(ReplicaSessionError::Ended)??;
                    self.handle_message(message)?;
                }
                permit = outgoing.reserve(), if has_message => {
                    let permit = permit.map_err(|_| ReplicaSessionError::Ended)?;
                    let registered = self.registration.id;
                    let next = self.replies.pop_front().or_else(|| {
                        self.coordinator.next_message_for(registered, Instant::now())
                    });
                    if let Some(message) = next {
                        permit.send(WorkRequest { message: Some(message) });
                        self.last_sent_at = Instant::now();
                    }
                }
                // Yield once, so that attempts that end in the same scheduler turn go in one
                // message.
                () = wake.notified() => yield_now().await,
                _ = heartbeat.tick() => self.queue_heartbeat(),
                // A clock step is reported at once. (The channel cannot close: the
                // coordinator owns the sender.)
                _ = clock_steps.changed() => self.queue_heartbeat(),
                () = &mut watch => {
                    self.check_silence()?;
                    let next = Instant::now() + self.silence_limit / 4;
                    watch.as_mut().reset(next.into());
                }
                () = draining.cancelled(), if !draining_announced => {
                    draining_announced = true;
                    self.replies.push_back(AgentMessage::Draining(Draining {}));
                }
                () = closing.cancelled(), if !has_message => return Ok(()),
            }
        }
    }

    fn handle_message(&mut self, response: WorkResponse) -> Result<(), ReplicaSessionError> {
        self.check_silence()?;
        self.last_received_at = Instant::now();
        match response.message {
            Some(ReplicaMessage::Assign(assign)) => {
                let returns =
                    self.coordinator.accept_assignments(self.registration.id, assign.assignments);
                self.replies.extend(returns.into_iter().map(AgentMessage::ReturnAssignments));
            }
            Some(ReplicaMessage::ResultAck(ack)) => self.coordinator.acknowledge_results(&ack.keys),
            Some(ReplicaMessage::SubscriptionUpdate(update)) => {
                self.coordinator.update_subscription(&update)
            }
            Some(ReplicaMessage::TakeOver(take_over)) => {
                let inventory = self.coordinator.fence_shard(&take_over);
                self.replies.push_back(AgentMessage::Inventory(inventory));
            }
            Some(ReplicaMessage::Heartbeat(heartbeat)) => {
                self.coordinator
                    .clock
                    .record_replica_time(heartbeat.wall_clock_us, self.last_received_at);
                self.coordinator.record_backlog(self.registration.id, heartbeat.backlog);
            }
            Some(ReplicaMessage::Drain(_)) => self.signals.stop_requested.cancel(),
            // A second Welcome changes nothing, and what a newer replica says
            // beyond this agent's knowledge is proof of life.
            Some(ReplicaMessage::Welcome(_)) | None => {}
        }
        Ok(())
    }

    fn check_silence(&self) -> Result<(), ReplicaSessionError> {
        if self.last_received_at.elapsed() > self.silence_limit {
            return Err(ReplicaSessionError::Silent(self.silence_limit));
        }
        if !self.replies.is_empty() && self.last_sent_at.elapsed() > self.silence_limit {
            return Err(ReplicaSessionError::NotReading(self.silence_limit));
        }
        Ok(())
    }

    fn queue_heartbeat(&mut self) {
        // A heartbeat that is still queued is enough.
        let waits = self.replies.iter().any(|say| matches!(say, AgentMessage::Heartbeat(_)));
        if !waits {
            let heartbeat = self.coordinator.build_heartbeat();
            self.replies.push_back(AgentMessage::Heartbeat(heartbeat));
        }
    }

    /// Ends the agent's half and lets the replica end the other.
    async fn close_gracefully(self) {
        let Self { outgoing, mut incoming, .. } = self;
        drop(outgoing);
        let ended = async { while let Some(Ok(_)) = incoming.next().await {} };
        // Nothing is lost if the replica is slow about it.
        let _ = timeout(GOODBYE_TIMEOUT, ended).await;
    }
}

type GreetedStream = (mpsc::Sender<WorkRequest>, ReplicaMessageStream, Welcome);

async fn exchange_greetings<F>(
    hello: Hello,
    open: impl FnOnce(AgentMessageStream) -> F,
) -> Result<GreetedStream, ReplicaSessionError>
where
    F: Future<Output = Result<ReplicaMessageStream, Status>>,
{
    let (outgoing, requests) = mpsc::channel(OUTGOING_QUEUE_MESSAGES);
    let hello = WorkRequest { message: Some(AgentMessage::Hello(hello)) };
    outgoing.send(hello).await.map_err(|_| ReplicaSessionError::Ended)?;
    let mut incoming = open(ReceiverStream::new(requests)).await?;
    match incoming.next().await.ok_or(ReplicaSessionError::Ended)??.message {
        Some(ReplicaMessage::Welcome(welcome)) => Ok((outgoing, incoming, welcome)),
        _ => Err(ReplicaSessionError::NoWelcome),
    }
}

fn interval_or_default(asked: Option<prost_types::Duration>, otherwise: Duration) -> Duration {
    asked
        .and_then(|duration| Duration::try_from(duration).ok())
        .unwrap_or(otherwise)
        .clamp(MIN_AGREED_INTERVAL, MAX_AGREED_INTERVAL)
}
