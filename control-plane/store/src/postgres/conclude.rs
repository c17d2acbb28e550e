//! Results applied: one statement for a batch.
//!
//! The statement removes the deliveries that end and gives those that go on a new
//! due time, as far as they are IN_FLIGHT at the attempt concluded; only what that
//! touched is recorded and counted.

use std::collections::HashSet;

use postrider_domain::delivery::{DeliveryState, DeliveryTransition};
use postrider_domain::time::Timestamp;
use sqlx::PgExecutor;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::PostgresStore;
use super::arrays::{AttemptArrays, int};
use super::errors::Checked as _;
use super::ordering::put_key_end;
use super::outbox;
use super::rows::{attempt_columns, delivery_columns, get};
use super::tail::RecordingTransaction;
use crate::codec;
use crate::error::StoreResult;
use crate::maintenance::rehearsal;
use crate::work::{Conclusion, ConclusionOutcome};

/// Records attempts for which a condition on `delivery` holds; parameter 1 the
/// attempts, 8 when they are recorded. Stands in the first statement of a transaction,
/// or in a [`RecordingTransaction`].
macro_rules! record_attempts {
    ($condition:expr) => {
        concat!(
            "INSERT INTO attempts (",
            attempt_columns!(),
            ", record_time, commit_number) SELECT ",
            attempt_columns!(),
            ", $8::bigint, (SELECT base + pg_current_xact_id()::text::bigint FROM attempt_numbering)
            FROM unnest($1::attempt_input[]) AS a WHERE ",
            $condition
        )
    };
}

/// Counts attempts: 2 to 6 say what they are counted as, and 7 how many of the batch
/// are, by their durations (`latency`), which is right when `$all` of it was recorded;
/// otherwise those are counted for which a condition on `delivery` holds. The rows are
/// locked in their order: two replicas must not wait for each other in a circle.
macro_rules! count_attempts {
    ($all:expr, $condition:expr) => {
        concat!(
            "INSERT INTO attempt_stats AS s (tenant, subscription, hour, outcome, octave, counts)
            SELECT tenant, subscription, hour, outcome, octave, n
            FROM (SELECT tenant, subscription, hour, outcome, octave, CASE WHEN ",
            $all,
            " THEN n::numeric ELSE (SELECT array_agg(n ORDER BY tally) FROM (
                        SELECT tally, coalesce(sum(CASE WHEN ",
            $condition,
            " THEN ('1' || repeat('0', 12 * ((least(total_us, 4294967295)
                            >> greatest(($6::smallint[])[tally] - 1, 0)) % 64)::integer))::numeric
                        END), 0) AS n FROM unnest($1::attempt_input[]) AS a
                        WHERE tally IS NOT NULL GROUP BY tally) counted)[tally] END AS n
                FROM unnest($2::text[], $3::text[], $4::bigint[], $5::smallint[], $6::smallint[],
                    $7::text[]) WITH ORDINALITY
                    AS t(tenant, subscription, hour, outcome, octave, n, tally)) tallied
            WHERE n > 0 ORDER BY 1, 2, 3, 4, 5
            ON CONFLICT (tenant, subscription, hour, outcome, octave)
                DO UPDATE SET counts = s.counts + excluded.counts"
        )
    };
}
pub(super) use {count_attempts, record_attempts};

/// Where all were applied, no row is looked up. `IS TRUE` keeps the condition a
/// hashed subplan: as a join it would be a loop over the whole batch for each of its
/// rows.
macro_rules! applied {
    () => {
        "((SELECT yes FROM everything) OR (delivery IN (SELECT id FROM applied)) IS TRUE)"
    };
}

/// Rows are found by `= ANY`, by their ids one by one or in one pass; a join of
/// the batch with the table would be quadratic as soon as the planner believes
/// that the table is small. What belongs to a row is looked up by its place among
/// those that are not as most are: most deliveries end, at their first attempt, and
/// SUCCEEDED (4).
///
/// Parameters: 1 to 8 the attempts, 9 what ends, 10 and 11 what of it was not its
/// delivery's first attempt, 12 to 14 what of it ends otherwise, 15 how many attempts
/// there are, 16 now, 17 and 18 what of it was made by a clock that is ahead of now, 19
/// to 22 what goes on. 2 is WAITING, 3 IN_FLIGHT (`+ 0` keeps the planner from reading
/// everything that is in flight); as a trigger, 2 is RETRY.
macro_rules! conclude {
    (again: [$($again:expr)?], applied: $applied:expr) => {
        concat!(
            "WITH gone AS (DELETE FROM deliveries d
                WHERE d.id = ANY($9::uuid[]) AND d.state + 0 = 3
                    AND d.attempts = coalesce(($11::int[])[array_position($10::uuid[], d.id)], 1)
                RETURNING d.*,
                    coalesce(($13::smallint[])[array_position($12::uuid[], d.id)], 4::smallint)
                        AS end_state,
                    ($14::smallint[])[array_position($12::uuid[], d.id)] AS end_reason)",
            $($again,)?
            ", applied AS MATERIALIZED (", $applied, ")
            , everything AS MATERIALIZED (SELECT count(*) = $15::bigint AS yes FROM applied)
            , ended AS (INSERT INTO ended_deliveries (", delivery_columns!(), ", end_reason, end_time)
                SELECT id, tenant, subscription, event, event_type, account, shard, epoch, end_state,
                    attempts, failures, trigger, due, deadline, ordering_key, sequence, test,
                    resend_of, filter_failed, end_reason,
                    coalesce(($18::bigint[])[array_position($17::uuid[], id)], $16::bigint)
                FROM gone)
            , recorded AS (", record_attempts!(applied!()), ")
            , counted AS (", count_attempts!("(SELECT yes FROM everything)", applied!()), ")
            SELECT CASE WHEN NOT (SELECT yes FROM everything)
                THEN coalesce((SELECT array_agg(id) FROM applied), '{}') END AS applied"
        )
    };
}

const CONCLUDE_ENDED: &str = conclude!(again: [], applied: "SELECT id FROM gone");

const CONCLUDE_WITH_RETRIES: &str = conclude!(
    again: [", again AS (UPDATE deliveries d
            SET state = 2, trigger = 2,
                due = ($21::bigint[])[array_position($19::uuid[], d.id)],
                failures = ($22::int[])[array_position($19::uuid[], d.id)]
            WHERE d.id = ANY($19::uuid[]) AND d.state + 0 = 3
                AND d.attempts = ($20::int[])[array_position($19::uuid[], d.id)]
            RETURNING d.id)"],
    applied: "SELECT id FROM gone UNION ALL SELECT id FROM again"
);

/// 3 IN_FLIGHT, at its first attempt, by its publish (1).
const INSERT_REHEARSAL: &str = concat!(
    "INSERT INTO deliveries (",
    delivery_columns!(),
    ") VALUES ($1, $2, $3, $4, $5, NULL, 0, 0, 3, 1, 0, 1, $6, $6, NULL, NULL, false, NULL, false)"
);

#[derive(Default)]
struct ConcludeParameters<'a> {
    attempts: AttemptArrays<'a>,
    ends: Vec<Uuid>,
    /// Those that were not at their first attempt.
    later: (Vec<Uuid>, Vec<i32>),
    /// Those that do not end SUCCEEDED.
    otherwise: (Vec<Uuid>, Vec<i16>, Vec<Option<i16>>),
    /// Those that end and were made by a clock that is ahead of now, with their times.
    ahead: (Vec<Uuid>, Vec<i64>),
    retries: (Vec<Uuid>, Vec<i32>, Vec<i64>, Vec<i32>),
    /// When the attempts are recorded: not before any of their deliveries was made.
    record_time: Timestamp,
}

impl<'a> ConcludeParameters<'a> {
    fn push(&mut self, conclusion: &'a Conclusion, now: Timestamp) -> StoreResult<()> {
        let key = conclusion.record.key;
        let end_time = key.delivery.no_earlier(now);
        self.record_time = self.record_time.max(end_time);
        let standing = conclusion.transition.standing();
        self.attempts.push(&conclusion.record, Some(standing))?;
        match conclusion.transition {
            DeliveryTransition::End { state, reason } => {
                self.ends.push(key.delivery.0);
                if end_time > now {
                    self.ahead.0.push(key.delivery.0);
                    self.ahead.1.push(end_time.as_micros());
                }
                if key.number != 1 {
                    self.later.0.push(key.delivery.0);
                    self.later.1.push(int(key.number));
                }
                if state != DeliveryState::Succeeded {
                    self.otherwise.0.push(key.delivery.0);
                    self.otherwise.1.push(state.code());
                    self.otherwise.2.push(reason.map(|reason| reason.code()));
                }
            }
            DeliveryTransition::Retry { due, failures } => {
                self.retries.0.push(key.delivery.0);
                self.retries.1.push(int(key.number));
                self.retries.2.push(due.as_micros());
                self.retries.3.push(int(failures));
            }
        }
        Ok(())
    }
}

/// Which conclusions of a batch were applied.
enum AppliedConclusions {
    All,
    These(HashSet<Uuid>),
}

impl AppliedConclusions {
    fn of(row: &PgRow) -> StoreResult<Self> {
        let ids: Option<Vec<Uuid>> = get(row, "applied")?;
        Ok(ids.map_or(Self::All, |ids| Self::These(ids.into_iter().collect())))
    }

    fn has(&self, conclusion: &Conclusion) -> bool {
        match self {
            Self::All => true,
            Self::These(ids) => ids.contains(&conclusion.record.key.delivery.0),
        }
    }
}

impl PostgresStore {
    pub(super) async fn conclude_batch(
        &self,
        conclusions: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<ConclusionOutcome>> {
        if conclusions.is_empty() {
            return Ok(Vec::new());
        }
        let applied = if conclusions.iter().any(Conclusion::has_side_effects) {
            let mut transaction = RecordingTransaction::begin(&self.pool).await?;
            let applied = apply(&mut *transaction, conclusions, now).await?;
            let told = || conclusions.iter().filter(|conclusion| applied.has(conclusion));
            for end in told().filter_map(|conclusion| conclusion.key_end.as_ref()) {
                put_key_end(&mut transaction, end).await?;
            }
            outbox::of_conclusions(&mut transaction, told(), self.shards).await?;
            transaction.commit().await?;
            applied
        } else {
            apply(&self.pool, conclusions, now).await?
        };
        let answer = |conclusion: &Conclusion| {
            if applied.has(conclusion) {
                ConclusionOutcome::Applied
            } else {
                ConclusionOutcome::NotCurrent
            }
        };
        Ok(conclusions.iter().map(answer).collect())
    }

    /// Concludes a made-up delivery and rolls it back.
    pub(super) async fn rehearse(&self, now: Timestamp) -> StoreResult<()> {
        let (delivery, conclusion) = rehearsal(now);
        // Dropping the transaction rolls it back.
        let mut transaction = RecordingTransaction::begin(&self.pool).await?;
        sqlx::query(INSERT_REHEARSAL)
            .bind(delivery.id.0)
            .bind(delivery.subscription.tenant.as_str())
            .bind(delivery.subscription.subscription.as_str())
            .bind(delivery.event.0)
            .bind(&delivery.event_type)
            .bind(now.as_micros())
            .execute(&mut *transaction)
            .await
            .checked()?;
        let applied = apply(&mut *transaction, std::slice::from_ref(&conclusion), now).await?;
        match applied.has(&conclusion) {
            true => Ok(()),
            false => Err(codec::corrupt("a delivery that is IN_FLIGHT cannot be concluded")),
        }
    }
}

/// Applies results by the one statement.
async fn apply(
    executor: impl PgExecutor<'_>,
    conclusions: &[Conclusion],
    now: Timestamp,
) -> StoreResult<AppliedConclusions> {
    let mut batch = ConcludeParameters::default();
    for conclusion in conclusions {
        batch.push(conclusion, now)?;
    }
    let (later, numbers) = batch.later;
    let (others, states, reasons) = batch.otherwise;
    let (ahead, ahead_times) = batch.ahead;
    let (retried, retried_numbers, dues, failures) = batch.retries;
    let go_on = !retried.is_empty();
    let query = sqlx::query(if go_on { CONCLUDE_WITH_RETRIES } else { CONCLUDE_ENDED });
    let query = batch.attempts.bind(query).bind(batch.record_time.as_micros());
    let query = query.bind(batch.ends).bind(later).bind(numbers);
    let query = query.bind(others).bind(states).bind(reasons);
    let query = query.bind(i64::try_from(conclusions.len()).unwrap_or(i64::MAX));
    let mut query = query.bind(now.as_micros()).bind(ahead).bind(ahead_times);
    if go_on {
        query = query.bind(retried).bind(retried_numbers).bind(dues).bind(failures);
    }
    AppliedConclusions::of(&query.fetch_one(executor).await.checked()?)
}
