//! The API as pages call it: the same services, through the same layers, as whoever signed in.
//!
//! Fed by `visit` with the door's services and a session's caller; feeds pages with clients of
//! the API. Guarantees that a page can do nothing that its caller cannot do with his token:
//! permissions, rates, limits, turns and records hold as for any call.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::request::Parts;
use http::{Extensions, HeaderValue, Request, Response};
use postrider_identity::CallerIdentity;
use postrider_proto::longrunning::operations_client::OperationsClient;
use postrider_proto::v1::audit_service_client::AuditServiceClient;
use postrider_proto::v1::delivery_service_client::DeliveryServiceClient;
use postrider_proto::v1::event_service_client::EventServiceClient;
use postrider_proto::v1::event_type_service_client::EventTypeServiceClient;
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_proto::v1::subscription_service_client::SubscriptionServiceClient;
use postrider_proto::v1::tenant_service_client::TenantServiceClient;
use postrider_proto::v1::token_service_client::TokenServiceClient;
use tonic::body::Body;
use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::callers::SessionCaller;
use crate::listeners::ConnectionPeer;

/// All that the door serves besides the console.
pub type DoorService = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// As proxies and gateways name it.
const REQUEST_ID_HEADER: &str = "x-request-id";

/// The door's services for one page.
#[derive(Clone)]
pub struct SessionService {
    door: DoorService,
    extensions: Extensions,
    request_id: HeaderValue,
}

impl Service<Request<Body>> for SessionService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.door.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        request.extensions_mut().extend(self.extensions.clone());
        request.headers_mut().insert(REQUEST_ID_HEADER, self.request_id.clone());
        self.door.call(request)
    }
}

/// Clients of the API for one page.
#[derive(Clone)]
pub struct ApiCalls {
    service: SessionService,
}

macro_rules! clients {
    ($($(#[$doc:meta])* $name:ident: $client:ident;)*) => {
        impl ApiCalls {$(
            $(#[$doc])*
            pub fn $name(&self) -> $client<SessionService> {
                // The services bound their answers.
                $client::new(self.service.clone()).max_decoding_message_size(usize::MAX)
            }
        )*}
    };
}

clients! {
    tenants: TenantServiceClient;
    subscriptions: SubscriptionServiceClient;
    events: EventServiceClient;
    event_types: EventTypeServiceClient;
    deliveries: DeliveryServiceClient;
    operations: OperationsClient;
    fleet: FleetServiceClient;
    tokens: TokenServiceClient;
    audit: AuditServiceClient;
}

impl ApiCalls {
    /// For the caller of a session, who is at the other end of a connection.
    pub fn new(door: DoorService, request: &Parts, caller: Arc<CallerIdentity>) -> Self {
        let mut extensions = Extensions::new();
        if let Some(peer) = request.extensions.get::<ConnectionPeer>() {
            // A certificate that a browser shows by itself is nobody's credential here.
            extensions.insert(ConnectionPeer { certificate: None, ..peer.clone() });
        }
        extensions.insert(SessionCaller(caller));
        let given = request.headers.get(REQUEST_ID_HEADER).cloned();
        let request_id = given.unwrap_or_else(drawn_id);
        Self { service: SessionService { door, extensions, request_id } }
    }

    /// By which the log and the records speak of a page's calls.
    pub fn request_id(&self) -> &str {
        self.service.request_id.to_str().unwrap_or_default()
    }
}

fn drawn_id() -> HeaderValue {
    let id = format!("{:032x}", rand::random::<u128>());
    HeaderValue::from_str(&id).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}
