//! Tenants and their subscriptions, as [`ConfigStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::bulk::BoundValues;
use super::config_rows::{named_tenant, put_key_and_state, put_searched, put_times, tenant_search};
use super::data_keys::forget_data_keys;
use super::engine::SqliteStore;
use super::errors::stored;
use super::outbox;
use super::publishing::config_versions;
use super::rows::RowReader;
use crate::audit::tenant_deletion;
use crate::codec;
use crate::config::{
    ConfigStore, ListPage, SubscriptionQuery, SubscriptionSideEffects, TenantQuery, WriteError,
};
use crate::error::StoreResult;
use crate::sealing::seal;

const INSERT_TENANT: &str = "INSERT INTO tenants (
        id, display_name, allow_insecure_urls, labels, config_version, revision, create_time,
        update_time, delete_time, history_retention, payload_retention, search
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING";
const GET_TENANT: &str = "SELECT id, display_name, allow_insecure_urls, labels, config_version,
        revision, create_time, update_time, delete_time, history_retention, payload_retention
    FROM tenants
    WHERE id = ?";
const UPDATE_TENANT: &str = "UPDATE tenants
    SET display_name = ?3, allow_insecure_urls = ?4, labels = ?5, search = ?6, create_time = ?7,
        update_time = ?8, history_retention = ?9, payload_retention = ?10,
        revision = revision + 1, config_version = config_version + 1
    WHERE id = ?1 AND revision = ?2 AND delete_time IS NULL
    RETURNING id, display_name, allow_insecure_urls, labels, config_version, revision,
        create_time, update_time, delete_time, history_retention, payload_retention";
const DELETE_TENANT: &str = "UPDATE tenants
    SET delete_time = ?3, update_time = ?3, revision = revision + 1,
        config_version = config_version + 1
    WHERE id = ?1 AND revision = ?2 AND delete_time IS NULL
    RETURNING config_version";
const DELETE_SUBSCRIPTIONS: &str = "UPDATE subscriptions
    SET delete_time = ?2, update_time = ?2, revision = revision + 1, data_key = NULL,
        signing_keys = NULL, header_values = NULL, credentials = NULL, certificate_warning = NULL
    WHERE tenant = ?1 AND delete_time IS NULL
    RETURNING id";
/// 2 how many subscriptions more, or fewer, there are by the change.
const RAISE_VERSION: &str = "UPDATE tenants
    SET config_version = config_version + 1, subscription_count = subscription_count + ?2
    WHERE id = ?1 AND delete_time IS NULL
    RETURNING config_version, data_key, subscription_count";
const INSERT_SUBSCRIPTION: &str = "INSERT INTO subscriptions (
        tenant, id, status, status_reason, settings, data_key, signing_keys, header_values,
        credentials, paused_total, paused_since, revision, request_revision, create_time,
        update_time, delete_time, certificate_warning, display_name, url, region, search,
        config_version, shard
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (tenant, id) DO NOTHING";
const GET_SUBSCRIPTION: &str =
    "SELECT tenant, id, status, status_reason, settings, data_key, signing_keys, header_values,
        credentials, paused_total, paused_since, revision, request_revision, create_time, update_time,
        delete_time
    FROM subscriptions
    WHERE tenant = ? AND id = ?";
const IS_THERE: &str = "SELECT count(*) FROM subscriptions
    WHERE tenant = ? AND id = ? AND delete_time IS NULL";
const UPDATE_SUBSCRIPTION: &str = "UPDATE subscriptions
    SET status = ?3, status_reason = ?4, settings = ?5, data_key = ?6, signing_keys = ?7,
        header_values = ?8, credentials = ?9, paused_total = ?10, paused_since = ?11,
        revision = ?12 + 1, request_revision = ?13, create_time = ?14, update_time = ?15,
        delete_time = ?16, certificate_warning = ?17, display_name = ?18, url = ?19, region = ?20,
        search = ?21, config_version = ?22
    WHERE tenant = ?1 AND id = ?2 AND revision = ?12 AND delete_time IS NULL";
const CONFIG_SUBSCRIPTIONS: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions
    WHERE tenant = ? AND delete_time IS NULL
    ORDER BY id";
const TENANT_CHANGES: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions INDEXED BY subscriptions_changed
    WHERE tenant = ? AND config_version > ?
    ORDER BY config_version";
const DELETED_WITH_UNFINISHED: &str = "SELECT s.tenant, s.id FROM json_each(?1) j
    CROSS JOIN subscriptions s INDEXED BY subscriptions_deleted ON s.shard = j.value
    WHERE s.delete_time IS NOT NULL
        AND (
            EXISTS (
                SELECT 1 FROM deliveries d INDEXED BY deliveries_deadline
                WHERE d.tenant = s.tenant AND d.subscription = s.id AND d.state = 2 /* WAITING */
            )
            OR EXISTS (
                SELECT 1 FROM deliveries d INDEXED BY deliveries_deadline
                WHERE d.tenant = s.tenant AND d.subscription = s.id AND d.state = 1 /* HELD */
            )
        )
    LIMIT ?2";

#[async_trait]
impl ConfigStore for SqliteStore {
    async fn create_tenant(&self, tenant: &Tenant, audit: &AuditDraft) -> Result<(), WriteError> {
        let mut values = BoundValues::default();
        values
            .text(tenant.id.as_str())
            .text(&tenant.display_name)
            .add(tenant.allow_insecure_urls)
            .text(&codec::to_json(&tenant.labels)?)
            .add(tenant.config_version)
            .add(tenant.revision)
            .add(tenant.create_time.as_micros())
            .add(tenant.update_time.as_micros())
            .add(tenant.delete_time.map(Timestamp::as_micros))
            .add(tenant.retention.history.map(codec::micros))
            .add(tenant.retention.payload.map(codec::micros))
            .add(tenant_search(tenant));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        if values.change(&mut tx, INSERT_TENANT).await? == 0 {
            return Err(WriteError::AlreadyExists);
        }
        self.append_to(&mut tx, audit).await?;
        Ok(tx.commit().await?)
    }

    async fn get_tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        find_tenant(&mut *self.reader().await?, id).await
    }

    async fn list_tenants(&self, query: &TenantQuery) -> StoreResult<ListPage<Tenant>> {
        self.tenants_page(query).await
    }

    async fn update_tenant(
        &self,
        tenant: &Tenant,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<Tenant, WriteError> {
        let mut values = BoundValues::default();
        values
            .text(tenant.id.as_str())
            .add(expected_revision)
            .text(&tenant.display_name)
            .add(tenant.allow_insecure_urls)
            .text(&codec::to_json(&tenant.labels)?)
            .add(tenant_search(tenant))
            .add(tenant.create_time.as_micros())
            .add(tenant.update_time.as_micros())
            .add(tenant.retention.history.map(codec::micros))
            .add(tenant.retention.payload.map(codec::micros));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let written = match values.run(&mut tx, UPDATE_TENANT).await?.first() {
            Some(row) => named_tenant(row)?,
            None => return Err(missing_tenant(&mut tx, &tenant.id).await?),
        };
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(written)
    }

    async fn delete_tenant(
        &self,
        id: &TenantId,
        expected_revision: i64,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> Result<(i64, u64), WriteError> {
        let mut values = BoundValues::default();
        values.text(id.as_str()).add(expected_revision).add(now.as_micros());
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin_wiping().await?;
        let version = match values.run(&mut tx, DELETE_TENANT).await?.first() {
            Some(row) => RowReader::of(row).int()?,
            None => return Err(missing_tenant(&mut tx, id).await?),
        };
        let mut values = BoundValues::default();
        values.text(id.as_str()).add(now.as_micros());
        let rows = values.run(&mut tx, DELETE_SUBSCRIPTIONS).await?;
        let gone: Vec<String> = rows
            .iter()
            .map(|row| RowReader::of(row).get::<String>())
            .collect::<StoreResult<_>>()?;
        let count = gone.len() as u64;
        forget_data_keys(&mut tx, id).await?;
        outbox::forget_tenant(&mut tx, id).await?;
        self.append_to(&mut tx, &tenant_deletion(audit, gone)).await?;
        tx.commit().await?;
        self.note_removed_secrets();
        Ok((version, count))
    }

    async fn tenant_config(&self, id: &TenantId) -> StoreResult<Option<TenantConfig>> {
        let mut reader = self.reader().await?;
        // One transaction, so that both reads see one moment.
        let mut tx = reader.begin().await.map_err(stored)?;
        let tenant = find_tenant(&mut tx, id).await?;
        let Some(tenant) = tenant.filter(|tenant| tenant.delete_time.is_none()) else {
            return Ok(None);
        };
        let mut values = BoundValues::default();
        values.text(id.as_str());
        let rows = values.run(&mut tx, CONFIG_SUBSCRIPTIONS).await?;
        let subscriptions = self.opened(&mut tx, &rows).await?;
        Ok(Some(TenantConfig { tenant, subscriptions }))
    }

    async fn tenant_changes(
        &self,
        id: &TenantId,
        since: i64,
    ) -> StoreResult<Option<TenantChanges>> {
        let mut reader = self.reader().await?;
        let mut tx = reader.begin().await.map_err(stored)?;
        let tenant = find_tenant(&mut tx, id).await?;
        let Some(tenant) = tenant.filter(|tenant| tenant.delete_time.is_none()) else {
            return Ok(None);
        };
        let mut values = BoundValues::default();
        values.text(id.as_str()).add(since);
        let rows = values.run(&mut tx, TENANT_CHANGES).await?;
        let changed = self.opened(&mut tx, &rows).await?;
        Ok(Some(TenantChanges { tenant, changed }))
    }

    async fn config_versions(&self, ids: &[TenantId]) -> StoreResult<Vec<i64>> {
        let versions = config_versions(&mut *self.reader().await?, ids.iter()).await?;
        Ok(ids.iter().map(|id| versions.get(id).copied().unwrap_or(0)).collect())
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        max: usize,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError> {
        let tenant = &subscription.tenant;
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let raised = raise_version(&mut tx, tenant, 1).await?;
        let (version, data_key, count) = raised.ok_or(WriteError::NotFound)?;
        if usize::try_from(count).unwrap_or(usize::MAX) > max {
            return Err(WriteError::TooMany);
        }
        let key = self.data_key(&mut tx, tenant, data_key, subscription.update_time).await?;
        let mut values = BoundValues::default();
        put_key_and_state(&mut values, subscription, seal(subscription, &key)?)?;
        put_times(&mut values, subscription, subscription.revision);
        put_searched(&mut values, subscription);
        values.add(version).add(i64::from(Shard::of(&subscription.tenant, self.shards).0));
        if values.change(&mut tx, INSERT_SUBSCRIPTION).await? == 0 {
            return Err(WriteError::AlreadyExists);
        }
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(version)
    }

    async fn get_subscription(&self, key: &SubscriptionKey) -> StoreResult<Option<Subscription>> {
        let mut values = BoundValues::default();
        values.text(key.tenant.as_str()).text(key.subscription.as_str());
        let mut reader = self.reader().await?;
        let rows = values.run(&mut reader, GET_SUBSCRIPTION).await?;
        Ok(self.opened(&mut reader, &rows).await?.pop())
    }

    async fn list_subscriptions(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<ListPage<Subscription>> {
        self.subscriptions_page(query).await
    }

    async fn update_subscription(
        &self,
        subscription: &Subscription,
        expected_revision: i64,
        side_effects: &SubscriptionSideEffects,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError> {
        let tenant = &subscription.tenant;
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin_wiping().await?;
        let fewer = i64::from(subscription.delete_time.is_some());
        let raised = raise_version(&mut tx, tenant, -fewer).await?;
        let (version, data_key, _) = raised.ok_or(WriteError::NotFound)?;
        let key = self.data_key(&mut tx, tenant, data_key, subscription.update_time).await?;
        let mut values = BoundValues::default();
        put_key_and_state(&mut values, subscription, seal(subscription, &key)?)?;
        put_times(&mut values, subscription, expected_revision);
        put_searched(&mut values, subscription);
        values.add(version);
        if values.change(&mut tx, UPDATE_SUBSCRIPTION).await? == 0 {
            let mut values = BoundValues::default();
            values.text(tenant.as_str()).text(subscription.id.as_str());
            let found = values.run(&mut tx, IS_THERE).await?;
            let is_there = found.first().map(|row| RowReader::of(row).flag()).transpose()?;
            return Err(match is_there {
                Some(true) => WriteError::RevisionMismatch,
                _ => WriteError::NotFound,
            });
        }
        outbox::of_change(&mut tx, &subscription.key(), side_effects, self.shards).await?;
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        if subscription.delete_time.is_some() {
            self.note_removed_secrets();
        }
        Ok(version)
    }

    async fn deleted_with_unfinished(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let shards: Vec<u16> = shards.iter().map(|shard| shard.0).collect();
        let mut values = BoundValues::default();
        values.add(codec::to_json(&shards)?).add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, DELETED_WITH_UNFINISHED).await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                Ok(SubscriptionKey {
                    tenant: columns.tenant()?,
                    subscription: columns.subscription()?,
                })
            })
            .collect()
    }
}

async fn find_tenant(
    connection: &mut SqliteConnection,
    id: &TenantId,
) -> StoreResult<Option<Tenant>> {
    let mut values = BoundValues::default();
    values.text(id.as_str());
    values.run(connection, GET_TENANT).await?.first().map(named_tenant).transpose()
}

async fn missing_tenant(
    connection: &mut SqliteConnection,
    id: &TenantId,
) -> StoreResult<WriteError> {
    Ok(match find_tenant(connection, id).await? {
        Some(tenant) if tenant.delete_time.is_none() => WriteError::RevisionMismatch,
        _ => WriteError::NotFound,
    })
}

/// Raises the version of a tenant that is not deleted; with its data key.
async fn raise_version(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
    more: i64,
) -> StoreResult<Option<(i64, Option<Uuid>, i64)>> {
    let mut values = BoundValues::default();
    values.text(tenant.as_str()).add(more);
    let rows = values.run(connection, RAISE_VERSION).await?;
    let read = |row| {
        let mut columns = RowReader::of(row);
        Ok((columns.int()?, columns.get()?, columns.int()?))
    };
    rows.first().map(read).transpose()
}
