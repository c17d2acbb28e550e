//! What is read of a tenant whose configuration cannot be read, from a store in memory.

use std::sync::Arc;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_identity::{
    AuditOrigin, CallerIdentity, Grant, GrantScope, MethodAccess, MethodReach, Permission,
    Principal, Role,
};
use postrider_proto::v1::delivery_service_server::DeliveryService as _;
use postrider_proto::v1::event_service_server::EventService as _;
use postrider_proto::v1::subscription_service_server::SubscriptionService as _;
use postrider_store::{ConfigStore as _, NewEvent, PublishingStore as _, WorkStore as _};
use postrider_store_memory::MemoryStore;
use tokio::task::JoinSet;
use tonic::{Code, Request};

use crate::api::deliveries::service::DeliveryApi;
use crate::api::events::service::EventApi;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::subscriptions::handler::SubscriptionApi;
use crate::api::tests::*;
use crate::api::values::time::timestamp;
use crate::clock::SystemClock;
use crate::fixtures::{self, FIXTURE_TIME};
use crate::metrics::Metrics;
use crate::replicas::GrpcCalls;

const ERP: &str = "tenants/acme/subscriptions/erp";

/// The services, for a tenant with one event, its delivery, and an attempt.
struct UnreadableTenant {
    deliveries: DeliveryApi,
    events: EventApi,
    subscriptions: SubscriptionApi,
    _tasks: JoinSet<()>,
}

impl UnreadableTenant {
    async fn new() -> Self {
        let store = Arc::new(MemoryStore::new(4, || FIXTURE_TIME));
        let tenant = fixtures::tenant();
        store.create_tenant(&tenant, &fixtures::audit()).await.unwrap();
        let erp = fixtures::subscription();
        let created = store.create_subscription(&erp, usize::MAX, &fixtures::audit()).await;
        let config_version = created.unwrap();
        let new = NewEvent {
            event: Arc::new(fixtures::event()),
            idempotency: None,
            config_version,
            deliveries: vec![fixtures::delivery()],
        };
        let committed = store.publish(&[new], FIXTURE_TIME).await.unwrap();
        assert!(committed[0].is_committed());
        store.conclude_late(&fixtures::attempt(), FIXTURE_TIME).await.unwrap();
        store.spoil_config(&tenant.id);
        let flags = [
            ("database.url", "postgres://memory".to_owned()),
            ("server.metrics_listen", String::new()),
        ];
        let assembled = serve::assemble(
            Arc::new(Settings::load(None, &flags).unwrap()),
            (store, AssignmentKey::new([7; 32])),
            SystemClock::starting_at(FIXTURE_TIME),
            String::new(),
            Arc::new(GrpcCalls::new(None)),
            Metrics::default(),
        );
        let (context, flow) = (assembled.context, assembled.flow);
        Self {
            deliveries: DeliveryApi::new(context.clone(), flow.clone()),
            events: EventApi::new(context.clone(), flow.clone()),
            subscriptions: SubscriptionApi::new(context, flow),
            _tasks: assembled.tasks,
        }
    }

    async fn attempts(&self, parent: &str) -> Result<Vec<v1::Attempt>, Status> {
        let list = v1::ListAttemptsRequest { parent: parent.to_owned(), ..Default::default() };
        let listed = self.deliveries.list_attempts(of_reader(list)).await;
        listed.map(|listed| listed.into_inner().attempts)
    }
}

/// A request as `layer` hands it on, of who may read everything.
fn of_reader<T>(message: T) -> Request<T> {
    let grants = vec![Grant { role: Role::Reader, scope: GrantScope::Installation }];
    let principal = Principal::Unknown;
    let caller = Caller {
        who: "a test".to_owned(),
        identity: Arc::new(CallerIdentity { principal, grants, expire_time: None }),
        access: MethodAccess {
            permission: Permission::ReadSubscriptions,
            reach: MethodReach::Tenant,
        },
        origin: Arc::new(AuditOrigin::command("a test")),
        answer_by: AnswerDeadline::default().begun_now(),
    };
    let mut request = Request::new(message);
    request.extensions_mut().insert(caller);
    request
}

#[tokio::test]
async fn deliveries_and_their_attempts_are_read() {
    let acme = UnreadableTenant::new().await;
    let list = v1::ListDeliveriesRequest { parent: "tenants/acme".into(), ..Default::default() };
    let listed = acme.deliveries.list_deliveries(of_reader(list)).await.unwrap().into_inner();
    let [delivery] = &listed.deliveries[..] else { panic!("{listed:?}") };
    // How long the subscription was paused is not known.
    assert_eq!(delivery.expire_time, Some(timestamp(fixtures::delivery().deadline)));
    assert_eq!((delivery.subscription.as_str(), delivery.last_http_status), (ERP, 503));
    assert_eq!(delivery.state(), v1::DeliveryState::Waiting);
    let get = v1::GetDeliveryRequest { name: delivery.name.clone() };
    let read = acme.deliveries.get_delivery(of_reader(get)).await.unwrap().into_inner();
    assert_eq!(read, *delivery);
    for parent in ["tenants/acme", ERP, delivery.name.as_str()] {
        assert_eq!(acme.attempts(parent).await.unwrap().len(), 1, "{parent}");
    }
    for parent in ["tenants/nobody", "tenants/acme/subscriptions/none"] {
        let refused = acme.attempts(parent).await.unwrap_err();
        assert_eq!(refused.code(), Code::NotFound, "{parent}");
    }
    let get = v1::GetAttemptRequest { name: format!("{}/attempts/1", delivery.name) };
    let read = acme.deliveries.get_attempt(of_reader(get)).await.unwrap().into_inner();
    let unreadable = v1::RequestUnknownReason::ConfigurationUnreadable;
    assert_eq!((&read.request, read.request_unknown_reason()), (&None, unreadable));
    assert_eq!((read.http_status, read.error.as_str()), (503, "503"));
}

#[tokio::test]
async fn events_and_figures_are_read_and_the_configuration_is_not() {
    let acme = UnreadableTenant::new().await;
    let list = v1::ListEventsRequest { parent: "tenants/acme".into(), ..Default::default() };
    let listed = acme.events.list_events(of_reader(list)).await.unwrap().into_inner().events;
    assert_eq!(listed.len(), 1);
    let get = v1::GetEventRequest { name: listed[0].name.clone(), view: 0 };
    let read = acme.events.get_event(of_reader(get)).await.unwrap().into_inner();
    assert_eq!(read.payload_form, Some(PayloadForm::PayloadJson("{}".into())));
    let figures = v1::GetSubscriptionStatsRequest { name: ERP.into() };
    let figures = acme.subscriptions.get_subscription_stats(of_reader(figures)).await.unwrap();
    assert_eq!(figures.into_inner().waiting_count, 1);
    let get = v1::GetSubscriptionRequest { name: ERP.into() };
    let refused = acme.subscriptions.get_subscription(of_reader(get)).await.unwrap_err();
    assert_eq!(reason(&refused), "CONFIGURATION_UNREADABLE");
}
