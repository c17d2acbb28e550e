//! Which subscriptions an event concerns.
//!
//! Fed by a tenant's subscriptions, once for each version of its configuration,
//! and by every published event; feeds `flow::publish` the subscriptions that
//! get a delivery. Guarantees that [`Matcher`] and [`matches`] always agree, and
//! that an event without an account never reaches a subscription scoped to
//! accounts. Neither looks at a subscription's status: what a match is worth
//! while it is paused or disabled is the caller's decision (rule 11).

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_EVENT_TYPE_BYTES;
use crate::subscription::{Settings, Subscription};

const ALL: &str = "*";
/// What the names of Postrider's own event types begin with.
const FAMILY: &str = "postrider";

/// Why an event type, or a pattern for some, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    #[error("must not be empty")]
    Empty,
    #[error("must have at most {MAX_EVENT_TYPE_BYTES} bytes")]
    TooLong,
    #[error("must be segments of letters, digits, \"_\" and \"-\", separated by single dots")]
    Malformed,
    #[error("may have \"*\" only alone or as the whole last segment, as in \"payment.*\"")]
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

/// Whether an event type is of Postrider's own family, which nobody else defines or
/// publishes.
pub fn is_reserved(event_type: &str) -> bool {
    let rest = event_type.strip_prefix(FAMILY);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The event types that a subscription asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EventTypePattern {
    /// `*`: all but Postrider's own, which must be asked for by name or prefix.
    All,
    /// `payment.*`, kept as `payment.`: with the dot, so that it does not take
    /// `payments.completed` for one of its own.
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
        if text == ALL {
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
            Self::All => f.write_str(ALL),
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

/// Whether a subscription with these settings gets such an event.
pub fn matches(settings: &Settings, event_type: &str, account: Option<&str>) -> bool {
    let in_scope = settings.accounts.is_empty()
        || account.is_some_and(|account| settings.accounts.contains(account));
    in_scope && settings.event_types.iter().any(|pattern| pattern.matches(event_type))
}

/// One tenant's subscriptions, indexed so that an event costs what it matches
/// and not what the tenant has.
///
/// A subscription is found either by its event types or by its accounts: an
/// account has few subscriptions, so that their patterns can be tried one by
/// one, while those of the whole tenant may share a type by the thousand.
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    all: Vec<usize>,
    exact: HashMap<String, Vec<usize>>,
    /// By prefix, its dot included.
    prefixes: HashMap<String, Vec<usize>>,
    accounts: HashMap<String, Vec<Scoped>>,
}

/// A subscription that wants the events of some accounts only.
#[derive(Clone, Debug)]
struct Scoped {
    index: usize,
    patterns: Arc<[EventTypePattern]>,
}

impl Matcher {
    pub fn new(subscriptions: &[Subscription]) -> Self {
        let mut matcher = Self::default();
        for (index, subscription) in subscriptions.iter().enumerate() {
            matcher.add(index, &subscription.settings);
        }
        matcher
    }

    fn add(&mut self, index: usize, settings: &Settings) {
        if settings.accounts.is_empty() {
            for pattern in &settings.event_types {
                match pattern {
                    EventTypePattern::All => &mut self.all,
                    EventTypePattern::Prefix(prefix) => {
                        self.prefixes.entry(prefix.clone()).or_default()
                    }
                    EventTypePattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
                }
                .push(index);
            }
        }
        let patterns: Arc<[EventTypePattern]> = settings.event_types.as_slice().into();
        for account in &settings.accounts {
            let scoped = Scoped { index, patterns: Arc::clone(&patterns) };
            self.accounts.entry(account.clone()).or_default().push(scoped);
        }
    }

    /// The places, in the slice it was built from, of the subscriptions that get
    /// such an event: each once, in ascending order.
    pub fn matching<'a>(
        &'a self,
        event_type: &str,
        account: Option<&str>,
    ) -> impl Iterator<Item = usize> + use<'a> {
        let own = is_reserved(event_type);
        let mut found = if own { Vec::new() } else { self.all.clone() };
        found.extend(self.exact.get(event_type).into_iter().flatten());
        for (dot, _) in event_type.match_indices('.') {
            let prefix = event_type.get(..=dot).unwrap_or_default();
            found.extend(self.prefixes.get(prefix).into_iter().flatten());
        }
        let scoped = account.and_then(|account| self.accounts.get(account)).into_iter().flatten();
        let wanting = scoped
            .filter(|scoped| scoped.patterns.iter().any(|pattern| pattern.matches(event_type)));
        found.extend(wanting.map(|scoped| scoped.index));
        // One subscription may ask for the same type twice: by name and by prefix.
        found.sort_unstable();
        found.dedup();
        found.into_iter()
    }
}
