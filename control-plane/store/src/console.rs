//! Sessions of the web console, and the codes of portals' links.
//!
//! Only hashes of their ids are stored, and no credential.

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{CallerIdentity, ConsoleEntryKind, ConsoleHash, ConsoleSession};

use crate::codec::corrupt;
use crate::error::{StoreError, StoreResult};

/// Reads and changes sessions and codes.
#[async_trait]
pub trait ConsoleStore {
    /// Stores one, if there is room for it. The caller's others of its kind that were used
    /// least recently go where he has too many.
    async fn create_console_session(
        &self,
        session: &ConsoleSession,
        bounds: ConsoleBounds,
    ) -> StoreResult<ConsoleCreation>;

    async fn get_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>>;

    /// Notes when a session was used, unless a later use is known.
    async fn note_console_use(&self, hash: &ConsoleHash, used: Timestamp) -> StoreResult<()>;

    /// Removes one, and says what it was. Of several who try it at once one is told.
    async fn take_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>>;

    /// Forgets those that ended before a time, and those that were not used since another.
    async fn forget_console_sessions(
        &self,
        ended_before: Timestamp,
        unused_since: Timestamp,
    ) -> StoreResult<()>;
}

/// Most sessions and codes that there may be once another was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleBounds {
    pub all: u64,
    /// That count for the new one's tenant ([`ConsoleSession::counted_tenant`]).
    pub of_tenant: u64,
    /// Of the same kind and caller, at least 1.
    pub of_caller: u32,
}

/// What became of one that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleCreation {
    Created,
    TooMany,
    TooManyOfTenant,
}

impl ConsoleBounds {
    /// Whether there is room for one more beside so many of all and of its tenant.
    pub fn judge(self, session: &ConsoleSession, all: u64, of_tenant: u64) -> ConsoleCreation {
        if session.counted_tenant().is_some() && of_tenant >= self.of_tenant {
            ConsoleCreation::TooManyOfTenant
        } else if all >= self.all {
            ConsoleCreation::TooMany
        } else {
            ConsoleCreation::Created
        }
    }
}

pub(crate) fn tenant_column(session: &ConsoleSession) -> &str {
    session.counted_tenant().map_or("", TenantId::as_str)
}

/// How many others of a caller stay beside a new one.
pub(crate) fn others_kept(bounds: ConsoleBounds) -> i64 {
    i64::from(bounds.of_caller.saturating_sub(1))
}

pub(crate) fn entry_kind(code: i64) -> StoreResult<ConsoleEntryKind> {
    let known = i16::try_from(code).ok().and_then(ConsoleEntryKind::from_code);
    known.ok_or_else(|| corrupt(format!("a console session of kind {code}")))
}

pub(crate) fn hash_from(bytes: &[u8]) -> StoreResult<ConsoleHash> {
    let hash = ConsoleHash::from_stored(bytes);
    hash.ok_or_else(|| corrupt("a console session's hash has another length"))
}

pub(crate) fn identity_to_json(identity: &CallerIdentity) -> StoreResult<String> {
    serde_json::to_string(identity).map_err(|error| StoreError::Rejected(error.to_string()))
}

pub(crate) fn identity_from_json(text: &str) -> StoreResult<CallerIdentity> {
    serde_json::from_str(text).map_err(|error| corrupt(format!("a session's caller: {error}")))
}
