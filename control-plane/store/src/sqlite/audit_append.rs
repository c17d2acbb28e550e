//! Appends records of changes.
//!
//! Fed by every method that changes something for a caller, with its transaction; feeds the
//! tables of records. Guarantees that the transaction of a change goes on only if the record
//! and its chain's head stand there as they were sent: a trigger can drop or change them
//! without an error.
//!
//! Keeps the invariant `audit-records-chained`.

use postrider_identity::{AuditDraft, AuditKey};
use sqlx::sqlite::SqliteConnection;

use super::audit::{chain_of, read_chain};
use super::bulk::BoundValues;
use super::engine::SqliteStore;
use crate::audit::{append_error, changes_to_json, next_record, require_appended};
use crate::error::StoreResult;

const UPSERT_HEAD: &str = "INSERT INTO audit_chains (
        chain, sequence, hash, checkpoint_sequence, checkpoint_hash, checkpoint_time,
        checkpoint_signature
    )
    VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (chain) DO UPDATE SET sequence = excluded.sequence, hash = excluded.hash";
const INSERT_RECORD: &str = "INSERT INTO audit_records (
        chain, sequence, previous, hash, record_time, actor, address, request_id, method,
        resource, changes, left_out
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

impl SqliteStore {
    /// Appends a record in a transaction that writes.
    pub(super) async fn append_to(
        &self,
        connection: &mut SqliteConnection,
        draft: &AuditDraft,
    ) -> StoreResult<()> {
        let key = self.writable_audit_key(connection).await?;
        self.append_signed(connection, &key, draft).await
    }

    pub(super) async fn append_signed(
        &self,
        connection: &mut SqliteConnection,
        key: &AuditKey,
        draft: &AuditDraft,
    ) -> StoreResult<()> {
        let key = key.of_chain(&draft.chain);
        let state = chain_of(connection, &draft.chain).await?;
        let record = next_record(&key, &state, draft)?;
        let mut values = BoundValues::default();
        values
            .text(draft.chain.stored())
            .add(record.sequence)
            .add(record.previous.bytes().to_vec())
            .add(record.hash.bytes().to_vec())
            .add(draft.time.as_micros())
            .text(&draft.actor)
            .text(&draft.address)
            .text(&draft.request_id)
            .text(&draft.method)
            .text(&draft.resource)
            .text(&changes_to_json(&draft.changes)?)
            .add(i64::from(draft.left_out));
        let appended = values.change(connection, INSERT_RECORD).await;
        appended.map_err(|error| append_error(&draft.chain, error))?;
        let mut values = BoundValues::default();
        values
            .text(draft.chain.stored())
            .add(record.sequence)
            .add(record.hash.bytes().to_vec())
            .add(state.checkpoint.sequence)
            .add(state.checkpoint.hash.bytes().to_vec())
            .add(state.checkpoint.time.as_micros())
            .add(state.checkpoint.signature.bytes().to_vec());
        values.change(connection, UPSERT_HEAD).await?;
        // Read back, and not only counted: what runs after a statement changes no count.
        let state = chain_of(connection, &draft.chain).await?;
        let stored = read_chain(connection, &draft.chain, record.sequence, 1).await?;
        require_appended(&record, stored.first(), Some((state.sequence, state.hash)))
    }

    /// Runs one statement in a transaction with its record; if it changes nothing there is
    /// none. Returns whether it changed something.
    pub(super) async fn change_audited(
        &self,
        values: BoundValues,
        sql: &'static str,
        draft: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        if values.change(&mut tx, sql).await? == 0 {
            return Ok(false);
        }
        self.append_to(&mut tx, draft).await?;
        tx.commit().await?;
        Ok(true)
    }
}
