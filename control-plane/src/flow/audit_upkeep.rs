//! Logs the heads of audit chains, tells of foreign triggers, and removes records that are past
//! retention.
//!
//! Fed by a timer, the shards that this replica gets, and the store; feeds the log, the
//! metrics and the store. A tail that is cut together with its chain's head leaves a chain
//! that is whole; what is logged here tells that it was longer. Guarantees that the owner
//! of a tenant's shard logs its chain's head when it gets the shard, once it has changed,
//! and at its own end, and says when a head was set back, a chain removed, or one is no longer
//! that of which a head was logged; and that one replica tells of triggers that others have at
//! any of the tables.
//!
//! Keeps the invariant `audit-records-chained`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{Shard, TenantId};
use postrider_identity::{AuditChain, AuditRecord, ChainHash, ChainKey, ChainState};
use postrider_store::{ForgottenRecords, Store, StoreResult};
use tokio_util::sync::CancellationToken;

use super::faults::LoopRounds;
use crate::clock::Clock;
use crate::metrics::Metrics;
use crate::progress::{RoundCounts, WatchedLoops};
use crate::state::cluster::{ClusterState, ShardOwner};
use crate::state::context::ReplicaContext;

/// Chains read at once.
const CHAINS_PER_READ: u32 = 1000;
/// Most triggers that are told. Postrider has none; one is reason enough to look.
const MAX_TOLD_TRIGGERS: u32 = 20;
/// How often it is looked whether this replica has got shards: as often as it gets some.
const SHARD_POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Keeps the tables of records.
pub struct AuditUpkeep {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    loops: WatchedLoops,
    cluster: ClusterState,
    metrics: Metrics,
    interval: Duration,
    retention: Duration,
    /// The heads that were logged, of chains that are logged here.
    logged: HashMap<AuditChain, (i64, ChainHash)>,
    /// The shards of this replica at the last round.
    shards: HashSet<Shard>,
    /// The triggers of others that were told last.
    triggers: Vec<String>,
}

impl AuditUpkeep {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            loops: context.loops.clone(),
            cluster: context.cluster.clone(),
            metrics: context.metrics.clone(),
            interval: context.settings.audit.head_log_interval(),
            retention: context.settings.audit.retention(),
            logged: HashMap::new(),
            shards: HashSet::new(),
            triggers: Vec::new(),
        }
    }

    /// Keeps them until told to stop. Ends soon then, with what has changed since the last
    /// round logged.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut rounds = LoopRounds::new(self.loops.register_slow_loop("audit-records"));
        loop {
            rounds.begin();
            let mut counts = RoundCounts::default();
            let kept = tokio::select! {
                kept = self.keep(&mut counts) => kept,
                () = stop.cancelled() => break,
            };
            let now = self.clock.now();
            rounds.end(counts, kept.as_ref().err(), now, Some(now + self.interval));
            tokio::select! {
                () = self.wait_for_round() => {}
                () = stop.cancelled() => break,
            }
        }
        let mut counts = RoundCounts::default();
        let logged = self.log_heads(&mut counts).await;
        rounds.end(counts, logged.as_ref().err(), self.clock.now(), None);
    }

    /// Until the interval is over, or this replica has shards that it did not have.
    async fn wait_for_round(&self) {
        let next = self.clock.now() + self.interval;
        while self.clock.now() < next && self.cluster.own_shards().is_subset(&self.shards) {
            self.clock.sleep(SHARD_POLL_INTERVAL.min(self.interval)).await;
        }
    }

    async fn keep(&mut self, counts: &mut RoundCounts) -> StoreResult<()> {
        self.shards = self.cluster.own_shards();
        self.log_heads(counts).await?;
        if self.is_kept_here(&AuditChain::Installation) {
            self.look_for_triggers().await?;
            self.forget_old(counts).await?;
        }
        Ok(())
    }

    /// Tells of what can drop or change records past this program; the same once.
    async fn look_for_triggers(&mut self) -> StoreResult<()> {
        let triggers = self.store.foreign_triggers(MAX_TOLD_TRIGGERS).await?;
        if self.triggers != triggers && !triggers.is_empty() {
            self.metrics.audit_alarm("foreign_trigger");
            tracing::error!(?triggers, "others have triggers at the tables");
        }
        self.triggers = triggers;
        Ok(())
    }

    /// Whether this replica looks after a chain: one does, the owner of the tenant's shard.
    fn is_kept_here(&self, chain: &AuditChain) -> bool {
        let owner = match chain {
            AuditChain::Installation => self.cluster.owner(&TenantId::from_stored("")),
            AuditChain::Tenant(tenant) => self.cluster.owner(tenant),
        };
        owner == ShardOwner::ThisReplica
    }

    async fn log_heads(&mut self, counts: &mut RoundCounts) -> StoreResult<()> {
        let mut unseen: HashSet<AuditChain> = self.logged.keys().cloned().collect();
        let mut after = None;
        loop {
            let chains = self.store.list_audit_chains(after.as_ref(), CHAINS_PER_READ).await?;
            let is_last = chains.len() < CHAINS_PER_READ as usize;
            after = chains.last().map(|state| state.chain.clone());
            for state in chains {
                unseen.remove(&state.chain);
                counts.add_all("heads_logged", self.log_head(state).await?.into());
            }
            if is_last {
                break;
            }
        }
        for chain in unseen {
            self.report_removed(&chain);
        }
        Ok(())
    }

    /// A chain of which a head was logged here is not listed any more.
    fn report_removed(&mut self, chain: &AuditChain) {
        let known = self.logged.remove(chain).map(|(sequence, _)| sequence);
        if self.is_kept_here(chain) {
            self.metrics.audit_alarm("chain_removed");
            let chain = name_of(chain);
            tracing::error!(chain, known, "the head of an audit chain was removed");
        }
    }

    /// Logs a chain's head if it has changed; whether it did.
    async fn log_head(&mut self, state: ChainState) -> StoreResult<bool> {
        let ChainState { chain, sequence, hash, .. } = state;
        if !self.is_kept_here(&chain) {
            // Its next owner may have logged later heads.
            self.logged.remove(&chain);
            return Ok(false);
        }
        let name = name_of(&chain);
        let known = self.logged.get(&chain).copied();
        let mut change = head_change(known, (sequence, hash));
        if let (HeadChange::Longer, Some(known)) = (change, known)
            && !self.still_has(&chain, known).await?
        {
            change = HeadChange::SetBack;
        }
        match change {
            HeadChange::None => return Ok(false),
            HeadChange::Longer => tracing::info!(chain = name, sequence, %hash, "audit head"),
            HeadChange::SetBack => {
                self.metrics.audit_alarm("head_set_back");
                let known = known.map(|(sequence, _)| sequence);
                tracing::error!(
                    chain = name,
                    sequence,
                    %hash,
                    known,
                    "the head of an audit chain was set back: records were removed"
                );
            }
        }
        self.logged.insert(chain, (sequence, hash));
        Ok(true)
    }

    /// Whether a chain that is longer now is the one whose head was logged.
    async fn still_has(&self, chain: &AuditChain, known: (i64, ChainHash)) -> StoreResult<bool> {
        let key = self.store.audit_key().await?.of_chain(chain);
        let (state, records) = self.store.read_audit_chain(chain, known.0, 1).await?;
        Ok(has_record(&key, &state, records.first(), known))
    }

    async fn forget_old(&self, counts: &mut RoundCounts) -> StoreResult<()> {
        let now = self.clock.now();
        let (before, mut after) = (now - self.retention, None);
        while let Some(done) = self.store.forget_audit_records(after.as_ref(), before, now).await? {
            let ForgottenRecords { chain, removed, is_stuck } = done;
            counts.add("records_removed", removed);
            if is_stuck {
                self.metrics.audit_alarm("retention_stuck");
                tracing::error!(
                    ?chain,
                    removed,
                    "an audit chain is not what was written: its records stay"
                );
            } else {
                tracing::debug!(?chain, removed, "records of changes are past retention");
            }
            after = Some(chain);
        }
        Ok(())
    }
}

fn name_of(chain: &AuditChain) -> String {
    match chain {
        AuditChain::Installation => "installation".to_owned(),
        AuditChain::Tenant(tenant) => format!("tenants/{tenant}"),
    }
}

/// What became of a chain's head since it was logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HeadChange {
    None,
    Longer,
    SetBack,
}

fn head_change(logged: Option<(i64, ChainHash)>, now: (i64, ChainHash)) -> HeadChange {
    match logged {
        Some(same) if same == now => HeadChange::None,
        Some((sequence, _)) if sequence >= now.0 => HeadChange::SetBack,
        Some(_) | None => HeadChange::Longer,
    }
}

/// Whether a chain has a record that was known, or retention has removed it: by the record that
/// stands there now, if one does.
fn has_record(
    key: &ChainKey,
    state: &ChainState,
    record: Option<&AuditRecord>,
    (sequence, hash): (i64, ChainHash),
) -> bool {
    if let Some(record) = record.filter(|record| record.sequence == sequence) {
        // Not by the hash that stands beside it.
        return key.hash(sequence, &record.previous, &record.draft) == hash;
    }
    let checkpoint = &state.checkpoint;
    checkpoint.sequence >= sequence
        && key.has_signed(checkpoint)
        && (checkpoint.sequence > sequence || checkpoint.hash == hash)
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;
    use postrider_identity::{AUDIT_KEY_BYTES, AuditKey, AuditOrigin};

    use super::*;

    #[test]
    fn a_chain_that_outgrew_a_head_is_known_by_the_record_that_was_there() {
        let chain = AuditChain::from_stored("acme");
        let key = AuditKey::new([7; AUDIT_KEY_BYTES]).of_chain(&chain);
        let now = Timestamp::from_micros(1);
        let record = |actor: &str| {
            let origin = AuditOrigin { actor: actor.to_owned(), ..AuditOrigin::system("x") };
            let (previous, draft) = (ChainHash::ORIGIN, origin.draft("tenants/acme", now));
            AuditRecord { sequence: 5, previous, hash: key.hash(5, &previous, &draft), draft }
        };
        let (known, mut other) = (record("a"), record("b"));
        let mut state = ChainState { sequence: 9, ..ChainState::empty(chain.clone()) };
        let has = |state: &ChainState, record: Option<&AuditRecord>| {
            has_record(&key, state, record, (5, known.hash))
        };
        assert!(has(&state, Some(&known)));
        assert!(!has(&state, Some(&other)), "another chain");
        other.hash = known.hash;
        assert!(!has(&state, Some(&other)), "a hash can be written beside any record");
        let later = AuditRecord { sequence: 6, ..known.clone() };
        assert!(!has(&state, Some(&later)) && !has(&state, None), "it was removed");
        for (sequence, hash, holds) in [
            (4, known.hash, false),
            (5, known.hash, true),
            (5, ChainHash::new([1; 32]), false),
            (6, ChainHash::new([1; 32]), true),
        ] {
            state.checkpoint = key.checkpoint(sequence, hash, now);
            assert_eq!(has(&state, None), holds, "{sequence}");
        }
        state.checkpoint.sequence = 7;
        assert!(!has(&state, None), "nobody signed it");
    }

    #[test]
    fn a_head_only_goes_on() {
        let head = |sequence, byte| (sequence, ChainHash::new([byte; 32]));
        assert_eq!(head_change(None, head(1, 1)), HeadChange::Longer);
        assert_eq!(head_change(Some(head(1, 1)), head(1, 1)), HeadChange::None);
        assert_eq!(head_change(Some(head(1, 1)), head(2, 2)), HeadChange::Longer);
        for other in [head(1, 1), head(2, 3)] {
            assert_eq!(head_change(Some(head(2, 2)), other), HeadChange::SetBack);
        }
    }
}
