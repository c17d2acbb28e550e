//! Reading and changing tenants and subscriptions under their etags.
//!
//! Fed by the two services; feeds `flow::tenants`. Guarantees that a change with
//! an etag happens only to what the caller saw, and that one without an etag is
//! not lost to, and does not undo, another change made at the same moment: it is
//! made again on what is there by then. A change that changes nothing is not
//! written: etag and time stay.

use postrider_domain::ids::{SubscriptionKey, TenantId};
use postrider_domain::notice::By;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_store::WriteError;
use tonic::Status;

use super::convert::etag_is;
use super::errors::{self, Kind};
use super::names;
use crate::flow::Flow;

/// How often a change without an etag is made again.
const TRIES: u32 = 5;

/// A tenant, deleted or not.
pub async fn tenant(flow: &Flow, id: &TenantId) -> Result<Tenant, Status> {
    let found = flow.store.get_tenant(id).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(Kind::Tenant, &names::of_tenant(id)))
}

/// A tenant that is not deleted.
pub async fn live_tenant(flow: &Flow, id: &TenantId) -> Result<Tenant, Status> {
    let tenant = tenant(flow, id).await?;
    match tenant.delete_time {
        None => Ok(tenant),
        Some(_) => Err(errors::deleted(Kind::Tenant, &names::of_tenant(id))),
    }
}

/// An error when there never was such a tenant; history outlives a deletion.
pub async fn tenant_known(flow: &Flow, id: &TenantId) -> Result<(), Status> {
    match flow.tenants.snapshot(id).await.map_err(errors::store)? {
        Some(_) => Ok(()),
        None => tenant(flow, id).await.map(|_| ()),
    }
}

/// A subscription, deleted or not.
pub async fn subscription(flow: &Flow, key: &SubscriptionKey) -> Result<Subscription, Status> {
    let found = flow.store.get_subscription(key).await.map_err(errors::store)?;
    found.ok_or_else(|| errors::not_found(Kind::Subscription, key))
}

/// A subscription that is not deleted.
pub async fn live_subscription(flow: &Flow, key: &SubscriptionKey) -> Result<Subscription, Status> {
    let subscription = subscription(flow, key).await?;
    match subscription.delete_time {
        None => Ok(subscription),
        Some(_) => Err(errors::deleted(Kind::Subscription, key)),
    }
}

/// Whether a caller's etag allows a change of this revision.
pub(super) fn same_etag(etag: &str, revision: i64) -> bool {
    etag.is_empty() || etag_is(etag, revision)
}

/// Whether to make a change again.
pub(super) fn again(error: &WriteError, etag: &str, tries: u32) -> bool {
    matches!(error, WriteError::RevisionMismatch) && etag.is_empty() && tries < TRIES
}

/// A resource after a change, and whether anything of it was changed.
pub struct Changed<T> {
    pub now: T,
    pub written: bool,
}

/// What becomes of a change that changes nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// It is answered and not written.
    Skip,
    /// It is written: the new version tells everybody that it was asked for.
    Write,
}

/// Changes a tenant; the change itself may refuse.
pub async fn change_tenant(
    flow: &Flow,
    id: &TenantId,
    etag: &str,
    change: impl Fn(&mut Tenant) -> Result<(), Status> + Send + Sync,
) -> Result<Changed<Tenant>, Status> {
    let name = names::of_tenant(id);
    let mut tries = 0;
    loop {
        tries += 1;
        let before = live_tenant(flow, id).await?;
        let revision = before.revision;
        if !same_etag(etag, revision) {
            return Err(errors::etag_mismatch(Kind::Tenant, &name));
        }
        let mut tenant = before.clone();
        change(&mut tenant)?;
        if tenant == before {
            return Ok(Changed { now: before, written: false });
        }
        tenant.update_time = flow.clock.now();
        match flow.tenants.update_tenant(tenant, revision).await {
            Err(error) if again(&error, etag, tries) => {}
            Err(error) => return Err(errors::write(error, Kind::Tenant, &name)),
            Ok(now) => return Ok(Changed { now, written: true }),
        }
    }
}

/// Deletes a tenant; how many subscriptions went along, and how many waiting
/// deliveries were cancelled.
pub async fn delete_tenant(flow: &Flow, id: &TenantId, etag: &str) -> Result<(u64, u64), Status> {
    let name = names::of_tenant(id);
    let mut tries = 0;
    loop {
        tries += 1;
        let revision = live_tenant(flow, id).await?.revision;
        if !same_etag(etag, revision) {
            return Err(errors::etag_mismatch(Kind::Tenant, &name));
        }
        match flow.tenants.delete_tenant(id, revision).await {
            Err(error) if again(&error, etag, tries) => {}
            done => return done.map_err(|error| errors::write(error, Kind::Tenant, &name)),
        }
    }
}

/// Changes a subscription; the change itself may refuse.
pub async fn change_subscription(
    flow: &Flow,
    key: &SubscriptionKey,
    etag: &str,
    idle: Idle,
    change: impl Fn(&mut Subscription) -> Result<(), Status> + Send + Sync,
) -> Result<Changed<Subscription>, Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        let before = live_subscription(flow, key).await?;
        if !same_etag(etag, before.revision) {
            return Err(errors::etag_mismatch(Kind::Subscription, key));
        }
        let mut subscription = before.clone();
        change(&mut subscription)?;
        subscription.update_time = before.update_time;
        if subscription == before && idle == Idle::Skip {
            return Ok(Changed { now: before, written: false });
        }
        subscription.update_time = flow.clock.now();
        match flow.tenants.update_subscription(&before, subscription, By::Caller).await {
            Err(error) if again(&error, etag, tries) => {}
            Err(error) => return Err(errors::write(error, Kind::Subscription, key)),
            Ok(now) => return Ok(Changed { now, written: true }),
        }
    }
}

/// Deletes a subscription; how many waiting deliveries were cancelled.
pub async fn delete_subscription(
    flow: &Flow,
    key: &SubscriptionKey,
    etag: &str,
) -> Result<u64, Status> {
    let mut tries = 0;
    loop {
        tries += 1;
        let revision = live_subscription(flow, key).await?.revision;
        if !same_etag(etag, revision) {
            return Err(errors::etag_mismatch(Kind::Subscription, key));
        }
        match flow.tenants.delete_subscription(key, revision).await {
            Err(error) if again(&error, etag, tries) => {}
            done => return done.map_err(|error| errors::write(error, Kind::Subscription, key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_race_without_an_etag_is_run_again() {
        assert!(again(&WriteError::RevisionMismatch, "", 1));
        assert!(!again(&WriteError::RevisionMismatch, "", TRIES));
        assert!(!again(&WriteError::RevisionMismatch, "r1", 1));
        assert!(!again(&WriteError::NotFound, "", 1));
        assert!(
            same_etag("", 7) && same_etag("r7", 7) && !same_etag("r6", 7) && !same_etag("7", 7)
        );
    }
}
