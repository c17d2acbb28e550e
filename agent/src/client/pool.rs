//! All connections to receivers.
//!
//! They are kept by destination: by origin, tenant, credentials and HTTP version. All
//! together stay within one limit; the connection that has been idle longest is closed to
//! make room. Of one origin only so many are in use at once, whoever's they are. Idle
//! connections are closed after a time, or earlier if the receiver announced one. What is
//! remembered about destinations without connections is bounded.
//!
//! Keeps the invariant `nothing-shared-across-credentials`.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use postrider_telemetry::metrics::BoundUpDownCounter;
use postrider_webhook_request::Origin;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::client::connect::{ConnectError, NewConnection, ReceiverConnector};
use crate::client::destination::Destination;
use crate::client::destination_connections::{
    ConnectionLease, ConnectionReuse, DestinationConnections,
};
use crate::client::dial::DialProgress;
use crate::limits::ConnectionLimits;

/// How often idle connections are looked at. Small beside the 30 s that a connection may
/// idle, and a sweep is one look at each.
const IDLE_SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Destinations without connections of which something is remembered. As many as there may be
/// connections (`receivers.max_connections`).
const MAX_REMEMBERED_DESTINATIONS: usize = 4_096;

/// What a request needs of its connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionRequest<'a> {
    pub reuse: ConnectionReuse,
    pub progress: &'a DialProgress,
}

/// A place among all connections, held as long as the connection lives.
#[derive(Debug)]
struct PoolPermit {
    open: BoundUpDownCounter<i64>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for PoolPermit {
    fn drop(&mut self) {
        self.open.add(-1);
    }
}

/// The connections of one process.
pub struct ConnectionPool {
    connector: ReceiverConnector,
    limits: ConnectionLimits,
    permits: Arc<Semaphore>,
    open: BoundUpDownCounter<i64>,
    last_connection: AtomicU64,
    kept: Mutex<KeptConnections>,
}

#[derive(Default)]
struct KeptConnections {
    by_destination: HashMap<Arc<Destination>, Arc<DestinationConnections>>,
    /// Places for connections in use, which all destinations of an origin share.
    places: HashMap<Arc<Origin>, Arc<Semaphore>>,
}

impl ConnectionPool {
    /// A pool that closes its idle connections by itself until it is dropped.
    pub fn new(
        connector: ReceiverConnector,
        limits: ConnectionLimits,
        open: BoundUpDownCounter<i64>,
    ) -> Arc<Self> {
        let pool = Arc::new(Self {
            connector,
            permits: Arc::new(Semaphore::new(limits.total)),
            limits,
            open,
            last_connection: AtomicU64::new(0),
            kept: Mutex::default(),
        });
        tokio::spawn(close_expired_periodically(Arc::downgrade(&pool)));
        pool
    }

    /// A connection to one of `addresses`. Waits while the origin is at its limit.
    pub async fn acquire(
        &self,
        destination: &Arc<Destination>,
        addresses: &[IpAddr],
        wanted: ConnectionRequest<'_>,
    ) -> Result<ConnectionLease, ConnectError> {
        let host = self.host(destination);
        let learned = !destination.http1_only && host.requires_http1();
        let (http1, reuse) = (destination.http1_only || learned, wanted.reuse);
        if !http1 && let Some(lease) = host.lease_shared(addresses, reuse) {
            return Ok(lease);
        }
        let in_use = Arc::clone(&host.in_use).acquire_owned().await.ok();
        if reuse == ConnectionReuse::Any
            && let Some(idle) = host.take_idle(addresses).await
        {
            return Ok(host.lease_idle(idle, in_use));
        }
        let _probing = if http1 || reuse == ConnectionReuse::Never || host.last_spoke_http1() {
            None
        } else if let Ok(guard) = host.protocol_probe.try_lock() {
            Some(guard)
        } else {
            drop(host.protocol_probe.lock().await);
            None
        };
        if !http1 && let Some(lease) = host.lease_shared(addresses, reuse) {
            return Ok(lease);
        }
        // Apart from the attempt that waits for it: the handshake's state is large and
        // needed once, an attempt's is moved about for each POST.
        let mut connected =
            Box::pin(self.connect(destination, addresses, http1, wanted.progress)).await;
        if learned && matches!(&connected, Err(error) if error.is_tls()) {
            // HTTP/1.1 cannot be had there, it seems.
            host.forget_versions();
            connected =
                Box::pin(self.connect(destination, addresses, false, wanted.progress)).await;
        }
        let id = self.last_connection.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Arc::clone(&host).lease_new(connected?, id, reuse, http1, in_use))
    }

    async fn connect(
        &self,
        destination: &Arc<Destination>,
        addresses: &[IpAddr],
        http1_only: bool,
        progress: &DialProgress,
    ) -> Result<NewConnection, ConnectError> {
        let permit = self.acquire_permit().await;
        self.connector.connect(destination, addresses, http1_only, progress, permit).await
    }

    fn host(&self, destination: &Arc<Destination>) -> Arc<DestinationConnections> {
        let mut kept = self.kept.lock();
        if let Some(host) = kept.by_destination.get(destination) {
            return Arc::clone(host);
        }
        let origin = Arc::clone(&destination.origin);
        let places = kept.places.entry(origin);
        let places = places.or_insert_with(|| Arc::new(Semaphore::new(self.limits.per_origin)));
        let host = Arc::new(DestinationConnections::new(Arc::clone(places)));
        kept.by_destination.insert(Arc::clone(destination), Arc::clone(&host));
        host
    }

    async fn acquire_permit(&self) -> PoolPermit {
        let permits = || Arc::clone(&self.permits);
        let permit = match permits().try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                self.close_idle_longest();
                match permits().acquire_owned().await {
                    Ok(permit) => permit,
                    // The semaphore is never closed.
                    Err(_) => std::future::pending().await,
                }
            }
        };
        self.open.add(1);
        PoolPermit { open: self.open.clone(), _permit: permit }
    }

    /// Dropping the sender ends the connection's task, which frees its place.
    fn close_idle_longest(&self) {
        let kept = self.kept.lock();
        let oldest = kept
            .by_destination
            .values()
            .filter_map(|host| Some((host.idle_since()?, host)))
            .min_by_key(|(since, _)| *since);
        if let Some((_, host)) = oldest {
            host.close_oldest();
        }
    }

    fn close_expired(&self, now: Instant) {
        let mut remembered = 0;
        let mut kept = self.kept.lock();
        kept.by_destination.retain(|_, host| {
            let used =
                host.close_expired(now, self.limits.idle_timeout) || Arc::strong_count(host) > 1;
            let remember =
                !used && remembered < MAX_REMEMBERED_DESTINATIONS && host.is_remembered(now);
            remembered += usize::from(remember);
            used || remember
        });
        // Each destination that is left holds its origin's.
        kept.places.retain(|_, places| Arc::strong_count(places) > 1);
    }

    /// Gives a connection back for the next POST; `announced` is how long the
    /// receiver said that it keeps it.
    pub fn give_back(&self, lease: ConnectionLease, announced: Option<Duration>) {
        let keep =
            announced.map_or(self.limits.idle_timeout, |limit| limit.min(self.limits.idle_timeout));
        lease.give_back(keep);
    }
}

async fn close_expired_periodically(pool: Weak<ConnectionPool>) {
    loop {
        tokio::time::sleep(IDLE_SWEEP_INTERVAL).await;
        match pool.upgrade() {
            Some(pool) => pool.close_expired(Instant::now()),
            None => return,
        }
    }
}
