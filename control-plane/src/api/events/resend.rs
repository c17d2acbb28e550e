//! `ResendEvent`.
//!
//! Fed by `EventService`; feeds `flow::on_demand` at the replica that owns the
//! tenant's shard.

use postrider_proto::v1;
use postrider_proto::v1::event_service_client::EventServiceClient;
use tonic::metadata::MetadataMap;
use tonic::{Response, Status};

use crate::api::deliveries::show;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::forwarding;
use crate::api::rpc::forwarding::CallTarget;
use crate::api::rpc::spans;
use crate::api::values::names;
use crate::flow::Flow;
use crate::flow::on_demand::ResendError;
use crate::state::context::ReplicaContext;

pub async fn event(
    context: &ReplicaContext,
    flow: &Flow,
    metadata: &MetadataMap,
    request: v1::ResendEventRequest,
    caller: &Caller,
) -> Result<v1::ResendEventResponse, Status> {
    let mut violations = FieldViolations::default();
    let named = violations.keep("name", names::event(&request.name));
    let only = match request.subscription.as_str() {
        "" => None,
        name => violations.keep("subscription", names::subscription(name)),
    };
    if let (Some((tenant, _)), Some(key)) = (&named, &only)
        && key.tenant != *tenant
    {
        violations.add("subscription", "must be of the event's tenant");
    }
    let (tenant, id) = violations.finish(named)?;
    spans::record_in_span("tenant", &tenant);
    spans::record_in_span("event", id);
    if let CallTarget::At(peer) = forwarding::find_owner(context, &tenant, metadata)? {
        let mut client = EventServiceClient::new(peer);
        let request = forwarding::forwarded_request(metadata, caller, Some(&tenant), request);
        let answer = client.resend_event(request).await;
        return answer.map(Response::into_inner).map_err(forwarding::peer_error);
    }
    let only = only.map(|key| key.subscription);
    let sent = flow.on_demand.resend_event(&tenant, id, only.as_ref(), &caller.origin).await;
    let sent = sent.map_err(|error| refused(error, &request))?;
    spans::log_change(&caller.who, "event resent", &request.name);
    Ok(v1::ResendEventResponse { deliveries: show::show_deliveries(context, &tenant, sent).await? })
}

fn refused(error: ResendError, request: &v1::ResendEventRequest) -> Status {
    match error {
        ResendError::EventNotFound => errors::not_found(ResourceKind::Event, &request.name),
        ResendError::PayloadRemoved => errors::resource(
            ErrorReason::PayloadRemoved,
            ResourceKind::Event,
            &request.name,
            "has no payload any more: it was expunged, or its retention is over",
        ),
        ResendError::SubscriptionNotFound => {
            errors::not_found(ResourceKind::Subscription, &request.subscription)
        }
        ResendError::SubscriptionDeleted => errors::resource(
            ErrorReason::SubscriptionDeleted,
            ResourceKind::Subscription,
            &request.subscription,
            "is deleted",
        ),
        ResendError::NothingToResend => errors::resource(
            ErrorReason::NothingToResend,
            ResourceKind::Event,
            &request.name,
            "has no delivery to a subscription that still exists",
        ),
        ResendError::NotOwner => forwarding::owner_unavailable(),
        ResendError::Store(error) => errors::store(error),
    }
}
