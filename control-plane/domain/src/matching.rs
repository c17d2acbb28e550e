//! Which subscriptions an event matches.
//!
//! Fed by a tenant's subscriptions and by every published event; feeds `flow::publish`
//! the subscriptions that get a delivery. Guarantees that [`SubscriptionMatcher`] and [`matches()`]
//! agree, and that an event without an account never matches a subscription scoped to
//! accounts. A subscription's status does not matter here
//! (paused-waits-disabled-suppresses).
//!
//! Keeps the invariant `paused-waits-disabled-suppresses`.

use std::sync::Arc;

use rpds::{HashTrieMapSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use crate::event_type_name::{EventTypePattern, is_reserved};
use crate::ids::SubscriptionId;
use crate::subscription::SubscriptionConfig;

/// Whether a subscription with these settings gets such an event.
pub fn matches(settings: &SubscriptionConfig, event_type: &str, account: Option<&str>) -> bool {
    let in_scope = settings.accounts.is_empty()
        || account.is_some_and(|account| settings.accounts.contains(account));
    in_scope && settings.event_types.iter().any(|pattern| pattern.matches(event_type))
}

/// Most entries by type for one subscription that is scoped to accounts. One with more
/// (patterns times accounts) is listed by account only. One pattern by a whole scope (1,000
/// accounts).
const MAX_SCOPED_ENTRIES: usize = 1_024;

/// An index of one tenant's subscriptions. An event costs what it matches, not what the
/// tenant has, and a change costs what it changes: copies share everything else.
#[derive(Clone, Debug, Default)]
pub struct SubscriptionMatcher {
    /// Subscriptions to the whole tenant.
    unscoped: TypeIndex,
    accounts: HashTrieMapSync<String, AccountIndex>,
}

/// The subscriptions scoped to one account.
#[derive(Clone, Debug, Default)]
struct AccountIndex {
    by_type: TypeIndex,
    /// Those with too many types and accounts to be listed under each.
    by_patterns: RedBlackTreeMapSync<SubscriptionId, Arc<[EventTypePattern]>>,
}

/// Subscriptions by event type pattern.
#[derive(Clone, Debug, Default)]
struct TypeIndex {
    all: SubscriptionIds,
    exact: HashTrieMapSync<String, SubscriptionIds>,
    /// By prefix, its dot included.
    prefixes: HashTrieMapSync<String, SubscriptionIds>,
}

type SubscriptionIds = RedBlackTreeSetSync<SubscriptionId>;

impl SubscriptionMatcher {
    /// Adds a subscription that is not in the index.
    pub fn insert(&mut self, id: &SubscriptionId, settings: &SubscriptionConfig) {
        if settings.accounts.is_empty() {
            self.unscoped.insert(id, &settings.event_types);
            return;
        }
        let listed = is_listed(settings);
        let patterns: Arc<[_]> = settings.event_types.as_slice().into();
        for account in &settings.accounts {
            let mut index = self.accounts.get(account).cloned().unwrap_or_default();
            if listed {
                index.by_type.insert(id, &settings.event_types);
            } else {
                index.by_patterns.insert_mut(id.clone(), Arc::clone(&patterns));
            }
            self.accounts.insert_mut(account.clone(), index);
        }
    }

    /// Removes a subscription that was added with these settings.
    pub fn remove(&mut self, id: &SubscriptionId, settings: &SubscriptionConfig) {
        if settings.accounts.is_empty() {
            self.unscoped.remove(id, &settings.event_types);
            return;
        }
        for account in &settings.accounts {
            let Some(mut index) = self.accounts.get(account).cloned() else {
                continue;
            };
            if is_listed(settings) {
                index.by_type.remove(id, &settings.event_types);
            } else {
                index.by_patterns.remove_mut(id);
            }
            if index.is_empty() {
                self.accounts.remove_mut(account);
            } else {
                self.accounts.insert_mut(account.clone(), index);
            }
        }
    }

    /// The subscriptions that match an event, each once, in ascending order.
    pub fn matching<'a>(
        &'a self,
        event_type: &str,
        account: Option<&str>,
    ) -> impl Iterator<Item = &'a SubscriptionId> + use<'a> {
        let mut found = Vec::new();
        self.unscoped.find(event_type, &mut found);
        if let Some(index) = account.and_then(|account| self.accounts.get(account)) {
            index.by_type.find(event_type, &mut found);
            let wanting = index
                .by_patterns
                .iter()
                .filter(|(_, patterns)| patterns.iter().any(|pattern| pattern.matches(event_type)));
            found.extend(wanting.map(|(id, _)| id));
        }
        // They are a few runs in order, which is what this sort is quick with. One
        // subscription may ask for the same type twice: by name and by prefix.
        found.sort();
        found.dedup();
        found.into_iter()
    }
}

/// Whether a subscription scoped to accounts is listed under each pair of type and
/// account.
fn is_listed(settings: &SubscriptionConfig) -> bool {
    settings.accounts.len().saturating_mul(settings.event_types.len()) <= MAX_SCOPED_ENTRIES
}

impl AccountIndex {
    fn is_empty(&self) -> bool {
        self.by_patterns.is_empty() && self.by_type.is_empty()
    }
}

impl TypeIndex {
    fn is_empty(&self) -> bool {
        self.all.is_empty() && self.exact.is_empty() && self.prefixes.is_empty()
    }

    fn insert(&mut self, id: &SubscriptionId, patterns: &[EventTypePattern]) {
        for pattern in patterns {
            match pattern {
                EventTypePattern::All => self.all.insert_mut(id.clone()),
                EventTypePattern::Prefix(prefix) => put(&mut self.prefixes, prefix, id),
                EventTypePattern::Exact(name) => put(&mut self.exact, name, id),
            }
        }
    }

    fn remove(&mut self, id: &SubscriptionId, patterns: &[EventTypePattern]) {
        for pattern in patterns {
            match pattern {
                EventTypePattern::All => {
                    self.all.remove_mut(id);
                }
                EventTypePattern::Prefix(prefix) => take(&mut self.prefixes, prefix, id),
                EventTypePattern::Exact(name) => take(&mut self.exact, name, id),
            }
        }
    }

    fn find<'a>(&'a self, event_type: &str, found: &mut Vec<&'a SubscriptionId>) {
        if !is_reserved(event_type) {
            found.extend(&self.all);
        }
        found.extend(self.exact.get(event_type).into_iter().flatten());
        for (dot, _) in event_type.match_indices('.') {
            let prefix = event_type.get(..=dot).unwrap_or_default();
            found.extend(self.prefixes.get(prefix).into_iter().flatten());
        }
    }
}

fn put(ids: &mut HashTrieMapSync<String, SubscriptionIds>, name: &str, id: &SubscriptionId) {
    match ids.get_mut(name) {
        Some(there) => there.insert_mut(id.clone()),
        None => ids.insert_mut(name.to_owned(), SubscriptionIds::default().insert(id.clone())),
    }
}

fn take(ids: &mut HashTrieMapSync<String, SubscriptionIds>, name: &str, id: &SubscriptionId) {
    let Some(there) = ids.get_mut(name) else {
        return;
    };
    there.remove_mut(id);
    if there.is_empty() {
        ids.remove_mut(name);
    }
}
