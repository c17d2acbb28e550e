//! Callers' tokens.
//!
//! Only hashes are stored. A revoked or expired token stays listed until it is forgotten.

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditDraft, Grant, TokenHash, TokenId, TokenKind, TokenRecord};

use crate::codec::corrupt;
use crate::config::WriteError;
use crate::error::{StoreError, StoreResult};

/// Reads and changes tokens.
#[async_trait]
pub trait TokenStore {
    /// Inserts a token, if there is room for it. `AlreadyExists` when its id is in use.
    async fn create_token(
        &self,
        token: &TokenRecord,
        bounds: TokenBounds,
        audit: &AuditDraft,
    ) -> Result<TokenCreation, WriteError>;

    async fn get_token(&self, id: &TokenId) -> StoreResult<Option<TokenRecord>>;

    /// Tokens in the order of their ids; one that cannot be read is told and left out.
    async fn list_tokens(&self, query: &TokenQuery) -> StoreResult<Vec<TokenRecord>>;

    /// Revokes a token that was not revoked; false if it was, or is not there.
    async fn revoke_token(
        &self,
        id: &TokenId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool>;

    /// Notes when tokens were used, unless a later use is known.
    async fn note_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> StoreResult<()>;

    /// Forgets tokens of a kind that ended before a time.
    async fn forget_tokens(&self, kind: TokenKind, ended_before: Timestamp) -> StoreResult<()>;
}

/// Most tokens that there may be once another was made. Ended ones count until they are
/// forgotten, since they take room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBounds {
    pub all: u64,
    /// That count for the new token's tenant ([`TokenRecord::counted_tenant`]).
    pub of_tenant: u64,
    /// That the new token's maker made.
    pub of_maker: u64,
}

/// What became of a token that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenCreation {
    Created,
    TooMany,
    TooManyOfTenant,
    TooManyOfMaker,
}

/// How many tokens there are before another is made.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenCounts {
    pub all: u64,
    /// Of no interest where the new one counts for no tenant.
    pub of_tenant: u64,
    pub of_maker: u64,
}

impl TokenBounds {
    /// Whether there is room for one more: the narrowest bound is told first.
    pub fn judge(self, token: &TokenRecord, there: TokenCounts) -> TokenCreation {
        if token.counted_tenant().is_some() && there.of_tenant >= self.of_tenant {
            TokenCreation::TooManyOfTenant
        } else if there.of_maker >= self.of_maker {
            TokenCreation::TooManyOfMaker
        } else if there.all >= self.all {
            TokenCreation::TooMany
        } else {
            TokenCreation::Created
        }
    }
}

pub(crate) fn tenant_column(token: &TokenRecord) -> &str {
    token.counted_tenant().map_or("", TenantId::as_str)
}

pub(crate) fn token_count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// Which tokens.
#[derive(Clone, Debug, Default)]
pub struct TokenQuery {
    /// Portal tokens too.
    pub show_portal: bool,
    /// Strictly after this id.
    pub after: Option<TokenId>,
    /// At least 1.
    pub limit: u32,
}

/// The name of a token, for whoever has to look at its row.
pub(crate) fn row_name(id: &str) -> String {
    format!("tokens/{id}")
}

pub(crate) fn token_kind(code: i64) -> StoreResult<TokenKind> {
    let known = i16::try_from(code).ok().and_then(TokenKind::from_code);
    known.ok_or_else(|| corrupt(format!("a token of kind {code}")))
}

pub(crate) fn grants_to_json(grants: &[Grant]) -> StoreResult<String> {
    Grant::to_json(grants).map_err(|error| StoreError::Rejected(error.to_string()))
}

pub(crate) fn grants_from_json(text: &str) -> StoreResult<Vec<Grant>> {
    Grant::from_json(text).map_err(|error| corrupt(format!("a token's grants: {error}")))
}

pub(crate) fn hash_from(bytes: &[u8]) -> StoreResult<TokenHash> {
    TokenHash::from_stored(bytes).ok_or_else(|| corrupt("a token's hash has another length"))
}
