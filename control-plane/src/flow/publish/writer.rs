//! A publish writer: commits one batch after another.
//!
//! Fed by the publish queue; feeds the store, the scheduler and the waiting publishers.
//! Guarantees that each publisher gets one answer, after the commit
//! (durable-before-acknowledged).
//!
//! Keeps the invariant `durable-before-acknowledged`.

use std::sync::Arc;

use fair_batch::BatchReceiver;
use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::{DeliveryId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::{NewEvent, PublishOutcome, Store, StoreError};

use super::answer::{PublishAnswer, PublishError};
use super::batch::{
    CommitOutcome, PendingPublish, PublishBatch, PublishWaiter, reserved_ids,
    split_repeated_idempotency_keys,
};
use super::rows::RowBuilder;
use super::spans;
use crate::clock::Clock;
use crate::metrics::{CommitKind, Metrics};
use crate::progress::ProgressHandle;
use crate::state::cluster::{ClusterState, ShardOwner};
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::ordering_queue::OrderingQueue;
use crate::state::peers::Peers;
use crate::state::watermark::{OpenBatch, PublishWatermark};

/// After this many events in a row failed alone because the database is at fault, the rest
/// of the batch is not tried. Chosen, not measured: an eighth of a batch costs an eighth of
/// the calls, and a fault that comes and goes rarely hits that many in a row.
const MAX_CONSECUTIVE_FAULTS: usize = 64;

/// A batch that has left the queue.
fn without_tickets(mut batch: PublishBatch) -> PublishBatch {
    for queued in &mut batch {
        if let Some(ticket) = queued.item.ticket.take() {
            ticket.taken();
        }
    }
    batch
}

/// Commits what a publisher queued.
pub struct PublishWriter {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Metrics,
    dispatcher: Dispatcher,
    peers: Peers,
    cluster: ClusterState,
    ordering_queue: OrderingQueue,
    watermark: PublishWatermark,
    rows: RowBuilder,
    receiver: BatchReceiver<TenantId, Box<PendingPublish>>,
}

impl PublishWriter {
    pub(super) fn new(
        context: &ReplicaContext,
        receiver: BatchReceiver<TenantId, Box<PendingPublish>>,
    ) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            metrics: context.metrics.clone(),
            dispatcher: context.dispatcher.clone(),
            peers: context.peers.clone(),
            cluster: context.cluster.clone(),
            ordering_queue: context.ordering_queue.clone(),
            watermark: context.watermark.clone(),
            rows: RowBuilder::new(context),
            receiver,
        }
    }

    /// Reports progress from now on.
    pub fn with_progress(mut self, progress: ProgressHandle) -> Self {
        self.receiver.set_progress_reporter(progress);
        self
    }

    /// Commits batches until every publisher is gone.
    pub async fn run(mut self) {
        let mut later = PublishBatch::new();
        loop {
            let mut batch = std::mem::take(&mut later);
            if batch.is_empty() {
                match self.receiver.next_batch().await {
                    Some(fresh) => batch = without_tickets(fresh),
                    None => return,
                }
            }
            let (batch, repeated) = split_repeated_idempotency_keys(batch);
            later = repeated;
            self.receiver.report_progress();
            self.commit_batch(batch).await;
        }
    }

    /// Commits a batch.
    async fn commit_batch(&self, batch: PublishBatch) {
        let open = self.watermark.open_batch(self.clock.now());
        let (waiters, new) = self.rows.reserve_and_build(batch);
        let started = self.clock.now();
        let until = self.cluster.commit_deadline();
        let result = self.store.publish(&new, until).await;
        self.metrics.observe_commit(
            CommitKind::Publish,
            self.clock.now().since(started),
            new.len(),
        );
        match result {
            Ok(results) => {
                self.cluster.record_publish_commit(true);
                self.answer_committed(waiters, new, results, started);
            }
            Err(StoreError::Rejected(_) | StoreError::Faulty(_)) if new.len() > 1 => {
                self.commit_one_by_one(waiters, new, &open).await
            }
            Err(error) => {
                self.record_failure(&error, &new, &open, started);
                self.answer_failed(&error, waiters, &new);
            }
        }
    }

    /// Commits each event of a refused batch alone, so that only the one at fault fails.
    /// Stops when the database itself turns out to be at fault.
    async fn commit_one_by_one(
        &self,
        waiters: Vec<PublishWaiter>,
        new: Vec<NewEvent>,
        open: &OpenBatch,
    ) {
        let mut failed = 0;
        let mut both = waiters.into_iter().zip(new);
        while let Some((waiter, new)) = both.next() {
            self.receiver.report_progress();
            let new = vec![new];
            let asked = self.clock.now();
            let until = self.cluster.commit_deadline();
            match self.store.publish(&new, until).await {
                Ok(results) => {
                    self.cluster.record_publish_commit(true);
                    failed = 0;
                    self.answer_committed(vec![waiter], new, results, asked);
                }
                Err(error) => {
                    self.record_failure(&error, &new, open, asked);
                    self.answer_failed(&error, vec![waiter], &new);
                    failed += usize::from(!error.is_rejected_input());
                    if error.is_transient() || failed >= MAX_CONSECUTIVE_FAULTS {
                        let (waiters, new): (Vec<_>, Vec<_>) = both.unzip();
                        return self.answer_failed(&error, waiters, &new);
                    }
                }
            }
        }
    }

    /// Records that events were not, or may not have been, committed, and logs it when it
    /// begins.
    fn record_failure(
        &self,
        error: &StoreError,
        new: &[NewEvent],
        open: &OpenBatch,
        asked: Timestamp,
    ) {
        let cluster = &self.cluster;
        if !error.had_no_effect() {
            // If it was committed after all, the sweep finds the rows.
            cluster.note_uncertain_commit();
            open.mark_unresolved(asked, cluster.unresolved_commit_span());
        }
        let is_rejected_input = error.is_rejected_input();
        if !is_rejected_input && cluster.since_publish_refused().is_none() {
            let tenant = new.first().map(|new| new.event.tenant.to_string()).unwrap_or_default();
            tracing::warn!(%error, tenant, events = new.len(), "events were not committed");
        }
        cluster.record_publish_commit(is_rejected_input);
    }

    /// Answers publishers whose events were not committed.
    fn answer_failed(&self, error: &StoreError, waiters: Vec<PublishWaiter>, new: &[NewEvent]) {
        self.roll_back(new.iter().flat_map(reserved_ids));
        spans::record_failed(&waiters, new, error, &*self.clock);
        for waiter in waiters {
            let _ = waiter.verdict.send(CommitOutcome::Decided(Err(error.clone().into())));
        }
    }

    fn roll_back(&self, ids: impl Iterator<Item = DeliveryId>) {
        self.dispatcher.update(|scheduler, _| scheduler.rolled_back(ids));
    }

    /// Answers publishers after a commit, which began at `started`.
    fn answer_committed(
        &self,
        waiters: Vec<PublishWaiter>,
        new: Vec<NewEvent>,
        results: Vec<PublishOutcome>,
        started: Timestamp,
    ) {
        self.apply_to_scheduler(&new, &results);
        spans::record_committed(&waiters, &new, &results, (&*self.clock, started));
        for ((PublishWaiter { verdict, .. }, new), result) in
            waiters.into_iter().zip(new).zip(results)
        {
            let answer = match result {
                PublishOutcome::Committed { .. } => {
                    self.metrics.deliveries().published(new.deliveries.len());
                    Ok(PublishAnswer {
                        event: new.event.id,
                        matched: new.event.matched,
                        duplicate: false,
                    })
                }
                PublishOutcome::Duplicate { event, matched, same_request: true } => {
                    self.metrics.deliveries().repeated();
                    Ok(PublishAnswer { event, matched, duplicate: true })
                }
                PublishOutcome::Duplicate { event, .. } => Err(PublishError::KeyReused { event }),
                PublishOutcome::StaleConfig => {
                    // The scheduler has forgotten its deliveries: nobody else holds it.
                    let same = Box::new(Arc::unwrap_or_clone(new.event).content);
                    let _ = verdict.send(CommitOutcome::MatchAgain(same));
                    continue;
                }
            };
            let _ = verdict.send(CommitOutcome::Decided(answer));
        }
    }

    /// Tells the scheduler: committed deliveries may be sent, others are forgotten; hints
    /// the owners of those that wait elsewhere.
    fn apply_to_scheduler(&self, new: &[NewEvent], results: &[PublishOutcome]) {
        let mut elsewhere: Vec<(TenantId, SubscriptionKey)> = Vec::new();
        self.dispatcher.update(|scheduler, now| {
            for (new, result) in new.iter().zip(results) {
                let PublishOutcome::Committed { sequences } = result else {
                    scheduler.rolled_back(reserved_ids(new));
                    continue;
                };
                let numbered = new.deliveries.iter().zip(sequences.iter().copied());
                let admitted =
                    numbered.filter(|(numbered, _)| numbered.state == DeliveryState::InFlight);
                scheduler.committed(admitted.map(|(admitted, number)| (admitted.id, number)), now);
                for delivery in new.deliveries.iter().filter(|d| d.state == DeliveryState::Waiting)
                {
                    if scheduler.epoch(delivery.shard).is_some() {
                        scheduler.note_due(&delivery.subscription, delivery.due, now);
                    } else {
                        elsewhere.push((new.event.tenant.clone(), delivery.subscription.clone()));
                    }
                }
            }
        });
        let committed = new.iter().zip(results).filter(|(_, result)| result.is_committed());
        for held in committed.flat_map(|(new, _)| &new.deliveries) {
            if held.state == DeliveryState::Held {
                self.ordering_queue.push_key_of(held);
            }
        }
        for (tenant, subscription) in elsewhere {
            if let ShardOwner::Peer(address) = self.cluster.owner(&tenant) {
                self.peers.hint_waiting(&address, subscription);
            }
        }
    }
}
