//! Records and faults as callers see them.

use postrider_identity::{AuditFault, AuditRecord, FieldChange};
use postrider_proto::v1;
use postrider_proto::v1::audit_fault::Kind;

use crate::api::values::names;
use crate::api::values::time::timestamp;

pub fn to_proto(record: AuditRecord) -> v1::AuditRecord {
    let AuditRecord { sequence, previous, hash, draft } = record;
    v1::AuditRecord {
        name: names::of_audit_record(&draft.chain, sequence),
        record_time: Some(timestamp(draft.time)),
        actor: draft.actor,
        address: draft.address,
        request_id: draft.request_id,
        method: draft.method,
        resource: draft.resource,
        changes: draft.changes.into_iter().map(change_to_proto).collect(),
        omitted_change_count: i32::try_from(draft.left_out).unwrap_or(i32::MAX),
        previous_hash: previous.to_string(),
        hash: hash.to_string(),
    }
}

fn change_to_proto(change: FieldChange) -> v1::AuditFieldChange {
    let FieldChange { field, before, after } = change;
    v1::AuditFieldChange { field, before, after }
}

pub fn fault_to_proto(fault: AuditFault) -> v1::AuditFault {
    let (kind, first_number, last_number, original_number) = match fault {
        AuditFault::Changed { sequence } => (Kind::Changed, sequence, sequence, 0),
        AuditFault::Moved { sequence, belongs_at } => {
            (Kind::Reordered, sequence, sequence, belongs_at)
        }
        AuditFault::Missing { first, last } => (Kind::Missing, first, last, 0),
        AuditFault::Checkpoint { sequence } => (Kind::CheckpointForged, sequence, sequence, 0),
        AuditFault::Head { sequence } => (Kind::HeadWrong, sequence, sequence, 0),
        AuditFault::AfterDeletion { sequence } => (Kind::AfterDeletion, sequence, sequence, 0),
    };
    v1::AuditFault { kind: kind.into(), first_number, last_number, original_number }
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;
    use postrider_identity::{AuditOrigin, ChainHash};

    use super::*;

    #[test]
    fn a_record_is_named_by_its_chain_and_number() {
        let named = |resource: &str| {
            let draft = AuditOrigin::command("x").draft(resource, Timestamp::default());
            let (previous, hash) = (ChainHash::ORIGIN, ChainHash::new([0xab; 32]));
            to_proto(AuditRecord { sequence: 7, previous, hash, draft })
        };
        let record = named("tenants/acme/subscriptions/erp");
        assert_eq!(record.name, "tenants/acme/auditRecords/7");
        assert_eq!(record.hash, "ab".repeat(32));
        assert_eq!(named("eventTypes/a").name, "installation/auditRecords/7");
    }
}
