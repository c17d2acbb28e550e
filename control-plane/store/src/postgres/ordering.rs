//! Ordering keys, as [`OrderingStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::event::sha256;
use postrider_domain::ids::{EventId, OrderedKey, SubscriptionKey};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::postgres::PgRow;

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::rows::{self, get, named_subscription_key, subscription_key};
use crate::error::StoreResult;
use crate::ordering::{KeyBacklog, KeyEnd, KeyHold, OrderingStore};
use crate::sql_file::without_comment;

/// One at a time lets a key's deliveries go, and sees, in a statement of its own,
/// what those before it did. The locks are taken in the order given.
const LOCK_KEYS: &str = "SELECT pg_advisory_xact_lock(id) FROM unnest($1::bigint[]) AS k(id)";

const RELEASE_NEXT: &str = without_comment(include_str!("../../sql/postgres/release_next.sql"));

const UPSERT_KEY_HOLD: &str = "INSERT INTO held_keys AS h (
        tenant, subscription, ordering_key, event, held, quiet_until
    )
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant, subscription, ordering_key) DO UPDATE
        SET event = CASE WHEN h.held THEN h.event ELSE excluded.event END,
            held = h.held OR excluded.held,
            quiet_until = greatest(h.quiet_until, excluded.quiet_until)";

const END_HOLD_OF_EVENT: &str = "UPDATE held_keys SET held = false
    WHERE tenant = $1 AND subscription = $2 AND ordering_key = $3 AND event = $4 AND held";

const END_KEY_HOLD: &str = "UPDATE held_keys SET held = false
    WHERE tenant = $1 AND subscription = $2 AND ordering_key = $3 AND held";

const END_KEY_HOLDS: &str =
    "UPDATE held_keys SET held = false WHERE tenant = $1 AND subscription = $2 AND held";

const DELETE_PAST_BLOCKS: &str = "DELETE FROM held_keys WHERE NOT held AND quiet_until <= $1";

const SELECT_KEY_BACKLOGS: &str =
    without_comment(include_str!("../../sql/postgres/select_key_backlogs.sql"));

const RELEASE_ALL_HELD: &str = "UPDATE deliveries d SET state = 2 /* WAITING */, due = $3
    WHERE d.state + 0 = 1 /* HELD */
        AND d.id = ANY(
            ARRAY(
                SELECT id FROM deliveries
                WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
                    AND subscription = (
                        SELECT n.number FROM subscription_numbers n
                        WHERE n.tenant = $1 AND n.id = $2
                    )
                    AND state = 1 /* HELD */
                ORDER BY ordering_key, sequence LIMIT $4
            )
        )";

#[async_trait]
impl OrderingStore for PostgresStore {
    async fn release_next(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut call = self.call("release_next");
        let mut locks: Vec<i64> = keys.iter().map(lock_id).collect();
        locks.sort_unstable();
        locks.dedup();
        call.begin().await?;
        call.execute(sqlx::query(LOCK_KEYS).bind(locks)).await?;
        let gone = call
            .rows(
                sqlx::query(RELEASE_NEXT)
                    .bind(
                        keys.iter()
                            .map(|item| item.subscription.tenant.as_str())
                            .collect::<Vec<_>>(),
                    )
                    .bind(
                        keys.iter()
                            .map(|item| item.subscription.subscription.as_str())
                            .collect::<Vec<_>>(),
                    )
                    .bind(keys.iter().map(|item| item.key.as_str()).collect::<Vec<_>>())
                    .bind(now.as_micros()),
            )
            .await?;
        call.commit().await?;
        rows::read(&gone, subscription_key)
    }

    async fn hold_key(&self, hold: &KeyHold) -> StoreResult<()> {
        let mut call = self.call("hold_key");
        put_hold(&mut call, hold).await
    }

    async fn end_key_hold(&self, key: &OrderedKey, audit: &AuditDraft) -> StoreResult<bool> {
        let (_turn, mut call) = self.change_call("end_key_hold", audit).await?;
        call.begin().await?;
        let done = call
            .execute(
                sqlx::query(END_KEY_HOLD)
                    .bind(key.subscription.tenant.as_str())
                    .bind(key.subscription.subscription.as_str())
                    .bind(key.key.as_str()),
            )
            .await?;
        self.commit_change(&mut call, done > 0, audit).await
    }

    async fn end_key_holds(&self, subscription: &SubscriptionKey) -> StoreResult<()> {
        let mut call = self.call("end_key_holds");
        call.execute(
            sqlx::query(END_KEY_HOLDS)
                .bind(subscription.tenant.as_str())
                .bind(subscription.subscription.as_str()),
        )
        .await?;
        Ok(())
    }

    async fn list_key_backlogs(
        &self,
        after: Option<&OrderedKey>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyBacklog>> {
        let mut call = self.call("list_key_backlogs");
        call.execute(sqlx::query(DELETE_PAST_BLOCKS).bind(now.as_micros())).await?;
        let rows = call
            .rows(
                sqlx::query(SELECT_KEY_BACKLOGS)
                    .bind(after.map_or("", |key| key.subscription.tenant.as_str()))
                    .bind(after.map_or("", |key| key.subscription.subscription.as_str()))
                    .bind(after.map_or("", |key| key.key.as_str()))
                    .bind(i64::from(limit)),
            )
            .await?;
        self.unreadable.readable(rows.iter().map(key_backlog))
    }

    async fn release_all_held(
        &self,
        subscription: &SubscriptionKey,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut call = self.call("release_all_held");
        let done = call
            .execute(
                sqlx::query(RELEASE_ALL_HELD)
                    .bind(subscription.tenant.as_str())
                    .bind(subscription.subscription.as_str())
                    .bind(now.as_micros())
                    .bind(i64::from(limit)),
            )
            .await?;
        Ok(done)
    }
}

/// Writes how ends affect their keys, in the transaction that ends them.
pub(super) async fn put_key_end(call: &mut DatabaseCall<'_>, end: &KeyEnd) -> StoreResult<()> {
    match end {
        KeyEnd::Held(hold) => put_hold(call, hold).await,
        KeyEnd::Delivered { key, event } => put_delivered(call, key, *event).await,
    }
}

pub(super) async fn put_delivered(
    call: &mut DatabaseCall<'_>,
    key: &OrderedKey,
    event: EventId,
) -> StoreResult<()> {
    call.execute(
        sqlx::query(END_HOLD_OF_EVENT)
            .bind(key.subscription.tenant.as_str())
            .bind(key.subscription.subscription.as_str())
            .bind(key.key.as_str())
            .bind(event.0),
    )
    .await?;
    Ok(())
}

async fn put_hold(call: &mut DatabaseCall<'_>, hold: &KeyHold) -> StoreResult<()> {
    call.execute(
        sqlx::query(UPSERT_KEY_HOLD)
            .bind(hold.key.subscription.tenant.as_str())
            .bind(hold.key.subscription.subscription.as_str())
            .bind(hold.key.key.as_str())
            .bind(hold.event.0)
            .bind(hold.held)
            .bind(hold.blocked_until.as_micros()),
    )
    .await?;
    Ok(())
}

fn key_backlog(row: &PgRow) -> StoreResult<KeyBacklog> {
    let subscription = named_subscription_key(row)?;
    let key = OrderedKey { subscription, key: get(row, "ordering_key")? };
    Ok(KeyBacklog { key, under_way: get(row, "under_way")? })
}

/// The number of a key's advisory lock. Two keys with the same number only wait for
/// each other.
fn lock_id(key: &OrderedKey) -> i64 {
    let SubscriptionKey { tenant, subscription } = &key.subscription;
    let digest = sha256(format!("{tenant}\n{subscription}\n{}", key.key).as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
