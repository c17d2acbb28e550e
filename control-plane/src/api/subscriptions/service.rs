//! `SubscriptionService`, its reads, and the test. Changes are in `changes`.

use std::sync::Arc;

use bytes::Bytes;
use postrider_domain::ids::{SubscriptionKey, TenantId};
use postrider_domain::operational_event::built_in_type;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_proto::longrunning::Operation;
use postrider_proto::v1;
use postrider_proto::v1::subscription_service_client::SubscriptionServiceClient;
use postrider_proto::v1::subscription_service_server::SubscriptionService;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use postrider_store::{SortKey, Store, StoreResult, SubscriptionQuery};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use crate::api::deliveries::{attempt_conversion, conversion as delivery_conversion};
use crate::api::lists::conditions::contains;
use crate::api::lists::listing::{ListCall, ListOrder, StoredList};
use crate::api::operations::start;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::forwarding;
use crate::api::rpc::forwarding::CallTarget;
use crate::api::rpc::spans;
use crate::api::subscriptions::changes::StatusChange;
use crate::api::subscriptions::filter::SubscriptionFilter;
use crate::api::subscriptions::handler::{SubscriptionApi, key};
use crate::api::subscriptions::stats;
use crate::api::subscriptions::stored::{
    read_subscription, require_live_subscription, require_subscription,
};
use crate::api::tenants::stored::require_tenant;
use crate::api::values::wiped::WipedRequest;
use crate::api::values::{names, payload, validate};
use crate::flow::on_demand::{TestError, TestRequest};

/// The content type of a test payload given as bytes.
const BYTES_CONTENT_TYPE: &str = "application/octet-stream";

impl SubscriptionApi {
    async fn list(
        &self,
        request: v1::ListSubscriptionsRequest,
    ) -> Result<v1::ListSubscriptionsResponse, Status> {
        let v1::ListSubscriptionsRequest { page_size, page_token, .. } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListSubscriptions", *page_size, page_token, settings, key);
        let tenant = call.select("parent", &request.parent, names::tenant);
        let filter = call.select("filter", &request.filter, SubscriptionFilter::parse);
        let order = call.order_by(&request.order_by);
        let search = call.search(&request.search);
        let show_deleted = call.choice("with deleted", request.show_deleted);
        let ((tenant, filter), page) = call.finish(tenant.zip(filter))?;
        spans::record_in_span("tenant", &tenant);
        require_tenant(&self.context, &tenant).await?;
        let store = Arc::clone(&self.context.store);
        let list = SubscriptionList { store, tenant, filter, order, search, show_deleted };
        let page = page.fill(&list).await?;
        Ok(v1::ListSubscriptionsResponse {
            subscriptions: page.items.iter().map(|s| self.show(s)).collect(),
            next_page_token: page.next_page_token,
        })
    }

    async fn test(
        &self,
        metadata: &MetadataMap,
        request: v1::TestSubscriptionRequest,
        caller: &Caller,
    ) -> Result<v1::TestSubscriptionResponse, Status> {
        let wanted = self.test_request(&request)?;
        spans::record_in_span("tenant", &wanted.key.tenant);
        spans::record_in_span("subscription", &wanted.key.subscription);
        match forwarding::find_owner(&self.context, &wanted.key.tenant, metadata)? {
            CallTarget::At(peer) => {
                let mut client = SubscriptionServiceClient::new(peer);
                let tenant = Some(&wanted.key.tenant);
                let request = forwarding::forwarded_request(metadata, caller, tenant, request);
                let answer = client.test_subscription(request).await;
                answer.map(Response::into_inner).map_err(forwarding::peer_error)
            }
            CallTarget::Here => {
                let key = wanted.key.clone();
                require_live_subscription(&self.context, &key).await?;
                let result =
                    Box::pin(self.flow.on_demand.test_subscription(wanted, &caller.origin)).await;
                let (made, record) = result.map_err(|error| test_error(error, &key))?;
                spans::record_in_span("delivery", made.id);
                let context = delivery_conversion::DeliveryContext {
                    last: Some(&record),
                    ..Default::default()
                };
                let shown = delivery_conversion::to_proto(&made, context);
                let attempt = attempt_conversion::to_proto(record);
                Ok(v1::TestSubscriptionResponse { delivery: Some(shown), attempt: Some(attempt) })
            }
        }
    }

    /// The payload of a test that brings none.
    fn sample(&self, event_type: &str) -> Bytes {
        let catalogue = self.context.event_types.current();
        let known = built_in_type(event_type).or_else(|| catalogue.get(event_type));
        match known.and_then(|known| known.sample.clone()) {
            Some(sample) => sample.into(),
            None => payload::sample(event_type),
        }
    }

    fn test_request(&self, request: &v1::TestSubscriptionRequest) -> Result<TestRequest, Status> {
        let mut violations = FieldViolations::default();
        let key = violations.keep("name", names::subscription(&request.name));
        validate::event_type("event_type", &request.event_type, &mut violations);
        let json = postrider_domain::event::DEFAULT_CONTENT_TYPE;
        let (field, body, content_type) = match &request.payload_form {
            None => ("payload_json", self.sample(&request.event_type), json),
            Some(PayloadForm::Payload(bytes)) => ("payload", bytes.clone(), BYTES_CONTENT_TYPE),
            Some(PayloadForm::PayloadJson(text)) => ("payload_json", text.clone().into(), json),
        };
        let max = self.context.settings.publish.max_payload_bytes;
        payload::check(&body, content_type, field, max, &mut violations);
        let key = violations.finish(key)?;
        Ok(TestRequest {
            key,
            event_type: request.event_type.clone(),
            payload: body,
            content_type: content_type.to_owned(),
            retry: request.retry,
        })
    }
}

/// The store's search also looks at ids.
fn found(subscription: &Subscription, search: &str) -> bool {
    let settings = &subscription.settings;
    search.is_empty() || contains(&settings.display_name, search) || contains(&settings.url, search)
}

fn test_error(error: TestError, key: &SubscriptionKey) -> Status {
    match error {
        TestError::NotFound => errors::not_found(ResourceKind::Subscription, key),
        TestError::RegionHasNoAgent => errors::retry_soon(
            ErrorReason::RegionHasNoAgent,
            "no agent is connected in the subscription's region",
        ),
        TestError::TimedOut => errors::status(
            ErrorReason::TestTimedOut,
            "the result did not arrive in time; ListDeliveries shows the delivery",
        ),
        TestError::NotOwner => forwarding::owner_unavailable(),
        TestError::Store(error) => errors::store(error),
    }
}

struct SubscriptionList {
    store: Arc<dyn Store>,
    tenant: TenantId,
    filter: SubscriptionFilter,
    order: ListOrder,
    search: Option<String>,
    show_deleted: bool,
}

impl StoredList for SubscriptionList {
    type Row = Subscription;
    type Position = SortKey;

    async fn read(&self, after: Option<SortKey>, limit: u32) -> StoreResult<Vec<Subscription>> {
        let query = SubscriptionQuery {
            tenant: self.tenant.clone(),
            search: self.search.clone(),
            status: self.filter.status,
            event_type: self.filter.event_type.clone(),
            region: self.filter.region.clone(),
            show_deleted: self.show_deleted,
            page: self.order.page(after, limit),
        };
        self.store.list_subscriptions(&query).await.map(|page| page.items)
    }

    fn position(&self, row: &Subscription) -> SortKey {
        self.order.position(row.id.as_str(), &row.settings.display_name, row.create_time)
    }

    fn is_contradictory(&self) -> bool {
        self.filter.nothing
    }

    fn is_exact(&self) -> bool {
        self.search.is_none() && self.filter.exact()
    }

    fn matches(&self, row: &Subscription) -> bool {
        self.filter.matches(row) && self.search.as_ref().is_none_or(|part| found(row, part))
    }
}

#[async_trait]
impl SubscriptionService for SubscriptionApi {
    async fn create_subscription(
        &self,
        request: Request<v1::CreateSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, message) = Caller::admit(request.map(WipedRequest::new))?;
        self.create(message, &caller).await.map(Response::new)
    }

    async fn get_subscription(
        &self,
        request: Request<v1::GetSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (_, message) = Caller::admit(request)?;
        async {
            let key = key(&message.name)?;
            Ok(self.show(&read_subscription(&self.context, &key).await?))
        }
        .await
        .map(Response::new)
    }

    async fn list_subscriptions(
        &self,
        request: Request<v1::ListSubscriptionsRequest>,
    ) -> Result<Response<v1::ListSubscriptionsResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        self.list(message).await.map(Response::new)
    }

    async fn update_subscription(
        &self,
        request: Request<v1::UpdateSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, message) = Caller::admit(request.map(WipedRequest::new))?;
        self.update(message, &caller).await.map(Response::new)
    }

    async fn delete_subscription(
        &self,
        request: Request<v1::DeleteSubscriptionRequest>,
    ) -> Result<Response<v1::DeleteSubscriptionResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.delete(message, &caller).await.map(Response::new)
    }

    async fn enable_subscription(
        &self,
        request: Request<v1::EnableSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, message) = Caller::admit(request)?;
        let v1::EnableSubscriptionRequest { name, etag, reason } = message;
        let change = StatusChange { status: SubscriptionStatus::Enabled, name, etag, reason };
        self.set_status(change, &caller).await.map(Response::new)
    }

    async fn disable_subscription(
        &self,
        request: Request<v1::DisableSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, message) = Caller::admit(request)?;
        let v1::DisableSubscriptionRequest { name, etag, reason } = message;
        let change = StatusChange { status: SubscriptionStatus::Disabled, name, etag, reason };
        self.set_status(change, &caller).await.map(Response::new)
    }

    async fn pause_subscription(
        &self,
        request: Request<v1::PauseSubscriptionRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, message) = Caller::admit(request)?;
        let v1::PauseSubscriptionRequest { name, etag, reason } = message;
        let change = StatusChange { status: SubscriptionStatus::Paused, name, etag, reason };
        self.set_status(change, &caller).await.map(Response::new)
    }

    async fn test_subscription(
        &self,
        request: Request<v1::TestSubscriptionRequest>,
    ) -> Result<Response<v1::TestSubscriptionResponse>, Status> {
        let metadata = request.metadata().clone();
        let (caller, message) = Caller::admit(request)?;
        self.test(&metadata, message, &caller).await.map(Response::new)
    }

    async fn get_subscription_stats(
        &self,
        request: Request<v1::GetSubscriptionStatsRequest>,
    ) -> Result<Response<v1::SubscriptionStats>, Status> {
        let (_, message) = Caller::admit(request)?;
        async {
            let key = key(&message.name)?;
            require_subscription(&self.context, &key).await?;
            stats::read_stats(&self.context, &key).await
        }
        .await
        .map(Response::new)
    }

    async fn rotate_signing_secret(
        &self,
        request: Request<v1::RotateSigningSecretRequest>,
    ) -> Result<Response<v1::RotateSigningSecretResponse>, Status> {
        let (caller, message) = Caller::admit(request.map(WipedRequest::new))?;
        self.rotate(message, &caller).await.map(Response::new)
    }

    async fn revoke_signing_key(
        &self,
        request: Request<v1::RevokeSigningKeyRequest>,
    ) -> Result<Response<v1::Subscription>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.revoke(message, &caller).await.map(Response::new)
    }

    async fn backfill_subscription(
        &self,
        request: Request<v1::BackfillSubscriptionRequest>,
    ) -> Result<Response<Operation>, Status> {
        let (caller, message) = Caller::admit(request)?;
        start::backfill(&self.context, &self.flow, message, &caller).await.map(Response::new)
    }

    async fn release_ordering_key(
        &self,
        request: Request<v1::ReleaseOrderingKeyRequest>,
    ) -> Result<Response<v1::ReleaseOrderingKeyResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.release_key(message, &caller).await.map(Response::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_search_looks_in_name_and_url_and_not_in_the_id() {
        let subscription = fixtures::subscription();
        assert!(found(&subscription, "EXAMPLE.com") && found(&subscription, "erp"));
        let mut other = subscription;
        other.settings.display_name = "Ledger".into();
        assert!(!found(&other, "erp"));
    }
}
