//! Places for watchers.
//!
//! Fed by `subscribe`; feeds it a place, or none. Guarantees that nobody takes all places:
//! a caller has so many, and so many watch one tenant, by its name or, by all that they may
//! see, as callers that count for it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;
use postrider_domain::ids::TenantId;

use crate::metrics::LimitMetrics;
use crate::settings::ApiSettings;
use crate::state::read_turns::ReadOwner;

/// Most watchers, by whom they are counted.
#[derive(Clone, Copy, Debug)]
pub(super) struct WatchLimits {
    pub total: usize,
    pub per_caller: usize,
    pub per_tenant: usize,
}

impl WatchLimits {
    pub const fn of(settings: &ApiSettings) -> Self {
        Self {
            total: settings.max_watchers,
            per_caller: settings.max_watchers_per_caller,
            per_tenant: settings.max_watchers_per_tenant,
        }
    }
}

#[derive(Default)]
struct WatchCounts {
    total: usize,
    callers: HashMap<Box<str>, usize>,
    tenants: HashMap<TenantId, usize>,
}

/// The places.
pub(super) struct WatchSlots {
    limits: WatchLimits,
    counts: Mutex<WatchCounts>,
    metrics: LimitMetrics,
}

impl WatchSlots {
    pub fn new(limits: WatchLimits, metrics: LimitMetrics) -> Arc<Self> {
        Arc::new(Self { limits, counts: Mutex::default(), metrics })
    }

    /// A place for a caller who watches a tenant (absent: all); an error is the setting that
    /// refuses it.
    pub fn take(
        self: &Arc<Self>,
        owner: &ReadOwner,
        tenant: Option<&TenantId>,
    ) -> Result<WatchSlot, &'static str> {
        let (caller, tenant) = (owner.caller(), tenant.or_else(|| owner.tenant()));
        let mut counts = self.counts.lock();
        let of_caller = counts.callers.get(caller).copied().unwrap_or(0);
        let of_tenant = tenant.and_then(|tenant| counts.tenants.get(tenant)).copied().unwrap_or(0);
        let reached = [
            (of_caller >= self.limits.per_caller, "api.max_watchers_per_caller"),
            (of_tenant >= self.limits.per_tenant, "api.max_watchers_per_tenant"),
            (counts.total >= self.limits.total, "api.max_watchers"),
        ];
        if let Some((_, setting)) = reached.into_iter().find(|(is_reached, _)| *is_reached) {
            drop(counts);
            self.metrics.reached(setting);
            return Err(setting);
        }
        counts.total += 1;
        *counts.callers.entry(caller.into()).or_default() += 1;
        if let Some(tenant) = tenant {
            *counts.tenants.entry(tenant.clone()).or_default() += 1;
        }
        self.metrics.watches(counts.total);
        drop(counts);
        let (owner, tenant) = (owner.clone(), tenant.cloned());
        Ok(WatchSlot { slots: Arc::clone(self), owner, tenant })
    }
}

/// A watcher's place, free again once this is dropped.
pub(super) struct WatchSlot {
    slots: Arc<WatchSlots>,
    owner: ReadOwner,
    tenant: Option<TenantId>,
}

impl WatchSlot {
    /// Whose place it is.
    pub const fn owner(&self) -> &ReadOwner {
        &self.owner
    }
}

impl Drop for WatchSlot {
    fn drop(&mut self) {
        let mut counts = self.slots.counts.lock();
        counts.total = counts.total.saturating_sub(1);
        forget(&mut counts.callers, self.owner.caller());
        if let Some(tenant) = &self.tenant {
            forget(&mut counts.tenants, tenant);
        }
        self.slots.metrics.watches(counts.total);
    }
}

fn forget<K, Q>(counts: &mut HashMap<K, usize>, key: &Q)
where
    K: Borrow<Q> + Eq + Hash,
    Q: Eq + Hash + ?Sized,
{
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use postrider_identity::{CallerIdentity, Grant, GrantScope, Principal, Role};

    use super::*;

    #[test]
    fn places_are_counted_by_caller_by_tenant_and_in_all() {
        let limits = WatchLimits { total: 4, per_caller: 2, per_tenant: 2 };
        let slots = WatchSlots::new(limits, LimitMetrics::alone());
        let acme: TenantId = "acme".parse().unwrap();
        let first = slots.take(&"a".into(), Some(&acme)).unwrap();
        let second = slots.take(&"b".into(), Some(&acme)).unwrap();
        assert_eq!(slots.take(&"c".into(), Some(&acme)).err(), Some("api.max_watchers_per_tenant"));
        let third = slots.take(&"a".into(), None).unwrap();
        assert_eq!(slots.take(&"a".into(), None).err(), Some("api.max_watchers_per_caller"));
        let fourth = slots.take(&"c".into(), None).unwrap();
        assert_eq!(slots.take(&"d".into(), None).err(), Some("api.max_watchers"));
        drop(first);
        slots.take(&"d".into(), Some(&acme)).unwrap();
        drop((second, third, fourth));
        let counts = slots.counts.lock();
        assert!(counts.callers.is_empty() && counts.tenants.is_empty() && counts.total == 0);
    }

    #[test]
    fn tokens_of_a_tenant_watch_it_by_whichever_name() {
        let limits = WatchLimits { total: 9, per_caller: 2, per_tenant: 2 };
        let slots = WatchSlots::new(limits, LimitMetrics::alone());
        let acme: TenantId = "acme".parse().unwrap();
        let later: TenantId = "zeta".parse().unwrap();
        let token = |number: u32| {
            // A token for another tenant besides counts no less.
            let others = number.is_multiple_of(2).then(|| later.clone());
            let scope = GrantScope::Tenants(others.into_iter().chain([acme.clone()]).collect());
            let grants = vec![Grant { role: Role::Reader, scope }];
            let identity =
                CallerIdentity { principal: Principal::Unknown, grants, expire_time: None };
            ReadOwner::new(&number.to_string(), &identity)
        };
        let _first = slots.take(&token(1), None).unwrap();
        let _second = slots.take(&token(2), Some(&acme)).unwrap();
        for number in [3, 4] {
            let refused = slots.take(&token(number), None).err();
            assert_eq!(refused, Some("api.max_watchers_per_tenant"), "{number}");
        }
        assert!(slots.take(&"gateway".into(), None).is_ok());
    }
}
