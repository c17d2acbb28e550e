//! Reads and changes stored subscriptions, the latter under their etags.
//!
//! Fed by every service that is asked about a subscription; feeds `state::tenants`.
//! Guarantees that a change that changes nothing is not written, unless it is to be.

use postrider_domain::ids::SubscriptionKey;
use postrider_domain::operational_event::DisabledBy;
use postrider_domain::subscription::Subscription;
use tonic::{Status, async_trait};

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::rpc::etag::{
    ChangeError, ChangeResult, ChangeTerms, EtagChange, change_under_etag,
};
use crate::api::tenants::stored::is_stored;
use crate::state::context::ReplicaContext;

/// Reads a subscription, deleted or not.
pub async fn read_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
) -> Result<Subscription, Status> {
    let found = context.store.get_subscription(key).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(ResourceKind::Subscription, key))
}

/// Fails if there never was such a subscription. The history of one that is deleted can still
/// be read, and of one that itself cannot.
pub async fn require_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
) -> Result<(), Status> {
    match is_stored(context.store.get_subscription(key).await)? {
        true => Ok(()),
        false => Err(errors::not_found(ResourceKind::Subscription, key)),
    }
}

/// Reads a subscription; an error if it is deleted.
pub async fn require_live_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
) -> Result<Subscription, Status> {
    let subscription = read_subscription(context, key).await?;
    match subscription.delete_time {
        None => Ok(subscription),
        Some(_) => Err(errors::deleted(ResourceKind::Subscription, key)),
    }
}

/// What to do if a change changes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum UnchangedPolicy {
    /// Write nothing.
    Skip,
    /// Write it all the same, so that every replica and agent sees a new version.
    Write,
}

/// Changes a subscription. `change` may refuse.
pub async fn change_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
    etag: &str,
    caller: &Caller,
    unchanged: UnchangedPolicy,
    change: impl Fn(&mut Subscription) -> Result<(), Status> + Send + Sync,
) -> Result<ChangeResult<Subscription>, Status> {
    let name = key.to_string();
    let terms = ChangeTerms::new(context.tenants.turns(), &name, etag, caller);
    let change = SubscriptionChange { context, key, caller, unchanged, change };
    change_under_etag(&terms, &change).await
}

struct SubscriptionChange<'a, F> {
    context: &'a ReplicaContext,
    key: &'a SubscriptionKey,
    caller: &'a Caller,
    unchanged: UnchangedPolicy,
    change: F,
}

#[async_trait]
impl<F> EtagChange for SubscriptionChange<'_, F>
where
    F: Fn(&mut Subscription) -> Result<(), Status> + Send + Sync,
{
    type Resource = Subscription;
    type Done = ChangeResult<Subscription>;

    async fn read(&self) -> Result<Subscription, Status> {
        require_live_subscription(self.context, self.key).await
    }

    fn revision(subscription: &Subscription) -> i64 {
        subscription.revision
    }

    async fn write(&self, before: Subscription) -> Result<ChangeResult<Subscription>, ChangeError> {
        let mut subscription = before.clone();
        (self.change)(&mut subscription)?;
        subscription.update_time = before.update_time;
        if subscription == before && self.unchanged == UnchangedPolicy::Skip {
            return Ok(ChangeResult { now: before, written: false });
        }
        subscription.update_time = self.context.clock.now();
        let (tenants, by) = (&self.context.tenants, DisabledBy::Caller);
        let audit = self.caller.record(self.key, subscription.update_time);
        let updated = tenants.update_subscription(&before, subscription, by, audit).await;
        let now = updated
            .map_err(|error| ChangeError::of_write(error, ResourceKind::Subscription, self.key))?;
        Ok(ChangeResult { now, written: true })
    }

    fn named(&self) -> (ResourceKind, String) {
        (ResourceKind::Subscription, self.key.to_string())
    }
}

/// Deletes a subscription. Returns how many waiting deliveries were cancelled.
pub async fn delete_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
    etag: &str,
    caller: &Caller,
) -> Result<u64, Status> {
    let name = key.to_string();
    let terms = ChangeTerms::new(context.tenants.turns(), &name, etag, caller);
    change_under_etag(&terms, &SubscriptionDeletion { context, key, caller }).await
}

struct SubscriptionDeletion<'a> {
    context: &'a ReplicaContext,
    key: &'a SubscriptionKey,
    caller: &'a Caller,
}

#[async_trait]
impl EtagChange for SubscriptionDeletion<'_> {
    type Resource = Subscription;
    type Done = u64;

    async fn read(&self) -> Result<Subscription, Status> {
        require_live_subscription(self.context, self.key).await
    }

    fn revision(subscription: &Subscription) -> i64 {
        subscription.revision
    }

    async fn write(&self, subscription: Subscription) -> Result<u64, ChangeError> {
        let audit = self.caller.record(self.key, self.context.clock.now());
        let tenants = &self.context.tenants;
        let deleted = tenants.delete_subscription(self.key, subscription.revision, audit).await;
        deleted.map_err(|error| ChangeError::of_write(error, ResourceKind::Subscription, self.key))
    }

    fn named(&self) -> (ResourceKind, String) {
        (ResourceKind::Subscription, self.key.to_string())
    }
}
