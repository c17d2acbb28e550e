//! google.longrunning.Operations, for `ReplayDeliveries`, `BackfillSubscription` and
//! `ExpungeEvents`.
//!
//! Fed by callers at any replica; reads and cancels rows, which the shard's owner
//! carries out, and deletes ended ones, as retention does too. Guarantees that no step
//! is committed after a cancellation was answered, and that whoever only looks does so in
//! turns of his own, which he does not have while he waits for an operation.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{OperationId, TenantId};
use postrider_domain::operation::{Operation, OperationState};
use postrider_identity::AuditFields;
use postrider_proto::longrunning;
use postrider_proto::longrunning::operations_server::Operations as OperationsService;
use postrider_store::{Store, StoreResult};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::operations::conversion::to_proto;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, ResourceKind};
use crate::api::rpc::lifetimes::StreamLifetime;
use crate::api::rpc::spans;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names;
use crate::api::values::time::span;
use crate::audited_fields;
use crate::flow::Flow;
use crate::state::context::ReplicaContext;
use crate::state::read_turns::ReadTurn;

/// How long `WaitOperation` waits at most. Longer calls are often cut off on the way, and
/// to ask again costs nothing.
const MAX_WAIT_TIME: Duration = Duration::from_secs(300);
/// How often `WaitOperation` looks. Two steps of an operation; five reads a second for one
/// who waits.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Part of the call's deadline that is kept for sending the answer. A round trip on one
/// continent.
const ANSWER_MARGIN: Duration = Duration::from_millis(100);

pub struct OperationApi {
    context: ReplicaContext,
    flow: Flow,
}

impl OperationApi {
    pub fn new(context: ReplicaContext, flow: Flow) -> Self {
        Self { context, flow }
    }

    async fn find(&self, tenant: &TenantId, id: OperationId) -> Result<Operation, Status> {
        let found = self.context.store.get_operation(tenant, id).await.map_err(errors::store)?;
        found.ok_or_else(|| {
            errors::not_found(ResourceKind::Operation, &names::of_operation(tenant, id))
        })
    }

    /// As [`Self::find`], in a turn of the caller's.
    async fn read(
        &self,
        tenant: &TenantId,
        id: OperationId,
        caller: &Caller,
    ) -> Result<Operation, Status> {
        let _turn = self.turn(caller).await?;
        self.find(tenant, id).await
    }

    async fn turn(&self, caller: &Caller) -> Result<ReadTurn, Status> {
        self.context.read_turns.take(&caller.read_owner()).await.map_err(errors::no_read_turn)
    }

    async fn list(
        &self,
        request: longrunning::ListOperationsRequest,
        caller: &Caller,
    ) -> Result<longrunning::ListOperationsResponse, Status> {
        let longrunning::ListOperationsRequest { name, page_size, page_token, .. } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListOperations", *page_size, page_token, settings, key);
        let tenant = call.select("name", name, names::tenant);
        if !request.filter.is_empty() {
            call.violations.add("filter", "must be empty");
        }
        if request.return_partial_success {
            call.violations.add("return_partial_success", "must be false");
        }
        let (tenant, page) = call.finish(tenant)?;
        spans::record_in_span("tenant", &tenant);
        let _turn = self.turn(caller).await?;
        require_tenant(&self.context, &tenant).await?;
        let store = Arc::clone(&self.context.store);
        let page = page.fill(&OperationList { store, tenant }).await?;
        Ok(longrunning::ListOperationsResponse {
            operations: page.items.iter().map(to_proto).collect(),
            next_page_token: page.next_page_token,
            unreachable: Vec::new(),
        })
    }

    async fn cancel(&self, name: &str, caller: &Caller) -> Result<(), Status> {
        let (tenant, id) = key(name)?;
        let running = self.find(&tenant, id).await?;
        let now = self.context.clock.now();
        let state = |state| audited_fields::of_operation(&running.task, state);
        let (before, after) = (state(OperationState::Running), state(OperationState::Cancelled));
        let audit = caller.record(&name, now).with_changes(&before, &after);
        let cancelled = self.context.store.cancel_operation(&tenant, id, now, &audit).await;
        if cancelled.map_err(errors::store)? {
            spans::log_change(&caller.who, "operation cancelled", &name);
        }
        Ok(())
    }

    /// Deletes an ended operation; its deliveries stay. A running one is refused,
    /// because a deletion does not cancel.
    async fn delete(&self, name: &str, caller: &Caller) -> Result<(), Status> {
        let (tenant, id) = key(name)?;
        let ended = self.find(&tenant, id).await?;
        let before = audited_fields::of_operation(&ended.task, ended.state);
        let audit = caller.record(&name, self.context.clock.now());
        let audit = audit.with_changes(&before, &AuditFields::none());
        let deleted = self.context.store.delete_operation(&tenant, id, &audit).await;
        if !deleted.map_err(errors::store)? {
            self.find(&tenant, id).await?;
            let problem = "is still running: wait until it has ended, or cancel it first";
            return Err(errors::resource(
                ErrorReason::OperationRunning,
                ResourceKind::Operation,
                &name,
                problem,
            ));
        }
        spans::log_change(&caller.who, "operation deleted", &name);
        Ok(())
    }

    /// Waits until the operation is done. Returns it unfinished when the time is over, the
    /// connection has its age or the replica stops.
    async fn wait(
        &self,
        request: longrunning::WaitOperationRequest,
        call: Option<Duration>,
        lifetime: &StreamLifetime,
        caller: &Caller,
    ) -> Result<longrunning::Operation, Status> {
        let (tenant, id) = key(&request.name)?;
        let asked = request.timeout.as_ref().map(span).transpose();
        let asked = asked.map_err(|problem| errors::invalid("timeout", problem))?;
        let patience = asked.unwrap_or(MAX_WAIT_TIME).min(MAX_WAIT_TIME);
        let patience = call.map_or(patience, |call| patience.min(call));
        let deadline = tokio::time::Instant::now() + patience;
        let deadline = lifetime.aged_at.map_or(deadline, |aged_at| aged_at.min(deadline));
        let closing = self.flow.attempt_feed.stop_token();
        let mut found = self.read(&tenant, id, caller).await?;
        loop {
            let late = tokio::time::Instant::now() >= deadline || closing.is_cancelled();
            if late || found.state != OperationState::Running {
                return Ok(to_proto(&found));
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                () = tokio::time::sleep_until(deadline) => {}
                () = closing.cancelled() => {}
            }
            // What was found last is the answer if there is no turn before the time is over.
            let read = self.read(&tenant, id, caller);
            if let Ok(read) = tokio::time::timeout_at(deadline, read).await {
                found = read?;
            }
        }
    }
}

/// Parses an operation's name and records it in the call's span.
fn key(name: &str) -> Result<(TenantId, OperationId), Status> {
    let (tenant, id) = names::operation(name).map_err(|error| errors::invalid("name", error))?;
    spans::record_in_span("tenant", &tenant);
    Ok((tenant, id))
}

/// The call's own deadline, less the time to answer.
fn call_deadline(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok()?;
    let whole = match unit {
        "H" => Duration::from_secs(number.saturating_mul(3600)),
        "M" => Duration::from_secs(number.saturating_mul(60)),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    };
    Some(whole.saturating_sub(ANSWER_MARGIN))
}

struct OperationList {
    store: Arc<dyn Store>,
    tenant: TenantId,
}

impl StoredList for OperationList {
    type Row = Operation;
    type Position = OperationId;

    async fn read(&self, before: Option<OperationId>, limit: u32) -> StoreResult<Vec<Operation>> {
        self.store.list_operations(&self.tenant, before, limit).await
    }

    fn position(&self, row: &Operation) -> OperationId {
        row.id
    }
}

#[async_trait]
impl OperationsService for OperationApi {
    async fn list_operations(
        &self,
        request: Request<longrunning::ListOperationsRequest>,
    ) -> Result<Response<longrunning::ListOperationsResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.list(message, &caller).await.map(Response::new)
    }

    async fn get_operation(
        &self,
        request: Request<longrunning::GetOperationRequest>,
    ) -> Result<Response<longrunning::Operation>, Status> {
        let (caller, message) = Caller::admit(request)?;
        async {
            let (tenant, id) = key(&message.name)?;
            Ok(to_proto(&self.read(&tenant, id, &caller).await?))
        }
        .await
        .map(Response::new)
    }

    async fn delete_operation(
        &self,
        request: Request<longrunning::DeleteOperationRequest>,
    ) -> Result<Response<()>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.delete(&message.name, &caller).await.map(Response::new)
    }

    async fn cancel_operation(
        &self,
        request: Request<longrunning::CancelOperationRequest>,
    ) -> Result<Response<()>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.cancel(&message.name, &caller).await.map(Response::new)
    }

    async fn wait_operation(
        &self,
        request: Request<longrunning::WaitOperationRequest>,
    ) -> Result<Response<longrunning::Operation>, Status> {
        let call = call_deadline(request.metadata());
        let lifetime = StreamLifetime::of(&request, self.flow.attempt_feed.stop_token());
        let (caller, message) = Caller::admit(request)?;
        self.wait(message, call, &lifetime, &caller).await.map(Response::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calls_deadline_is_read_in_every_unit() {
        let mut metadata = MetadataMap::new();
        assert_eq!(call_deadline(&metadata), None);
        for (text, millis) in
            [("1S", Some(900)), ("200m", Some(100)), ("1M", Some(59_900)), ("50m", Some(0))]
        {
            metadata.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(call_deadline(&metadata), millis.map(Duration::from_millis), "{text}");
        }
        for text in ["", "S", "1x", "-1S"] {
            metadata.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(call_deadline(&metadata), None, "{text}");
        }
    }
}
