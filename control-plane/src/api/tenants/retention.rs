//! Reads and checks how long a tenant's history and payloads are kept.
//!
//! Fed by requests that create or change a tenant; feeds the tenant. Guarantees that what is
//! kept lies within the installation's bounds: what is dropped by whole days for everybody
//! cannot be kept longer for one.

use std::time::Duration;

use postrider_domain::tenant::TenantRetention;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::time::span;
use crate::settings::DatabaseSettings;

pub const HISTORY_FIELD: &str = "tenant.history_retention";
pub const PAYLOAD_FIELD: &str = "tenant.payload_retention";

/// Reads `history_retention`.
pub fn history(
    given: Option<&prost_types::Duration>,
    settings: &DatabaseSettings,
    violations: &mut FieldViolations,
) -> Option<Duration> {
    let least = settings.min_history_retention();
    checked(HISTORY_FIELD, given, least, settings.retention(), violations)
}

/// Reads `payload_retention`.
pub fn payload(
    given: Option<&prost_types::Duration>,
    settings: &DatabaseSettings,
    violations: &mut FieldViolations,
) -> Option<Duration> {
    let least = settings.min_payload_retention();
    checked(PAYLOAD_FIELD, given, least, settings.retention(), violations)
}

/// Refuses payloads that would be kept for longer than history.
pub fn check(retention: TenantRetention, violations: &mut FieldViolations) {
    if let (Some(history), Some(payload)) = (retention.history, retention.payload)
        && payload > history
    {
        let problem = format!("must be at most history_retention ({} s)", history.as_secs());
        violations.add(PAYLOAD_FIELD, problem);
    }
}

fn checked(
    field: &str,
    given: Option<&prost_types::Duration>,
    least: Duration,
    most: Duration,
    violations: &mut FieldViolations,
) -> Option<Duration> {
    let given = violations.keep(field, span(given?))?;
    if given.subsec_nanos() != 0 {
        violations.add(field, "must be whole seconds");
    } else if given < least || given > most {
        let (least, most) = (least.as_secs(), most.as_secs());
        violations.add(field, format!("must be from {least} s to {most} s"));
    }
    Some(given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::values::time::duration;
    use crate::settings::Settings;

    const HOUR: Duration = Duration::from_secs(3600);

    fn refused(read: impl FnOnce(&DatabaseSettings, &mut FieldViolations)) -> bool {
        let mut violations = FieldViolations::default();
        read(&Settings::load(None, &[]).unwrap().database, &mut violations);
        !violations.is_empty()
    }

    #[test]
    fn bounds_are_the_installations() {
        for (given, is_refused) in [
            (Some(24 * HOUR), false),
            (Some(30 * 24 * HOUR), false),
            (None, false),
            (Some(23 * HOUR), true),
            (Some(30 * 24 * HOUR + Duration::from_secs(1)), true),
            (Some(48 * HOUR + Duration::from_millis(1)), true),
        ] {
            let given = given.map(duration);
            let read = refused(|settings, violations| {
                history(given.as_ref(), settings, violations);
            });
            assert_eq!(read, is_refused, "{given:?}");
        }
        for (given, is_refused) in [(HOUR, false), (HOUR - Duration::from_secs(1), true)] {
            let given = Some(duration(given));
            let read = refused(|settings, violations| {
                payload(given.as_ref(), settings, violations);
            });
            assert_eq!(read, is_refused, "{given:?}");
        }
        let negative = Some(prost_types::Duration { seconds: -1, nanos: 0 });
        assert!(refused(|settings, violations| {
            payload(negative.as_ref(), settings, violations);
        }));
    }

    #[test]
    fn payloads_are_not_kept_for_longer_than_history() {
        for (history, payload, is_refused) in [
            (Some(48 * HOUR), Some(48 * HOUR), false),
            (Some(48 * HOUR), Some(49 * HOUR), true),
            (None, Some(49 * HOUR), false),
            (Some(48 * HOUR), None, false),
        ] {
            let retention = TenantRetention { history, payload };
            assert_eq!(refused(|_, violations| check(retention, violations)), is_refused);
        }
    }
}
