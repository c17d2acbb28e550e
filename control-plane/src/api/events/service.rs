//! `EventService`, and its reads. Publishing is in `publish` and `publish_stream`, resending in
//! `resend`, expunging in `operations`.

use std::sync::Arc;

use futures::stream::BoxStream;
use postrider_domain::ids::{EventId, TenantId};
use postrider_proto::v1::event_service_server::EventService;
use postrider_proto::{longrunning, v1};
use postrider_store::{EventQuery, ListedEvent, Store, StoreResult};
use tonic::{Request, Response, Status, Streaming, async_trait};

use crate::api::audit::reads::record_payload_read;
use crate::api::events::conversion::{summary, to_proto};
use crate::api::events::filter::EventFilter;
use crate::api::events::publish_stream::StreamContext;
use crate::api::events::{publish, publish_stream, reconcile, resend};
use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::operations::expunge::expunge;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::errors::{self, FieldViolations, ResourceKind};
use crate::api::rpc::lifetimes::StreamLifetime;
use crate::api::rpc::spans;
use crate::api::rpc::stream_credit::StreamCredit;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names;
use crate::api::values::trace::TraceContext;
use crate::flow::Flow;
use crate::state::context::ReplicaContext;

/// Most events with payloads read at once. With 256 KiB each at most, 16 MiB.
const MAX_READ_ROWS: usize = 64;
/// Most payload bytes on one page, so that a client with gRPC's default limit of 4 MiB
/// can read it.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

pub struct EventApi {
    context: ReplicaContext,
    flow: Flow,
}

impl EventApi {
    pub fn new(context: ReplicaContext, flow: Flow) -> Self {
        Self { context, flow }
    }

    async fn get(
        &self,
        request: v1::GetEventRequest,
        caller: &Caller,
    ) -> Result<v1::Event, Status> {
        let mut violations = FieldViolations::default();
        let named = violations.keep("name", names::event(&request.name));
        let with_payload = view(request.view, true, &mut violations);
        let (tenant, id) = violations.finish(named)?;
        spans::record_in_span("tenant", &tenant);
        spans::record_in_span("event", id);
        let found = self.context.store.get_event(&tenant, id).await.map_err(errors::store)?;
        let event = found.ok_or_else(|| errors::not_found(ResourceKind::Event, &request.name))?;
        let payload_bytes = event.content.payload.len() as u64;
        let listed = ListedEvent { event, payload_bytes };
        let mut shown = [(id, to_proto(listed, with_payload))];
        self.count_deliveries(&tenant, &mut shown).await?;
        if with_payload {
            record_payload_read(&self.context, caller, &request.name).await?;
        }
        let [(_, shown)] = shown;
        Ok(shown)
    }

    async fn list(
        &self,
        request: v1::ListEventsRequest,
        caller: &Caller,
    ) -> Result<v1::ListEventsResponse, Status> {
        let v1::ListEventsRequest { parent, filter, page_size, page_token, view: shape } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListEvents", *page_size, page_token, settings, key);
        let tenant = call.select("parent", parent, names::tenant);
        let filter = call.select("filter", filter, EventFilter::parse);
        let with_payload = view(*shape, false, &mut call.violations);
        call.choice("FULL", with_payload);
        let ((tenant, filter), page) = call.finish(tenant.zip(filter))?;
        spans::record_in_span("tenant", &tenant);
        require_tenant(&self.context, &tenant).await?;
        let store = Arc::clone(&self.context.store);
        let list = EventList { store, tenant, filter, with_payload };
        let page = page.fill(&list).await?;
        let shown = page.items.into_iter();
        let mut shown: Vec<_> =
            shown.map(|listed| (listed.event.id, to_proto(listed, with_payload))).collect();
        self.count_deliveries(&list.tenant, &mut shown).await?;
        if with_payload && !shown.is_empty() {
            record_payload_read(&self.context, caller, parent).await?;
        }
        Ok(v1::ListEventsResponse {
            events: shown.into_iter().map(|(_, event)| event).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn count_deliveries(
        &self,
        tenant: &TenantId,
        events: &mut [(EventId, v1::Event)],
    ) -> Result<(), Status> {
        let ids: Vec<EventId> = events.iter().map(|(id, _)| *id).collect();
        let counts =
            self.context.store.delivery_counts(tenant, &ids).await.map_err(errors::store)?;
        for ((_, event), counts) in events.iter_mut().zip(&counts) {
            event.delivery_summary = Some(summary(counts));
        }
        Ok(())
    }
}

struct EventList {
    store: Arc<dyn Store>,
    tenant: TenantId,
    filter: EventFilter,
    with_payload: bool,
}

impl StoredList for EventList {
    type Row = ListedEvent;
    type Position = EventId;

    async fn read(&self, before: Option<EventId>, limit: u32) -> StoreResult<Vec<ListedEvent>> {
        let query = self.filter.query(&self.tenant, before, limit);
        let query = EventQuery { with_payload: self.with_payload, ..query };
        self.store.list_events(&query).await
    }

    fn position(&self, row: &ListedEvent) -> EventId {
        row.event.id
    }

    fn is_contradictory(&self) -> bool {
        self.filter.nothing
    }

    fn is_exact(&self) -> bool {
        self.filter.exact()
    }

    fn matches(&self, row: &ListedEvent) -> bool {
        self.filter.matches_rest(&row.event)
    }

    fn bytes(&self, row: &ListedEvent) -> usize {
        row.event.content.payload.len()
    }

    fn max_page_bytes(&self) -> usize {
        MAX_PAGE_BYTES
    }

    fn max_read_rows(&self) -> usize {
        if self.with_payload { MAX_READ_ROWS } else { usize::MAX }
    }
}

/// Whether a view includes the payload.
fn view(given: i32, default: bool, violations: &mut FieldViolations) -> bool {
    match v1::EventView::try_from(given) {
        Ok(v1::EventView::Unspecified) => default,
        Ok(v1::EventView::Basic) => false,
        Ok(v1::EventView::Full) => true,
        Err(_) => {
            violations.add("view", "must be BASIC or FULL");
            default
        }
    }
}

#[async_trait]
impl EventService for EventApi {
    async fn publish_event(
        &self,
        request: Request<v1::PublishEventRequest>,
    ) -> Result<Response<v1::PublishEventResponse>, Status> {
        let call = TraceContext::of(&request);
        let deadline = AnswerDeadline::of_request(&request);
        let (caller, message) = Caller::admit(request)?;
        let published =
            publish::publish_event(&self.context, &self.flow, message, None, &call, &caller);
        deadline.apply(published).await.map(Response::new)
    }

    async fn publish_events(
        &self,
        request: Request<v1::PublishEventsRequest>,
    ) -> Result<Response<v1::PublishEventsResponse>, Status> {
        let call = TraceContext::of(&request);
        let deadline = AnswerDeadline::of_request(&request);
        let (caller, message) = Caller::admit(request)?;
        let (context, flow) = (&self.context, &self.flow);
        let published = publish::publish_events(context, flow, message, &call, deadline, &caller);
        published.await.map(Response::new)
    }

    type PublishStreamStream = BoxStream<'static, Result<v1::PublishStreamResponse, Status>>;

    async fn publish_stream(
        &self,
        request: Request<Streaming<v1::PublishStreamRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let call = TraceContext::of(&request);
        let lifetime = StreamLifetime::of(&request, self.flow.attempt_feed.stop_token());
        let credit = StreamCredit::open(&request)?;
        let (caller, requests) = Caller::open_stream(request)?;
        let (context, flow) = (self.context.clone(), self.flow.clone());
        let publishing = StreamContext { context, flow, call, caller };
        let answers = publish_stream::stream(publishing, requests, lifetime.ended(), credit);
        Ok(Response::new(Box::pin(spans::log_stream_end(answers))))
    }

    async fn get_event(
        &self,
        request: Request<v1::GetEventRequest>,
    ) -> Result<Response<v1::Event>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.get(message, &caller).await.map(Response::new)
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.list(message, &caller).await.map(Response::new)
    }

    async fn resend_event(
        &self,
        request: Request<v1::ResendEventRequest>,
    ) -> Result<Response<v1::ResendEventResponse>, Status> {
        let metadata = request.metadata().clone();
        let (caller, message) = Caller::admit(request)?;
        resend::event(&self.context, &self.flow, &metadata, message, &caller)
            .await
            .map(Response::new)
    }

    async fn expunge_events(
        &self,
        request: Request<v1::ExpungeEventsRequest>,
    ) -> Result<Response<longrunning::Operation>, Status> {
        let (caller, message) = Caller::admit(request)?;
        expunge(&self.context, &self.flow, message, &caller).await.map(Response::new)
    }

    type ReconcileEventsStream = BoxStream<'static, Result<v1::ReconcileEventsResponse, Status>>;

    async fn reconcile_events(
        &self,
        request: Request<v1::ReconcileEventsRequest>,
    ) -> Result<Response<Self::ReconcileEventsStream>, Status> {
        let credit = StreamCredit::open(&request)?;
        let (caller, message) = Caller::admit(request)?;
        let (context, flow, owner) = (&self.context, &self.flow, caller.read_owner());
        let rows = reconcile::reconcile(context, flow, message, owner, credit).await?;
        Ok(Response::new(Box::pin(spans::log_stream_end(rows))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_have_defaults_and_no_other_values() {
        let mut violations = FieldViolations::default();
        assert!(view(0, true, &mut violations) && !view(0, false, &mut violations));
        assert!(!view(1, true, &mut violations) && view(2, false, &mut violations));
        assert!(violations.is_empty());
        view(3, false, &mut violations);
        assert!(!violations.is_empty());
    }
}
