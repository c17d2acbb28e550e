//! Callers' tokens.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditDraft, TokenId, TokenKind, TokenRecord};
use sqlx::sqlite::SqliteRow;

use super::bulk::BoundValues;
use super::engine::SqliteStore;
use super::rows::RowReader;
use crate::codec::corrupt;
use crate::config::WriteError;
use crate::error::StoreResult;
use crate::tokens::{
    TokenBounds, TokenCounts, TokenCreation, TokenQuery, TokenStore, grants_from_json,
    grants_to_json, hash_from, row_name, tenant_column, token_count, token_kind,
};

const COUNT_TOKENS: &str = "SELECT
        (SELECT count(*) FROM tokens),
        (SELECT count(*) FROM tokens WHERE tenant = ?1),
        (SELECT count(*) FROM tokens WHERE created_by = ?2)";
const INSERT_TOKEN: &str = "INSERT INTO tokens (
        id, hash, kind, display_name, grants, created_by, create_time, expire_time, revoke_time,
        last_use_time, tenant
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING";
const SELECT_TOKEN: &str = "SELECT id, hash, kind, display_name, grants, created_by, create_time,
        expire_time, revoke_time, last_use_time, tenant
    FROM tokens
    WHERE id = ?";
const LIST_TOKENS: &str = "SELECT id, hash, kind, display_name, grants, created_by, create_time,
        expire_time, revoke_time, last_use_time, tenant
    FROM tokens
    WHERE id > ?1 AND (?2 OR kind = 1 /* SERVICE */)
    ORDER BY id LIMIT ?3";
const REVOKE_TOKEN: &str =
    "UPDATE tokens SET revoke_time = ?2 WHERE id = ?1 AND revoke_time IS NULL";
const NOTE_USE: &str = "UPDATE tokens SET last_use_time = ?2
    WHERE id = ?1 AND coalesce(last_use_time < ?2, true)";
const FORGET_TOKENS: &str = "DELETE FROM tokens
    WHERE kind = ?1 AND (expire_time < ?2 OR revoke_time < ?2)";

#[async_trait]
impl TokenStore for SqliteStore {
    async fn create_token(
        &self,
        token: &TokenRecord,
        bounds: TokenBounds,
        audit: &AuditDraft,
    ) -> Result<TokenCreation, WriteError> {
        let mut values = BoundValues::default();
        values
            .text(token.id.as_str())
            .add(token.hash.as_bytes().to_vec())
            .add(token.kind.code())
            .text(&token.display_name)
            .text(&grants_to_json(&token.grants)?)
            .text(&token.created_by)
            .add(token.create_time.as_micros())
            .add(token.expire_time.map(Timestamp::as_micros))
            .add(token.revoke_time.map(Timestamp::as_micros))
            .add(token.last_use_time.map(Timestamp::as_micros))
            .text(tenant_column(token));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let mut whose = BoundValues::default();
        whose.text(tenant_column(token)).text(&token.created_by);
        let count = whose.run(&mut tx, COUNT_TOKENS).await?;
        let count = count.first().ok_or_else(|| corrupt("tokens have no number"))?;
        let mut columns = RowReader::of(count);
        let there = TokenCounts {
            all: token_count(columns.int()?),
            of_tenant: token_count(columns.int()?),
            of_maker: token_count(columns.int()?),
        };
        let judged = bounds.judge(token, there);
        if judged != TokenCreation::Created {
            return Ok(judged);
        }
        if values.change(&mut tx, INSERT_TOKEN).await? == 0 {
            return Err(WriteError::AlreadyExists);
        }
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(TokenCreation::Created)
    }

    async fn get_token(&self, id: &TokenId) -> StoreResult<Option<TokenRecord>> {
        let mut values = BoundValues::default();
        values.text(id.as_str());
        let rows = values.run(&mut *self.reader().await?, SELECT_TOKEN).await?;
        rows.first().map(token).transpose()
    }

    async fn list_tokens(&self, query: &TokenQuery) -> StoreResult<Vec<TokenRecord>> {
        let mut after = query.after.as_ref().map_or("", TokenId::as_str).to_owned();
        let (mut found, limit) = (Vec::new(), query.limit as usize);
        loop {
            let mut values = BoundValues::default();
            values.text(&after).add(query.show_portal).add(i64::from(query.limit));
            let rows = values.run(&mut *self.list_reader().await?, LIST_TOKENS).await?;
            found.extend(self.unreadable.readable(rows.iter().map(token))?);
            match rows.last() {
                Some(last) if rows.len() >= limit && found.len() < limit => {
                    after = RowReader::of(last).text()?.to_owned();
                }
                _ => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn revoke_token(
        &self,
        id: &TokenId,
        now: Timestamp,
        audit: &AuditDraft,
    ) -> StoreResult<bool> {
        let mut values = BoundValues::default();
        values.text(id.as_str()).add(now.as_micros());
        self.change_audited(values, REVOKE_TOKEN, audit).await
    }

    async fn note_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> StoreResult<()> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        for (id, used) in uses {
            let mut values = BoundValues::default();
            values.text(id.as_str()).add(used.as_micros());
            values.change(&mut tx, NOTE_USE).await?;
        }
        tx.commit().await
    }

    async fn forget_tokens(&self, kind: TokenKind, ended_before: Timestamp) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.add(kind.code()).add(ended_before.as_micros());
        self.changed_by(values, FORGET_TOKENS).await?;
        Ok(())
    }
}

/// A token. What is wrong with it is told with its id.
fn token(row: &SqliteRow) -> StoreResult<TokenRecord> {
    let name = || row_name(RowReader::of(row).text().unwrap_or("?"));
    token_of(row).map_err(|error| error.in_row(name))
}

fn token_of(row: &SqliteRow) -> StoreResult<TokenRecord> {
    let mut columns = RowReader::of(row);
    Ok(TokenRecord {
        id: TokenId::from_stored(columns.text()?),
        hash: hash_from(&columns.bytes()?)?,
        kind: token_kind(columns.int()?)?,
        display_name: columns.get()?,
        grants: grants_from_json(columns.text()?)?,
        created_by: columns.get()?,
        create_time: columns.time()?,
        expire_time: columns.optional_time()?,
        revoke_time: columns.optional_time()?,
        last_use_time: columns.optional_time()?,
    })
}
