//! Ordering keys, as [`OrderingStore`] asks for them. One connection writes, so
//! that what is looked at stays so until it is written.

use async_trait::async_trait;
use postrider_domain::ids::{EventId, OrderedKey, SubscriptionKey};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{BoundValues, BulkStatement};
use super::engine::SqliteStore;
use super::rows::RowReader;
use crate::error::StoreResult;
use crate::ordering::{KeyBacklog, KeyEnd, KeyHold, OrderingStore};
use crate::sql_file::without_comment;

/// 1 HELD, 2 WAITING. A key that is held has a branch, and an index, of its own: it
/// may have any number of others HELD behind it.
const RELEASE_NEXT: BulkStatement = BulkStatement {
    sql: without_comment(include_str!("../../sql/sqlite/release_next.sql")),
    columns: 4,
};

const UPSERT_KEY_HOLD: &str = "INSERT INTO held_keys (
        tenant, subscription, ordering_key, event, held, quiet_until
    )
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (tenant, subscription, ordering_key) DO UPDATE
        SET event = CASE WHEN held THEN event ELSE excluded.event END,
            held = max(held, excluded.held), quiet_until = max(quiet_until, excluded.quiet_until)";
const END_HOLD_OF_EVENT: &str = "UPDATE held_keys SET held = 0
    WHERE tenant = ? AND subscription = ? AND ordering_key = ? AND event = ? AND held = 1";
const END_KEY_HOLD: &str = "UPDATE held_keys SET held = 0
    WHERE tenant = ? AND subscription = ? AND ordering_key = ? AND held = 1";
const END_KEY_HOLDS: &str =
    "UPDATE held_keys SET held = 0 WHERE tenant = ? AND subscription = ? AND held = 1";
const DELETE_PAST_BLOCKS: &str = "DELETE FROM held_keys WHERE held = 0 AND quiet_until <= ?";

pub(super) const SELECT_KEY_BACKLOGS: &str =
    without_comment(include_str!("../../sql/sqlite/select_key_backlogs.sql"));

const RELEASE_ALL_HELD: &str = "UPDATE deliveries SET state = 2 /* WAITING */, due = ?3
    WHERE id IN (
        SELECT id FROM deliveries INDEXED BY deliveries_held
        WHERE tenant = ?1 AND subscription = ?2 AND state = 1 /* HELD */
        ORDER BY ordering_key, sequence LIMIT ?4
    )";

#[async_trait]
impl OrderingStore for SqliteStore {
    async fn release_next(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        // A key twice in one statement would be looked at twice as it was before.
        let mut keys: Vec<&OrderedKey> = keys.iter().collect();
        keys.sort_unstable();
        keys.dedup();
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let rows = RELEASE_NEXT
            .run(&mut tx, &keys, |row, key| {
                put_key(row, key).add(now.as_micros());
                Ok(())
            })
            .await?;
        tx.commit().await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                let tenant = columns.tenant()?;
                Ok(SubscriptionKey { tenant, subscription: columns.subscription()? })
            })
            .collect()
    }

    async fn hold_key(&self, hold: &KeyHold) -> StoreResult<()> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        put_hold(&mut tx, hold).await?;
        tx.commit().await
    }

    async fn end_key_hold(&self, key: &OrderedKey, audit: &AuditDraft) -> StoreResult<bool> {
        let mut values = BoundValues::default();
        put_key(&mut values, key);
        self.change_audited(values, END_KEY_HOLD, audit).await
    }

    async fn end_key_holds(&self, subscription: &SubscriptionKey) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.text(subscription.tenant.as_str()).text(subscription.subscription.as_str());
        self.changed_by(values, END_KEY_HOLDS).await.map(|_| ())
    }

    async fn list_key_backlogs(
        &self,
        after: Option<&OrderedKey>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyBacklog>> {
        let mut past = BoundValues::default();
        past.add(now.as_micros());
        self.changed_by(past, DELETE_PAST_BLOCKS).await?;
        let mut values = BoundValues::default();
        match after {
            Some(key) => put_key(&mut values, key),
            None => values.add("").add("").add(""),
        }
        .add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, SELECT_KEY_BACKLOGS).await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                let tenant = columns.tenant()?;
                let subscription =
                    SubscriptionKey { tenant, subscription: columns.subscription()? };
                let key = OrderedKey { subscription, key: columns.get()? };
                Ok(KeyBacklog { key, under_way: columns.flag()? })
            })
            .collect()
    }

    async fn release_all_held(
        &self,
        subscription: &SubscriptionKey,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut values = BoundValues::default();
        values
            .text(subscription.tenant.as_str())
            .text(subscription.subscription.as_str())
            .add(now.as_micros())
            .add(i64::from(limit));
        self.changed_by(values, RELEASE_ALL_HELD).await
    }
}

/// Writes down what an end means for its key, in the transaction that ends it.
pub(super) async fn put_key_end(
    connection: &mut SqliteConnection,
    end: &KeyEnd,
) -> StoreResult<()> {
    match end {
        KeyEnd::Held(hold) => put_hold(connection, hold).await,
        KeyEnd::Delivered { key, event } => put_delivered(connection, key, *event).await,
    }
}

pub(super) async fn put_delivered(
    connection: &mut SqliteConnection,
    key: &OrderedKey,
    event: EventId,
) -> StoreResult<()> {
    let mut values = BoundValues::default();
    put_key(&mut values, key).id(event.0);
    values.change(connection, END_HOLD_OF_EVENT).await?;
    Ok(())
}

pub(super) async fn put_hold(connection: &mut SqliteConnection, hold: &KeyHold) -> StoreResult<()> {
    let mut values = BoundValues::default();
    put_key(&mut values, &hold.key)
        .id(hold.event.0)
        .add(hold.held)
        .add(hold.blocked_until.as_micros());
    values.change(connection, UPSERT_KEY_HOLD).await?;
    Ok(())
}

fn put_key<'v>(row: &'v mut BoundValues, key: &OrderedKey) -> &'v mut BoundValues {
    row.text(key.subscription.tenant.as_str())
        .text(key.subscription.subscription.as_str())
        .text(&key.key)
}
