//! EventService.
//!
//! Publishing is in `publish`, sending again in `resend`; here is the service and
//! its reads.

use std::sync::Arc;

use futures::stream::BoxStream;
use postrider_domain::ids::{EventId, TenantId};
use postrider_proto::v1;
use postrider_proto::v1::event_service_server::EventService;
use postrider_store::{EventQuery, ListedEvent};
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::caller::Caller;
use super::convert::event::{summary, to_proto};
use super::errors::{self, Kind, Violations};
use super::filters::events::EventFilter;
use super::page::{self, Fill, Items, QueryHash};
use super::patience::Patience;
use super::trace::TraceContext;
use super::{changes, names, observe, publish, reconcile, resend};
use crate::flow::Flow;

/// Most events read at once with their payloads.
const MAX_BATCH: usize = 64;
/// Payloads of one page, so that a client with gRPC's default limit of 4 MiB can
/// read it.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

pub struct Events {
    flow: Flow,
}

impl Events {
    pub fn new(flow: Flow) -> Self {
        Self { flow }
    }

    async fn get(&self, request: v1::GetEventRequest) -> Result<v1::Event, Status> {
        let mut violations = Violations::default();
        let named = violations.keep("name", names::event(&request.name));
        let with_payload = view(request.view, true, &mut violations);
        let (tenant, id) = violations.finish(named)?;
        observe::note("tenant", &tenant);
        observe::note("event", id);
        let found = self.flow.store.get_event(&tenant, id).await.map_err(errors::store)?;
        let event = found.ok_or_else(|| errors::not_found(Kind::Event, &request.name))?;
        let payload_bytes = event.payload.len() as u64;
        let listed = ListedEvent { event, payload_bytes };
        let mut shown = [(id, to_proto(listed, with_payload))];
        self.count_deliveries(&tenant, &mut shown).await?;
        let [(_, shown)] = shown;
        Ok(shown)
    }

    async fn list(&self, request: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, Status> {
        let mut violations = Violations::default();
        let tenant = violations.keep("parent", names::tenant(&request.parent));
        let want = page::size(request.page_size, &self.flow.settings.api, &mut violations);
        let filter = violations.keep("filter", EventFilter::parse(&request.filter));
        let with_payload = view(request.view, false, &mut violations);
        let (tenant, filter) = violations.finish(tenant.zip(filter))?;
        observe::note("tenant", &tenant);
        let shape = if with_payload { "FULL" } else { "BASIC" };
        let query = QueryHash::of("ListEvents", &[&request.parent, &request.filter, shape]);
        let plan = Fill {
            after: page::position::<EventId>(&request.page_token, query)?,
            want,
            exact: filter.exact(),
            max_batch: if with_payload { MAX_BATCH } else { usize::MAX },
            max_bytes: MAX_PAGE_BYTES,
        };
        changes::tenant_known(&self.flow, &tenant).await?;
        if filter.nothing {
            return Ok(v1::ListEventsResponse::default());
        }
        let items = Items {
            keep: &|row: &Row| row.matches,
            position: &|row: &Row| row.id,
            bytes: &|row: &Row| row.bytes,
        };
        let (rows, next) = page::fill(plan, items, |before, limit| {
            let query = EventQuery {
                tenant: tenant.clone(),
                event_type: filter.event_type.clone(),
                account: filter.account.clone(),
                attributes: filter.attributes.clone(),
                created: filter.created,
                before,
                limit,
                with_payload,
            };
            let (store, filter) = (Arc::clone(&self.flow.store), &filter);
            async move {
                let events = store.list_events(&query).await?;
                Ok(events.into_iter().map(|listed| Row::of(listed, filter, with_payload)).collect())
            }
        })
        .await?;
        let mut shown: Vec<_> = rows.into_iter().map(|row| (row.id, row.shown)).collect();
        self.count_deliveries(&tenant, &mut shown).await?;
        Ok(v1::ListEventsResponse {
            events: shown.into_iter().map(|(_, event)| event).collect(),
            next_page_token: page::token(query, next.as_ref()),
        })
    }

    async fn count_deliveries(
        &self,
        tenant: &TenantId,
        events: &mut [(EventId, v1::Event)],
    ) -> Result<(), Status> {
        let ids: Vec<EventId> = events.iter().map(|(id, _)| *id).collect();
        let counts = self.flow.store.delivery_counts(tenant, &ids).await.map_err(errors::store)?;
        for ((_, event), counts) in events.iter_mut().zip(&counts) {
            event.delivery_summary = Some(summary(counts));
        }
        Ok(())
    }
}

/// An event of a list, shown already.
struct Row {
    id: EventId,
    matches: bool,
    bytes: usize,
    shown: v1::Event,
}

impl Row {
    fn of(listed: ListedEvent, filter: &EventFilter, with_payload: bool) -> Self {
        Self {
            id: listed.event.id,
            matches: filter.matches_rest(&listed.event),
            bytes: listed.event.payload.len(),
            shown: to_proto(listed, with_payload),
        }
    }
}

/// Whether a view has the payload.
fn view(given: i32, default: bool, violations: &mut Violations) -> bool {
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
impl EventService for Events {
    async fn publish_event(
        &self,
        request: Request<v1::PublishEventRequest>,
    ) -> Result<Response<v1::PublishEventResponse>, Status> {
        let (span, call) =
            (observe::span("PublishEvent", &request), TraceContext::of(request.metadata()));
        let patience = Patience::of(request.metadata());
        let published = publish::one(&self.flow, request.into_inner(), None, &call);
        observe::call(span, patience.keep(published)).await
    }

    async fn publish_events(
        &self,
        request: Request<v1::PublishEventsRequest>,
    ) -> Result<Response<v1::PublishEventsResponse>, Status> {
        let (span, call) =
            (observe::span("PublishEvents", &request), TraceContext::of(request.metadata()));
        let patience = Patience::of(request.metadata());
        let published = publish::several(&self.flow, request.into_inner(), &call, patience);
        observe::call(span, published).await
    }

    type PublishStreamStream = BoxStream<'static, Result<v1::PublishStreamResponse, Status>>;

    async fn publish_stream(
        &self,
        request: Request<Streaming<v1::PublishStreamRequest>>,
    ) -> Result<Response<Self::PublishStreamStream>, Status> {
        let (span, call) =
            (observe::span("PublishStream", &request), TraceContext::of(request.metadata()));
        let closing = self.flow.watch.closing();
        let answers = publish::stream(self.flow.clone(), request.into_inner(), call, closing);
        Ok(Response::new(Box::pin(observe::stream(span, answers))))
    }

    async fn get_event(
        &self,
        request: Request<v1::GetEventRequest>,
    ) -> Result<Response<v1::Event>, Status> {
        let span = observe::span("GetEvent", &request);
        observe::call(span, self.get(request.into_inner())).await
    }

    async fn list_events(
        &self,
        request: Request<v1::ListEventsRequest>,
    ) -> Result<Response<v1::ListEventsResponse>, Status> {
        let span = observe::span("ListEvents", &request);
        observe::call(span, self.list(request.into_inner())).await
    }

    async fn resend_event(
        &self,
        request: Request<v1::ResendEventRequest>,
    ) -> Result<Response<v1::ResendEventResponse>, Status> {
        let (span, who) = (observe::span("ResendEvent", &request), Caller::of(&request).who);
        let (metadata, _, message) = request.into_parts();
        observe::call(span, resend::event(&self.flow, &metadata, message, &who)).await
    }

    type ReconcileEventsStream = BoxStream<'static, Result<v1::ReconcileEventsResponse, Status>>;

    async fn reconcile_events(
        &self,
        request: Request<v1::ReconcileEventsRequest>,
    ) -> Result<Response<Self::ReconcileEventsStream>, Status> {
        let span = observe::span("ReconcileEvents", &request);
        let closed = reconcile::reconcile(&self.flow, request.into_inner());
        let rows = observe::call(span.clone(), closed).await?.into_inner();
        Ok(Response::new(Box::pin(observe::stream(span, rows))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_have_defaults_and_no_other_values() {
        let mut violations = Violations::default();
        assert!(view(0, true, &mut violations) && !view(0, false, &mut violations));
        assert!(!view(1, true, &mut violations) && view(2, false, &mut violations));
        assert!(violations.is_empty());
        view(3, false, &mut violations);
        assert!(!violations.is_empty());
    }
}
