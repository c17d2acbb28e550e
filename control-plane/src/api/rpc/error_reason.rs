//! The reasons of errors.
//!
//! Fed by the services; feeds `errors`, which makes statuses of them, and docs/errors.md,
//! which has each with its comment. The list is closed: callers decide by it.

use tonic::Code;

/// Whether a call that failed may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryAdvice {
    /// The same call fails again.
    Never,
    /// Once what the reason says has changed.
    AfterChange,
    /// The same call, after the time in the error's `RetryInfo`.
    AfterDelay,
}

/// The machine-readable reason of an error. Part of the API contract. The comments are for
/// callers: what it means, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorReason {
    /// The call has no credential, or one that is wrong, expired or revoked. Call again with a
    /// valid one.
    Unauthenticated,
    /// The caller lacks the permission that `ErrorInfo` names, in the tenant or in the
    /// installation. Ask an administrator for a role that has it.
    PermissionDenied,
    /// A page of this origin may not call over HTTP. Call from elsewhere, or have an operator
    /// allow it in `server.http_allowed_origins`.
    OriginNotAllowed,
    /// Nobody is asked for a credential here (`server.insecure_no_auth`, without TLS), and the
    /// request over HTTP/1.1 names a host that is not one of the installation's, as a page does
    /// whose name was moved here. Call by an address or `localhost`, or have an operator allow the
    /// name in `server.http_allowed_hosts`.
    HostNotAllowed,
    /// A token can hold only roles and tenants that its maker holds too. Ask for less, or have
    /// somebody with more make it.
    GrantNotHeld,
    /// Fields are missing or out of their bounds; `BadRequest` names each. Correct them.
    InvalidRequest,
    /// The message cannot be decoded, or its body broke off. Over HTTP also: the request has no
    /// `Host` or several (400), a media type or a content coding that is not taken (415), or a
    /// transfer coding other than `chunked` (501). Correct the client.
    MalformedRequest,
    /// There is no such method at this door. Correct the client; a new method needs a replica that
    /// is new enough.
    MethodNotFound,
    /// The database cannot store the data of this request. Correct it: the same data is refused
    /// again.
    DataRefused,
    /// There is no such resource, or the caller may not know of it, or it is no longer stored.
    /// Correct the name.
    ResourceNotFound,
    /// The id is in use, or belonged to something deleted. Take another; after an answer that was
    /// lost, read what is there.
    ResourceExists,
    /// The resource is deleted, which cannot be undone.
    ResourceDeleted,
    /// The resource has changed since its etag was read. Read it again, and change what is there
    /// now.
    EtagMismatch,
    /// No etag was given, and others kept changing the same thing between its reading and its
    /// writing. Nothing was changed. Make the same call again.
    ConcurrentChanges,
    /// Subscriptions of the tenant still have `http://` URLs; `PreconditionFailure` names them.
    /// Change their URLs first.
    InsecureUrlsInUse,
    /// The tenant has subscriptions or deliveries that wait. Delete them first, or set `force`.
    TenantNotEmpty,
    /// The tenant has as many subscriptions as it may have. Delete some, or raise
    /// `api.max_subscriptions_per_tenant`.
    TooManySubscriptions,
    /// No agent serves the region, no setting names it, and the tenant, or all tenants together,
    /// name as many such regions as they may. Take one that is served, or name it in
    /// `agents.regions`.
    TooManyRegions,
    /// The subscription has as many keys in force as it can have. Wait until one expires, or
    /// revoke one.
    TooManySigningKeys,
    /// A signature scheme needs this key and there is no other. Rotate first.
    LastSigningKey,
    /// No agent is connected in the subscription's region. An operator has to look if it lasts.
    RegionHasNoAgent,
    /// The test's result did not come in time; it may still come. `ListDeliveries` shows the
    /// delivery. Another call makes another test.
    TestTimedOut,
    /// The key belongs to an event that was different; `ResourceInfo` names it. Use a new key for
    /// a new event.
    IdempotencyKeyReused,
    /// A subscription that matches builds a JSON envelope, and the payload is not JSON. Change
    /// the subscription or the event.
    EnvelopeNeedsJson,
    /// The catalogue does not have the type. Correct it, or have it created.
    UnknownEventType,
    /// The payload does not satisfy its type's schema; `BadRequest` names each place. Correct the
    /// payload.
    SchemaViolation,
    /// The type is out of use. Publish another, or have it taken back into use.
    EventTypeArchived,
    /// Subscriptions name the type; `PreconditionFailure` names them. Change them first, or set
    /// `force`.
    EventTypeInUse,
    /// The catalogue is full. Delete types that nobody uses.
    TooManyEventTypes,
    /// An attempt of the delivery is under way. Read the delivery, and retry it if the attempt
    /// has failed.
    DeliveryInFlight,
    /// An earlier delivery of its ordering key is unfinished. Retry or cancel that one first.
    DeliveryHeld,
    /// The delivery has ended, so there is nothing to cancel.
    DeliveryEnded,
    /// The subscription is deleted, so there is nowhere to send it.
    SubscriptionDeleted,
    /// A replica cannot say yet what it still commits in the window of time. Ask again, or for an
    /// earlier end.
    WindowOpen,
    /// The event has no delivery to a subscription that still exists.
    NothingToResend,
    /// The event's payload was expunged, or is past its tenant's retention. It cannot be sent
    /// again.
    PayloadRemoved,
    /// The operation was cancelled; what it had made by then stays. Begin another if it is still
    /// wanted.
    OperationCancelled,
    /// The operation is under way. Wait for its end, or cancel it.
    OperationRunning,
    /// The caller reads attempts more slowly than they are concluded. Watch again with the last
    /// `resume_token`, and read faster or less.
    WatchTooSlow,
    /// The caller, the tenant or the replica has as many watches as it may have. End some, or try
    /// another replica.
    TooManyWatches,
    /// The tenant or the caller has made as many tokens as it may. Wait until ended ones are
    /// forgotten.
    TooManyTokens,
    /// The message has more bytes than it may have. Send less at once; `QuotaFailure` names the
    /// setting where one bounds it.
    MessageTooLarge,
    /// The request did not arrive within `requests.receive_timeout_seconds`; nothing was done.
    /// Send it again over a better connection.
    ReceivedTooSlowly,
    /// Too many bytes of unfinished requests wait on this connection or at this replica. Send
    /// fewer at once.
    TooMuchReceived,
    /// Too many bytes of answers that nobody reads wait for this caller or at this replica,
    /// or it has too many streams. What was asked for may be done; an event of a `PublishStream`
    /// was not published. Read them first.
    TooMuchUnsent,
    /// The answer, or any of a stream, was not read within `requests.send_timeout_seconds`.
    /// What was asked for is done; events of a stream may be. Ask for less at once, and read
    /// it.
    ReadTooSlowly,
    /// The caller or all callers together have as many reads at once as they may. Read less at
    /// once.
    TooManyReads,
    /// The tenant or the caller has used up its rate; `QuotaFailure` says whose. Spread the
    /// calls.
    RateLimited,
    /// The connection has reached `connections.max_age_seconds`. Go on over a new one at once;
    /// watches resume by their token.
    ConnectionAged,
    /// The replica is stopping. Try another one.
    Stopping,
    /// The database is away, slow, or fails and must be repaired. A change may have been made all
    /// the same: publish with the same idempotency key.
    StoreUnavailable,
    /// What the database holds of the tenant's configuration is not what was written to it. An
    /// operator has to repair it; the log names what cannot be read. A publish was not committed;
    /// a change may have been made. The history of events, deliveries and attempts can be read.
    ConfigurationUnreadable,
    /// An event, a delivery, an attempt or a token that the database holds is not what was written
    /// to it; the message names it. An operator has to repair or remove its row. Lists that begin
    /// after it, and with other filters, can be read.
    RowUnreadable,
    /// The tenant's shard is changing its owner, which takes seconds.
    OwnerUnavailable,
    /// Too much waits to be committed, or others keep changing the same thing. Nothing was done.
    /// Publish more slowly.
    Overloaded,
    /// A fault of Postrider's. Report it with the answer's `x-request-id`. A change may have been
    /// made all the same.
    Internal,
}

impl ErrorReason {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::OriginNotAllowed => "ORIGIN_NOT_ALLOWED",
            Self::HostNotAllowed => "HOST_NOT_ALLOWED",
            Self::GrantNotHeld => "GRANT_NOT_HELD",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::MalformedRequest => "MALFORMED_REQUEST",
            Self::MethodNotFound => "METHOD_NOT_FOUND",
            Self::DataRefused => "DATA_REFUSED",
            Self::ResourceNotFound => "RESOURCE_NOT_FOUND",
            Self::ResourceExists => "RESOURCE_EXISTS",
            Self::ResourceDeleted => "RESOURCE_DELETED",
            Self::EtagMismatch => "ETAG_MISMATCH",
            Self::ConcurrentChanges => "CONCURRENT_CHANGES",
            Self::InsecureUrlsInUse => "INSECURE_URLS_IN_USE",
            Self::TenantNotEmpty => "TENANT_NOT_EMPTY",
            Self::TooManySubscriptions => "TOO_MANY_SUBSCRIPTIONS",
            Self::TooManyRegions => "TOO_MANY_REGIONS",
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
            Self::PayloadRemoved => "PAYLOAD_REMOVED",
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
            Self::ConfigurationUnreadable => "CONFIGURATION_UNREADABLE",
            Self::RowUnreadable => "ROW_UNREADABLE",
            Self::OwnerUnavailable => "OWNER_UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::Internal => "INTERNAL",
        }
    }

    pub(super) const fn code(self) -> Code {
        match self {
            Self::Unauthenticated => Code::Unauthenticated,
            Self::PermissionDenied
            | Self::OriginNotAllowed
            | Self::HostNotAllowed
            | Self::GrantNotHeld => Code::PermissionDenied,
            Self::InvalidRequest
            | Self::MalformedRequest
            | Self::DataRefused
            | Self::UnknownEventType
            | Self::SchemaViolation => Code::InvalidArgument,
            Self::MethodNotFound => Code::Unimplemented,
            Self::ResourceNotFound => Code::NotFound,
            Self::ResourceExists | Self::IdempotencyKeyReused => Code::AlreadyExists,
            Self::EtagMismatch | Self::ConcurrentChanges => Code::Aborted,
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
            | Self::PayloadRemoved
            | Self::OperationRunning => Code::FailedPrecondition,
            Self::OperationCancelled => Code::Cancelled,
            Self::TestTimedOut | Self::ReceivedTooSlowly | Self::ReadTooSlowly => {
                Code::DeadlineExceeded
            }
            Self::WatchTooSlow
            | Self::TooManyWatches
            | Self::TooManyTokens
            | Self::TooManyRegions
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
            Self::ConfigurationUnreadable | Self::RowUnreadable | Self::Internal => Code::Internal,
        }
    }

    /// Errors with `RetryInfo` are those of `AfterDelay`, and no others.
    pub(super) const fn retry_advice(self) -> RetryAdvice {
        match self {
            Self::InvalidRequest
            | Self::MalformedRequest
            | Self::MethodNotFound
            | Self::DataRefused
            | Self::ResourceNotFound
            | Self::ResourceExists
            | Self::ResourceDeleted
            | Self::IdempotencyKeyReused
            | Self::SchemaViolation
            | Self::DeliveryEnded
            | Self::SubscriptionDeleted
            | Self::NothingToResend
            | Self::PayloadRemoved
            | Self::OperationCancelled
            | Self::MessageTooLarge => RetryAdvice::Never,
            Self::Unauthenticated
            | Self::PermissionDenied
            | Self::OriginNotAllowed
            | Self::HostNotAllowed
            | Self::GrantNotHeld
            | Self::EtagMismatch
            | Self::InsecureUrlsInUse
            | Self::TenantNotEmpty
            | Self::TooManySubscriptions
            | Self::TooManyRegions
            | Self::TooManySigningKeys
            | Self::LastSigningKey
            | Self::TestTimedOut
            | Self::EnvelopeNeedsJson
            | Self::UnknownEventType
            | Self::EventTypeArchived
            | Self::EventTypeInUse
            | Self::TooManyEventTypes
            | Self::DeliveryInFlight
            | Self::DeliveryHeld
            | Self::OperationRunning
            | Self::WatchTooSlow
            | Self::TooManyTokens
            | Self::ReceivedTooSlowly
            | Self::ReadTooSlowly
            | Self::ConfigurationUnreadable
            | Self::RowUnreadable
            | Self::Internal => RetryAdvice::AfterChange,
            Self::ConcurrentChanges
            | Self::RegionHasNoAgent
            | Self::WindowOpen
            | Self::TooManyWatches
            | Self::TooMuchReceived
            | Self::TooMuchUnsent
            | Self::TooManyReads
            | Self::RateLimited
            | Self::ConnectionAged
            | Self::Stopping
            | Self::StoreUnavailable
            | Self::OwnerUnavailable
            | Self::Overloaded => RetryAdvice::AfterDelay,
        }
    }
}

#[cfg(test)]
#[path = "error_reason_tests.rs"]
mod tests;
