//! Finds the chain that a caller names.
//!
//! Fed by the list and the check; feeds them with whether a chain must have begun.
//! Guarantees that a chain is found while its tenant is there, deleted or not, or anything
//! that was recorded about it.

use postrider_identity::AuditChain;
use tonic::{Code, Status};

use crate::api::rpc::errors;
use crate::api::rpc::spans;
use crate::api::tenants::stored::require_tenant;
use crate::state::context::ReplicaContext;

/// Fails if there never was such a tenant, and nothing is recorded about it. Records may be
/// there alone: of a token for a tenant that is still to be made, or of a tenant that
/// somebody removed from the database. Returns whether the chain must have begun: with the
/// record of its tenant's creation, or with the first start.
pub async fn require_chain(context: &ReplicaContext, chain: &AuditChain) -> Result<bool, Status> {
    let AuditChain::Tenant(tenant) = chain else { return Ok(true) };
    spans::record_in_span("tenant", tenant);
    match require_tenant(context, tenant).await {
        Ok(()) => Ok(true),
        Err(missing) if missing.code() == Code::NotFound => {
            let read = context.store.read_audit_chain(chain, i64::MIN, 1).await;
            let (state, records) = read.map_err(errors::store)?;
            if state.sequence == 0 && records.is_empty() { Err(missing) } else { Ok(false) }
        }
        Err(error) => Err(error),
    }
}
