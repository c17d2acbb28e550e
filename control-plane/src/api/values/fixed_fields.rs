//! Fields of a message that its update does not change.
//!
//! Fed by updates without a mask, or with "*", which mean the whole message; feeds them
//! violations. Guarantees that a value which differs from the stored one, and which the
//! caller may mean as a change, is refused with the method that makes that change.
//! Fields that only the server sets (times, health, versions) are ignored, as AIP-203
//! wants, so that a message that was read can be written back.

use postrider_domain::event_type::EventType;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_domain::time::Timestamp;
use postrider_proto::v1;

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::conversion::{shown_key, status_from};
use crate::api::values::time::timestamp;

/// A field that this update does not change, and the method that does.
pub type FieldChangedElsewhere = (&'static str, &'static str);

const STATUS_FIELD: FieldChangedElsewhere =
    ("status", "EnableSubscription, PauseSubscription and DisableSubscription change it");
const STATUS_REASON: FieldChangedElsewhere =
    ("status_reason", "EnableSubscription, PauseSubscription and DisableSubscription take it");
const SIGNING_SECRET: FieldChangedElsewhere = ("signing_secret", "RotateSigningSecret changes it");
const SIGNING_KEYS: FieldChangedElsewhere =
    ("signing_keys", "RotateSigningSecret and RevokeSigningKey change them");
const SUBSCRIPTION_DELETED: FieldChangedElsewhere = ("delete_time", "DeleteSubscription sets it");
const TENANT_DELETED: FieldChangedElsewhere = ("delete_time", "DeleteTenant sets it");
const ARCHIVE_TIME_FIELD: FieldChangedElsewhere =
    ("archive_time", "ArchiveEventType sets it, UnarchiveEventType takes it away");

/// Such fields of a subscription.
pub const SUBSCRIPTION_FIELDS: &[FieldChangedElsewhere] =
    &[STATUS_FIELD, STATUS_REASON, SIGNING_SECRET, SIGNING_KEYS, SUBSCRIPTION_DELETED];
/// Such fields of a tenant.
pub const TENANT_FIELDS: &[FieldChangedElsewhere] = &[TENANT_DELETED];
/// Such fields of an event type.
pub const EVENT_TYPE_FIELDS: &[FieldChangedElsewhere] = &[ARCHIVE_TIME_FIELD];

/// Refuses values of such fields that differ from the stored subscription.
pub fn in_subscription(
    given: &v1::Subscription,
    there: &Subscription,
    now: Timestamp,
    violations: &mut FieldViolations,
) {
    let mut refuse = refusals("subscription", violations);
    let same_status = v1::SubscriptionStatus::try_from(given.status)
        .is_ok_and(|status| status_from(status).is_none_or(|status| status == there.status));
    refuse(STATUS_FIELD, !same_status);
    let reason = &given.status_reason;
    refuse(STATUS_REASON, !reason.is_empty() && *reason != there.status_reason);
    let secret = &given.signing_secret;
    let is_a_key = there.signing_keys.iter().any(|key| *key.shown_secret() == *secret);
    refuse(SIGNING_SECRET, !secret.is_empty() && !is_a_key);
    refuse(SIGNING_KEYS, !given.signing_keys.is_empty() && !same_keys(given, there, now));
    refuse(SUBSCRIPTION_DELETED, given.delete_time != there.delete_time.map(timestamp));
}

/// Whether the given keys equal the stored ones; a key that expired since the read may
/// be among them.
fn same_keys(given: &v1::Subscription, there: &Subscription, now: Timestamp) -> bool {
    let keys: Vec<_> = there.signing_keys.iter().map(|key| (key, shown_key(key))).collect();
    let known = |key: &v1::SigningKey| keys.iter().any(|(_, shown)| shown == key);
    let kept = |shown: &v1::SigningKey| given.signing_keys.contains(shown);
    given.signing_keys.iter().all(known)
        && keys.iter().all(|(key, shown)| !key.in_force(now) || kept(shown))
}

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

fn refusals<'v>(
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
