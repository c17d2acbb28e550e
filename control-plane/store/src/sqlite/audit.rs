//! Records of changes. One connection writes, so that records of a chain are written one
//! after the other.
//!
//! Keeps the invariant `audit-records-chained`.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AuditChain, AuditDraft, AuditKey, AuditRecord, ChainCheckpoint, ChainState,
};
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::bulk::BoundValues;
use super::engine::SqliteStore;
use super::errors::stored;
use super::open::own_tables;
use super::rows::RowReader;
use crate::audit::{
    AuditPosition, AuditQuery, AuditScope, AuditStore, ForgottenRecords, MAX_FORGOTTEN_RECORDS,
    changes_from_json, forgettable, hash_from, left_out_from,
};
use crate::codec;
use crate::error::StoreResult;
use crate::sealing::{AUDIT_KEY_ID, audit_key_of, no_tenant};
use crate::sql_file::without_comment;

const SELECT_CHAIN: &str = "SELECT chain, sequence, hash, checkpoint_sequence, checkpoint_hash,
        checkpoint_time, checkpoint_signature
    FROM audit_chains
    WHERE chain = ?";
const LIST_CHAINS: &str = "SELECT chain, sequence, hash, checkpoint_sequence, checkpoint_hash,
        checkpoint_time, checkpoint_signature
    FROM audit_chains
    WHERE ?1 IS NULL OR chain > ?1
    ORDER BY chain LIMIT ?2";

const LIST_OF_CHAIN: &str = "SELECT chain, sequence, previous, hash, record_time, actor, address,
        request_id, method, resource, changes, left_out
    FROM audit_records
    WHERE chain = ?1 AND sequence < ?2
    ORDER BY sequence DESC LIMIT ?3";
const LIST_OF_TENANTS: &str = "SELECT chain, sequence, previous, hash, record_time, actor, address,
        request_id, method, resource, changes, left_out
    FROM audit_records INDEXED BY audit_records_time
    WHERE chain <> ''
        AND (?1 IS NULL OR chain IN (SELECT value FROM json_each(?1)))
        AND (record_time, chain, sequence) < (?2, ?3, ?4)
    ORDER BY record_time DESC, chain DESC, sequence DESC LIMIT ?5";
const READ_CHAIN: &str = "SELECT chain, sequence, previous, hash, record_time, actor, address,
        request_id, method, resource, changes, left_out
    FROM audit_records
    WHERE chain = ?1 AND sequence >= ?2
    ORDER BY sequence LIMIT ?3";

/// Of each chain the first record that is there is looked at, by its key. One that has none,
/// although its head says so, is taken for old: somebody has to look.
const NEXT_OLD_CHAIN: &str = "SELECT c.chain FROM audit_chains c
    WHERE (?1 IS NULL OR c.chain > ?1)
        AND c.sequence <> c.checkpoint_sequence
        AND coalesce((
            SELECT r.record_time FROM audit_records r
            WHERE r.chain = c.chain AND r.sequence > c.checkpoint_sequence
            ORDER BY r.sequence LIMIT 1
        ), 0) < ?2
    ORDER BY c.chain LIMIT 1";
/// Of those that were checked: what somebody put before them stays, to be found.
const DELETE_RECORDS: &str = "DELETE FROM audit_records
    WHERE chain = ?1 AND sequence >= ?2 AND sequence <= ?3";
const SET_CHECKPOINT: &str = "UPDATE audit_chains
    SET checkpoint_sequence = ?2, checkpoint_hash = ?3, checkpoint_time = ?4,
        checkpoint_signature = ?5
    WHERE chain = ?1";
const FOREIGN_TRIGGERS: &str =
    without_comment(include_str!("../../sql/sqlite/foreign_triggers.sql"));
const INSERT_AUDIT_KEY: &str =
    "INSERT INTO data_keys (tenant, id, wrapped_by, wrapped, create_time)
    VALUES (?, ?, ?, ?, ?)";

impl SqliteStore {
    /// The key of all chains, if there is one; from memory once it was read.
    async fn stored_audit_key(
        &self,
        connection: &mut SqliteConnection,
    ) -> StoreResult<Option<AuditKey>> {
        let owner = no_tenant();
        let found = match self.sealer.cached(&owner, AUDIT_KEY_ID) {
            Some(key) => Some(key),
            None => self.stored_key(connection, &owner, AUDIT_KEY_ID).await?.map(|(key, _)| key),
        };
        found.as_deref().map(audit_key_of).transpose()
    }

    /// The key of all chains, drawn if there is none, in a transaction that writes. One that
    /// it draws is not remembered before it is committed.
    pub(super) async fn writable_audit_key(
        &self,
        connection: &mut SqliteConnection,
    ) -> StoreResult<AuditKey> {
        let stored = self.stored_audit_key(connection).await?;
        if let Some(key) = stored { Ok(key) } else { self.insert_audit_key(connection).await }
    }

    async fn insert_audit_key(&self, connection: &mut SqliteConnection) -> StoreResult<AuditKey> {
        let (drawn, wrapped) = self.sealer.draw_audit_key().await?;
        let mut values = BoundValues::default();
        values.text(no_tenant().as_str()).id(AUDIT_KEY_ID).text(wrapped.by.as_str());
        values.add(wrapped.bytes).add(self.clock.now().as_micros());
        if values.change(connection, INSERT_AUDIT_KEY).await? != 1 {
            return Err(codec::corrupt("the key of the audit chains was not stored"));
        }
        Ok(drawn)
    }

    /// A chain's first records, as many as retention removes at once, and its state.
    async fn first_records(
        &self,
        chain: &AuditChain,
    ) -> StoreResult<(ChainState, Vec<AuditRecord>)> {
        let mut reader = self.list_reader().await?;
        let mut tx = reader.begin().await.map_err(stored)?;
        let state = chain_of(&mut tx, chain).await?;
        let from = state.checkpoint.sequence.saturating_add(1);
        let first = read_chain(&mut tx, chain, from, MAX_FORGOTTEN_RECORDS).await?;
        Ok((state, first))
    }

    /// Removes some of a chain's first records; how many, and whether one stands in the way.
    async fn forget_some(
        &self,
        chain: &AuditChain,
        before: Timestamp,
        now: Timestamp,
    ) -> StoreResult<(u64, bool)> {
        let key = self.audit_key().await?.of_chain(chain);
        // Before the writer is taken, for which everybody waits.
        let (state, first) = self.first_records(chain).await?;
        let from = state.checkpoint.sequence.saturating_add(1);
        let (last, is_stuck) = forgettable(&key, &state, &first, before);
        let Some(last) = last else {
            return Ok((0, is_stuck));
        };
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        if chain_of(&mut tx, chain).await?.checkpoint != state.checkpoint {
            return Ok((0, false));
        }
        let mut values = BoundValues::default();
        values.text(chain.stored()).add(from).add(last.sequence);
        let removed = values.change(&mut tx, DELETE_RECORDS).await?;
        let ChainCheckpoint { sequence, hash, time, signature } =
            key.checkpoint(last.sequence, last.hash, now);
        let mut values = BoundValues::default();
        values
            .text(chain.stored())
            .add(sequence)
            .add(hash.bytes().to_vec())
            .add(time.as_micros())
            .add(signature.bytes().to_vec());
        values.change(&mut tx, SET_CHECKPOINT).await?;
        tx.commit().await?;
        Ok((removed, is_stuck))
    }
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn append_audit_record(&self, draft: &AuditDraft) -> StoreResult<()> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        self.append_to(&mut tx, draft).await?;
        tx.commit().await
    }

    async fn list_audit_records(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>> {
        let before = query.before.as_ref();
        let mut values = BoundValues::default();
        let sql = match &query.scope {
            AuditScope::Chain(chain) => {
                values.text(chain.stored());
                values.add(before.map_or(i64::MAX, |position| position.sequence));
                LIST_OF_CHAIN
            }
            AuditScope::Tenants(tenants) => {
                let ids = tenants.as_ref().map(|ids| {
                    codec::to_json(&ids.iter().map(|id| id.as_str()).collect::<Vec<_>>())
                });
                let AuditPosition { time, chain, sequence } =
                    before.cloned().unwrap_or_else(AuditPosition::end);
                values.add(ids.transpose()?).add(time.as_micros());
                values.text(chain.stored()).add(sequence);
                LIST_OF_TENANTS
            }
        };
        values.add(i64::from(query.limit));
        let rows = values.run(&mut *self.list_reader().await?, sql).await?;
        rows.iter().map(record).collect()
    }

    async fn read_audit_chain(
        &self,
        chain: &AuditChain,
        from: i64,
        limit: u32,
    ) -> StoreResult<(ChainState, Vec<AuditRecord>)> {
        let mut reader = self.list_reader().await?;
        // One transaction, so that both reads see one moment.
        let mut tx = reader.begin().await.map_err(stored)?;
        let state = chain_of(&mut tx, chain).await?;
        Ok((state, read_chain(&mut tx, chain, from, limit).await?))
    }

    async fn list_audit_chains(
        &self,
        after: Option<&AuditChain>,
        limit: u32,
    ) -> StoreResult<Vec<ChainState>> {
        let mut values = BoundValues::default();
        values.optional_text(after.map(AuditChain::stored)).add(i64::from(limit));
        let rows = values.run(&mut *self.list_reader().await?, LIST_CHAINS).await?;
        rows.iter().map(chain_state).collect()
    }

    async fn audit_key(&self) -> StoreResult<AuditKey> {
        if let Some(key) = self.stored_audit_key(&mut *self.reader().await?).await? {
            return Ok(key);
        }
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let key = self.writable_audit_key(&mut tx).await?;
        tx.commit().await?;
        Ok(key)
    }

    async fn begin_audit_log(&self, now: Timestamp) -> StoreResult<()> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        if self.stored_audit_key(&mut tx).await?.is_some() {
            return Ok(());
        }
        let key = self.insert_audit_key(&mut tx).await?;
        self.append_signed(&mut tx, &key, &AuditDraft::beginning(now)).await?;
        tx.commit().await
    }

    async fn foreign_triggers(&self, limit: u32) -> StoreResult<Vec<String>> {
        let mut values = BoundValues::default();
        values.add(i64::from(limit)).text(&codec::to_json(&own_tables())?);
        let rows = values.run(&mut *self.list_reader().await?, FOREIGN_TRIGGERS).await?;
        rows.iter().map(|row| readable(&mut RowReader::of(row))).collect()
    }

    async fn forget_audit_records(
        &self,
        after: Option<&AuditChain>,
        before: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<ForgottenRecords>> {
        let mut values = BoundValues::default();
        values.optional_text(after.map(AuditChain::stored)).add(before.as_micros());
        let found = values.run(&mut *self.reader().await?, NEXT_OLD_CHAIN).await?;
        let Some(row) = found.first() else {
            return Ok(None);
        };
        let chain = AuditChain::from_stored(RowReader::of(row).text()?);
        let mut all = 0;
        loop {
            let (removed, is_stuck) = self.forget_some(&chain, before, now).await?;
            all += removed;
            if is_stuck || removed < u64::from(MAX_FORGOTTEN_RECORDS) {
                return Ok(Some(ForgottenRecords { chain, removed: all, is_stuck }));
            }
        }
    }
}

pub(super) async fn chain_of(
    connection: &mut SqliteConnection,
    chain: &AuditChain,
) -> StoreResult<ChainState> {
    let mut values = BoundValues::default();
    values.text(chain.stored());
    let rows = values.run(connection, SELECT_CHAIN).await?;
    rows.first().map_or_else(|| Ok(ChainState::empty(chain.clone())), chain_state)
}

pub(super) async fn read_chain(
    connection: &mut SqliteConnection,
    chain: &AuditChain,
    from: i64,
    limit: u32,
) -> StoreResult<Vec<AuditRecord>> {
    let mut values = BoundValues::default();
    values.text(chain.stored()).add(from).add(i64::from(limit));
    values.run(connection, READ_CHAIN).await?.iter().map(record).collect()
}

fn chain_state(row: &SqliteRow) -> StoreResult<ChainState> {
    let mut columns = RowReader::of(row);
    Ok(ChainState {
        chain: AuditChain::from_stored(columns.text()?),
        sequence: columns.int()?,
        hash: hash_from(&columns.bytes()?),
        checkpoint: ChainCheckpoint {
            sequence: columns.int()?,
            hash: hash_from(&columns.bytes()?),
            time: columns.time()?,
            signature: hash_from(&columns.bytes()?),
        },
    })
}

/// A text of a record. SQLite keeps texts that are no UTF-8: who has put one there is to be
/// found by a check, and not to keep it from reading. What was written is read as it was.
fn readable(columns: &mut RowReader<'_>) -> StoreResult<String> {
    Ok(String::from_utf8_lossy(&columns.bytes()?).into_owned())
}

fn record(row: &SqliteRow) -> StoreResult<AuditRecord> {
    let mut columns = RowReader::of(row);
    let chain = AuditChain::from_stored(&readable(&mut columns)?);
    let sequence = columns.int()?;
    let previous = hash_from(&columns.bytes()?);
    let hash = hash_from(&columns.bytes()?);
    let draft = AuditDraft {
        chain,
        time: columns.time()?,
        actor: readable(&mut columns)?,
        address: readable(&mut columns)?,
        request_id: readable(&mut columns)?,
        method: readable(&mut columns)?,
        resource: readable(&mut columns)?,
        changes: changes_from_json(&readable(&mut columns)?),
        left_out: left_out_from(columns.int()?),
    };
    Ok(AuditRecord { sequence, previous, hash, draft })
}
