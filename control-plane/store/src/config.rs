//! Tenants and their subscriptions.
//!
//! Every change raises the tenant's configuration version in its own
//! transaction (rule 1).

use async_trait::async_trait;
use postrider_domain::ids::{Region, Shard, SubscriptionKey, TenantId};
use postrider_domain::notice::Announcement;
use postrider_domain::subscription::{Status, Subscription};
use postrider_domain::tenant::{Tenant, TenantChanges, TenantConfig};
use postrider_domain::time::Timestamp;

use crate::error::{StoreError, StoreResult};

/// Why a change of the configuration was not made.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    #[error("the id is taken, or was")]
    AlreadyExists,
    #[error("not found")]
    NotFound,
    /// It is no longer at the revision that the change was based on.
    #[error("changed meanwhile")]
    RevisionMismatch,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What comes with a change of a subscription.
#[derive(Clone, Debug, Default)]
pub struct News {
    pub announcements: Vec<Announcement>,
    /// Its endpoint is given another chance, or is no more.
    pub ends_streak: bool,
}

/// Reads and changes the configuration.
#[async_trait]
pub trait ConfigStore {
    /// Inserts a tenant as given (its `revision` and `config_version` included).
    /// `AlreadyExists` also when a deleted tenant had the id.
    async fn create_tenant(&self, tenant: &Tenant) -> Result<(), WriteError>;

    /// A tenant, deleted ones included.
    async fn get_tenant(&self, id: &TenantId) -> StoreResult<Option<Tenant>>;

    /// Tenants, deleted ones only where the query asks for them.
    async fn list_tenants(&self, query: &TenantQuery) -> StoreResult<Page<Tenant>>;

    /// Replaces a tenant that still has `expected_revision` and is not deleted.
    /// The store sets `revision` to `expected_revision + 1` and raises
    /// `config_version` by one whatever `tenant` says; returns what it wrote.
    async fn update_tenant(
        &self,
        tenant: &Tenant,
        expected_revision: i64,
    ) -> Result<Tenant, WriteError>;

    /// Marks a tenant and all its subscriptions deleted at `now`; returns the
    /// new configuration version and how many subscriptions it took along.
    async fn delete_tenant(
        &self,
        id: &TenantId,
        expected_revision: i64,
        now: Timestamp,
    ) -> Result<(i64, u64), WriteError>;

    /// A tenant that is not deleted, with its subscriptions that are not
    /// deleted (in the order of their ids), read at one moment.
    async fn tenant_config(&self, id: &TenantId) -> StoreResult<Option<TenantConfig>>;

    /// What of a tenant that is not deleted has changed since it had the configuration
    /// version `since`, deleted subscriptions included, read at one moment. It costs
    /// what it finds.
    async fn tenant_changes(&self, id: &TenantId, since: i64)
    -> StoreResult<Option<TenantChanges>>;

    /// The configuration versions of these tenants (0 for one that is unknown or
    /// deleted), in the order asked.
    async fn config_versions(&self, ids: &[TenantId]) -> StoreResult<Vec<i64>>;

    /// Inserts a subscription as given; `NotFound` when the tenant is not there
    /// or is deleted. Returns the new configuration version.
    async fn create_subscription(&self, subscription: &Subscription) -> Result<i64, WriteError>;

    /// A subscription, deleted ones included.
    async fn get_subscription(&self, key: &SubscriptionKey) -> StoreResult<Option<Subscription>>;

    /// Subscriptions, deleted ones only where the query asks for them.
    async fn list_subscriptions(
        &self,
        query: &SubscriptionQuery,
    ) -> StoreResult<Page<Subscription>>;

    /// Replaces a subscription that still has `expected_revision` and is not
    /// deleted; a deletion is an update that sets `delete_time`. The store sets
    /// `revision` to `expected_revision + 1`. Returns the new configuration
    /// version. What `news` says is written with it.
    async fn update_subscription(
        &self,
        subscription: &Subscription,
        expected_revision: i64,
        news: &News,
    ) -> Result<i64, WriteError>;

    /// Subscriptions of tenants in these shards that were deleted but still have
    /// HELD or WAITING deliveries; at most `limit`. Used to end what a deletion
    /// left. (IN_FLIGHT ones end by their results.)
    async fn deleted_with_unfinished(
        &self,
        shards: &[Shard],
        limit: u32,
    ) -> StoreResult<Vec<SubscriptionKey>>;
}

/// Part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Where the next page begins; `None` after the last.
    pub next: Option<SortKey>,
}

/// The position of an item in an ordered list: the value of the column it is
/// ordered by (empty when ordered by id alone), then its id.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Which part of a list.
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
    pub status: Option<Status>,
    /// Subscriptions that one of whose patterns is this text, or matches this
    /// event type.
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
