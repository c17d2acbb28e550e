//! Reads a chain from its beginning, and says what is wrong with it.
//!
//! Fed by the store's pages of records in the order of their numbers, each with the state
//! that the chain had when it was read; feeds the API with faults. To drive it: make one,
//! at the beginning or at the position where an earlier one ended; give it every page;
//! finish with the last page's state.
//!
//! Guarantees that a record that was changed, removed, moved or put in is found: its hash
//! covers its content, its number and the hash before it. A tail that was cut is found by
//! the chain's state, or by a head that was noted elsewhere.

use serde::{Deserialize, Serialize};

use super::chain::{ChainKey, ChainState};
use super::hash::ChainHash;
use super::record::AuditRecord;

/// Most faults that one check tells; the rest is counted.
pub const MAX_REPORTED_FAULTS: usize = 100;
/// How far from its place a record is looked for that fits elsewhere.
const MAX_MOVED_PLACES: i64 = 64;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditFault {
    /// A record is not what was written, or was never written by Postrider.
    Changed { sequence: i64 },
    /// A record is genuine, and stands in another's place.
    Moved { sequence: i64, belongs_at: i64 },
    /// Records are not there.
    Missing { first: i64, last: i64 },
    /// Nobody with the key signed that records up to here were removed.
    Checkpoint { sequence: i64 },
    /// The chain's stored head is not its last record.
    Head { sequence: i64 },
}

/// How far a chain was checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainPosition {
    pub sequence: i64,
    /// The last record's hash, unless that record is at fault.
    pub hash: Option<ChainHash>,
}

/// Checks one chain.
pub struct ChainVerifier {
    key: ChainKey,
    position: ChainPosition,
    /// A head that somebody noted: the number and the hash of a record.
    known: Option<(i64, ChainHash)>,
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
}

impl ChainVerifier {
    /// From the beginning of a chain, or from where an earlier check of it ended.
    pub fn new(
        key: ChainKey,
        from: Option<ChainPosition>,
        known: Option<(i64, ChainHash)>,
    ) -> Self {
        let beginning = ChainPosition { sequence: 0, hash: Some(ChainHash::ORIGIN) };
        Self {
            key,
            position: from.unwrap_or(beginning),
            known,
            faults: Vec::new(),
            left_out: 0,
            checked: 0,
        }
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
                let hash = Some(checkpoint.hash);
                self.position = ChainPosition { sequence: checkpoint.sequence, hash };
            } else {
                self.report(AuditFault::Checkpoint { sequence: checkpoint.sequence });
            }
        }
        for record in records {
            self.take_record(record);
        }
    }

    fn take_record(&mut self, record: &AuditRecord) {
        let (sequence, expected) = (record.sequence, self.position.sequence + 1);
        if sequence < expected {
            // Retention has signed that it is gone.
            return;
        }
        self.checked += 1;
        if sequence > expected {
            self.report(AuditFault::Missing { first: expected, last: sequence - 1 });
            self.position.hash = None;
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
        let hash = is_genuine.then_some(record.hash);
        self.position = ChainPosition { sequence, hash };
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
        ChainFindings { faults: self.faults, left_out: self.left_out, checked: self.checked }
    }

    /// What was found, once all records were taken.
    pub fn finish(mut self, state: &ChainState) -> ChainFindings {
        let reached = self.position.sequence;
        let known = self.known.map_or(0, |(sequence, _)| sequence);
        let last = state.sequence.max(known);
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
mod tests {
    use postrider_domain::time::Timestamp;

    use super::*;
    use crate::audit::chain::{AUDIT_KEY_BYTES, AuditKey, ChainCheckpoint};
    use crate::audit::record::{AuditChain, AuditOrigin};

    fn key() -> ChainKey {
        let acme = AuditChain::Tenant("acme".parse().unwrap());
        AuditKey::new([7; AUDIT_KEY_BYTES]).of_chain(&acme)
    }

    /// A chain of so many records.
    fn chain(count: i64) -> (ChainState, Vec<AuditRecord>) {
        let mut state = ChainState::empty(key().chain().clone());
        let mut records = Vec::new();
        for sequence in 1..=count {
            let origin = AuditOrigin::command("x");
            let draft = origin.draft("tenants/acme", Timestamp::from_micros(sequence));
            let (previous, hash) = (state.hash, key().hash(sequence, &state.hash, &draft));
            records.push(AuditRecord { sequence, previous, hash, draft });
            (state.sequence, state.hash) = (sequence, hash);
        }
        (state, records)
    }

    fn faults_knowing(
        state: &ChainState,
        records: &[AuditRecord],
        known: Option<(i64, ChainHash)>,
    ) -> Vec<AuditFault> {
        let mut verifier = ChainVerifier::new(key(), None, known);
        verifier.take(state, records);
        verifier.finish(state).faults
    }

    fn faults(state: &ChainState, records: &[AuditRecord]) -> Vec<AuditFault> {
        faults_knowing(state, records, None)
    }

    #[test]
    fn a_whole_chain_is_whole_in_one_piece_or_in_several() {
        let (state, records) = chain(9);
        assert_eq!(faults(&state, &records), []);
        assert_eq!(faults(&ChainState::empty(state.chain.clone()), &[]), []);
        let mut first = ChainVerifier::new(key(), None, None);
        first.take(&state, &records[..4]);
        let position = first.position();
        assert_eq!(first.pause().checked, 4);
        let mut second = ChainVerifier::new(key(), Some(position), None);
        second.take(&state, &records[4..]);
        let findings = second.finish(&state);
        assert_eq!((findings.checked, findings.faults.as_slice()), (5, &[][..]));
    }

    #[test]
    fn a_changed_record_is_found() {
        let (state, mut records) = chain(5);
        records[2].draft.actor = "token:somebody".to_owned();
        assert_eq!(faults(&state, &records), [AuditFault::Changed { sequence: 3 }]);
        // With a hash that fits under another key.
        let other = AuditKey::new([8; AUDIT_KEY_BYTES]).of_chain(key().chain());
        records[2].hash = other.hash(3, &records[2].previous, &records[2].draft);
        assert_eq!(faults(&state, &records), [AuditFault::Changed { sequence: 3 }]);
    }

    #[test]
    fn a_removed_record_is_found_wherever_it_was() {
        for removed in 1..=5 {
            let (state, mut records) = chain(5);
            records.remove(removed - 1);
            let place = i64::try_from(removed).unwrap();
            let missing = AuditFault::Missing { first: place, last: place };
            assert_eq!(faults(&state, &records), [missing]);
        }
        let (state, mut records) = chain(5);
        records.remove(1);
        for record in &mut records[1..] {
            record.sequence -= 1;
        }
        let moved = |sequence| AuditFault::Moved { sequence, belongs_at: sequence + 1 };
        let missing = AuditFault::Missing { first: 5, last: 5 };
        assert_eq!(faults(&state, &records), [moved(2), moved(3), moved(4), missing]);
    }

    #[test]
    fn reordered_records_are_found() {
        let (state, mut records) = chain(5);
        records.swap(1, 3);
        for (record, sequence) in records.iter_mut().zip(1..) {
            record.sequence = sequence;
        }
        let moved = [(2, 4), (4, 2)];
        let moved = moved.map(|(sequence, belongs_at)| AuditFault::Moved { sequence, belongs_at });
        assert_eq!(faults(&state, &records), moved);
    }

    #[test]
    fn a_cut_tail_is_found_by_the_head_or_by_who_noted_one() {
        let (state, mut records) = chain(5);
        let known = (state.sequence, state.hash);
        records.truncate(3);
        let missing = AuditFault::Missing { first: 4, last: 5 };
        assert_eq!(faults(&state, &records), [missing]);
        // The head was set back too.
        let (sequence, hash) = (3, records[2].hash);
        let set_back = ChainState { sequence, hash, ..state.clone() };
        assert_eq!(faults(&set_back, &records), []);
        assert_eq!(faults_knowing(&set_back, &records, Some(known)), [missing]);
        let (whole, records) = chain(5);
        assert_eq!(faults_knowing(&whole, &records, Some(known)), []);
        let other = Some((3, ChainHash::new([1; 32])));
        let changed = AuditFault::Changed { sequence: 3 };
        assert_eq!(faults_knowing(&whole, &records, other), [changed]);
        let set_back = ChainState { sequence: 3, ..whole };
        assert_eq!(faults(&set_back, &records), [AuditFault::Head { sequence: 3 }]);
    }

    #[test]
    fn what_retention_removed_is_not_missing_if_it_signed() {
        let (mut state, records) = chain(5);
        let (sequence, hash) = (2, records[1].hash);
        state.checkpoint = key().checkpoint(sequence, hash, Timestamp::default());
        assert_eq!(faults(&state, &records[2..]), []);
        // Removed before its checkpoint was seen: another page tells.
        let mut verifier = ChainVerifier::new(key(), None, None);
        let before = ChainState { checkpoint: ChainCheckpoint::default(), ..state.clone() };
        verifier.take(&before, &records[..1]);
        verifier.take(&state, &records[2..]);
        assert_eq!(verifier.finish(&state).faults, []);
        state.checkpoint.sequence = 3;
        let forged = AuditFault::Checkpoint { sequence: 3 };
        let missing = AuditFault::Missing { first: 1, last: 3 };
        assert_eq!(faults(&state, &records[3..]), [forged, missing]);
    }

    #[test]
    fn not_every_fault_is_told() {
        let (state, mut records) = chain(150);
        for record in &mut records {
            record.draft.actor.push('x');
        }
        let mut verifier = ChainVerifier::new(key(), None, None);
        verifier.take(&state, &records);
        let findings = verifier.finish(&state);
        assert_eq!((findings.faults.len(), findings.left_out), (MAX_REPORTED_FAULTS, 50));
    }
}
