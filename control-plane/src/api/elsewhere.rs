//! What a message holds besides the fields that its update changes.
//!
//! Fed by updates without a mask, or with "*", which mean the whole message; feeds
//! them violations. Guarantees that a value which differs from what stands, and
//! which a caller may mean as a change, is never passed over in silence: it is
//! refused, with the method that makes that change. What the server alone knows
//! (times of creation and change, health, versions) is ignored, as AIP-203 wants,
//! so that a message that was read can be written back whole.

use postrider_domain::event_type::EventType;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::Tenant;
use postrider_domain::time::Timestamp;
use postrider_proto::v1;

use super::convert::subscription::{shown_key, status_from};
use super::convert::time::timestamp;
use super::errors::Violations;

/// A field, and what changes it.
pub type Elsewhere = (&'static str, &'static str);

const STATUS: Elsewhere =
    ("status", "EnableSubscription, PauseSubscription and DisableSubscription change it");
const STATUS_REASON: Elsewhere =
    ("status_reason", "EnableSubscription, PauseSubscription and DisableSubscription take it");
const SIGNING_SECRET: Elsewhere = ("signing_secret", "RotateSigningSecret changes it");
const SIGNING_KEYS: Elsewhere =
    ("signing_keys", "RotateSigningSecret and RevokeSigningKey change them");
const SUBSCRIPTION_DELETED: Elsewhere = ("delete_time", "DeleteSubscription sets it");
const TENANT_DELETED: Elsewhere = ("delete_time", "DeleteTenant sets it");
const ARCHIVED: Elsewhere =
    ("archive_time", "ArchiveEventType sets it, UnarchiveEventType takes it away");

/// Of a subscription.
pub const SUBSCRIPTION: &[Elsewhere] =
    &[STATUS, STATUS_REASON, SIGNING_SECRET, SIGNING_KEYS, SUBSCRIPTION_DELETED];
/// Of a tenant.
pub const TENANT: &[Elsewhere] = &[TENANT_DELETED];
/// Of an event type.
pub const EVENT_TYPE: &[Elsewhere] = &[ARCHIVED];

/// Notes what a given subscription would have otherwise than it stands.
pub fn in_subscription(
    given: &v1::Subscription,
    there: &Subscription,
    now: Timestamp,
    violations: &mut Violations,
) {
    let mut refuse = refusals("subscription", violations);
    let same_status = v1::SubscriptionStatus::try_from(given.status)
        .is_ok_and(|status| status_from(status).is_none_or(|status| status == there.status));
    refuse(STATUS, !same_status);
    let reason = &given.status_reason;
    refuse(STATUS_REASON, !reason.is_empty() && *reason != there.status_reason);
    let secret = &given.signing_secret;
    let is_a_key = there.signing_keys.iter().any(|key| *key.shown_secret() == *secret);
    refuse(SIGNING_SECRET, !secret.is_empty() && !is_a_key);
    refuse(SIGNING_KEYS, !given.signing_keys.is_empty() && !same_keys(given, there, now));
    refuse(SUBSCRIPTION_DELETED, given.delete_time != there.delete_time.map(timestamp));
}

/// Whether a list of keys is the one that stands; one that expired since it was
/// read may be in it.
fn same_keys(given: &v1::Subscription, there: &Subscription, now: Timestamp) -> bool {
    let keys: Vec<_> = there.signing_keys.iter().map(|key| (key, shown_key(key))).collect();
    let known = |key: &v1::SigningKey| keys.iter().any(|(_, shown)| shown == key);
    let kept = |shown: &v1::SigningKey| given.signing_keys.contains(shown);
    given.signing_keys.iter().all(known)
        && keys.iter().all(|(key, shown)| !key.in_force(now) || kept(shown))
}

/// Notes what a given tenant would have otherwise than it stands.
pub fn in_tenant(given: &v1::Tenant, there: &Tenant, violations: &mut Violations) {
    let differs = given.delete_time != there.delete_time.map(timestamp);
    refusals("tenant", violations)(TENANT_DELETED, differs);
}

/// Notes what a given event type would have otherwise than it stands.
pub fn in_event_type(given: &v1::EventType, there: &EventType, violations: &mut Violations) {
    // Archived since it was read, or left out by a caller who lists what he changes.
    let absent = given.archive_time.is_none();
    let differs = !absent && given.archive_time != there.archive_time.map(timestamp);
    refusals("event_type", violations)(ARCHIVED, differs);
}

fn refusals<'v>(message: &'v str, violations: &'v mut Violations) -> impl FnMut(Elsewhere, bool) {
    move |(field, how), differs| {
        if differs {
            let problem = format!("differs, and cannot be changed here: {how}");
            violations.add(format!("{message}.{field}"), problem);
        }
    }
}
