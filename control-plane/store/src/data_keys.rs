//! Tenants' data keys, and how they are turned over.
//!
//! A data key is made with the first secret of a tenant and stored wrapped by the
//! current key-encryption key. Each subscription names the data key that its secrets are
//! sealed by. Turning keys over goes in steps that are each a transaction of their own,
//! beside whoever reads and changes subscriptions, and may end between any two of them.
//!
//! Keeps the invariant `secrets-encrypted`.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_secret_encryption::{KeyEncryptionKeys, KeyId};

use crate::error::{StoreError, StoreResult};

/// The shortest time between two rewrites of the tables that hold secrets, which lock
/// them.
pub const REWRITE_PAUSE: Duration = Duration::from_secs(3600);

/// How many data keys a key-encryption key wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKeyCount {
    pub by: KeyId,
    pub count: u64,
}

/// What a step of [`DataKeyStore::replace_data_key`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplacementStep {
    /// Subscriptions whose secrets were sealed anew.
    pub resealed: u64,
    /// Whether all of the tenant's are, and its older data keys are gone.
    pub is_last: bool,
}

/// Looks after data keys.
#[async_trait]
pub trait DataKeyStore {
    /// Fails unless this process has the key-encryption keys of all data keys, and says
    /// which it lacks or has wrong.
    async fn require_keys(&self) -> StoreResult<()>;

    /// Which key-encryption keys are in use, in the order of their ids.
    async fn count_data_keys(&self) -> StoreResult<Vec<WrappedKeyCount>>;

    /// Wraps data keys by the current key-encryption key that others wrapped, at most
    /// `limit`; how many. 0: none is left.
    async fn rewrap_data_keys(&self, limit: u32) -> StoreResult<u64>;

    /// The first tenant with a data key whose id is after this one.
    async fn next_keyed_tenant(&self, after: Option<&TenantId>) -> StoreResult<Option<TenantId>>;

    /// A step of giving a tenant a new data key: makes one unless it has one that was made
    /// at `since` or later, and seals the secrets of at most `limit` subscriptions by it.
    /// No revision changes.
    async fn replace_data_key(
        &self,
        tenant: &TenantId,
        since: Timestamp,
        limit: u32,
    ) -> StoreResult<ReplacementStep>;

    /// Rewrites what holds secrets, so that nothing is left of those that were replaced or
    /// deleted but in backups and, on PostgreSQL, in the write-ahead log.
    async fn rewrite_secrets(&self) -> StoreResult<()>;
}

/// Fails if key-encryption keys in use are missing, naming all of them.
pub(crate) fn require_held(
    keys: &dyn KeyEncryptionKeys,
    in_use: &[WrappedKeyCount],
) -> StoreResult<()> {
    let lacking = in_use.iter().filter(|used| !keys.holds(&used.by));
    let told: Vec<_> =
        lacking.map(|used| format!("\"{}\" ({} data keys)", used.by, used.count)).collect();
    if told.is_empty() {
        return Ok(());
    }
    let told = told.join(", ");
    Err(StoreError::Faulty(format!("key-encryption keys are missing that it needs: {told}")))
}
