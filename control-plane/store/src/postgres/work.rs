//! Unfinished deliveries, as [`WorkStore`] asks for them.
//!
//! Keeps the invariant `cost-follows-what-is-found`.

use async_trait::async_trait;
use postrider_domain::delivery::{AttemptRecord, Delivery, EndReason, LateResult};
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, Shard, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::{epoch, int};
use super::engine::PostgresStore;
use super::query::PgQuery;
use super::rows::{self, get, named_subscription_key, shard, time};
use crate::codec;
use crate::error::StoreResult;
use crate::sql_file::without_comment;
use crate::work::{
    CancelOutcome, ClaimLimits, ClaimRequest, ClaimedDelivery, Conclusion, ConclusionOutcome,
    EndWaitingRequest, SubscriptionBacklog, WaitingSubscription, WorkStore,
};

const SELECT_WAITING_SUBSCRIPTIONS: &str =
    without_comment(include_str!("../../sql/postgres/select_waiting_subscriptions.sql"));

const SELECT_STALE: &str = "SELECT d.* FROM unnest($1::integer[], $2::bigint[]) AS s(at, below)
    CROSS JOIN LATERAL (
        SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
            (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
            event, event_type, account, shard, epoch, state, attempts, failures, trigger, due,
            deadline, ordering_key, sequence, test, resend_of, filter_failed,
            NULL::smallint AS end_reason, NULL::bigint AS end_time
        FROM deliveries
        WHERE shard = s.at AND epoch < s.below AND state = 3 /* IN_FLIGHT */
        ORDER BY epoch, id LIMIT $3
    ) d
    LIMIT $3";

/// In the order of the index of what is in flight: in the order of ids alone, the
/// planner went through all deliveries by their primary key while it took most of them
/// for IN_FLIGHT.
const SELECT_OWN: &str = "SELECT d.* FROM unnest($1::integer[], $2::bigint[]) AS s(at, exactly)
    CROSS JOIN LATERAL (
        SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
            (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
            event, event_type, account, shard, epoch, state, attempts, failures, trigger, due,
            deadline, ordering_key, sequence, test, resend_of, filter_failed,
            NULL::smallint AS end_reason, NULL::bigint AS end_time
        FROM deliveries
        WHERE shard = s.at
            AND (epoch, id) > (s.exactly, $4)
            AND epoch <= s.exactly
            AND state = 3 /* IN_FLIGHT */
        ORDER BY epoch, id LIMIT $3
    ) d
    ORDER BY d.id LIMIT $3";

/// Found by `= ANY` and not by a join, as in `conclude`.
const RETURN_UNSENT: &str = "UPDATE deliveries d
    SET state = 2 /* WAITING */, attempts = d.attempts - 1, due = $3
    WHERE d.id = ANY($1::uuid[])
        AND d.state + 0 = 3 /* IN_FLIGHT */
        AND d.attempts = ($2::integer[])[array_position($1::uuid[], d.id)]";

const ADOPT_ATTEMPTS: &str = "UPDATE deliveries d SET epoch = $3
    WHERE d.id = ANY($1::uuid[])
        AND d.state + 0 = 3 /* IN_FLIGHT */
        AND d.attempts = ($2::integer[])[array_position($1::uuid[], d.id)]";

const MAKE_DUE: &str = "UPDATE deliveries SET due = $3, trigger = 3 /* MANUAL */
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND state + 0 = 2 /* WAITING */";

/// There is no smallest uuid before PostgreSQL 18; as text they sort alike.
const COUNT_BACKLOG: &str = r#"SELECT count(*) AS count, min(id::text COLLATE "C") AS oldest
    FROM (
        SELECT id FROM deliveries
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND subscription = (
                SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $2
            )
            AND state IN (1 /* HELD */, 2 /* WAITING */)
        LIMIT $3
    ) d"#;

const COUNT_DUE_DELIVERIES: &str = "SELECT count(*) AS count
    FROM (
        SELECT FROM deliveries
        WHERE shard = $1
            AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)
            AND subscription = (
                SELECT n.number FROM subscription_numbers n WHERE n.tenant = $2 AND n.id = $3
            )
            AND state = 2 /* WAITING */
            AND due <= $4
        LIMIT $5
    ) d";

#[async_trait]
impl WorkStore for PostgresStore {
    async fn conclude(
        &self,
        batch: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<ConclusionOutcome>> {
        self.conclude_batch(batch, now).await
    }

    async fn conclude_late(
        &self,
        record: &AttemptRecord,
        now: Timestamp,
    ) -> StoreResult<LateResult> {
        self.conclude_one_late(record, now).await
    }

    async fn claim_due(
        &self,
        claims: &[ClaimRequest],
        now: Timestamp,
        limits: ClaimLimits,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        self.claim(claims, now, limits).await
    }

    async fn waiting(&self, shards: &[Shard]) -> StoreResult<Vec<WaitingSubscription>> {
        let mut call = self.call("waiting");
        let rows = call
            .rows(
                sqlx::query(SELECT_WAITING_SUBSCRIPTIONS)
                    .bind(shards.iter().map(|shard| i32::from(shard.0)).collect::<Vec<_>>()),
            )
            .await?;
        self.unreadable.readable(rows.iter().map(waiting_subscription))
    }

    async fn stale_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let mut call = self.call("stale_in_flight");
        let query = leases(SELECT_STALE, shards)?.bind(i64::from(limit));
        let rows = call.rows(query).await?;
        self.unreadable.readable(rows.iter().map(rows::delivery))
    }

    async fn own_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let mut call = self.call("own_in_flight");
        let mut after = after.map_or(Uuid::nil(), |id| id.0);
        let (mut found, most) = (Vec::new(), limit as usize);
        loop {
            let query = leases(SELECT_OWN, shards)?.bind(i64::from(limit)).bind(after);
            let rows = call.rows(query).await?;
            found.extend(self.unreadable.readable(rows.iter().map(rows::delivery))?);
            match rows.last() {
                // A page with fewer is the last one.
                Some(last) if rows.len() >= most && found.len() < most => {
                    after = get(last, "id")?;
                }
                _ => return Ok(found),
            }
        }
    }

    async fn load_work(
        &self,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<ClaimedDelivery>> {
        self.load(ids, now).await
    }

    async fn release(&self, keys: &[AttemptKey], due: Timestamp) -> StoreResult<()> {
        let mut call = self.call("release");
        let query = attempts(RETURN_UNSENT, keys).bind(due.as_micros());
        call.execute(query).await?;
        Ok(())
    }

    async fn adopt(&self, keys: &[AttemptKey], to: Epoch) -> StoreResult<()> {
        let mut call = self.call("adopt");
        let query = attempts(ADOPT_ATTEMPTS, keys).bind(epoch(to.0)?);
        call.execute(query).await?;
        Ok(())
    }

    async fn end_waiting(
        &self,
        request: &EndWaitingRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        self.end_found_waiting(request, now, limit).await
    }

    async fn cancel(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<CancelOutcome> {
        self.cancel_one(tenant, id, reason, now, audit).await
    }

    async fn bring_forward(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let (_turn, mut call) = self.change_call("bring_forward", audit).await?;
        call.begin().await?;
        let done = call
            .execute(sqlx::query(MAKE_DUE).bind(tenant.as_str()).bind(id.0).bind(now.as_micros()))
            .await?;
        self.commit_change(&mut call, done > 0, audit).await
    }

    async fn count_due(
        &self,
        key: &SubscriptionKey,
        shard: Shard,
        now: Timestamp,
        cap: u32,
    ) -> StoreResult<u32> {
        let mut call = self.call("count_due");
        let row = call
            .one_row(
                sqlx::query(COUNT_DUE_DELIVERIES)
                    .bind(i32::from(shard.0))
                    .bind(key.tenant.as_str())
                    .bind(key.subscription.as_str())
                    .bind(now.as_micros())
                    .bind(i64::from(cap)),
            )
            .await?;
        codec::narrow("count", get(&row, "count")?)
    }

    async fn backlog(&self, key: &SubscriptionKey, cap: u32) -> StoreResult<SubscriptionBacklog> {
        let mut call = self.call("backlog");
        let row = call
            .one_row(
                sqlx::query(COUNT_BACKLOG)
                    .bind(key.tenant.as_str())
                    .bind(key.subscription.as_str())
                    .bind(i64::from(cap)),
            )
            .await?;
        let oldest = get::<Option<&str>>(&row, "oldest")?.map(Uuid::try_parse);
        let oldest = oldest
            .transpose()
            .map_err(|error| codec::corrupt(format_args!("a delivery's id: {error}")))?;
        Ok(SubscriptionBacklog {
            count: codec::narrow("count", get(&row, "count")?)?,
            oldest: oldest.map(|id| DeliveryId(id).time()),
        })
    }
}

fn leases(sql: &'static str, shards: &[(Shard, Epoch)]) -> StoreResult<PgQuery<'static>> {
    let epochs = shards.iter().map(|(_, at)| epoch(at.0)).collect::<StoreResult<Vec<_>>>()?;
    let shards: Vec<i32> = shards.iter().map(|(shard, _)| i32::from(shard.0)).collect();
    Ok(sqlx::query(sql).bind(shards).bind(epochs))
}

fn attempts(sql: &'static str, keys: &[AttemptKey]) -> PgQuery<'static> {
    sqlx::query(sql)
        .bind(keys.iter().map(|key| key.delivery.0).collect::<Vec<Uuid>>())
        .bind(keys.iter().map(|key| int(key.number)).collect::<Vec<_>>())
}

fn waiting_subscription(row: &PgRow) -> StoreResult<WaitingSubscription> {
    Ok(WaitingSubscription {
        subscription: named_subscription_key(row)?,
        shard: shard(row)?,
        first_due: time(row, "first_due")?,
        first_deadline: time(row, "first_deadline")?,
    })
}
