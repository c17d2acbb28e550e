//! Connections kept for the next POST.
//!
//! Fed by `client` with an origin and its judged addresses; feeds it a
//! connection, kept or new. Guarantees that a kept connection is used only
//! while its address is among the judged ones; that an origin has at most its
//! limit of HTTP/1.1 connections and one of HTTP/2, shared; that all origins
//! together stay within one limit, for which the connection idle longest makes
//! room; and that idle connections are closed after a while, earlier when the
//! receiver announced so.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::{http1, http2};
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connect::{ConnectError, Connected, Connector, Peer, Sender};
use crate::dial::ConnectTimings;
use crate::target::Origin;

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// How many connections there may be, and for how long.
#[derive(Debug, Clone)]
pub struct PoolLimits {
    /// HTTP/1.1 connections to one origin.
    pub per_host: usize,
    /// HTTP/1.1 connections that one subscription uses at once.
    pub per_subscription: usize,
    /// Connections in all.
    pub total: usize,
    /// A connection unused for this long is closed.
    pub idle: Duration,
}

/// A place among all connections, held as long as the connection lives.
#[derive(Debug)]
pub struct Slot {
    open: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// The connections of one process.
pub struct Pool {
    connector: Connector,
    limits: PoolLimits,
    places: Arc<Semaphore>,
    open: Gauge,
    hosts: Mutex<HashMap<Arc<Origin>, Arc<Host>>>,
}

/// The connections of one origin.
struct Host {
    in_use: Arc<Semaphore>,
    /// Held while the first connection shows which protocol the receiver
    /// speaks, so that an HTTP/2 receiver is not dialled by everyone at once.
    probe: tokio::sync::Mutex<()>,
    speaks_http1: AtomicBool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// The most recently used last: those at the front age and are closed.
    idle: Vec<Idle>,
    shared: Option<Shared>,
}

struct Idle {
    sender: http1::SendRequest<Full<Bytes>>,
    peer: Peer,
    since: Instant,
    until: Instant,
}

struct Shared {
    sender: http2::SendRequest<Full<Bytes>>,
    peer: Peer,
    used: Instant,
}

/// A connection in use by one attempt.
pub struct Checkout {
    pub sender: Sender,
    pub peer: Peer,
    /// Absent when the connection was kept from an earlier POST.
    pub new: Option<ConnectTimings>,
    host: Arc<Host>,
    _in_use: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// A pool that closes its idle connections by itself until it is dropped.
    pub fn new(connector: Connector, limits: PoolLimits, open: Gauge) -> Arc<Self> {
        let pool = Arc::new(Self {
            connector,
            places: Arc::new(Semaphore::new(limits.total)),
            limits,
            open,
            hosts: Mutex::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&pool)));
        pool
    }

    /// A connection to one of `addresses`; with `fresh` none that was used
    /// before. Waits while the origin is at its limit.
    pub async fn checkout(
        &self,
        origin: &Arc<Origin>,
        addresses: &[IpAddr],
        fresh: bool,
    ) -> Result<Checkout, ConnectError> {
        let host = self.host(origin);
        if !fresh && let Some(checkout) = host.share(addresses) {
            return Ok(checkout);
        }
        let in_use = Arc::clone(&host.in_use).acquire_owned().await.ok();
        if !fresh && let Some(sender) = host.idle_sender(addresses).await {
            return Ok(host.lend(sender, in_use));
        }
        let _probing = if host.speaks_http1.load(Ordering::Relaxed) {
            None
        } else if let Ok(guard) = host.probe.try_lock() {
            Some(guard)
        } else {
            drop(host.probe.lock().await);
            None
        };
        if !fresh && let Some(checkout) = host.share(addresses) {
            return Ok(checkout);
        }
        let slot = self.slot().await;
        // Apart from the attempt that waits for it: the handshake's state is large and
        // needed once, an attempt's is moved about for each POST.
        let connected = Box::pin(self.connector.connect(origin, addresses, slot)).await?;
        Ok(Arc::clone(&host).adopt(connected, in_use))
    }

    fn host(&self, origin: &Arc<Origin>) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if let Some(host) = hosts.get(origin) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host {
            in_use: Arc::new(Semaphore::new(self.limits.per_host)),
            probe: tokio::sync::Mutex::default(),
            speaks_http1: AtomicBool::new(false),
            kept: Mutex::default(),
        });
        hosts.insert(Arc::clone(origin), Arc::clone(&host));
        host
    }

    async fn slot(&self) -> Slot {
        let places = || Arc::clone(&self.places);
        let permit = match places().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.close_idle_longest();
                match places().acquire_owned().await {
                    Ok(permit) => permit,
                    // The semaphore is never closed.
                    Err(_) => std::future::pending().await,
                }
            }
        };
        self.open.inc();
        Slot { open: self.open.clone(), _permit: permit }
    }

    /// Dropping the sender ends the connection's task, which frees its place.
    fn close_idle_longest(&self) {
        let hosts = lock(&self.hosts);
        let oldest = hosts
            .values()
            .filter_map(|host| Some((lock(&host.kept).idle_since()?, host)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, host)) = oldest {
            lock(&host.kept).close_oldest();
        }
    }

    fn close_expired(&self, now: Instant) {
        let idle = self.limits.idle;
        lock(&self.hosts).retain(|_, host| {
            let mut kept = lock(&host.kept);
            kept.idle.retain(|one| now < one.until);
            let expired = |shared: &Shared| {
                shared.sender.is_closed() || now.saturating_duration_since(shared.used) > idle
            };
            kept.shared.take_if(|shared| expired(shared));
            let empty = kept.idle.is_empty() && kept.shared.is_none();
            drop(kept);
            !empty || Arc::strong_count(host) > 1
        });
    }

    /// Gives a connection back for the next POST; `announced` is how long the
    /// receiver said that it keeps it.
    pub fn put_back(&self, checkout: Checkout, announced: Option<Duration>) {
        let Checkout { sender: Sender::Http1(sender), peer, host, .. } = checkout else {
            return;
        };
        let since = Instant::now();
        let keep = announced.map_or(self.limits.idle, |limit| limit.min(self.limits.idle));
        if sender.is_closed() || keep.is_zero() {
            return;
        }
        lock(&host.kept).idle.push(Idle { sender, peer, since, until: since + keep });
    }
}

impl Host {
    /// The shared HTTP/2 connection, while it lives.
    fn share(self: &Arc<Self>, addresses: &[IpAddr]) -> Option<Checkout> {
        let mut kept = lock(&self.kept);
        let shared = kept.shared.as_mut()?;
        if shared.sender.is_closed() || !addresses.contains(&shared.peer.ip) {
            kept.shared = None;
            return None;
        }
        shared.used = Instant::now();
        Some(Checkout {
            sender: Sender::Http2(shared.sender.clone()),
            peer: shared.peer.clone(),
            new: None,
            host: Arc::clone(self),
            _in_use: None,
        })
    }

    /// A kept connection that the receiver has not closed.
    async fn idle_sender(&self, addresses: &[IpAddr]) -> Option<(Sender, Peer)> {
        loop {
            let mut idle = lock(&self.kept).idle.pop()?;
            if idle.sender.is_closed()
                || Instant::now() >= idle.until
                || !addresses.contains(&idle.peer.ip)
            {
                continue;
            }
            // Just after a response the connection's task may have to end that
            // exchange first; after a `connection: close` this fails.
            if idle.sender.ready().await.is_ok() {
                return Some((Sender::Http1(idle.sender), idle.peer));
            }
        }
    }

    fn lend(
        self: Arc<Self>,
        (sender, peer): (Sender, Peer),
        in_use: Option<OwnedSemaphorePermit>,
    ) -> Checkout {
        Checkout { sender, peer, new: None, host: self, _in_use: in_use }
    }

    fn adopt(
        self: Arc<Self>,
        connected: Connected,
        in_use: Option<OwnedSemaphorePermit>,
    ) -> Checkout {
        let in_use = match &connected.sender {
            Sender::Http1(_) => {
                self.speaks_http1.store(true, Ordering::Relaxed);
                in_use
            }
            Sender::Http2(sender) => {
                self.speaks_http1.store(false, Ordering::Relaxed);
                lock(&self.kept).shared = Some(Shared {
                    sender: sender.clone(),
                    peer: connected.peer.clone(),
                    used: Instant::now(),
                });
                None
            }
        };
        Checkout {
            sender: connected.sender,
            peer: connected.peer,
            new: Some(connected.timings),
            host: self,
            _in_use: in_use,
        }
    }
}

impl Kept {
    fn idle_since(&self) -> Option<Instant> {
        let idle = self.idle.first().map(|one| one.since);
        let shared = self.shared.as_ref().map(|shared| shared.used);
        match (idle, shared) {
            (Some(idle), Some(shared)) => Some(idle.min(shared)),
            (one, other) => one.or(other),
        }
    }

    fn close_oldest(&mut self) {
        if self.idle.is_empty() {
            self.shared = None;
        } else {
            self.idle.remove(0);
        }
    }
}

async fn sweep(pool: Weak<Pool>) {
    loop {
        tokio::time::sleep(SWEEP).await;
        match pool.upgrade() {
            Some(pool) => pool.close_expired(Instant::now()),
            None => return,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
