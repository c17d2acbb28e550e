//! A writer: one transaction after another.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::{DeliveryId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::{NewEvent, Published, StoreError};

use super::rows::{Item, input_of, reserved, split_repeated_keys};
use super::watermark::OpenBatch;
use super::{Batch, PublishAnswer, PublishError, PublishWriter, Verdict};
use crate::flow::Owner;
use crate::health::Progress;

/// Events tried alone, one after the other, of which the database took none for a fault
/// of its own. A batch has no more of one tenant before it has some of another.
const FAULTS_MAX: usize = 64;

impl PublishWriter {
    /// Says from now on whether it makes progress.
    pub fn watched_by(mut self, progress: Progress) -> Self {
        self.exit.watch(progress);
        self
    }

    /// Commits what comes, until every entrance is gone.
    pub async fn run(mut self) {
        let mut later = Batch::new();
        loop {
            let mut batch = std::mem::take(&mut later);
            if batch.is_empty() {
                match self.exit.batch().await {
                    Some(fresh) => batch = fresh,
                    None => return,
                }
            }
            let (batch, repeated) = split_repeated_keys(batch);
            later = repeated;
            self.exit.made_progress();
            self.commit(batch).await;
        }
    }

    /// Commits a batch.
    async fn commit(&self, batch: Batch) {
        let open = self.parts.watermark.begin(self.parts.clock.now());
        let (items, new) = self.prepare(batch);
        let started = self.parts.clock.now();
        let until = self.parts.cluster.may_commit_until();
        let result = self.parts.store.publish(&new, until).await;
        self.parts.metrics.observe_commit(
            "publish",
            self.parts.clock.now().since(started),
            new.len(),
        );
        match result {
            Ok(results) => {
                self.parts.cluster.committed(true);
                self.finish(items, new, results);
            }
            Err(StoreError::Rejected(_) | StoreError::Faulty(_)) if new.len() > 1 => {
                self.one_by_one(items, new, &open).await
            }
            Err(error) => {
                self.note(&error, &new, &open, started);
                self.refuse(&error, items, &new);
            }
        }
    }

    /// Tries each item of a refused batch alone, so that the guilty one fails alone.
    /// Once so many failed that nobody's event is to blame for, the rest is not tried.
    async fn one_by_one(&self, items: Vec<Item>, new: Vec<NewEvent>, open: &OpenBatch) {
        let mut failed = 0;
        let mut both = items.into_iter().zip(new);
        while let Some((item, new)) = both.next() {
            self.exit.made_progress();
            let new = vec![new];
            let asked = self.parts.clock.now();
            let until = self.parts.cluster.may_commit_until();
            match self.parts.store.publish(&new, until).await {
                Ok(results) => {
                    self.parts.cluster.committed(true);
                    failed = 0;
                    self.finish(vec![item], new, results);
                }
                Err(error) => {
                    self.note(&error, &new, open, asked);
                    self.refuse(&error, vec![item], &new);
                    failed += usize::from(!error.is_refusal());
                    if error.is_transient() || failed >= FAULTS_MAX {
                        let (items, new): (Vec<_>, Vec<_>) = both.unzip();
                        return self.refuse(&error, items, &new);
                    }
                }
            }
        }
    }

    /// Takes note of events that were not committed, or may not have been; says once
    /// that the database takes none.
    fn note(&self, error: &StoreError, new: &[NewEvent], open: &OpenBatch, asked: Timestamp) {
        let cluster = &self.parts.cluster;
        if !error.denies_effect() {
            // What was committed all the same, the sweep finds.
            cluster.suspect();
            open.unknown(asked, cluster.doubt());
        }
        let is_refusal = error.is_refusal();
        if !is_refusal && cluster.refused_ago().is_none() {
            let tenant = new.first().map(|one| one.event.tenant.to_string()).unwrap_or_default();
            tracing::warn!(%error, tenant, events = new.len(), "publish was not committed");
        }
        cluster.committed(is_refusal);
    }

    /// Tells publishers that their events were not committed, and why.
    fn refuse(&self, error: &StoreError, items: Vec<Item>, new: &[NewEvent]) {
        self.roll_back(new.iter().flat_map(reserved));
        for item in items {
            let _ = item.verdict.send(Verdict::Decided(Err(error.clone().into())));
        }
    }

    fn roll_back(&self, ids: impl Iterator<Item = DeliveryId>) {
        self.parts.dispatcher.with(|scheduler, _| scheduler.rolled_back(ids));
    }

    /// Answers what was decided.
    fn finish(&self, items: Vec<Item>, new: Vec<NewEvent>, results: Vec<Published>) {
        self.settle_memory(&new, &results);
        for ((Item { verdict, json, .. }, new), result) in items.into_iter().zip(new).zip(results) {
            let answer = match result {
                Published::Committed { .. } => {
                    self.parts.metrics.published(new.deliveries.len());
                    Ok(PublishAnswer {
                        event: new.event.id,
                        matched: new.event.matched,
                        duplicate: false,
                    })
                }
                Published::Duplicate { event, matched, same_request: true } => {
                    Ok(PublishAnswer { event, matched, duplicate: true })
                }
                Published::Duplicate { event, .. } => Err(PublishError::KeyReused { event }),
                Published::StaleConfig => {
                    let same = Box::new(input_of(&new.event, json));
                    let _ = verdict.send(Verdict::MatchAgain(same));
                    continue;
                }
            };
            let _ = verdict.send(Verdict::Decided(answer));
        }
    }

    /// What was committed may go out; what was not is forgotten; what waits is
    /// told to its owner.
    fn settle_memory(&self, new: &[NewEvent], results: &[Published]) {
        let mut elsewhere: Vec<(TenantId, SubscriptionKey)> = Vec::new();
        self.parts.dispatcher.with(|scheduler, now| {
            for (new, result) in new.iter().zip(results) {
                let Published::Committed { sequences } = result else {
                    scheduler.rolled_back(reserved(new));
                    continue;
                };
                let numbered = new.deliveries.iter().zip(sequences.iter().copied());
                let admitted = numbered.filter(|(one, _)| one.state == DeliveryState::InFlight);
                scheduler.committed(admitted.map(|(one, number)| (one.id, number)), now);
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
                self.parts.turns.may_follow(held);
            }
        }
        for (tenant, subscription) in elsewhere {
            if let Owner::Peer(address) = self.parts.cluster.owner(&tenant) {
                self.parts.peers.hint_waiting(&address, subscription);
            }
        }
    }
}
