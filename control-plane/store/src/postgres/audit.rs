//! Records of changes.
//!
//! A chain's row is locked by who appends to it, last in its transaction: records of one
//! chain are written one after the other, and a change waits for no longer than another
//! needs to insert one row and to commit. Within one process it waits without a connection
//! (`turns`).
//!
//! Keeps the invariant `audit-records-chained`.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AuditChain, AuditDraft, AuditKey, AuditRecord, ChainCheckpoint, ChainState,
};
use sqlx::postgres::PgRow;

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::rows::{self, get, time};
use super::schema;
use crate::audit::{
    AuditPosition, AuditQuery, AuditScope, AuditStore, ForgottenRecords, MAX_FORGOTTEN_RECORDS,
    changes_from_json, forgettable, hash_from, left_out_from,
};
use crate::codec;
use crate::error::StoreResult;
use crate::sealing::{AUDIT_KEY_ID, audit_key_of, no_tenant};
use crate::sql_file::without_comment;

/// Retention removes with one statement after another. As long as other maintenance.
const FORGET_LIMIT: Duration = Duration::from_secs(600);

const READ_ONLY: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

const LOCK_CHAIN: &str = "SELECT chain, sequence, hash, checkpoint_sequence, checkpoint_hash,
        checkpoint_time, checkpoint_signature
    FROM audit_chains
    WHERE chain = $1
    FOR UPDATE";
const SELECT_CHAIN: &str = "SELECT chain, sequence, hash, checkpoint_sequence, checkpoint_hash,
        checkpoint_time, checkpoint_signature
    FROM audit_chains
    WHERE chain = $1";
const LIST_CHAINS: &str = "SELECT chain, sequence, hash, checkpoint_sequence, checkpoint_hash,
        checkpoint_time, checkpoint_signature
    FROM audit_chains
    WHERE $1::text IS NULL OR chain > $1
    ORDER BY chain LIMIT $2";
/// Waits for another replica that begins the chain at the same moment.
const BEGIN_CHAIN: &str = "INSERT INTO audit_chains (
        chain, sequence, hash, checkpoint_sequence, checkpoint_hash, checkpoint_time,
        checkpoint_signature
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (chain) DO NOTHING";

const LIST_OF_CHAIN: &str = "SELECT chain, sequence, previous, hash, record_time, actor, address,
        request_id, method, resource, changes, left_out
    FROM audit_records
    WHERE chain = $1 AND sequence < $2
    ORDER BY sequence DESC LIMIT $3";
const LIST_OF_TENANTS: &str = "SELECT chain, sequence, previous, hash, record_time, actor, address,
        request_id, method, resource, changes, left_out
    FROM audit_records
    WHERE chain <> ''
        AND ($1::text[] IS NULL OR chain = ANY($1))
        AND (record_time, chain, sequence) < ($2, $3, $4)
    ORDER BY record_time DESC, chain DESC, sequence DESC LIMIT $5";
const READ_CHAIN: &str = "SELECT chain, sequence, previous, hash, record_time, actor, address,
        request_id, method, resource, changes, left_out
    FROM audit_records
    WHERE chain = $1 AND sequence >= $2
    ORDER BY sequence LIMIT $3";

/// Of each chain the first record that is there is looked at, by its key. One that has none,
/// although its head says so, is taken for old: somebody has to look.
const NEXT_OLD_CHAIN: &str = "SELECT c.chain FROM audit_chains c
    WHERE ($1::text IS NULL OR c.chain > $1)
        AND c.sequence <> c.checkpoint_sequence
        AND coalesce((
            SELECT r.record_time FROM audit_records r
            WHERE r.chain = c.chain AND r.sequence > c.checkpoint_sequence
            ORDER BY r.sequence LIMIT 1
        ), 0) < $2
    ORDER BY c.chain LIMIT 1";
/// Of those that were checked: what somebody put before them stays, to be found.
const DELETE_RECORDS: &str = "DELETE FROM audit_records
    WHERE chain = $1 AND sequence >= $2 AND sequence <= $3";
const SET_CHECKPOINT: &str = "UPDATE audit_chains
    SET checkpoint_sequence = $2, checkpoint_hash = $3, checkpoint_time = $4,
        checkpoint_signature = $5
    WHERE chain = $1";
const FOREIGN_TRIGGERS: &str =
    without_comment(include_str!("../../sql/postgres/foreign_triggers.sql"));
/// Waits for another replica that draws one at the same moment.
const INSERT_AUDIT_KEY: &str =
    "INSERT INTO data_keys (tenant, id, wrapped_by, wrapped, create_time)
    VALUES ($1, $2, $3, $4, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)
    ON CONFLICT (tenant, id) DO NOTHING";

impl PostgresStore {
    /// The key of all chains, from memory once it was read. One that this transaction draws
    /// is not remembered before it is committed.
    pub(super) async fn stored_audit_key(
        &self,
        call: &mut DatabaseCall<'_>,
    ) -> StoreResult<AuditKey> {
        let owner = no_tenant();
        if let Some(key) = self.sealer.cached(&owner, AUDIT_KEY_ID) {
            return audit_key_of(&key);
        }
        if let Some((key, _)) = self.stored_key(call, &owner, AUDIT_KEY_ID).await? {
            return audit_key_of(&key);
        }
        if let Some(drawn) = self.insert_audit_key(call).await? {
            return Ok(drawn);
        }
        let found = self.stored_key(call, &owner, AUDIT_KEY_ID).await?;
        let (key, _) = found.ok_or_else(|| codec::corrupt("the audit key is not there"))?;
        audit_key_of(&key)
    }

    /// A key that was drawn, unless another replica was first.
    async fn insert_audit_key(&self, call: &mut DatabaseCall<'_>) -> StoreResult<Option<AuditKey>> {
        let (drawn, wrapped) = self.sealer.draw_audit_key().await?;
        let insert = sqlx::query(INSERT_AUDIT_KEY)
            .bind(no_tenant().as_str().to_owned())
            .bind(AUDIT_KEY_ID)
            .bind(wrapped.by.as_str())
            .bind(wrapped.bytes);
        Ok((call.execute(insert).await? > 0).then_some(drawn))
    }

    /// Removes some of a chain's first records; how many, and whether one stands in the way.
    async fn forget_some(
        &self,
        call: &mut DatabaseCall<'_>,
        chain: &AuditChain,
        before: Timestamp,
        now: Timestamp,
    ) -> StoreResult<(u64, bool)> {
        let key = self.stored_audit_key(call).await?.of_chain(chain);
        // Before the lock, for which changes wait.
        call.begin_with(READ_ONLY).await?;
        let state = read_state(call, chain).await?;
        let from = state.checkpoint.sequence.saturating_add(1);
        let first = read_chain(call, chain, from, MAX_FORGOTTEN_RECORDS).await?;
        call.commit().await?;
        let (last, is_stuck) = forgettable(&key, &state, &first, before);
        let Some(last) = last else {
            return Ok((0, is_stuck));
        };
        call.begin().await?;
        if lock_chain(call, chain).await?.checkpoint != state.checkpoint {
            // Another replica was faster.
            call.rollback().await?;
            return Ok((0, false));
        }
        let delete = sqlx::query(DELETE_RECORDS).bind(chain.stored());
        let removed = call.execute(delete.bind(from).bind(last.sequence)).await?;
        let ChainCheckpoint { sequence, hash, time, signature } =
            key.checkpoint(last.sequence, last.hash, now);
        let set = sqlx::query(SET_CHECKPOINT)
            .bind(chain.stored())
            .bind(sequence)
            .bind(hash.bytes().as_slice())
            .bind(time.as_micros())
            .bind(signature.bytes().as_slice());
        call.execute(set).await?;
        call.commit().await?;
        Ok((removed, is_stuck))
    }
}

#[async_trait]
impl AuditStore for PostgresStore {
    async fn append_audit_record(&self, draft: &AuditDraft) -> StoreResult<()> {
        let (_turn, mut call) = self.change_call("append_audit_record", draft).await?;
        call.begin().await?;
        self.append_to(&mut call, draft).await?;
        call.commit().await
    }

    async fn list_audit_records(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>> {
        let mut call = self.read_call("list_audit_records");
        let before = query.before.as_ref();
        let list = match &query.scope {
            AuditScope::Chain(chain) => sqlx::query(LIST_OF_CHAIN)
                .bind(chain.stored())
                .bind(before.map_or(i64::MAX, |position| position.sequence)),
            AuditScope::Tenants(tenants) => {
                let tenants = tenants.as_ref();
                let ids = tenants.map(|ids| ids.iter().map(|id| id.as_str()).collect::<Vec<_>>());
                let AuditPosition { time, chain, sequence } =
                    before.cloned().unwrap_or_else(AuditPosition::end);
                sqlx::query(LIST_OF_TENANTS)
                    .bind(ids)
                    .bind(time.as_micros())
                    .bind(chain.stored().to_owned())
                    .bind(sequence)
            }
        };
        rows::read(&call.rows(list.bind(i64::from(query.limit))).await?, record)
    }

    async fn read_audit_chain(
        &self,
        chain: &AuditChain,
        from: i64,
        limit: u32,
    ) -> StoreResult<(ChainState, Vec<AuditRecord>)> {
        let mut call = self.read_call("read_audit_chain");
        call.begin_with(READ_ONLY).await?;
        let state = read_state(&mut call, chain).await?;
        let records = read_chain(&mut call, chain, from, limit).await?;
        call.commit().await?;
        Ok((state, records))
    }

    async fn list_audit_chains(
        &self,
        after: Option<&AuditChain>,
        limit: u32,
    ) -> StoreResult<Vec<ChainState>> {
        let mut call = self.read_call("list_audit_chains");
        let list = sqlx::query(LIST_CHAINS).bind(after.map(AuditChain::stored));
        rows::read(&call.rows(list.bind(i64::from(limit))).await?, chain_state)
    }

    async fn audit_key(&self) -> StoreResult<AuditKey> {
        self.stored_audit_key(&mut self.call("audit_key")).await
    }

    async fn begin_audit_log(&self, now: Timestamp) -> StoreResult<()> {
        let draft = AuditDraft::beginning(now);
        let (_turn, mut call) = self.change_call("begin_audit_log", &draft).await?;
        call.begin().await?;
        if self.stored_key(&mut call, &no_tenant(), AUDIT_KEY_ID).await?.is_none()
            && let Some(key) = self.insert_audit_key(&mut call).await?
        {
            self.append_signed(&mut call, &key, &draft).await?;
        }
        call.commit().await
    }

    async fn foreign_triggers(&self, limit: u32) -> StoreResult<Vec<String>> {
        let mut call = self.read_call("foreign_triggers");
        let find = sqlx::query(FOREIGN_TRIGGERS).bind(i64::from(limit));
        call.values(find.bind(schema::own_tables())).await
    }

    async fn forget_audit_records(
        &self,
        after: Option<&AuditChain>,
        before: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<ForgottenRecords>> {
        let mut call = self.call_for("forget_audit_records", FORGET_LIMIT);
        let next = sqlx::query(NEXT_OLD_CHAIN).bind(after.map(AuditChain::stored));
        let found: Option<String> = call.optional_value(next.bind(before.as_micros())).await?;
        let Some(chain) = found.map(|chain| AuditChain::from_stored(&chain)) else {
            return Ok(None);
        };
        let mut all = 0;
        loop {
            let (removed, is_stuck) = self.forget_some(&mut call, &chain, before, now).await?;
            all += removed;
            if is_stuck || removed < u64::from(MAX_FORGOTTEN_RECORDS) {
                return Ok(Some(ForgottenRecords { chain, removed: all, is_stuck }));
            }
        }
    }
}

/// Locks a chain until the end of the transaction; begins it if there is none.
pub(super) async fn lock_chain(
    call: &mut DatabaseCall<'_>,
    chain: &AuditChain,
) -> StoreResult<ChainState> {
    if let Some(row) = call.row(sqlx::query(LOCK_CHAIN).bind(chain.stored())).await? {
        return chain_state(&row);
    }
    let ChainState { sequence, hash, checkpoint, .. } = ChainState::empty(chain.clone());
    let begin = sqlx::query(BEGIN_CHAIN)
        .bind(chain.stored())
        .bind(sequence)
        .bind(hash.bytes().to_vec())
        .bind(checkpoint.sequence)
        .bind(checkpoint.hash.bytes().to_vec())
        .bind(checkpoint.time.as_micros())
        .bind(checkpoint.signature.bytes().to_vec());
    call.execute(begin).await?;
    let begun = call.row(sqlx::query(LOCK_CHAIN).bind(chain.stored())).await?;
    let begun = begun.ok_or_else(|| {
        let name = chain.stored();
        codec::corrupt(format_args!("the audit chain \"{name}\" was begun, and is not stored"))
    })?;
    chain_state(&begun)
}

async fn read_state(call: &mut DatabaseCall<'_>, chain: &AuditChain) -> StoreResult<ChainState> {
    let found = call.row(sqlx::query(SELECT_CHAIN).bind(chain.stored())).await?;
    found.as_ref().map_or_else(|| Ok(ChainState::empty(chain.clone())), chain_state)
}

async fn read_chain(
    call: &mut DatabaseCall<'_>,
    chain: &AuditChain,
    from: i64,
    limit: u32,
) -> StoreResult<Vec<AuditRecord>> {
    let query = sqlx::query(READ_CHAIN).bind(chain.stored()).bind(from).bind(i64::from(limit));
    rows::read(&call.rows(query).await?, record)
}

fn chain_state(row: &PgRow) -> StoreResult<ChainState> {
    Ok(ChainState {
        chain: AuditChain::from_stored(get(row, "chain")?),
        sequence: get(row, "sequence")?,
        hash: hash_from(get(row, "hash")?),
        checkpoint: ChainCheckpoint {
            sequence: get(row, "checkpoint_sequence")?,
            hash: hash_from(get(row, "checkpoint_hash")?),
            time: time(row, "checkpoint_time")?,
            signature: hash_from(get(row, "checkpoint_signature")?),
        },
    })
}

/// A record, in either of PostgreSQL's formats: of bytes as text a copy is read.
pub(super) fn record(row: &PgRow) -> StoreResult<AuditRecord> {
    Ok(AuditRecord {
        sequence: get(row, "sequence")?,
        previous: hash_from(&get::<Vec<u8>>(row, "previous")?),
        hash: hash_from(&get::<Vec<u8>>(row, "hash")?),
        draft: AuditDraft {
            chain: AuditChain::from_stored(get(row, "chain")?),
            time: time(row, "record_time")?,
            actor: get(row, "actor")?,
            address: get(row, "address")?,
            request_id: get(row, "request_id")?,
            method: get(row, "method")?,
            resource: get(row, "resource")?,
            changes: changes_from_json(get(row, "changes")?),
            left_out: left_out_from(i64::from(get::<i32>(row, "left_out")?)),
        },
    })
}
