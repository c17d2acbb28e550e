//! Unfinished deliveries: claimed, concluded, given back, ended.

use std::sync::Arc;

use async_trait::async_trait;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, EndReason, Late, Transition,
};
use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, Shard, SubscriptionKey, TenantId};
use postrider_domain::notice::{Announcement, Endpoint};
use postrider_domain::time::Timestamp;

use crate::error::StoreResult;
use crate::notices::StreakChange;
use crate::ordering::KeyEnd;

/// Moves deliveries through their lives.
#[async_trait]
pub trait WorkStore {
    /// Applies results in one transaction, in one round trip where the engine
    /// allows it; answers for each item, in order.
    ///
    /// An item is applied when its delivery is IN_FLIGHT at the attempt of its
    /// record: the attempt is recorded, the statistics count it, and the
    /// transition happens, and what it makes of the streak and what is told of it
    /// are written. Otherwise nothing of it is written, and
    /// [`WorkStore::conclude_late`] is to be asked. No two items of one batch
    /// belong to the same delivery. Statistics rows are locked in a fixed order.
    async fn conclude(&self, batch: &[Conclusion], now: Timestamp) -> StoreResult<Vec<Concluded>>;

    /// Records a result whose delivery is not IN_FLIGHT at its attempt, as
    /// [`postrider_domain::delivery::late`] decides under the delivery's row lock, and
    /// returns that decision. A delivery that succeeds by it moves to the ended ones,
    /// and its ordering key is no longer held on its account. An attempt number above
    /// the delivery's raises it. Of a newer attempt that is IN_FLIGHT when it succeeds,
    /// history holds UNKNOWN from then on, until its result comes.
    async fn conclude_late(&self, record: &AttemptRecord, now: Timestamp) -> StoreResult<Late>;

    /// Claims due deliveries: WAITING, due at or before `now`, deadline not
    /// passed; the longest due first. They become IN_FLIGHT with one more attempt
    /// and the claim's epoch. Claims are answered together, in any order.
    ///
    /// One whose event is no longer kept could never be sent, and must not keep the
    /// others from being sent: it ends EXHAUSTED, for [`EndReason::EventGone`].
    async fn claim_due(
        &self,
        claims: &[Claim],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<Work>>;

    /// The subscriptions that have WAITING deliveries in these shards, with when
    /// the first of each is due, by a loose index scan.
    async fn waiting(&self, shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>>;

    /// IN_FLIGHT deliveries of these shards whose epoch is below the one given
    /// with it (rule 3); at most `limit`.
    async fn stale_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        limit: u32,
    ) -> StoreResult<Vec<Delivery>>;

    /// IN_FLIGHT deliveries at exactly these epochs with ids above `after`, in the
    /// order of their ids; at most `limit`. What of them is in nobody's memory was
    /// never dispatched (rule 4).
    async fn own_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>>;

    /// These deliveries as far as they are IN_FLIGHT, with their events. One whose
    /// event is no longer kept ends as in [`WorkStore::claim_due`].
    async fn load_work(&self, ids: &[DeliveryId], now: Timestamp) -> StoreResult<Vec<Work>>;

    /// Gives back attempts that were never sent: what is still IN_FLIGHT at the
    /// attempt named becomes WAITING, due at `due`, with one attempt less.
    async fn release(&self, keys: &[AttemptKey], due: Timestamp) -> StoreResult<()>;

    /// Moves an IN_FLIGHT delivery's lease to a new epoch without a new attempt,
    /// because an agent was found to hold that attempt still (rule 4).
    async fn adopt(&self, keys: &[AttemptKey], epoch: Epoch) -> StoreResult<()>;

    /// Ends WAITING and HELD deliveries of a subscription; returns how many, at
    /// most `limit`.
    async fn end_waiting(
        &self,
        request: &EndWaiting,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64>;

    /// Ends one unfinished delivery as CANCELLED. Of an attempt that is IN_FLIGHT,
    /// history holds UNKNOWN from then on, until its result comes.
    async fn cancel(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        now: Timestamp,
    ) -> StoreResult<Cancelled>;

    /// Makes a WAITING delivery due at `now`, by [`Trigger::Manual`]; false when it is not WAITING.
    ///
    /// [`Trigger::Manual`]: postrider_domain::delivery::Trigger::Manual
    async fn bring_forward(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        now: Timestamp,
    ) -> StoreResult<bool>;

    /// How many of a subscription's deliveries are WAITING and due, counted up to
    /// `cap`.
    async fn count_due(
        &self,
        key: &SubscriptionKey,
        shard: Shard,
        now: Timestamp,
        cap: u32,
    ) -> StoreResult<u32>;

    /// A subscription's WAITING and HELD deliveries, counted up to `cap`.
    async fn backlog(&self, key: &SubscriptionKey, cap: u32) -> StoreResult<Backlog>;
}

/// A result and what was decided about it.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// Shared with whoever waits for it to be durable.
    pub record: Arc<AttemptRecord>,
    pub transition: Transition,
    /// What the end of an ordered delivery means for its key; written with it.
    pub key_end: Option<KeyEnd>,
    /// What it makes of its subscription's streak.
    pub streak: Option<StreakChange>,
    /// What is told of it.
    pub announcement: Option<Announcement>,
}

impl Conclusion {
    /// A result that is news to nobody but its delivery.
    pub fn new(record: AttemptRecord, transition: Transition) -> Self {
        Self {
            record: Arc::new(record),
            transition,
            key_end: None,
            streak: None,
            announcement: None,
        }
    }

    /// Whether something is to be written besides the result itself.
    pub(crate) const fn is_news(&self) -> bool {
        self.key_end.is_some() || self.streak.is_some() || self.announcement.is_some()
    }
}

/// Whether a conclusion was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concluded {
    Applied,
    /// The delivery has moved on, or is not there.
    NotCurrent,
}

/// A wish for due deliveries of one subscription.
#[derive(Clone, Debug)]
pub struct Claim {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    pub epoch: Epoch,
    /// The subscription's running clock; what has its deadline before it is left
    /// to [`WorkStore::end_waiting`].
    pub running: Timestamp,
    /// Only tests: what a subscription that is paused or disabled may still send
    /// (rule 14).
    pub tests_only: bool,
    /// Most deliveries.
    pub limit: u32,
}

/// Bounds of one call of [`WorkStore::claim_due`], over all its claims.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLimits {
    pub deliveries: u32,
}

/// A claimed delivery and what it delivers.
#[derive(Clone, Debug)]
pub struct Work {
    pub delivery: Delivery,
    pub event: Event,
}

/// A subscription with deliveries that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingSubscription {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    pub first_due: Timestamp,
    /// The earliest deadline among them and among HELD ones, on the subscription's
    /// running clock.
    pub first_deadline: Timestamp,
}

/// What waits of one subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub count: u32,
    /// When the oldest of those counted was created.
    pub oldest: Option<Timestamp>,
}

/// Which waiting deliveries to end.
#[derive(Clone, Debug)]
pub struct EndWaiting {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    /// Only those whose deadline is at or before this, on the running clock.
    pub deadline_before: Option<Timestamp>,
    pub state: DeliveryState,
    pub reason: EndReason,
    /// Hold, for ever, the keys of ordered deliveries that end by this.
    pub hold_keys: bool,
    /// The end of each is told about this endpoint.
    pub announce: Option<Endpoint>,
}

/// What a cancellation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It was unfinished and has ended; the attempt it was IN_FLIGHT at, if any.
    Done {
        in_flight: Option<AttemptKey>,
    },
    AlreadyEnded(DeliveryState),
    NotFound,
}
