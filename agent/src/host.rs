//! The connections to one origin, and what is known of it.
//!
//! Fed by `pool` with new connections and by `client` with what came of requests;
//! feeds them connections to use again. Guarantees that a kept connection is used
//! only while its address is among the judged ones; that an origin has at most its
//! limit of HTTP/1.1 connections and one of HTTP/2, shared; and that a connection
//! on which a request waited in vain, with nothing read since, is given to nobody
//! until something has come over it.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connect::{Connected, Peer};
use crate::connection::Sender;
use crate::dial::ConnectTimings;
use crate::traffic::Traffic;
use crate::versions::VersionMemory;

/// Which connections a request may go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reuse {
    /// Any that lives.
    Any,
    /// A new one, or a shared one made after this one, from which the request came
    /// back.
    NewerThan(u64),
    /// Only a new one that it shares with nobody.
    Nothing,
}

/// The connections of one origin.
pub struct Host {
    pub in_use: Arc<Semaphore>,
    /// Held while the first connection shows which protocol the receiver
    /// speaks, so that an HTTP/2 receiver is not dialled by everyone at once.
    pub probe: tokio::sync::Mutex<()>,
    speaks_http1: AtomicBool,
    /// Whether the version memory has something; it is locked only then.
    is_remembered: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The most recently used last: those at the front age and are closed.
    idle: Vec<Idle>,
    shared: Option<Shared>,
    versions: VersionMemory,
}

/// What is the same for every connection.
#[derive(Clone)]
struct Link {
    id: u64,
    peer: Peer,
    traffic: Arc<Traffic>,
}

pub struct Idle {
    sender: http1::SendRequest<Full<Bytes>>,
    link: Link,
    since: Instant,
    until: Instant,
}

struct Shared {
    sender: http2::SendRequest<Full<Bytes>>,
    link: Link,
    used: Instant,
    /// What had been read when a request waited in vain.
    distrusted_at: Option<u64>,
}

/// A connection in use by one attempt.
pub struct Checkout {
    pub sender: Sender,
    /// Absent when the connection was kept from an earlier POST.
    pub new: Option<ConnectTimings>,
    /// Whether other requests go over it at the same time.
    pub shared: bool,
    link: Link,
    host: Arc<Host>,
    _in_use: Option<OwnedSemaphorePermit>,
}

/// A request that waits for its answer; dropped before [`Awaited::end`], it has
/// waited in vain.
pub struct Awaited<'a> {
    host: &'a Host,
    link: &'a Link,
    kept_http1: bool,
    began: Instant,
    read_bytes: u64,
    ended: bool,
}

impl Host {
    /// No connection, and room for so many over HTTP/1.1.
    pub fn new(limit: usize) -> Self {
        Self {
            in_use: Arc::new(Semaphore::new(limit)),
            probe: tokio::sync::Mutex::default(),
            speaks_http1: AtomicBool::new(false),
            is_remembered: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    /// Whether the newest connection, free to choose, spoke HTTP/1.1.
    pub fn speaks_http1(&self) -> bool {
        self.speaks_http1.load(Ordering::Relaxed)
    }

    /// Whether to speak HTTP/1.1 because of what was learned.
    pub fn is_http1(&self) -> bool {
        self.is_remembered.load(Ordering::Relaxed) && self.kept().versions.is_http1(Instant::now())
    }

    /// HTTP/1.1 cannot be had there.
    pub fn forget_versions(&self) {
        self.kept().versions.forget();
    }

    /// The shared HTTP/2 connection, while it lives.
    pub fn share(self: &Arc<Self>, addresses: &[IpAddr], reuse: Reuse) -> Option<Checkout> {
        let newer_than = match reuse {
            Reuse::Any => 0,
            Reuse::NewerThan(id) => id,
            Reuse::Nothing => return None,
        };
        let mut kept = self.kept();
        let shared = kept.shared.as_mut()?;
        if shared.sender.is_closed() || !addresses.contains(&shared.link.peer.ip) {
            kept.shared = None;
            return None;
        }
        if shared.link.id <= newer_than || shared.is_distrusted() {
            return None;
        }
        shared.used = Instant::now();
        Some(Checkout {
            sender: Sender::Http2(shared.sender.clone()),
            new: None,
            shared: true,
            link: shared.link.clone(),
            host: Arc::clone(self),
            _in_use: None,
        })
    }

    /// A kept connection that the receiver has not closed.
    pub async fn idle_sender(&self, addresses: &[IpAddr]) -> Option<Idle> {
        loop {
            let mut idle = self.kept().idle.pop()?;
            if idle.sender.is_closed()
                || Instant::now() >= idle.until
                || !addresses.contains(&idle.link.peer.ip)
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
    pub fn lend(self: Arc<Self>, idle: Idle, in_use: Option<OwnedSemaphorePermit>) -> Checkout {
        Checkout {
            sender: Sender::Http1(idle.sender),
            new: None,
            shared: false,
            link: idle.link,
            host: self,
            _in_use: in_use,
        }
    }

    /// Lends a new connection, the `id`-th of the process. One over HTTP/2 is shared
    /// from now on, unless it was wanted for one request alone.
    pub fn adopt(
        self: Arc<Self>,
        connected: Connected,
        id: u64,
        reuse: Reuse,
        http1_only: bool,
        in_use: Option<OwnedSemaphorePermit>,
    ) -> Checkout {
        let Connected { opened, peer, timings } = connected;
        let link = Link { id, peer, traffic: opened.traffic };
        let mut shared = false;
        match &opened.sender {
            Sender::Http1(_) if http1_only => {}
            Sender::Http1(_) => self.speaks_http1.store(true, Ordering::Relaxed),
            Sender::Http2(_) if reuse == Reuse::Nothing => {}
            Sender::Http2(sender) => {
                shared = true;
                self.speaks_http1.store(false, Ordering::Relaxed);
                self.kept().shared = Some(Shared {
                    sender: sender.clone(),
                    link: link.clone(),
                    used: Instant::now(),
                    distrusted_at: None,
                });
            }
        }
        Checkout {
            sender: opened.sender,
            new: Some(timings),
            shared,
            link,
            host: self,
            _in_use: in_use.filter(|_| !shared),
        }
    }

    /// Since when the connection unused longest is so.
    pub fn idle_since(&self) -> Option<Instant> {
        let kept = self.kept();
        let idle = kept.idle.first().map(|one| one.since);
        let shared = kept.shared.as_ref().map(|shared| shared.used);
        match (idle, shared) {
            (Some(idle), Some(shared)) => Some(idle.min(shared)),
            (one, other) => one.or(other),
        }
    }

    /// Closes the connection unused longest.
    pub fn close_oldest(&self) {
        let mut kept = self.kept();
        if kept.idle.is_empty() {
            kept.shared = None;
        } else {
            kept.idle.remove(0);
        }
    }

    /// Closes what has been unused for too long; whether connections are left.
    pub fn close_expired(&self, now: Instant, idle: Duration) -> bool {
        let mut kept = self.kept();
        kept.idle.retain(|one| now < one.until);
        let expired = |shared: &Shared| {
            shared.sender.is_closed() || now.saturating_duration_since(shared.used) > idle
        };
        kept.shared.take_if(|shared| expired(shared));
        !kept.idle.is_empty() || kept.shared.is_some()
    }

    /// Whether something learned is to be kept.
    pub fn is_remembered(&self, now: Instant) -> bool {
        let remembered = self.is_remembered.load(Ordering::Relaxed)
            && self.kept().versions.is_worth_keeping(now);
        self.is_remembered.store(remembered, Ordering::Relaxed);
        remembered
    }

    fn learn(&self, change: impl FnOnce(&mut VersionMemory)) {
        change(&mut self.kept().versions);
        self.is_remembered.store(true, Ordering::Relaxed);
    }

    /// A request waited in vain on a connection over which nothing has come since.
    /// Those kept since before it have been silent for as long.
    fn distrust(&self, awaited: &Awaited<'_>) {
        let mut kept = self.kept();
        if awaited.kept_http1 {
            kept.idle.retain(|one| one.since > awaited.began);
        }
        if let Some(shared) = &mut kept.shared
            && shared.link.id == awaited.link.id
        {
            shared.distrusted_at = Some(awaited.read_bytes);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Whether nothing has come since a request waited in vain.
    fn is_distrusted(&mut self) -> bool {
        let read_bytes = self.link.traffic.read_bytes();
        self.distrusted_at.take_if(|then| *then != read_bytes);
        self.distrusted_at.is_some()
    }
}

impl Checkout {
    /// The connection's number, later ones have higher ones.
    pub fn id(&self) -> u64 {
        self.link.id
    }

    /// Whom it goes to.
    pub fn peer(&self) -> &Peer {
        &self.link.peer
    }

    /// What went over it.
    pub fn traffic(&self) -> &Traffic {
        &self.link.traffic
    }

    /// A request is about to be sent; gives what sends it.
    pub fn begin(&mut self) -> (&mut Sender, Awaited<'_>) {
        let Self { sender, new, link, host, .. } = self;
        let awaited = Awaited {
            kept_http1: new.is_none() && matches!(sender, Sender::Http1(_)),
            read_bytes: link.traffic.read_bytes(),
            began: Instant::now(),
            ended: false,
            host,
            link,
        };
        link.traffic.begin_exchange();
        (sender, awaited)
    }

    /// The receiver asked for HTTP/1.1.
    pub fn require_http1(&self) {
        self.host.learn(|versions| versions.require_http1(Instant::now()));
    }

    /// An answer came over it.
    pub fn count_answered(&self) {
        let host = &self.host;
        if host.is_remembered.load(Ordering::Relaxed) && matches!(self.sender, Sender::Http2(_)) {
            host.kept().versions.count_answered();
        }
    }

    /// It ended with the request unanswered.
    pub fn count_broken(&self) {
        if matches!(self.sender, Sender::Http2(_)) {
            self.host.learn(|versions| versions.count_broken(self.link.id, Instant::now()));
        }
    }

    /// Gives it to nobody else.
    pub fn retire(&self) {
        self.host.kept().shared.take_if(|shared| shared.link.id == self.link.id);
    }

    /// Keeps it for another request, for so long.
    pub fn put_back(self, keep: Duration) {
        let Self { sender: Sender::Http1(sender), link, host, .. } = self else {
            return;
        };
        let since = Instant::now();
        if sender.is_closed() || keep.is_zero() {
            return;
        }
        host.kept().idle.push(Idle { sender, link, since, until: since + keep });
    }
}

impl Awaited<'_> {
    /// There is an answer, or an error.
    pub fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        if !self.ended && self.link.traffic.read_bytes() == self.read_bytes {
            self.host.distrust(self);
        }
    }
}
