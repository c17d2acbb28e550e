//! Limits that are part of the contract and not settings.

/// Most signing keys of one subscription that may be in force at once.
pub const MAX_SIGNING_KEYS: usize = 8;
/// Longest event type, in bytes.
pub const MAX_EVENT_TYPE_BYTES: usize = 128;
/// Longest account, in bytes.
pub const MAX_ACCOUNT_BYTES: usize = 256;
/// Longest ordering key, in bytes.
pub const MAX_ORDERING_KEY_BYTES: usize = 256;
/// Longest idempotency key, in bytes.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 256;
/// Most attributes of an event.
pub const MAX_ATTRIBUTES: usize = 32;
/// Longest attribute name, in bytes.
pub const MAX_ATTRIBUTE_NAME_BYTES: usize = 64;
/// Longest attribute value, in bytes.
pub const MAX_ATTRIBUTE_VALUE_BYTES: usize = 256;
/// Most event-type patterns of a subscription.
pub const MAX_EVENT_TYPE_PATTERNS: usize = 256;
/// Most accounts in a subscription's scope.
pub const MAX_SCOPE_ACCOUNTS: usize = 1000;
/// Longest display name, in characters.
pub const MAX_DISPLAY_NAME_CHARS: usize = 128;
/// Most events in one `PublishEvents`.
pub const MAX_PUBLISH_BATCH: usize = 1000;
