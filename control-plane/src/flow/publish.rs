//! Events in, committed in groups.
//!
//! Fed by `api` with checked input; feeds the store, then the scheduler, then
//! the owners elsewhere. Guarantees: an answer means that the event and all its
//! deliveries are durable; what was matched is what the configuration said at
//! the commit (rule 1); an item the database refuses hurts only itself (rule 6).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use postrider_domain::delivery::{Delivery, DeliveryState, EndReason, Trigger};
use postrider_domain::event::{Event, sha256};
use postrider_domain::ids::{DeliveryId, Epoch, EventId, SubscriptionKey, TenantId};
use postrider_domain::scheduler::Job;
use postrider_domain::subscription::{Status, Subscription};
use postrider_domain::time::Timestamp;
use postrider_store::{Idempotency, NewEvent, Published, Store, StoreError};
use tokio::sync::oneshot;

use super::group::{Bounds, Entrance, Exit, Queued, Refused, group};
use super::own::Cluster;
use super::tenants::Snapshot;
use super::{Dispatcher, Owner, Tenants};
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::replicas::Peers;
use crate::settings::Settings;

/// How long a publish waits for room before it is refused.
const PATIENCE: Duration = Duration::from_secs(1);
/// When to try again after that.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How often an event is matched anew because the configuration keeps changing.
const MATCH_TRIES: u32 = 10;
/// What a queued event weighs besides its payload.
const EVENT_OVERHEAD_BYTES: usize = 512;

/// An event as its publisher gave it, checked.
#[derive(Clone, Debug)]
pub struct PublishInput {
    pub tenant: TenantId,
    pub event_type: String,
    pub account: Option<String>,
    pub attributes: BTreeMap<String, String>,
    pub ordering_key: Option<String>,
    pub content_type: String,
    pub payload: Bytes,
    pub traceparent: String,
    pub tracestate: String,
    pub idempotency_key: Option<String>,
}

/// What a publish answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishAnswer {
    pub event: EventId,
    pub matched: u32,
    pub duplicate: bool,
}

/// Why an event was not published.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PublishError {
    #[error("the tenant does not exist")]
    TenantNotFound,
    #[error("the idempotency key was used for another request, {event}")]
    KeyReused { event: EventId },
    #[error("too much waits to be committed")]
    Overloaded { retry_after: Duration },
    #[error("the database is unavailable")]
    Unavailable { retry_after: Duration },
    #[error("the database refused the event: {0}")]
    Rejected(String),
    #[error("this replica is stopping")]
    Stopping,
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable { retry_after: RETRY_AFTER },
            StoreError::Rejected(why) | StoreError::Corrupt(why) => Self::Rejected(why),
        }
    }
}

type Answer = Result<PublishAnswer, PublishError>;

struct Pending {
    input: PublishInput,
    sha256: [u8; 32],
    snapshot: Arc<Snapshot>,
    tries: u32,
    answer: oneshot::Sender<Answer>,
}

/// The entrance. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    tenants: Tenants,
    entrance: Entrance<Pending>,
}

/// The writer behind it.
pub struct PublishWriter {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    tenants: Tenants,
    dispatcher: Dispatcher,
    cluster: Cluster,
    peers: Peers,
    metrics: Metrics,
    exit: Exit<Pending>,
}

/// What the writer works with.
pub struct PublishParts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    pub settings: Arc<Settings>,
    pub tenants: Tenants,
    pub dispatcher: Dispatcher,
    pub cluster: Cluster,
    pub peers: Peers,
    pub metrics: Metrics,
}

pub fn new(parts: PublishParts) -> (Publisher, PublishWriter) {
    let settings = &parts.settings.publish;
    let (entrance, exit) = group(Bounds {
        queued_items: settings.max_queued_events,
        queued_bytes: settings.max_queued_payload_bytes,
        batch_items: settings.max_commit_events,
        batch_bytes: settings.max_commit_payload_bytes,
        patience: PATIENCE,
    });
    let publisher = Publisher { tenants: parts.tenants.clone(), entrance };
    let PublishParts { store, clock, settings, tenants, dispatcher, cluster, peers, metrics } = parts;
    let writer = PublishWriter {
        store, clock, settings, tenants, dispatcher, cluster, peers, metrics, exit,
    };
    (publisher, writer)
}

impl Publisher {
    /// Publishes one event; returns once it is durable.
    pub async fn publish(&self, input: PublishInput) -> Answer {
        let snapshot = self.tenants.snapshot(&input.tenant).await?;
        let snapshot = snapshot.ok_or(PublishError::TenantNotFound)?;
        let sha256 = sha256(&input.payload);
        let bytes = input.payload.len() + EVENT_OVERHEAD_BYTES;
        let (answer, answered) = oneshot::channel();
        let pending = Pending { input, sha256, snapshot, tries: 0, answer };
        self.entrance.enter(pending, bytes).await.map_err(|refused| match refused {
            Refused::Full => PublishError::Overloaded { retry_after: RETRY_AFTER },
            Refused::Closed => PublishError::Stopping,
        })?;
        answered.await.unwrap_or(Err(PublishError::Unavailable { retry_after: RETRY_AFTER }))
    }
}

/// An item of the batch that is being committed.
struct Item {
    queued: Queued<Pending>,
    new: NewEvent,
    /// Deliveries that are in memory already.
    reserved: Vec<DeliveryId>,
}

impl PublishWriter {
    /// Commits what comes, until every entrance is gone.
    pub async fn run(mut self) {
        let mut again: Vec<Queued<Pending>> = Vec::new();
        loop {
            let mut batch = std::mem::take(&mut again);
            if batch.is_empty() {
                match self.exit.batch().await {
                    Some(fresh) => batch = fresh,
                    None => return,
                }
            }
            let (now_batch, later) = split_repeated_keys(batch);
            again = self.commit(now_batch).await;
            again.extend(later);
        }
    }

    /// Commits a batch; returns what has to be matched and tried again.
    async fn commit(&self, batch: Vec<Queued<Pending>>) -> Vec<Queued<Pending>> {
        let items = self.prepare(batch);
        let (items, new): (Vec<(Queued<Pending>, Vec<DeliveryId>)>, Vec<NewEvent>) =
            items.into_iter().map(|item| ((item.queued, item.reserved), item.new)).unzip();
        let started = self.clock.now();
        let result = self.store.publish(&new).await;
        self.metrics.observe_commit("publish", self.clock.now().since(started), new.len());
        match result {
            Ok(results) => self.finish(items, new, results).await,
            Err(StoreError::Rejected(_)) if new.len() > 1 => self.one_by_one(items, new).await,
            Err(error) => {
                // Whether it was committed is not known: what was, the sweep finds.
                self.cluster.suspect();
                tracing::warn!(%error, events = new.len(), "publish was not committed");
                self.roll_back(items.iter().flat_map(|(_, reserved)| reserved.iter().copied()));
                for (queued, _) in items {
                    let _ = queued.item.answer.send(Err(error.clone().into()));
                }
                Vec::new()
            }
        }
    }

    /// Tries each item of a refused batch alone, so that the guilty one fails alone.
    async fn one_by_one(
        &self,
        items: Vec<(Queued<Pending>, Vec<DeliveryId>)>,
        new: Vec<NewEvent>,
    ) -> Vec<Queued<Pending>> {
        let mut again = Vec::new();
        for (item, new) in items.into_iter().zip(new) {
            let new = vec![new];
            match self.store.publish(&new).await {
                Ok(results) => again.extend(self.finish(vec![item], new, results).await),
                Err(error) => {
                    self.cluster.suspect();
                    self.roll_back(item.1.into_iter());
                    let _ = item.0.item.answer.send(Err(error.into()));
                }
            }
        }
        again
    }

    fn roll_back(&self, ids: impl Iterator<Item = DeliveryId>) {
        self.dispatcher.with(|scheduler, _| scheduler.rolled_back(ids));
    }

    /// Makes rows of a batch, under one look at the scheduler.
    fn prepare(&self, batch: Vec<Queued<Pending>>) -> Vec<Item> {
        self.dispatcher.with(|scheduler, now| {
            let mut items = Vec::with_capacity(batch.len());
            for queued in batch {
                let event = Arc::new(self.event(&queued.item, now));
                let matched = matched(&queued.item.snapshot, &event);
                let mut deliveries = Vec::with_capacity(matched.len());
                let mut reserved = Vec::new();
                for subscription in matched {
                    let key = subscription.key();
                    let admitted = match subscription.status {
                        Status::Enabled => scheduler.admits(&key, event.payload.len(), now),
                        Status::Paused | Status::Disabled => None,
                    };
                    let delivery =
                        self.delivery(&event, subscription, key, admitted, &queued.item.snapshot, now);
                    if admitted.is_some() {
                        reserved.push(delivery.id);
                        let job = Job { delivery: delivery.clone(), event: Some(Arc::clone(&event)) };
                        scheduler.reserve(Arc::new(job), now);
                    }
                    deliveries.push(delivery);
                }
                let idempotency = event.idempotency_key.as_ref().map(|_| Idempotency {
                    request_hash: event.request_hash(),
                    expire_time: now
                        + Duration::from_secs(u64::from(self.settings.publish.idempotency_days) * 86_400),
                });
                let config_version = queued.item.snapshot.tenant.config_version;
                let new = NewEvent { event, idempotency, config_version, deliveries };
                items.push(Item { queued, new, reserved });
            }
            items
        })
    }

    fn event(&self, pending: &Pending, now: Timestamp) -> Event {
        let input = &pending.input;
        let matched = pending
            .snapshot
            .matcher
            .matching(&input.event_type, input.account.as_deref())
            .count();
        Event {
            tenant: input.tenant.clone(),
            id: EventId::new(now, rand::random()),
            event_type: input.event_type.clone(),
            account: input.account.clone(),
            attributes: input.attributes.clone(),
            ordering_key: input.ordering_key.clone(),
            content_type: input.content_type.clone(),
            payload: input.payload.clone(),
            payload_sha256: pending.sha256,
            traceparent: input.traceparent.clone(),
            tracestate: input.tracestate.clone(),
            idempotency_key: input.idempotency_key.clone(),
            matched: u32::try_from(matched).unwrap_or(u32::MAX),
            test: false,
        }
    }

    fn delivery(
        &self,
        event: &Event,
        subscription: &Subscription,
        key: SubscriptionKey,
        admitted: Option<Epoch>,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> Delivery {
        let running = self.cluster.running(subscription, now);
        let suppressed = subscription.status == Status::Disabled;
        let (state, reason) = match (suppressed, admitted) {
            (true, _) => (DeliveryState::Suppressed, Some(EndReason::SubscriptionDisabled)),
            (false, Some(_)) => (DeliveryState::InFlight, None),
            (false, None) => (DeliveryState::Waiting, None),
        };
        Delivery {
            id: DeliveryId::new(event.id.time(), rand::random()),
            subscription: key,
            event: event.id,
            event_type: event.event_type.clone(),
            shard: snapshot.shard,
            epoch: admitted.unwrap_or_default(),
            state,
            end_reason: reason,
            attempts: u32::from(admitted.is_some()),
            failures: 0,
            trigger: Trigger::Publish,
            due: now,
            deadline: running + subscription.settings.retry.deadline_span(),
            end_time: suppressed.then_some(now),
            ordering_key: event.ordering_key.clone(),
            sequence: None,
            test: false,
            resend_of: None,
        }
    }

    /// Answers what was decided; returns what has to be matched again.
    async fn finish(
        &self,
        items: Vec<(Queued<Pending>, Vec<DeliveryId>)>,
        new: Vec<NewEvent>,
        results: Vec<Published>,
    ) -> Vec<Queued<Pending>> {
        self.settle_memory(&items, &new, &results);
        let mut again = Vec::new();
        for (((mut queued, _), new), result) in items.into_iter().zip(new).zip(results) {
            let answer = match result {
                Published::Committed => {
                    self.metrics.published(new.deliveries.len());
                    Ok(PublishAnswer { event: new.event.id, matched: new.event.matched, duplicate: false })
                }
                Published::Duplicate { event, matched, same_request: true } => {
                    Ok(PublishAnswer { event, matched, duplicate: true })
                }
                Published::Duplicate { event, .. } => Err(PublishError::KeyReused { event }),
                Published::StaleConfig => match self.match_again(&mut queued.item).await {
                    Ok(()) => {
                        again.push(queued);
                        continue;
                    }
                    Err(error) => Err(error),
                },
            };
            let _ = queued.item.answer.send(answer);
        }
        again
    }

    /// What was committed may go out; what was not is forgotten; what waits is
    /// told to its owner.
    fn settle_memory(
        &self,
        items: &[(Queued<Pending>, Vec<DeliveryId>)],
        new: &[NewEvent],
        results: &[Published],
    ) {
        let mut elsewhere: Vec<(TenantId, SubscriptionKey)> = Vec::new();
        self.dispatcher.with(|scheduler, now| {
            for (((_, reserved), new), result) in items.iter().zip(new).zip(results) {
                if *result != Published::Committed {
                    scheduler.rolled_back(reserved.iter().copied());
                    continue;
                }
                scheduler.committed(reserved.iter().copied(), now);
                for delivery in new.deliveries.iter().filter(|d| d.state == DeliveryState::Waiting) {
                    if scheduler.epoch(delivery.shard).is_some() {
                        scheduler.note_due(&delivery.subscription, delivery.due, now);
                    } else {
                        elsewhere.push((new.event.tenant.clone(), delivery.subscription.clone()));
                    }
                }
            }
        });
        for (tenant, subscription) in elsewhere {
            if let Owner::Peer(address) = self.cluster.owner(&tenant) {
                self.peers.hint_waiting(&address, subscription);
            }
        }
    }

    async fn match_again(&self, pending: &mut Pending) -> Result<(), PublishError> {
        pending.tries += 1;
        if pending.tries > MATCH_TRIES {
            return Err(PublishError::Unavailable { retry_after: RETRY_AFTER });
        }
        let fresh = self.tenants.refresh(&pending.input.tenant).await?;
        pending.snapshot = fresh.ok_or(PublishError::TenantNotFound)?;
        Ok(())
    }
}

/// Two items with one idempotency key never go into one transaction.
fn split_repeated_keys(batch: Vec<Queued<Pending>>) -> (Vec<Queued<Pending>>, Vec<Queued<Pending>>) {
    if batch.iter().all(|queued| queued.item.input.idempotency_key.is_none()) {
        return (batch, Vec::new());
    }
    let mut seen: HashSet<(TenantId, String)> = HashSet::new();
    batch.into_iter().partition(|queued| {
        let input = &queued.item.input;
        let key = input.idempotency_key.clone();
        key.is_none_or(|key| seen.insert((input.tenant.clone(), key)))
    })
}

fn matched<'a>(snapshot: &'a Snapshot, event: &Event) -> Vec<&'a Arc<Subscription>> {
    let indices = snapshot.matcher.matching(&event.event_type, event.account.as_deref());
    indices.filter_map(|index| snapshot.subscriptions.get(index)).collect()
}
