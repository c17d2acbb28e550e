//! Forwards a call to the replica that owns the tenant's shard.
//!
//! Fed by the calls that need an owner's memory: `TestSubscription`, `RetryDelivery`,
//! `ResendEvent`, `CancelDelivery`, `DrainAgent` for an agent connected to another
//! replica, and `SetLogLevels` for other replicas. Guarantees that a call is forwarded at
//! most once, so that replicas that disagree about the owner do not pass it in circles; and
//! that at the replicas' door these methods are served and no other of the public API.

use std::sync::Arc;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::{Either, Ready, ready};
use http::{HeaderMap, Request as HttpRequest, Response as HttpResponse};
use postrider_domain::ids::TenantId;
use postrider_identity::CallerIdentity;
use serde::{Deserialize, Serialize};
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tower::{Layer, Service};

use crate::api::rpc::caller::{CallPlace, Caller};
use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::request_ids::REQUEST_ID_HEADER;
use crate::state::cluster::ShardOwner;
use crate::state::context::ReplicaContext;

/// Marks a call that another replica forwarded.
const FORWARDED_HEADER: &str = "postrider-forwarded";
/// Who called, as the replica that forwards the call has judged it. It counts only where
/// nobody but replicas can call.
const CALLER_HEADER: &str = "postrider-caller";
/// Longest of those.
const MAX_CALLER_BYTES: usize = 8192;
/// Metadata that is forwarded: the deadline and the trace. The caller's credential is not.
const FORWARDED_METADATA: [&str; 3] = ["grpc-timeout", "traceparent", "tracestate"];

/// The methods that are forwarded.
const FORWARDED_METHODS: [&str; 6] = [
    "/postrider.v1.SubscriptionService/TestSubscription",
    "/postrider.v1.DeliveryService/RetryDelivery",
    "/postrider.v1.DeliveryService/CancelDelivery",
    "/postrider.v1.EventService/ResendEvent",
    "/postrider.v1.FleetService/DrainAgent",
    "/postrider.v1.FleetService/SetLogLevels",
];

/// Who called, from where and by which call.
#[derive(Serialize, Deserialize)]
struct ForwardedCaller {
    identity: CallerIdentity,
    address: String,
    request_id: String,
}

/// Lets only calls through that are forwarded.
#[derive(Clone, Copy)]
pub struct ForwardedMethodsLayer;

impl<S> Layer<S> for ForwardedMethodsLayer {
    type Service = ForwardedMethods<S>;

    fn layer(&self, inner: S) -> ForwardedMethods<S> {
        ForwardedMethods { inner }
    }
}

/// See [`ForwardedMethodsLayer`].
#[derive(Clone)]
pub struct ForwardedMethods<S> {
    inner: S,
}

impl<S, B, R> Service<HttpRequest<B>> for ForwardedMethods<S>
where
    S: Service<HttpRequest<B>, Response = HttpResponse<R>>,
    R: Default,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: HttpRequest<B>) -> Self::Future {
        let is_forwarded = request.headers().contains_key(FORWARDED_HEADER)
            && FORWARDED_METHODS.contains(&request.uri().path());
        if is_forwarded {
            return Either::Left(self.inner.call(request));
        }
        let message = "replicas do not forward this";
        let refused = errors::status(ErrorReason::MethodNotFound, message);
        Either::Right(ready(Ok(refused.into_http())))
    }
}

/// Where a call is carried out.
pub enum CallTarget {
    Here,
    At(Channel),
}

/// Finds the replica that owns a tenant's shard.
pub fn find_owner(
    context: &ReplicaContext,
    tenant: &TenantId,
    metadata: &MetadataMap,
) -> Result<CallTarget, Status> {
    match context.cluster.owner(tenant) {
        ShardOwner::ThisReplica => Ok(CallTarget::Here),
        ShardOwner::Peer(address) => open_channel(context, &address, metadata).map(CallTarget::At),
        ShardOwner::Unknown => Err(owner_unavailable()),
    }
}

/// Whether another replica forwarded this call.
pub fn is_forwarded(metadata: &MetadataMap) -> bool {
    metadata.contains_key(FORWARDED_HEADER)
}

/// Opens a channel to a replica; an error if the call was forwarded already.
pub fn open_channel(
    context: &ReplicaContext,
    address: &str,
    metadata: &MetadataMap,
) -> Result<Channel, Status> {
    if is_forwarded(metadata) {
        return Err(owner_unavailable());
    }
    context.peers.channel(address).map_err(|error| {
        let mut status = owner_unavailable();
        status.set_source(std::sync::Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(
            error,
        )));
        status
    })
}

/// The shard is changing its owner.
pub fn owner_unavailable() -> Status {
    errors::retry_soon(ErrorReason::OwnerUnavailable, "the tenant's shard is changing its owner")
}

/// The request to forward. It needs no more of its caller than the roles that hold in the
/// tenant that it is about, or in the installation.
pub fn forwarded_request<T>(
    metadata: &MetadataMap,
    caller: &Caller,
    tenant: Option<&TenantId>,
    message: T,
) -> Request<T> {
    let mut request = Request::new(message);
    let forwarded = ForwardedCaller {
        identity: caller.identity.within(tenant),
        address: caller.origin.address.clone(),
        request_id: caller.origin.request_id.clone(),
    };
    if let Some(text) = serde_json::to_vec(&forwarded).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
        && let Ok(value) = text.parse()
    {
        request.metadata_mut().insert(CALLER_HEADER, value);
    }
    // So that the log of the other replica names the call as its record does.
    if let Ok(id) = caller.origin.request_id.parse() {
        request.metadata_mut().insert(REQUEST_ID_HEADER, id);
    }
    for key in FORWARDED_METADATA {
        if let Some(value) = metadata.get(key) {
            request.metadata_mut().insert(key, value.clone());
        }
    }
    request
        .metadata_mut()
        .insert(FORWARDED_HEADER, tonic::metadata::MetadataValue::from_static("1"));
    request
}

/// The caller of a request that another replica forwarded, and from where he called that
/// one.
pub(super) fn forwarded_caller(
    headers: &HeaderMap,
    method: String,
) -> Option<(Arc<CallerIdentity>, CallPlace)> {
    let text = headers.get(CALLER_HEADER).filter(|value| value.len() <= MAX_CALLER_BYTES)?;
    let json = URL_SAFE_NO_PAD.decode(text.as_bytes()).ok()?;
    let ForwardedCaller { identity, address, request_id } = serde_json::from_slice(&json).ok()?;
    Some((Arc::new(identity), CallPlace { address, request_id, method }))
}

/// Passes on a peer's error with its details. A peer that cannot be reached, or whose
/// answer cannot be read, is reported as an owner that is being replaced.
pub fn peer_error(status: Status) -> Status {
    let unreachable = matches!(
        status.code(),
        Code::Unavailable | Code::Unknown | Code::Cancelled | Code::Internal | Code::OutOfRange
    );
    if unreachable && status.details().is_empty() {
        let mut own = owner_unavailable();
        own.set_source(std::sync::Arc::new(status));
        return own;
    }
    Status::with_details(status.code(), status.message(), status.details().to_vec().into())
}

#[cfg(test)]
mod tests {
    use postrider_identity::{
        Grant, GrantScope, MethodAccess, MethodReach, Permission, Principal, Role,
    };
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn the_deadline_goes_along_and_the_call_is_marked() {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", "5S".parse().unwrap());
        let acme: TenantId = "acme".parse().unwrap();
        let other: TenantId = "other".parse().unwrap();
        let scope = GrantScope::Tenants([acme.clone(), other].into());
        let grants = vec![Grant { role: Role::Operator, scope }];
        let principal = Principal::Certificate("CN=x".to_owned());
        let identity = CallerIdentity { principal, grants, expire_time: None };
        let access =
            MethodAccess { permission: Permission::WriteDeliveries, reach: MethodReach::Tenant };
        let place = CallPlace {
            address: "192.0.2.1:7".to_owned(),
            request_id: "one".to_owned(),
            method: "a.B/C".to_owned(),
        };
        let caller = Caller::new(Arc::new(identity.clone()), access, place.clone());
        let request = forwarded_request(&metadata, &caller, Some(&acme), ());
        assert_eq!(request.metadata().get("grpc-timeout").unwrap(), "5S");
        assert!(request.metadata().contains_key(FORWARDED_HEADER));
        assert_eq!(request.metadata().get(REQUEST_ID_HEADER).unwrap(), "one");
        let headers = request.metadata().clone().into_headers();
        let (forwarded, from) = forwarded_caller(&headers, "a.B/C".to_owned()).unwrap();
        assert_eq!((&*forwarded, from), (&identity.within(Some(&acme)), place));
        assert!(forwarded.knows(&acme) && forwarded.grants.len() == 1);
        assert!(forwarded_caller(&HeaderMap::new(), String::new()).is_none());
    }

    #[test]
    fn a_peers_error_comes_back_whole() {
        let theirs = errors::not_found(errors::ResourceKind::Delivery, &"tenants/a/deliveries/b");
        let ours = peer_error(theirs.clone());
        assert_eq!((ours.code(), ours.details()), (theirs.code(), theirs.details()));
    }

    #[test]
    fn an_unreachable_peer_may_be_tried_again() {
        for theirs in [
            Status::unavailable("tcp connect error"),
            Status::internal("failed to decode Protobuf message"),
        ] {
            let ours = peer_error(theirs);
            assert_eq!(ours.get_details_error_info().unwrap().reason, "OWNER_UNAVAILABLE");
            assert!(ours.get_details_retry_info().is_some());
        }
    }
}
