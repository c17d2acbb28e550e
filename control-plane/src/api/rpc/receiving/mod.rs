//! What may be received: how large a message is, how long it takes, and how many bytes there
//! are at once.
//!
//! Fed by the doors with each request; feeds the services with a body that keeps to it.
//! Guarantees that a message which is too large is refused as soon as its length is known,
//! that a message which does not arrive in time is no longer waited for, that no more
//! bytes are held for messages that are not complete than the settings allow, for each
//! connection and for each door, that what a message only announces takes no memory, and that
//! a message in which a field has too many entries is not decoded.
//!
//! - `rule`: what a method's requests may be. `message`: where messages begin and end.
//!   `caller_share`: what one caller, or all of a tenant's, may have. `message_shapes`: which
//!   fields repeat. `entries`: how often they do. `incomplete`: what there is of a message that
//!   is not complete. `body`: all of it together, for one request.
//!
//! Keeps the invariant `bounded-everything`.

mod body;
mod caller_share;
mod entries;
mod incomplete;
mod message;
mod message_shapes;
mod rule;

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Request;
use tonic::body::Body;
use tower::{Layer, Service};

use self::body::ReceivedBody;
pub use self::body::refused_entries;
pub use self::caller_share::{CallerShares, RequestCaller};
pub use self::entries::{EntryCounter, EntryFault};
pub use self::message::{MessageFraming, UNCOUNTED_BYTES};
pub use self::message_shapes::{MessageShapes, RequestShape, max_entries};
pub use self::rule::{ReceiveRule, ReceiveRules};
use crate::api::rpc::byte_budget::ByteBudget;
use crate::listeners::ConnectionPeer;

/// Wraps the services of a door.
#[derive(Clone)]
pub struct ReceiveLayer {
    pub rules: ReceiveRules,
    pub budget: ByteBudget,
    pub shares: CallerShares,
    pub timeout: Duration,
}

impl<S> Layer<S> for ReceiveLayer {
    type Service = ReceiveService<S>;

    fn layer(&self, inner: S) -> ReceiveService<S> {
        ReceiveService { inner, layer: self.clone() }
    }
}

/// See [`ReceiveLayer`].
#[derive(Clone)]
pub struct ReceiveService<S> {
    inner: S,
    layer: ReceiveLayer,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for ReceiveService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> S::Future {
        let ReceiveLayer { rules, budget, shares, timeout } = &self.layer;
        let rule = rules(request.uri().path());
        let peer = request.extensions().get::<ConnectionPeer>();
        let connection = peer.map(|peer| Arc::clone(&peer.receiving)).unwrap_or_default();
        // A caller over HTTP is told to who asked, too.
        let caller = request.extensions().get::<RequestCaller>().cloned().unwrap_or_default();
        request.extensions_mut().insert(caller.clone());
        let held = (budget.hold(connection), shares.hold(caller));
        // What came over HTTP has other ends of its messages.
        let framing = request.extensions().get::<MessageFraming>().copied().unwrap_or_default();
        let received =
            request.map(|body| Body::new(ReceivedBody::new(body, (rule, framing), held, *timeout)));
        self.inner.call(received)
    }
}
