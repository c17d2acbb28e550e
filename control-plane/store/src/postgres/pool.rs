//! The connections to PostgreSQL.
//!
//! Fed by `open` with where the database is; feeds `call`, through which every statement
//! goes. Guarantees that each connection has the same settings and leads to a server that
//! can be written to, and that one that a silent network has swallowed is not used again,
//! nor one whose server was left.
//!
//! Keeps the invariant `only-a-writable-server`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgPool};

use super::errors::Checked as _;
use super::schema::SchemaPath;
use super::servers::says_read_only;
use super::suspicion::ServerSuspicion;
use crate::error::StoreResult;

/// One for leases and one for the heartbeat beside it.
const RESERVED_CONNECTIONS: u32 = 2;
/// How long a call waits for a connection; a longer wait means that the database is too
/// slow. A third of what the call may take in all (15 s).
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is pinged before use. Firewalls forget connections after
/// minutes; a ping is one round trip.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);
/// How long a connection may take to answer a ping after a call timed out. As for a new
/// connection, which is what comes instead.
const RELEASE_PING_LIMIT: Duration = Duration::from_secs(5);

/// What each connection of the pool is set to besides its schema, and whether its server can
/// only be read; in one round trip.
///
/// A statement that takes longer than the time-out turns into `Unavailable`. The
/// planner is kept to nested loops along indexes, and makes one plan of each
/// statement for good: the table of unfinished deliveries is empty in one minute
/// and holds a million rows in the next, and planning takes longer than most
/// statements.
///
/// So a statement must leave no choice between an index that finds what is asked and
/// one that a backlog is in: rows that are found by their ids are compared with
/// `state + 0`, which no partial index knows, and what has a limit is ordered by the
/// column with which the wanted index goes on. (Conformance: `backlog`.)
const SESSION: &str = "SET statement_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s';
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SHOW transaction_read_only";

/// Whether a call timed out and the database has not answered since. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct DatabaseSilence(Arc<AtomicBool>);

impl DatabaseSilence {
    pub(super) fn suspect(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_suspected(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// The pools, of one server at a time. Cheap to clone.
#[derive(Clone)]
pub(super) struct DatabasePools {
    pub(super) shared: PgPool,
    /// For lists and other reads of many rows only: whoever writes never waits for them.
    pub(super) readers: PgPool,
    /// For ownership only, so that leases are renewed in time whatever else is going on.
    pub(super) reserve: PgPool,
}

impl DatabasePools {
    pub(super) async fn open(
        connect: &PgConnectOptions,
        path: &SchemaPath,
        (max_connections, max_read_connections): (u32, u32),
        silence: &DatabaseSilence,
        suspicion: &ServerSuspicion,
    ) -> StoreResult<Self> {
        let session: Arc<str> = format!("{};\n    {SESSION}", path.0).into();
        let open = |most: u32| {
            pool(connect.clone(), Arc::clone(&session), most, silence.clone(), suspicion.clone())
        };
        Ok(Self {
            shared: open(max_connections).await?,
            readers: open(max_read_connections).await?,
            reserve: open(RESERVED_CONNECTIONS).await?,
        })
    }

    /// Opens new connections to this server from now on; those that there are stay.
    pub(super) fn turn_to(&self, connect: &PgConnectOptions) {
        for pool in [&self.shared, &self.readers, &self.reserve] {
            pool.set_connect_options(connect.clone());
        }
    }

    /// Closes what nobody uses of the connections that were left.
    pub(super) fn release_left(&self) {
        for pool in [&self.shared, &self.readers, &self.reserve] {
            for _ in 0..pool.num_idle() {
                // Looked at as it comes back.
                drop(pool.try_acquire());
            }
        }
    }

    pub(super) async fn close(&self) {
        for pool in [&self.shared, &self.readers, &self.reserve] {
            pool.close().await;
        }
    }
}

async fn pool(
    connect: PgConnectOptions,
    session: Arc<str>,
    max_connections: u32,
    silence: DatabaseSilence,
    suspicion: ServerSuspicion,
) -> StoreResult<PgPool> {
    let (at_acquire, at_release) = (suspicion.clone(), suspicion.clone());
    PgPoolOptions::new()
        .max_connections(max_connections.max(1))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A ping before every statement would double the round trips.
        .test_before_acquire(false)
        .before_acquire(move |connection, meta| {
            let is_left = at_acquire.is_left(meta.age);
            Box::pin(async move {
                if is_left {
                    return Ok(false);
                }
                if meta.idle_for > PING_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        // The pool tries each connection that comes back, however long that takes: in
        // a silence all of them would be gone.
        .after_release(move |connection, meta| {
            let silence = silence.clone();
            let is_left = at_release.is_left(meta.age);
            Box::pin(async move {
                if is_left {
                    return Ok(false);
                }
                if silence.is_suspected() {
                    let answer = tokio::time::timeout(RELEASE_PING_LIMIT, connection.ping()).await;
                    answer.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    silence.clear();
                }
                Ok(true)
            })
        })
        // What a standby has would be read late, and a change would fail.
        .after_connect(move |connection, _| {
            let (suspicion, session) = (suspicion.clone(), Arc::clone(&session));
            Box::pin(async move {
                let set = sqlx::raw_sql(AssertSqlSafe(session));
                let row = connection.fetch_one(set).await?;
                if says_read_only(&row)? {
                    suspicion.suspect();
                    return Err(sqlx::Error::Protocol("the server can only be read".to_owned()));
                }
                suspicion.note_connection();
                Ok(())
            })
        })
        .connect_with(connect)
        .await
        .checked()
}
