//! Records of changes.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditChain, AuditDraft, AuditKey, AuditRecord, ChainState};
use postrider_store::engine::forgettable;
use postrider_store::{
    AuditPosition, AuditQuery, AuditScope, AuditStore, ForgottenRecords, StoreResult,
};

use crate::MemoryStore;
use crate::tables::{MemoryTables, StoredChain};

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append_audit_record(&self, draft: &AuditDraft) -> StoreResult<()> {
        self.tables()?.append_record(draft)
    }

    async fn list_audit_records(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>> {
        let tables = self.tables()?;
        let is_wanted = |chain: &AuditChain| match (&query.scope, chain) {
            (AuditScope::Chain(wanted), chain) => wanted == chain,
            (AuditScope::Tenants(_), AuditChain::Installation) => false,
            (AuditScope::Tenants(None), AuditChain::Tenant(_)) => true,
            (AuditScope::Tenants(Some(some)), AuditChain::Tenant(tenant)) => some.contains(tenant),
        };
        let chains = tables.chains.values().filter(|stored| is_wanted(&stored.state.chain));
        let mut found: Vec<&AuditRecord> =
            chains.flat_map(|stored| stored.records.values()).collect();
        match &query.scope {
            AuditScope::Chain(_) => found.sort_by_key(|record| -record.sequence),
            AuditScope::Tenants(_) => {
                found.sort_by_key(|record| std::cmp::Reverse(AuditPosition::of(record)))
            }
        }
        let is_before = |record: &&AuditRecord| match (&query.before, &query.scope) {
            (None, _) => true,
            (Some(before), AuditScope::Chain(_)) => record.sequence < before.sequence,
            (Some(before), AuditScope::Tenants(_)) => AuditPosition::of(record) < *before,
        };
        let found = found.into_iter().filter(is_before);
        Ok(found.take(usize::try_from(query.limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn read_audit_chain(
        &self,
        chain: &AuditChain,
        from: i64,
        limit: u32,
    ) -> StoreResult<(ChainState, Vec<AuditRecord>)> {
        let tables = self.tables()?;
        let Some(StoredChain { state, records }) = tables.chains.get(chain.stored()) else {
            return Ok((ChainState::empty(chain.clone()), Vec::new()));
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let read = records.range(from..).take(limit);
        Ok((state.clone(), read.map(|(_, record)| record.clone()).collect()))
    }

    async fn list_audit_chains(
        &self,
        after: Option<&AuditChain>,
        limit: u32,
    ) -> StoreResult<Vec<ChainState>> {
        let tables = self.tables()?;
        let later = tables.chains.iter().filter(|(chain, _)| is_after(chain, after));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(later.take(limit).map(|(_, stored)| stored.state.clone()).collect())
    }

    async fn audit_key(&self) -> StoreResult<AuditKey> {
        Ok(MemoryTables::audit_key())
    }

    async fn begin_audit_log(&self, now: Timestamp) -> StoreResult<()> {
        let mut tables = self.tables()?;
        match std::mem::replace(&mut tables.has_audit_begun, true) {
            true => Ok(()),
            false => tables.append_record(&AuditDraft::beginning(now)),
        }
    }

    async fn foreign_triggers(&self, _limit: u32) -> StoreResult<Vec<String>> {
        Ok(Vec::new())
    }

    async fn forget_audit_records(
        &self,
        after: Option<&AuditChain>,
        before: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<ForgottenRecords>> {
        let mut tables = self.tables()?;
        let is_old = |StoredChain { state, records }: &StoredChain| {
            let removed = state.checkpoint.sequence;
            let first = records.range(removed.saturating_add(1)..).next();
            state.sequence != removed && first.is_none_or(|(_, first)| first.draft.time < before)
        };
        let mut chains = tables.chains.iter_mut();
        let next = chains.find(|(chain, stored)| is_after(chain, after) && is_old(stored));
        let Some((_, stored)) = next else { return Ok(None) };
        let chain = stored.state.chain.clone();
        let key = MemoryTables::audit_key().of_chain(&chain);
        let from = stored.state.checkpoint.sequence.saturating_add(1);
        let first: Vec<AuditRecord> =
            stored.records.range(from..).map(|(_, record)| record.clone()).collect();
        let (last, is_stuck) = forgettable(&key, &stored.state, &first, before);
        let mut removed = 0;
        if let Some(last) = last {
            let count = stored.records.len();
            stored.records.retain(|sequence, _| *sequence < from || *sequence > last.sequence);
            removed = count - stored.records.len();
            stored.state.checkpoint = key.checkpoint(last.sequence, last.hash, now);
        }
        let removed = u64::try_from(removed).unwrap_or(u64::MAX);
        Ok(Some(ForgottenRecords { chain, removed, is_stuck }))
    }
}

fn is_after(chain: &str, after: Option<&AuditChain>) -> bool {
    after.is_none_or(|after| chain > after.stored())
}
