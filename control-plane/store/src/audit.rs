//! Records of changes.
//!
//! A method that changes something for a caller takes a draft and appends it, in its own
//! transaction and only if it changes something: there is no change without a record, and
//! no record without a change. The last thing that such a transaction locks is the head of
//! the record's chain, and it locks one, so no two wait for each other.
//!
//! Keeps the invariant `audit-records-chained`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AuditChain, AuditDraft, AuditKey, AuditRecord, ChainHash, ChainKey, ChainState, FieldChange,
};
use serde::{Deserialize, Serialize};

use crate::codec;
use crate::error::{StoreError, StoreResult};

/// Records that one transaction of retention removes: whoever appends to the chain waits for
/// one short statement. They are read and checked before; each has up to 64 KiB of
/// differences, so that is 7 MB at most.
pub(crate) const MAX_FORGOTTEN_RECORDS: u32 = 100;

/// Appends, reads and forgets records.
#[async_trait]
pub trait AuditStore {
    /// Appends a record about what is not in the store.
    async fn append_audit_record(&self, draft: &AuditDraft) -> StoreResult<()>;

    /// Records, the newest first.
    async fn list_audit_records(&self, query: &AuditQuery) -> StoreResult<Vec<AuditRecord>>;

    /// A chain's records with this number and those above, the lowest first, and its state,
    /// read at one moment.
    async fn read_audit_chain(
        &self,
        chain: &AuditChain,
        from: i64,
        limit: u32,
    ) -> StoreResult<(ChainState, Vec<AuditRecord>)>;

    /// Chains in their order, after this one.
    async fn list_audit_chains(
        &self,
        after: Option<&AuditChain>,
        limit: u32,
    ) -> StoreResult<Vec<ChainState>>;

    /// The key of all chains; drawn by whoever asks first.
    async fn audit_key(&self) -> StoreResult<AuditKey>;

    /// Draws the key of all chains, and begins the installation's with a record, in one
    /// transaction; nothing if there is a key. Before anything else is recorded.
    async fn begin_audit_log(&self, now: Timestamp) -> StoreResult<()>;

    /// What could drop or change records, or anything else, past Postrider: triggers, rules and
    /// policies of its tables, constraints that work as triggers, heirs, views in their place,
    /// functions that their columns and indexes call, and triggers of the database's events.
    /// Postrider has none of these. As "trigger NAME".
    async fn foreign_triggers(&self, limit: u32) -> StoreResult<Vec<String>>;

    /// Removes the records from before a time at the beginning of the next chain after
    /// this one that has some, and leaves a signed checkpoint. A record that is not what
    /// was written stays, and so do all after it: removal is signed. So do all after one
    /// that is missing, all after a checkpoint that nobody signed, and all of a chain that
    /// does not begin as it should. `None`: there is no such chain.
    async fn forget_audit_records(
        &self,
        after: Option<&AuditChain>,
        before: Timestamp,
        now: Timestamp,
    ) -> StoreResult<Option<ForgottenRecords>>;
}

/// Which records.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    pub scope: AuditScope,
    /// Strictly before this position.
    pub before: Option<AuditPosition>,
    /// At least 1.
    pub limit: u32,
}

/// Whose records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditScope {
    /// One chain's, by their numbers.
    Chain(AuditChain),
    /// Those of some tenants together, by their times; `None`: of all tenants.
    Tenants(Option<BTreeSet<TenantId>>),
}

/// A record's place in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AuditPosition {
    pub time: Timestamp,
    pub chain: AuditChain,
    pub sequence: i64,
}

impl AuditPosition {
    /// After every record.
    pub(crate) const fn end() -> Self {
        Self { time: Timestamp::MAX, chain: AuditChain::Installation, sequence: 0 }
    }

    pub fn of(record: &AuditRecord) -> Self {
        let AuditDraft { time, chain, .. } = &record.draft;
        Self { time: *time, chain: chain.clone(), sequence: record.sequence }
    }
}

/// What retention removed from a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgottenRecords {
    pub chain: AuditChain,
    pub removed: u64,
    /// Whether it stopped at a record or a checkpoint that is not what was written, or
    /// where a record is missing.
    pub is_stuck: bool,
}

/// The record of a tenant's deletion, with the ids of the subscriptions that went along. Only
/// the transaction that deletes them knows all.
pub fn tenant_deletion(draft: &AuditDraft, mut subscriptions: Vec<String>) -> AuditDraft {
    subscriptions.sort_unstable();
    draft.clone().with_removed("subscriptions", &subscriptions)
}

/// A record that is refused is no fault of whoever makes the change: somebody has put another
/// in its place.
pub(crate) fn append_error(chain: &AuditChain, error: StoreError) -> StoreError {
    match error {
        StoreError::Rejected(text) => codec::corrupt(format_args!(
            "the next record cannot be appended to the audit chain \"{}\": {text}",
            chain.stored()
        )),
        other @ (StoreError::Unavailable(_)
        | StoreError::Faulty(_)
        | StoreError::Corrupt(_)
        | StoreError::UnreadableConfig { .. }
        | StoreError::UnreadableRow { .. }) => other,
    }
}

/// Fails unless a record and its chain's head were stored as they were sent. Whoever changes
/// the tables may have them dropped or replaced on the way; the change is rolled back then.
pub(crate) fn require_appended(
    sent: &AuditRecord,
    stored: Option<&AuditRecord>,
    head: Option<(i64, ChainHash)>,
) -> StoreResult<()> {
    if stored == Some(sent) && head == Some((sent.sequence, sent.hash)) {
        return Ok(());
    }
    Err(codec::corrupt(format_args!(
        "the record {} of the audit chain \"{}\" was not stored as it was written: look for \
         triggers and rules of Postrider's tables",
        sent.sequence,
        sent.draft.chain.stored()
    )))
}

/// The record that a draft becomes at the end of a chain. An error if the chain's last
/// number, which somebody may have changed, has no next one.
pub fn next_record(
    key: &ChainKey,
    state: &ChainState,
    draft: &AuditDraft,
) -> StoreResult<AuditRecord> {
    let next = state.sequence.checked_add(1).filter(|next| *next > 0);
    let sequence = next.ok_or_else(|| {
        codec::corrupt(format_args!("the last record of a chain has the number {}", state.sequence))
    })?;
    let hash = key.hash(sequence, &state.hash, draft);
    Ok(AuditRecord { sequence, previous: state.hash, hash, draft: draft.clone() })
}

/// Up to where a chain's first records may go, and whether what comes after that is not what
/// was written: who could make others forge a signature by a changed time would. Nothing
/// goes after a checkpoint that nobody signed, nor before what the chain begins with is among
/// what goes: with a signature it would not be missed.
pub fn forgettable<'r>(
    key: &ChainKey,
    state: &ChainState,
    first: &'r [AuditRecord],
    before: Timestamp,
) -> (Option<&'r AuditRecord>, bool) {
    let (mut last, mut previous, mut sequence) =
        (None, state.checkpoint.hash, state.checkpoint.sequence);
    if !key.has_signed(&state.checkpoint) {
        return (None, true);
    }
    if first.is_empty() {
        // There should be some up to the head.
        return (None, state.sequence != sequence);
    }
    let mut has_begun = sequence > 0;
    for record in first {
        let is_genuine = Some(record.sequence) == sequence.checked_add(1)
            && record.previous == previous
            && key.hash(record.sequence, &record.previous, &record.draft) == record.hash;
        has_begun |= record.draft.begins_chain();
        if !is_genuine || !(has_begun || record.draft.may_precede_beginning()) {
            return (last, true);
        }
        if record.draft.time >= before {
            break;
        }
        (previous, sequence) = (record.hash, record.sequence);
        last = has_begun.then_some(record);
    }
    (last, false)
}

pub(crate) fn changes_to_json(changes: &[FieldChange]) -> StoreResult<String> {
    codec::to_json(&changes)
}

/// Reads differences; what is none of ours is told as such, so that a check finds the
/// record instead of failing at it.
pub(crate) fn changes_from_json(text: &str) -> Vec<FieldChange> {
    serde_json::from_str(text).unwrap_or_else(|_| vec![FieldChange::unreadable()])
}

/// Reads a hash; of another length it is none that fits.
pub(crate) fn hash_from(bytes: &[u8]) -> ChainHash {
    bytes.try_into().map_or(ChainHash::ORIGIN, ChainHash::new)
}

/// Reads a number that a check would miss if it were refused.
pub(crate) fn left_out_from(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
