//! Results applied: one statement for a batch.
//!
//! The statement removes the deliveries that end and gives those that go on a new
//! due time, as far as they are IN_FLIGHT at the attempt concluded; only what that
//! touched is recorded and counted.

use std::collections::HashSet;

use postrider_domain::delivery::{DeliveryState, Transition};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::PostgresStore;
use super::arrays::{AttemptArrays, int};
use super::errors::Checked as _;
use super::notices;
use super::ordering::put_key_end;
use super::rows::{attempt_columns, delivery_columns, get};
use crate::error::StoreResult;
use crate::work::{Concluded, Conclusion};

/// Attempts of a batch, without what they are counted by: parameters 1 to 28.
macro_rules! attempt_source {
    () => {
        concat!(
            "unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::uuid[], $6::text[],
                $7::smallint[], $8::int[], $9::bigint[], $10::int[], $11::int[], $12::int[],
                $13::int[], $14::bigint[], $15::bytea[], $16::bytea[], $17::bigint[],
                $18::boolean[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[],
                $24::smallint[], $25::boolean[], $26::bigint[], $27::smallint[], $28::smallint[])
                AS a(",
            attempt_columns!(),
            ")"
        )
    };
}

/// Records attempts for which a condition on `delivery` holds; parameter 35 is now.
macro_rules! record_attempts {
    ($condition:expr) => {
        concat!(
            "INSERT INTO attempts (",
            attempt_columns!(),
            ", record_time, commit_xid) SELECT ",
            attempt_columns!(),
            ", $35::bigint, (SELECT pg_current_xact_id()::text::bigint) FROM ",
            attempt_source!(),
            " WHERE ",
            $condition
        )
    };
}

/// Counts attempts, but for tests, for which a condition on `delivery` holds: those
/// that are counted alike have one number in 29, and 30 to 34 say what it stands for.
/// The rows are locked in their order: two replicas must not wait for each other in a
/// circle.
macro_rules! count_attempts {
    ($condition:expr) => {
        concat!(
            "INSERT INTO attempt_stats AS s (tenant, subscription, hour, outcome, bucket, count)
            SELECT ($30::text[])[tally], ($31::text[])[tally], ($32::bigint[])[tally],
                ($33::smallint[])[tally], ($34::smallint[])[tally], count
            FROM (SELECT tally, count(*) AS count
                FROM unnest($1::uuid[], $29::int[]) AS a(delivery, tally)
                WHERE tally IS NOT NULL AND ",
            $condition,
            " GROUP BY tally) tallied ORDER BY 1, 2, 3, 4, 5
            ON CONFLICT (tenant, subscription, hour, outcome, bucket)
                DO UPDATE SET count = s.count + excluded.count"
        )
    };
}
pub(super) use {attempt_source, count_attempts, record_attempts};

/// `IS TRUE` keeps the condition a hashed subplan: as a join it would be a loop
/// over the whole batch for each of its rows.
macro_rules! applied {
    () => {
        "(delivery IN (SELECT id FROM applied)) IS TRUE"
    };
}

/// Rows are found by `= ANY`, by their ids one by one or in one pass; a join of
/// the batch with the table would be quadratic as soon as the planner believes
/// that the table is small. What belongs to a row is looked up by its place in the
/// batch; most deliveries end SUCCEEDED (4), which needs no looking up.
///
/// Parameters: 1 to 34 the attempts, 35 now, 36 and 37 what ends, 38 to 40 what of
/// it ends otherwise, 41 to 44 what goes on. 2 is WAITING, 3 IN_FLIGHT (`+ 0` keeps
/// the planner from reading everything that is in flight); as a trigger, 2 is RETRY.
const CONCLUDE: &str = concat!(
    "WITH gone AS (DELETE FROM deliveries d
        WHERE d.id = ANY($36::uuid[]) AND d.state + 0 = 3
            AND d.attempts = ($37::int[])[array_position($36::uuid[], d.id)]
        RETURNING d.*,
            coalesce(($39::smallint[])[array_position($38::uuid[], d.id)], 4::smallint) AS end_state,
            ($40::smallint[])[array_position($38::uuid[], d.id)] AS end_reason)
    , again AS (UPDATE deliveries d
        SET state = 2, trigger = 2,
            due = ($43::bigint[])[array_position($41::uuid[], d.id)],
            failures = ($44::int[])[array_position($41::uuid[], d.id)]
        WHERE d.id = ANY($41::uuid[]) AND d.state + 0 = 3
            AND d.attempts = ($42::int[])[array_position($41::uuid[], d.id)]
        RETURNING d.id)
    , applied AS MATERIALIZED (SELECT id FROM gone UNION ALL SELECT id FROM again)
    , ended AS (INSERT INTO ended_deliveries (",
    delivery_columns!(),
    ", end_reason, end_time)
        SELECT id, tenant, subscription, event, event_type, account, shard, epoch, end_state,
            attempts, failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason,
            $35::bigint FROM gone)
    , recorded AS (",
    record_attempts!(applied!()),
    ")
    , counted AS (",
    count_attempts!(applied!()),
    ")
    SELECT coalesce((SELECT array_agg(id) FROM applied), '{}') AS applied"
);

#[derive(Default)]
struct Batch<'a> {
    attempts: AttemptArrays<'a>,
    ends: (Vec<Uuid>, Vec<i32>),
    /// Those that do not end SUCCEEDED.
    otherwise: (Vec<Uuid>, Vec<i16>, Vec<Option<i16>>),
    retries: (Vec<Uuid>, Vec<i32>, Vec<i64>, Vec<i32>),
}

impl<'a> Batch<'a> {
    fn push(&mut self, conclusion: &'a Conclusion) -> StoreResult<()> {
        let key = conclusion.record.key;
        let standing = conclusion.transition.standing();
        self.attempts.push(&conclusion.record, Some(standing))?;
        match conclusion.transition {
            Transition::End { state, reason } => {
                self.ends.0.push(key.delivery.0);
                self.ends.1.push(int(key.number));
                if state != DeliveryState::Succeeded {
                    self.otherwise.0.push(key.delivery.0);
                    self.otherwise.1.push(state.code());
                    self.otherwise.2.push(reason.map(|reason| reason.code()));
                }
            }
            Transition::Retry { due, failures } => {
                self.retries.0.push(key.delivery.0);
                self.retries.1.push(int(key.number));
                self.retries.2.push(due.as_micros());
                self.retries.3.push(int(failures));
            }
        }
        Ok(())
    }
}

fn applied(row: &PgRow) -> StoreResult<HashSet<Uuid>> {
    Ok(get::<Vec<Uuid>>(row, "applied")?.into_iter().collect())
}

impl PostgresStore {
    pub(super) async fn conclude_batch(
        &self,
        conclusions: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<Concluded>> {
        if conclusions.is_empty() {
            return Ok(Vec::new());
        }
        let mut batch = Batch::default();
        for conclusion in conclusions {
            batch.push(conclusion)?;
        }
        let (ids, numbers) = batch.ends;
        let (others, states, reasons) = batch.otherwise;
        let query = batch.attempts.bind(sqlx::query(CONCLUDE)).bind(now.as_micros());
        let query = query.bind(ids).bind(numbers);
        let query = query.bind(others).bind(states).bind(reasons);
        let (ids, numbers, dues, failures) = batch.retries;
        let query = query.bind(ids).bind(numbers).bind(dues).bind(failures);
        let applied = if conclusions.iter().any(Conclusion::is_news) {
            let mut transaction = self.pool.begin().await.checked()?;
            let applied = applied(&query.fetch_one(&mut *transaction).await.checked()?)?;
            let told = || conclusions.iter().filter(|c| applied.contains(&c.record.key.delivery.0));
            for end in told().filter_map(|conclusion| conclusion.key_end.as_ref()) {
                put_key_end(&mut transaction, end).await?;
            }
            notices::of_conclusions(&mut transaction, told(), self.shards).await?;
            transaction.commit().await.checked()?;
            applied
        } else {
            applied(&query.fetch_one(&self.pool).await.checked()?)?
        };
        let answer = |conclusion: &Conclusion| {
            if applied.contains(&conclusion.record.key.delivery.0) {
                Concluded::Applied
            } else {
                Concluded::NotCurrent
            }
        };
        Ok(conclusions.iter().map(answer).collect())
    }
}
