//! Tenants' data keys, and the secrets that they seal.
//!
//! Fed by every statement that reads or writes subscriptions, and by whoever turns keys
//! over; feeds them data keys and opened subscriptions. A change of a subscription locks
//! its tenant first, and so does a step that replaces the tenant's data key: none is
//! removed under a change that seals by it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_secret_encryption::{DataKey, KeyId, WrappedDataKey};
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::removal_notes::RemovalNote;
use super::rows;
use crate::codec;
use crate::data_keys::{DataKeyStore, ReplacementStep, WrappedKeyCount, require_held};
use crate::error::{StoreError, StoreResult};
use crate::sealing::{RowKeys, missing_key, replaced, seal, tenant_name};

/// Rewriting a large table takes long.
const REWRITE_LIMIT: Duration = Duration::from_secs(3600);
const SECRETS_REMOVED: RemovalNote =
    RemovalNote { removed: "secrets_removed", followed_up: "secrets_rewritten" };

const GET_DATA_KEY: &str =
    "SELECT wrapped_by, wrapped, create_time FROM data_keys WHERE tenant = $1 AND id = $2";
const INSERT_DATA_KEY: &str = "INSERT INTO data_keys (tenant, id, wrapped_by, wrapped, create_time)
    VALUES ($1, $2, $3, $4, $5)";
const SET_CURRENT: &str = "UPDATE tenants SET data_key = $2 WHERE id = $1";
const LOCK_TENANT: &str = "SELECT data_key FROM tenants
    WHERE id = $1 AND delete_time IS NULL
    FOR UPDATE";
const DELETE_OTHERS: &str = "DELETE FROM data_keys WHERE tenant = $1 AND id <> $2";
const DELETE_ALL: &str = "DELETE FROM data_keys WHERE tenant = $1";
const FORGET_CURRENT: &str = "UPDATE tenants SET data_key = NULL WHERE id = $1";
const COUNT_BY_WRAPPING: &str = "SELECT wrapped_by, count(*) AS keys FROM data_keys
    GROUP BY wrapped_by
    ORDER BY wrapped_by";
const SAMPLE: &str = "SELECT tenant, id, wrapped_by, wrapped FROM data_keys
    WHERE wrapped_by = $1
    LIMIT 1";
const WRAPPED_BY_OTHERS: &str = "SELECT tenant, id, wrapped_by, wrapped FROM data_keys
    WHERE wrapped_by <> $1
    ORDER BY tenant, id
    LIMIT $2";
const REWRAP: &str = "UPDATE data_keys SET wrapped_by = $4, wrapped = $5
    WHERE tenant = $1 AND id = $2 AND wrapped_by = $3";
const NEXT_TENANT: &str = "SELECT tenant FROM data_keys WHERE tenant > $1 ORDER BY tenant LIMIT 1";
const SEALED_BY_OTHERS: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total_us, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions
    WHERE tenant = $1 AND data_key <> $2
    ORDER BY id
    LIMIT $3";
const IS_SEALED_BY: &str =
    "SELECT 1 FROM subscriptions WHERE tenant = $1 AND data_key = $2 LIMIT 1";
const RESEAL: &str = "UPDATE subscriptions
    SET data_key = $3, signing_keys = $4, header_values = $5, credentials = $6
    WHERE tenant = $1 AND id = $2";
/// FULL: else what was removed stays in the free space of its page. The lock is waited
/// for shortly, since everybody else would wait behind it.
const REWRITE: &[&str] = &[
    "SET statement_timeout = 0",
    "SET lock_timeout = '2s'",
    "VACUUM (FULL) data_keys",
    "VACUUM (FULL) subscriptions",
];

impl PostgresStore {
    /// The subscriptions of rows, with their secrets; all are of one tenant.
    pub(super) async fn opened(
        &self,
        call: &mut DatabaseCall<'_>,
        rows: &[PgRow],
    ) -> StoreResult<Vec<Subscription>> {
        let sealed = rows::read(rows, rows::named_subscription)?;
        let mut keys = RowKeys::of(&self.sealer, &sealed);
        if let Some(first) = sealed.first() {
            let tenant = first.subscription.tenant.clone();
            for id in keys.missing() {
                let found = self.stored_key(call, &tenant, id).await;
                let found = found.map_err(|error| error.in_config(&tenant_name(&tenant)))?;
                let Some((key, _)) = found else {
                    return Err(absent_key(call, &tenant, id).await?);
                };
                keys.add(key);
            }
        }
        keys.open_all(sealed)
    }

    /// The key to seal a tenant's secrets by, in a transaction that has locked the tenant;
    /// made if there is none.
    pub(super) async fn data_key(
        &self,
        call: &mut DatabaseCall<'_>,
        tenant: &TenantId,
        current: Option<Uuid>,
        now: Timestamp,
    ) -> StoreResult<Arc<DataKey>> {
        let Some(id) = current else {
            return self.make_data_key(call, tenant, now).await;
        };
        if let Some(key) = self.sealer.cached(tenant, id) {
            return Ok(key);
        }
        let found = self.stored_key(call, tenant, id).await?;
        let (key, _) = found.ok_or_else(|| codec::corrupt("a tenant's data key is not there"))?;
        Ok(key)
    }

    /// A data key, and when it was made.
    pub(super) async fn stored_key(
        &self,
        call: &mut DatabaseCall<'_>,
        tenant: &TenantId,
        id: Uuid,
    ) -> StoreResult<Option<(Arc<DataKey>, Timestamp)>> {
        let query = sqlx::query(GET_DATA_KEY).bind(tenant.as_str()).bind(id);
        let Some(row) = call.row(query).await? else {
            return Ok(None);
        };
        let made = rows::time(&row, "create_time")?;
        let key = match self.sealer.cached(tenant, id) {
            Some(key) => key,
            None => self.sealer.unwrap_key(tenant, id, &wrapped(&row)?).await?,
        };
        Ok(Some((key, made)))
    }

    async fn make_data_key(
        &self,
        call: &mut DatabaseCall<'_>,
        tenant: &TenantId,
        now: Timestamp,
    ) -> StoreResult<Arc<DataKey>> {
        let (key, wrapped) = self.sealer.generate(tenant).await?;
        let id = key.id().0;
        call.execute(
            sqlx::query(INSERT_DATA_KEY)
                .bind(tenant.as_str())
                .bind(id)
                .bind(wrapped.by.as_str())
                .bind(wrapped.bytes)
                .bind(now.as_micros()),
        )
        .await?;
        call.execute(sqlx::query(SET_CURRENT).bind(tenant.as_str()).bind(id)).await?;
        Ok(key)
    }

    async fn reseal(
        &self,
        call: &mut DatabaseCall<'_>,
        tenant: &TenantId,
        key: &DataKey,
        limit: u32,
    ) -> StoreResult<ReplacementStep> {
        let query = sqlx::query(SEALED_BY_OTHERS).bind(tenant.as_str());
        let rows = call.rows(query.bind(key.id().0).bind(i64::from(limit))).await?;
        let mut resealed = 0;
        for subscription in self.opened(call, &rows).await? {
            let Some(sealed) = seal(&subscription, key)? else { continue };
            let query = sqlx::query(RESEAL)
                .bind(tenant.as_str())
                .bind(subscription.id.as_str())
                .bind(sealed.data_key)
                .bind(sealed.signing_keys)
                .bind(sealed.header_values)
                .bind(sealed.credentials);
            resealed += call.execute(query).await?;
        }
        let is_last = resealed < u64::from(limit);
        if is_last {
            let query = sqlx::query(DELETE_OTHERS).bind(tenant.as_str()).bind(key.id().0);
            call.execute(query).await?;
        }
        Ok(ReplacementStep { resealed, is_last })
    }

    async fn try_key(&self, call: &mut DatabaseCall<'_>, by: &KeyId) -> StoreResult<()> {
        let row = call.row(sqlx::query(SAMPLE).bind(by.as_str())).await?;
        if let Some(row) = row {
            let tenant = rows::tenant_id(&row, "tenant")?;
            self.sealer.unwrap_key(&tenant, rows::get(&row, "id")?, &wrapped(&row)?).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl DataKeyStore for PostgresStore {
    async fn require_keys(&self) -> StoreResult<()> {
        let counts = self.count_data_keys().await?;
        require_held(self.sealer.keys(), &counts)?;
        let mut call = self.call("require_keys");
        for used in counts {
            self.try_key(&mut call, &used.by).await?;
        }
        Ok(())
    }

    async fn count_data_keys(&self) -> StoreResult<Vec<WrappedKeyCount>> {
        let mut call = self.call("count_data_keys");
        let counted = call.rows(sqlx::query(COUNT_BY_WRAPPING)).await?;
        rows::read(&counted, |row| {
            Ok(WrappedKeyCount {
                by: KeyId::from_stored(rows::get(row, "wrapped_by")?),
                count: codec::narrow("count", rows::get(row, "keys")?)?,
            })
        })
    }

    async fn rewrap_data_keys(&self, limit: u32) -> StoreResult<u64> {
        let Some(current) = self.sealer.keys().current() else {
            return Err(StoreError::Faulty("no key-encryption key is given".to_owned()));
        };
        let mut call = self.call("rewrap_data_keys");
        let query = sqlx::query(WRAPPED_BY_OTHERS).bind(current.as_str());
        let found = call.rows(query.bind(i64::from(limit))).await?;
        for row in &found {
            let (tenant, id) = (rows::tenant_id(row, "tenant")?, rows::get::<Uuid>(row, "id")?);
            let old = wrapped(row)?;
            let key = self.sealer.unwrap_key(&tenant, id, &old).await?;
            let new = self.sealer.rewrap(&tenant, &key).await?;
            let query = sqlx::query(REWRAP)
                .bind(tenant.as_str())
                .bind(id)
                .bind(old.by.as_str())
                .bind(new.by.as_str())
                .bind(new.bytes);
            call.execute(query).await?;
        }
        Ok(u64::try_from(found.len()).unwrap_or(u64::MAX))
    }

    async fn next_keyed_tenant(&self, after: Option<&TenantId>) -> StoreResult<Option<TenantId>> {
        let mut call = self.call("next_keyed_tenant");
        let after = after.map_or("", TenantId::as_str);
        let row = call.row(sqlx::query(NEXT_TENANT).bind(after)).await?;
        row.map(|row| rows::tenant_id(&row, "tenant")).transpose()
    }

    async fn replace_data_key(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<ReplacementStep> {
        let mut call = self.call("replace_data_key");
        call.begin().await?;
        let locked = call.row(sqlx::query(LOCK_TENANT).bind(tenant.as_str())).await?;
        let current: Option<Uuid> = match locked {
            Some(row) => rows::get(&row, "data_key")?,
            None => None,
        };
        // Deleted meanwhile, with its keys.
        let Some(current) = current else {
            return Ok(ReplacementStep { resealed: 0, is_last: true });
        };
        let found = self.stored_key(&mut call, tenant, current).await?;
        let key = match found {
            Some((key, made)) if made >= since => key,
            _ => self.make_data_key(&mut call, tenant, since).await?,
        };
        let step = self.reseal(&mut call, tenant, &key, limit).await?;
        call.commit().await?;
        Ok(step)
    }

    async fn rewrite_secrets(&self) -> StoreResult<()> {
        self.call_for("rewrite_secrets", REWRITE_LIMIT).run_apart(REWRITE).await
    }
}

fn wrapped(row: &PgRow) -> StoreResult<WrappedDataKey> {
    Ok(WrappedDataKey {
        by: KeyId::from_stored(rows::get(row, "wrapped_by")?),
        bytes: rows::get(row, "wrapped")?,
    })
}

/// Why a data key that rows name is not there: it was replaced since, or somebody removed it.
async fn absent_key(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    id: Uuid,
) -> StoreResult<StoreError> {
    let named = call.row(sqlx::query(IS_SEALED_BY).bind(tenant.as_str()).bind(id)).await?;
    Ok(if named.is_none() { replaced() } else { missing_key(tenant) })
}

/// Deletes a tenant's data keys, without which what was sealed by them opens nowhere.
pub(super) async fn forget_data_keys(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    now: Timestamp,
) -> StoreResult<()> {
    call.execute(sqlx::query(DELETE_ALL).bind(tenant.as_str())).await?;
    call.execute(sqlx::query(FORGET_CURRENT).bind(tenant.as_str())).await?;
    note_removed_secrets(call, now).await
}

/// Has the tables with secrets rewritten by the next maintenance.
pub(super) async fn note_removed_secrets(
    call: &mut DatabaseCall<'_>,
    now: Timestamp,
) -> StoreResult<()> {
    SECRETS_REMOVED.note(call, now).await
}

/// Rewrites the tables with secrets if some were removed, and it was not done lately.
pub(super) async fn rewrite_after_removals(
    call: &mut DatabaseCall<'_>,
    now: Timestamp,
) -> StoreResult<()> {
    SECRETS_REMOVED.follow_up(call, now, REWRITE).await
}
