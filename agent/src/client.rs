//! The HTTP client of an agent: resolve, connect or reuse, send.
//!
//! Fed by `attempt`; feeds receivers. Guarantees that every address it dials
//! was judged by the guard, that nothing in the environment names a proxy, and
//! that it says of a request that failed whether the receiver can have seen it.

use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Version};
use hyper::Response;
use hyper::body::{Body, Incoming};
use hyper::client::conn::TrySendError;

use crate::connect::ConnectError;
use crate::connection::Sender;
use crate::dial::ConnectTimings;
use crate::host::Checkout;
use crate::pool::{Pool, Wanted};
use crate::request::Post;
use crate::resolve::{Addresses, ResolveError, Resolver};
use crate::target::Origin;
use crate::traffic::Traffic;

/// Sends requests to receivers.
pub struct Client {
    resolver: Resolver,
    pool: Arc<Pool>,
}

/// Why a request got no response.
#[derive(Debug)]
pub struct SendError {
    /// What became of the request.
    pub fate: Fate,
    /// Of a response whose head came whole but could not be read.
    pub status: Option<StatusCode>,
    /// What hyper says.
    pub cause: hyper::Error,
}

/// What became of a request without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing of it was written.
    NotWritten,
    /// The receiver said that it did not look at it.
    NotProcessed,
    /// The same, and that it wants HTTP/1.1.
    NeedsHttp1,
    /// The receiver may have got it.
    Unknown,
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

    /// A connection to one of the judged addresses.
    pub async fn lend(
        &self,
        origin: &Arc<Origin>,
        addresses: &Addresses,
        wanted: Wanted<'_>,
    ) -> Result<Lent, ConnectError> {
        self.pool.checkout(origin, addresses, wanted).await.map(Lent)
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
        self.0.shared
    }

    /// The connection's number; later ones have higher ones.
    pub fn id(&self) -> u64 {
        self.0.id()
    }

    /// The address dialled.
    pub fn address(&self) -> &str {
        &self.0.peer().written
    }

    /// What the connection cost, when it is new.
    pub fn new_timings(&self) -> Option<ConnectTimings> {
        self.0.new
    }

    /// Whether the connection carried an earlier request.
    pub fn was_kept(&self) -> bool {
        self.0.new.is_none()
    }

    /// What went over the connection.
    pub fn traffic(&self) -> &Traffic {
        self.0.traffic()
    }

    /// Sends one request.
    pub async fn send(&mut self, post: Post) -> Result<Response<Incoming>, SendError> {
        let empty = post.body().is_end_stream();
        let written = self.traffic().written_bytes();
        let (sender, awaited) = self.0.begin();
        let answer = match sender {
            Sender::Http1(sender) => sender.try_send_request(post).await,
            Sender::Http2(sender) => sender.try_send_request(post).await,
        };
        awaited.end();
        match answer {
            Ok(response) => {
                self.0.count_answered();
                Ok(response)
            }
            Err(error) => Err(self.judge(error, empty, written)),
        }
    }

    fn judge(&self, mut error: TrySendError<Post>, empty: bool, written: u64) -> SendError {
        let returned = error.take_message().is_some();
        let cause = error.into_error();
        let fate = if returned || self.traffic().written_bytes() == written {
            Fate::NotWritten
        } else if self.version() == Version::HTTP_2 {
            http2_fate(&cause, empty)
        } else {
            Fate::Unknown
        };
        self.0.retire();
        match fate {
            Fate::NeedsHttp1 => self.0.require_http1(),
            Fate::Unknown => self.0.count_broken(),
            Fate::NotWritten | Fate::NotProcessed => {}
        }
        let head = self.traffic().head_shape();
        SendError { fate, cause, status: StatusCode::from_u16(head.status).ok() }
    }

    /// The connection did not serve a request in spite of several trials.
    pub fn count_broken(&self) {
        self.0.count_broken();
    }
}

/// What an error over HTTP/2 says. h2 gives a stream the GOAWAY's error only when
/// its number is above the last that the receiver looks at (RFC 9113, section 6.8);
/// the others end with an error of the connection.
fn http2_fate(error: &hyper::Error, empty: bool) -> Fate {
    let reset = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    let Some(reset) = reset.filter(|reset: &&h2::Error| reset.is_remote()) else {
        // hyper drops what waits for a stream when the connection ends: at most the
        // head was sent, and that is a whole request only without a body.
        return if error.is_user() && !empty { Fate::NotWritten } else { Fate::Unknown };
    };
    match reset.reason() {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Fate::NeedsHttp1,
        Some(h2::Reason::REFUSED_STREAM) => Fate::NotProcessed,
        _ if reset.is_go_away() => Fate::NotProcessed,
        _ => Fate::Unknown,
    }
}
