//! Appends records of changes.
//!
//! Fed by every method that changes something for a caller, with its transaction; feeds the
//! tables of records. Guarantees that the transaction of a change is committed only if the
//! record and its chain's head stand there as they were sent, once what was put off to the end
//! of the transaction has run: a trigger can drop or change them without an error.
//!
//! Keeps the invariant `audit-records-chained`.

use postrider_identity::{AuditChain, AuditDraft, AuditKey};
use sqlx::AssertSqlSafe;

use super::audit::{lock_chain, record};
use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::rows::get;
use crate::audit::{append_error, changes_to_json, hash_from, next_record, require_appended};
use crate::error::StoreResult;

/// The record and the chain's new head, in one round trip under the lock.
const APPEND_RECORD: &str = "WITH appended AS (
        INSERT INTO audit_records (
            chain, sequence, previous, hash, record_time, actor, address, request_id, method,
            resource, changes, left_out
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    )
    UPDATE audit_chains SET sequence = $2, hash = $4 WHERE chain = $1";

impl PostgresStore {
    /// Appends a record in the call's transaction, before nothing but its commit.
    pub(super) async fn append_to(
        &self,
        call: &mut DatabaseCall<'_>,
        draft: &AuditDraft,
    ) -> StoreResult<()> {
        let key = self.stored_audit_key(call).await?;
        self.append_signed(call, &key, draft).await
    }

    pub(super) async fn append_signed(
        &self,
        call: &mut DatabaseCall<'_>,
        key: &AuditKey,
        draft: &AuditDraft,
    ) -> StoreResult<()> {
        let changes = changes_to_json(&draft.changes)?;
        let key = key.of_chain(&draft.chain);
        let state = lock_chain(call, &draft.chain).await?;
        let sent = next_record(&key, &state, draft)?;
        let append = sqlx::query(APPEND_RECORD)
            .bind(draft.chain.stored())
            .bind(sent.sequence)
            .bind(sent.previous.bytes().as_slice())
            .bind(sent.hash.bytes().as_slice())
            .bind(draft.time.as_micros())
            .bind(&draft.actor)
            .bind(&draft.address)
            .bind(&draft.request_id)
            .bind(&draft.method)
            .bind(&draft.resource)
            .bind(changes)
            .bind(i32::try_from(draft.left_out).unwrap_or(i32::MAX));
        let appended = call.execute(append).await;
        appended.map_err(|error| append_error(&draft.chain, error))?;
        let read = AssertSqlSafe(reading_back(&draft.chain, sent.sequence));
        let Some(row) = call.row_of(read).await? else {
            return require_appended(&sent, None, None);
        };
        let head = (get(&row, "head_sequence")?, hash_from(&get::<Vec<u8>>(&row, "head_hash")?));
        require_appended(&sent, Some(&record(&row)?), Some(head))
    }

    /// Commits a change with its record; if it changed nothing there is neither. Returns
    /// whether it changed something.
    pub(super) async fn commit_change(
        &self,
        call: &mut DatabaseCall<'_>,
        has_changed: bool,
        draft: &AuditDraft,
    ) -> StoreResult<bool> {
        if !has_changed {
            call.rollback().await?;
            return Ok(false);
        }
        self.append_to(call, draft).await?;
        call.commit().await?;
        Ok(true)
    }
}

/// Statements that run what triggers have put off to the end of the transaction, and then read
/// the record and the head. What is sent together has no parameters: the chain's name stands
/// there in digits.
fn reading_back(chain: &AuditChain, sequence: i64) -> String {
    let name: String = chain.stored().bytes().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "SET CONSTRAINTS ALL IMMEDIATE;
        SELECT r.chain, r.sequence, r.previous, r.hash, r.record_time, r.actor, r.address,
            r.request_id, r.method, r.resource, r.changes, r.left_out,
            c.sequence AS head_sequence, c.hash AS head_hash
        FROM audit_chains c
        JOIN audit_records r ON r.chain = c.chain AND r.sequence = {sequence}
        WHERE c.chain = convert_from(decode('{name}', 'hex'), 'UTF8')"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chains_name_ends_no_statement() {
        let read = reading_back(&AuditChain::from_stored("a'; --"), 7);
        assert!(read.contains("decode('61273b202d2d', 'hex')"), "{read}");
        assert!(read.contains("r.sequence = 7\n"), "{read}");
    }
}
