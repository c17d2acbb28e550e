//! Records of reads of payloads, where the settings want them.
//!
//! Fed by the services that show payloads; feeds the store. Guarantees that a payload is
//! shown only once its record is committed.

use tonic::Status;

use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors;
use crate::state::context::ReplicaContext;

/// Records that a payload, or a page of them, is about to be shown.
pub async fn record_payload_read(
    context: &ReplicaContext,
    caller: &Caller,
    resource: &str,
) -> Result<(), Status> {
    if !context.settings.audit.payload_reads {
        return Ok(());
    }
    let record = caller.record(&resource, context.clock.now());
    context.store.append_audit_record(&record).await.map_err(errors::store)
}
