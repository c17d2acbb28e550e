//! Fields of a subscription that its update does not change.
//!
//! Fed by updates of a whole subscription; feeds them violations, as
//! `api/values/fixed_fields` does for other messages.

use postrider_domain::signature::SigningKey;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use subtle::ConstantTimeEq as _;

use crate::api::rpc::errors::FieldViolations;
use crate::api::subscriptions::conversion::{shown_key, status_from};
use crate::api::values::fixed_fields::{FieldChangedElsewhere, refusals};
use crate::api::values::time::timestamp;

const STATUS_FIELD: FieldChangedElsewhere =
    ("status", "EnableSubscription, PauseSubscription and DisableSubscription change it");
const STATUS_REASON: FieldChangedElsewhere =
    ("status_reason", "EnableSubscription, PauseSubscription and DisableSubscription take it");
const SIGNING_SECRET: FieldChangedElsewhere = ("signing_secret", "RotateSigningSecret changes it");
const SIGNING_KEYS: FieldChangedElsewhere =
    ("signing_keys", "RotateSigningSecret and RevokeSigningKey change them");
const SUBSCRIPTION_DELETED: FieldChangedElsewhere = ("delete_time", "DeleteSubscription sets it");

/// Such fields of a subscription.
pub const SUBSCRIPTION_FIELDS: &[FieldChangedElsewhere] =
    &[STATUS_FIELD, STATUS_REASON, SIGNING_SECRET, SIGNING_KEYS, SUBSCRIPTION_DELETED];

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
    let is_a_key = there.signing_keys.iter().any(|key| is_secret_of(key, secret));
    refuse(SIGNING_SECRET, !secret.is_empty() && !is_a_key);
    refuse(SIGNING_KEYS, !given.signing_keys.is_empty() && !same_keys(given, there, now));
    refuse(SUBSCRIPTION_DELETED, given.delete_time != there.delete_time.map(timestamp));
}

/// In constant time, whatever was guessed right.
pub(super) fn is_secret_of(key: &SigningKey, text: &str) -> bool {
    let given = key.kind.parse(text);
    given.is_ok_and(|secret| secret.bytes().ct_eq(key.secret.bytes()).into())
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
