//! A tenant: the customer whose money moves, and its settings.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::TenantId;
use crate::subscription::Subscription;
use crate::time::Timestamp;

/// A tenant as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub display_name: String,
    /// Whether subscriptions may have `http://` URLs.
    pub allow_insecure_urls: bool,
    pub labels: BTreeMap<String, String>,
    pub retention: TenantRetention,
    /// Raised by every change of the tenant or of its subscriptions (invariant `read-your-writes`).
    pub config_version: i64,
    /// Raised by every change of the tenant itself; its etag.
    pub revision: i64,
    pub create_time: Timestamp,
    pub update_time: Timestamp,
    pub delete_time: Option<Timestamp>,
}

/// How long a tenant's history is kept, where it is not as long as the installation's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TenantRetention {
    /// Events, ended deliveries, attempts and statistics.
    pub history: Option<Duration>,
    /// Payloads, and what receivers answered.
    pub payload: Option<Duration>,
}

/// What changed in a tenant's configuration since an earlier version, read at one
/// moment.
#[derive(Clone, Debug)]
pub struct TenantChanges {
    pub tenant: Tenant,
    /// Subscriptions created, changed or deleted since, as they are now.
    pub changed: Vec<Subscription>,
}

/// Everything that matching and dispatching need of a tenant, read at one moment.
#[derive(Clone, Debug)]
pub struct TenantConfig {
    pub tenant: Tenant,
    /// All that are not deleted.
    pub subscriptions: Vec<Subscription>,
}
