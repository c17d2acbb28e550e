//! Sessions of the web console.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{ConsoleEntryKind, ConsoleHash, ConsoleSession};
use sqlx::postgres::PgRow;

use super::engine::PostgresStore;
use super::rows::{get, small, time};
use crate::console::{
    ConsoleBounds, ConsoleCreation, ConsoleStore, entry_kind, hash_from, identity_from_json,
    identity_to_json, others_kept, tenant_column,
};
use crate::error::StoreResult;
use crate::tokens::token_count;

const DELETE_OTHERS: &str = "DELETE FROM console_sessions
    WHERE kind = $1 AND caller = $2 AND hash NOT IN (
        SELECT hash FROM console_sessions
        WHERE kind = $1 AND caller = $2
        ORDER BY last_use_time DESC, hash LIMIT $3
    )";
const COUNT_SESSIONS: &str = "SELECT
        (SELECT count(*) FROM console_sessions) AS of_all,
        (SELECT count(*) FROM console_sessions WHERE tenant = $1) AS of_tenant";
const INSERT_SESSION: &str = "INSERT INTO console_sessions (
        hash, kind, caller, tenant, identity, create_time, last_use_time, expire_time
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const SELECT_SESSION: &str = "SELECT hash, kind, caller, tenant, identity, create_time,
        last_use_time, expire_time
    FROM console_sessions
    WHERE hash = $1 AND kind = $2";
const NOTE_USE: &str = "UPDATE console_sessions SET last_use_time = $2
    WHERE hash = $1 AND last_use_time < $2";
const TAKE_SESSION: &str = "DELETE FROM console_sessions
    WHERE hash = $1 AND kind = $2
    RETURNING hash, kind, caller, tenant, identity, create_time, last_use_time, expire_time";
const FORGET_SESSIONS: &str = "DELETE FROM console_sessions
    WHERE expire_time < $1 OR last_use_time < $2";

#[async_trait]
impl ConsoleStore for PostgresStore {
    async fn create_console_session(
        &self,
        session: &ConsoleSession,
        bounds: ConsoleBounds,
    ) -> StoreResult<ConsoleCreation> {
        let caller = session.caller();
        let mut call = self.call("create_console_session");
        call.begin().await?;
        let others = sqlx::query(DELETE_OTHERS)
            .bind(session.kind.code())
            .bind(caller.as_str())
            .bind(others_kept(bounds));
        call.execute(others).await?;
        let count = sqlx::query(COUNT_SESSIONS).bind(tenant_column(session));
        let there = call.one_row(count).await?;
        let (all, of_tenant) = (get(&there, "of_all")?, get(&there, "of_tenant")?);
        let judged = bounds.judge(session, token_count(all), token_count(of_tenant));
        if judged != ConsoleCreation::Created {
            return Ok(judged);
        }
        let insert = sqlx::query(INSERT_SESSION)
            .bind(session.hash.as_bytes())
            .bind(session.kind.code())
            .bind(caller.as_str())
            .bind(tenant_column(session))
            .bind(identity_to_json(&session.identity)?)
            .bind(session.create_time.as_micros())
            .bind(session.last_use_time.as_micros())
            .bind(session.expire_time.as_micros());
        call.execute(insert).await?;
        call.commit().await?;
        Ok(ConsoleCreation::Created)
    }

    async fn get_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>> {
        let mut call = self.call("get_console_session");
        let select = sqlx::query(SELECT_SESSION).bind(hash.as_bytes()).bind(kind.code());
        call.row(select).await?.as_ref().map(session).transpose()
    }

    async fn note_console_use(&self, hash: &ConsoleHash, used: Timestamp) -> StoreResult<()> {
        let mut call = self.call("note_console_use");
        let note = sqlx::query(NOTE_USE).bind(hash.as_bytes()).bind(used.as_micros());
        call.execute(note).await?;
        Ok(())
    }

    async fn take_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>> {
        let mut call = self.call("take_console_session");
        let take = sqlx::query(TAKE_SESSION).bind(hash.as_bytes()).bind(kind.code());
        call.row(take).await?.as_ref().map(session).transpose()
    }

    async fn forget_console_sessions(
        &self,
        ended_before: Timestamp,
        unused_since: Timestamp,
    ) -> StoreResult<()> {
        let mut call = self.call("forget_console_sessions");
        let forget = sqlx::query(FORGET_SESSIONS)
            .bind(ended_before.as_micros())
            .bind(unused_since.as_micros());
        call.execute(forget).await?;
        Ok(())
    }
}

fn session(row: &PgRow) -> StoreResult<ConsoleSession> {
    Ok(ConsoleSession {
        hash: hash_from(get(row, "hash")?)?,
        kind: entry_kind(small(row, "kind")?)?,
        identity: identity_from_json(get(row, "identity")?)?,
        create_time: time(row, "create_time")?,
        last_use_time: time(row, "last_use_time")?,
        expire_time: time(row, "expire_time")?,
    })
}
