//! Unfinished deliveries: claiming, concluding, returning and ending them.

use std::sync::Arc;

use async_trait::async_trait;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryTransition, EndReason, LateRecord, LateResult,
};
use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, Shard, SubscriptionKey, TenantId};
use postrider_domain::operational_event::{EndpointSummary, OperationalEvent};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;

use crate::error::StoreResult;
use crate::ordering::KeyEnd;
use crate::outbox::StreakChange;

/// Moves deliveries between their states.
#[async_trait]
pub trait WorkStore {
    /// Applies results in one transaction, in one round trip where the engine
    /// allows it; answers for each item, in order.
    ///
    /// An item is applied when its delivery is IN_FLIGHT at the attempt of its
    /// record: the attempt is recorded, the statistics count it, and the
    /// transition happens, and its changes of the streak and its operational events
    /// are written. Otherwise nothing of it is written, and
    /// [`WorkStore::conclude_late`] is to be asked. No two items of one batch
    /// belong to the same delivery. Statistics rows are locked in a fixed order.
    async fn conclude(
        &self,
        batch: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<ConclusionOutcome>>;

    /// Records a result whose delivery is not IN_FLIGHT at its attempt, as
    /// [`postrider_domain::delivery::late`] decides under the delivery's row lock, and
    /// returns that decision. A delivery that succeeds by it moves to the ended ones,
    /// and its ordering key is no longer held on its account. An attempt number above
    /// the delivery's raises it. Of a newer attempt that is IN_FLIGHT when it succeeds,
    /// history holds UNKNOWN from then on, until its result comes.
    async fn conclude_late(
        &self,
        record: &AttemptRecord,
        now: Timestamp,
    ) -> StoreResult<LateResult>;

    /// Claims due deliveries: WAITING, due at or before `now`, deadline not
    /// passed; the longest due first. They become IN_FLIGHT with one more attempt
    /// and the claim's epoch. Claims are answered together, in any order.
    ///
    /// One whose event is no longer stored could never be sent, and must not keep the
    /// others from being sent: it ends EXHAUSTED, for [`EndReason::EventGone`].
    async fn claim_due(
        &self,
        claims: &[ClaimRequest],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<ClaimedDelivery>>;

    /// The subscriptions that have WAITING deliveries in these shards, with when
    /// the first of each is due, by a loose index scan.
    async fn waiting(&self, shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>>;

    /// IN_FLIGHT deliveries of these shards whose epoch is below the one given
    /// with it (invariant `earlier-epochs-are-swept`); at most `limit`.
    async fn stale_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        limit: u32,
    ) -> StoreResult<Vec<Delivery>>;

    /// IN_FLIGHT deliveries at exactly these epochs with ids above `after`, in the
    /// order of their ids; with fewer than `limit` there are no more. What of them is in
    /// nobody's memory was never dispatched (invariant `no-invented-unknown`). As in all
    /// methods that find work, a row that cannot be read is told and left out.
    async fn own_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>>;

    /// These deliveries, as far as they are IN_FLIGHT, with their events. One whose
    /// event is no longer stored ends as in [`WorkStore::claim_due`].
    async fn load_work(
        &self,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>>;

    /// Returns attempts that were never sent: those still IN_FLIGHT at the attempt
    /// given become WAITING, due at `due`, with one attempt less.
    async fn release(&self, keys: &[AttemptKey], due: Timestamp) -> StoreResult<()>;

    /// Moves an IN_FLIGHT delivery to a new epoch without a new attempt, because an
    /// agent still holds the attempt (no-invented-unknown).
    async fn adopt(&self, keys: &[AttemptKey], epoch: Epoch) -> StoreResult<()>;

    /// Ends WAITING and HELD deliveries of a subscription; returns how many, at
    /// most `limit`.
    async fn end_waiting(
        &self,
        request: &EndWaitingRequest,
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
        audit: &AuditDraft,
    ) -> StoreResult<CancelOutcome>;

    /// Makes a WAITING delivery due at `now`, by [`Trigger::Manual`]; false when it is not WAITING.
    ///
    /// [`Trigger::Manual`]: postrider_domain::delivery::Trigger::Manual
    async fn bring_forward(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditDraft,
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
    async fn backlog(&self, key: &SubscriptionKey, cap: u32) -> StoreResult<SubscriptionBacklog>;
}

/// A result and the decision about it.
#[derive(Clone, Debug)]
pub struct Conclusion {
    /// Shared with whoever waits until it is durable. Of its delivery it says the same as that.
    pub record: Arc<AttemptRecord>,
    pub delivery: ConcludedDelivery,
    pub transition: DeliveryTransition,
    /// How the end of an ordered delivery affects its key; written with it.
    pub key_end: Option<KeyEnd>,
    /// How it changes its subscription's failure streak.
    pub streak: Option<StreakChange>,
    /// The operational event about it.
    pub operational_event: Option<OperationalEvent>,
}

impl Conclusion {
    /// A conclusion without side effects.
    pub fn new(delivery: &Delivery, record: AttemptRecord, transition: DeliveryTransition) -> Self {
        Self {
            record: Arc::new(record),
            delivery: delivery.into(),
            transition,
            key_end: None,
            streak: None,
            operational_event: None,
        }
    }

    /// Whether anything besides the result itself is written.
    pub(crate) const fn has_side_effects(&self) -> bool {
        self.key_end.is_some() || self.streak.is_some() || self.operational_event.is_some()
    }
}

/// What a delivery is besides what the record of its attempt says of it. None of it changes
/// while an attempt is IN_FLIGHT, so that an engine need not look at the row that it removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcludedDelivery {
    pub account: Option<String>,
    /// Before this attempt.
    pub failures: u32,
    pub due: Timestamp,
    pub deadline: Timestamp,
    pub ordering_key: Option<String>,
    pub sequence: Option<i64>,
    pub resend_of: Option<DeliveryId>,
    pub filter_failed: bool,
}

impl From<&Delivery> for ConcludedDelivery {
    fn from(delivery: &Delivery) -> Self {
        Self {
            account: delivery.account.clone(),
            failures: delivery.failures,
            due: delivery.due,
            deadline: delivery.deadline,
            ordering_key: delivery.ordering_key.clone(),
            sequence: delivery.sequence,
            resend_of: delivery.resend_of,
            filter_failed: delivery.filter_failed,
        }
    }
}

/// Whether a late result changes what an ended delivery's row says of the attempt that ended
/// it: its outcome, when and how the delivery ended, or the number of its last attempt.
pub(crate) fn changes_ending_attempt(
    delivery: &Delivery,
    record: &AttemptRecord,
    late: LateResult,
) -> bool {
    let (number, last) = (record.key.number, delivery.attempts);
    let replaces_last = number == last && late.record == LateRecord::ReplaceUnknown;
    delivery.state.is_final() && (late.succeeds || number > last || replaces_last)
}

/// Whether a conclusion was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConclusionOutcome {
    Applied,
    /// The delivery has moved on, or does not exist.
    NotCurrent,
}

/// A request for due deliveries of one subscription.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    pub epoch: Epoch,
    /// The subscription's running clock. Deliveries with an earlier deadline are left
    /// to [`WorkStore::end_waiting`].
    pub running: Timestamp,
    /// Only tests: what a subscription that is paused or disabled may still send
    /// (invariant `tests-pass-every-gate`).
    pub tests_only: bool,
    /// Most deliveries.
    pub limit: u32,
}

/// Limits of one call of [`WorkStore::claim_due`], over all its claims.
#[derive(Clone, Copy, Debug)]
pub struct ClaimLimits {
    pub deliveries: u32,
}

/// A claimed delivery and its event.
#[derive(Clone, Debug)]
pub struct ClaimedDelivery {
    pub delivery: Delivery,
    pub event: Event,
}

/// A subscription with deliveries that wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingSubscription {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    pub first_due: Timestamp,
    /// The earliest deadline among them and HELD ones, on the subscription's running
    /// clock.
    pub first_deadline: Timestamp,
}

/// A subscription's waiting deliveries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionBacklog {
    pub count: u32,
    /// When the oldest of those counted was created.
    pub oldest: Option<Timestamp>,
}

/// Which waiting deliveries to end.
#[derive(Clone, Debug)]
pub struct EndWaitingRequest {
    pub subscription: SubscriptionKey,
    pub shard: Shard,
    /// Only those with a deadline at or before this, on the running clock.
    pub deadline_before: Option<Timestamp>,
    pub state: DeliveryState,
    pub reason: EndReason,
    /// Hold the keys of ordered deliveries that end.
    pub hold_keys: bool,
    /// The endpoint in the operational event of each end.
    pub endpoint_for_events: Option<EndpointSummary>,
}

/// What a cancellation found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// It was unfinished and has ended; its IN_FLIGHT attempt, if any.
    Done {
        in_flight: Option<AttemptKey>,
    },
    AlreadyEnded(DeliveryState),
    NotFound,
}
