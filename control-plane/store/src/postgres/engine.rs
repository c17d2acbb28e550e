//! The engine, and its calls of the database.
//!
//! Fed by the methods in the files beside it; feeds the door with their names and time
//! limits.

use std::time::Duration;

use postrider_domain::ids::{Shard, TenantId};
use postrider_identity::{AuditChain, AuditDraft};
use tokio::time::Instant;

use super::call::{DatabaseCall, DatabaseDoor};
use super::numbers::KnownNumbers;
use crate::error::{StoreError, StoreResult};
use crate::sealing::SecretSealer;
use crate::store::{ConnectionPoolSize, Store};
use crate::turns::{Turn, Turns};
use crate::unreadable::UnreadableRows;

/// Longer than a statement's time-out, so that the database's own error comes first; a
/// call has only a few statements.
const CALL_LIMIT: Duration = Duration::from_secs(15);

/// How long a change waits for its turn: what it then needs is left.
const TURN_LIMIT: Duration = Duration::from_secs(10);

/// A [`Store`] in PostgreSQL.
pub struct PostgresStore {
    pub(super) door: DatabaseDoor,
    pub(super) shards: u16,
    pub(super) sealer: SecretSealer,
    pub(super) turns: Turns<AuditChain>,
    pub(super) unreadable: UnreadableRows,
    pub(super) numbers: KnownNumbers,
}

impl Store for PostgresStore {
    fn connection_pools(&self) -> Vec<ConnectionPoolSize> {
        self.door.pool_sizes()
    }

    fn unreadable_rows(&self) -> u64 {
        self.unreadable.count()
    }
}

impl PostgresStore {
    /// A call of the method with this name.
    pub(super) fn call(&self, method: &'static str) -> DatabaseCall<'_> {
        self.door.call(method, CALL_LIMIT)
    }

    /// A call of a method whose change is recorded, with the turn of the record's chain, for
    /// which it has waited. Both together take no longer than another call.
    pub(super) async fn change_call(
        &self,
        method: &'static str,
        audit: &AuditDraft,
    ) -> StoreResult<(Turn, DatabaseCall<'_>)> {
        let begin = Instant::now();
        let turn = tokio::time::timeout(TURN_LIMIT, self.turns.take(&audit.chain)).await;
        let turn = turn.map_err(|_| {
            StoreError::Unavailable("other changes of the same chain take too long".to_owned())
        })?;
        let left = CALL_LIMIT.saturating_sub(begin.elapsed());
        Ok((turn, self.door.call(method, left)))
    }

    /// A call that reads many rows, by the connections that are kept for such.
    pub(super) fn read_call(&self, method: &'static str) -> DatabaseCall<'_> {
        self.door.read_call(method, CALL_LIMIT)
    }

    /// A call that may take another time.
    pub(super) fn call_for(&self, method: &'static str, limit: Duration) -> DatabaseCall<'_> {
        self.door.call(method, limit)
    }

    /// A call by the connections that are kept for ownership.
    pub(super) fn ownership_call(&self, method: &'static str) -> DatabaseCall<'_> {
        self.door.ownership_call(method, CALL_LIMIT)
    }

    pub(super) fn shard(&self, tenant: &TenantId) -> i32 {
        i32::from(Shard::of(tenant, self.shards).0)
    }
}
