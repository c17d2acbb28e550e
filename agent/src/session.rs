//! One work stream to one replica, from Hello to its end.
//!
//! Fed by `replicas` with a channel and by the desk with what to say; feeds the
//! desk what the replica says. Guarantees that the two sides hear from each
//! other or part: a stream over which nothing came for the silence limit is
//! given up before anything late on it is obeyed (a process that was stopped and
//! wakes up must not POST), and so is one that takes nothing. Results are not
//! gathered by a timer: while one message waits to be sent the next batch grows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use postrider_proto::agent::v1::work_request::Message as Say;
use postrider_proto::agent::v1::work_response::Message as Hear;
use postrider_proto::agent::v1::{Draining, Hello, Welcome, WorkRequest, WorkResponse};
use thiserror::Error;
use tokio::sync::{Notify, mpsc};
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::desk::{BegunStream, Desk};

/// One message is on its way and one is ready: more would only age.
const OUTBOX: usize = 2;
/// Answers that wait to be sent; beyond these the replica is not heard.
const MAX_ANSWERS: usize = 64;
const WELCOME_LIMIT: Duration = Duration::from_secs(10);
/// How long the replica has to end a stream that the agent has ended.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// What a replica may ask for; outside of these it would be a mistake.
const MIN_INTERVAL: Duration = Duration::from_millis(10);
const MAX_INTERVAL: Duration = Duration::from_secs(60);

/// Why a session ended before the agent did.
#[derive(Debug, Error)]
pub enum SessionError {
    #[error("the replica cannot be reached: {0}")]
    Unreachable(#[from] tonic::transport::Error),
    #[error("the stream broke: {0}")]
    Broken(Status),
    #[error("the replica ended the stream")]
    Ended,
    #[error("the replica did not begin with Welcome")]
    Unwelcome,
    #[error("another stream goes to this replica already")]
    Superfluous,
    #[error("{0}")]
    IdInUse(String),
    #[error("the replica was silent for {0:?}")]
    Silent(Duration),
    #[error("the replica took nothing for {0:?}")]
    Stuck(Duration),
}

impl From<Status> for SessionError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Aborted => Self::Superfluous,
            Code::AlreadyExists => Self::IdInUse(status.message().to_owned()),
            _ => Self::Broken(status),
        }
    }
}

/// When an agent stops.
#[derive(Debug, Clone, Default)]
pub struct Stopping {
    /// No more work is wanted.
    pub draining: CancellationToken,
    /// Streams are to be closed.
    pub closing: CancellationToken,
    /// A replica asked the agent to stop.
    pub asked: CancellationToken,
}

/// What the agent says.
pub type Said = ReceiverStream<WorkRequest>;
/// What a replica says, until the stream breaks.
pub type Heard = BoxStream<'static, Result<WorkResponse, Status>>;

/// A stream that the replica has welcomed.
pub struct Session {
    desk: Arc<Desk>,
    stopping: Stopping,
    begun: BegunStream,
    wake: Arc<Notify>,
    heard: Heard,
    said: mpsc::Sender<WorkRequest>,
    answers: VecDeque<Say>,
    heartbeat_interval: Duration,
    silence_limit: Duration,
    region_is_unsubscribed: bool,
    last_heard: Instant,
    last_said: Instant,
}

impl Session {
    /// Says Hello over the stream that `open` makes, and waits for Welcome.
    pub async fn begin<F>(
        desk: Arc<Desk>,
        stopping: Stopping,
        open: impl FnOnce(Said) -> F,
    ) -> Result<Self, SessionError>
    where
        F: Future<Output = Result<Heard, Status>>,
    {
        let (begun, hello) = desk.begin_stream();
        let greeting = timeout(WELCOME_LIMIT, greet(hello, open)).await;
        let (said, heard, welcome) =
            greeting.unwrap_or(Err(SessionError::Silent(WELCOME_LIMIT)))?;
        let wake = desk.open(begun.id, &welcome.replica_id).ok_or(SessionError::Superfluous)?;
        tracing::info!(replica = welcome.replica_id, "work stream opened");
        let now = Instant::now();
        let heartbeat_interval = bounded(welcome.heartbeat_interval, Duration::from_secs(1));
        let silence_limit = bounded(welcome.silence_limit, Duration::from_secs(5));
        Ok(Self {
            desk,
            stopping,
            begun,
            wake,
            heard,
            said,
            answers: VecDeque::new(),
            heartbeat_interval,
            silence_limit: silence_limit.max(heartbeat_interval),
            region_is_unsubscribed: welcome.region_is_unsubscribed,
            last_heard: now,
            last_said: now,
        })
    }

    /// Whether the replica knows that no subscription names the agent's region.
    pub fn region_is_unsubscribed(&self) -> bool {
        self.region_is_unsubscribed
    }

    /// Works until the agent closes or the stream ends.
    pub async fn run(mut self) -> Result<(), SessionError> {
        let ended = self.work().await;
        let desk = Arc::clone(&self.desk);
        let stream = self.begun.id;
        if ended.is_ok() {
            self.say_goodbye().await;
        }
        desk.close(stream);
        ended
    }

    async fn work(&mut self) -> Result<(), SessionError> {
        // Twice as often as promised, so that a late one is still in time.
        let mut heartbeat = interval(self.heartbeat_interval / 2);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch = std::pin::pin!(sleep_until((self.last_heard + self.silence_limit).into()));
        let Stopping { draining, closing, .. } = self.stopping.clone();
        let (said, wake) = (self.said.clone(), Arc::clone(&self.wake));
        let mut said_draining = false;
        let mut clock_steps = self.desk.clock.steps();
        loop {
            let outgoing = !self.answers.is_empty() || self.desk.has_outgoing(self.begun.id);
            tokio::select! {
                message = self.heard.next(), if self.answers.len() < MAX_ANSWERS => {
                    let message = message.ok_or(SessionError::Ended)??;
                    self.hear(message)?;
                }
                permit = said.reserve(), if outgoing => {
                    let permit = permit.map_err(|_| SessionError::Ended)?;
                    let next = self.answers.pop_front();
                    let next =
                        next.or_else(|| self.desk.next_outgoing(self.begun.id, Instant::now()));
                    if let Some(message) = next {
                        permit.send(WorkRequest { message: Some(message) });
                        self.last_said = Instant::now();
                    }
                }
                // Whatever else ends in this turn of the runtime goes along.
                () = wake.notified() => yield_now().await,
                _ = heartbeat.tick() => self.queue_heartbeat(),
                // Whoever gives work is to know at once. The sender lives in the desk.
                _ = clock_steps.changed() => self.queue_heartbeat(),
                () = &mut watch => {
                    self.check_silence()?;
                    let next = Instant::now() + self.silence_limit / 4;
                    watch.as_mut().reset(next.into());
                }
                () = draining.cancelled(), if !said_draining => {
                    said_draining = true;
                    self.answers.push_back(Say::Draining(Draining {}));
                }
                () = closing.cancelled(), if !outgoing => return Ok(()),
            }
        }
    }

    fn hear(&mut self, response: WorkResponse) -> Result<(), SessionError> {
        self.check_silence()?;
        self.last_heard = Instant::now();
        match response.message {
            Some(Hear::Assign(assign)) => {
                let returns = self.desk.assign(self.begun.id, assign.assignments);
                self.answers.extend(returns.into_iter().map(Say::ReturnAssignments));
            }
            Some(Hear::ResultAck(ack)) => self.desk.acknowledge(&ack.keys),
            Some(Hear::SubscriptionUpdate(update)) => self.desk.update(&update),
            Some(Hear::TakeOver(take_over)) => {
                let inventory = self.desk.take_over(&take_over);
                self.answers.push_back(Say::Inventory(inventory));
            }
            Some(Hear::Heartbeat(heartbeat)) => {
                self.desk.clock.hear_replica(heartbeat.wall_clock_us, self.last_heard);
                self.desk.report_backlog(self.begun.id, heartbeat.backlog);
            }
            Some(Hear::Drain(_)) => self.stopping.asked.cancel(),
            // A second Welcome changes nothing, and what a newer replica says
            // beyond this agent's knowledge is proof of life.
            Some(Hear::Welcome(_)) | None => {}
        }
        Ok(())
    }

    fn check_silence(&self) -> Result<(), SessionError> {
        if self.last_heard.elapsed() > self.silence_limit {
            return Err(SessionError::Silent(self.silence_limit));
        }
        if !self.answers.is_empty() && self.last_said.elapsed() > self.silence_limit {
            return Err(SessionError::Stuck(self.silence_limit));
        }
        Ok(())
    }

    fn queue_heartbeat(&mut self) {
        // One that could not be sent yet is proof enough.
        let waits = self.answers.iter().any(|say| matches!(say, Say::Heartbeat(_)));
        if !waits {
            let heartbeat = self.desk.heartbeat();
            self.answers.push_back(Say::Heartbeat(heartbeat));
        }
    }

    /// Ends the agent's half and lets the replica end the other.
    async fn say_goodbye(self) {
        let Self { said, mut heard, .. } = self;
        drop(said);
        let ended = async { while let Some(Ok(_)) = heard.next().await {} };
        // Nothing is lost if the replica is slow about it.
        let _ = timeout(GOODBYE_LIMIT, ended).await;
    }
}

type Greeting = (mpsc::Sender<WorkRequest>, Heard, Welcome);

async fn greet<F>(hello: Hello, open: impl FnOnce(Said) -> F) -> Result<Greeting, SessionError>
where
    F: Future<Output = Result<Heard, Status>>,
{
    let (said, requests) = mpsc::channel(OUTBOX);
    let hello = WorkRequest { message: Some(Say::Hello(hello)) };
    said.send(hello).await.map_err(|_| SessionError::Ended)?;
    let mut heard = open(ReceiverStream::new(requests)).await?;
    match heard.next().await.ok_or(SessionError::Ended)??.message {
        Some(Hear::Welcome(welcome)) => Ok((said, heard, welcome)),
        _ => Err(SessionError::Unwelcome),
    }
}

fn bounded(asked: Option<prost_types::Duration>, otherwise: Duration) -> Duration {
    asked
        .and_then(|duration| Duration::try_from(duration).ok())
        .unwrap_or(otherwise)
        .clamp(MIN_INTERVAL, MAX_INTERVAL)
}
