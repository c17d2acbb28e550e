//! The HTTP client for receivers: resolve, connect or reuse, send.
//!
//! Fed by `attempt` with requests; feeds it responses. Guarantees that every address it
//! dials, and every port, was checked by the address guard, that operators see what that
//! refused, that no proxy from the environment is used, and that for a request that failed it
//! says whether the receiver may have seen it.
//!
//! Keeps the invariants `no-second-post`, `agent-reports-facts`, `only-judged-addresses` and
//! `nothing-shared-across-credentials`.

pub mod connect;
pub mod connection;
pub mod destination;
pub mod destination_connections;
pub mod dial;
mod http_versions;
pub mod interim;
pub mod pool;
pub mod receiver_trust;
pub mod traffic;

use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Version};
use hyper::Response;
use hyper::body::{Body, Incoming};
use hyper::client::conn::TrySendError;
use postrider_webhook_request::{Origin, WebhookRequest};

use self::connect::ConnectError;
use self::connection::RequestSender;
use self::destination::Destination;
use self::destination_connections::ConnectionLease;
use self::dial::ConnectTimings;
use self::pool::{ConnectionPool, ConnectionRequest};
use self::traffic::ConnectionTraffic;
use crate::address_guard::PortRules;
use crate::refused_receivers::RefusedReceivers;
use crate::resolve::{CheckedAddresses, ResolveError, Resolver};

/// Sends requests to receivers.
pub struct WebhookClient {
    resolver: Resolver,
    pool: Arc<ConnectionPool>,
    ports: PortRules,
    refused: RefusedReceivers,
}

/// Why a request got no response.
#[derive(Debug)]
pub struct SendError {
    /// What became of the request.
    pub kind: SendFailureKind,
    /// Of a response whose head came whole but could not be read.
    pub status: Option<StatusCode>,
    /// What hyper says.
    pub cause: hyper::Error,
}

/// What became of a request without a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendFailureKind {
    /// Nothing of it was written.
    NotWritten,
    /// The receiver said that it did not look at it.
    NotProcessed,
    /// The same, and that it wants HTTP/1.1.
    Http1Required,
    /// The receiver may have got it.
    MaybeProcessed,
}

impl WebhookClient {
    /// Puts the two steps together, with what the operator says of ports, and what tells
    /// operators of refusals.
    pub fn new(
        resolver: Resolver,
        pool: Arc<ConnectionPool>,
        ports: PortRules,
        refused: RefusedReceivers,
    ) -> Self {
        Self { resolver, pool, ports, refused }
    }

    /// The judged addresses of an origin whose port may be dialled, for a subscription of
    /// `tenant`, and whether they were looked up.
    pub async fn resolve(
        &self,
        origin: &Origin,
        tenant: &str,
    ) -> (Result<CheckedAddresses, ResolveError>, bool) {
        let (answer, looked_up) = match self.ports.check(origin.port) {
            Ok(()) => self.resolver.resolve(&origin.host, tenant).await,
            Err(refusal) => (Err(refusal.into()), false),
        };
        if let Err(error) = &answer {
            self.refused.report(error, origin, tenant);
        }
        (answer, looked_up)
    }

    /// A connection to one of the judged addresses.
    pub async fn acquire_connection(
        &self,
        destination: &Arc<Destination>,
        addresses: &CheckedAddresses,
        wanted: ConnectionRequest<'_>,
    ) -> Result<PooledConnection, ConnectError> {
        self.pool.acquire(destination, addresses, wanted).await.map(PooledConnection)
    }

    /// Keeps the connection for another request.
    pub fn give_back(&self, connection: PooledConnection, announced: Option<Duration>) {
        self.pool.give_back(connection.0, announced);
    }
}

/// A connection in use by one attempt; dropping it closes it.
pub struct PooledConnection(ConnectionLease);

impl PooledConnection {
    /// The version that the connection speaks.
    pub fn version(&self) -> Version {
        match self.0.sender {
            RequestSender::Http1(_) => Version::HTTP_11,
            RequestSender::Http2(_) => Version::HTTP_2,
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
        &self.0.peer().text
    }

    /// What the connection cost, when it is new.
    pub fn new_timings(&self) -> Option<ConnectTimings> {
        self.0.new
    }

    /// Whether the connection carried an earlier request.
    pub fn is_reused(&self) -> bool {
        self.0.new.is_none()
    }

    /// What went over the connection.
    pub fn traffic(&self) -> &ConnectionTraffic {
        self.0.traffic()
    }

    /// Sends one request.
    pub async fn send(&mut self, request: WebhookRequest) -> Result<Response<Incoming>, SendError> {
        let empty = request.body().is_end_stream();
        let written = self.traffic().written_bytes();
        let (sender, pending) = self.0.begin();
        let answer = match sender {
            RequestSender::Http1(sender) => sender.try_send_request(request).await,
            RequestSender::Http2(sender) => sender.try_send_request(request).await,
        };
        pending.end();
        match answer {
            Ok(response) => {
                self.0.count_answered();
                Ok(response)
            }
            Err(error) => Err(self.classify_failure(error, empty, written)),
        }
    }

    fn classify_failure(
        &self,
        mut error: TrySendError<WebhookRequest>,
        empty: bool,
        written: u64,
    ) -> SendError {
        let returned = error.take_message().is_some();
        let cause = error.into_error();
        let kind = if returned || self.traffic().written_bytes() == written {
            SendFailureKind::NotWritten
        } else if self.version() == Version::HTTP_2 {
            classify_http2_error(&cause, empty)
        } else {
            SendFailureKind::MaybeProcessed
        };
        self.0.retire();
        match kind {
            SendFailureKind::Http1Required => self.0.require_http1(),
            SendFailureKind::MaybeProcessed => self.0.count_broken(),
            SendFailureKind::NotWritten | SendFailureKind::NotProcessed => {}
        }
        let head = self.traffic().head_shape();
        SendError { kind, cause, status: StatusCode::from_u16(head.status).ok() }
    }

    /// The connection did not serve a request in spite of several trials.
    pub fn count_broken(&self) {
        self.0.count_broken();
    }
}

/// What an error over HTTP/2 says. h2 gives a stream the GOAWAY's error only when
/// its number is above the last that the receiver looks at (RFC 9113, section 6.8);
/// the others end with an error of the connection.
fn classify_http2_error(error: &hyper::Error, empty: bool) -> SendFailureKind {
    let reset = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    let Some(reset) = reset.filter(|reset: &&h2::Error| reset.is_remote()) else {
        // hyper drops what waits for a stream when the connection ends: at most the
        // head was sent, and that is a whole request only without a body.
        return if error.is_user() && !empty {
            SendFailureKind::NotWritten
        } else {
            SendFailureKind::MaybeProcessed
        };
    };
    match reset.reason() {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => SendFailureKind::Http1Required,
        Some(h2::Reason::REFUSED_STREAM) => SendFailureKind::NotProcessed,
        _ if reset.is_go_away() => SendFailureKind::NotProcessed,
        _ => SendFailureKind::MaybeProcessed,
    }
}
