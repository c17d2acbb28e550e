//! How much tenants and callers have used of their rates.
//!
//! Fed by the services and by the layer around them, before a call is carried out; feeds
//! them yes, or when to try again. Guarantees that so many tenants and callers are
//! remembered, and no more: those are forgotten that have not called for longest.

use std::sync::Arc;
use std::time::Duration;

use lru::LruCache;
use parking_lot::Mutex;
use postrider_domain::ids::TenantId;
use postrider_domain::rate_budget::{RateBudget, RateLimit};

use crate::clock::Clock;
use crate::metrics::LimitMetrics;
use crate::settings::RateSettings;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RatedCall {
    /// An event that is published.
    Publish,
    /// A call that changes something else.
    Administration,
}

/// Whose calls are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum RateKey {
    Tenant(RatedCall, TenantId),
    Caller(RatedCall, Box<str>),
}

/// The limit of a setting.
#[derive(Clone, Copy)]
struct NamedLimit {
    setting: &'static str,
    limit: RateLimit,
}

/// A call beyond a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateRefusal {
    pub setting: &'static str,
    /// Who called too often: a tenant, or a caller.
    pub subject: String,
    pub per_second: u32,
    pub retry_after: Duration,
}

impl RateRefusal {
    fn of(self, subject: String) -> Self {
        Self { subject, ..self }
    }
}

struct RateLimitsShared {
    tenant: [Option<NamedLimit>; 2],
    caller: [Option<NamedLimit>; 2],
    budgets: Mutex<LruCache<RateKey, RateBudget>>,
    max_keys: usize,
    clock: Arc<dyn Clock>,
    metrics: LimitMetrics,
}

/// The rates of this replica. Cheap to clone.
#[derive(Clone)]
pub struct RateLimits(Arc<RateLimitsShared>);

impl RateLimits {
    pub fn new(settings: &RateSettings, clock: Arc<dyn Clock>, metrics: LimitMetrics) -> Self {
        let named = |setting, per_second, burst_seconds| {
            let limit = RateLimit::new(per_second, burst_seconds);
            limit.map(|limit| NamedLimit { setting, limit })
        };
        let publish = settings.publish_burst_seconds;
        let administration = settings.administration_burst_seconds;
        let tenant = [
            named(
                "rates.published_events_per_second_per_tenant",
                settings.published_events_per_second_per_tenant,
                publish,
            ),
            named(
                "rates.administration_calls_per_second_per_tenant",
                settings.administration_calls_per_second_per_tenant,
                administration,
            ),
        ];
        let caller = [
            named(
                "rates.published_events_per_second_per_caller",
                settings.published_events_per_second_per_caller,
                publish,
            ),
            named(
                "rates.administration_calls_per_second_per_caller",
                settings.administration_calls_per_second_per_caller,
                administration,
            ),
        ];
        let budgets = Mutex::new(LruCache::unbounded());
        let max_keys = settings.max_remembered_keys;
        Self(Arc::new(RateLimitsShared { tenant, caller, budgets, max_keys, clock, metrics }))
    }

    /// Counts a call about a tenant.
    pub fn take_of_tenant(&self, call: RatedCall, tenant: &TenantId) -> Result<(), RateRefusal> {
        let [publish, administration] = self.0.tenant;
        let Some(limit) = chosen(call, publish, administration) else { return Ok(()) };
        let key = RateKey::Tenant(call, tenant.clone());
        self.take(limit, key).map_err(|refusal| refusal.of(format!("tenants/{tenant}")))
    }

    /// Counts a call of a caller, as logs name it.
    pub fn take_of_caller(&self, call: RatedCall, who: &str) -> Result<(), RateRefusal> {
        let [publish, administration] = self.0.caller;
        let Some(limit) = chosen(call, publish, administration) else { return Ok(()) };
        let key = RateKey::Caller(call, who.into());
        self.take(limit, key).map_err(|refusal| refusal.of(who.to_owned()))
    }

    fn take(&self, named: NamedLimit, key: RateKey) -> Result<(), RateRefusal> {
        let NamedLimit { setting, limit } = named;
        let now = self.0.clock.now();
        let mut budgets = self.0.budgets.lock();
        let taken = budgets.get_or_insert_mut(key, RateBudget::default).try_take(limit, 1, now);
        if budgets.len() > self.0.max_keys {
            budgets.pop_lru();
        }
        drop(budgets);
        taken.map_err(|retry_after| {
            self.0.metrics.reached(setting);
            let subject = String::new();
            RateRefusal { setting, subject, per_second: limit.per_second(), retry_after }
        })
    }
}

const fn chosen(
    call: RatedCall,
    publish: Option<NamedLimit>,
    administration: Option<NamedLimit>,
) -> Option<NamedLimit> {
    match call {
        RatedCall::Publish => publish,
        RatedCall::Administration => administration,
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;

    use super::*;
    use crate::clock::SystemClock;

    fn limits(change: impl FnOnce(&mut RateSettings)) -> RateLimits {
        let mut settings = RateSettings {
            published_events_per_second_per_tenant: 0,
            published_events_per_second_per_caller: 0,
            publish_burst_seconds: 1,
            administration_calls_per_second_per_tenant: 0,
            administration_calls_per_second_per_caller: 0,
            administration_burst_seconds: 1,
            max_remembered_keys: 2,
        };
        change(&mut settings);
        let clock = SystemClock::starting_at(Timestamp::from_micros(0));
        RateLimits::new(&settings, clock, LimitMetrics::default())
    }

    fn tenant(number: u32) -> TenantId {
        format!("tenant-{number}").parse().unwrap()
    }

    #[test]
    fn tenants_and_callers_are_counted_apart_and_told_when_to_try_again() {
        let limits = limits(|settings| {
            settings.published_events_per_second_per_tenant = 1;
            settings.published_events_per_second_per_caller = 2;
        });
        let publish = RatedCall::Publish;
        limits.take_of_tenant(publish, &tenant(1)).unwrap();
        let refused = limits.take_of_tenant(publish, &tenant(1)).unwrap_err();
        assert_eq!(refused.setting, "rates.published_events_per_second_per_tenant");
        assert_eq!((refused.subject.as_str(), refused.per_second), ("tenants/tenant-1", 1));
        assert!(refused.retry_after <= Duration::from_secs(1));
        limits.take_of_tenant(publish, &tenant(2)).unwrap();
        limits.take_of_caller(publish, "token:1").unwrap();
        limits.take_of_caller(publish, "token:1").unwrap();
        assert_eq!(limits.take_of_caller(publish, "token:1").unwrap_err().subject, "token:1");
        for _ in 0..100 {
            limits.take_of_tenant(RatedCall::Administration, &tenant(1)).unwrap();
        }
        assert_eq!(limits.0.metrics.times_reached(refused.setting), 1);
    }

    #[test]
    fn so_many_are_remembered() {
        let limits = limits(|settings| settings.administration_calls_per_second_per_tenant = 1);
        for number in 0..100 {
            limits.take_of_tenant(RatedCall::Administration, &tenant(number)).unwrap();
            assert!(limits.0.budgets.lock().len() <= 2);
        }
        // Who calls all the time is remembered.
        assert!(limits.take_of_tenant(RatedCall::Administration, &tenant(99)).is_err());
    }
}
