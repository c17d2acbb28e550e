//! `TenantService`: decodes a request, reads or changes the tenant, and encodes the
//! answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use postrider_domain::ids::TenantId;
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_identity::AuditFields;
use postrider_proto::v1;
use postrider_proto::v1::tenant_service_server::TenantService;
use postrider_proto::webhook_url::is_insecure;
use postrider_store::{SortKey, Store, StoreResult, TenantQuery};
use tonic::{Request, Response, Status, async_trait};
use tonic_types::PreconditionViolation;

use crate::api::lists::listing::{ListCall, ListOrder, StoredList};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::spans;
use crate::api::tenants::conversion::{labels, to_proto};
use crate::api::tenants::filter::TenantFilter;
use crate::api::tenants::retention;
use crate::api::tenants::stored::{change_tenant, delete_tenant, read_tenant, require_live_tenant};
use crate::api::values::masks::UpdateMask;
use crate::api::values::{fixed_fields, names, validate};
use crate::audited_fields;
use crate::state::context::ReplicaContext;

/// Waiting deliveries of a subscription are counted up to this number for an error message.
/// Counting reads each of them, and the caller waits for it.
const MAX_COUNTED_WAITING: u32 = 100_000;

pub struct TenantApi {
    context: ReplicaContext,
}

impl TenantApi {
    pub fn new(context: ReplicaContext) -> Self {
        Self { context }
    }

    async fn create(
        &self,
        request: v1::CreateTenantRequest,
        caller: &Caller,
    ) -> Result<v1::Tenant, Status> {
        let given = request.tenant.unwrap_or_default();
        let mut violations = FieldViolations::default();
        let id = violations.keep("tenant_id", request.tenant_id.parse::<TenantId>());
        validate::display_name("tenant.display_name", &given.display_name, &mut violations);
        let labels = labels(given.labels, &mut violations);
        let settings = &self.context.settings.database;
        let (history, payload) = (&given.history_retention, &given.payload_retention);
        let retention = TenantRetention {
            history: retention::history(history.as_ref(), settings, &mut violations),
            payload: retention::payload(payload.as_ref(), settings, &mut violations),
        };
        retention::check(retention, &mut violations);
        let id = violations.finish(id)?;
        spans::record_in_span("tenant", &id);
        let now = self.context.clock.now();
        let tenant = Tenant {
            id,
            display_name: given.display_name,
            allow_insecure_urls: given.allow_insecure_urls,
            labels,
            retention,
            config_version: 1,
            revision: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        };
        let name = names::of_tenant(&tenant.id);
        let after = audited_fields::of_tenant(&tenant);
        let audit = caller.record(&name, now).with_changes(&AuditFields::none(), &after);
        let created = self.context.tenants.create_tenant(tenant, &audit).await;
        let created = created.map_err(|error| errors::write(error, ResourceKind::Tenant, &name))?;
        spans::log_change(&caller.who, "tenant created", &name);
        Ok(to_proto(&created))
    }

    async fn list(
        &self,
        request: v1::ListTenantsRequest,
        seen: Option<BTreeSet<TenantId>>,
    ) -> Result<v1::ListTenantsResponse, Status> {
        let v1::ListTenantsRequest { page_size, page_token, .. } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListTenants", *page_size, page_token, settings, key);
        let filter = call.select("filter", &request.filter, TenantFilter::parse);
        let order = call.order_by(&request.order_by);
        let show_deleted = call.choice("with deleted", request.show_deleted);
        let (filter, page) = call.finish(filter)?;
        let store = Arc::clone(&self.context.store);
        let page = page.fill(&TenantList { store, filter, order, show_deleted, seen }).await?;
        Ok(v1::ListTenantsResponse {
            tenants: page.items.iter().map(to_proto).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn update(
        &self,
        request: v1::UpdateTenantRequest,
        caller: &Caller,
    ) -> Result<v1::Tenant, Status> {
        let mut violations = FieldViolations::default();
        let given = errors::required("tenant", request.tenant)?;
        let id = violations.keep("tenant.name", names::tenant(&given.name));
        let known = [
            ("display_name", !given.display_name.is_empty()),
            ("allow_insecure_urls", given.allow_insecure_urls),
            ("labels", !given.labels.is_empty()),
            ("history_retention", given.history_retention.is_some()),
            ("payload_retention", given.payload_retention.is_some()),
        ];
        let mask = UpdateMask::read(
            request.update_mask.as_ref(),
            &known,
            fixed_fields::TENANT_FIELDS,
            &mut violations,
        );
        if mask.has("display_name") {
            validate::display_name("tenant.display_name", &given.display_name, &mut violations);
        }
        let labels = match mask.has("labels") {
            true => Some(labels(given.labels.clone(), &mut violations)),
            false => None,
        };
        let retention = self.retention_of(&given, &mask, &mut violations);
        let id = violations.finish(id)?;
        spans::record_in_span("tenant", &id);
        if mask.has("allow_insecure_urls") && !given.allow_insecure_urls {
            self.refuse_insecure_urls_in_use(&id).await?;
        }
        let changed = change_tenant(&self.context, &id, &given.etag, caller, |tenant| {
            if mask.is_whole() {
                let mut violations = FieldViolations::default();
                fixed_fields::in_tenant(&given, tenant, &mut violations);
                violations.check()?;
            }
            if mask.has("display_name") {
                tenant.display_name.clone_from(&given.display_name);
            }
            if mask.has("allow_insecure_urls") {
                tenant.allow_insecure_urls = given.allow_insecure_urls;
            }
            if let Some(labels) = &labels {
                tenant.labels.clone_from(labels);
            }
            if mask.has("history_retention") {
                tenant.retention.history = retention.history;
            }
            if mask.has("payload_retention") {
                tenant.retention.payload = retention.payload;
            }
            let mut violations = FieldViolations::default();
            retention::check(tenant.retention, &mut violations);
            violations.check()
        })
        .await?;
        if changed.written {
            spans::log_change(&caller.who, "tenant updated", &given.name);
        }
        Ok(to_proto(&changed.now))
    }

    /// Reads the fields that the mask has; the others are not looked at.
    fn retention_of(
        &self,
        given: &v1::Tenant,
        mask: &UpdateMask,
        violations: &mut FieldViolations,
    ) -> TenantRetention {
        let settings = &self.context.settings.database;
        let history = given.history_retention.as_ref().filter(|_| mask.has("history_retention"));
        let payload = given.payload_retention.as_ref().filter(|_| mask.has("payload_retention"));
        TenantRetention {
            history: retention::history(history, settings, violations),
            payload: retention::payload(payload, settings, violations),
        }
    }

    async fn refuse_insecure_urls_in_use(&self, id: &TenantId) -> Result<(), Status> {
        let config = self.context.store.tenant_config(id).await.map_err(errors::store)?;
        let subscriptions = config.map(|config| config.subscriptions).unwrap_or_default();
        let insecure = subscriptions.iter().filter(|s| is_insecure(&s.settings.url));
        let violation =
            |name| PreconditionViolation::new("INSECURE_URL", name, "has an http:// URL");
        let mut violations: Vec<_> = insecure.map(|s| violation(s.key().to_string())).collect();
        if violations.is_empty() {
            return Ok(());
        }
        let count = violations.len();
        violations.truncate(errors::MAX_VIOLATIONS);
        let message = format!("{count} subscriptions still have http:// URLs");
        Err(errors::precondition(ErrorReason::InsecureUrlsInUse, message, violations))
    }

    async fn delete(
        &self,
        request: v1::DeleteTenantRequest,
        caller: &Caller,
    ) -> Result<v1::DeleteTenantResponse, Status> {
        let id = names::tenant(&request.name).map_err(|error| errors::invalid("name", error))?;
        spans::record_in_span("tenant", &id);
        if !request.force {
            require_live_tenant(&self.context, &id).await?;
            self.refuse_not_empty(&id).await?;
        }
        let (subscriptions, cancelled) =
            delete_tenant(&self.context, &id, &request.etag, caller).await?;
        spans::log_change(&caller.who, "tenant deleted", &request.name);
        Ok(v1::DeleteTenantResponse {
            deleted_subscriptions: i64::try_from(subscriptions).unwrap_or(i64::MAX),
            cancelled_deliveries: i64::try_from(cancelled).unwrap_or(i64::MAX),
        })
    }

    async fn refuse_not_empty(&self, id: &TenantId) -> Result<(), Status> {
        let config = self.context.store.tenant_config(id).await.map_err(errors::store)?;
        let subscriptions = config.map(|config| config.subscriptions).unwrap_or_default();
        if subscriptions.is_empty() {
            return Ok(());
        }
        let mut waiting = 0_u64;
        for subscription in &subscriptions {
            let backlog =
                self.context.store.backlog(&subscription.key(), MAX_COUNTED_WAITING).await;
            waiting += u64::from(backlog.map_err(errors::store)?.count);
        }
        let name = names::of_tenant(id);
        let count = subscriptions.len();
        let violations = vec![
            PreconditionViolation::new(
                "SUBSCRIPTIONS",
                &name,
                format!("{count} subscriptions would be deleted"),
            ),
            PreconditionViolation::new(
                "WAITING_DELIVERIES",
                &name,
                format!("{waiting} waiting deliveries would be cancelled"),
            ),
        ];
        let message = format!(
            "{name} has {count} subscriptions and {waiting} waiting deliveries; set force to delete them too"
        );
        Err(errors::precondition(ErrorReason::TenantNotEmpty, message, violations))
    }
}

struct TenantList {
    store: Arc<dyn Store>,
    filter: TenantFilter,
    order: ListOrder,
    show_deleted: bool,
    /// The tenants that the caller may see; all if absent.
    seen: Option<BTreeSet<TenantId>>,
}

impl StoredList for TenantList {
    type Row = Tenant;
    type Position = SortKey;

    async fn read(&self, after: Option<SortKey>, limit: u32) -> StoreResult<Vec<Tenant>> {
        let search = self.filter.parts.first().filter(|part| !part.is_empty()).cloned();
        let page = self.order.page(after, limit);
        let query = TenantQuery { search, show_deleted: self.show_deleted, page };
        self.store.list_tenants(&query).await.map(|page| page.items)
    }

    fn position(&self, row: &Tenant) -> SortKey {
        self.order.position(row.id.as_str(), &row.display_name, row.create_time)
    }

    fn is_exact(&self) -> bool {
        self.filter.is_empty() && self.seen.is_none()
    }

    fn matches(&self, row: &Tenant) -> bool {
        let is_seen = self.seen.as_ref().is_none_or(|seen| seen.contains(&row.id));
        is_seen && self.filter.matches(row)
    }
}

#[async_trait]
impl TenantService for TenantApi {
    async fn create_tenant(
        &self,
        request: Request<v1::CreateTenantRequest>,
    ) -> Result<Response<v1::Tenant>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.create(message, &caller).await.map(Response::new)
    }

    async fn get_tenant(
        &self,
        request: Request<v1::GetTenantRequest>,
    ) -> Result<Response<v1::Tenant>, Status> {
        let (_, message) = Caller::admit(request)?;
        async {
            let name = &message.name;
            let id = names::tenant(name).map_err(|error| errors::invalid("name", error))?;
            spans::record_in_span("tenant", &id);
            Ok(to_proto(&read_tenant(&self.context, &id).await?))
        }
        .await
        .map(Response::new)
    }

    async fn list_tenants(
        &self,
        request: Request<v1::ListTenantsRequest>,
    ) -> Result<Response<v1::ListTenantsResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.list(message, caller.tenants_seen()).await.map(Response::new)
    }

    async fn update_tenant(
        &self,
        request: Request<v1::UpdateTenantRequest>,
    ) -> Result<Response<v1::Tenant>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.update(message, &caller).await.map(Response::new)
    }

    async fn delete_tenant(
        &self,
        request: Request<v1::DeleteTenantRequest>,
    ) -> Result<Response<v1::DeleteTenantResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.delete(message, &caller).await.map(Response::new)
    }
}
