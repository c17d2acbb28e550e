//! Limits that are part of the contract with callers, and so no settings.

/// Most signing keys of one subscription that may be in force at once. A rotation needs
/// two; each is a signature in every request.
pub const MAX_SIGNING_KEYS: usize = 8;
/// Longest event type, in bytes. Five or six segments of full words.
pub const MAX_EVENT_TYPE_BYTES: usize = 128;
/// Longest account, in bytes. An IBAN has 34; systems put paths into it.
pub const MAX_ACCOUNT_BYTES: usize = 256;
/// Longest ordering key, in bytes. As an account, which it often is.
pub const MAX_ORDERING_KEY_BYTES: usize = 256;
/// Longest idempotency key, in bytes. Stripe's, which many take over, have at most 255.
pub const MAX_IDEMPOTENCY_KEY_BYTES: usize = 256;
/// Most attributes of an event. They are for matching, and what is longer is payload.
pub const MAX_ATTRIBUTES: usize = 32;
/// Longest attribute name, in bytes. A word or three.
pub const MAX_ATTRIBUTE_NAME_BYTES: usize = 64;
/// Longest attribute value, in bytes. With all 32 attributes 10 KiB beside the payload.
pub const MAX_ATTRIBUTE_VALUE_BYTES: usize = 256;
/// Most event-type patterns of a subscription. Each is an entry of the
/// tenant's index in memory; more are better said with `*`.
pub const MAX_EVENT_TYPE_PATTERNS: usize = 256;
/// Most accounts in a subscription's scope. Each is an entry in the tenant's index in
/// memory; larger scopes are the whole tenant.
pub const MAX_SCOPE_ACCOUNTS: usize = 1000;
/// Longest display name, in characters. A line.
pub const MAX_DISPLAY_NAME_CHARS: usize = 128;
/// Most events in one `PublishEvents`. Two transactions of `publish.max_commit_events`;
/// more would gain nothing.
pub const MAX_PUBLISH_BATCH: usize = 1000;

/// Whether a character is not seen, or changes in which direction others are: control
/// characters, line and paragraph separators, and Unicode's embeddings, overrides and
/// isolates. The agent, which does not know of this crate, has the same for errors.
pub const fn is_unprintable(character: char) -> bool {
    matches!(character,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
