//! The connections to PostgreSQL.
//!
//! Fed by `open` with where the database is; feeds `call`, through which every statement
//! goes. Guarantees that each connection has the same settings, and that one that a
//! silent network has swallowed is not used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, Executor as _, PgPool};

use super::errors::Checked as _;
use crate::error::StoreResult;

/// How long a call waits for a connection; a longer wait means that the database is too
/// slow. A third of what the call may take in all (15 s).
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection idle for longer is pinged before use. Firewalls forget connections after
/// minutes; a ping is one round trip.
const PING_AFTER_IDLE: Duration = Duration::from_secs(5);
/// How long a connection may take to answer a ping after a call timed out. As for a new
/// connection, which is what comes instead.
const RELEASE_PING_LIMIT: Duration = Duration::from_secs(5);

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
const SESSION: &str = "SET statement_timeout = '10s';
    SET idle_in_transaction_session_timeout = '30s';
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off";

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

pub(super) async fn pool(
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
