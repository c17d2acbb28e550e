//! Sessions of the web console.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{ConsoleEntryKind, ConsoleHash, ConsoleSession};
use sqlx::sqlite::SqliteRow;

use super::bulk::BoundValues;
use super::engine::SqliteStore;
use super::rows::RowReader;
use crate::codec::corrupt;
use crate::console::{
    ConsoleBounds, ConsoleCreation, ConsoleStore, entry_kind, hash_from, identity_from_json,
    identity_to_json, others_kept, tenant_column,
};
use crate::error::StoreResult;
use crate::tokens::token_count;

const DELETE_OTHERS: &str = "DELETE FROM console_sessions
    WHERE kind = ?1 AND caller = ?2 AND hash NOT IN (
        SELECT hash FROM console_sessions
        WHERE kind = ?1 AND caller = ?2
        ORDER BY last_use_time DESC, hash LIMIT ?3
    )";
const COUNT_SESSIONS: &str = "SELECT
        (SELECT count(*) FROM console_sessions),
        (SELECT count(*) FROM console_sessions WHERE tenant = ?1)";
const INSERT_SESSION: &str = "INSERT INTO console_sessions (
        hash, kind, caller, tenant, identity, create_time, last_use_time, expire_time
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
const SELECT_SESSION: &str = "SELECT hash, kind, caller, tenant, identity, create_time,
        last_use_time, expire_time
    FROM console_sessions
    WHERE hash = ?1 AND kind = ?2";
const NOTE_USE: &str = "UPDATE console_sessions SET last_use_time = ?2
    WHERE hash = ?1 AND last_use_time < ?2";
const TAKE_SESSION: &str = "DELETE FROM console_sessions
    WHERE hash = ?1 AND kind = ?2
    RETURNING hash, kind, caller, tenant, identity, create_time, last_use_time, expire_time";
const FORGET_SESSIONS: &str = "DELETE FROM console_sessions
    WHERE expire_time < ?1 OR last_use_time < ?2";

#[async_trait]
impl ConsoleStore for SqliteStore {
    async fn create_console_session(
        &self,
        session: &ConsoleSession,
        bounds: ConsoleBounds,
    ) -> StoreResult<ConsoleCreation> {
        let caller = session.caller();
        let mut values = BoundValues::default();
        values
            .add(session.hash.as_bytes().to_vec())
            .add(session.kind.code())
            .text(&caller)
            .text(tenant_column(session))
            .text(&identity_to_json(&session.identity)?)
            .add(session.create_time.as_micros())
            .add(session.last_use_time.as_micros())
            .add(session.expire_time.as_micros());
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let mut others = BoundValues::default();
        others.add(session.kind.code()).text(&caller).add(others_kept(bounds));
        others.change(&mut tx, DELETE_OTHERS).await?;
        let mut whose = BoundValues::default();
        whose.text(tenant_column(session));
        let count = whose.run(&mut tx, COUNT_SESSIONS).await?;
        let count = count.first().ok_or_else(|| corrupt("console sessions have no number"))?;
        let mut columns = RowReader::of(count);
        let (all, of_tenant) = (token_count(columns.int()?), token_count(columns.int()?));
        let judged = bounds.judge(session, all, of_tenant);
        if judged != ConsoleCreation::Created {
            return Ok(judged);
        }
        values.change(&mut tx, INSERT_SESSION).await?;
        tx.commit().await?;
        Ok(ConsoleCreation::Created)
    }

    async fn get_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>> {
        let rows = of_entry(kind, hash).run(&mut *self.reader().await?, SELECT_SESSION).await?;
        rows.first().map(session).transpose()
    }

    async fn note_console_use(&self, hash: &ConsoleHash, used: Timestamp) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.add(hash.as_bytes().to_vec()).add(used.as_micros());
        self.changed_by(values, NOTE_USE).await?;
        Ok(())
    }

    async fn take_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let rows = of_entry(kind, hash).run(&mut tx, TAKE_SESSION).await?;
        let taken = rows.first().map(session).transpose()?;
        tx.commit().await?;
        Ok(taken)
    }

    async fn forget_console_sessions(
        &self,
        ended_before: Timestamp,
        unused_since: Timestamp,
    ) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.add(ended_before.as_micros()).add(unused_since.as_micros());
        self.changed_by(values, FORGET_SESSIONS).await?;
        Ok(())
    }
}

fn of_entry(kind: ConsoleEntryKind, hash: &ConsoleHash) -> BoundValues {
    let mut values = BoundValues::default();
    values.add(hash.as_bytes().to_vec()).add(kind.code());
    values
}

fn session(row: &SqliteRow) -> StoreResult<ConsoleSession> {
    let mut columns = RowReader::of(row);
    let (hash, kind) = (hash_from(&columns.bytes()?)?, entry_kind(columns.int()?)?);
    // The caller and the tenant, which the identity says too.
    let (_, _) = (columns.text()?, columns.text()?);
    Ok(ConsoleSession {
        hash,
        kind,
        identity: identity_from_json(columns.text()?)?,
        create_time: columns.time()?,
        last_use_time: columns.time()?,
        expire_time: columns.time()?,
    })
}
