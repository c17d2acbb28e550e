//! Reads and changes stored tenants, the latter under their etags.
//!
//! Fed by every service that is asked about a tenant; feeds `state::tenants`. Guarantees
//! that a change that changes nothing is not written.

use postrider_domain::ids::TenantId;
use postrider_domain::tenant::Tenant;
use postrider_identity::AuditFields;
use postrider_store::{StoreResult, WriteError};
use tonic::{Status, async_trait};

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::rpc::etag::{
    ChangeError, ChangeResult, ChangeTerms, EtagChange, change_under_etag,
};
use crate::api::values::names;
use crate::audited_fields;
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

/// Fails if there never was such a tenant. The history of one that is deleted can still be
/// read, and of one whose configuration cannot.
pub async fn require_tenant(context: &ReplicaContext, id: &TenantId) -> Result<(), Status> {
    if is_stored(context.tenants.snapshot(id).await)? {
        return Ok(());
    }
    // One that is deleted is in the table alone.
    match is_stored(context.store.get_tenant(id).await)? {
        true => Ok(()),
        false => Err(errors::not_found(ResourceKind::Tenant, &names::of_tenant(id))),
    }
}

/// Whether what was read is there: what cannot be read is.
pub fn is_stored<T>(read: StoreResult<Option<T>>) -> Result<bool, Status> {
    match read {
        Err(error) if error.is_of_one_tenant() => Ok(true),
        read => read.map(|found| found.is_some()).map_err(errors::store),
    }
}

/// Changes a tenant. `change` may refuse.
pub async fn change_tenant(
    context: &ReplicaContext,
    id: &TenantId,
    etag: &str,
    caller: &Caller,
    change: impl Fn(&mut Tenant) -> Result<(), Status> + Send + Sync,
) -> Result<ChangeResult<Tenant>, Status> {
    let name = names::of_tenant(id);
    let terms = ChangeTerms::new(context.tenants.turns(), &name, etag, caller);
    change_under_etag(&terms, &TenantChange { context, id, caller, change }).await
}

struct TenantChange<'a, F> {
    context: &'a ReplicaContext,
    id: &'a TenantId,
    caller: &'a Caller,
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
        let fields = audited_fields::of_tenant;
        let audit = self.caller.record(&names::of_tenant(self.id), tenant.update_time);
        let audit = audit.with_changes(&fields(&before), &fields(&tenant));
        let updated = self.context.tenants.update_tenant(tenant, before.revision, &audit).await;
        let now = updated.map_err(|error| of_tenant(error, self.id))?;
        Ok(ChangeResult { now, written: true })
    }

    fn named(&self) -> (ResourceKind, String) {
        (ResourceKind::Tenant, names::of_tenant(self.id))
    }
}

/// Deletes a tenant. Returns how many subscriptions were deleted and how many waiting
/// deliveries were cancelled.
pub async fn delete_tenant(
    context: &ReplicaContext,
    id: &TenantId,
    etag: &str,
    caller: &Caller,
) -> Result<(u64, u64), Status> {
    let name = names::of_tenant(id);
    let terms = ChangeTerms::new(context.tenants.turns(), &name, etag, caller);
    change_under_etag(&terms, &TenantDeletion { context, id, caller }).await
}

struct TenantDeletion<'a> {
    context: &'a ReplicaContext,
    id: &'a TenantId,
    caller: &'a Caller,
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
        let audit = self.caller.record(&names::of_tenant(self.id), self.context.clock.now());
        let before = audited_fields::of_tenant(&tenant);
        let audit = audit.with_changes(&before, &AuditFields::none());
        let deleted = self.context.tenants.delete_tenant(self.id, tenant.revision, &audit).await;
        deleted.map_err(|error| of_tenant(error, self.id))
    }

    fn named(&self) -> (ResourceKind, String) {
        (ResourceKind::Tenant, names::of_tenant(self.id))
    }
}

fn of_tenant(error: WriteError, id: &TenantId) -> ChangeError {
    ChangeError::of_write(error, ResourceKind::Tenant, &names::of_tenant(id))
}
