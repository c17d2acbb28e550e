//! Which subscriptions an event concerns.
//!
//! Fed by a tenant's subscriptions, once for each version of its configuration,
//! and by every published event; feeds `flow::publish` the subscriptions that
//! get a delivery. Guarantees that [`Matcher`] and [`matches`] always agree, and
//! that an event without an account never reaches a subscription scoped to
//! accounts. Neither looks at a subscription's status: what a match is worth
//! while it is paused or disabled is the caller's decision (rule 11).

use std::collections::HashMap;
use std::sync::Arc;

use crate::event_type_name::{EventTypePattern, is_reserved};
use crate::subscription::{Settings, Subscription};

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
