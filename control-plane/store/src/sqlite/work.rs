//! Unfinished deliveries: looked for, given back, ended by a decision.
//!
//! How they are claimed is in [`super::claim`], what results make of them in
//! [`super::conclude`].
//!
//! Keeps the invariant `cost-follows-what-is-found`.

use async_trait::async_trait;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryStatus, EndReason, LateResult, Trigger,
};
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch, Shard, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use uuid::Uuid;

use super::bulk::{BoundValues, id_list};
use super::conclude;
use super::engine::SqliteStore;
use super::outbox;
use super::rows::{RowReader, integer};
use super::work_rows::end;
use crate::codec;
use crate::error::StoreResult;
use crate::sql_file::without_comment;
use crate::work::{
    CancelOutcome, ClaimLimits, ClaimRequest, ClaimedDelivery, Conclusion, ConclusionOutcome,
    EndWaitingRequest, SubscriptionBacklog, WaitingSubscription, WorkStore,
};

pub(super) const SELECT_WAITING_SUBSCRIPTIONS: &str =
    without_comment(include_str!("../../sql/sqlite/select_waiting_subscriptions.sql"));

const SELECT_STALE: &str = "SELECT d.id, d.tenant, d.subscription, d.event, d.event_type,
        d.account, d.shard, d.epoch, d.state, d.end_reason, d.attempts, d.failures, d.cause,
        d.due, d.deadline, d.end_time, d.ordering_key, d.sequence, d.test, d.resend_of,
        d.filter_failed
    FROM json_each(?1) j
    CROSS JOIN deliveries d INDEXED BY deliveries_in_flight ON d.state = 3 /* IN_FLIGHT */
        AND d.shard = j.value ->> 0
        AND d.epoch < j.value ->> 1
    LIMIT ?2";
const SELECT_OWN: &str = "SELECT d.id, d.tenant, d.subscription, d.event, d.event_type, d.account,
        d.shard, d.epoch, d.state, d.end_reason, d.attempts, d.failures, d.cause, d.due,
        d.deadline, d.end_time, d.ordering_key, d.sequence, d.test, d.resend_of, d.filter_failed
    FROM json_each(?1) j
    CROSS JOIN deliveries d INDEXED BY deliveries_in_flight ON d.state = 3 /* IN_FLIGHT */
        AND d.shard = j.value ->> 0
        AND d.epoch = j.value ->> 1
        AND d.id > ?3
    ORDER BY d.id LIMIT ?2";

const RETURN_UNSENT: &str = "UPDATE deliveries
    SET state = 2 /* WAITING */, due = ?2, attempts = attempts - 1
    FROM json_each(?1) j
    WHERE deliveries.id = unhex(j.value ->> 0)
        AND deliveries.attempts = j.value ->> 1
        AND deliveries.state = 3 /* IN_FLIGHT */
        AND deliveries.attempts > 0";
const ADOPT_ATTEMPTS: &str = "UPDATE deliveries SET epoch = ?2
    FROM json_each(?1) j
    WHERE deliveries.id = unhex(j.value ->> 0)
        AND deliveries.attempts = j.value ->> 1
        AND deliveries.state = 3 /* IN_FLIGHT */";

const SELECT_WAITING_OF: &str = "SELECT id
    FROM (
        SELECT id FROM deliveries INDEXED BY deliveries_deadline
        WHERE tenant = ?1 AND subscription = ?2 AND state = 2 /* WAITING */ AND deadline <= ?3
        UNION ALL
        SELECT id FROM deliveries INDEXED BY deliveries_deadline
        WHERE tenant = ?1 AND subscription = ?2 AND state = 1 /* HELD */ AND deadline <= ?3
    )
    LIMIT ?4";
const COUNT_BACKLOG: &str = "SELECT count(*), min(id)
    FROM (
        SELECT id
        FROM (
            SELECT id FROM deliveries INDEXED BY deliveries_deadline
            WHERE tenant = ?1 AND subscription = ?2 AND state = 2 /* WAITING */ AND deadline <= ?3
            UNION ALL
            SELECT id FROM deliveries INDEXED BY deliveries_deadline
            WHERE tenant = ?1 AND subscription = ?2 AND state = 1 /* HELD */ AND deadline <= ?3
        )
        LIMIT ?4
    )";

const COUNT_DUE_DELIVERIES: &str = "SELECT count(*)
    FROM (
        SELECT 1 FROM deliveries
        WHERE shard = ?1
            AND tenant = ?2
            AND subscription = ?3
            AND state = 2 /* WAITING */
            AND due <= ?4
        LIMIT ?5
    )";

/// Holds the keys of these deliveries, for the first event of each.
const HOLD_KEYS_OF_DELIVERIES: &str = "INSERT INTO held_keys (
        tenant, subscription, ordering_key, event, held, quiet_until
    )
    SELECT d.tenant, d.subscription, d.ordering_key, d.event, 1, 0 FROM json_each(?1) j
    CROSS JOIN deliveries d ON d.id = unhex(j.value)
    WHERE d.ordering_key IS NOT NULL
    ORDER BY d.sequence
    ON CONFLICT (tenant, subscription, ordering_key) DO UPDATE
        SET event = excluded.event, held = 1
        WHERE held = 0";

const SELECT_UNFINISHED: &str =
    "SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state, end_reason,
        attempts, failures, cause, due, deadline, end_time, ordering_key, sequence, test,
        resend_of, filter_failed
    FROM deliveries
    WHERE tenant = ? AND id = ?";
const SELECT_ENDED: &str = "SELECT state FROM ended_deliveries WHERE tenant = ? AND id = ?";
const MAKE_DUE: &str = "UPDATE deliveries SET due = ?3, cause = ?4
    WHERE tenant = ?1 AND id = ?2 AND state = 2 /* WAITING */";

#[async_trait]
impl WorkStore for SqliteStore {
    async fn conclude(
        &self,
        batch: &[Conclusion],
        now: Timestamp,
    ) -> StoreResult<Vec<ConclusionOutcome>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let concluded = conclude::conclude(&mut tx, batch, now).await?;
        outbox::of_conclusions(&mut tx, batch, &concluded, self.shards).await?;
        tx.commit().await?;
        Ok(concluded)
    }

    async fn conclude_late(
        &self,
        record: &AttemptRecord,
        now: Timestamp,
    ) -> StoreResult<LateResult> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let late = conclude::late(&mut tx, record, now).await?;
        tx.commit().await?;
        Ok(late)
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
        let shards: Vec<u16> = shards.iter().map(|shard| shard.0).collect();
        let mut values = BoundValues::default();
        values.add(codec::to_json(&shards)?);
        let rows = values.run(&mut *self.reader().await?, SELECT_WAITING_SUBSCRIPTIONS).await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                Ok(WaitingSubscription {
                    subscription: SubscriptionKey {
                        tenant: columns.tenant()?,
                        subscription: columns.subscription()?,
                    },
                    shard: columns.shard()?,
                    first_due: columns.time()?,
                    first_deadline: columns.time()?,
                })
            })
            .collect()
    }

    async fn stale_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let mut values = BoundValues::default();
        values.add(lease_list(shards)?).add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, SELECT_STALE).await?;
        self.unreadable.readable(rows.iter().map(|row| RowReader::of(row).delivery()))
    }

    async fn own_in_flight(
        &self,
        shards: &[(Shard, Epoch)],
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        // Every id is above the empty one.
        let mut after = after.map(|id| id.0.into_bytes().to_vec()).unwrap_or_default();
        let (mut found, list, most) = (Vec::new(), lease_list(shards)?, limit as usize);
        loop {
            let mut values = BoundValues::default();
            values.add(list.clone()).add(i64::from(limit)).add(after);
            let rows = values.run(&mut *self.reader().await?, SELECT_OWN).await?;
            let read = rows.iter().map(|row| RowReader::of(row).delivery());
            found.extend(self.unreadable.readable(read)?);
            match rows.last() {
                // A page with fewer is the last one.
                Some(last) if rows.len() >= most && found.len() < most => {
                    after = RowReader::of(last).bytes()?.to_vec();
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
        self.change_attempts(RETURN_UNSENT, keys, due.as_micros()).await
    }

    async fn adopt(&self, keys: &[AttemptKey], epoch: Epoch) -> StoreResult<()> {
        self.change_attempts(ADOPT_ATTEMPTS, keys, integer(epoch.0)).await
    }

    async fn end_waiting(
        &self,
        request: &EndWaitingRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut values = BoundValues::default();
        values
            .text(request.subscription.tenant.as_str())
            .text(request.subscription.subscription.as_str())
            .add(request.deadline_before.unwrap_or(Timestamp::MAX).as_micros())
            .add(i64::from(limit));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let mut ids = Vec::new();
        for row in values.run(&mut tx, SELECT_WAITING_OF).await? {
            ids.push(DeliveryId(RowReader::of(&row).id()?));
        }
        if request.hold_keys {
            let mut values = BoundValues::default();
            let list = id_list(ids.iter().map(|id| id.0));
            values.add(list);
            values.change(&mut tx, HOLD_KEYS_OF_DELIVERIES).await?;
        }
        if let Some(endpoint) = &request.endpoint_for_events {
            outbox::of_ends(&mut tx, endpoint, &ids, request, self.shards).await?;
        }
        let ended = end(&mut tx, &ids, request.state, Some(request.reason), now).await?;
        tx.commit().await?;
        Ok(ended)
    }

    async fn cancel(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        reason: EndReason,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<CancelOutcome> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let rows = named(tenant, id).run(&mut tx, SELECT_UNFINISHED).await?;
        let Some(row) = rows.first() else {
            let rows = named(tenant, id).run(&mut tx, SELECT_ENDED).await?;
            return rows.first().map_or(Ok(CancelOutcome::NotFound), |row| {
                let state = codec::delivery_state(RowReader::of(row).int()?)?;
                Ok(CancelOutcome::AlreadyEnded(state))
            });
        };
        let under_way = RowReader::of(row).delivery()?.cancelled_under_way(now);
        if let Some(record) = &under_way {
            let standing =
                DeliveryStatus { state: DeliveryState::Cancelled, end_reason: Some(reason) };
            conclude::put_unless_known(&mut tx, record, standing, now).await?;
        }
        end(&mut tx, &[id], DeliveryState::Cancelled, Some(reason), now).await?;
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(CancelOutcome::Done { in_flight: under_way.map(|record| record.key) })
    }

    async fn bring_forward(
        &self,
        tenant: &TenantId,
        id: DeliveryId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut values = named(tenant, id);
        values.add(now.as_micros()).add(Trigger::Manual.code());
        self.change_audited(values, MAKE_DUE, audit).await
    }

    async fn count_due(
        &self,
        key: &SubscriptionKey,
        shard: Shard,
        now: Timestamp,
        cap: u32,
    ) -> StoreResult<u32> {
        let mut values = BoundValues::default();
        values
            .add(i64::from(shard.0))
            .text(key.tenant.as_str())
            .text(key.subscription.as_str())
            .add(now.as_micros())
            .add(i64::from(cap));
        let rows = values.run(&mut *self.reader().await?, COUNT_DUE_DELIVERIES).await?;
        let Some(row) = rows.first() else { return Ok(0) };
        RowReader::of(row).number("count")
    }

    async fn backlog(&self, key: &SubscriptionKey, cap: u32) -> StoreResult<SubscriptionBacklog> {
        let mut values = BoundValues::default();
        values
            .text(key.tenant.as_str())
            .text(key.subscription.as_str())
            .add(Timestamp::MAX.as_micros())
            .add(i64::from(cap));
        let rows = values.run(&mut *self.reader().await?, COUNT_BACKLOG).await?;
        let Some(row) = rows.first() else {
            return Ok(SubscriptionBacklog::default());
        };
        let mut columns = RowReader::of(row);
        Ok(SubscriptionBacklog {
            count: columns.number("count")?,
            oldest: columns.get::<Option<Uuid>>()?.map(|id| DeliveryId(id).time()),
        })
    }
}

impl SqliteStore {
    /// Runs a statement over attempts that are still current.
    async fn change_attempts(
        &self,
        sql: &'static str,
        keys: &[AttemptKey],
        value: i64,
    ) -> StoreResult<()> {
        let list: Vec<(String, u32)> =
            keys.iter().map(|key| (key.delivery.0.as_simple().to_string(), key.number)).collect();
        let mut values = BoundValues::default();
        values.add(codec::to_json(&list)?).add(value);
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        values.change(&mut tx, sql).await?;
        tx.commit().await
    }
}

fn named(tenant: &TenantId, id: DeliveryId) -> BoundValues {
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).id(id.0);
    values
}

fn lease_list(shards: &[(Shard, Epoch)]) -> StoreResult<String> {
    let list: Vec<(u16, u64)> = shards.iter().map(|(shard, epoch)| (shard.0, epoch.0)).collect();
    codec::to_json(&list)
}
