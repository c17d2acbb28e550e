//! Every error that a caller can get.
//!
//! Fed by the services; feeds callers a [`tonic::Status`] after AIP-193. Guarantees
//! that each carries an `ErrorInfo` with a reason of [`ErrorReason`], that errors which pass
//! say when to try again and no others do, and that the database's own text does not reach
//! a caller: it is the status' source, which [`super::spans`] logs. What is wrong with a
//! request's fields is collected in [`super::violations`]; what tonic refuses by itself gets
//! its reason in [`super::malformed`].

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use postrider_identity::Permission;
use postrider_store::{StoreError, WriteError};
use prost::Message;
use tonic::Status;
use tonic_types::{ErrorDetails, PreconditionViolation, QuotaViolation, StatusExt};

pub use crate::api::rpc::error_reason::ErrorReason;
use crate::api::rpc::error_reason::RetryAdvice;
pub use crate::api::rpc::violations::{FieldViolations, MAX_VIOLATIONS, invalid, required};
use crate::listeners::ERROR_DOMAIN;
use crate::state::rate_limits::RateRefusal;
use crate::state::read_turns::NoReadTurn;

/// When to retry after an error that is expected to pass. As often as what is lost or due
/// is looked for; sooner, little has changed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Longest name of who has a rate, in bytes: it is told four times, in headers, whose size
/// clients limit.
const MAX_SUBJECT_BYTES: usize = 256;

/// Ends a text that was cut.
pub(super) const CUT_MARK: &str = "…";

/// What kind of resource a caller named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    Tenant,
    Subscription,
    Event,
    EventType,
    Delivery,
    Attempt,
    Agent,
    Replica,
    Operation,
    Token,
}

impl ResourceKind {
    const fn type_name(self) -> &'static str {
        match self {
            Self::Tenant => "postrider/Tenant",
            Self::Subscription => "postrider/Subscription",
            Self::Event => "postrider/Event",
            Self::EventType => "postrider/EventType",
            Self::Delivery => "postrider/Delivery",
            Self::Attempt => "postrider/Attempt",
            Self::Agent => "postrider/Agent",
            Self::Replica => "postrider/Replica",
            Self::Operation => "postrider/Operation",
            Self::Token => "postrider/Token",
        }
    }
}

pub(super) fn details(reason: ErrorReason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason.name(), ERROR_DOMAIN, HashMap::new())
}

/// As [`details`], for an error that waiting does not mend.
fn lasting_details(reason: ErrorReason) -> ErrorDetails {
    debug_assert_ne!(reason.retry_advice(), RetryAdvice::AfterDelay, "{reason:?} passes");
    details(reason)
}

/// As [`details`], for an error that is expected to pass.
fn passing_details(reason: ErrorReason, after: Duration) -> ErrorDetails {
    debug_assert_eq!(reason.retry_advice(), RetryAdvice::AfterDelay, "{reason:?} does not pass");
    let mut details = details(reason);
    details.set_retry_info(Some(after));
    details
}

/// An error with only a reason and a message.
pub fn status(reason: ErrorReason, message: impl Into<String>) -> Status {
    Status::with_error_details(reason.code(), message, lasting_details(reason))
}

/// The caller lacks a permission.
pub fn permission_denied(permission: Permission) -> Status {
    let reason = ErrorReason::PermissionDenied;
    let lacks = HashMap::from([("permission".to_owned(), permission.name().to_owned())]);
    let details = ErrorDetails::with_error_info(reason.name(), ERROR_DOMAIN, lacks);
    let message = format!("the caller lacks the permission {permission}");
    Status::with_error_details(reason.code(), message, details)
}

/// An error that is expected to pass, with a time to retry after.
pub fn retry(reason: ErrorReason, message: impl Into<String>, after: Duration) -> Status {
    Status::with_error_details(reason.code(), message, passing_details(reason, after))
}

/// An error that is expected to pass soon.
pub fn retry_soon(reason: ErrorReason, message: impl Into<String>) -> Status {
    retry(reason, message, RETRY_PAUSE)
}

/// A limit that does not pass by waiting; `setting` sets it.
pub fn limit_reached(
    reason: ErrorReason,
    message: impl Into<String>,
    setting: &'static str,
) -> Status {
    let message = message.into();
    let mut details = lasting_details(reason);
    details.set_quota_failure(vec![QuotaViolation::new(setting, message.clone())]);
    Status::with_error_details(reason.code(), message, details)
}

/// As [`limit_reached`], by the value of a field.
pub fn field_limit_reached(
    reason: ErrorReason,
    field: &str,
    message: impl Into<String>,
    setting: &'static str,
) -> Status {
    let message = message.into();
    let mut details = lasting_details(reason);
    details.set_quota_failure(vec![QuotaViolation::new(setting, message.clone())]);
    details.add_bad_request_violation(field, message.clone());
    Status::with_error_details(reason.code(), message, details)
}

/// A limit that others will soon have left room under.
pub fn limit_passes(
    reason: ErrorReason,
    message: impl Into<String>,
    setting: &'static str,
) -> Status {
    limit_passes_after(reason, message, setting, RETRY_PAUSE)
}

/// As [`limit_passes`], with a time to retry after.
pub fn limit_passes_after(
    reason: ErrorReason,
    message: impl Into<String>,
    setting: &'static str,
    after: Duration,
) -> Status {
    let message = message.into();
    let mut details = passing_details(reason, after);
    details.set_quota_failure(vec![QuotaViolation::new(setting, message.clone())]);
    Status::with_error_details(reason.code(), message, details)
}

/// A tenant or a caller calls more often than it may.
pub fn rate_limited(refusal: RateRefusal) -> Status {
    let RateRefusal { setting, mut subject, per_second, retry_after } = refusal;
    cut(&mut subject, MAX_SUBJECT_BYTES);
    let reason = ErrorReason::RateLimited;
    let message = format!("{subject} has its {per_second} a second ({setting})");
    let mut details = passing_details(reason, retry_after);
    details.set_quota_failure(vec![QuotaViolation::new(subject, message.clone())]);
    Status::with_error_details(reason.code(), message, details)
}

/// A read waited too long for its turn.
pub fn no_read_turn(refusal: NoReadTurn) -> Status {
    let whose = match refusal {
        NoReadTurn::OfCaller => "the caller has",
        NoReadTurn::OfTenant => "the tenant's callers together have",
        NoReadTurn::OfAll => "all callers together have",
    };
    let setting = refusal.setting();
    let message = format!("{whose} too many reads at once ({setting})");
    limit_passes(ErrorReason::TooManyReads, message, setting)
}

/// Cuts a text between characters.
pub(super) fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push_str(CUT_MARK);
    }
}

/// An error about one resource.
pub fn resource(
    reason: ErrorReason,
    kind: ResourceKind,
    name: &dyn Display,
    problem: &str,
) -> Status {
    let mut details = lasting_details(reason);
    details.set_resource_info(kind.type_name(), name.to_string(), "", problem);
    Status::with_error_details(reason.code(), format!("{name} {problem}"), details)
}

pub fn not_found(kind: ResourceKind, name: &dyn Display) -> Status {
    resource(ErrorReason::ResourceNotFound, kind, name, "was not found")
}

pub fn deleted(kind: ResourceKind, name: &dyn Display) -> Status {
    resource(ErrorReason::ResourceDeleted, kind, name, "is deleted")
}

pub fn etag_mismatch(kind: ResourceKind, name: &dyn Display) -> Status {
    resource(ErrorReason::EtagMismatch, kind, name, "changed since the etag was read")
}

/// A change without an etag lost to others' changes, again and again.
pub fn concurrent_changes(kind: ResourceKind, name: &dyn Display) -> Status {
    let reason = ErrorReason::ConcurrentChanges;
    let problem = "is changed by others all the time; nothing was changed";
    let mut details = passing_details(reason, RETRY_PAUSE);
    details.set_resource_info(kind.type_name(), name.to_string(), "", problem);
    Status::with_error_details(reason.code(), format!("{name} {problem}"), details)
}

/// The resource's state does not allow the call; lists every obstacle.
pub fn precondition(
    reason: ErrorReason,
    message: impl Into<String>,
    violations: Vec<PreconditionViolation>,
) -> Status {
    let mut details = lasting_details(reason);
    details.set_precondition_failure(violations);
    Status::with_error_details(reason.code(), message, details)
}

/// A database error, without the database's own text. Only data that the database
/// cannot store is the caller's fault. Errors that need an operator can be retried too.
pub fn store(error: StoreError) -> Status {
    let mut status = match &error {
        StoreError::Unavailable(_) => {
            retry_soon(ErrorReason::StoreUnavailable, "the database is unavailable")
        }
        StoreError::Rejected(_) => {
            status(ErrorReason::DataRefused, "the database cannot store this data")
        }
        StoreError::UnreadableConfig { .. } => status(
            ErrorReason::ConfigurationUnreadable,
            "what the database holds of the tenant's configuration cannot be read",
        ),
        StoreError::UnreadableRow { row, .. } => status(
            ErrorReason::RowUnreadable,
            format!("what the database holds of {row} cannot be read"),
        ),
        StoreError::Faulty(_) | StoreError::Corrupt(_) => retry_soon(
            ErrorReason::StoreUnavailable,
            "the database fails every call of this kind and must be repaired",
        ),
    };
    status.set_source(Arc::new(error));
    status
}

/// A change that failed. `NotFound` means that the resource was deleted after it was
/// read.
pub fn write(error: WriteError, kind: ResourceKind, name: &dyn Display) -> Status {
    match error {
        WriteError::AlreadyExists => {
            resource(ErrorReason::ResourceExists, kind, name, "exists, or existed and was deleted")
        }
        WriteError::NotFound => not_found(kind, name),
        WriteError::RevisionMismatch => etag_mismatch(kind, name),
        WriteError::TooMany => status(ErrorReason::TooManySubscriptions, "there are too many"),
        WriteError::Store(error) => store(error),
    }
}

/// The error as a message, for an answer that contains it.
pub fn to_proto(status: &Status) -> tonic_types::pb::Status {
    // Errors made in this module carry the complete message in their details.
    match tonic_types::pb::Status::decode(status.details()) {
        Ok(whole) if whole.code != 0 => whole,
        _ => tonic_types::pb::Status {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::*;

    #[test]
    fn what_passes_says_when_and_keeps_the_databases_words_to_itself() {
        let status = store(StoreError::Unavailable("host=secret".into()));
        assert_eq!(status.code(), Code::Unavailable);
        assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
        assert!(!status.message().contains("secret"));
        assert!(std::error::Error::source(&status).unwrap().to_string().contains("secret"));
    }

    #[test]
    fn only_data_that_is_refused_blames_the_caller() {
        let refused = store(StoreError::Rejected("NUL".into()));
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "DATA_REFUSED");
        let text = || "permission denied".to_owned();
        let all = [StoreError::Unavailable(text()), StoreError::Faulty(text())];
        for error in all.into_iter().chain([StoreError::Corrupt(text())]) {
            let status = write(WriteError::Store(error), ResourceKind::Tenant, &"tenants/a");
            assert_eq!(status.code(), Code::Unavailable);
            assert_eq!(status.get_details_error_info().unwrap().reason, "STORE_UNAVAILABLE");
            assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
            assert!(!status.message().contains("denied"));
        }
    }

    #[test]
    fn a_row_that_cannot_be_read_is_named_and_not_shown() {
        let row = "tenants/acme/events/evt_1".to_owned();
        let status =
            store(StoreError::UnreadableRow { row, problem: "attributes is no JSON".to_owned() });
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.get_details_error_info().unwrap().reason, "ROW_UNREADABLE");
        assert!(status.get_details_retry_info().is_none());
        assert!(status.message().contains("tenants/acme/events/evt_1"));
        assert!(!status.message().contains("JSON"));
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_no_outage_and_is_not_shown() {
        let error = StoreError::UnreadableConfig {
            resource: "tenants/acme/subscriptions/erp".to_owned(),
            problem: "settings is no JSON".to_owned(),
        };
        let status = store(error);
        assert_eq!(status.code(), Code::Internal);
        assert_eq!(status.get_details_error_info().unwrap().reason, "CONFIGURATION_UNREADABLE");
        assert!(status.get_details_retry_info().is_none());
        assert!(!status.message().contains("JSON"));
        let source = std::error::Error::source(&status).unwrap().to_string();
        assert!(source.contains("tenants/acme/subscriptions/erp"), "{source}");
    }

    #[test]
    fn an_error_in_an_answer_keeps_its_details() {
        let proto = to_proto(&not_found(ResourceKind::Tenant, &"tenants/a"));
        assert_eq!(proto.code, i32::from(Code::NotFound));
        assert_eq!(proto.details.len(), 2);
        let bare = to_proto(&Status::internal("x"));
        assert_eq!((bare.code, bare.message.as_str()), (13, "x"));
    }

    #[test]
    fn who_waited_too_long_for_a_read_is_told_by_what() {
        for refusal in [NoReadTurn::OfCaller, NoReadTurn::OfTenant, NoReadTurn::OfAll] {
            let refused = no_read_turn(refusal);
            assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_READS");
            let quota = refused.get_details_quota_failure().unwrap().violations;
            assert_eq!(quota[0].subject, refusal.setting());
            assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
        }
    }

    #[test]
    fn who_calls_too_often_is_told_by_what_and_when_to_try_again() {
        let refused = rate_limited(RateRefusal {
            setting: "rates.published_events_per_second_per_tenant",
            subject: "tenants/acme".to_owned(),
            per_second: 5,
            retry_after: Duration::from_millis(200),
        });
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "RATE_LIMITED");
        let retry = refused.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(retry, Some(Duration::from_millis(200)));
        let quota = refused.get_details_quota_failure().unwrap().violations;
        assert_eq!(quota[0].subject, "tenants/acme");
        assert!(quota[0].description.contains("rates.published_events_per_second_per_tenant"));
    }
}
