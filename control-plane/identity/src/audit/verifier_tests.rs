//! Tests of the check of a chain.

use postrider_domain::time::Timestamp;

use crate::audit::chain::{AUDIT_KEY_BYTES, AuditKey};
use crate::audit::record::{AuditChain, AuditOrigin};
use crate::audit::verifier::*;

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

/// Records of a tenant's chain, each by its method and resource.
fn chain_with(contents: &[(&'static str, &str)]) -> (ChainState, Vec<AuditRecord>) {
    let mut state = ChainState::empty(key().chain().clone());
    let mut records = Vec::new();
    for (sequence, (method, resource)) in (1..).zip(contents) {
        let draft = AuditOrigin::command(method).draft(resource, Timestamp::from_micros(sequence));
        let draft = draft.in_chain(key().chain().clone());
        let (previous, hash) = (state.hash, key().hash(sequence, &state.hash, &draft));
        records.push(AuditRecord { sequence, previous, hash, draft });
        (state.sequence, state.hash) = (sequence, hash);
    }
    (state, records)
}

const CREATION: (&str, &str) = ("postrider.v1.TenantService/CreateTenant", "tenants/acme");
const TOKEN: (&str, &str) = ("postrider.v1.PortalService/CreatePortalToken", "tokens/1");
const CHANGE: (&str, &str) = ("postrider.v1.TenantService/UpdateTenant", "tenants/acme");

/// The faults of a chain that must begin as ours do, if it must be there.
fn begun(is_required: bool, state: &ChainState, records: &[AuditRecord]) -> Vec<AuditFault> {
    let mut verifier = ChainVerifier::new(key(), None, None).beginning_as_ours(is_required);
    for record in records {
        // As after each page.
        let page = ChainVerifier::new(key(), Some(verifier.position()), None);
        let faults = verifier.pause().faults;
        verifier = page.beginning_as_ours(is_required);
        verifier.faults = faults;
        verifier.take(state, std::slice::from_ref(record));
    }
    verifier.finish(state).faults
}

#[test]
fn a_chain_that_is_gone_is_found_by_who_knows_that_it_must_be_there() {
    let (state, records) = chain_with(&[CREATION, CHANGE]);
    let found = |state: &ChainState, records: &[AuditRecord]| {
        let mut verifier = ChainVerifier::new(key(), None, None).beginning_as_ours(true);
        verifier.take(state, records);
        verifier.finish(state).faults
    };
    let gone = ChainState::empty(state.chain.clone());
    assert_eq!(found(&gone, &[]), [AuditFault::Missing { first: 1, last: 1 }]);
    assert_eq!(found(&gone, &records), [AuditFault::Head { sequence: 0 }]);
    assert_eq!(found(&state, &records), []);
    let signed = key().checkpoint(2, records[1].hash, Timestamp::default());
    assert_eq!(found(&ChainState { checkpoint: signed, ..state }, &[]), []);
}

#[test]
fn a_chain_that_was_begun_anew_is_found() {
    let missing = [AuditFault::Missing { first: 1, last: 1 }];
    for (contents, is_whole) in [
        (&[CREATION, CHANGE, TOKEN][..], true),
        (&[TOKEN, TOKEN, CREATION, CHANGE][..], true),
        (&[CHANGE][..], false),
        (&[TOKEN, CHANGE, CREATION][..], false),
        (&[("postrider.v1.TenantService/CreateTenant", "tenants/other")][..], false),
    ] {
        let (state, records) = chain_with(contents);
        let wanted = if is_whole { &[][..] } else { &missing[..] };
        for is_required in [true, false] {
            assert_eq!(begun(is_required, &state, &records), wanted, "{contents:?}");
        }
    }
    // Tokens alone are those of a tenant that is still to come, if it is not there.
    let (state, records) = chain_with(&[TOKEN, TOKEN]);
    assert_eq!(begun(false, &state, &records), []);
    assert_eq!(begun(true, &state, &records), missing);
    // What retention has signed for had begun.
    let (state, records) = chain_with(&[CREATION, CHANGE, CHANGE]);
    let signed = key().checkpoint(1, records[0].hash, Timestamp::default());
    assert_eq!(begun(true, &ChainState { checkpoint: signed, ..state }, &records[1..]), []);
    // Faults are told once.
    let (state, mut records) = chain_with(&[CREATION, CHANGE, CHANGE]);
    records[0].draft.actor.push('x');
    assert_eq!(begun(true, &state, &records), [AuditFault::Changed { sequence: 1 }]);
    let missing = AuditFault::Missing { first: 1, last: 1 };
    assert_eq!(begun(true, &state, &records[1..]), [missing]);
}

#[test]
fn a_change_after_the_deletion_is_found() {
    const DELETION: (&str, &str) = ("postrider.v1.TenantService/DeleteTenant", "tenants/acme");
    const HOOK: (&str, &str) =
        ("postrider.v1.SubscriptionService/CreateSubscription", "tenants/acme/subscriptions/erp");
    const OTHERS: [(&str, &str); 3] = [
        TOKEN,
        ("postrider.v1.EventService/GetEvent", "tenants/acme/events/1"),
        ("google.longrunning.Operations/CancelOperation", "tenants/acme/operations/1"),
    ];
    let after = |sequence| AuditFault::AfterDeletion { sequence };
    let found = |contents: &[(&'static str, &str)]| {
        let (state, records) = chain_with(contents);
        begun(true, &state, &records)
    };
    assert_eq!(found(&[CREATION, CHANGE, HOOK, DELETION]), []);
    let [token, read, cancelled] = OTHERS;
    assert_eq!(found(&[CREATION, DELETION, token, read, cancelled]), []);
    assert_eq!(found(&[CREATION, DELETION, CHANGE]), [after(3)]);
    assert_eq!(found(&[CREATION, DELETION, TOKEN, HOOK, DELETION]), [after(4), after(5)]);
    // Of another tenant, it is no end of this one.
    let other = ("postrider.v1.TenantService/DeleteTenant", "tenants/other");
    assert_eq!(found(&[CREATION, other, CHANGE]), []);
}

#[test]
fn a_noted_head_is_compared_with_a_checkpoint_or_cannot_be() {
    let (mut state, records) = chain(5);
    state.checkpoint = key().checkpoint(3, records[2].hash, Timestamp::default());
    let found = |known| {
        let mut verifier = ChainVerifier::new(key(), None, Some(known));
        verifier.take(&state, &records[3..]);
        let findings = verifier.finish(&state);
        (findings.faults, findings.is_known_removed)
    };
    let other = ChainHash::new([1; 32]);
    for (known, is_removed) in [(2, true), (3, false), (4, false)] {
        let hash = records[usize::try_from(known - 1).unwrap()].hash;
        assert_eq!(found((known, hash)), (vec![], is_removed), "{known}");
        let faults = match is_removed {
            true => vec![],
            false => vec![AuditFault::Changed { sequence: known }],
        };
        assert_eq!(found((known, other)), (faults, is_removed), "{known}");
    }
    // What was compared before retention came is not told again.
    let mut verifier = ChainVerifier::new(key(), None, Some((1, records[0].hash)));
    let before = ChainState { checkpoint: ChainCheckpoint::default(), ..state.clone() };
    verifier.take(&before, &records[..1]);
    verifier.take(&state, &records[3..]);
    assert!(!verifier.finish(&state).is_known_removed);
}

#[test]
fn a_record_that_stands_before_the_first_is_found() {
    let (mut state, records) = chain(5);
    let at = |sequence, record: &AuditRecord| AuditRecord { sequence, ..record.clone() };
    let planted = [at(i64::MIN, &records[0]), at(-5, &records[1]), at(0, &records[2])];
    let changed = |sequence| AuditFault::Changed { sequence };
    let all: Vec<_> = planted.iter().chain(&records).cloned().collect();
    assert_eq!(faults(&state, &all), [changed(i64::MIN), changed(-5), changed(0)]);
    // Page by page, each from where the one before ended.
    let mut verifier = ChainVerifier::new(key(), None, None);
    for page in all.chunks(2) {
        assert!(page[0].sequence >= verifier.position().next);
        verifier.take(&state, page);
    }
    let findings = verifier.finish(&state);
    assert_eq!((findings.faults.len(), findings.checked), (3, 8));
    // Where retention has removed all, even what once stood there.
    state.checkpoint = key().checkpoint(2, records[1].hash, Timestamp::default());
    assert_eq!(faults(&state, &records[1..]), [changed(2)]);
    let last = at(i64::MAX, &records[4]);
    let missing = AuditFault::Missing { first: 6, last: i64::MAX - 1 };
    let mut all = records[2..].to_vec();
    all.push(last);
    let head = AuditFault::Head { sequence: 5 };
    assert_eq!(faults(&state, &all), [missing, changed(i64::MAX), head]);
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
