//! The connections to one destination, and what is known about it.
//!
//! A kept connection is reused only while its address is among the checked ones. A
//! destination has one shared HTTP/2 connection; its HTTP/1.1 connections in use take places
//! that its origin has. A connection on which a request got no answer, and on which nothing
//! has been read since, is not used until something is read from it.
//!
//! Keeps the invariants `dead-connection-not-lent` and `only-judged-addresses`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::connect::{NewConnection, PeerAddress};
use crate::client::connection::RequestSender;
use crate::client::dial::ConnectTimings;
use crate::client::http_versions::HttpVersionMemory;
use crate::client::traffic::ConnectionTraffic;

/// Which connections a request may go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionReuse {
    /// Any that lives.
    Any,
    /// A new one, or a shared one made after this one, from which the request came
    /// back.
    NewerThan(u64),
    /// Only a new one that it shares with nobody.
    Never,
}

/// The connections of one destination.
pub struct DestinationConnections {
    pub in_use: Arc<Semaphore>,
    /// Held while the first connection shows which protocol the receiver
    /// speaks, so that an HTTP/2 receiver is not dialled by everyone at once.
    pub protocol_probe: tokio::sync::Mutex<()>,
    last_spoke_http1: AtomicBool,
    /// Whether the version memory has something; it is locked only then.
    is_remembered: AtomicBool,
    state: Mutex<DestinationState>,
}

#[derive(Default)]
struct DestinationState {
    /// Sorted by last use, most recent last.
    idle: Vec<IdleConnection>,
    shared: Option<SharedConnection>,
    versions: HttpVersionMemory,
}

/// What is the same for every connection.
#[derive(Clone)]
struct ConnectionInfo {
    id: u64,
    peer: PeerAddress,
    traffic: Arc<ConnectionTraffic>,
}

pub struct IdleConnection {
    sender: http1::SendRequest<Full<Bytes>>,
    info: ConnectionInfo,
    since: Instant,
    until: Instant,
}

struct SharedConnection {
    sender: http2::SendRequest<Full<Bytes>>,
    info: ConnectionInfo,
    used: Instant,
    /// What had been read when a request waited in vain.
    suspect_since_bytes: Option<u64>,
}

/// A connection in use by one attempt.
pub struct ConnectionLease {
    pub sender: RequestSender,
    /// Absent when the connection was kept from an earlier POST.
    pub new: Option<ConnectTimings>,
    /// Whether other requests go over it at the same time.
    pub shared: bool,
    info: ConnectionInfo,
    host: Arc<DestinationConnections>,
    _in_use: Option<OwnedSemaphorePermit>,
}

/// A request that waits for its response. If it is dropped before `finish`, and nothing was
/// read in the meantime, the connection becomes suspect.
pub struct PendingRequest<'a> {
    host: &'a DestinationConnections,
    info: &'a ConnectionInfo,
    kept_http1: bool,
    began: Instant,
    read_bytes: u64,
    ended: bool,
}

impl DestinationConnections {
    /// No connection; those over HTTP/1.1 take places of their origin.
    pub fn new(in_use: Arc<Semaphore>) -> Self {
        Self {
            in_use,
            protocol_probe: tokio::sync::Mutex::default(),
            last_spoke_http1: AtomicBool::new(false),
            is_remembered: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// Whether the newest connection, free to choose, spoke HTTP/1.1.
    pub fn last_spoke_http1(&self) -> bool {
        self.last_spoke_http1.load(Ordering::Relaxed)
    }

    /// Whether to speak HTTP/1.1 because of what was learned.
    pub fn requires_http1(&self) -> bool {
        self.is_remembered.load(Ordering::Relaxed)
            && self.lock_state().versions.requires_http1(Instant::now())
    }

    /// Forgets what was learned: the origin does not speak HTTP/1.1.
    pub fn forget_versions(&self) {
        self.lock_state().versions.forget();
    }

    /// The shared HTTP/2 connection, while it lives.
    pub fn lease_shared(
        self: &Arc<Self>,
        addresses: &[IpAddr],
        reuse: ConnectionReuse,
    ) -> Option<ConnectionLease> {
        let newer_than = match reuse {
            ConnectionReuse::Any => 0,
            ConnectionReuse::NewerThan(id) => id,
            ConnectionReuse::Never => return None,
        };
        let mut state = self.lock_state();
        let shared = state.shared.as_mut()?;
        if shared.sender.is_closed() || !addresses.contains(&shared.info.peer.ip) {
            state.shared = None;
            return None;
        }
        if shared.info.id <= newer_than || shared.is_suspect() {
            return None;
        }
        shared.used = Instant::now();
        Some(ConnectionLease {
            sender: RequestSender::Http2(shared.sender.clone()),
            new: None,
            shared: true,
            info: shared.info.clone(),
            host: Arc::clone(self),
            _in_use: None,
        })
    }

    /// A kept connection that the receiver has not closed.
    pub async fn take_idle(&self, addresses: &[IpAddr]) -> Option<IdleConnection> {
        loop {
            let mut idle = self.lock_state().idle.pop()?;
            if idle.sender.is_closed()
                || Instant::now() >= idle.until
                || !addresses.contains(&idle.info.peer.ip)
            {
                continue;
            }
            // Just after a response the connection's task may have to end that
            // exchange first; after a `connection: close` this fails.
            if idle.sender.ready().await.is_ok() {
                return Some(idle);
            }
        }
    }

    /// Lends a kept connection.
    pub fn lease_idle(
        self: Arc<Self>,
        idle: IdleConnection,
        in_use: Option<OwnedSemaphorePermit>,
    ) -> ConnectionLease {
        ConnectionLease {
            sender: RequestSender::Http1(idle.sender),
            new: None,
            shared: false,
            info: idle.info,
            host: self,
            _in_use: in_use,
        }
    }

    /// Lends a new connection, the `id`-th of the process. One over HTTP/2 is shared
    /// from now on, unless it was wanted for one request alone.
    pub fn lease_new(
        self: Arc<Self>,
        connected: NewConnection,
        id: u64,
        reuse: ConnectionReuse,
        http1_only: bool,
        in_use: Option<OwnedSemaphorePermit>,
    ) -> ConnectionLease {
        let NewConnection { opened, peer, timings } = connected;
        let info = ConnectionInfo { id, peer, traffic: opened.traffic };
        let mut shared = false;
        match &opened.sender {
            RequestSender::Http1(_) if http1_only => {}
            RequestSender::Http1(_) => self.last_spoke_http1.store(true, Ordering::Relaxed),
            RequestSender::Http2(_) if reuse == ConnectionReuse::Never => {}
            RequestSender::Http2(sender) => {
                shared = true;
                self.last_spoke_http1.store(false, Ordering::Relaxed);
                self.lock_state().shared = Some(SharedConnection {
                    sender: sender.clone(),
                    info: info.clone(),
                    used: Instant::now(),
                    suspect_since_bytes: None,
                });
            }
        }
        ConnectionLease {
            sender: opened.sender,
            new: Some(timings),
            shared,
            info,
            host: self,
            _in_use: in_use.filter(|_| !shared),
        }
    }

    /// Since when the connection unused longest is so.
    pub fn idle_since(&self) -> Option<Instant> {
        let state = self.lock_state();
        let idle = state.idle.first().map(|idle| idle.since);
        let shared = state.shared.as_ref().map(|shared| shared.used);
        match (idle, shared) {
            (Some(idle), Some(shared)) => Some(idle.min(shared)),
            (one, other) => one.or(other),
        }
    }

    /// Closes the connection unused longest.
    pub fn close_oldest(&self) {
        let mut state = self.lock_state();
        if state.idle.is_empty() {
            state.shared = None;
        } else {
            state.idle.remove(0);
        }
    }

    /// Closes what has been unused for too long; whether connections are left.
    pub fn close_expired(&self, now: Instant, idle: Duration) -> bool {
        let mut state = self.lock_state();
        state.idle.retain(|idle| now < idle.until);
        let expired = |shared: &SharedConnection| {
            shared.sender.is_closed() || now.saturating_duration_since(shared.used) > idle
        };
        state.shared.take_if(|shared| expired(shared));
        !state.idle.is_empty() || state.shared.is_some()
    }

    /// Whether something learned is to be kept.
    pub fn is_remembered(&self, now: Instant) -> bool {
        let remembered = self.is_remembered.load(Ordering::Relaxed)
            && self.lock_state().versions.is_worth_keeping(now);
        self.is_remembered.store(remembered, Ordering::Relaxed);
        remembered
    }

    fn update_version_memory(&self, change: impl FnOnce(&mut HttpVersionMemory)) {
        change(&mut self.lock_state().versions);
        self.is_remembered.store(true, Ordering::Relaxed);
    }

    /// A request waited in vain on a connection over which nothing has come since.
    /// Those kept since before it have been silent for as long.
    fn suspect_silent_connections(&self, pending: &PendingRequest<'_>) {
        let mut state = self.lock_state();
        if pending.kept_http1 {
            state.idle.retain(|idle| idle.since > pending.began);
        }
        if let Some(shared) = &mut state.shared
            && shared.info.id == pending.info.id
        {
            shared.suspect_since_bytes = Some(pending.read_bytes);
        }
    }

    fn lock_state(&self) -> MutexGuard<'_, DestinationState> {
        self.state.lock()
    }
}

impl SharedConnection {
    /// Whether nothing has come since a request waited in vain.
    fn is_suspect(&mut self) -> bool {
        let read_bytes = self.info.traffic.read_bytes();
        self.suspect_since_bytes.take_if(|then| *then != read_bytes);
        self.suspect_since_bytes.is_some()
    }
}

impl ConnectionLease {
    /// The connection's number, later ones have higher ones.
    pub fn id(&self) -> u64 {
        self.info.id
    }

    /// Whom it goes to.
    pub fn peer(&self) -> &PeerAddress {
        &self.info.peer
    }

    /// What went over it.
    pub fn traffic(&self) -> &ConnectionTraffic {
        &self.info.traffic
    }

    /// A request is about to be sent; gives what sends it.
    pub fn begin(&mut self) -> (&mut RequestSender, PendingRequest<'_>) {
        let Self { sender, new, info, host, .. } = self;
        let pending = PendingRequest {
            kept_http1: new.is_none() && matches!(sender, RequestSender::Http1(_)),
            read_bytes: info.traffic.read_bytes(),
            began: Instant::now(),
            ended: false,
            host,
            info,
        };
        info.traffic.begin_exchange();
        (sender, pending)
    }

    /// The receiver asked for HTTP/1.1.
    pub fn require_http1(&self) {
        self.host.update_version_memory(|versions| versions.require_http1(Instant::now()));
    }

    /// An answer came over it.
    pub fn count_answered(&self) {
        let host = &self.host;
        if host.is_remembered.load(Ordering::Relaxed)
            && matches!(self.sender, RequestSender::Http2(_))
        {
            host.lock_state().versions.count_answered();
        }
    }

    /// It ended with the request unanswered.
    pub fn count_broken(&self) {
        if matches!(self.sender, RequestSender::Http2(_)) {
            self.host.update_version_memory(|versions| {
                versions.count_broken(self.info.id, Instant::now())
            });
        }
    }

    /// Gives it to nobody else.
    pub fn retire(&self) {
        self.host.lock_state().shared.take_if(|shared| shared.info.id == self.info.id);
    }

    /// Keeps it for another request, for so long.
    pub fn give_back(self, keep: Duration) {
        let Self { sender: RequestSender::Http1(sender), info, host, .. } = self else {
            return;
        };
        let since = Instant::now();
        if sender.is_closed() || keep.is_zero() {
            return;
        }
        host.lock_state().idle.push(IdleConnection { sender, info, since, until: since + keep });
    }
}

impl PendingRequest<'_> {
    /// There is an answer, or an error.
    pub fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        if !self.ended && self.info.traffic.read_bytes() == self.read_bytes {
            self.host.suspect_silent_connections(self);
        }
    }
}
