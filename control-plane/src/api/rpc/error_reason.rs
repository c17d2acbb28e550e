//! The reasons of errors.
//!
//! Fed by the services; feeds `errors`, which makes statuses of them. The list is closed:
//! callers decide by it.

use tonic::Code;

/// The machine-readable reason of an error. Part of the API contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorReason {
    Unauthenticated,
    PermissionDenied,
    GrantNotHeld,
    InvalidRequest,
    MalformedRequest,
    MethodNotFound,
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
    MessageTooLarge,
    ReceivedTooSlowly,
    TooMuchReceived,
    TooMuchUnsent,
    ReadTooSlowly,
    TooManyReads,
    RateLimited,
    ConnectionAged,
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
            Self::MethodNotFound => "METHOD_NOT_FOUND",
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
            Self::MessageTooLarge => "MESSAGE_TOO_LARGE",
            Self::ReceivedTooSlowly => "RECEIVED_TOO_SLOWLY",
            Self::TooMuchReceived => "TOO_MUCH_RECEIVED",
            Self::TooMuchUnsent => "TOO_MUCH_UNSENT",
            Self::ReadTooSlowly => "READ_TOO_SLOWLY",
            Self::TooManyReads => "TOO_MANY_READS",
            Self::RateLimited => "RATE_LIMITED",
            Self::ConnectionAged => "CONNECTION_AGED",
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
            Self::MethodNotFound => Code::Unimplemented,
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
            Self::TestTimedOut | Self::ReceivedTooSlowly | Self::ReadTooSlowly => {
                Code::DeadlineExceeded
            }
            Self::WatchTooSlow
            | Self::TooManyWatches
            | Self::TooManyTokens
            | Self::MessageTooLarge
            | Self::TooMuchReceived
            | Self::TooMuchUnsent
            | Self::TooManyReads
            | Self::RateLimited
            | Self::Overloaded => Code::ResourceExhausted,
            Self::RegionHasNoAgent
            | Self::ConnectionAged
            | Self::Stopping
            | Self::WindowOpen
            | Self::StoreUnavailable
            | Self::OwnerUnavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        }
    }
}
