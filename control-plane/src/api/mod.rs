//! The public API: a folder for each resource, one for autoscalers, and one for HTTP.
//!
//! Fed by callers over gRPC and HTTP; feeds `flow` and the store. Each method decodes, calls and
//! encodes; decisions are in the domain. Guarantees that requests are checked before
//! they are passed on, that every error is made by `rpc::errors`, and that a call has
//! one span and at most one line about its failure.

mod audit;
mod deliveries;
mod event_types;
mod events;
mod fleet;
pub mod fuzzing;
mod http_json;
mod lists;
mod operations;
mod rpc;
mod scaler;
mod subscriptions;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

use std::sync::Arc;

use postrider_proto::FILE_DESCRIPTOR_SET;
use postrider_proto::externalscaler::external_scaler_server::ExternalScalerServer;
use postrider_proto::longrunning::operations_server::OperationsServer;
use postrider_proto::v1::audit_service_server::AuditServiceServer;
use postrider_proto::v1::delivery_service_server::DeliveryServiceServer;
use postrider_proto::v1::event_service_server::EventServiceServer;
use postrider_proto::v1::event_type_service_server::EventTypeServiceServer;
use postrider_proto::v1::fleet_service_server::FleetServiceServer;
use postrider_proto::v1::portal_service_server::PortalServiceServer;
use postrider_proto::v1::subscription_service_server::SubscriptionServiceServer;
use postrider_proto::v1::tenant_service_server::TenantServiceServer;
use postrider_proto::v1::token_service_server::TokenServiceServer;
use tonic::service::Routes;
use tonic_reflection::server::Builder;

use crate::api::http_json::{AllowedHosts, AllowedOrigins, HttpApi, RouteTable};
pub use crate::api::http_json::{HttpJsonLayer, JsonRequestLayer, RequestHeadLayer};
pub use crate::api::rpc::aged_streams::EndedByAge;
pub use crate::api::rpc::byte_budget::ByteBudget;
pub use crate::api::rpc::caller::CountedCaller;
pub use crate::api::rpc::errors::permission_denied;
use crate::api::rpc::forwarding::ForwardedMethodsLayer;
use crate::api::rpc::gate::{CallGate, CredentialSource};
use crate::api::rpc::layer::CallLayer;
pub use crate::api::rpc::malformed::MalformedRequestLayer;
use crate::api::rpc::methods::{MethodTable, callers_descriptors};
pub use crate::api::rpc::receiving::{
    CallerShares, MessageShapes, ReceiveLayer, ReceiveRule, ReceiveRules,
};
pub use crate::api::rpc::unsent_answers::AnswerBounds;
use crate::callers::Authenticator;
use crate::flow::Flow;
use crate::settings::ServerSettings;
use crate::state::context::ReplicaContext;

/// The methods whose requests are many things at once.
const BATCH_METHODS: [&str; 2] =
    ["/postrider.v1.EventService/PublishEvents", "/postrider.v1.EventTypeService/ImportEventTypes"];

/// Largest message to a method that is open to everybody: the name of a service.
const MAX_OPEN_REQUEST_BYTES: usize = 4096;

/// What callers reach.
pub struct CallersApi {
    pub routes: Routes,
    /// Around all that the door serves, the console too.
    pub heads: RequestHeadLayer,
    /// Around all that the door serves.
    pub http: HttpJsonLayer,
    /// What bounds the answers of the door, also those that are made elsewhere.
    pub answers: AnswerBounds,
}

/// The public services with reflection of them, and what serves them over HTTP, for callers.
/// Fails if the compiled-in descriptors contradict each other, or say of a method nothing about
/// permissions.
pub fn callers_api(
    context: ReplicaContext,
    flow: Flow,
    authenticator: Authenticator,
) -> anyhow::Result<CallersApi> {
    let described = callers_descriptors(FILE_DESCRIPTOR_SET)?;
    let reflection = || Builder::configure().register_file_descriptor_set(described.clone());
    let (v1, v1alpha) = (reflection().build_v1()?, reflection().build_v1alpha()?);
    let gate = gate(CredentialSource::Callers, &context, authenticator)?;
    let answers = gate.answers.clone();
    let table = RouteTable::read(FILE_DESCRIPTOR_SET)?;
    let has_tls = !context.settings.server.tls_cert.is_empty();
    let api = HttpApi {
        open_api: http_json::open_api::document(&table)?.into(),
        table: Arc::new(table),
        origins: AllowedOrigins::new(&context.settings.server.http_allowed_origins),
        answers: answers.clone(),
        requests: context.metrics.http().clone(),
        scheme: if has_tls { "https" } else { "http" },
    };
    let api = Arc::new(api);
    let hosts = Arc::new(AllowedHosts::new(&context.settings));
    let heads = RequestHeadLayer { api: Arc::clone(&api), hosts };
    let public = services(context, flow).add_service(v1).add_service(v1alpha);
    let routes = Routes::from(public.into_axum_router().layer(CallLayer { gate }));
    Ok(CallersApi { routes, heads, http: HttpJsonLayer { api }, answers })
}

/// The methods that replicas send on to each other, and no others. A replica has judged the
/// call and passes on who called: to be served where nobody but replicas can call.
pub fn forwarded_routes(
    context: ReplicaContext,
    flow: Flow,
    authenticator: Authenticator,
) -> anyhow::Result<Routes> {
    let gate = gate(CredentialSource::Replicas, &context, authenticator)?;
    let services = services(context, flow).into_axum_router();
    Ok(Routes::from(services.layer(CallLayer { gate }).layer(ForwardedMethodsLayer)))
}

fn gate(
    source: CredentialSource,
    context: &ReplicaContext,
    authenticator: Authenticator,
) -> anyhow::Result<Arc<CallGate>> {
    Ok(Arc::new(CallGate::new(source, context, authenticator)?))
}

/// What callers' requests may be, by their methods' paths.
pub fn receive_rules(settings: &ServerSettings) -> anyhow::Result<ReceiveRules> {
    let methods = MethodTable::read(FILE_DESCRIPTOR_SET, true)?;
    let shapes = MessageShapes::compiled_in()?;
    let (max, max_batch) = (settings.max_request_bytes, settings.max_batch_request_bytes);
    let rules: ReceiveRules = Arc::new(move |path: &str| {
        let rule = methods.find(path);
        let streams = rule.is_some_and(|rule| rule.streams_requests);
        let (max_message_bytes, size_setting) = if BATCH_METHODS.contains(&path) {
            (max_batch, "server.max_batch_request_bytes")
        } else if rule.is_some_and(|rule| rule.access.is_none()) {
            (MAX_OPEN_REQUEST_BYTES.min(max), "server.max_request_bytes")
        } else {
            (max, "server.max_request_bytes")
        };
        let request = shapes.of_request(path);
        ReceiveRule { max_message_bytes, size_setting, streams, request }
    });
    Ok(rules)
}

fn services(context: ReplicaContext, flow: Flow) -> Routes {
    let server = &context.settings.server;
    let (max, max_batch) = (server.max_request_bytes, server.max_batch_request_bytes);
    let tenants = TenantServiceServer::new(tenants::service::TenantApi::new(context.clone()));
    let subscriptions = SubscriptionServiceServer::new(
        subscriptions::handler::SubscriptionApi::new(context.clone(), flow.clone()),
    );
    let events =
        EventServiceServer::new(events::service::EventApi::new(context.clone(), flow.clone()));
    let event_types =
        EventTypeServiceServer::new(event_types::handler::EventTypeApi::new(context.clone()));
    let deliveries = DeliveryServiceServer::new(deliveries::service::DeliveryApi::new(
        context.clone(),
        flow.clone(),
    ));
    let operations = OperationsServer::new(operations::service::OperationApi::new(
        context.clone(),
        flow.clone(),
    ));
    let tokens = TokenServiceServer::new(tokens::service::TokenApi::new(context.clone()));
    let portal = PortalServiceServer::new(tokens::portal::PortalApi::new(context.clone()));
    let audit = AuditServiceServer::new(audit::service::AuditApi::new(context.clone()));
    let stopping = flow.attempt_feed.stop_token();
    let scaler = ExternalScalerServer::new(scaler::service::ScalerApi::new(&context, stopping));
    let fleet = FleetServiceServer::new(fleet::service::FleetApi::new(context, flow));
    Routes::new(tenants.max_decoding_message_size(max))
        .add_service(subscriptions.max_decoding_message_size(max))
        .add_service(events.max_decoding_message_size(max_batch))
        .add_service(event_types.max_decoding_message_size(max_batch))
        .add_service(deliveries.max_decoding_message_size(max))
        .add_service(operations.max_decoding_message_size(max))
        .add_service(tokens.max_decoding_message_size(max))
        .add_service(portal.max_decoding_message_size(max))
        .add_service(audit.max_decoding_message_size(max))
        .add_service(fleet.max_decoding_message_size(max))
        .add_service(scaler.max_decoding_message_size(max))
}
