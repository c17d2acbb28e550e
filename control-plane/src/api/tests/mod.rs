//! Tests of the services: over gRPC and HTTP, on a whole control plane with SQLite, but for
//! `unreadable`.

mod access_walk;
mod audit;
mod built_in;
mod callers;
mod configuration;
mod fleet;
mod history;
mod http_disconnects;
mod http_hosts;
mod http_json;
mod layer;
mod limits;
mod malformed;
mod repeated;
mod scaler;
mod secrets;
mod unreadable;
mod updates;
mod warnings;

use std::time::Duration;

use postrider_proto::v1::delivery_service_client::DeliveryServiceClient;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::event_service_client::EventServiceClient;
use postrider_proto::v1::event_type_service_client::EventTypeServiceClient;
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_proto::v1::subscription_service_client::SubscriptionServiceClient;
use postrider_proto::v1::tenant_service_client::TenantServiceClient;
use postrider_proto::{FILE_DESCRIPTOR_SET, v1};
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::Channel;
use tonic_reflection::server::Builder;
use tonic_types::StatusExt;

use crate::serve::{self, ControlPlane};
use crate::settings::Settings;
use crate::state::cluster::ShardOwner;

struct TestApi {
    plane: ControlPlane,
    directory: TempDir,
    tenants: TenantServiceClient<Channel>,
    subscriptions: SubscriptionServiceClient<Channel>,
    events: EventServiceClient<Channel>,
    event_types: EventTypeServiceClient<Channel>,
    deliveries: DeliveryServiceClient<Channel>,
    fleet: FleetServiceClient<Channel>,
}

const TEST_KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

impl TestApi {
    async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of a test's own.
    async fn with(settings: &[(&'static str, &str)]) -> Self {
        Self::on(tempfile::tempdir().unwrap(), settings).await
    }

    /// With a directory of a test's own.
    async fn on(directory: tempfile::TempDir, settings: &[(&'static str, &str)]) -> Self {
        let mut flags = vec![
            ("server.listen", "127.0.0.1:0".to_owned()),
            ("agents.listen", "127.0.0.1:0".to_owned()),
            ("server.metrics_listen", String::new()),
            ("publish.allow_unknown_event_types", "true".to_owned()),
            ("server.drain_timeout_seconds", "5".to_owned()),
            ("database.data_dir", directory.path().display().to_string()),
            ("api.test_agent_timeout_milliseconds", "50".to_owned()),
            ("server.insecure_no_auth", "true".to_owned()),
            ("keys.encryption_keys", TEST_KEY.to_owned()),
        ];
        flags.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let plane = serve::start(Settings::load(None, &flags).unwrap(), None).await.unwrap();
        let channel = Channel::from_shared(format!("http://{}", plane.addresses.callers))
            .unwrap()
            .connect()
            .await
            .unwrap();
        let acme = "acme".parse().unwrap();
        let owning = async {
            let has_settled = || {
                let dispatcher = &plane.context.dispatcher;
                let (owned, settled) = dispatcher.read(|s, _| (s.leases(), s.settled()));
                !owned.is_empty() && owned == settled
            };
            while plane.context.cluster.owner(&acme) != ShardOwner::ThisReplica || !has_settled() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), owning).await.unwrap();
        Self {
            plane,
            directory,
            tenants: TenantServiceClient::new(channel.clone()),
            subscriptions: SubscriptionServiceClient::new(channel.clone()),
            events: EventServiceClient::new(channel.clone()),
            event_types: EventTypeServiceClient::new(channel.clone()),
            deliveries: DeliveryServiceClient::new(channel.clone()),
            fleet: FleetServiceClient::new(channel),
        }
    }

    async fn tenant(&mut self, id: &str) -> v1::Tenant {
        let request = v1::CreateTenantRequest { tenant_id: id.into(), tenant: None };
        self.tenants.create_tenant(request).await.unwrap().into_inner()
    }

    async fn subscription(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut v1::Subscription),
    ) -> v1::Subscription {
        let mut subscription = v1::Subscription {
            url: format!("https://{id}.example/hook"),
            event_types: vec!["payment.*".into()],
            ..Default::default()
        };
        change(&mut subscription);
        let request = v1::CreateSubscriptionRequest {
            parent: "tenants/acme".into(),
            subscription_id: id.into(),
            subscription: Some(subscription),
        };
        let created = self.subscriptions.create_subscription(request).await;
        created.unwrap().into_inner()
    }

    async fn publish(
        &mut self,
        request: v1::PublishEventRequest,
    ) -> Result<v1::PublishEventResponse, Status> {
        self.events.publish_event(request).await.map(tonic::Response::into_inner)
    }
}

fn event(n: u32) -> v1::PublishEventRequest {
    v1::PublishEventRequest {
        parent: "tenants/acme".into(),
        event: Some(v1::Event {
            event_type: "payment.completed".into(),
            account: format!("acc-{}", n % 2),
            payload_form: Some(PayloadForm::PayloadJson(format!("{{\"n\":{n}.00}}"))),
            attributes: [("currency".to_owned(), "EUR".to_owned())].into(),
            ..Default::default()
        }),
        idempotency_key: String::new(),
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

#[test]
fn every_service_of_the_contract_can_be_reflected() {
    let builder = || Builder::configure().register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET);
    assert!(builder().build_v1().is_ok());
    assert!(builder().build_v1alpha().is_ok());
}
