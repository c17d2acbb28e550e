//! Callers' tokens.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{AuditDraft, TokenId, TokenKind, TokenRecord};
use sqlx::Row as _;
use sqlx::postgres::PgRow;

use super::engine::PostgresStore;
use super::rows::{get, optional_time, small, time};
use crate::codec::corrupt;
use crate::config::WriteError;
use crate::error::StoreResult;
use crate::tokens::{
    TokenBounds, TokenCounts, TokenCreation, TokenQuery, TokenStore, grants_from_json,
    grants_to_json, hash_from, row_name, tenant_column, token_count, token_kind,
};

const COUNT_TOKENS: &str = "SELECT
        (SELECT count(*) FROM tokens) AS of_all,
        (SELECT count(*) FROM tokens WHERE tenant = $1) AS of_tenant,
        (SELECT count(*) FROM tokens WHERE created_by = $2) AS of_maker";
const INSERT_TOKEN: &str = "INSERT INTO tokens (
        id, hash, kind, display_name, grants, created_by, create_time, expire_time, revoke_time,
        last_use_time, tenant
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const SELECT_TOKEN: &str = "SELECT id, hash, kind, display_name, grants, created_by, create_time,
        expire_time, revoke_time, last_use_time, tenant
    FROM tokens
    WHERE id = $1";
const LIST_TOKENS: &str = "SELECT id, hash, kind, display_name, grants, created_by, create_time,
        expire_time, revoke_time, last_use_time, tenant
    FROM tokens
    WHERE id > $1 AND ($2 OR kind = 1 /* SERVICE */)
    ORDER BY id LIMIT $3";
const REVOKE_TOKEN: &str =
    "UPDATE tokens SET revoke_time = $2 WHERE id = $1 AND revoke_time IS NULL";
const NOTE_USES: &str = "UPDATE tokens t
    SET last_use_time = greatest(t.last_use_time, u.used)
    FROM unnest($1::text[], $2::bigint[]) AS u (id, used)
    WHERE t.id = u.id";
const FORGET_TOKENS: &str =
    "DELETE FROM tokens WHERE kind = $1 AND least(expire_time, revoke_time) < $2";

#[async_trait]
impl TokenStore for PostgresStore {
    async fn create_token(
        &self,
        token: &TokenRecord,
        bounds: TokenBounds,
        audit: &AuditDraft,
    ) -> Result<TokenCreation, WriteError> {
        let (_turn, mut call) = self.change_call("create_token", audit).await?;
        call.begin().await?;
        let count = sqlx::query(COUNT_TOKENS).bind(tenant_column(token)).bind(&token.created_by);
        let there = call.row(count).await?;
        let there = there.ok_or_else(|| corrupt("tokens have no number"))?;
        let there = TokenCounts {
            all: token_count(get(&there, "of_all")?),
            of_tenant: token_count(get(&there, "of_tenant")?),
            of_maker: token_count(get(&there, "of_maker")?),
        };
        let judged = bounds.judge(token, there);
        if judged != TokenCreation::Created {
            return Ok(judged);
        }
        let insert = sqlx::query(INSERT_TOKEN)
            .bind(token.id.as_str())
            .bind(token.hash.as_bytes())
            .bind(token.kind.code())
            .bind(&token.display_name)
            .bind(grants_to_json(&token.grants)?)
            .bind(&token.created_by)
            .bind(token.create_time.as_micros())
            .bind(token.expire_time.map(Timestamp::as_micros))
            .bind(token.revoke_time.map(Timestamp::as_micros))
            .bind(token.last_use_time.map(Timestamp::as_micros))
            .bind(tenant_column(token));
        call.insert(insert).await?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(TokenCreation::Created)
    }

    async fn get_token(&self, id: &TokenId) -> StoreResult<Option<TokenRecord>> {
        let mut call = self.call("get_token");
        let row = call.row(sqlx::query(SELECT_TOKEN).bind(id.as_str())).await?;
        row.as_ref().map(token).transpose()
    }

    async fn list_tokens(&self, query: &TokenQuery) -> StoreResult<Vec<TokenRecord>> {
        let mut call = self.read_call("list_tokens");
        let mut after = query.after.as_ref().map_or("", TokenId::as_str).to_owned();
        let (mut found, limit) = (Vec::new(), query.limit as usize);
        loop {
            let list = sqlx::query(LIST_TOKENS)
                .bind(&after)
                .bind(query.show_portal)
                .bind(i64::from(query.limit));
            let rows = call.rows(list).await?;
            found.extend(self.unreadable.readable(rows.iter().map(token))?);
            match rows.last() {
                Some(last) if rows.len() >= limit && found.len() < limit => {
                    after = get(last, "id")?;
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
        let (_turn, mut call) = self.change_call("revoke_token", audit).await?;
        call.begin().await?;
        let revoke = sqlx::query(REVOKE_TOKEN).bind(id.as_str()).bind(now.as_micros());
        let is_revoked = call.execute(revoke).await? > 0;
        self.commit_change(&mut call, is_revoked, audit).await
    }

    async fn note_token_uses(&self, uses: &[(TokenId, Timestamp)]) -> StoreResult<()> {
        let mut call = self.call("note_token_uses");
        let ids: Vec<&str> = uses.iter().map(|(id, _)| id.as_str()).collect();
        let times: Vec<i64> = uses.iter().map(|(_, used)| used.as_micros()).collect();
        call.execute(sqlx::query(NOTE_USES).bind(ids).bind(times)).await?;
        Ok(())
    }

    async fn forget_tokens(&self, kind: TokenKind, ended_before: Timestamp) -> StoreResult<()> {
        let mut call = self.call("forget_tokens");
        let forget = sqlx::query(FORGET_TOKENS).bind(kind.code()).bind(ended_before.as_micros());
        call.execute(forget).await?;
        Ok(())
    }
}

/// A token. What is wrong with it is told with its id.
fn token(row: &PgRow) -> StoreResult<TokenRecord> {
    let name = || row_name(row.try_get("id").unwrap_or("?"));
    token_of(row).map_err(|error| error.in_row(name))
}

fn token_of(row: &PgRow) -> StoreResult<TokenRecord> {
    Ok(TokenRecord {
        id: TokenId::from_stored(get::<String>(row, "id")?),
        hash: hash_from(get(row, "hash")?)?,
        kind: token_kind(small(row, "kind")?)?,
        display_name: get(row, "display_name")?,
        grants: grants_from_json(get(row, "grants")?)?,
        created_by: get(row, "created_by")?,
        create_time: time(row, "create_time")?,
        expire_time: optional_time(row, "expire_time")?,
        revoke_time: optional_time(row, "revoke_time")?,
        last_use_time: optional_time(row, "last_use_time")?,
    })
}
