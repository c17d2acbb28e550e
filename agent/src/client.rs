//! The HTTP client of an agent: resolve, connect or reuse, send.
//!
//! Fed by `attempt`; feeds receivers. Guarantees that every address it dials
//! was judged by the guard, that nothing in the environment names a proxy, and
//! that it says of a request that failed whether the receiver can have seen it.

use std::sync::Arc;
use std::time::Duration;

use http::Version;
use hyper::Response;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;

use crate::connect::{ConnectError, Sender};
use crate::dial::ConnectTimings;
use crate::pool::{Checkout, Pool};
use crate::request::Post;
use crate::resolve::{Addresses, ResolveError, Resolver};
use crate::target::Origin;

/// Sends requests to receivers.
pub struct Client {
    resolver: Resolver,
    pool: Arc<Pool>,
}

/// Why a request got no response.
#[derive(Debug)]
pub enum SendError {
    /// Nothing of it was written.
    NotSent(hyper::Error),
    /// The receiver may have got it.
    MaybeSent(hyper::Error),
}

impl Client {
    /// Puts the two steps together.
    pub fn new(resolver: Resolver, pool: Arc<Pool>) -> Self {
        Self { resolver, pool }
    }

    /// The judged addresses of an origin, for a subscription of `tenant`, and whether
    /// they were looked up.
    pub async fn resolve(
        &self,
        origin: &Origin,
        tenant: &str,
    ) -> (Result<Addresses, ResolveError>, bool) {
        self.resolver.resolve(&origin.host, tenant).await
    }

    /// A connection to one of the judged addresses; with `fresh` none that was
    /// used before.
    pub async fn lend(
        &self,
        origin: &Arc<Origin>,
        addresses: &Addresses,
        fresh: bool,
    ) -> Result<Lent, ConnectError> {
        self.pool.checkout(origin, addresses, fresh).await.map(Lent)
    }

    /// Keeps the connection for another request.
    pub fn put_back(&self, lent: Lent, announced: Option<Duration>) {
        self.pool.put_back(lent.0, announced);
    }
}

/// A connection in use by one attempt; dropping it closes it.
pub struct Lent(Checkout);

impl Lent {
    /// The version that the connection speaks.
    pub fn version(&self) -> Version {
        match self.0.sender {
            Sender::Http1(_) => Version::HTTP_11,
            Sender::Http2(_) => Version::HTTP_2,
        }
    }

    /// Whether other requests go over it at the same time.
    pub fn is_shared(&self) -> bool {
        matches!(self.0.sender, Sender::Http2(_))
    }

    /// The address dialled.
    pub fn address(&self) -> &str {
        &self.0.peer.written
    }

    /// What the connection cost, when it is new.
    pub fn new_timings(&self) -> Option<ConnectTimings> {
        self.0.new
    }

    /// Whether the connection carried an earlier request.
    pub fn was_kept(&self) -> bool {
        self.0.new.is_none()
    }

    /// Sends one request.
    pub async fn send(&mut self, post: Post) -> Result<Response<Incoming>, SendError> {
        match &mut self.0.sender {
            Sender::Http1(sender) => sender.try_send_request(post).await.map_err(classify),
            Sender::Http2(sender) => sender.try_send_request(post).await.map_err(classify),
        }
    }
}

/// hyper hands a request back exactly when it did not begin to write it.
fn classify(mut error: TrySendError<Post>) -> SendError {
    let unsent = error.take_message().is_some();
    let error = error.into_error();
    if unsent { SendError::NotSent(error) } else { SendError::MaybeSent(error) }
}
