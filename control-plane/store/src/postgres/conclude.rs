//! Results applied: one statement for a batch.
//!
//! The statement removes the deliveries that end and gives those that go on a new
//! due time, as far as they are IN_FLIGHT at the attempt concluded; only what that
//! touched is recorded and counted. The attempt that ends a delivery is in the ended
//! delivery's row, any other in one of its own.

use std::collections::HashSet;

use postrider_domain::delivery::{AttemptRecord, DeliveryTransition};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::{AttemptArrays, int};
use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::maintenance::READY_LIMIT;
use super::numbers::{BatchNumbers, SubscriptionNumbers};
use super::ordering::put_key_end;
use super::outbox;
use super::query::query_with_room;
use super::rows::get;
use super::tail::RecordingTransaction;
use crate::codec;
use crate::error::StoreResult;
use crate::maintenance::rehearsal;
use crate::sql_file::without_comment;
use crate::work::{Conclusion, ConclusionOutcome};

const CONCLUDE_ENDED: &str = without_comment(include_str!("../../sql/postgres/conclude_ended.sql"));

const CONCLUDE_WITH_RETRIES: &str =
    without_comment(include_str!("../../sql/postgres/conclude_with_retries.sql"));

const INSERT_REHEARSAL: &str = "INSERT INTO deliveries (
        id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed
    )
    VALUES (
        $1, $2, $3, $4, $5, NULL, 0, 0, 3 /* IN_FLIGHT */, 1, 0, 1 /* PUBLISH */, $6, $6, NULL,
        NULL, false, NULL, false
    )";

/// Room for an attempt's parameters beside its response's headers and body, with a little for
/// their texts. If it is not enough, they are copied once more.
const ATTEMPT_ROOM_BYTES: usize = 768;

#[derive(Default)]
struct ConcludeParameters<'a> {
    attempts: AttemptArrays<'a>,
    ends: Vec<Uuid>,
    /// Those that were not at their first attempt.
    later: (Vec<Uuid>, Vec<i32>),
    retries: (Vec<Uuid>, Vec<i32>, Vec<i64>, Vec<i32>),
    /// When the attempts of those that go on are recorded: not before any of the deliveries was
    /// made.
    record_time: Timestamp,
}

impl<'a> ConcludeParameters<'a> {
    fn push(
        &mut self,
        conclusion: &'a Conclusion,
        numbers: &BatchNumbers<'_>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let key = conclusion.record.key;
        let end_time = key.delivery.no_earlier(now);
        self.record_time = self.record_time.max(end_time);
        let ends = matches!(conclusion.transition, DeliveryTransition::End { .. });
        let ended = ends.then_some((&conclusion.delivery, end_time));
        let standing = Some(conclusion.transition.standing());
        let of = numbers.of(&conclusion.record.subscription)?;
        self.attempts.push(&conclusion.record, of, standing, ended)?;
        match conclusion.transition {
            DeliveryTransition::End { .. } => {
                self.ends.push(key.delivery.0);
                if key.number != 1 {
                    self.later.0.push(key.delivery.0);
                    self.later.1.push(int(key.number));
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
        let mut call = self.call("conclude");
        let numbers = self.numbers_of(&mut call, conclusions).await?;
        let numbers = &numbers;
        let applied = if conclusions.iter().any(Conclusion::has_side_effects) {
            let mut transaction = RecordingTransaction::begin(&mut call).await?;
            let applied = apply(&mut transaction, conclusions, numbers, now).await?;
            let applied_conclusions =
                || conclusions.iter().filter(|conclusion| applied.has(conclusion));
            for end in applied_conclusions().filter_map(|conclusion| conclusion.key_end.as_ref()) {
                put_key_end(&mut transaction, end).await?;
            }
            outbox::of_conclusions(&mut transaction, applied_conclusions(), self.shards).await?;
            transaction.commit().await?;
            applied
        } else {
            apply(&mut call, conclusions, numbers, now).await?
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

    async fn numbers_of<'c>(
        &self,
        call: &mut DatabaseCall<'_>,
        conclusions: &'c [Conclusion],
    ) -> StoreResult<BatchNumbers<'c>> {
        let keys = conclusions.iter().map(|conclusion| &conclusion.record.subscription);
        let mut numbers = self.numbers.look_up(std::iter::empty(), keys);
        self.numbers.complete(call, &mut numbers).await?;
        Ok(numbers)
    }

    /// Concludes a made-up delivery and rolls it back.
    pub(super) async fn rehearse(&self, now: Timestamp) -> StoreResult<()> {
        let (delivery, conclusion) = rehearsal(now);
        // Without a commit it is rolled back.
        let mut call = self.call_for("rehearse_conclusion", READY_LIMIT);
        let batch = std::slice::from_ref(&conclusion);
        let numbers = self.numbers_of(&mut call, batch).await?;
        let SubscriptionNumbers { tenant, subscription } = numbers.of(&delivery.subscription)?;
        let mut transaction = RecordingTransaction::begin(&mut call).await?;
        transaction
            .execute(
                sqlx::query(INSERT_REHEARSAL)
                    .bind(delivery.id.0)
                    .bind(tenant)
                    .bind(subscription)
                    .bind(delivery.event.0)
                    .bind(&delivery.event_type)
                    .bind(now.as_micros()),
            )
            .await?;
        let applied = apply(&mut transaction, batch, &numbers, now).await?;
        match applied.has(&conclusion) {
            true => Ok(()),
            false => Err(codec::corrupt("a delivery that is IN_FLIGHT cannot be concluded")),
        }
    }
}

/// What an attempt takes about as parameters.
fn room_for(record: &AttemptRecord) -> usize {
    let headers = record.response_headers.iter();
    let headers = headers.map(|(name, value)| 2 * size_of::<u32>() + name.len() + value.len());
    ATTEMPT_ROOM_BYTES + headers.sum::<usize>() + record.response_body.len()
}

/// Applies results by the one statement.
async fn apply(
    call: &mut DatabaseCall<'_>,
    conclusions: &[Conclusion],
    numbers: &BatchNumbers<'_>,
    now: Timestamp,
) -> StoreResult<AppliedConclusions> {
    let mut batch = ConcludeParameters {
        attempts: AttemptArrays::with_capacity(conclusions.len()),
        ends: Vec::with_capacity(conclusions.len()),
        ..ConcludeParameters::default()
    };
    let mut room_bytes = 0;
    for conclusion in conclusions {
        batch.push(conclusion, numbers, now)?;
        room_bytes += room_for(&conclusion.record);
    }
    let (later, later_numbers) = batch.later;
    let (retried, retried_numbers, dues, failures) = batch.retries;
    let go_on = !retried.is_empty();
    let sql = if go_on { CONCLUDE_WITH_RETRIES } else { CONCLUDE_ENDED };
    let query = query_with_room(sql, room_bytes);
    let query = batch.attempts.bind(query).bind(batch.ends).bind(later).bind(later_numbers);
    let mut query = query.bind(i64::try_from(conclusions.len()).unwrap_or(i64::MAX));
    if go_on {
        query = query
            .bind(batch.record_time.as_micros())
            .bind(retried)
            .bind(retried_numbers)
            .bind(dues)
            .bind(failures);
    }
    AppliedConclusions::of(&call.one_row(query).await?)
}
