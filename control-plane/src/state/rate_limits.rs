//! How much tenants and callers have used of their rates.
//!
//! Fed by the services and by the layer around them, before a call is carried out; feeds
//! them yes, or when to try again. Guarantees that what is refused takes nothing, neither of
//! the tenant nor of the caller, and that so many of them are remembered, and no more: those
//! are forgotten that have not called for longest.

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
    /// Beginning a session of the console.
    SignIn,
}

/// How many of them there are.
const RATED_CALLS: usize = 3;

/// Whose calls are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum RateKey {
    Tenant(RatedCall, TenantId),
    Caller(RatedCall, Box<str>),
}

impl RateKey {
    /// For an error.
    fn subject(&self) -> String {
        match self {
            Self::Tenant(_, tenant) => format!("tenants/{tenant}"),
            Self::Caller(_, who) => who.to_string(),
        }
    }
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

struct RateLimitsShared {
    tenant: [Option<NamedLimit>; RATED_CALLS],
    caller: [Option<NamedLimit>; RATED_CALLS],
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
        let sign_in = settings.sign_in_burst_seconds;
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
            named(
                "rates.sign_ins_per_second_per_tenant",
                settings.sign_ins_per_second_per_tenant,
                sign_in,
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
            named(
                "rates.sign_ins_per_second_per_caller",
                settings.sign_ins_per_second_per_caller,
                sign_in,
            ),
        ];
        let budgets = Mutex::new(LruCache::unbounded());
        let max_keys = settings.max_remembered_keys;
        Self(Arc::new(RateLimitsShared { tenant, caller, budgets, max_keys, clock, metrics }))
    }

    /// Counts a call of a caller, as logs name it.
    pub fn take_of_caller(&self, call: RatedCall, who: &str) -> Result<(), RateRefusal> {
        self.take([self.of_caller(call, who), None])
    }

    /// Counts a call of a caller about a tenant among those of both, or of neither.
    pub fn take_of_both(
        &self,
        call: RatedCall,
        who: &str,
        tenant: &TenantId,
    ) -> Result<(), RateRefusal> {
        self.take([self.of_caller(call, who), self.of_tenant(call, tenant)])
    }

    /// Counts a call about a tenant that is counted among its caller's; if it is refused, it
    /// is no longer.
    pub fn take_of_tenant(
        &self,
        call: RatedCall,
        who: &str,
        tenant: &TenantId,
    ) -> Result<(), RateRefusal> {
        let taken = self.take([self.of_tenant(call, tenant), None]);
        if taken.is_err()
            && let Some((key, NamedLimit { limit, .. })) = self.of_caller(call, who)
            && let Some(budget) = self.0.budgets.lock().get_mut(&key)
        {
            budget.give_back(limit, 1);
        }
        taken
    }

    /// What counts, if there is a rate: otherwise nothing is looked up.
    fn of_caller(&self, call: RatedCall, who: &str) -> Option<(RateKey, NamedLimit)> {
        let limit = chosen(call, self.0.caller)?;
        Some((RateKey::Caller(call, who.into()), limit))
    }

    fn of_tenant(&self, call: RatedCall, tenant: &TenantId) -> Option<(RateKey, NamedLimit)> {
        let limit = chosen(call, self.0.tenant)?;
        Some((RateKey::Tenant(call, tenant.clone()), limit))
    }

    /// Takes one of each budget, or of none.
    fn take(&self, wanted: [Option<(RateKey, NamedLimit)>; 2]) -> Result<(), RateRefusal> {
        if wanted.iter().all(Option::is_none) {
            return Ok(());
        }
        let now = self.0.clock.now();
        let mut budgets = self.0.budgets.lock();
        let mut after = [None, None];
        for (wanted, after) in wanted.iter().zip(&mut after) {
            let Some((key, NamedLimit { setting, limit })) = wanted else { continue };
            let budget = budgets.get(key).copied().unwrap_or_default();
            match budget.after(*limit, 1, now) {
                Ok(budget) => *after = Some(budget),
                Err(retry_after) => {
                    drop(budgets);
                    self.0.metrics.reached(setting);
                    let (subject, per_second) = (key.subject(), limit.per_second());
                    return Err(RateRefusal { setting, subject, per_second, retry_after });
                }
            }
        }
        for ((key, _), after) in wanted.into_iter().flatten().zip(after.into_iter().flatten()) {
            budgets.put(key, after);
            if budgets.len() > self.0.max_keys {
                budgets.pop_lru();
            }
        }
        Ok(())
    }
}

const fn chosen(call: RatedCall, limits: [Option<NamedLimit>; RATED_CALLS]) -> Option<NamedLimit> {
    let [publish, administration, sign_in] = limits;
    match call {
        RatedCall::Publish => publish,
        RatedCall::Administration => administration,
        RatedCall::SignIn => sign_in,
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
            sign_ins_per_second_per_tenant: 0,
            sign_ins_per_second_per_caller: 0,
            sign_in_burst_seconds: 1,
            max_remembered_keys: 2,
        };
        change(&mut settings);
        let clock = SystemClock::starting_at(Timestamp::from_micros(0));
        RateLimits::new(&settings, clock, LimitMetrics::alone())
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
        limits.take_of_both(publish, "token:2", &tenant(1)).unwrap();
        let refused = limits.take_of_both(publish, "token:3", &tenant(1)).unwrap_err();
        assert_eq!(refused.setting, "rates.published_events_per_second_per_tenant");
        assert_eq!((refused.subject.as_str(), refused.per_second), ("tenants/tenant-1", 1));
        assert!(refused.retry_after <= Duration::from_secs(1));
        limits.take_of_both(publish, "token:2", &tenant(2)).unwrap();
        limits.take_of_caller(publish, "token:1").unwrap();
        limits.take_of_caller(publish, "token:1").unwrap();
        assert_eq!(limits.take_of_caller(publish, "token:1").unwrap_err().subject, "token:1");
        for _ in 0..100 {
            limits.take_of_both(RatedCall::Administration, "token:1", &tenant(1)).unwrap();
        }
        assert_eq!(limits.0.metrics.times_reached(refused.setting), 1);
    }

    #[test]
    fn what_a_tenants_rate_refuses_takes_nothing_of_its_callers() {
        let limits = limits(|settings| {
            settings.max_remembered_keys = 10;
            settings.published_events_per_second_per_tenant = 1;
            settings.published_events_per_second_per_caller = 2;
            settings.administration_calls_per_second_per_tenant = 1;
            settings.administration_calls_per_second_per_caller = 2;
        });
        let publish =
            |tenant: &TenantId| limits.take_of_both(RatedCall::Publish, "gateway", tenant);
        let change = |tenant: &TenantId| -> Result<(), RateRefusal> {
            // As calls come: of the caller first, of the tenant once it is known.
            limits.take_of_caller(RatedCall::Administration, "gateway")?;
            limits.take_of_tenant(RatedCall::Administration, "gateway", tenant)
        };
        let (busy, other) = (tenant(1), tenant(2));
        publish(&busy).unwrap();
        change(&busy).unwrap();
        for _ in 0..100 {
            assert_eq!(publish(&busy).unwrap_err().subject, "tenants/tenant-1");
            assert_eq!(change(&busy).unwrap_err().subject, "tenants/tenant-1");
        }
        publish(&other).unwrap();
        change(&other).unwrap();
        // And the other way round.
        assert_eq!(publish(&tenant(3)).unwrap_err().subject, "gateway");
        limits.take_of_both(RatedCall::Publish, "another", &tenant(3)).unwrap();
    }

    #[test]
    fn sign_ins_are_counted_apart() {
        let limits = limits(|settings| {
            settings.max_remembered_keys = 10;
            settings.sign_ins_per_second_per_tenant = 2;
            settings.sign_ins_per_second_per_caller = 1;
            settings.administration_calls_per_second_per_caller = 1;
        });
        let sign_in = |who: &str| limits.take_of_both(RatedCall::SignIn, who, &tenant(1));
        sign_in("portal:1").unwrap();
        let refused = sign_in("portal:1").unwrap_err();
        assert_eq!(refused.setting, "rates.sign_ins_per_second_per_caller");
        sign_in("portal:2").unwrap();
        assert_eq!(sign_in("portal:3").unwrap_err().subject, "tenants/tenant-1");
        limits.take_of_caller(RatedCall::Administration, "portal:1").unwrap();
    }

    #[test]
    fn so_many_are_remembered() {
        let limits = limits(|settings| settings.administration_calls_per_second_per_tenant = 1);
        let change =
            |tenant: &TenantId| limits.take_of_tenant(RatedCall::Administration, "a", tenant);
        for number in 0..100 {
            change(&tenant(number)).unwrap();
            assert!(limits.0.budgets.lock().len() <= 2);
        }
        // Who calls all the time is remembered.
        assert!(change(&tenant(99)).is_err());
    }
}
