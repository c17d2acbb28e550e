//! Tenants and their subscriptions, in memory: `ConfigStore`.

use async_trait::async_trait;
use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::{Shard, SubscriptionKey, TenantId};
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::engine::{certificate_warning, tenant_deletion};
use postrider_store::{
    ConfigStore, ListPage, StoreResult, SubscriptionQuery, SubscriptionSideEffects, TenantQuery,
    WriteError,
};

use crate::tables::MemoryTables;
use crate::{MemoryStore, lists, refuse_nul};

#[async_trait]
impl ConfigStore for MemoryStore {
    async fn create_tenant(&self, tenant: &Tenant, audit: &AuditDraft) -> Result<(), WriteError> {
        refuse_nul([tenant.id.as_str(), &tenant.display_name])?;
        let mut tables = self.tables()?;
        if tables.tenants.contains_key(&tenant.id) {
            return Err(WriteError::AlreadyExists);
        }
        tables.tenants.insert(tenant.id.clone(), tenant.clone());
        tables.append_record(audit)?;
        Ok(())
    }

    async fn get_tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>> {
        let tables = self.tables()?;
        let found = tables.tenants.get(id).cloned();
        found.map(|found| tables.readable(id, found)).transpose()
    }

    async fn list_tenants(&self, query: &TenantQuery) -> StoreResult<ListPage<Tenant>> {
        lists::tenants(&*self.tables()?, query)
    }

    async fn update_tenant(
        &self,
        tenant: &Tenant,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<Tenant, WriteError> {
        refuse_nul([tenant.display_name.as_str()])?;
        let mut tables = self.tables()?;
        let found = current_tenant(&mut tables, &tenant.id, expected_revision)?;
        *found = Tenant {
            revision: expected_revision + 1,
            config_version: found.config_version + 1,
            delete_time: None,
            ..tenant.clone()
        };
        let written = found.clone();
        tables.append_record(audit)?;
        Ok(written)
    }

    async fn delete_tenant(
        &self,
        id: &TenantId,
        expected_revision: i64,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> Result<(i64, u64), WriteError> {
        let mut tables = self.tables()?;
        let tenant = current_tenant(&mut tables, id, expected_revision)?;
        tenant.revision += 1;
        tenant.config_version += 1;
        tenant.update_time = now;
        tenant.delete_time = Some(now);
        let version = tenant.config_version;
        let mut taken_along = Vec::new();
        for subscription in tables.subscriptions.values_mut() {
            if subscription.tenant == *id && subscription.delete_time.is_none() {
                subscription.revision += 1;
                subscription.update_time = now;
                subscription.delete_time = Some(now);
                subscription.forget_secrets();
                taken_along.push(subscription.id.to_string());
            }
        }
        tables.failing.retain(|key, _| key.tenant != *id);
        tables.certificate_warnings.retain(|key, _| key.tenant != *id);
        let count = taken_along.len() as u64;
        tables.append_record(&tenant_deletion(audit, taken_along))?;
        Ok((version, count))
    }

    async fn tenant_config(&self, id: &TenantId) -> StoreResult<Option<TenantConfig>> {
        let tables = self.tables()?;
        let Some(tenant) = tables.living_tenant(id) else {
            return Ok(None);
        };
        let subscriptions = tables.subscriptions.values();
        let living = subscriptions.filter(|subscription| {
            subscription.tenant == *id && subscription.delete_time.is_none()
        });
        let subscriptions = living.cloned().collect();
        tables.readable(id, Some(TenantConfig { tenant: tenant.clone(), subscriptions }))
    }

    async fn tenant_changes(
        &self,
        id: &TenantId,
        since: i64,
    ) -> StoreResult<Option<TenantChanges>> {
        let tables = self.tables()?;
        let Some(tenant) = tables.living_tenant(id) else {
            return Ok(None);
        };
        let is_changed = |key: &SubscriptionKey| {
            tables.written_at.get(key).is_some_and(|version| *version > since)
        };
        let of_tenant = tables.subscriptions.iter().filter(|(key, _)| key.tenant == *id);
        let changed =
            of_tenant.filter(|(key, _)| is_changed(key)).map(|(_, of_tenant)| of_tenant.clone());
        let changed = changed.collect();
        tables.readable(id, Some(TenantChanges { tenant: tenant.clone(), changed }))
    }

    async fn config_versions(&self, ids: &[TenantId]) -> StoreResult<Vec<i64>> {
        let tables = self.tables()?;
        let version = |id| tables.living_tenant(id).map_or(0, |tenant| tenant.config_version);
        Ok(ids.iter().map(version).collect())
    }

    async fn create_subscription(
        &self,
        subscription: &Subscription,
        max: usize,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError> {
        refuse(subscription)?;
        let mut tables = self.tables()?;
        if tables.living_tenant(&subscription.tenant).is_none() {
            return Err(WriteError::NotFound);
        }
        let living = tables
            .subscriptions
            .values()
            .filter(|other| other.tenant == subscription.tenant && other.delete_time.is_none());
        if living.count() >= max {
            return Err(WriteError::TooMany);
        }
        if tables.subscriptions.contains_key(&subscription.key()) {
            return Err(WriteError::AlreadyExists);
        }
        tables.subscriptions.insert(subscription.key(), subscription.clone());
        tables.set_certificate_warning(&subscription.key(), certificate_warning(subscription));
        let version = raise_version(&mut tables, &subscription.tenant)?;
        tables.written_at.insert(subscription.key(), version);
        tables.append_record(audit)?;
        Ok(version)
    }

    async fn get_subscription(&self, key: &SubscriptionKey) -> StoreResult<Option<Subscription>> {
        let tables = self.tables()?;
        let found = tables.subscriptions.get(key).cloned();
        found.map(|found| tables.readable(&key.tenant, found)).transpose()
    }

    async fn list_subscriptions(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<ListPage<Subscription>> {
        lists::subscriptions(&*self.tables()?, query)
    }

    async fn update_subscription(
        &self,
        subscription: &Subscription,
        expected_revision: i64,
        side_effects: &SubscriptionSideEffects,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError> {
        refuse(subscription)?;
        let mut tables = self.tables()?;
        let key = subscription.key();
        match tables.subscriptions.get(&key) {
            Some(found) if found.delete_time.is_some() => return Err(WriteError::NotFound),
            Some(found) if found.revision != expected_revision => {
                return Err(WriteError::RevisionMismatch);
            }
            Some(_) => {}
            None => return Err(WriteError::NotFound),
        }
        let version = raise_version(&mut tables, &subscription.tenant)?;
        let mut written = Subscription { revision: expected_revision + 1, ..subscription.clone() };
        if written.delete_time.is_some() {
            written.forget_secrets();
        }
        tables.set_certificate_warning(&key, certificate_warning(&written));
        tables.subscriptions.insert(key.clone(), written);
        tables.written_at.insert(key.clone(), version);
        if side_effects.ends_streak {
            tables.failing.remove(&key);
        }
        tables.write_to_outbox(&side_effects.operational_events);
        tables.append_record(audit)?;
        Ok(version)
    }

    async fn deleted_with_unfinished(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let tables = self.tables()?;
        let ends = |key: &SubscriptionKey| {
            tables.unfinished.values().any(|delivery| {
                delivery.subscription == *key && delivery.state != DeliveryState::InFlight
            })
        };
        let deleted = tables.subscriptions.iter().filter(|(key, subscription)| {
            subscription.delete_time.is_some() && shards.contains(&tables.shard_of(&key.tenant))
        });
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let found = deleted.map(|(key, _)| key).filter(|key| ends(key)).take(wanted);
        Ok(found.cloned().collect())
    }
}

fn refuse(subscription: &Subscription) -> StoreResult<()> {
    let settings = &subscription.settings;
    let texts = [&subscription.status_reason, &settings.display_name, &settings.url];
    refuse_nul(texts.into_iter().map(String::as_str))
}

fn current_tenant<'t>(
    tables: &'t mut MemoryTables,
    id: &TenantId,
    expected_revision: i64,
) -> Result<&'t mut Tenant, WriteError> {
    let found = tables.tenants.get_mut(id).filter(|tenant| tenant.delete_time.is_none());
    let tenant = found.ok_or(WriteError::NotFound)?;
    if tenant.revision != expected_revision {
        return Err(WriteError::RevisionMismatch);
    }
    Ok(tenant)
}

fn raise_version(tables: &mut MemoryTables, tenant: &TenantId) -> Result<i64, WriteError> {
    let found = tables.tenants.get_mut(tenant).filter(|tenant| tenant.delete_time.is_none());
    let tenant = found.ok_or(WriteError::NotFound)?;
    tenant.config_version += 1;
    Ok(tenant.config_version)
}
