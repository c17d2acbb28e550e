//! What a stream's agent says came of its attempts.
//!
//! Fed by the session with Results; feeds `conclude` with those that count, and the
//! agent with acknowledgements of those that do not. Guarantees that a result counts
//! only with the proof that its attempt was assigned to this agent, for the delivery
//! as this replica knows it; that what has to be looked up is looked up in the
//! stream's own turn, so that it delays nobody else's results; that what an agent gave
//! back it does not conclude; and that a stream which brings ever more without a proof is
//! ended.
//!
//! What nobody knows any more (a restore, a deletion) and what is recorded already is
//! acknowledged, so that an honest agent forgets it, and dropped.
//!
//! Keeps the invariant `only-what-was-assigned`.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::ids::{AttemptKey, TenantId};
use postrider_domain::scheduler::{ReportedAttempt, StreamId};
use postrider_proto::agent::v1 as wire;
use postrider_store::StoreResult;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::assignment_proof::{AssignmentProver, named_attempt};
use super::attempt_report::to_attempt_report;
use crate::flow::conclude::ResultIntake;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::streams::{ConnectedAgent, StreamCommand, StreamRefusal};

/// A stream that brought more results without a proof is ended. An honest agent has some
/// only after its replicas were given another database, and no more than it had in
/// flight; they are acknowledged meanwhile, so that each stream has fewer.
const MAX_UNPROVEN_RESULTS: usize = 1000;
/// Results of one stream that wait to be looked up. While there are more, nothing else of
/// the stream is read.
const MAX_QUEUED_LOOK_UPS: usize = 512;
/// Most deliveries that one stream has read at once.
const PARALLEL_LOOK_UPS: usize = 4;
/// How long what a stream left is looked up after its end.
const LOOK_UP_GRACE: Duration = Duration::from_secs(5);
/// The pause before a delivery that could not be read is read again.
const LOOK_UP_PAUSE: Duration = Duration::from_millis(500);
/// How often a row is read that cannot be read, before its result is dropped.
const MAX_LOOK_UP_TRIES: u32 = 8;

/// Takes one stream's results.
pub(super) struct ResultReader {
    reader: Arc<StreamReader>,
    prover: AssignmentProver,
    look_ups: mpsc::Sender<ProvenResult>,
    unproven: usize,
}

/// A result of an attempt that was assigned to its stream's agent.
struct ProvenResult {
    key: AttemptKey,
    result: wire::AttemptResult,
}

/// What the reader and its look-ups share.
struct StreamReader {
    context: ReplicaContext,
    results: ResultIntake,
    id: StreamId,
    agent: ConnectedAgent,
}

impl ResultReader {
    /// Begins. What has to be looked up is, until the stream's end and a little longer: its
    /// agent may be no more.
    pub fn begin(
        context: &ReplicaContext,
        results: &ResultIntake,
        (id, agent): (StreamId, &ConnectedAgent),
        prover: &AssignmentProver,
        stop: &CancellationToken,
    ) -> Self {
        let (context, results, agent) = (context.clone(), results.clone(), agent.clone());
        let reader = Arc::new(StreamReader { context, results, id, agent });
        let (look_ups, queue) = mpsc::channel(MAX_QUEUED_LOOK_UPS);
        let (looking, stop) = (Arc::clone(&reader).look_up_queued(queue), stop.clone());
        tokio::spawn(async move {
            let mut looking = std::pin::pin!(looking);
            if stop.run_until_cancelled(&mut looking).await.is_none() {
                let _ = tokio::time::timeout(LOOK_UP_GRACE, looking).await;
            }
        });
        Self { reader, prover: prover.clone(), look_ups, unproven: 0 }
    }

    /// Takes a message's results; says why the stream must end, if it must.
    pub async fn take(&mut self, results: wire::Results) -> Result<(), StreamRefusal> {
        let mut proven = Vec::with_capacity(results.results.len());
        let mut unproven = Vec::new();
        for result in results.results {
            match result.key.as_ref().and_then(|key| self.prover.check(key)) {
                Some(key) => proven.push(ProvenResult { key, result }),
                None => unproven.push(result.key),
            }
        }
        self.refuse(&unproven)?;
        // In one look, as memory is locked for it.
        let agent = &self.reader.agent.identity;
        let reported: Vec<ReportedAttempt> = self.reader.context.dispatcher.read(|scheduler, _| {
            proven.iter().map(|said| scheduler.reported_attempt(said.key, agent)).collect()
        });
        let mut returned = Vec::new();
        for (said, reported) in proven.into_iter().zip(reported) {
            match reported {
                ReportedAttempt::Theirs(scheduled) => {
                    self.reader.submit(said, &scheduled.delivery, false).await?;
                }
                ReportedAttempt::NotTheirs => returned.push(said.key),
                ReportedAttempt::NotInMemory => {
                    self.look_ups.send(said).await.map_err(|_| StreamRefusal::Stopping)?;
                }
            }
        }
        self.reader.ignore_returned(returned);
        Ok(())
    }

    fn refuse(&mut self, unproven: &[Option<wire::AttemptKey>]) -> Result<(), StreamRefusal> {
        if unproven.is_empty() {
            return Ok(());
        }
        let StreamReader { context, id, agent, .. } = &*self.reader;
        if self.unproven == 0 {
            tracing::warn!(
                agent = %agent.identity.agent.name(), stream = id.0, count = unproven.len(),
                "results of attempts that were not assigned to this agent are ignored"
            );
        }
        self.unproven = self.unproven.saturating_add(unproven.len());
        context.metrics.results_ignored("unproven", unproven.len());
        let named = unproven.iter().flatten().filter_map(named_attempt);
        self.reader.acknowledge(named.collect());
        match self.unproven > MAX_UNPROVEN_RESULTS {
            true => Err(StreamRefusal::UnprovenResults),
            false => Ok(()),
        }
    }
}

impl StreamReader {
    async fn submit(
        &self,
        ProvenResult { key, result }: ProvenResult,
        delivery: &Delivery,
        is_row: bool,
    ) -> Result<(), StreamRefusal> {
        let now = self.context.clock.now();
        let report = to_attempt_report(result, key, delivery, (&self.agent, self.id), now);
        let report = report.ok_or(StreamRefusal::ResultWithoutFact)?;
        let queued = match is_row {
            true => self.results.submit_with_row(report, delivery.clone()).await,
            false => self.results.submit(report).await,
        };
        queued.map_err(|_| StreamRefusal::Stopping)
    }

    /// Results of attempts that the agent gave back: they wait to be sent again, or
    /// another agent has them.
    fn ignore_returned(&self, keys: Vec<AttemptKey>) {
        if !keys.is_empty() {
            self.context.metrics.results_ignored("returned", keys.len());
            self.acknowledge(keys);
        }
    }

    /// Looks up the deliveries of results that memory does not know.
    async fn look_up_queued(self: Arc<Self>, mut queue: mpsc::Receiver<ProvenResult>) {
        let queued = futures::stream::poll_fn(move |context| queue.poll_recv(context));
        queued.for_each_concurrent(PARALLEL_LOOK_UPS, |said| self.look_up(said)).await;
    }

    async fn look_up(&self, said: ProvenResult) {
        let key = said.key;
        let mut tries = 0;
        let found = loop {
            match self.find(&said).await {
                Ok(found) => break found,
                Err(error) => {
                    tries += u32::from(!error.is_transient());
                    if tries >= MAX_LOOK_UP_TRIES {
                        tracing::error!(
                            %error, delivery = %key.delivery, attempt = key.number,
                            "a result was dropped: its delivery cannot be read"
                        );
                        self.context.metrics.result_dropped();
                        return self.acknowledge(vec![key]);
                    }
                    self.context.clock.sleep(LOOK_UP_PAUSE).await;
                }
            }
        };
        let ignored = match found {
            FoundAttempt::Open(delivery) => {
                // A fact that cannot be read, or a replica that stops: the agent keeps it.
                let _ = self.submit(said, &delivery, true).await;
                return;
            }
            FoundAttempt::Recorded => "recorded",
            FoundAttempt::Unknown => "unknown",
        };
        self.context.metrics.results_ignored(ignored, 1);
        self.context.dispatcher.update(|scheduler, now| {
            // It may have come into memory since, for another agent.
            let reported = scheduler.reported_attempt(key, &self.agent.identity);
            if !matches!(reported, ReportedAttempt::NotTheirs) {
                scheduler.forget(key, now);
            }
        });
        self.acknowledge(vec![key]);
    }

    async fn find(&self, said: &ProvenResult) -> StoreResult<FoundAttempt> {
        let key = said.key;
        let Ok(tenant) = said.result.tenant.parse::<TenantId>() else {
            return Ok(FoundAttempt::Unknown);
        };
        let store = &self.context.store;
        let Some(delivery) = store.get_delivery(&tenant, key.delivery).await? else {
            return Ok(FoundAttempt::Unknown);
        };
        let is_current =
            delivery.state == DeliveryState::InFlight && delivery.current_attempt() == key;
        if !is_current && store.recorded_results(&tenant, &[key]).await?.contains(&key) {
            return Ok(FoundAttempt::Recorded);
        }
        Ok(FoundAttempt::Open(Box::new(delivery)))
    }

    fn acknowledge(&self, keys: Vec<AttemptKey>) {
        if !keys.is_empty() {
            let dispatcher = &self.context.dispatcher;
            dispatcher.send(self.id, StreamCommand::Acknowledge(keys));
        }
    }
}

/// What the table knows of an attempt.
enum FoundAttempt {
    /// Its result is to be recorded.
    Open(Box<Delivery>),
    /// Its result is recorded.
    Recorded,
    /// Its delivery is not there.
    Unknown,
}
