//! Reads and changes tenants and subscriptions under their etags.
//!
//! Fed by the two services; feeds `flow::tenants`. Guarantees that a change with an
//! etag applies only to what its caller saw, and that one without an etag neither loses
//! to nor undoes a concurrent change: it is made again on the result. A change that
//! changes nothing is not written.

use postrider_domain::ids::{SubscriptionKey, TenantId};
use postrider_domain::operational_event::DisabledBy;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_store::WriteError;
use tonic::Status;

use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::values::etag::etag_is;
use crate::api::values::names;
use crate::flow::Flow;

/// How often a change without an etag is tried.
const MAX_CHANGE_TRIES: u32 = 5;

/// Reads a tenant, deleted or not.
pub async fn read_tenant(flow: &Flow, id: &TenantId) -> Result<Tenant, Status> {
    let found = flow.store.get_tenant(id).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(ResourceKind::Tenant, &names::of_tenant(id)))
}

/// Reads a tenant; an error if it is deleted.
pub async fn require_live_tenant(flow: &Flow, id: &TenantId) -> Result<Tenant, Status> {
    let tenant = read_tenant(flow, id).await?;
    match tenant.delete_time {
        None => Ok(tenant),
        Some(_) => Err(errors::deleted(ResourceKind::Tenant, &names::of_tenant(id))),
    }
}

/// Fails if there never was such a tenant. A deleted tenant's history can still be
/// read.
pub async fn require_tenant(flow: &Flow, id: &TenantId) -> Result<(), Status> {
    match flow.tenants.snapshot(id).await.map_err(errors::store)? {
        Some(_) => Ok(()),
        None => read_tenant(flow, id).await.map(|_| ()),
    }
}

/// Reads a subscription, deleted or not.
pub async fn read_subscription(flow: &Flow, key: &SubscriptionKey) -> Result<Subscription, Status> {
    let found = flow.store.get_subscription(key).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(ResourceKind::Subscription, key))
}

/// Reads a subscription; an error if it is deleted.
pub async fn require_live_subscription(
    flow: &Flow,
    key: &SubscriptionKey,
) -> Result<Subscription, Status> {
    let subscription = read_subscription(flow, key).await?;
    match subscription.delete_time {
        None => Ok(subscription),
        Some(_) => Err(errors::deleted(ResourceKind::Subscription, key)),
    }
}

/// Whether the caller's etag matches this revision, or is empty.
pub(in crate::api) fn etag_allows(etag: &str, revision: i64) -> bool {
    etag.is_empty() || etag_is(etag, revision)
}

/// Whether to try again: another change won the race, and the caller gave no etag.
pub(in crate::api) fn should_retry(error: &WriteError, etag: &str, tries: u32) -> bool {
    matches!(error, WriteError::RevisionMismatch) && etag.is_empty() && tries < MAX_CHANGE_TRIES
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
    flow: &Flow,
    id: &TenantId,
    etag: &str,
    change: impl Fn(&mut Tenant) -> Result<(), Status> + Send + Sync,
) -> Result<ChangeResult<Tenant>, Status> {
    let name = names::of_tenant(id);
    let mut tries = 0;
    loop {
        tries += 1;
        let before = require_live_tenant(flow, id).await?;
        let revision = before.revision;
        if !etag_allows(etag, revision) {
            return Err(errors::etag_mismatch(ResourceKind::Tenant, &name));
        }
        let mut tenant = before.clone();
        change(&mut tenant)?;
        if tenant == before {
            return Ok(ChangeResult { now: before, written: false });
        }
        tenant.update_time = flow.clock.now();
        match flow.tenants.update_tenant(tenant, revision).await {
            Err(error) if should_retry(&error, etag, tries) => {}
            Err(error) => return Err(errors::write(error, ResourceKind::Tenant, &name)),
            Ok(now) => return Ok(ChangeResult { now, written: true }),
        }
    }
}

/// Deletes a tenant. Returns how many subscriptions were deleted and how many waiting
/// deliveries were cancelled.
pub async fn delete_tenant(flow: &Flow, id: &TenantId, etag: &str) -> Result<(u64, u64), Status> {
    let name = names::of_tenant(id);
    let mut tries = 0;
    loop {
        tries += 1;
        let revision = require_live_tenant(flow, id).await?.revision;
        if !etag_allows(etag, revision) {
            return Err(errors::etag_mismatch(ResourceKind::Tenant, &name));
        }
        match flow.tenants.delete_tenant(id, revision).await {
            Err(error) if should_retry(&error, etag, tries) => {}
            done => return done.map_err(|error| errors::write(error, ResourceKind::Tenant, &name)),
        }
    }
}

/// Changes a subscription. `change` may refuse.
pub async fn change_subscription(
    flow: &Flow,
    key: &SubscriptionKey,
    etag: &str,
    idle: UnchangedPolicy,
    change: impl Fn(&mut Subscription) -> Result<(), Status> + Send + Sync,
) -> Result<ChangeResult<Subscription>, Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        let before = require_live_subscription(flow, key).await?;
        if !etag_allows(etag, before.revision) {
            return Err(errors::etag_mismatch(ResourceKind::Subscription, key));
        }
        let mut subscription = before.clone();
        change(&mut subscription)?;
        subscription.update_time = before.update_time;
        if subscription == before && idle == UnchangedPolicy::Skip {
            return Ok(ChangeResult { now: before, written: false });
        }
        subscription.update_time = flow.clock.now();
        match flow.tenants.update_subscription(&before, subscription, DisabledBy::Caller).await {
            Err(error) if should_retry(&error, etag, tries) => {}
            Err(error) => return Err(errors::write(error, ResourceKind::Subscription, key)),
            Ok(now) => return Ok(ChangeResult { now, written: true }),
        }
    }
}

/// Deletes a subscription. Returns how many waiting deliveries were cancelled.
pub async fn delete_subscription(
    flow: &Flow,
    key: &SubscriptionKey,
    etag: &str,
) -> Result<u64, Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        let revision = require_live_subscription(flow, key).await?.revision;
        if !etag_allows(etag, revision) {
            return Err(errors::etag_mismatch(ResourceKind::Subscription, key));
        }
        match flow.tenants.delete_subscription(key, revision).await {
            Err(error) if should_retry(&error, etag, tries) => {}
            done => {
                return done.map_err(|error| errors::write(error, ResourceKind::Subscription, key));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_race_without_an_etag_is_run_again() {
        assert!(should_retry(&WriteError::RevisionMismatch, "", 1));
        assert!(!should_retry(&WriteError::RevisionMismatch, "", MAX_CHANGE_TRIES));
        assert!(!should_retry(&WriteError::RevisionMismatch, "r1", 1));
        assert!(!should_retry(&WriteError::NotFound, "", 1));
        assert!(
            etag_allows("", 7)
                && etag_allows("r7", 7)
                && !etag_allows("r6", 7)
                && !etag_allows("7", 7)
        );
    }
}
