//! Callers' tokens.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditDraft, TokenId, TokenKind, TokenRecord};
use postrider_store::{
    StoreResult, TokenBounds, TokenCounts, TokenCreation, TokenQuery, TokenStore, WriteError,
};

use crate::{MemoryStore, refuse_nul};

#[async_trait]
impl TokenStore for MemoryStore {
    async fn create_token(
        &self,
        token: &TokenRecord,
        bounds: TokenBounds,
        audit: &AuditDraft,
    ) -> Result<TokenCreation, WriteError> {
        refuse_nul([token.display_name.as_str(), token.created_by.as_str()])?;
        let mut tables = self.tables()?;
        let count = |is: &dyn Fn(&TokenRecord) -> bool| {
            tables.tokens.values().filter(|there| is(there)).count() as u64
        };
        let tenant = token.counted_tenant();
        let there = TokenCounts {
            all: count(&|_| true),
            of_tenant: count(&|there| there.counted_tenant() == tenant),
            of_maker: count(&|there| there.created_by == token.created_by),
        };
        let judged = bounds.judge(token, there);
        if judged != TokenCreation::Created {
            return Ok(judged);
        }
        if tables.tokens.contains_key(&token.id) {
            return Err(WriteError::AlreadyExists);
        }
        tables.tokens.insert(token.id.clone(), token.clone());
        tables.append_record(audit)?;
        Ok(TokenCreation::Created)
    }

    async fn get_token(&self, id: &TokenId) -> StoreResult<Option<TokenRecord>> {
        Ok(self.tables()?.tokens.get(id).cloned())
    }

    async fn list_tokens(&self, query: &TokenQuery) -> StoreResult<Vec<TokenRecord>> {
        let tables = self.tables()?;
        let found = tables.tokens.values().filter(|token| {
            (query.show_portal || token.kind == TokenKind::Service)
                && query.after.as_ref().is_none_or(|after| token.id > *after)
        });
        Ok(found.take(usize::try_from(query.limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        let found = tables.tokens.get_mut(id).filter(|token| token.revoke_time.is_none());
        let Some(token) = found else { return Ok(false) };
        token.revoke_time = Some(now);
        tables.append_record(audit)?;
        Ok(true)
    }

    async fn note_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> StoreResult<()> {
        let mut tables = self.tables()?;
        for (id, used) in uses {
            if let Some(token) = tables.tokens.get_mut(id) {
                token.last_use_time = token.last_use_time.max(Some(*used));
            }
        }
        Ok(())
    }

    async fn forget_tokens(&self, kind: TokenKind, ended_before: Timestamp) -> StoreResult<()> {
        self.tables()?.tokens.retain(|_, token| {
            let mut ends = token.expire_time.iter().chain(&token.revoke_time);
            token.kind != kind || !ends.any(|end| *end < ended_before)
        });
        Ok(())
    }
}
