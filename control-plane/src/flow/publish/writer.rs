//! A writer: one transaction after another.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::{DeliveryId, SubscriptionKey, TenantId};
use postrider_store::{NewEvent, Published, StoreError};

use super::rows::{Item, input_of, reserved, split_repeated_keys};
use super::watermark::Batch;
use super::{Gathered, PublishAnswer, PublishError, PublishWriter, Verdict};
use crate::flow::Owner;
use crate::health::Progress;

impl PublishWriter {
    /// Says from now on whether it makes progress.
    pub fn watched_by(mut self, progress: Progress) -> Self {
        self.exit.watch(progress);
        self
    }

    /// Commits what comes, until every entrance is gone.
    pub async fn run(mut self) {
        let mut later: Vec<Gathered> = Vec::new();
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
    async fn commit(&self, batch: Vec<Gathered>) {
        let open = self.parts.watermark.begin(self.parts.clock.now());
        let (items, new) = self.prepare(batch);
        let started = self.parts.clock.now();
        let result = self.parts.store.publish(&new).await;
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
            Err(StoreError::Rejected(_)) if new.len() > 1 => {
                self.one_by_one(items, new, &open).await
            }
            Err(error) => {
                // Whether it was committed is not known: what was, the sweep finds.
                self.parts.cluster.suspect();
                self.parts.cluster.committed(!error.is_transient());
                open.unknown(self.parts.clock.now());
                tracing::warn!(%error, events = new.len(), "publish was not committed");
                self.roll_back(new.iter().flat_map(reserved));
                for item in items {
                    let refused = Verdict::Decided(Err(error.clone().into()));
                    let _ = item.verdict.send(refused);
                }
            }
        }
    }

    /// Tries each item of a refused batch alone, so that the guilty one fails alone.
    async fn one_by_one(&self, items: Vec<Item>, new: Vec<NewEvent>, open: &Batch) {
        for (item, new) in items.into_iter().zip(new) {
            let new = vec![new];
            match self.parts.store.publish(&new).await {
                Ok(results) => self.finish(vec![item], new, results),
                Err(error) => {
                    self.parts.cluster.suspect();
                    open.unknown(self.parts.clock.now());
                    self.roll_back(new.iter().flat_map(reserved));
                    let _ = item.verdict.send(Verdict::Decided(Err(error.into())));
                }
            }
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
