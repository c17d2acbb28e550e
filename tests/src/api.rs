//! The public API as a test calls it.
//!
//! Fed by a replica's address, a caller's identity and a token; feeds one client for each
//! service. Guarantees that a test sees exactly what any caller would: real
//! gRPC, over mutual TLS where the cluster has it.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_proto::longrunning::operations_client::OperationsClient;
use postrider_proto::v1::audit_service_client::AuditServiceClient;
use postrider_proto::v1::delivery_service_client::DeliveryServiceClient;
use postrider_proto::v1::event_service_client::EventServiceClient;
use postrider_proto::v1::event_type_service_client::EventTypeServiceClient;
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_proto::v1::portal_service_client::PortalServiceClient;
use postrider_proto::v1::subscription_service_client::SubscriptionServiceClient;
use postrider_proto::v1::tenant_service_client::TenantServiceClient;
use postrider_proto::v1::token_service_client::TokenServiceClient;
use tonic::Status;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::pki::{Identity, Pki};
use crate::token::{self, CallerChannel, TEST_TOKEN};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Long enough for anything but a hang.
const CALL_LIMIT: Duration = Duration::from_secs(60);
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// A client for each service of one replica. Clones share a connection. Those seldom used
/// are boxed: many tests keep this on their stack.
#[derive(Clone, Debug)]
pub struct Api {
    pub tenants: TenantServiceClient<CallerChannel>,
    pub subscriptions: SubscriptionServiceClient<CallerChannel>,
    pub events: EventServiceClient<CallerChannel>,
    pub event_types: EventTypeServiceClient<CallerChannel>,
    pub deliveries: DeliveryServiceClient<CallerChannel>,
    pub operations: Box<OperationsClient<CallerChannel>>,
    pub fleet: Box<FleetServiceClient<CallerChannel>>,
    pub tokens: Box<TokenServiceClient<CallerChannel>>,
    pub portal: Box<PortalServiceClient<CallerChannel>>,
    pub audit: Box<AuditServiceClient<CallerChannel>>,
    pub health: HealthClient<Channel>,
}

impl Api {
    /// Over a channel that connects with its first call, and again after a
    /// restart of the replica.
    pub fn new(channel: Channel) -> Self {
        Self::with_token(channel, TEST_TOKEN)
    }

    /// As who presents a token.
    pub fn with_token(channel: Channel, token: &str) -> Self {
        let health = HealthClient::new(channel.clone());
        let channel = token::with_token(channel, token);
        Self {
            tenants: TenantServiceClient::new(channel.clone()),
            subscriptions: SubscriptionServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES),
            event_types: EventTypeServiceClient::new(channel.clone())
                .max_decoding_message_size(MAX_MESSAGE_BYTES),
            deliveries: DeliveryServiceClient::new(channel.clone()),
            operations: Box::new(OperationsClient::new(channel.clone())),
            fleet: Box::new(FleetServiceClient::new(channel.clone())),
            tokens: Box::new(TokenServiceClient::new(channel.clone())),
            portal: Box::new(PortalServiceClient::new(channel.clone())),
            audit: Box::new(AuditServiceClient::new(channel)),
            health,
        }
    }

    /// Whether the replica says that it serves.
    pub async fn is_serving(&mut self) -> Result<bool, Status> {
        let answer =
            self.health.check(tonic_health::pb::HealthCheckRequest { service: String::new() });
        Ok(answer.await?.into_inner().status() == ServingStatus::Serving)
    }
}

/// A channel to `https://…` as this caller, or to `http://…` as nobody.
pub fn channel(url: &str, caller: Option<(&Pki, &Identity)>) -> Result<Channel> {
    let mut endpoint =
        Endpoint::from_shared(url.to_owned())?.connect_timeout(CONNECT_LIMIT).timeout(CALL_LIMIT);
    if let Some((pki, identity)) = caller {
        let identity =
            tonic::transport::Identity::from_pem(&identity.certificate_pem, &identity.key_pem);
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(pki.ca_pem()))
            .identity(identity);
        endpoint = endpoint.tls_config(tls).context("the caller's identity")?;
    }
    Ok(endpoint.connect_lazy())
}

/// The reason in an error's `ErrorInfo`; empty when it has none.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The fields that an error's `BadRequest` complains about.
pub fn violated_fields(status: &Status) -> Vec<String> {
    let Some(details) = status.get_details_bad_request() else {
        return Vec::new();
    };
    let violations = details.field_violations.into_iter();
    violations.map(|violation| violation.field).collect()
}

/// How long an error asks the caller to wait.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info()?.retry_delay
}
