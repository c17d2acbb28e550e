//! Nothing is written down here, and so nothing is encrypted: there are no data keys.
//!
//! Fed by the same calls as the engines; feeds them nothing to do.

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_store::{DataKeyStore, ReplacementStep, StoreResult, WrappedKeyCount};

use crate::MemoryStore;

#[async_trait]
impl DataKeyStore for MemoryStore {
    async fn require_keys(&self) -> StoreResult<()> {
        Ok(())
    }

    async fn count_data_keys(&self) -> StoreResult<Vec<WrappedKeyCount>> {
        Ok(Vec::new())
    }

    async fn rewrap_data_keys(&self, _limit: u32) -> StoreResult<u64> {
        Ok(0)
    }

    async fn next_keyed_tenant(&self, _after: Option<&TenantId>) -> StoreResult<Option<TenantId>> {
        Ok(None)
    }

    async fn replace_data_key(
        &self,
        _tenant: &TenantId,
        _since: Timestamp,
        _limit: u32,
    ) -> StoreResult<ReplacementStep> {
        Ok(ReplacementStep { resealed: 0, is_last: true })
    }

    async fn rewrite_secrets(&self) -> StoreResult<()> {
        Ok(())
    }
}
