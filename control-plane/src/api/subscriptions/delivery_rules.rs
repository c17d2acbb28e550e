//! Content filter, ordering, and automatic disabling of a subscription.
//!
//! Fed by `conversion`; feeds it settings and messages. Guarantees that a
//! stored content filter compiles.

use std::ops::RangeInclusive;
use std::time::Duration;

use postrider_domain::content_filter::ContentFilter;
use postrider_domain::subscription::{AutoDisable, DeliveryOrdering, ExhaustedKeyPolicy};
use postrider_proto::v1;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::time::{duration, span};

/// Below a minute a restart would disable; after 90 days nobody takes the endpoint for
/// alive.
const AUTO_DISABLE_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(60)..=Duration::from_secs(90 * 86_400);

pub fn content_filter(source: &str, violations: &mut FieldViolations) -> String {
    if !source.is_empty() {
        violations.keep("subscription.content_filter", ContentFilter::compile(source));
    }
    source.to_owned()
}

pub fn ordering(given: i32, violations: &mut FieldViolations) -> DeliveryOrdering {
    match v1::Ordering::try_from(given) {
        Ok(v1::Ordering::Unspecified | v1::Ordering::Unordered) => DeliveryOrdering::Unordered,
        Ok(v1::Ordering::PerKey) => DeliveryOrdering::PerKey,
        Err(_) => {
            violations.add("subscription.ordering", "must be UNORDERED or PER_KEY");
            DeliveryOrdering::default()
        }
    }
}

pub const fn ordering_to_proto(ordering: DeliveryOrdering) -> v1::Ordering {
    match ordering {
        DeliveryOrdering::Unordered => v1::Ordering::Unordered,
        DeliveryOrdering::PerKey => v1::Ordering::PerKey,
    }
}

pub fn exhausted_key_policy(given: i32, violations: &mut FieldViolations) -> ExhaustedKeyPolicy {
    match v1::ExhaustedKeyPolicy::try_from(given) {
        Ok(v1::ExhaustedKeyPolicy::Unspecified | v1::ExhaustedKeyPolicy::GoOn) => {
            ExhaustedKeyPolicy::GoOn
        }
        Ok(v1::ExhaustedKeyPolicy::Hold) => ExhaustedKeyPolicy::Hold,
        Err(_) => {
            violations.add("subscription.exhausted_key_policy", "must be GO_ON or HOLD");
            ExhaustedKeyPolicy::default()
        }
    }
}

pub const fn exhausted_key_policy_to_proto(policy: ExhaustedKeyPolicy) -> v1::ExhaustedKeyPolicy {
    match policy {
        ExhaustedKeyPolicy::GoOn => v1::ExhaustedKeyPolicy::GoOn,
        ExhaustedKeyPolicy::Hold => v1::ExhaustedKeyPolicy::Hold,
    }
}

pub fn auto_disable(
    given: Option<&v1::AutoDisable>,
    violations: &mut FieldViolations,
) -> AutoDisable {
    let default = AutoDisable::default();
    let Some(given) = given else { return default };
    let after = match given.after.as_ref().map(span) {
        None => default.after,
        Some(Ok(after)) if AUTO_DISABLE_RANGE.contains(&after) => after,
        Some(_) => {
            violations.add("subscription.auto_disable.after", "must be 1 min to 90 d");
            default.after
        }
    };
    AutoDisable { after, never: given.never }
}

pub fn auto_disable_to_proto(auto_disable: AutoDisable) -> v1::AutoDisable {
    v1::AutoDisable { after: Some(duration(auto_disable.after)), never: auto_disable.never }
}
