//! Warns about settings of a subscription that are probably a mistake.
//!
//! Fed by creations and updates; feeds their answers. A warning refuses nothing.

use std::time::Duration;

use postrider_domain::content_filter::{ContentFilter, FilterScope};
use postrider_domain::receiver_credentials::CERTIFICATE_WARNING_TIMES;
use postrider_domain::signature::KeyKind;
use postrider_domain::subscription::{Subscription, SubscriptionConfig};
use postrider_proto::v1;

use crate::api::values::names;
use crate::state::context::ReplicaContext;

/// As the Standard Webhooks specification 1.0.0 wants of its own secrets.
const ADVISED_SECRET_BYTES: usize = 24;
/// When the first event about it is published, too.
const CERTIFICATE_NOTICE: Duration = CERTIFICATE_WARNING_TIMES[0];

/// Converts the subscription and adds its warnings.
pub fn with_warnings(
    mut shown: v1::Subscription,
    subscription: &Subscription,
    context: &ReplicaContext,
) -> v1::Subscription {
    let settings = &subscription.settings;
    let region = &settings.region;
    if !context.region_names.is_served(region) {
        let name = names::of_region(region);
        let description = format!("{name} has no agent; deliveries wait until one connects");
        shown.warnings.push(warning("region", "REGION_HAS_NO_AGENT", description));
    }
    let newest = subscription.signing_keys.iter().rev().find(|key| key.kind == KeyKind::Text);
    let bytes = newest.map_or(usize::MAX, |key| key.secret.bytes().len());
    if bytes < ADVISED_SECRET_BYTES {
        let description = format!(
            "has {bytes} bytes, and can be guessed by whoever sees a signature; \
             {ADVISED_SECRET_BYTES} and more are advised"
        );
        shown.warnings.push(warning("signing_secret", "SIGNING_SECRET_SHORT", description));
    }
    let soon = context.clock.now() + CERTIFICATE_NOTICE;
    for (_, summary) in settings.credentials.ending_certificates() {
        if summary.expire_time <= soon {
            let description =
                format!("the certificate of {} ends at {}", summary.subject, summary.expire_time);
            shown.warnings.push(warning("credentials", "CERTIFICATE_EXPIRES_SOON", description));
        }
    }
    if is_never_true(settings) {
        let description = "is true for no event that the subscription could get; only events \
                           for which it fails are delivered";
        let reason = "CONTENT_FILTER_NEVER_TRUE";
        shown.warnings.push(warning("content_filter", reason, description));
    }
    shown
}

fn is_never_true(settings: &SubscriptionConfig) -> bool {
    if settings.content_filter.is_empty() {
        return false;
    }
    let (event_types, accounts) = (&settings.event_types, &settings.accounts);
    let scope = FilterScope { event_types, accounts };
    ContentFilter::from_stored(&settings.content_filter).is_never_true(scope)
}

fn warning(field: &str, reason: &str, description: impl Into<String>) -> v1::SubscriptionWarning {
    let (field, reason) = (field.to_owned(), reason.to_owned());
    v1::SubscriptionWarning { field, reason, description: description.into() }
}
