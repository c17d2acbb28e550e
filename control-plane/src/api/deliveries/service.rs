//! `DeliveryService`: reads deliveries, and passes retries and cancellations on to their
//! owner.
//!
//! Attempts are in `attempts`, watching is in `watching`, replays begin in
//! `operations::start`.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt};
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{DeliveryId, TenantId};
use postrider_proto::longrunning::Operation;
use postrider_proto::v1;
use postrider_proto::v1::delivery_service_client::DeliveryServiceClient;
use postrider_proto::v1::delivery_service_server::DeliveryService;
use postrider_store::{DeliveryQuery, Store, StoreResult};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use crate::api::deliveries::conversion;
use crate::api::deliveries::filter::DeliveryFilter;
use crate::api::deliveries::{attempts, show, watching};
use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::operations::start;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, ResourceKind};
use crate::api::rpc::forwarding;
use crate::api::rpc::forwarding::CallTarget;
use crate::api::rpc::lifetimes::StreamLifetime;
use crate::api::rpc::spans;
use crate::api::tenants::stored::require_tenant;
use crate::api::values::names;
use crate::flow::Flow;
use crate::flow::on_demand::{CancelError, RetryError};
use crate::state::context::ReplicaContext;

pub struct DeliveryApi {
    context: ReplicaContext,
    flow: Flow,
}

impl DeliveryApi {
    pub fn new(context: ReplicaContext, flow: Flow) -> Self {
        Self { context, flow }
    }

    async fn list(
        &self,
        request: v1::ListDeliveriesRequest,
    ) -> Result<v1::ListDeliveriesResponse, Status> {
        let v1::ListDeliveriesRequest { parent, filter, page_size, page_token } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListDeliveries", *page_size, page_token, settings, key);
        let tenant = call.select("parent", parent, names::tenant);
        let filter = tenant.as_ref().and_then(|tenant| {
            call.select("filter", filter, |text| DeliveryFilter::parse(text, tenant))
        });
        let ((tenant, filter), page) = call.finish(tenant.zip(filter))?;
        spans::record_in_span("tenant", &tenant);
        require_tenant(&self.context, &tenant).await?;
        let store = Arc::clone(&self.context.store);
        let page = page.fill(&DeliveryList { store, filter }).await?;
        Ok(v1::ListDeliveriesResponse {
            deliveries: show::show_deliveries(&self.context, &tenant, page.items).await?,
            next_page_token: page.next_page_token,
        })
    }

    async fn show_one(&self, delivery: Delivery) -> Result<v1::Delivery, Status> {
        let tenant = delivery.subscription.tenant.clone();
        let name = names::of_delivery(&tenant, delivery.id);
        let shown =
            show::show_deliveries(&self.context, &tenant, vec![delivery]).await?.into_iter().next();
        shown.ok_or_else(|| errors::not_found(ResourceKind::Delivery, &name))
    }

    async fn find(&self, tenant: &TenantId, id: DeliveryId) -> Result<Delivery, Status> {
        let found = self.context.store.get_delivery(tenant, id).await.map_err(errors::store)?;
        found.ok_or_else(|| {
            errors::not_found(ResourceKind::Delivery, &names::of_delivery(tenant, id))
        })
    }

    async fn retry(
        &self,
        metadata: &MetadataMap,
        request: v1::RetryDeliveryRequest,
        caller: &Caller,
    ) -> Result<v1::RetryDeliveryResponse, Status> {
        let (tenant, id) = key(&request.name)?;
        if let CallTarget::At(peer) = forwarding::find_owner(&self.context, &tenant, metadata)? {
            let mut client = DeliveryServiceClient::new(peer);
            let request = forwarding::forwarded_request(metadata, caller, Some(&tenant), request);
            let answer = client.retry_delivery(request).await;
            return answer.map(Response::into_inner).map_err(forwarding::peer_error);
        }
        let retried = self.flow.on_demand.retry_delivery(&tenant, id, &caller.origin).await;
        let retried = retried.map_err(|error| retry_error(error, &request.name))?;
        spans::log_change(&caller.who, "delivery retried", &request.name);
        let delivery = Some(self.show_one(retried).await?);
        Ok(v1::RetryDeliveryResponse { delivery })
    }

    async fn cancel(
        &self,
        metadata: &MetadataMap,
        request: v1::CancelDeliveryRequest,
        caller: &Caller,
    ) -> Result<v1::Delivery, Status> {
        let (tenant, id) = key(&request.name)?;
        if let CallTarget::At(peer) = forwarding::find_owner(&self.context, &tenant, metadata)? {
            let mut client = DeliveryServiceClient::new(peer);
            let request = forwarding::forwarded_request(metadata, caller, Some(&tenant), request);
            let answer = client.cancel_delivery(request).await;
            return answer.map(Response::into_inner).map_err(forwarding::peer_error);
        }
        let cancelled = self.flow.on_demand.cancel_delivery(&tenant, id, &caller.origin).await;
        let cancelled = cancelled.map_err(|error| cancel_error(error, &request.name))?;
        spans::log_change(&caller.who, "delivery cancelled", &request.name);
        self.show_one(cancelled).await
    }
}

/// Parses a delivery's name and records it in the call's span.
fn key(name: &str) -> Result<(TenantId, DeliveryId), Status> {
    let (tenant, id) = names::delivery(name).map_err(|error| errors::invalid("name", error))?;
    spans::record_in_span("tenant", &tenant);
    spans::record_in_span("delivery", id);
    Ok((tenant, id))
}

fn retry_error(error: RetryError, name: &str) -> Status {
    let refused =
        |reason, problem| errors::resource(reason, ResourceKind::Delivery, &name, problem);
    match error {
        RetryError::NotFound => errors::not_found(ResourceKind::Delivery, &name),
        RetryError::InFlight => refused(ErrorReason::DeliveryInFlight, "has an attempt under way"),
        RetryError::Held => {
            refused(ErrorReason::DeliveryHeld, "waits for an earlier delivery of its ordering key")
        }
        RetryError::SubscriptionDeleted => {
            refused(ErrorReason::SubscriptionDeleted, "cannot be sent: its subscription is deleted")
        }
        RetryError::EventGone => {
            refused(ErrorReason::ResourceNotFound, "cannot be sent: its event is no longer stored")
        }
        RetryError::PayloadRemoved => refused(
            ErrorReason::PayloadRemoved,
            "cannot be sent: its event has no payload any more",
        ),
        RetryError::NotOwner => forwarding::owner_unavailable(),
        RetryError::Store(error) => errors::store(error),
    }
}

fn cancel_error(error: CancelError, name: &str) -> Status {
    match error {
        CancelError::NotFound => errors::not_found(ResourceKind::Delivery, &name),
        CancelError::AlreadyEnded(state) => {
            let state = conversion::state(state).as_str_name();
            let state = state.trim_start_matches("DELIVERY_STATE_");
            let problem = format!("has ended {state}");
            errors::resource(ErrorReason::DeliveryEnded, ResourceKind::Delivery, &name, &problem)
        }
        CancelError::NotOwner => forwarding::owner_unavailable(),
        CancelError::Store(error) => errors::store(error),
    }
}

struct DeliveryList {
    store: Arc<dyn Store>,
    filter: DeliveryFilter,
}

impl StoredList for DeliveryList {
    type Row = Delivery;
    type Position = DeliveryId;

    async fn read(&self, before: Option<DeliveryId>, limit: u32) -> StoreResult<Vec<Delivery>> {
        let query = DeliveryQuery { before, limit, ..self.filter.query.clone() };
        self.store.list_deliveries(&query).await
    }

    fn position(&self, row: &Delivery) -> DeliveryId {
        row.id
    }

    fn is_contradictory(&self) -> bool {
        self.filter.nothing
    }
}

#[async_trait]
impl DeliveryService for DeliveryApi {
    async fn list_deliveries(
        &self,
        request: Request<v1::ListDeliveriesRequest>,
    ) -> Result<Response<v1::ListDeliveriesResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        self.list(message).await.map(Response::new)
    }

    async fn get_delivery(
        &self,
        request: Request<v1::GetDeliveryRequest>,
    ) -> Result<Response<v1::Delivery>, Status> {
        let (_, message) = Caller::admit(request)?;
        async {
            let (tenant, id) = key(&message.name)?;
            self.show_one(self.find(&tenant, id).await?).await
        }
        .await
        .map(Response::new)
    }

    async fn get_attempt(
        &self,
        request: Request<v1::GetAttemptRequest>,
    ) -> Result<Response<v1::Attempt>, Status> {
        let (caller, message) = Caller::admit(request)?;
        attempts::get(&self.context, message, &caller).await.map(Response::new)
    }

    async fn list_attempts(
        &self,
        request: Request<v1::ListAttemptsRequest>,
    ) -> Result<Response<v1::ListAttemptsResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        attempts::list(&self.context, message).await.map(Response::new)
    }

    async fn retry_delivery(
        &self,
        request: Request<v1::RetryDeliveryRequest>,
    ) -> Result<Response<v1::RetryDeliveryResponse>, Status> {
        let metadata = request.metadata().clone();
        let (caller, message) = Caller::admit(request)?;
        self.retry(&metadata, message, &caller).await.map(Response::new)
    }

    async fn cancel_delivery(
        &self,
        request: Request<v1::CancelDeliveryRequest>,
    ) -> Result<Response<v1::Delivery>, Status> {
        let metadata = request.metadata().clone();
        let (caller, message) = Caller::admit(request)?;
        self.cancel(&metadata, message, &caller).await.map(Response::new)
    }

    async fn replay_deliveries(
        &self,
        request: Request<v1::ReplayDeliveriesRequest>,
    ) -> Result<Response<Operation>, Status> {
        let (caller, message) = Caller::admit(request)?;
        start::replay(&self.context, &self.flow, message, &caller).await.map(Response::new)
    }

    type WatchAttemptsStream = BoxStream<'static, Result<v1::WatchAttemptsResponse, Status>>;

    async fn watch_attempts(
        &self,
        request: Request<v1::WatchAttemptsRequest>,
    ) -> Result<Response<Self::WatchAttemptsStream>, Status> {
        let lifetime = StreamLifetime::of(&request, self.flow.attempt_feed.stop_token());
        let (caller, message) = Caller::admit(request)?;
        let (context, flow) = (&self.context, &self.flow);
        let attempts = watching::watch(context, flow, message, &caller, &lifetime).await?;
        Ok(Response::new(spans::log_stream_end(attempts).boxed()))
    }
}
