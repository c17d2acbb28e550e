//! Changes of tenants and subscriptions, each with its record.
//!
//! Fed by the API, and by what the system decides by itself; feeds the store, then every
//! replica with the version that was written.

use postrider_domain::delivery::{DeliveryState, EndReason};
use postrider_domain::ids::{SubscriptionKey, TenantId};
use postrider_domain::operational_event::{self, DisabledBy};
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_domain::tenant::Tenant;
use postrider_identity::{AuditDraft, AuditFields, AuditOrigin};
use postrider_store::{EndWaitingRequest, StoreResult, SubscriptionSideEffects, WriteError};

use super::TenantConfigs;
use crate::audited_fields;
use crate::state::lost_races::repeat_lost_races;

/// Most waiting deliveries that a deletion ends before it answers; the sweep ends the rest.
/// Ten statements: the caller waits for them.
const MAX_ENDED_PER_CALL: u64 = 10_000;
/// Rows stay locked for one short statement.
const MAX_ENDED_PER_STATEMENT: u32 = 1_000;
/// As records name it when the system disables a subscription: after a 410, or after
/// failures only.
const DISABLE_RECORD: &str = "disable a subscription";

impl TenantConfigs {
    pub async fn create_tenant(
        &self,
        tenant: Tenant,
        audit: &AuditDraft,
    ) -> Result<Tenant, WriteError> {
        self.0.store.create_tenant(&tenant, audit).await?;
        Ok(tenant)
    }

    pub async fn update_tenant(
        &self,
        tenant: Tenant,
        expected: i64,
        audit: &AuditDraft,
    ) -> Result<Tenant, WriteError> {
        let written = self.0.store.update_tenant(&tenant, expected, audit).await?;
        self.refresh_all_replicas(&written.id, written.config_version).await?;
        Ok(written)
    }

    /// Deletes a tenant with its subscriptions; how many of these there were, and
    /// how many waiting deliveries were cancelled before the answer.
    pub async fn delete_tenant(
        &self,
        id: &TenantId,
        expected: i64,
        audit: &AuditDraft,
    ) -> Result<(u64, u64), WriteError> {
        let config = self.0.store.tenant_config(id).await?;
        let now = self.0.clock.now();
        let deleted = self.0.store.delete_tenant(id, expected, now, audit).await?;
        let (version, subscriptions) = deleted;
        self.refresh_all_replicas(id, version).await?;
        let mut cancelled = 0;
        for subscription in config.map(|c| c.subscriptions).unwrap_or_default() {
            cancelled += self.end_waiting(&subscription.key(), EndReason::TenantDeleted).await?;
        }
        Ok((subscriptions, cancelled))
    }

    /// Creates a subscription of a tenant that has fewer than `max`.
    pub async fn create_subscription(
        &self,
        new: Subscription,
        max: usize,
        audit: &AuditDraft,
    ) -> Result<Subscription, WriteError> {
        let version = self.0.store.create_subscription(&new, max, audit).await?;
        self.refresh_all_replicas(&new.tenant, version).await?;
        Ok(new)
    }

    /// Writes a change of a subscription that is still as it was `before`, with the
    /// operational events about it, and with what differs in its record.
    pub async fn update_subscription(
        &self,
        before: &Subscription,
        mut changed: Subscription,
        by: DisabledBy,
        audit: AuditDraft,
    ) -> Result<Subscription, WriteError> {
        changed.revision = before.revision + 1;
        if !changed.settings.requests_like(&before.settings) {
            changed.request_revision = changed.revision;
        }
        let side_effects = self.plan_side_effects(before, &changed, by).await?;
        let fields = audited_fields::of_subscription;
        let audit = audit.with_changes(&fields(before), &fields(&changed));
        let (store, expected) = (&self.0.store, before.revision);
        let updated = store.update_subscription(&changed, expected, &side_effects, &audit).await;
        let version = updated?;
        self.refresh_all_replicas(&changed.tenant, version).await?;
        if !side_effects.operational_events.is_empty() {
            self.0.outbox.notify();
        }
        Ok(changed)
    }

    async fn plan_side_effects(
        &self,
        before: &Subscription,
        after: &Subscription,
        by: DisabledBy,
    ) -> StoreResult<SubscriptionSideEffects> {
        let mut operational_events = Vec::new();
        let snapshot = self.snapshot(&after.tenant).await?;
        for (event_type, operational_event) in operational_event::of_change(before, after, by) {
            if snapshot.as_ref().is_some_and(|s| s.wants_event(&self.0.outbox, event_type)) {
                operational_events.push(operational_event);
            }
        }
        let enabled = after.status == SubscriptionStatus::Enabled
            && before.status != SubscriptionStatus::Enabled;
        // A new URL is a new endpoint.
        let moved = after.settings.url != before.settings.url;
        Ok(SubscriptionSideEffects {
            operational_events,
            ends_streak: enabled || moved || after.delete_time.is_some(),
        })
    }

    /// Deletes a subscription; how many waiting deliveries were cancelled before
    /// the answer.
    pub async fn delete_subscription(
        &self,
        key: &SubscriptionKey,
        expected: i64,
        audit: AuditDraft,
    ) -> Result<u64, WriteError> {
        let found = self.0.store.get_subscription(key).await?;
        let mut gone = found.filter(|s| s.delete_time.is_none()).ok_or(WriteError::NotFound)?;
        let before = audited_fields::of_subscription(&gone);
        let audit = audit.with_changes(&before, &AuditFields::none());
        gone.delete_time = Some(self.0.clock.now());
        let side_effects =
            SubscriptionSideEffects { ends_streak: true, ..SubscriptionSideEffects::default() };
        let store = &self.0.store;
        let version = store.update_subscription(&gone, expected, &side_effects, &audit).await?;
        self.refresh_all_replicas(&key.tenant, version).await?;
        Ok(self.end_waiting(key, EndReason::SubscriptionDeleted).await?)
    }

    /// Disables a subscription on the system's own decision.
    pub async fn disable_subscription(
        &self,
        key: &SubscriptionKey,
        reason: &str,
    ) -> Result<(), WriteError> {
        let is_lost_race = |error: &WriteError| matches!(error, WriteError::RevisionMismatch);
        let _turn = self.0.turns.take(&key.to_string()).await;
        repeat_lost_races(is_lost_race, || self.try_disable(key, reason)).await
    }

    async fn try_disable(&self, key: &SubscriptionKey, reason: &str) -> Result<(), WriteError> {
        let found = self.0.store.get_subscription(key).await?;
        let Some(before) = found.filter(|s| s.delete_time.is_none()) else {
            return Ok(());
        };
        if before.status == SubscriptionStatus::Disabled {
            return Ok(());
        }
        let mut disabled = before.clone();
        disabled.set_status(SubscriptionStatus::Disabled, reason, self.0.clock.now());
        let origin = AuditOrigin::system(DISABLE_RECORD);
        let audit = origin.draft(&key.to_string(), self.0.clock.now());
        self.update_subscription(&before, disabled, DisabledBy::System, audit).await?;
        tracing::warn!(subscription = %key, reason, "a subscription was disabled");
        Ok(())
    }

    /// Ends the waiting deliveries of a deleted subscription, up to a limit.
    pub async fn end_waiting(&self, key: &SubscriptionKey, reason: EndReason) -> StoreResult<u64> {
        let request = EndWaitingRequest {
            subscription: key.clone(),
            shard: self.shard(&key.tenant),
            deadline_before: None,
            state: DeliveryState::Cancelled,
            reason,
            hold_keys: false,
            endpoint_for_events: None,
        };
        let mut ended = 0;
        while ended < MAX_ENDED_PER_CALL {
            let now = self.0.clock.now();
            let some = self.0.store.end_waiting(&request, now, MAX_ENDED_PER_STATEMENT).await?;
            ended += some;
            if some < u64::from(MAX_ENDED_PER_STATEMENT) {
                break;
            }
        }
        Ok(ended)
    }
}
