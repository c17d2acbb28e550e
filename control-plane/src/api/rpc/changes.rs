//! Reads and changes tenants and subscriptions under their etags.
//!
//! Fed by the two services; feeds `flow::tenants`. Guarantees that a change that changes
//! nothing is not written.

use postrider_domain::ids::{SubscriptionKey, TenantId};
use postrider_domain::operational_event::DisabledBy;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_store::WriteError;
use tonic::{Status, async_trait};

use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::rpc::etag::{ChangeError, EtagChange, change_under_etag};
use crate::api::values::names;
use crate::state::context::ReplicaContext;

/// Reads a tenant, deleted or not.
pub async fn read_tenant(context: &ReplicaContext, id: &TenantId) -> Result<Tenant, Status> {
    let found = context.store.get_tenant(id).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(ResourceKind::Tenant, &names::of_tenant(id)))
}

/// Reads a tenant; an error if it is deleted.
pub async fn require_live_tenant(
    context: &ReplicaContext,
    id: &TenantId,
) -> Result<Tenant, Status> {
    let tenant = read_tenant(context, id).await?;
    match tenant.delete_time {
        None => Ok(tenant),
        Some(_) => Err(errors::deleted(ResourceKind::Tenant, &names::of_tenant(id))),
    }
}

/// Fails if there never was such a tenant. A deleted tenant's history can still be
/// read.
pub async fn require_tenant(context: &ReplicaContext, id: &TenantId) -> Result<(), Status> {
    match context.tenants.snapshot(id).await.map_err(errors::store)? {
        Some(_) => Ok(()),
        None => read_tenant(context, id).await.map(|_| ()),
    }
}

/// Reads a subscription, deleted or not.
pub async fn read_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
) -> Result<Subscription, Status> {
    let found = context.store.get_subscription(key).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(ResourceKind::Subscription, key))
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

/// A resource after a change, and whether the change wrote anything.
pub struct ChangeResult<T> {
    pub now: T,
    pub written: bool,
}

/// What to do if a change changes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum UnchangedPolicy {
    /// Write nothing.
    Skip,
    /// Write it all the same, so that every replica and agent sees a new version.
    Write,
}

/// Changes a tenant. `change` may refuse.
pub async fn change_tenant(
    context: &ReplicaContext,
    id: &TenantId,
    etag: &str,
    change: impl Fn(&mut Tenant) -> Result<(), Status> + Send + Sync,
) -> Result<ChangeResult<Tenant>, Status> {
    change_under_etag(etag, &TenantChange { context, id, change }).await
}

struct TenantChange<'a, F> {
    context: &'a ReplicaContext,
    id: &'a TenantId,
    change: F,
}

#[async_trait]
impl<F> EtagChange for TenantChange<'_, F>
where
    F: Fn(&mut Tenant) -> Result<(), Status> + Send + Sync,
{
    type Resource = Tenant;
    type Done = ChangeResult<Tenant>;

    async fn read(&self) -> Result<Tenant, Status> {
        require_live_tenant(self.context, self.id).await
    }

    fn revision(tenant: &Tenant) -> i64 {
        tenant.revision
    }

    async fn write(&self, before: Tenant) -> Result<ChangeResult<Tenant>, ChangeError> {
        let mut tenant = before.clone();
        (self.change)(&mut tenant)?;
        if tenant == before {
            return Ok(ChangeResult { now: before, written: false });
        }
        tenant.update_time = self.context.clock.now();
        let updated = self.context.tenants.update_tenant(tenant, before.revision).await;
        let now = updated.map_err(|error| of_tenant(error, self.id))?;
        Ok(ChangeResult { now, written: true })
    }

    fn mismatch(&self) -> Status {
        errors::etag_mismatch(ResourceKind::Tenant, &names::of_tenant(self.id))
    }
}

/// Deletes a tenant. Returns how many subscriptions were deleted and how many waiting
/// deliveries were cancelled.
pub async fn delete_tenant(
    context: &ReplicaContext,
    id: &TenantId,
    etag: &str,
) -> Result<(u64, u64), Status> {
    change_under_etag(etag, &TenantDeletion { context, id }).await
}

struct TenantDeletion<'a> {
    context: &'a ReplicaContext,
    id: &'a TenantId,
}

#[async_trait]
impl EtagChange for TenantDeletion<'_> {
    type Resource = Tenant;
    type Done = (u64, u64);

    async fn read(&self) -> Result<Tenant, Status> {
        require_live_tenant(self.context, self.id).await
    }

    fn revision(tenant: &Tenant) -> i64 {
        tenant.revision
    }

    async fn write(&self, tenant: Tenant) -> Result<(u64, u64), ChangeError> {
        let deleted = self.context.tenants.delete_tenant(self.id, tenant.revision).await;
        deleted.map_err(|error| of_tenant(error, self.id))
    }

    fn mismatch(&self) -> Status {
        errors::etag_mismatch(ResourceKind::Tenant, &names::of_tenant(self.id))
    }
}

fn of_tenant(error: WriteError, id: &TenantId) -> ChangeError {
    ChangeError::of_write(error, ResourceKind::Tenant, &names::of_tenant(id))
}

/// Changes a subscription. `change` may refuse.
pub async fn change_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
    etag: &str,
    unchanged: UnchangedPolicy,
    change: impl Fn(&mut Subscription) -> Result<(), Status> + Send + Sync,
) -> Result<ChangeResult<Subscription>, Status> {
    change_under_etag(etag, &SubscriptionChange { context, key, unchanged, change }).await
}

struct SubscriptionChange<'a, F> {
    context: &'a ReplicaContext,
    key: &'a SubscriptionKey,
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
        let tenants = &self.context.tenants;
        let updated = tenants.update_subscription(&before, subscription, DisabledBy::Caller).await;
        let now = updated
            .map_err(|error| ChangeError::of_write(error, ResourceKind::Subscription, self.key))?;
        Ok(ChangeResult { now, written: true })
    }

    fn mismatch(&self) -> Status {
        errors::etag_mismatch(ResourceKind::Subscription, self.key)
    }
}

/// Deletes a subscription. Returns how many waiting deliveries were cancelled.
pub async fn delete_subscription(
    context: &ReplicaContext,
    key: &SubscriptionKey,
    etag: &str,
) -> Result<u64, Status> {
    change_under_etag(etag, &SubscriptionDeletion { context, key }).await
}

struct SubscriptionDeletion<'a> {
    context: &'a ReplicaContext,
    key: &'a SubscriptionKey,
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
        let deleted =
            self.context.tenants.delete_subscription(self.key, subscription.revision).await;
        deleted.map_err(|error| ChangeError::of_write(error, ResourceKind::Subscription, self.key))
    }

    fn mismatch(&self) -> Status {
        errors::etag_mismatch(ResourceKind::Subscription, self.key)
    }
}
