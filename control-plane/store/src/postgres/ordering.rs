//! Ordering keys, as [`OrderingStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::event::sha256;
use postrider_domain::ids::{EventId, OrderedKey, SubscriptionKey};
use postrider_domain::time::Timestamp;
use sqlx::postgres::{PgConnection, PgRow};

use super::PostgresStore;
use super::errors::Checked as _;
use super::rows::{self, get, subscription_key};
use crate::error::StoreResult;
use crate::ordering::{KeyBacklog, KeyEnd, KeyHold, OrderingStore};

/// One at a time lets a key's deliveries go, and sees, in a statement of its own,
/// what those before it did. The locks are taken in the order given.
const LOCK_KEYS: &str = "SELECT pg_advisory_xact_lock(id) FROM unnest($1::bigint[]) AS k(id)";

/// 1 HELD, 2 WAITING, 3 IN_FLIGHT; $4 is now. A key that is held has a branch, and an
/// index, of its own: it may have any number of others HELD behind it. Its event is
/// compared as a range, whose order only that index has.
const RELEASE_NEXT: &str = "WITH next AS MATERIALIZED (
        SELECT d.id FROM unnest($1::text[], $2::text[], $3::text[])
            AS k(tenant, subscription, ordering_key)
        LEFT JOIN held_keys h ON h.tenant = k.tenant AND h.subscription = k.subscription
            AND h.ordering_key = k.ordering_key
        CROSS JOIN LATERAL (
            (SELECT id FROM deliveries d
            WHERE h.held IS NOT TRUE AND d.tenant = k.tenant
                AND d.subscription = k.subscription AND d.ordering_key = k.ordering_key
                AND d.state = 1
            ORDER BY d.sequence LIMIT 1)
            UNION ALL
            (SELECT id FROM deliveries d
            WHERE h.held AND d.tenant = k.tenant AND d.subscription = k.subscription
                AND d.ordering_key = k.ordering_key
                AND d.event >= h.event AND d.event <= h.event AND d.state = 1
            ORDER BY d.event LIMIT 1)) d
        WHERE coalesce(h.quiet_until, 0) <= $4
            AND NOT EXISTS (SELECT FROM deliveries d
                WHERE d.tenant = k.tenant AND d.subscription = k.subscription
                    AND d.ordering_key = k.ordering_key AND d.state IN (2, 3)))
    UPDATE deliveries d SET state = 2, due = $4
    WHERE d.id = ANY(ARRAY(SELECT id FROM next)) AND d.state + 0 = 1
    RETURNING d.tenant, d.subscription";

const UPSERT_KEY_HOLD: &str = "INSERT INTO held_keys AS h
        (tenant, subscription, ordering_key, event, held, quiet_until)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant, subscription, ordering_key) DO UPDATE
        SET event = CASE WHEN h.held THEN h.event ELSE excluded.event END,
            held = h.held OR excluded.held,
            quiet_until = greatest(h.quiet_until, excluded.quiet_until)";

const END_HOLD_OF_EVENT: &str = "UPDATE held_keys SET held = false
    WHERE tenant = $1 AND subscription = $2 AND ordering_key = $3 AND event = $4 AND held";

const END_KEY_HOLD: &str = "UPDATE held_keys SET held = false
    WHERE tenant = $1 AND subscription = $2 AND ordering_key = $3 AND held";

const END_KEY_HOLDS: &str = "UPDATE held_keys SET held = false
    WHERE tenant = $1 AND subscription = $2 AND held";

const DELETE_PAST_BLOCKS: &str = "DELETE FROM held_keys WHERE NOT held AND quiet_until <= $1";

/// Steps from one key to the next along the index of what is held.
const SELECT_KEY_BACKLOGS: &str = "WITH RECURSIVE found AS (
        (SELECT tenant, subscription, ordering_key FROM deliveries
        WHERE state = 1 AND (tenant, subscription, ordering_key) > ($1, $2, $3)
        ORDER BY tenant, subscription, ordering_key LIMIT 1)
        UNION ALL
        SELECT d.tenant, d.subscription, d.ordering_key FROM found f
        CROSS JOIN LATERAL (
            SELECT tenant, subscription, ordering_key FROM deliveries
            WHERE state = 1 AND (tenant, subscription, ordering_key)
                > (f.tenant, f.subscription, f.ordering_key)
            ORDER BY tenant, subscription, ordering_key LIMIT 1) d)
    SELECT f.tenant, f.subscription, f.ordering_key, EXISTS (SELECT FROM deliveries d
            WHERE d.tenant = f.tenant AND d.subscription = f.subscription
                AND d.ordering_key = f.ordering_key AND d.state IN (2, 3)) AS under_way
    FROM (SELECT * FROM found LIMIT $4) f";

const RELEASE_ALL_HELD: &str = "UPDATE deliveries d SET state = 2, due = $3
    WHERE d.state + 0 = 1 AND d.id = ANY(ARRAY(SELECT id FROM deliveries
        WHERE tenant = $1 AND subscription = $2 AND state = 1
        ORDER BY ordering_key, sequence LIMIT $4))";

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
        let mut locks: Vec<i64> = keys.iter().map(lock_id).collect();
        locks.sort_unstable();
        locks.dedup();
        let mut transaction = self.pool.begin().await.checked()?;
        sqlx::query(LOCK_KEYS).bind(locks).execute(&mut *transaction).await.checked()?;
        let gone = sqlx::query(RELEASE_NEXT)
            .bind(keys.iter().map(|item| item.subscription.tenant.as_str()).collect::<Vec<_>>())
            .bind(
                keys.iter().map(|item| item.subscription.subscription.as_str()).collect::<Vec<_>>(),
            )
            .bind(keys.iter().map(|item| item.key.as_str()).collect::<Vec<_>>())
            .bind(now.as_micros())
            .fetch_all(&mut *transaction)
            .await
            .checked()?;
        transaction.commit().await.checked()?;
        rows::read(&gone, subscription_key)
    }

    async fn hold_key(&self, hold: &KeyHold) -> StoreResult<()> {
        let mut connection = self.pool.acquire().await.checked()?;
        put_hold(&mut connection, hold).await
    }

    async fn end_key_hold(&self, key: &OrderedKey) -> StoreResult<bool> {
        let done = sqlx::query(END_KEY_HOLD)
            .bind(key.subscription.tenant.as_str())
            .bind(key.subscription.subscription.as_str())
            .bind(key.key.as_str())
            .execute(&self.pool)
            .await
            .checked()?;
        Ok(done.rows_affected() > 0)
    }

    async fn end_key_holds(&self, subscription: &SubscriptionKey) -> StoreResult<()> {
        sqlx::query(END_KEY_HOLDS)
            .bind(subscription.tenant.as_str())
            .bind(subscription.subscription.as_str())
            .execute(&self.pool)
            .await
            .checked()?;
        Ok(())
    }

    async fn list_key_backlogs(
        &self,
        after: Option<&OrderedKey>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyBacklog>> {
        sqlx::query(DELETE_PAST_BLOCKS)
            .bind(now.as_micros())
            .execute(&self.pool)
            .await
            .checked()?;
        let rows = sqlx::query(SELECT_KEY_BACKLOGS)
            .bind(after.map_or("", |key| key.subscription.tenant.as_str()))
            .bind(after.map_or("", |key| key.subscription.subscription.as_str()))
            .bind(after.map_or("", |key| key.key.as_str()))
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .checked()?;
        rows::read(&rows, |row: &PgRow| {
            let key =
                OrderedKey { subscription: subscription_key(row)?, key: get(row, "ordering_key")? };
            Ok(KeyBacklog { key, under_way: get(row, "under_way")? })
        })
    }

    async fn release_all_held(
        &self,
        subscription: &SubscriptionKey,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let done = sqlx::query(RELEASE_ALL_HELD)
            .bind(subscription.tenant.as_str())
            .bind(subscription.subscription.as_str())
            .bind(now.as_micros())
            .bind(i64::from(limit))
            .execute(&self.pool)
            .await
            .checked()?;
        Ok(done.rows_affected())
    }
}

/// Writes how ends affect their keys, in the transaction that ends them.
pub(super) async fn put_key_end(connection: &mut PgConnection, end: &KeyEnd) -> StoreResult<()> {
    match end {
        KeyEnd::Held(hold) => put_hold(connection, hold).await,
        KeyEnd::Delivered { key, event } => put_delivered(connection, key, *event).await,
    }
}

pub(super) async fn put_delivered(
    connection: &mut PgConnection,
    key: &OrderedKey,
    event: EventId,
) -> StoreResult<()> {
    sqlx::query(END_HOLD_OF_EVENT)
        .bind(key.subscription.tenant.as_str())
        .bind(key.subscription.subscription.as_str())
        .bind(key.key.as_str())
        .bind(event.0)
        .execute(connection)
        .await
        .checked()?;
    Ok(())
}

async fn put_hold(connection: &mut PgConnection, hold: &KeyHold) -> StoreResult<()> {
    sqlx::query(UPSERT_KEY_HOLD)
        .bind(hold.key.subscription.tenant.as_str())
        .bind(hold.key.subscription.subscription.as_str())
        .bind(hold.key.key.as_str())
        .bind(hold.event.0)
        .bind(hold.held)
        .bind(hold.blocked_until.as_micros())
        .execute(connection)
        .await
        .checked()?;
    Ok(())
}

/// The number of a key's advisory lock. Two keys with the same number only wait for
/// each other.
fn lock_id(key: &OrderedKey) -> i64 {
    let SubscriptionKey { tenant, subscription } = &key.subscription;
    let digest = sha256(format!("{tenant}\n{subscription}\n{}", key.key).as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}
