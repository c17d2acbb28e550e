//! Connections kept for the next POST.
//!
//! Fed by `client` with an origin and its judged addresses; feeds it a
//! connection, kept or new (`host`). Guarantees that all origins together stay
//! within one limit, for which the connection idle longest makes room; that idle
//! connections are closed after a while, earlier when the receiver announced so;
//! and that what is remembered of origins without connections is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connect::{ConnectError, Connected, Connector};
use crate::dial::DialProgress;
use crate::host::{Checkout, Host, Reuse};
use crate::target::Origin;

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// Origins without connections of which something is remembered.
const MAX_REMEMBERED: usize = 4_096;

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

/// What a request needs of its connection.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub reuse: Reuse,
    /// Whether it must speak HTTP/1.1.
    pub http1_only: bool,
    pub progress: &'a DialProgress,
}

/// A place among all connections, held as long as the connection lives.
#[derive(Debug)]
struct Slot {
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
    last_connection: AtomicU64,
    hosts: Mutex<HashMap<Arc<Origin>, Arc<Host>>>,
}

impl Pool {
    /// A pool that closes its idle connections by itself until it is dropped.
    pub fn new(connector: Connector, limits: PoolLimits, open: Gauge) -> Arc<Self> {
        let pool = Arc::new(Self {
            connector,
            places: Arc::new(Semaphore::new(limits.total)),
            limits,
            open,
            last_connection: AtomicU64::new(0),
            hosts: Mutex::default(),
        });
        tokio::spawn(sweep(Arc::downgrade(&pool)));
        pool
    }

    /// A connection to one of `addresses`. Waits while the origin is at its limit.
    pub async fn checkout(
        &self,
        origin: &Arc<Origin>,
        addresses: &[IpAddr],
        wanted: Wanted<'_>,
    ) -> Result<Checkout, ConnectError> {
        let host = self.host(origin);
        let learned = !wanted.http1_only && host.is_http1();
        let (http1, reuse) = (wanted.http1_only || learned, wanted.reuse);
        if !http1 && let Some(checkout) = host.share(addresses, reuse) {
            return Ok(checkout);
        }
        let in_use = Arc::clone(&host.in_use).acquire_owned().await.ok();
        if reuse == Reuse::Any
            && let Some(idle) = host.idle_sender(addresses).await
        {
            return Ok(host.lend(idle, in_use));
        }
        let _probing = if http1 || reuse == Reuse::Nothing || host.speaks_http1() {
            None
        } else if let Ok(guard) = host.probe.try_lock() {
            Some(guard)
        } else {
            drop(host.probe.lock().await);
            None
        };
        if !http1 && let Some(checkout) = host.share(addresses, reuse) {
            return Ok(checkout);
        }
        // Apart from the attempt that waits for it: the handshake's state is large and
        // needed once, an attempt's is moved about for each POST.
        let mut connected = Box::pin(self.connect(origin, addresses, http1, wanted.progress)).await;
        if learned && matches!(&connected, Err(error) if error.is_tls()) {
            // HTTP/1.1 cannot be had there, it seems.
            host.forget_versions();
            connected = Box::pin(self.connect(origin, addresses, false, wanted.progress)).await;
        }
        let id = self.last_connection.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Arc::clone(&host).adopt(connected?, id, reuse, http1, in_use))
    }

    async fn connect(
        &self,
        origin: &Origin,
        addresses: &[IpAddr],
        http1_only: bool,
        progress: &DialProgress,
    ) -> Result<Connected, ConnectError> {
        let slot = self.slot().await;
        self.connector.connect(origin, addresses, http1_only, progress, slot).await
    }

    fn host(&self, origin: &Arc<Origin>) -> Arc<Host> {
        let mut hosts = lock(&self.hosts);
        if let Some(host) = hosts.get(origin) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host::new(self.limits.per_host));
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
            .filter_map(|host| Some((host.idle_since()?, host)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, host)) = oldest {
            host.close_oldest();
        }
    }

    fn close_expired(&self, now: Instant) {
        let mut remembered = 0;
        lock(&self.hosts).retain(|_, host| {
            let used = host.close_expired(now, self.limits.idle) || Arc::strong_count(host) > 1;
            let remember = !used && remembered < MAX_REMEMBERED && host.is_remembered(now);
            remembered += usize::from(remember);
            used || remember
        });
    }

    /// Gives a connection back for the next POST; `announced` is how long the
    /// receiver said that it keeps it.
    pub fn put_back(&self, checkout: Checkout, announced: Option<Duration>) {
        let keep = announced.map_or(self.limits.idle, |limit| limit.min(self.limits.idle));
        checkout.put_back(keep);
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
