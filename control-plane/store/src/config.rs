//! Tenants and their subscriptions.
//!
//! Every change raises the tenant's configuration version in its own transaction
//! (read-your-writes).
//!
//! Keeps the invariants `read-your-writes` and `deletes-keep-history`.

use async_trait::async_trait;
use postrider_domain::ids::{Region, Shard, SubscriptionKey, TenantId};
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use serde::{Deserialize, Serialize};

use crate::error::{StoreError, StoreResult};

/// Why a change of the configuration failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the id is in use, or was used before")]
    AlreadyExists,
    #[error("not found")]
    NotFound,
    /// It changed since the revision that the change is based on.
    #[error("the revision has changed")]
    RevisionMismatch,
    /// There are as many as there may be.
    #[error("there are too many")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is written together with a change of a subscription.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionSideEffects {
    pub operational_events: Vec<OperationalEvent>,
    /// Its endpoint gets another chance, or the subscription is deleted: its failure
    /// streak ends.
    pub ends_streak: bool,
}

/// Reads and changes the configuration. What changes it appends a record.
#[async_trait]
pub trait ConfigStore {
    /// Inserts a tenant as given (its `revision` and `config_version` included).
    /// `AlreadyExists` also when a deleted tenant had the id.
    async fn create_tenant(&self, tenant: &Tenant, audit: &AuditDraft) -> Result<(), WriteError>;

    /// A tenant, deleted ones included.
    async fn get_tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>>;

    /// Tenants, deleted ones only where the query asks for them.
    async fn list_tenants(&self, query: &TenantQuery) -> StoreResult<ListPage<Tenant>>;

    /// Replaces a tenant that has `expected_revision` and is not deleted. The store
    /// sets `revision` to `expected_revision + 1` and raises `config_version` by one,
    /// whatever `tenant` says. Returns what it wrote.
    async fn update_tenant(
        &self,
        tenant: &Tenant,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<Tenant, WriteError>;

    /// Marks a tenant and all its subscriptions deleted at `now`; returns the
    /// new configuration version and how many subscriptions it took along. The record
    /// names these too.
    async fn delete_tenant(
        &self,
        id: &TenantId,
        expected_revision: i64,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> Result<(i64, u64), WriteError>;

    /// A tenant that is not deleted, with its subscriptions that are not
    /// deleted (in the order of their ids), read at one moment.
    async fn tenant_config(&self, id: &TenantId) -> StoreResult<Option<TenantConfig>>;

    /// What changed in a tenant since configuration version `since`, including deleted
    /// subscriptions, read at one moment. The cost depends on what is found.
    async fn tenant_changes(&self, id: &TenantId, since: i64)
    -> StoreResult<Option<TenantChanges>>;

    /// The configuration versions of these tenants (0 for one that is unknown or
    /// deleted), in the order asked.
    async fn config_versions(&self, ids: &[TenantId]) -> StoreResult<Vec<i64>>;

    /// Inserts a subscription as given; `NotFound` when the tenant is not there
    /// or is deleted, `TooMany` when it has `max` that are not deleted, counted in the
    /// same transaction. Returns the new configuration version.
    async fn create_subscription(
        &self,
        subscription: &Subscription,
        max: usize,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError>;

    /// A subscription, deleted ones included.
    async fn get_subscription(&self, key: &SubscriptionKey) -> StoreResult<Option<Subscription>>;

    /// Subscriptions, deleted ones only where the query asks for them.
    async fn list_subscriptions(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<ListPage<Subscription>>;

    /// Replaces a subscription that still has `expected_revision` and is not
    /// deleted; a deletion is an update that sets `delete_time`. The store sets
    /// `revision` to `expected_revision + 1`. Returns the new configuration
    /// version. What `side_effects` says is written with it.
    async fn update_subscription(
        &self,
        subscription: &Subscription,
        expected_revision: i64,
        side_effects: &SubscriptionSideEffects,
        audit: &AuditDraft,
    ) -> Result<i64, WriteError>;

    /// Deleted subscriptions in these shards that still have HELD or WAITING
    /// deliveries; at most `limit`. (IN_FLIGHT ones end with their results.)
    async fn deleted_with_unfinished(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<SubscriptionKey>>;
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct ListPage<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<SortKey>,
}

/// An item's position in an ordered list: the value of the order's column (empty for
/// order by id), then its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    pub value: String,
    pub id: String,
}

/// What a list is ordered by; the id decides among equals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBy {
    #[default]
    Id,
    CreateTime,
    DisplayName,
}

/// Which page of a list.
#[derive(Clone, Debug)]
pub struct PageRequest {
    pub order_by: OrderBy,
    pub descending: bool,
    /// Strictly after this position, in the list's order.
    pub after: Option<SortKey>,
    /// At least 1.
    pub limit: u32,
}

/// Which tenants.
#[derive(Clone, Debug)]
pub struct TenantQuery {
    /// Case-insensitive part of the id or the display name.
    pub search: Option<String>,
    /// Deleted ones too.
    pub show_deleted: bool,
    pub page: PageRequest,
}

/// Which subscriptions of a tenant.
#[derive(Clone, Debug)]
pub struct SubscriptionQuery {
    pub tenant: TenantId,
    /// Case-insensitive part of the id, the display name or the URL.
    pub search: Option<String>,
    pub status: Option<SubscriptionStatus>,
    /// Subscriptions with a pattern that equals or matches this event type.
    pub event_type: Option<String>,
    pub region: Option<Region>,
    /// Deleted ones too.
    pub show_deleted: bool,
    pub page: PageRequest,
}

/// The sort key of a subscription or tenant under an order.
pub fn sort_key(
    order_by: OrderBy,
    id: &str,
    display_name: &str,
    create_time: Timestamp,
) -> SortKey {
    let value = match order_by {
        OrderBy::Id => String::new(),
        OrderBy::CreateTime => create_time.as_micros().to_string(),
        OrderBy::DisplayName => display_name.to_owned(),
    };
    SortKey { value, id: id.to_owned() }
}
