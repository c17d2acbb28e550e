//! The PostgreSQL engine.
//!
//! Fed by `flow` and `api` through the traits of this crate; one file per trait,
//! with long methods in files of their own. Guarantees the contract of those
//! traits, with these means: each hot path is one data-modifying statement in
//! autocommit (one round trip, atomic by itself), what grows is partitioned by
//! day, and every plan runs along an index however full a table was when its
//! statistics were last taken.

mod arrays;
mod attempts;
mod claim;
mod clocks;
mod conclude;
mod config;
mod config_lists;
mod ending;
mod errors;
mod event_types;
mod history;
mod history_lists;
mod inputs;
mod late;
mod maintenance;
mod octaves;
mod operations;
mod operations_history;
mod ordering;
mod outbox;
mod ownership;
mod partitions;
mod pooler;
mod publish_sql;
mod publishing;
mod rows;
mod schema;
mod tail;
mod work;

use std::time::Duration;

use postrider_domain::ids::{Shard, TenantId};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgPool, Postgres};

use self::errors::Checked as _;
use crate::error::{StoreError, StoreResult};
use crate::in_time::DatabaseSilence;
use crate::{OpenOptions, Store};

/// How long a call waits for a connection; a longer wait means that the database is too
/// slow.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// One for leases and one for the heartbeat beside it.
const RESERVED_CONNECTIONS: u32 = 2;
/// A connection idle for longer is pinged before use.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);
/// How long a connection may take to answer a ping after a call timed out.
const RELEASE_PING_LIMIT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps; this crate has fewer.
const STATEMENT_CACHE_SIZE: usize = 256;

/// What each connection of the pool is set to.
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
const SESSION: &str = "SET statement_timeout = '10s'; \
     SET idle_in_transaction_session_timeout = '30s'; \
     SET jit = off; \
     SET plan_cache_mode = force_generic_plan; \
     SET enable_seqscan = off; \
     SET enable_hashjoin = off; \
     SET enable_mergejoin = off";

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// A [`Store`] in PostgreSQL.
pub struct PostgresStore {
    pool: PgPool,
    /// For ownership only, so that leases are renewed in time whatever else is going
    /// on.
    reserve: PgPool,
    shards: u16,
    silence: DatabaseSilence,
}

impl Store for PostgresStore {}

impl PostgresStore {
    /// Connects, and brings the schema up to date or checks that it is.
    pub async fn open(url: &str, options: &OpenOptions) -> StoreResult<Self> {
        let connect = url
            .parse::<PgConnectOptions>()
            // The driver's error may quote the URL, which contains a password.
            .map_err(|_| StoreError::Rejected("the database URL cannot be read".to_owned()))?
            .application_name("postrider")
            .statement_cache_capacity(STATEMENT_CACHE_SIZE)
            // No statement uses floats, and PgBouncer rejects parameters it does not
            // know.
            .extra_float_digits(None)
            .disable_statement_logging();
        // A connection of its own: migrating may take longer than a statement may.
        let mut connection = connect.connect().await.checked()?;
        pooler::refuse_shared_sessions(&connect, &mut connection).await?;
        if options.migrate {
            schema::migrate(&mut connection, options.shards).await?;
            let now = ownership::database_clock(&mut connection).await?;
            partitions::create(&mut connection, now, partitions::INITIAL_PARTITION_DAYS).await?;
        }
        schema::check(&mut connection, options.shards).await?;
        tail::settle_numbering(&mut connection, 0).await?;
        connection.close().await.checked()?;
        let silence = DatabaseSilence::default();
        let pool = pool(connect.clone(), options.max_connections, silence.clone()).await?;
        let reserve = self::pool(connect, RESERVED_CONNECTIONS, silence.clone()).await?;
        Ok(Self { pool, reserve, shards: options.shards, silence })
    }

    /// Through this the caller of timed-out calls reports them, so that their
    /// connections are dropped.
    pub(crate) fn silence(&self) -> DatabaseSilence {
        self.silence.clone()
    }

    fn shard(&self, tenant: &TenantId) -> i32 {
        i32::from(Shard::of(tenant, self.shards).0)
    }
}

async fn pool(
    connect: PgConnectOptions,
    max_connections: u32,
    silence: DatabaseSilence,
) -> StoreResult<PgPool> {
    PgPoolOptions::new()
        .max_connections(max_connections.max(1))
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A ping before every statement would double the round trips.
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > PING_AFTER_IDLE {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        // The pool tries each connection that comes back, however long that takes: in
        // a silence all of them would be gone.
        .after_release(move |connection, _| {
            let silence = silence.clone();
            Box::pin(async move {
                if silence.is_suspected() {
                    let answer = tokio::time::timeout(RELEASE_PING_LIMIT, connection.ping()).await;
                    answer.map_err(|_| sqlx::Error::PoolTimedOut)??;
                    silence.clear();
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION).await.map(drop) })
        })
        .connect_with(connect)
        .await
        .checked()
}
