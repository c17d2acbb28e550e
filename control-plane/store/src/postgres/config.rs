//! Tenants and subscriptions.
//!
//! Every change first raises the tenant's configuration version, which locks the
//! tenant's row: changes of one tenant happen one after the other, and in one order
//! of locks.

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use uuid::Uuid;

use super::call::DatabaseCall;
use super::config_rows::bind_subscription;
use super::data_keys::{forget_data_keys, note_removed_secrets};
use super::engine::PostgresStore;
use super::outbox;
use super::rows::{self, subscription_key};
use crate::audit::tenant_deletion;
use crate::codec;
use crate::config::{
    ConfigStore, ListPage, SubscriptionQuery, SubscriptionSideEffects, TenantQuery, WriteError,
};
use crate::error::StoreResult;
use crate::sealing::seal;

const READ_ONLY_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

const CREATE_TENANT: &str = "INSERT INTO tenants (
        id, display_name, search, allow_insecure_urls, labels, config_version, revision,
        create_time, update_time, delete_time, history_retention, payload_retention
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";

const UPDATE_TENANT: &str = "UPDATE tenants
    SET display_name = $3, search = $4, allow_insecure_urls = $5, labels = $6, update_time = $7,
        history_retention = $8, payload_retention = $9, config_version = config_version + 1,
        revision = revision + 1
    WHERE id = $1 AND revision = $2 AND delete_time IS NULL
    RETURNING id, display_name, allow_insecure_urls, labels, config_version, revision,
        create_time, update_time, delete_time, history_retention, payload_retention";

const DELETE_TENANT: &str = "UPDATE tenants
    SET delete_time = $3, update_time = $3, config_version = config_version + 1,
        revision = revision + 1
    WHERE id = $1 AND revision = $2 AND delete_time IS NULL
    RETURNING config_version";

const DELETE_SUBSCRIPTIONS: &str = "UPDATE subscriptions
    SET delete_time = $2, update_time = $2, revision = revision + 1, data_key = NULL,
        signing_keys = NULL, header_values = NULL, credentials = NULL, certificate_warning = NULL
    WHERE tenant = $1 AND delete_time IS NULL
    RETURNING id";

/// 2 how many subscriptions more, or fewer, there are by the change.
const RAISE_VERSION: &str = "UPDATE tenants
    SET config_version = config_version + 1, subscription_count = subscription_count + $2
    WHERE id = $1 AND delete_time IS NULL
    RETURNING config_version, data_key, subscription_count";

const SELECT_CONFIG_VERSIONS: &str = "SELECT coalesce(t.config_version, 0)
    FROM unnest($1::text[]) WITH ORDINALITY AS asked(id, ord)
    LEFT JOIN tenants t ON t.id = asked.id AND t.delete_time IS NULL
    ORDER BY asked.ord";

const CREATE_SUBSCRIPTION: &str = "INSERT INTO subscriptions (
        tenant, id, region, display_name, url, search, status, status_reason, settings,
        data_key, signing_keys, header_values, paused_total_us, paused_since, update_time,
        delete_time, config_version, request_revision, credentials, certificate_warning, revision,
        create_time, shard
    )
    VALUES (
        $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23
    )";

const UPDATE_SUBSCRIPTION: &str = "UPDATE subscriptions
    SET region = $3, display_name = $4, url = $5, search = $6, status = $7, status_reason = $8,
        settings = $9, data_key = $10, signing_keys = $11, header_values = $12,
        paused_total_us = $13, paused_since = $14, update_time = $15, delete_time = $16,
        config_version = $17, request_revision = $18, credentials = $19,
        certificate_warning = $20, revision = revision + 1
    WHERE tenant = $1 AND id = $2 AND revision = $21 AND delete_time IS NULL";

/// In the order of the index that finds them.
const TENANT_CHANGES: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total_us, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions
    WHERE tenant = $1 AND config_version > $2
    ORDER BY config_version";

/// Not by EXISTS: while the planner took a backlog for small, it began with that, and
/// read all of it.
const DELETED_WITH_UNFINISHED: &str = "SELECT s.tenant, s.id AS subscription FROM subscriptions s
    CROSS JOIN LATERAL (
        SELECT FROM deliveries d
        WHERE d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = s.tenant)
            AND d.subscription = (
                SELECT n.number FROM subscription_numbers n
                WHERE n.tenant = s.tenant AND n.id = s.id
            )
            AND d.state IN (1 /* HELD */, 2 /* WAITING */)
        ORDER BY d.deadline LIMIT 1
    ) d
    WHERE s.shard = ANY($1::integer[]) AND s.delete_time IS NOT NULL
    LIMIT $2";

const GET_TENANT: &str = "SELECT id, display_name, allow_insecure_urls, labels, config_version,
        revision, create_time, update_time, delete_time, history_retention, payload_retention
    FROM tenants
    WHERE id = $1";
const CONFIG_SUBSCRIPTIONS: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total_us, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions
    WHERE tenant = $1 AND delete_time IS NULL
    ORDER BY id";
const GET_SUBSCRIPTION: &str = "SELECT tenant, id, status, status_reason, settings, data_key,
        signing_keys, header_values, credentials, paused_total_us, paused_since, revision,
        request_revision, create_time, update_time, delete_time
    FROM subscriptions
    WHERE tenant = $1 AND id = $2";
const GET_DELETE_TIME: &str = "SELECT delete_time FROM subscriptions WHERE tenant = $1 AND id = $2";
const GET_LIVING_TENANT: &str = "SELECT id, display_name, allow_insecure_urls, labels,
        config_version, revision, create_time, update_time, delete_time, history_retention,
        payload_retention
    FROM tenants
    WHERE id = $1 AND delete_time IS NULL";

#[async_trait]
impl ConfigStore for PostgresStore {
    async fn create_tenant(&self, tenant: &Tenant, audit: &AuditDraft) -> Result<(), WriteError> {
        let (_turn, mut call) = self.change_call("create_tenant", audit).await?;
        call.begin().await?;
        call.insert(
            sqlx::query(CREATE_TENANT)
                .bind(tenant.id.as_str())
                .bind(&tenant.display_name)
                .bind(codec::search_text(&[tenant.id.as_str(), &tenant.display_name]))
                .bind(tenant.allow_insecure_urls)
                .bind(codec::to_json(&tenant.labels)?)
                .bind(tenant.config_version)
                .bind(tenant.revision)
                .bind(tenant.create_time.as_micros())
                .bind(tenant.update_time.as_micros())
                .bind(tenant.delete_time.map(Timestamp::as_micros))
                .bind(tenant.retention.history.map(codec::micros))
                .bind(tenant.retention.payload.map(codec::micros)),
        )
        .await?;
        self.append_to(&mut call, audit).await?;
        Ok(call.commit().await?)
    }

    async fn get_tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let mut call = self.call("get_tenant");
        find_tenant(&mut call, id).await
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
        let (_turn, mut call) = self.change_call("update_tenant", audit).await?;
        call.begin().await?;
        let row = call
            .row(
                sqlx::query(UPDATE_TENANT)
                    .bind(tenant.id.as_str())
                    .bind(expected_revision)
                    .bind(&tenant.display_name)
                    .bind(codec::search_text(&[tenant.id.as_str(), &tenant.display_name]))
                    .bind(tenant.allow_insecure_urls)
                    .bind(codec::to_json(&tenant.labels)?)
                    .bind(tenant.update_time.as_micros())
                    .bind(tenant.retention.history.map(codec::micros))
                    .bind(tenant.retention.payload.map(codec::micros)),
            )
            .await?;
        let Some(row) = row else {
            call.rollback().await?;
            let found = find_tenant(&mut call, &tenant.id).await?;
            return Err(missed(found.map(|found| found.delete_time)));
        };
        let written = rows::named_tenant(&row)?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(written)
    }

    async fn delete_tenant(
        &self,
        id: &TenantId,
        expected_revision: i64,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> Result<(i64, u64), WriteError> {
        let (_turn, mut call) = self.change_call("delete_tenant", audit).await?;
        call.begin().await?;
        let version: Option<i64> = call
            .optional_value(
                sqlx::query(DELETE_TENANT)
                    .bind(id.as_str())
                    .bind(expected_revision)
                    .bind(now.as_micros()),
            )
            .await?;
        let Some(version) = version else {
            call.rollback().await?;
            return Err(missed(find_tenant(&mut call, id).await?.map(|found| found.delete_time)));
        };
        let gone: Vec<String> = call
            .values(sqlx::query(DELETE_SUBSCRIPTIONS).bind(id.as_str()).bind(now.as_micros()))
            .await?;
        let count = gone.len() as u64;
        forget_data_keys(&mut call, id, now).await?;
        outbox::forget_tenant(&mut call, id).await?;
        self.append_to(&mut call, &tenant_deletion(audit, gone)).await?;
        call.commit().await?;
        Ok((version, count))
    }

    async fn tenant_config(&self, id: &TenantId) -> StoreResult<Option<TenantConfig>> {
        let mut call = self.call("tenant_config");
        call.begin_with(READ_ONLY_SNAPSHOT).await?;
        let tenant = living_tenant(&mut call, id).await?;
        let rows = call.rows(sqlx::query(CONFIG_SUBSCRIPTIONS).bind(id.as_str())).await?;
        let subscriptions = self.opened(&mut call, &rows).await?;
        call.commit().await?;
        let Some(tenant) = tenant else {
            return Ok(None);
        };
        Ok(Some(TenantConfig { tenant, subscriptions }))
    }

    async fn tenant_changes(
        &self,
        id: &TenantId,
        since: i64,
    ) -> StoreResult<Option<TenantChanges>> {
        let mut call = self.call("tenant_changes");
        call.begin_with(READ_ONLY_SNAPSHOT).await?;
        let tenant = living_tenant(&mut call, id).await?;
        let rows = call.rows(sqlx::query(TENANT_CHANGES).bind(id.as_str()).bind(since)).await?;
        let changed = self.opened(&mut call, &rows).await?;
        call.commit().await?;
        let Some(tenant) = tenant else {
            return Ok(None);
        };
        Ok(Some(TenantChanges { tenant, changed }))
    }

    async fn config_versions(&self, ids: &[TenantId]) -> StoreResult<Vec<i64>> {
        let mut call = self.call("config_versions");
        call.values(
            sqlx::query(SELECT_CONFIG_VERSIONS)
                .bind(ids.iter().map(TenantId::as_str).collect::<Vec<_>>()),
        )
        .await
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        max: usize,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError> {
        let (_turn, mut call) = self.change_call("create_subscription", audit).await?;
        call.begin().await?;
        let raised = raise_version(&mut call, &subscription.tenant, 1).await?;
        let (version, data_key, count) = raised.ok_or(WriteError::NotFound)?;
        if usize::try_from(count).unwrap_or(usize::MAX) > max {
            return Err(WriteError::TooMany);
        }
        let (tenant, now) = (&subscription.tenant, subscription.update_time);
        let key = self.data_key(&mut call, tenant, data_key, now).await?;
        let sealed = seal(subscription, &key)?;
        call.insert(
            bind_subscription(CREATE_SUBSCRIPTION, subscription, sealed, version)?
                .bind(subscription.revision)
                .bind(subscription.create_time.as_micros())
                .bind(self.shard(&subscription.tenant)),
        )
        .await?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(version)
    }

    async fn get_subscription(&self, key: &SubscriptionKey) -> StoreResult<Option<Subscription>> {
        let mut call = self.call("get_subscription");
        let query = sqlx::query(GET_SUBSCRIPTION);
        let query = query.bind(key.tenant.as_str()).bind(key.subscription.as_str());
        let rows = call.rows(query).await?;
        Ok(self.opened(&mut call, &rows).await?.pop())
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
        let (_turn, mut call) = self.change_call("update_subscription", audit).await?;
        call.begin().await?;
        let fewer = i64::from(subscription.delete_time.is_some());
        let raised = raise_version(&mut call, &subscription.tenant, -fewer).await?;
        let (version, data_key, _) = raised.ok_or(WriteError::NotFound)?;
        let (tenant, now) = (&subscription.tenant, subscription.update_time);
        let key = self.data_key(&mut call, tenant, data_key, now).await?;
        let sealed = seal(subscription, &key)?;
        if sealed.is_none() {
            note_removed_secrets(&mut call, now).await?;
        }
        let update = bind_subscription(UPDATE_SUBSCRIPTION, subscription, sealed, version)?;
        if call.execute(update.bind(expected_revision)).await? == 0 {
            call.rollback().await?;
            let query = sqlx::query(GET_DELETE_TIME);
            let query = query.bind(tenant.as_str()).bind(subscription.id.as_str());
            let found = call.optional_value::<Option<i64>>(query).await?;
            return Err(missed(found.map(|time| time.map(Timestamp::from_micros))));
        }
        outbox::of_change(&mut call, &subscription.key(), side_effects, self.shards).await?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(version)
    }

    async fn deleted_with_unfinished(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let mut call = self.call("deleted_with_unfinished");
        let rows = call
            .rows(
                sqlx::query(DELETED_WITH_UNFINISHED)
                    .bind(shards.iter().map(|shard| i32::from(shard.0)).collect::<Vec<_>>())
                    .bind(i64::from(limit)),
            )
            .await?;
        rows::read(&rows, subscription_key)
    }
}

async fn find_tenant(call: &mut DatabaseCall<'_>, id: &TenantId) -> StoreResult<Option<Tenant>> {
    let row = call.row(sqlx::query(GET_TENANT).bind(id.as_str())).await?;
    row.as_ref().map(rows::named_tenant).transpose()
}

async fn living_tenant(call: &mut DatabaseCall<'_>, id: &TenantId) -> StoreResult<Option<Tenant>> {
    let row = call.row(sqlx::query(GET_LIVING_TENANT).bind(id.as_str())).await?;
    row.as_ref().map(rows::named_tenant).transpose()
}

/// Locks a tenant that is not deleted, and raises its version; with its data key.
async fn raise_version(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
    more: i64,
) -> StoreResult<Option<(i64, Option<Uuid>, i64)>> {
    let row = call.row(sqlx::query(RAISE_VERSION).bind(tenant.as_str()).bind(more)).await?;
    let read = |row| {
        let version = rows::get(&row, "config_version")?;
        Ok((version, rows::get(&row, "data_key")?, rows::get(&row, "subscription_count")?))
    };
    row.map(read).transpose()
}

/// Why a conditional update found no row, given the deletion time of the existing one.
fn missed(found: Option<Option<Timestamp>>) -> WriteError {
    match found {
        Some(None) => WriteError::RevisionMismatch,
        None | Some(Some(_)) => WriteError::NotFound,
    }
}
