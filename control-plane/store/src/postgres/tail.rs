//! The tail of all attempts, in an order that skips none (tail-skips-nothing).
//!
//! Fed by the transactions that record attempts; feeds watches. Each attempt carries
//! the number of the transaction that recorded it. Transactions commit in another order
//! than their numbers, so the tail ends before the lowest number whose transaction may
//! still commit. Unrelated transactions of the database cluster do not hold it back: a
//! transaction that records attempts locks a table that has some before it gets its number
//! and until its rows are visible, and `pg_locks` shows these locks. Replicas are not
//! asked: the database knows whether a lost replica can still commit. What ends deliveries
//! without an attempt locks such a table too, and holds the tail back for a moment.
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

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::rows::{self, get};
use crate::error::StoreResult;
use crate::history::TailPage;
use crate::sql_file::without_comment;

/// One message to the database, as `BEGIN` alone would be. A single statement that
/// inserts takes the lock of its table by itself, before it has a number.
const BEGIN_RECORDING: &str = "BEGIN; LOCK TABLE ONLY attempts IN ROW EXCLUSIVE MODE";

const SELECT_HORIZON: &str = without_comment(include_str!("../../sql/postgres/select_horizon.sql"));

/// Whole transactions only: a position cannot lie within one.
const SELECT_TAIL: &str = "SELECT commit_number, delivery, number,
        (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, outcome, http_status, start_time, dns_us, connect_us, tls_us,
        first_byte_us, total_us, response_headers, response_body, response_body_bytes,
        response_body_truncated, error, agent, region, remote_address, http_version, trigger, test,
        next_attempt_time, settings_revision, delivery_state, delivery_end_reason
    FROM (
        (
            SELECT commit_number, delivery, number, tenant, subscription, event, event_type,
                outcome, http_status, start_time, dns_us, connect_us, tls_us, first_byte_us,
                total_us, response_headers, response_body, response_body_bytes,
                response_body_truncated, error, agent, region, remote_address, http_version,
                trigger, test, next_attempt_time, settings_revision, delivery_state,
                delivery_end_reason
            FROM attempts
            WHERE commit_number > $1 AND commit_number < $2
            ORDER BY commit_number FETCH FIRST ($3) ROWS WITH TIES
        )
        UNION ALL
        (
            SELECT commit_number, id AS delivery, attempts AS number, tenant, subscription, event,
                event_type, outcome, http_status, start_time, dns_us, connect_us, tls_us,
                first_byte_us, total_us, response_headers, response_body, response_body_bytes,
                response_body_truncated, error, agent, region, remote_address, http_version,
                trigger, test, NULL::bigint AS next_attempt_time, settings_revision,
                state AS delivery_state, end_reason AS delivery_end_reason
            FROM ended_deliveries
            WHERE commit_number > $1 AND commit_number < $2
            ORDER BY commit_number FETCH FIRST ($3) ROWS WITH TIES
        )
    ) a
    ORDER BY commit_number FETCH FIRST ($3) ROWS WITH TIES";

/// Where this cluster gives numbers that attempts, or a position, have already: goes on
/// behind them. 1 the position.
const RAISE_NUMBERING_BASE: &str = "UPDATE attempt_numbering SET base = last.number
    FROM (
        SELECT greatest(
            (SELECT max(commit_number) FROM attempts),
            (SELECT max(commit_number) FROM ended_deliveries), $1
        ) AS number
    ) AS last
    WHERE last.number >= base + pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

/// A call's transaction that may record attempts.
pub(super) struct RecordingTransaction<'c, 's>(&'c mut DatabaseCall<'s>);

impl<'c, 's> RecordingTransaction<'c, 's> {
    pub(super) async fn begin(call: &'c mut DatabaseCall<'s>) -> StoreResult<Self> {
        call.begin_with(BEGIN_RECORDING).await?;
        Ok(Self(call))
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        self.0.commit().await
    }
}

impl<'s> Deref for RecordingTransaction<'_, 's> {
    type Target = DatabaseCall<'s>;
    fn deref(&self) -> &DatabaseCall<'s> {
        self.0
    }
}

impl<'s> DerefMut for RecordingTransaction<'_, 's> {
    fn deref_mut(&mut self) -> &mut DatabaseCall<'s> {
        self.0
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
    call: &mut DatabaseCall<'_>,
    position: i64,
) -> StoreResult<bool> {
    let raised = call.execute(sqlx::query(RAISE_NUMBERING_BASE).bind(position)).await? > 0;
    if raised {
        tracing::info!("attempts come from another cluster; the tail continues after them");
    }
    Ok(raised)
}

async fn horizon(call: &mut DatabaseCall<'_>) -> StoreResult<TailHorizon> {
    TailHorizon::of(&call.one_row(sqlx::query(SELECT_HORIZON)).await?)
}

impl PostgresStore {
    pub(super) async fn end_of_tail(&self) -> StoreResult<i64> {
        let mut call = self.read_call("tail_position");
        settle_numbering(&mut call, 0).await?;
        Ok(horizon(&mut call).await?.end - 1)
    }

    /// The horizon is read in a statement of its own before the rows: what is below it
    /// has ended, so that any later look sees all of it.
    pub(super) async fn page_of_tail(&self, position: i64, limit: u32) -> StoreResult<TailPage> {
        let mut call = self.read_call("tail");
        let mut reached = horizon(&mut call).await?;
        if reached.end <= position && settle_numbering(&mut call, position).await? {
            reached = horizon(&mut call).await?;
        }
        let rows = call
            .rows(sqlx::query(SELECT_TAIL).bind(position).bind(reached.end).bind(i64::from(limit)))
            .await?;
        let is_full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let position = match rows.last() {
            Some(last) if is_full => get(last, "commit_number")?,
            _ => position.max(reached.end - 1),
        };
        let attempts = self.unreadable.readable(rows.iter().map(rows::tailed_attempt))?;
        Ok(TailPage { attempts, position, held: reached.held })
    }
}
