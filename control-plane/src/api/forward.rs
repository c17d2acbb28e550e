//! Sending a call on to the replica that owns the tenant's shard.
//!
//! Fed by the calls that act on what is in an owner's memory: TestSubscription,
//! RetryDelivery, ResendEvent, CancelDelivery, and DrainAgent for an agent that is
//! connected elsewhere. Guarantees that a call is sent on at most once, so that
//! replicas that disagree about an owner do not pass it round in circles.

use postrider_domain::ids::TenantId;
use tonic::metadata::MetadataMap;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::errors::{self, Reason};
use crate::flow::{Flow, Owner};

/// Marks a call that a replica has sent on.
const FORWARDED: &str = "postrider-forwarded";
/// What of a caller's metadata goes along: its deadline and its trace.
const KEPT: [&str; 3] = ["grpc-timeout", "traceparent", "tracestate"];

/// Where a call is to be carried out.
pub enum Place {
    Here,
    At(Channel),
}

/// The replica that owns a tenant's shard.
pub fn place(flow: &Flow, tenant: &TenantId, metadata: &MetadataMap) -> Result<Place, Status> {
    match flow.cluster.owner(tenant) {
        Owner::Me => Ok(Place::Here),
        Owner::Peer(address) => to(flow, &address, metadata).map(Place::At),
        Owner::Nobody => Err(no_owner()),
    }
}

/// Whether a replica has sent this call on.
pub fn was_sent_on(metadata: &MetadataMap) -> bool {
    metadata.contains_key(FORWARDED)
}

/// A channel to a replica, for a call that was not sent on before.
pub fn to(flow: &Flow, address: &str, metadata: &MetadataMap) -> Result<Channel, Status> {
    if was_sent_on(metadata) {
        return Err(no_owner());
    }
    flow.peers.channel(address).map_err(|error| {
        let mut status = no_owner();
        status.set_source(std::sync::Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(
            error,
        )));
        status
    })
}

/// The shard is changing hands; soon it will have an owner again.
pub fn no_owner() -> Status {
    errors::retry_soon(Reason::OwnerUnavailable, "the tenant's shard is changing its owner")
}

/// The request to send on.
pub fn request<T>(metadata: &MetadataMap, message: T) -> Request<T> {
    let mut request = Request::new(message);
    for key in KEPT {
        if let Some(value) = metadata.get(key) {
            request.metadata_mut().insert(key, value.clone());
        }
    }
    request.metadata_mut().insert(FORWARDED, tonic::metadata::MetadataValue::from_static("1"));
    request
}

/// The peer's error as the caller shall see it: its own, details included. A peer
/// that could not be reached is an owner that is being replaced.
pub fn answer(status: Status) -> Status {
    let unreachable = matches!(status.code(), Code::Unavailable | Code::Unknown | Code::Cancelled);
    if unreachable && status.details().is_empty() {
        let mut own = no_owner();
        own.set_source(std::sync::Arc::new(status));
        return own;
    }
    Status::with_details(status.code(), status.message(), status.details().to_vec().into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;

    #[test]
    fn the_deadline_goes_along_and_the_call_is_marked() {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", "5S".parse().unwrap());
        metadata.insert("authorization", "x".parse().unwrap());
        let request = request(&metadata, ());
        assert_eq!(request.metadata().get("grpc-timeout").unwrap(), "5S");
        assert!(request.metadata().contains_key(FORWARDED));
        assert!(!request.metadata().contains_key("authorization"));
    }

    #[test]
    fn a_peers_error_comes_back_whole() {
        let theirs = errors::not_found(errors::Kind::Delivery, &"tenants/a/deliveries/b");
        let ours = answer(theirs.clone());
        assert_eq!((ours.code(), ours.details()), (theirs.code(), theirs.details()));
    }

    #[test]
    fn an_unreachable_peer_may_be_tried_again() {
        let ours = answer(Status::unavailable("tcp connect error"));
        assert_eq!(ours.get_details_error_info().unwrap().reason, "OWNER_UNAVAILABLE");
        assert!(ours.get_details_retry_info().is_some());
    }
}
