//! Reads a chain from its beginning, and says what is wrong with it.
//!
//! Fed by the store's pages of records in the order of their numbers, each with the state
//! that the chain had when it was read; feeds the API with faults. To drive it: make one,
//! at the beginning or at the position where an earlier one ended; give it every page,
//! from the number that its position names; finish with the last page's state.
//!
//! Guarantees that a record that was changed, removed, moved or put in is found: its hash
//! covers its content, its number and the hash before it. A chain of which all was removed
//! is found, also once it goes on: what a chain begins with is written once. So is a tenant
//! that was changed after its deletion. A tail that was cut is found by the chain's state, or
//! by a head that was noted elsewhere.

use serde::{Deserialize, Serialize};

use super::chain::{ChainCheckpoint, ChainKey, ChainState};
use super::hash::ChainHash;
use super::record::AuditRecord;

/// Most faults that one check tells; the rest is counted.
pub const MAX_REPORTED_FAULTS: usize = 100;
/// How far from its place a record is looked for that fits elsewhere.
const MAX_MOVED_PLACES: i64 = 64;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// A record is not what was written, was never written by Postrider, or stands where
    /// none may: before the first, or where retention has removed all.
    Changed { sequence: i64 },
    /// A record is genuine, and stands in another's place.
    Moved { sequence: i64, belongs_at: i64 },
    /// Records are not there.
    Missing { first: i64, last: i64 },
    /// Nobody with the key signed that records up to here were removed.
    Checkpoint { sequence: i64 },
    /// The chain's stored head is not its last record.
    Head { sequence: i64 },
    /// A genuine record of a change of a tenant that an earlier one deleted: somebody has set
    /// the tenant back.
    AfterDeletion { sequence: i64 },
}

/// How far a chain was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPosition {
    pub sequence: i64,
    /// The last record's hash, unless that record is at fault.
    pub hash: Option<ChainHash>,
    /// The number from which the next page is read. At first the lowest that there is:
    /// somebody may have put a record where none belongs.
    pub next: i64,
    /// Whether what the chain begins with was seen, was signed for by retention, or was
    /// reported.
    #[serde(default)]
    pub has_begun: bool,
    /// Whether a record said that the chain's tenant was deleted.
    #[serde(default)]
    pub is_deleted: bool,
}

/// What is asked of a chain's first records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BeginningCheck {
    Nothing,
    /// If there are others than may precede it, the chain must have begun.
    BeforeOthers,
    /// The chain must have begun.
    Required,
}

/// Checks one chain.
pub struct ChainVerifier {
    key: ChainKey,
    position: ChainPosition,
    /// A head that somebody noted: the number and the hash of a record.
    known: Option<(i64, ChainHash)>,
    is_known_removed: bool,
    /// How many records there must have been.
    least_count: i64,
    beginning: BeginningCheck,
    faults: Vec<AuditFault>,
    left_out: u64,
    checked: u64,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainFindings {
    pub faults: Vec<AuditFault>,
    /// How many more there are.
    pub left_out: u64,
    pub checked: u64,
    /// Whether retention has removed the record of which a head was noted, so that it
    /// cannot be compared.
    pub is_known_removed: bool,
}

impl ChainVerifier {
    /// From the beginning of a chain, or from where an earlier check of it ended.
    pub fn new(
        key: ChainKey,
        from: Option<ChainPosition>,
        known: Option<(i64, ChainHash)>,
    ) -> Self {
        let hash = Some(ChainHash::ORIGIN);
        let beginning = ChainPosition {
            sequence: 0,
            hash,
            next: i64::MIN,
            has_begun: false,
            is_deleted: false,
        };
        Self {
            key,
            position: from.unwrap_or(beginning),
            known,
            is_known_removed: false,
            least_count: 0,
            beginning: BeginningCheck::Nothing,
            faults: Vec::new(),
            left_out: 0,
            checked: 0,
        }
    }

    /// Of a chain that begins as Postrider's do, if it has begun; and whether it must have: its
    /// tenant is there, or it is the installation's.
    #[must_use]
    pub fn beginning_as_ours(mut self, is_required: bool) -> Self {
        self.beginning = match is_required {
            true => BeginningCheck::Required,
            false => BeginningCheck::BeforeOthers,
        };
        self.least_count = is_required.into();
        self
    }

    pub const fn position(&self) -> ChainPosition {
        self.position
    }

    /// How many records were checked.
    pub const fn checked(&self) -> u64 {
        self.checked
    }

    /// Takes the next records, read together with the chain's state.
    pub fn take(&mut self, state: &ChainState, records: &[AuditRecord]) {
        let checkpoint = state.checkpoint;
        if checkpoint.sequence > self.position.sequence {
            // Retention was here, or whoever wants it to look so.
            if self.key.has_signed(&checkpoint) {
                self.pass_removed(&checkpoint);
            } else {
                self.report(AuditFault::Checkpoint { sequence: checkpoint.sequence });
            }
        }
        for record in records {
            self.take_record(record);
            self.position.next = record.sequence.saturating_add(1);
        }
    }

    /// Goes on after what retention has removed. Of all of it only the last one's hash is
    /// known.
    fn pass_removed(&mut self, checkpoint: &ChainCheckpoint) {
        let ChainCheckpoint { sequence, hash, .. } = *checkpoint;
        match self.known {
            Some((known, noted)) if known == sequence && noted != hash => {
                self.report(AuditFault::Changed { sequence });
            }
            Some((known, _)) if known > self.position.sequence && known < sequence => {
                self.is_known_removed = true;
            }
            Some(_) | None => {}
        }
        (self.position.sequence, self.position.hash) = (sequence, Some(hash));
        self.position.has_begun = true;
    }

    fn take_record(&mut self, record: &AuditRecord) {
        let (sequence, expected) = (record.sequence, self.position.sequence.saturating_add(1));
        self.checked += 1;
        if sequence < expected {
            // Before the first, or where retention has signed, in what was read together
            // with this, that all are gone: Postrider left none there.
            self.report(AuditFault::Changed { sequence });
            return;
        }
        if sequence > expected {
            self.report(AuditFault::Missing { first: expected, last: sequence - 1 });
            self.position.hash = None;
            self.position.has_begun = true;
        }
        let is_genuine = self.fits(record, sequence);
        if !is_genuine {
            self.report(match self.place_of(record) {
                Some(belongs_at) => AuditFault::Moved { sequence, belongs_at },
                None => AuditFault::Changed { sequence },
            });
        } else if self.position.hash.is_some_and(|hash| hash != record.previous) {
            // It was written after another record than the one that stands before it.
            self.report(AuditFault::Changed { sequence: sequence - 1 });
        }
        if let Some((known, hash)) = self.known
            && known == sequence
            && is_genuine
            && hash != record.hash
        {
            self.report(AuditFault::Changed { sequence });
        }
        self.look_for_beginning(record, is_genuine);
        if is_genuine {
            self.look_for_deletion(record);
        }
        let hash = is_genuine.then_some(record.hash);
        (self.position.sequence, self.position.hash) = (sequence, hash);
    }

    /// A record that is not what was written is told as that.
    fn look_for_beginning(&mut self, record: &AuditRecord, is_genuine: bool) {
        if self.position.has_begun || (is_genuine && record.draft.may_precede_beginning()) {
            return;
        }
        self.position.has_begun = true;
        let is_checked = self.beginning != BeginningCheck::Nothing;
        if is_checked && is_genuine && !record.draft.begins_chain() {
            self.report(AuditFault::Missing { first: 1, last: 1 });
        }
    }

    fn look_for_deletion(&mut self, record: &AuditRecord) {
        if self.position.is_deleted && record.draft.needs_living_tenant() {
            self.report(AuditFault::AfterDeletion { sequence: record.sequence });
        }
        self.position.is_deleted |= record.draft.deletes_tenant();
    }

    /// Where near its place a record fits. Not looked for once enough faults are told.
    fn place_of(&self, record: &AuditRecord) -> Option<i64> {
        if self.faults.len() >= MAX_REPORTED_FAULTS {
            return None;
        }
        let first = record.sequence.saturating_sub(MAX_MOVED_PLACES).max(1);
        let last = record.sequence.saturating_add(MAX_MOVED_PLACES);
        (first..=last).find(|place| self.fits(record, *place))
    }

    fn fits(&self, record: &AuditRecord, place: i64) -> bool {
        record.draft.chain == *self.key.chain()
            && self.key.hash(place, &record.previous, &record.draft) == record.hash
    }

    /// What was found up to here, in a chain of which this is not the end.
    pub fn pause(self) -> ChainFindings {
        let Self { faults, left_out, checked, is_known_removed, .. } = self;
        ChainFindings { faults, left_out, checked, is_known_removed }
    }

    /// What was found, once all records were taken.
    pub fn finish(mut self, state: &ChainState) -> ChainFindings {
        let reached = self.position.sequence;
        let is_required = self.beginning == BeginningCheck::Required;
        if is_required && !self.position.has_begun && reached > 0 {
            self.report(AuditFault::Missing { first: 1, last: 1 });
        }
        let known = self.known.map_or(0, |(sequence, _)| sequence);
        let last = state.sequence.max(known).max(self.least_count);
        if last > reached {
            self.report(AuditFault::Missing { first: reached + 1, last });
        }
        let differs = self.position.hash.is_some_and(|hash| hash != state.hash);
        if state.sequence < reached || (state.sequence == reached && differs) {
            self.report(AuditFault::Head { sequence: state.sequence });
        }
        self.pause()
    }

    fn report(&mut self, fault: AuditFault) {
        if self.faults.len() < MAX_REPORTED_FAULTS {
            self.faults.push(fault);
        } else {
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
#[path = "verifier_tests.rs"]
mod tests;
