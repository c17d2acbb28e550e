//! The tail of all attempts, in an order that skips none (tail-skips-nothing).
//!
//! Fed by the transactions that record attempts; feeds watches. Each attempt carries
//! the number of the transaction that recorded it. Transactions commit in another order
//! than their numbers, so the tail ends before the lowest number whose transaction may
//! still commit. Unrelated transactions of the database cluster do not hold it back: a
//! transaction that records attempts locks their table before it gets its number and
//! until its rows are visible, and `pg_locks` shows these locks. Replicas are not
//! asked: the database knows whether a lost replica can still commit.
//!
//! A transaction's number means nothing in another cluster into which a dump may have
//! been restored. So numbers are stored relative to a base, which is raised as soon as
//! attempts have numbers that this cluster has not given yet.
//!
//! Guarantees that whatever is recorded after a position was read is shown from there
//! once, however transactions overlap, and nothing from before a restore.
//!
//! Keeps the invariant `tail-skips-nothing`.

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
const SELECT_HORIZON: &str = "WITH held AS MATERIALIZED (
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
const SELECT_TAIL: &str = concat!(
    "SELECT commit_number, ",
    attempt_columns!(),
    " FROM attempts
    WHERE commit_number > $1 AND commit_number < $2
    ORDER BY commit_number FETCH FIRST ($3) ROWS WITH TIES"
);

/// Where this cluster gives numbers that attempts, or a position, have already: goes on
/// behind them. 1 the position.
const RAISE_NUMBERING_BASE: &str = "UPDATE attempt_numbering SET base = last.number
    FROM (SELECT greatest(max(commit_number), $1) AS number FROM attempts) AS last
    WHERE last.number >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// A transaction that may record attempts.
pub(super) struct RecordingTransaction(Transaction<'static, Postgres>);

impl RecordingTransaction {
    pub(super) async fn begin(pool: &PgPool) -> StoreResult<Self> {
        pool.begin_with(BEGIN_RECORDING).await.checked().map(Self)
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await.checked()
    }
}

impl Deref for RecordingTransaction {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for RecordingTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

/// Up to where attempts are complete.
struct TailHorizon {
    /// The lowest number that is not.
    end: i64,
    /// Whether an open transaction holds it back.
    held: bool,
}

impl TailHorizon {
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
    let raised =
        sqlx::query(RAISE_NUMBERING_BASE).bind(position).execute(connection).await.checked()?;
    let raised = raised.rows_affected() > 0;
    if raised {
        tracing::info!("attempts come from another cluster; the tail goes on behind them");
    }
    Ok(raised)
}

impl PostgresStore {
    async fn horizon(&self) -> StoreResult<TailHorizon> {
        TailHorizon::of(&sqlx::query(SELECT_HORIZON).fetch_one(&self.pool).await.checked()?)
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
        let rows = sqlx::query(SELECT_TAIL)
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
