//! Fields of a message that its update does not change.
//!
//! Fed by updates without a mask, or with "*", which mean the whole message; feeds them
//! violations. Guarantees that a value which differs from the stored one, and which the
//! caller may mean as a change, is refused with the method that makes that change.
//! Fields that only the server sets (times, health, versions) are ignored, as AIP-203
//! wants, so that a message that was read can be written back.

use postrider_domain::event_type::EventType;
use postrider_domain::tenant::Tenant;
use postrider_proto::v1;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::time::timestamp;

/// A field that this update does not change, and the method that does.
pub type FieldChangedElsewhere = (&'static str, &'static str);

const TENANT_DELETED: FieldChangedElsewhere = ("delete_time", "DeleteTenant sets it");
const ARCHIVE_TIME_FIELD: FieldChangedElsewhere =
    ("archive_time", "ArchiveEventType sets it, UnarchiveEventType takes it away");

/// Such fields of a tenant.
pub const TENANT_FIELDS: &[FieldChangedElsewhere] = &[TENANT_DELETED];
/// Such fields of an event type.
pub const EVENT_TYPE_FIELDS: &[FieldChangedElsewhere] = &[ARCHIVE_TIME_FIELD];

/// Refuses values of such fields that differ from the stored tenant.
pub fn in_tenant(given: &v1::Tenant, there: &Tenant, violations: &mut FieldViolations) {
    let differs = given.delete_time != there.delete_time.map(timestamp);
    refusals("tenant", violations)(TENANT_DELETED, differs);
}

/// Refuses values of such fields that differ from the stored event type.
pub fn in_event_type(given: &v1::EventType, there: &EventType, violations: &mut FieldViolations) {
    // It was archived since the caller read it, or the caller listed only what it
    // changes.
    let absent = given.archive_time.is_none();
    let differs = !absent && given.archive_time != there.archive_time.map(timestamp);
    refusals("event_type", violations)(ARCHIVE_TIME_FIELD, differs);
}

/// Adds a violation for each such field that differs.
pub fn refusals<'v>(
    message: &'v str,
    violations: &'v mut FieldViolations,
) -> impl FnMut(FieldChangedElsewhere, bool) {
    move |(field, how), differs| {
        if differs {
            let problem = format!("differs, and cannot be changed here: {how}");
            violations.add(format!("{message}.{field}"), problem);
        }
    }
}
