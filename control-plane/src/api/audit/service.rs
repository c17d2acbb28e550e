//! `AuditService`, and its list. The check is in `verification`.
//!
//! Fed by callers; feeds them what the store recorded. Guarantees that a caller sees the
//! records of tenants in which he may read them, and the installation's only if he may
//! everywhere.

use std::sync::Arc;

use postrider_identity::{AuditRecord, FieldChange};
use postrider_proto::v1;
use postrider_proto::v1::audit_service_server::AuditService;
use postrider_store::{AuditPosition, AuditQuery, AuditScope, Store, StoreResult};
use tonic::{Request, Response, Status, async_trait};

use crate::api::audit::chain_lookup::require_chain;
use crate::api::audit::conversion::to_proto;
use crate::api::audit::filter::AuditFilter;
use crate::api::audit::verification;
use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::rpc::caller::Caller;
use crate::api::values::names::{self, AuditParent};
use crate::state::context::ReplicaContext;

/// Most rows read at once: each may have 64 KiB of differences, so 13 MB.
const MAX_READ_ROWS: usize = 200;
/// A page ends before it exceeds what clients usually accept.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;
/// What a record adds to a page besides its differences. Names, times and hashes.
const RECORD_OVERHEAD_BYTES: usize = 1024;

pub struct AuditApi {
    context: ReplicaContext,
}

impl AuditApi {
    pub fn new(context: ReplicaContext) -> Self {
        Self { context }
    }

    async fn list(
        &self,
        request: v1::ListAuditRecordsRequest,
        caller: &Caller,
    ) -> Result<v1::ListAuditRecordsResponse, Status> {
        let v1::ListAuditRecordsRequest { parent, filter, page_size, page_token } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListAuditRecords", *page_size, page_token, settings, key);
        let parent = call.select("parent", parent, names::audit_parent);
        let filter = call.select("filter", filter, AuditFilter::parse);
        let ((parent, filter), page) = call.finish(parent.zip(filter))?;
        let scope = match parent {
            AuditParent::AllTenants => AuditScope::Tenants(caller.tenants_seen()),
            AuditParent::Chain(chain) => {
                require_chain(&self.context, &chain).await?;
                AuditScope::Chain(chain)
            }
        };
        let store = Arc::clone(&self.context.store);
        let page = page.fill(&AuditList { store, scope, filter }).await?;
        Ok(v1::ListAuditRecordsResponse {
            audit_records: page.items.into_iter().map(to_proto).collect(),
            next_page_token: page.next_page_token,
        })
    }
}

struct AuditList {
    store: Arc<dyn Store>,
    scope: AuditScope,
    filter: AuditFilter,
}

impl StoredList for AuditList {
    type Row = AuditRecord;
    type Position = AuditPosition;

    async fn read(
        &self,
        before: Option<AuditPosition>,
        limit: u32,
    ) -> StoreResult<Vec<AuditRecord>> {
        let query = AuditQuery { scope: self.scope.clone(), before, limit };
        self.store.list_audit_records(&query).await
    }

    fn position(&self, row: &AuditRecord) -> AuditPosition {
        AuditPosition::of(row)
    }

    fn is_exact(&self) -> bool {
        self.filter.is_empty()
    }

    fn matches(&self, row: &AuditRecord) -> bool {
        self.filter.matches(row)
    }

    fn bytes(&self, row: &AuditRecord) -> usize {
        let changes = row.draft.changes.iter().map(FieldChange::bytes).sum::<usize>();
        RECORD_OVERHEAD_BYTES + changes
    }

    fn max_page_bytes(&self) -> usize {
        MAX_PAGE_BYTES
    }

    fn max_read_rows(&self) -> usize {
        MAX_READ_ROWS
    }
}

#[async_trait]
impl AuditService for AuditApi {
    async fn list_audit_records(
        &self,
        request: Request<v1::ListAuditRecordsRequest>,
    ) -> Result<Response<v1::ListAuditRecordsResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.list(message, &caller).await.map(Response::new)
    }

    async fn verify_audit_log(
        &self,
        request: Request<v1::VerifyAuditLogRequest>,
    ) -> Result<Response<v1::VerifyAuditLogResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        verification::verify(&self.context, message).await.map(Response::new)
    }
}
