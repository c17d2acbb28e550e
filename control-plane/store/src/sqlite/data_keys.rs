//! Tenants' data keys, and the secrets that they seal.
//!
//! Fed by every statement that reads or writes subscriptions, and by whoever turns keys
//! over; feeds them data keys and opened subscriptions. One connection writes, so no data
//! key is removed under a change that seals by it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_secret_encryption::{DataKey, KeyId, WrappedDataKey};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use uuid::Uuid;

use super::bulk::BoundValues;
use super::config_rows::named_subscription;
use super::engine::SqliteStore;
use super::errors::stored;
use super::rows::RowReader;
use super::writer::WriterGuard;
use crate::codec;
use crate::data_keys::{DataKeyStore, ReplacementStep, WrappedKeyCount, require_held};
use crate::error::{StoreError, StoreResult};
use crate::sealing::{RowKeys, missing_key, replaced, seal, tenant_name};

const GET_DATA_KEY: &str =
    "SELECT wrapped_by, wrapped, create_time FROM data_keys WHERE tenant = ? AND id = ?";
const INSERT_DATA_KEY: &str = "INSERT INTO data_keys (tenant, id, wrapped_by, wrapped, create_time)
    VALUES (?, ?, ?, ?, ?)";
const SET_CURRENT: &str = "UPDATE tenants SET data_key = ?2 WHERE id = ?1";
const GET_CURRENT: &str = "SELECT data_key FROM tenants WHERE id = ? AND delete_time IS NULL";
const DELETE_OTHERS: &str = "DELETE FROM data_keys WHERE tenant = ? AND id <> ?";
const DELETE_ALL: &str = "DELETE FROM data_keys WHERE tenant = ?";
const FORGET_CURRENT: &str = "UPDATE tenants SET data_key = NULL WHERE id = ?";
const COUNT_BY_WRAPPING: &str = "SELECT wrapped_by, count(*) FROM data_keys
    GROUP BY wrapped_by
    ORDER BY wrapped_by";
const SAMPLE: &str = "SELECT tenant, id, wrapped_by, wrapped FROM data_keys
    WHERE wrapped_by = ?
    LIMIT 1";
const WRAPPED_BY_OTHERS: &str = "SELECT tenant, id, wrapped_by, wrapped FROM data_keys
    WHERE wrapped_by <> ?
    ORDER BY tenant, id
    LIMIT ?";
const REWRAP: &str = "UPDATE data_keys SET wrapped_by = ?3, wrapped = ?4
    WHERE tenant = ?1 AND id = ?2";
const NEXT_TENANT: &str = "SELECT tenant FROM data_keys WHERE tenant > ? ORDER BY tenant LIMIT 1";
const SEALED_BY_OTHERS: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions
    WHERE tenant = ? AND data_key <> ?
    ORDER BY id
    LIMIT ?";
const IS_SEALED_BY: &str = "SELECT 1 FROM subscriptions WHERE tenant = ? AND data_key = ? LIMIT 1";
const RESEAL: &str = "UPDATE subscriptions
    SET data_key = ?3, signing_keys = ?4, header_values = ?5, credentials = ?6
    WHERE tenant = ?1 AND id = ?2";
const TRUNCATE_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// In files: the database may be larger than this machine's memory.
const TEMPORARY_FILES: &str = "PRAGMA temp_store = FILE";
const TEMPORARY_MEMORY: &str = "PRAGMA temp_store = MEMORY";
const REWRITE: &str = "VACUUM";
/// While the log is cut down, and everybody who writes waits: as for its new start.
const SHORT_BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 20";
/// What the connection is opened with.
const USUAL_BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";
const MAX_TRUNCATE_TRIES: u32 = 5;
const TRUNCATE_RETRY_PAUSE: Duration = Duration::from_millis(20);

impl SqliteStore {
    /// The subscriptions of rows, with their secrets; all are of one tenant.
    pub(super) async fn opened(
        &self,
        connection: &mut SqliteConnection,
        rows: &[SqliteRow],
    ) -> StoreResult<Vec<Subscription>> {
        let sealed: Vec<_> = rows.iter().map(named_subscription).collect::<StoreResult<_>>()?;
        let mut keys = RowKeys::of(&self.sealer, &sealed);
        if let Some(first) = sealed.first() {
            let tenant = first.subscription.tenant.clone();
            for id in keys.missing() {
                let found = self.stored_key(&mut *connection, &tenant, id).await;
                let found = found.map_err(|error| error.in_config(&tenant_name(&tenant)))?;
                let Some((key, _)) = found else {
                    return Err(absent_key(&mut *connection, &tenant, id).await?);
                };
                keys.add(key);
            }
        }
        keys.open_all(sealed)
    }

    /// The key to seal a tenant's secrets by; made if there is none.
    pub(super) async fn data_key(
        &self,
        connection: &mut SqliteConnection,
        tenant: &TenantId,
        current: Option<Uuid>,
        now: Timestamp,
    ) -> StoreResult<Arc<DataKey>> {
        let Some(id) = current else {
            return self.make_data_key(connection, tenant, now).await;
        };
        if let Some(key) = self.sealer.cached(tenant, id) {
            return Ok(key);
        }
        let found = self.stored_key(connection, tenant, id).await?;
        let (key, _) = found.ok_or_else(|| codec::corrupt("a tenant's data key is not there"))?;
        Ok(key)
    }

    /// A data key, and when it was made.
    pub(super) async fn stored_key(
        &self,
        connection: &mut SqliteConnection,
        tenant: &TenantId,
        id: Uuid,
    ) -> StoreResult<Option<(Arc<DataKey>, Timestamp)>> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(id);
        let rows = values.run(connection, GET_DATA_KEY).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let mut columns = RowReader::of(row);
        let wrapped = wrapped(&mut columns)?;
        let made = columns.time()?;
        let key = match self.sealer.cached(tenant, id) {
            Some(key) => key,
            None => self.sealer.unwrap_key(tenant, id, &wrapped).await?,
        };
        Ok(Some((key, made)))
    }

    async fn make_data_key(
        &self,
        connection: &mut SqliteConnection,
        tenant: &TenantId,
        now: Timestamp,
    ) -> StoreResult<Arc<DataKey>> {
        let (key, wrapped) = self.sealer.generate(tenant).await?;
        let id = key.id().0;
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(id).text(wrapped.by.as_str());
        values.add(wrapped.bytes).add(now.as_micros());
        values.change(&mut *connection, INSERT_DATA_KEY).await?;
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(id);
        values.change(connection, SET_CURRENT).await?;
        Ok(key)
    }

    async fn reseal(
        &self,
        connection: &mut SqliteConnection,
        tenant: &TenantId,
        key: &DataKey,
        limit: u32,
    ) -> StoreResult<ReplacementStep> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).id(key.id().0).add(i64::from(limit));
        let rows = values.run(&mut *connection, SEALED_BY_OTHERS).await?;
        let mut resealed = 0;
        for subscription in self.opened(&mut *connection, &rows).await? {
            let Some(sealed) = seal(&subscription, key)? else { continue };
            let mut values = BoundValues::default();
            values.text(tenant.as_str()).text(subscription.id.as_str()).id(sealed.data_key);
            values.add(sealed.signing_keys).add(sealed.header_values).add(sealed.credentials);
            resealed += values.change(&mut *connection, RESEAL).await?;
        }
        let is_last = resealed < u64::from(limit);
        if is_last {
            let mut values = BoundValues::default();
            values.text(tenant.as_str()).id(key.id().0);
            values.change(connection, DELETE_OTHERS).await?;
        }
        Ok(ReplacementStep { resealed, is_last })
    }

    /// Has the log cut down by the next maintenance.
    pub(super) fn note_removed_secrets(&self) {
        self.secrets_removed.store(true, Ordering::Relaxed);
    }

    /// Cuts the log down to nothing if secrets were removed, or payloads expunged, which it
    /// may still have.
    pub(super) async fn truncate_after_removals(&self) -> StoreResult<()> {
        if !self.secrets_removed.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let truncated = self.truncate_while_nobody_reads().await;
        if truncated.is_err() {
            self.note_removed_secrets();
        }
        truncated
    }

    async fn truncate_while_nobody_reads(&self) -> StoreResult<()> {
        // First: whoever has the writer's lock waits for no reader of ours.
        let Some(_closed) = self.reading.close().await else { return Err(not_cut_down()) };
        let mut writing = self.writer.lock().await?;
        writing.run_alone(SHORT_BUSY_TIMEOUT).await?;
        // Not again and again: everybody who writes waits.
        let truncated = try_truncate(&mut writing).await;
        writing.run_alone(USUAL_BUSY_TIMEOUT).await?;
        truncated
    }
}

#[async_trait]
impl DataKeyStore for SqliteStore {
    async fn require_keys(&self) -> StoreResult<()> {
        let counts = self.count_data_keys().await?;
        require_held(self.sealer.keys(), &counts)?;
        for used in counts {
            let mut values = BoundValues::default();
            values.text(used.by.as_str());
            let rows = values.run(&mut *self.reader().await?, SAMPLE).await?;
            for row in &rows {
                let mut columns = RowReader::of(row);
                let (tenant, id) = (columns.tenant()?, columns.id()?);
                self.sealer.unwrap_key(&tenant, id, &wrapped(&mut columns)?).await?;
            }
        }
        Ok(())
    }

    async fn count_data_keys(&self) -> StoreResult<Vec<WrappedKeyCount>> {
        let values = BoundValues::default();
        let rows = values.run(&mut *self.reader().await?, COUNT_BY_WRAPPING).await?;
        let counted = rows.iter().map(|row| {
            let mut columns = RowReader::of(row);
            let by = KeyId::from_stored(columns.text()?);
            Ok(WrappedKeyCount { by, count: columns.number("count")? })
        });
        counted.collect()
    }

    async fn rewrap_data_keys(&self, limit: u32) -> StoreResult<u64> {
        let Some(current) = self.sealer.keys().current() else {
            return Err(StoreError::Faulty("no key-encryption key is given".to_owned()));
        };
        let mut values = BoundValues::default();
        values.text(current.as_str()).add(i64::from(limit));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin_wiping().await?;
        let rows = values.run(&mut tx, WRAPPED_BY_OTHERS).await?;
        for row in &rows {
            let mut columns = RowReader::of(row);
            let (tenant, id) = (columns.tenant()?, columns.id()?);
            let key = self.sealer.unwrap_key(&tenant, id, &wrapped(&mut columns)?).await?;
            let new = self.sealer.rewrap(&tenant, &key).await?;
            let mut values = BoundValues::default();
            values.text(tenant.as_str()).id(id).text(new.by.as_str()).add(new.bytes);
            values.change(&mut tx, REWRAP).await?;
        }
        tx.commit().await?;
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }

    async fn next_keyed_tenant(&self, after: Option<&TenantId>) -> StoreResult<Option<TenantId>> {
        let mut values = BoundValues::default();
        values.text(after.map_or("", TenantId::as_str));
        let rows = values.run(&mut *self.reader().await?, NEXT_TENANT).await?;
        rows.first().map(|row| RowReader::of(row).tenant()).transpose()
    }

    async fn replace_data_key(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<ReplacementStep> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin_wiping().await?;
        let mut values = BoundValues::default();
        values.text(tenant.as_str());
        let rows = values.run(&mut tx, GET_CURRENT).await?;
        let current = rows.first().map(|row| RowReader::of(row).get()).transpose()?;
        // Deleted meanwhile, with its keys.
        let Some(Some(current)) = current else {
            return Ok(ReplacementStep { resealed: 0, is_last: true });
        };
        let key = match self.stored_key(&mut tx, tenant, current).await? {
            Some((key, made)) if made >= since => key,
            _ => self.make_data_key(&mut tx, tenant, since).await?,
        };
        let step = self.reseal(&mut tx, tenant, &key, limit).await?;
        tx.commit().await?;
        Ok(step)
    }

    async fn rewrite_secrets(&self) -> StoreResult<()> {
        let mut writing = self.writer.lock().await?;
        writing.run_alone(TEMPORARY_FILES).await?;
        let rewritten = writing.run_alone(REWRITE).await;
        writing.run_alone(TEMPORARY_MEMORY).await?;
        rewritten?;
        truncate_log(&mut writing).await
    }
}

/// Cuts the log down to nothing. Whoever makes a checkpoint meanwhile is waited for, which
/// SQLite does not do.
async fn truncate_log(writing: &mut WriterGuard<'_>) -> StoreResult<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        match try_truncate(writing).await {
            Err(error) if error.is_transient() && tries < MAX_TRUNCATE_TRIES => {
                tokio::time::sleep(TRUNCATE_RETRY_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

async fn try_truncate(writing: &mut WriterGuard<'_>) -> StoreResult<()> {
    let told = writing.run_alone(TRUNCATE_LOG).await?;
    let busy: i64 = told.map_or(Ok(0), |row| row.try_get(0).map_err(stored))?;
    match busy {
        0 => Ok(()),
        _ => Err(not_cut_down()),
    }
}

fn not_cut_down() -> StoreError {
    StoreError::Unavailable("the log is being read, and was not cut down".to_owned())
}

fn wrapped(columns: &mut RowReader<'_>) -> StoreResult<WrappedDataKey> {
    Ok(WrappedDataKey { by: KeyId::from_stored(columns.text()?), bytes: columns.get()? })
}

/// Why a data key that rows name is not there: it was replaced since, or somebody removed it.
async fn absent_key(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    id: Uuid,
) -> StoreResult<StoreError> {
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).id(id);
    let rows = values.run(connection, IS_SEALED_BY).await?;
    Ok(if rows.is_empty() { replaced() } else { missing_key(tenant) })
}

/// Deletes a tenant's data keys, without which what was sealed by them opens nowhere.
pub(super) async fn forget_data_keys(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
) -> StoreResult<()> {
    for statement in [DELETE_ALL, FORGET_CURRENT] {
        let mut values = BoundValues::default();
        values.text(tenant.as_str());
        values.change(&mut *connection, statement).await?;
    }
    Ok(())
}
