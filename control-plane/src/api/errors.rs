//! Every error that a caller can get, in one place.
//!
//! Fed by the services with what went wrong; feeds callers a
//! [`tonic::Status`] after AIP-193. Guarantees that each carries an ErrorInfo
//! with a reason out of [`Reason`], that what may be tried again says when, and
//! that nothing of the database's own words reaches a caller: those are the
//! status' source, which [`super::observe`] logs.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use postrider_store::{StoreError, WriteError};
use prost::Message;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, PreconditionViolation, StatusExt};

/// The domain of every ErrorInfo.
pub const DOMAIN: &str = "postrider";
/// When to try again what failed for a reason that passes.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Most violations that are told: they travel in a header, which clients bound.
pub const MAX_VIOLATIONS: usize = 32;

/// Why a call failed, for programs; part of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    InvalidRequest,
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
    Stopping,
    StoreUnavailable,
    OwnerUnavailable,
    Overloaded,
    Internal,
}

impl Reason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "INVALID_REQUEST",
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
            Self::Stopping => "STOPPING",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::OwnerUnavailable => "OWNER_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::Internal => "INTERNAL",
        }
    }

    const fn code(self) -> Code {
        match self {
            Self::InvalidRequest
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
            Self::WatchTooSlow | Self::TooManyWatches | Self::Overloaded => Code::ResourceExhausted,
            Self::RegionHasNoAgent
            | Self::Stopping
            | Self::WindowOpen
            | Self::StoreUnavailable
            | Self::OwnerUnavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }
}

/// What a caller named and what kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tenant,
    Subscription,
    Event,
    EventType,
    Delivery,
    Attempt,
    Agent,
    Operation,
}

impl Kind {
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
        }
    }
}

fn details(reason: Reason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason.name(), DOMAIN, HashMap::new())
}

/// An error that its reason and message tell all about.
pub fn plain(reason: Reason, message: impl Into<String>) -> Status {
    Status::with_error_details(reason.code(), message, details(reason))
}

/// An error that passes, with when to try again.
pub fn retry(reason: Reason, message: impl Into<String>, after: Duration) -> Status {
    let mut details = details(reason);
    details.set_retry_info(Some(after));
    Status::with_error_details(reason.code(), message, details)
}

/// An error that passes soon.
pub fn retry_soon(reason: Reason, message: impl Into<String>) -> Status {
    retry(reason, message, RETRY_AFTER)
}

/// An error about one resource.
pub fn resource(reason: Reason, kind: Kind, name: &dyn Display, problem: &str) -> Status {
    let mut details = details(reason);
    details.set_resource_info(kind.type_name(), name.to_string(), "", problem);
    Status::with_error_details(reason.code(), format!("{name} {problem}"), details)
}

pub fn not_found(kind: Kind, name: &dyn Display) -> Status {
    resource(Reason::ResourceNotFound, kind, name, "was not found")
}

pub fn deleted(kind: Kind, name: &dyn Display) -> Status {
    resource(Reason::ResourceDeleted, kind, name, "is deleted")
}

pub fn etag_mismatch(kind: Kind, name: &dyn Display) -> Status {
    resource(Reason::EtagMismatch, kind, name, "changed since the etag was read")
}

/// A state that forbids the call, with each thing that stands in the way.
pub fn precondition(
    reason: Reason,
    message: impl Into<String>,
    violations: Vec<PreconditionViolation>,
) -> Status {
    let mut details = details(reason);
    details.set_precondition_failure(violations);
    Status::with_error_details(reason.code(), message, details)
}

/// The whole database's trouble, without its words. Only data that it cannot hold is
/// the caller's fault; what has to be mended first may be tried again as well.
pub fn store(error: StoreError) -> Status {
    let mut status = match &error {
        StoreError::Unavailable(_) => {
            retry_soon(Reason::StoreUnavailable, "the database is unavailable")
        }
        StoreError::Rejected(_) => plain(Reason::DataRefused, "the database refuses this data"),
        StoreError::Faulty(_) | StoreError::Corrupt(_) => {
            retry_soon(Reason::StoreUnavailable, "the database is at fault, and has to be mended")
        }
    };
    status.set_source(Arc::new(error));
    status
}

/// A change that was not made. `NotFound` comes here only when the resource went
/// away after it was read.
pub fn write(error: WriteError, kind: Kind, name: &dyn Display) -> Status {
    match error {
        WriteError::AlreadyExists => {
            resource(Reason::ResourceExists, kind, name, "exists, or existed and was deleted")
        }
        WriteError::NotFound => not_found(kind, name),
        WriteError::RevisionMismatch => etag_mismatch(kind, name),
        WriteError::Store(error) => store(error),
    }
}

/// The form in which an error stands in an answer.
pub fn to_proto(status: &Status) -> tonic_types::pb::Status {
    // What this module makes carries itself whole in its details.
    match tonic_types::pb::Status::decode(status.details()) {
        Ok(whole) if whole.code != 0 => whole,
        _ => tonic_types::pb::Status {
            code: status.code().into(),
            message: status.message().to_owned(),
            details: Vec::new(),
        },
    }
}

/// What is wrong with a request's fields: all of it, not only the first.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    pub fn add(&mut self, field: impl Into<String>, problem: impl Display) {
        self.0.push(FieldViolation::new(field, problem.to_string()));
    }

    /// Notes the error, if it is one, under the field.
    pub fn keep<T, E: Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.add(field, problem)).ok()
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// An error when anything was noted.
    pub fn check(self) -> Result<(), Status> {
        if self.0.is_empty() { Ok(()) } else { Err(self.into_status()) }
    }

    /// The value when nothing was noted. A value that is missing was noted as
    /// such, unless the conversion forgot to: then the request is refused too.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Status> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.into_status()),
        }
    }

    fn into_status(self) -> Status {
        self.because(Reason::InvalidRequest)
    }

    /// The error, for a reason of its own.
    pub fn because(mut self, reason: Reason) -> Status {
        let more = self.0.len().saturating_sub(MAX_VIOLATIONS);
        if more > 0 {
            self.0.truncate(MAX_VIOLATIONS);
            self.add("", format!("{more} more fields are wrong"));
        }
        let summary: Vec<String> =
            self.0.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
        let message = if summary.is_empty() {
            "the request is invalid".to_owned()
        } else {
            summary.join("; ")
        };
        let mut details = details(reason);
        details.set_bad_request(self.0);
        Status::with_error_details(reason.code(), truncated(message), details)
    }
}

/// One thing wrong with one field.
pub fn invalid(field: impl Into<String>, problem: impl Display) -> Status {
    let mut violations = Violations::default();
    violations.add(field, problem);
    violations.into_status()
}

/// gRPC messages travel in a header, which clients bound.
fn truncated(mut message: String) -> String {
    const MAX_BYTES: usize = 1024;
    if message.len() > MAX_BYTES {
        message.truncate(message.floor_char_boundary(MAX_BYTES));
        message.push('…');
    }
    message
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "errors_tests.rs"]
mod tests;
