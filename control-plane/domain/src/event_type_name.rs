//! The names of event types, and patterns for some of them.
//!
//! Fed by callers' text; feeds the catalogue, publishing, and the settings of
//! subscriptions, by which `filter` matches. Guarantees that a name is dotted segments
//! of a bounded length, and that no pattern takes Postrider's own types by accident.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_EVENT_TYPE_BYTES;

const MATCH_ALL_PATTERN: &str = "*";
/// The first segment of Postrider's own event types.
const RESERVED_FAMILY: &str = "postrider";

/// Why an event type, or a pattern for some, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {MAX_EVENT_TYPE_BYTES} bytes")]
    TooLong,
    #[error("must be segments of letters, digits, \"_\" and \"-\", separated by single dots")]
    Malformed,
    #[error("may contain \"*\" only alone or as the whole last segment, as in \"payment.*\"")]
    Wildcard,
}

/// Checks the name of an event type: `payment.completed`, `order_created`,
/// `IncomingPaymentBooked`.
pub fn validate_event_type(name: &str) -> Result<(), EventTypeError> {
    if name.is_empty() {
        return Err(EventTypeError::Empty);
    }
    if name.len() > MAX_EVENT_TYPE_BYTES {
        return Err(EventTypeError::TooLong);
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let is_segment = |text: &str| !text.is_empty() && text.bytes().all(allowed);
    if name.split('.').all(is_segment) { Ok(()) } else { Err(EventTypeError::Malformed) }
}

/// Whether an event type is one of Postrider's own, which callers can neither define
/// nor publish.
pub fn is_reserved(event_type: &str) -> bool {
    let rest = event_type.strip_prefix(RESERVED_FAMILY);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A pattern of event types in a subscription.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventTypePattern {
    /// `*`: all but Postrider's own types, which must be named or matched by prefix.
    All,
    /// `payment.*`, stored as `payment.` with the dot, so that it does not match
    /// `payments.completed`.
    Prefix(String),
    Exact(String),
}

impl EventTypePattern {
    pub fn matches(&self, event_type: &str) -> bool {
        match self {
            Self::All => !is_reserved(event_type),
            Self::Prefix(prefix) => event_type.starts_with(prefix.as_str()),
            Self::Exact(name) => event_type == name,
        }
    }
}

impl FromStr for EventTypePattern {
    type Err = EventTypeError;

    fn from_str(text: &str) -> Result<Self, EventTypeError> {
        if text == MATCH_ALL_PATTERN {
            return Ok(Self::All);
        }
        if text.len() > MAX_EVENT_TYPE_BYTES {
            return Err(EventTypeError::TooLong);
        }
        let prefix = text.strip_suffix(".*");
        let name = prefix.unwrap_or(text);
        if name.contains('*') {
            return Err(EventTypeError::Wildcard);
        }
        match (prefix, validate_event_type(name)) {
            (Some(_), Err(EventTypeError::Empty)) => Err(EventTypeError::Malformed),
            (_, Err(error)) => Err(error),
            (Some(prefix), Ok(())) => Ok(Self::Prefix(format!("{prefix}."))),
            (None, Ok(())) => Ok(Self::Exact(name.to_owned())),
        }
    }
}

impl fmt::Display for EventTypePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str(MATCH_ALL_PATTERN),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Exact(name) => f.write_str(name),
        }
    }
}

impl Serialize for EventTypePattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTypePattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
