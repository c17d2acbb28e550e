//! Every error that a caller can get.
//!
//! Fed by the services; feeds callers a [`tonic::Status`] after AIP-193. Guarantees
//! that each carries an `ErrorInfo` with a reason of [`ErrorReason`], that errors which pass
//! say when to try again, and that the database's own text does not reach a caller: it
//! is the status' source, which [`super::spans`] logs. What is wrong with a request's
//! fields is collected in [`super::violations`]; what tonic refuses by itself gets its
//! reason in [`super::malformed`].

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use postrider_identity::Permission;
use postrider_store::{StoreError, WriteError};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, PreconditionViolation, StatusExt};

pub use crate::api::rpc::violations::{FieldViolations, MAX_VIOLATIONS, invalid, required};

/// The domain of every `ErrorInfo`.
pub const ERROR_DOMAIN: &str = "postrider";
/// When to retry after an error that is expected to pass. As often as what is lost or due
/// is looked for; sooner, little has changed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The machine-readable reason of an error. Part of the API contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorReason {
    Unauthenticated,
    PermissionDenied,
    GrantNotHeld,
    InvalidRequest,
    MalformedRequest,
    MessageTooLarge,
    DataRefused,
    ResourceNotFound,
    ResourceExists,
    ResourceDeleted,
    EtagMismatch,
    InsecureUrlsInUse,
    TenantNotEmpty,
    TooManySubscriptions,
    TooManySigningKeys,
    LastSigningKey,
    RegionHasNoAgent,
    TestTimedOut,
    IdempotencyKeyReused,
    EnvelopeNeedsJson,
    UnknownEventType,
    SchemaViolation,
    EventTypeArchived,
    EventTypeInUse,
    TooManyEventTypes,
    DeliveryInFlight,
    DeliveryHeld,
    DeliveryEnded,
    SubscriptionDeleted,
    WindowOpen,
    NothingToResend,
    OperationCancelled,
    OperationRunning,
    WatchTooSlow,
    TooManyWatches,
    TooManyTokens,
    Stopping,
    StoreUnavailable,
    OwnerUnavailable,
    Overloaded,
    Internal,
}

impl ErrorReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::GrantNotHeld => "GRANT_NOT_HELD",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::MalformedRequest => "MALFORMED_REQUEST",
            Self::MessageTooLarge => "MESSAGE_TOO_LARGE",
            Self::DataRefused => "DATA_REFUSED",
            Self::ResourceNotFound => "RESOURCE_NOT_FOUND",
            Self::ResourceExists => "RESOURCE_EXISTS",
            Self::ResourceDeleted => "RESOURCE_DELETED",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::InsecureUrlsInUse => "INSECURE_URLS_IN_USE",
            Self::TenantNotEmpty => "TENANT_NOT_EMPTY",
            Self::TooManySubscriptions => "TOO_MANY_SUBSCRIPTIONS",
            Self::TooManySigningKeys => "TOO_MANY_SIGNING_KEYS",
            Self::LastSigningKey => "LAST_SIGNING_KEY",
            Self::RegionHasNoAgent => "REGION_HAS_NO_AGENT",
            Self::TestTimedOut => "TEST_TIMED_OUT",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::EnvelopeNeedsJson => "ENVELOPE_NEEDS_JSON",
            Self::UnknownEventType => "UNKNOWN_EVENT_TYPE",
            Self::SchemaViolation => "SCHEMA_VIOLATION",
            Self::EventTypeArchived => "EVENT_TYPE_ARCHIVED",
            Self::EventTypeInUse => "EVENT_TYPE_IN_USE",
            Self::TooManyEventTypes => "TOO_MANY_EVENT_TYPES",
            Self::DeliveryInFlight => "DELIVERY_IN_FLIGHT",
            Self::DeliveryHeld => "DELIVERY_HELD",
            Self::DeliveryEnded => "DELIVERY_ENDED",
            Self::SubscriptionDeleted => "SUBSCRIPTION_DELETED",
            Self::WindowOpen => "WINDOW_OPEN",
            Self::NothingToResend => "NOTHING_TO_RESEND",
            Self::OperationCancelled => "OPERATION_CANCELLED",
            Self::OperationRunning => "OPERATION_RUNNING",
            Self::WatchTooSlow => "WATCH_TOO_SLOW",
            Self::TooManyWatches => "TOO_MANY_WATCHES",
            Self::TooManyTokens => "TOO_MANY_TOKENS",
            Self::Stopping => "STOPPING",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::OwnerUnavailable => "OWNER_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::Internal => "INTERNAL",
        }
    }

    pub(super) const fn code(self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied | Self::GrantNotHeld => Code::PermissionDenied,
            Self::InvalidRequest
            | Self::MalformedRequest
            | Self::DataRefused
            | Self::UnknownEventType
            | Self::SchemaViolation => Code::InvalidArgument,
            Self::ResourceNotFound => Code::NotFound,
            Self::ResourceExists | Self::IdempotencyKeyReused => Code::AlreadyExists,
            Self::EtagMismatch => Code::Aborted,
            Self::ResourceDeleted
            | Self::InsecureUrlsInUse
            | Self::TenantNotEmpty
            | Self::TooManySubscriptions
            | Self::TooManySigningKeys
            | Self::LastSigningKey
            | Self::EnvelopeNeedsJson
            | Self::EventTypeArchived
            | Self::EventTypeInUse
            | Self::TooManyEventTypes
            | Self::DeliveryInFlight
            | Self::DeliveryHeld
            | Self::DeliveryEnded
            | Self::SubscriptionDeleted
            | Self::NothingToResend
            | Self::OperationRunning => Code::FailedPrecondition,
            Self::OperationCancelled => Code::Cancelled,
            Self::TestTimedOut => Code::DeadlineExceeded,
            Self::MessageTooLarge
            | Self::WatchTooSlow
            | Self::TooManyWatches
            | Self::TooManyTokens
            | Self::Overloaded => Code::ResourceExhausted,
            Self::RegionHasNoAgent
            | Self::Stopping
            | Self::WindowOpen
            | Self::StoreUnavailable
            | Self::OwnerUnavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }
}

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
            Self::Operation => "postrider/Operation",
            Self::Token => "postrider/Token",
        }
    }
}

pub(super) fn details(reason: ErrorReason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason.name(), ERROR_DOMAIN, HashMap::new())
}

/// An error with only a reason and a message.
pub fn status(reason: ErrorReason, message: impl Into<String>) -> Status {
    Status::with_error_details(reason.code(), message, details(reason))
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
    let mut details = details(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(reason.code(), message, details)
}

/// An error that is expected to pass soon.
pub fn retry_soon(reason: ErrorReason, message: impl Into<String>) -> Status {
    retry(reason, message, RETRY_PAUSE)
}

/// An error about one resource.
pub fn resource(
    reason: ErrorReason,
    kind: ResourceKind,
    name: &dyn Display,
    problem: &str,
) -> Status {
    let mut details = details(reason);
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

/// The resource's state does not allow the call; lists every obstacle.
pub fn precondition(
    reason: ErrorReason,
    message: impl Into<String>,
    violations: Vec<PreconditionViolation>,
) -> Status {
    let mut details = details(reason);
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
    fn an_error_in_an_answer_keeps_its_details() {
        let proto = to_proto(&not_found(ResourceKind::Tenant, &"tenants/a"));
        assert_eq!(proto.code, i32::from(Code::NotFound));
        assert_eq!(proto.details.len(), 2);
        let bare = to_proto(&Status::internal("x"));
        assert_eq!((bare.code, bare.message.as_str()), (13, "x"));
    }
}
