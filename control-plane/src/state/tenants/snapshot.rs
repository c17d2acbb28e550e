//! One version of a tenant's configuration, ready for matching.
//!
//! Fed by the cache with what the store has; feeds publishing, and whoever needs a
//! subscription. Guarantees that the next version costs as much as what changed: the
//! rest is shared, down to the compiled filters.

use std::sync::Arc;

use postrider_domain::content_filter::ContentFilter;
use postrider_domain::ids::{Shard, SubscriptionId};
use postrider_domain::matching::SubscriptionMatcher;
use postrider_domain::operational_event::OperationalEventType;
use postrider_domain::subscription::Subscription;
use postrider_domain::tenant::{Tenant, TenantChanges};
use rpds::RedBlackTreeMapSync;

use crate::state::outbox::Outbox;

/// A tenant's configuration at one version.
pub struct TenantSnapshot {
    pub tenant: Tenant,
    pub shard: Shard,
    subscriptions: RedBlackTreeMapSync<SubscriptionId, SnapshotEntry>,
    matcher: SubscriptionMatcher,
}

#[derive(Clone)]
struct SnapshotEntry {
    subscription: Arc<Subscription>,
    filter: Option<Arc<ContentFilter>>,
}

/// A subscription that matches an event's type and account, and its content filter, if
/// it has one.
pub struct MatchCandidate<'a> {
    pub subscription: &'a Arc<Subscription>,
    pub filter: Option<&'a ContentFilter>,
}

impl TenantSnapshot {
    /// A tenant with these subscriptions, none of which is deleted.
    pub fn new(tenant: Tenant, shard: Shard, subscriptions: Vec<Subscription>) -> Self {
        let (matcher, none) = (SubscriptionMatcher::default(), RedBlackTreeMapSync::default());
        let empty = Self { tenant: tenant.clone(), shard, subscriptions: none, matcher };
        empty.apply_changes(TenantChanges { tenant, changed: subscriptions })
    }

    /// The version after these changes.
    pub fn apply_changes(&self, changes: TenantChanges) -> Self {
        let mut subscriptions = self.subscriptions.clone();
        let mut matcher = self.matcher.clone();
        for changed in changes.changed {
            let id = changed.id.clone();
            if let Some(SnapshotEntry { subscription, .. }) = subscriptions.get(&id) {
                matcher.remove(&id, &subscription.settings);
            }
            if changed.delete_time.is_some() {
                subscriptions.remove_mut(&id);
                continue;
            }
            matcher.insert(&id, &changed.settings);
            let source = changed.settings.content_filter.as_str();
            let filter = (!source.is_empty()).then(|| Arc::new(ContentFilter::from_stored(source)));
            subscriptions.insert_mut(id, SnapshotEntry { subscription: Arc::new(changed), filter });
        }
        Self { tenant: changes.tenant, shard: self.shard, subscriptions, matcher }
    }

    pub fn subscription(&self, id: &SubscriptionId) -> Option<&Arc<Subscription>> {
        self.subscriptions.get(id).map(|entry| &entry.subscription)
    }

    /// All of them, in the order of their ids.
    pub fn subscriptions(&self) -> impl Iterator<Item = &Arc<Subscription>> {
        self.subscriptions.values().map(|entry| &entry.subscription)
    }

    /// The subscriptions that want such an event, in the order of their ids.
    pub fn candidates(
        &self,
        event_type: &str,
        account: Option<&str>,
    ) -> impl Iterator<Item = MatchCandidate<'_>> {
        self.matcher.matching(event_type, account).filter_map(|id| {
            let SnapshotEntry { subscription, filter } = self.subscriptions.get(id)?;
            Some(MatchCandidate { subscription, filter: filter.as_deref() })
        })
    }

    /// Whether any subscription wants events of this type that have no account.
    pub fn wants(&self, event_type: &str) -> bool {
        self.matcher.matching(event_type, None).next().is_some()
    }

    /// Whether anybody gets this operational event of the tenant.
    pub fn wants_event(&self, outbox: &Outbox, event_type: OperationalEventType) -> bool {
        outbox.always_reports(event_type) || self.wants(event_type.name())
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::subscription::{SubscriptionConfig, SubscriptionStatus};
    use postrider_domain::time::{StoppedClock, Timestamp};

    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn tenant() -> Tenant {
        Tenant {
            id: "acme".parse().unwrap(),
            display_name: String::new(),
            allow_insecure_urls: false,
            labels: Default::default(),
            retention: Default::default(),
            config_version: 3,
            revision: 1,
            create_time: NOW,
            update_time: NOW,
            delete_time: None,
        }
    }

    fn subscription(id: &str, event_type: &str, filter: &str) -> Subscription {
        Subscription {
            tenant: "acme".parse().unwrap(),
            id: id.parse().unwrap(),
            status: SubscriptionStatus::Enabled,
            status_reason: String::new(),
            settings: SubscriptionConfig {
                event_types: vec![event_type.parse().unwrap()],
                content_filter: filter.to_owned(),
                ..SubscriptionConfig::default()
            },
            signing_keys: Vec::new(),
            paused_clock: StoppedClock::default(),
            revision: 1,
            request_revision: 1,
            create_time: NOW,
            update_time: NOW,
            delete_time: None,
        }
    }

    fn wanting(snapshot: &TenantSnapshot, event_type: &str) -> Vec<(String, bool)> {
        let found = snapshot.candidates(event_type, None);
        found.map(|found| (found.subscription.id.to_string(), found.filter.is_some())).collect()
    }

    #[test]
    fn the_next_version_has_what_changed_and_shares_the_rest() {
        let tenant = tenant();
        let all = ["a", "b", "c"].map(|id| subscription(id, "x", "event.account == \"1\""));
        let first = TenantSnapshot::new(tenant.clone(), Shard(3), all.to_vec());
        assert_eq!(first.subscriptions().count(), 3);
        let mut gone = all[0].clone();
        gone.delete_time = Some(NOW);
        let changed = vec![gone, subscription("b", "y", ""), subscription("d", "x", "")];
        let tenant = Tenant { config_version: 9, ..tenant };
        let second = first.apply_changes(TenantChanges { tenant, changed });
        assert_eq!((second.tenant.config_version, second.shard), (9, Shard(3)));
        let named = |id: &str, filter| (id.to_owned(), filter);
        assert_eq!(wanting(&second, "x"), [named("c", true), named("d", false)]);
        assert_eq!(wanting(&second, "y"), [named("b", false)]);
        let ids: Vec<_> =
            second.subscriptions().map(|subscription| subscription.id.to_string()).collect();
        assert_eq!(ids, ["b", "c", "d"]);
        let c = "c".parse().unwrap();
        let same = (first.subscription(&c).unwrap(), second.subscription(&c).unwrap());
        assert!(Arc::ptr_eq(same.0, same.1));
        // The earlier version is what it was.
        assert_eq!(wanting(&first, "x").len(), 3);
        assert!(first.subscription(&"a".parse().unwrap()).is_some());
        assert!(second.subscription(&"a".parse().unwrap()).is_none());
        assert!(second.wants("y") && !first.wants("y"));
    }
}
