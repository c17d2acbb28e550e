//! The tail of all attempts, in an order in which none is passed over (rule 17).
//!
//! Fed by the transactions that record attempts; feeds those who watch. Each attempt
//! carries the number of the transaction that recorded it. Numbers are given in
//! another order than transactions commit in, so the tail ends before the first
//! number of which the database does not yet know what becomes of it. What else the
//! database's cluster has open, in this database or another, does not matter: a
//! transaction that may record attempts holds a lock on their table from before it
//! has its number until what it wrote can be seen, and `pg_locks` tells who does.
//! Nothing is asked of the replicas: of one that is lost, too, the database itself
//! knows whether it may still commit something.
//!
//! A transaction's number means nothing in another cluster, where a dump may have been
//! restored. So what is stored is counted on from a base, which is raised as soon as
//! attempts are found whose numbers this cluster has not given yet.
//!
//! Guarantees that what is recorded after a position was read is shown from there
//! once, however transactions overlap, and nothing from before a restore.

use std::ops::{Deref, DerefMut};

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{self, attempt_columns, get};
use crate::error::StoreResult;
use crate::history::TailPage;

/// One message to the database, as `BEGIN` alone would be. A single statement that
/// inserts takes the same lock by itself, before it has a number.
const BEGIN_RECORDING: &str = "BEGIN; LOCK TABLE ONLY attempts IN ROW EXCLUSIVE MODE";

/// `next` is a number that no transaction had when the statement's snapshot was taken,
/// nor any above it that has ended. `open` is the lowest below of those that had not
/// ended, except those that are seen to hold no lock on the table: the locks are read
/// after the snapshot was taken, and whoever had a number by then, and records
/// attempts, had its lock even before. One that cannot be seen at all has ended
/// meanwhile, or is about to show its number, and counts until the next look.
const HORIZON: &str = "WITH held AS MATERIALIZED (
        SELECT virtualtransaction AS owner, transactionid AS number FROM pg_locks
        WHERE granted AND (locktype = 'transactionid' AND mode = 'ExclusiveLock'
            OR locktype = 'relation' AND mode = 'RowExclusiveLock'
                AND relation = 'attempts'::regclass
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())))
    SELECT pg_snapshot_xmax(seen)::text::bigint + base AS next,
        (SELECT min(number::text::bigint) + base FROM pg_snapshot_xip(seen) AS number
            WHERE NOT EXISTS (SELECT FROM held AS other WHERE other.number = number.number::xid
                AND NOT EXISTS (SELECT FROM held AS recording
                    WHERE recording.owner = other.owner AND recording.number IS NULL))) AS open
    FROM attempt_numbering, pg_current_snapshot() AS seen";

/// Whole transactions only: a position cannot lie within one.
const TAIL: &str = concat!(
    "SELECT commit_number, ",
    attempt_columns!(),
    " FROM attempts
    WHERE commit_number > $1 AND commit_number < $2
    ORDER BY commit_number FETCH FIRST ($3) ROWS WITH TIES"
);

/// Where this cluster gives numbers that attempts, or a position, have already: goes on
/// behind them. 1 the position.
const SETTLE: &str = "UPDATE attempt_numbering SET base = last.number
    FROM (SELECT greatest(max(commit_number), $1) AS number FROM attempts) AS last
    WHERE last.number >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// A transaction that may record attempts.
pub(super) struct Recording(Transaction<'static, Postgres>);

impl Recording {
    pub(super) async fn begin(pool: &PgPool) -> StoreResult<Self> {
        pool.begin_with(BEGIN_RECORDING).await.checked().map(Self)
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await.checked()
    }
}

impl Deref for Recording {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Recording {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

/// Until where attempts are settled.
struct Horizon {
    /// The lowest number that is not.
    end: i64,
    /// Whether it is held back by a transaction that is open.
    held: bool,
}

impl Horizon {
    fn of(row: &PgRow) -> StoreResult<Self> {
        let open: Option<i64> = get(row, "open")?;
        Ok(Self { end: open.map_or_else(|| get(row, "next"), Ok)?, held: open.is_some() })
    }
}

/// Makes sure that whatever is recorded from now on has higher numbers than what was
/// before; says whether the base had to be raised.
pub(super) async fn settle_numbering(
    connection: &mut PgConnection,
    position: i64,
) -> StoreResult<bool> {
    let raised = sqlx::query(SETTLE).bind(position).execute(connection).await.checked()?;
    let raised = raised.rows_affected() > 0;
    if raised {
        tracing::info!("attempts come from another cluster; the tail goes on behind them");
    }
    Ok(raised)
}

impl PostgresStore {
    async fn horizon(&self) -> StoreResult<Horizon> {
        Horizon::of(&sqlx::query(HORIZON).fetch_one(&self.pool).await.checked()?)
    }

    pub(super) async fn end_of_tail(&self) -> StoreResult<i64> {
        settle_numbering(&mut *self.pool.acquire().await.checked()?, 0).await?;
        Ok(self.horizon().await?.end - 1)
    }

    /// The horizon is read in a statement of its own before the rows: what is below it
    /// has ended, so that any later look sees all of it.
    pub(super) async fn page_of_tail(&self, position: i64, limit: u32) -> StoreResult<TailPage> {
        let mut horizon = self.horizon().await?;
        if horizon.end <= position
            && settle_numbering(&mut *self.pool.acquire().await.checked()?, position).await?
        {
            horizon = self.horizon().await?;
        }
        let rows = sqlx::query(TAIL)
            .bind(position)
            .bind(horizon.end)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .checked()?;
        let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let position = match rows.last() {
            Some(last) if is_full => get(last, "commit_number")?,
            _ => position.max(horizon.end - 1),
        };
        let attempts = rows::read(&rows, rows::tailed_attempt)?;
        Ok(TailPage { attempts, position, held: horizon.held })
    }
}
