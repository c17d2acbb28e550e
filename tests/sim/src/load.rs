//! What is published, to whom, and how they answer.
//!
//! Fed by the seed; feeds replicas with events and receivers with their moods, and
//! `judge` with what was acknowledged. Guarantees that a publisher tries again with its
//! key until it is told that its event is durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use postrider_domain::event::EventContent;
use postrider_domain::ids::{EventId, SubscriptionKey, TenantId};
use postrider_domain::retry::{RetryPolicy, RetryTimetable};
use postrider_domain::subscription::{
    self, ExhaustedKeyPolicy, Subscription, SubscriptionConfig, SubscriptionStatus,
};
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::StoppedClock;
use postrider_identity::AuditOrigin;
use postrider_store::{ConfigStore as _, WriteError};

use crate::receiver::REQUEST_TIMEOUT;
use crate::world::World;
use crate::{agent, entropy, process};

/// How long a publisher waits for an answer.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(4);
/// After this all receivers are well.
pub const RECOVERY_TIME: Duration = Duration::from_secs(25);
const DELAYS_MS: [u64; 7] = [200, 400, 800, 1500, 3000, 6000, 12_000];

/// A subscription, and how its receiver is.
pub struct Plan {
    pub key: SubscriptionKey,
    pub per_key: bool,
    pub max_in_flight: Option<u32>,
    pub rate: Option<u32>,
    region: &'static str,
    fails: usize,
    hangs: usize,
    slow_ms: u64,
}

impl Plan {
    fn draw(tenant: &TenantId, number: usize) -> Self {
        let moods = [(0, 0, 20), (0, 0, 300), (20, 5, 100), (60, 10, 50)];
        let (fails, hangs, slow_ms) = moods[entropy::below(moods.len())];
        let subscription = format!("s{number}").parse().expect("a name");
        Self {
            key: SubscriptionKey { tenant: tenant.clone(), subscription },
            per_key: entropy::percent(50),
            max_in_flight: entropy::percent(40).then(|| 1 + entropy::below(3) as u32),
            rate: entropy::percent(25).then(|| 2 + entropy::below(8) as u32),
            region: agent::region(entropy::below(2)),
            fails,
            hangs,
            slow_ms,
        }
    }

    /// The status of the next answer, if one comes in time, and how long it takes.
    pub fn answer(&self) -> (Option<u32>, Duration) {
        let takes = entropy::millis(1, self.slow_ms);
        let well = entropy::elapsed() > RECOVERY_TIME;
        if !well && entropy::percent(self.hangs) {
            return (None, REQUEST_TIMEOUT);
        }
        let fails = !well && entropy::percent(self.fails);
        (Some(if fails { 500 } else { 200 }), takes)
    }

    fn subscription(&self) -> Subscription {
        let ordering = match self.per_key {
            true => subscription::DeliveryOrdering::PerKey,
            false => subscription::DeliveryOrdering::Unordered,
        };
        let delays = DELAYS_MS.into_iter().map(Duration::from_millis).collect();
        let settings = SubscriptionConfig {
            url: "https://receiver.example/".to_owned(),
            event_types: vec!["payment.*".parse().expect("a pattern")],
            region: self.region.parse().expect("a region"),
            retry: RetryPolicy {
                timetable: RetryTimetable::List(delays),
                ..RetryPolicy::default()
            },
            request_timeout: REQUEST_TIMEOUT,
            max_requests_per_second: self.rate,
            max_in_flight: self.max_in_flight,
            schemes: Vec::new(),
            ordering,
            exhausted_key: ExhaustedKeyPolicy::GoOn,
            ..SubscriptionConfig::default()
        };
        Subscription {
            tenant: self.key.tenant.clone(),
            id: self.key.subscription.clone(),
            status: SubscriptionStatus::Enabled,
            status_reason: String::new(),
            settings,
            signing_keys: Vec::new(),
            paused_clock: StoppedClock::default(),
            revision: 1,
            request_revision: 1,
            create_time: process::now(),
            update_time: process::now(),
            delete_time: None,
        }
    }
}

/// All of it.
pub struct Load {
    pub tenants: Vec<TenantId>,
    pub plans: Vec<Plan>,
    /// Events that were acknowledged, by the keys of their publishers.
    acknowledged: Mutex<BTreeMap<String, (TenantId, EventId)>>,
    publishing: AtomicUsize,
}

impl Load {
    pub fn draw() -> Self {
        let count = 1 + entropy::below(3);
        let tenant = |number| format!("tenant-{number}").parse().expect("a name");
        let tenants: Vec<TenantId> = (0..count).map(tenant).collect();
        let mut plans = Vec::new();
        for tenant in &tenants {
            plans.extend((0..=entropy::below(3)).map(|number| Plan::draw(tenant, number)));
        }
        Self { tenants, plans, acknowledged: Mutex::default(), publishing: AtomicUsize::new(0) }
    }

    /// Stores tenants and subscriptions.
    pub async fn configure(&self, world: &World) -> Result<(), WriteError> {
        let now = process::now();
        let audit = AuditOrigin::command("a simulation").draft("tenants", now);
        for id in &self.tenants {
            let tenant = Tenant {
                id: id.clone(),
                display_name: String::new(),
                allow_insecure_urls: false,
                labels: BTreeMap::new(),
                retention: TenantRetention::default(),
                config_version: 1,
                revision: 1,
                create_time: now,
                update_time: now,
                delete_time: None,
            };
            world.store.create_tenant(&tenant, &audit).await?;
        }
        for plan in &self.plans {
            world.store.create_subscription(&plan.subscription(), usize::MAX, &audit).await?;
        }
        Ok(())
    }

    pub fn plan(&self, tenant: &str, subscription: &str) -> Option<(usize, &Plan)> {
        self.plans.iter().enumerate().find(|(_, plan)| {
            plan.key.tenant.as_str() == tenant && plan.key.subscription.as_str() == subscription
        })
    }

    pub fn is_published(&self) -> bool {
        self.publishing.load(Ordering::Relaxed) == 0
    }

    pub fn acknowledged(&self) -> Vec<(String, TenantId, EventId)> {
        let all = self.acknowledged.lock();
        all.iter().map(|(key, (tenant, event))| (key.clone(), tenant.clone(), *event)).collect()
    }

    /// Starts the publishers.
    pub fn begin(&self, world: &Arc<World>) {
        for tenant in &self.tenants {
            for name in ["a", "b"] {
                self.publishing.fetch_add(1, Ordering::Relaxed);
                let (world, tenant) = (Arc::clone(world), tenant.clone());
                tokio::spawn(async move {
                    let (events, pause) = (5 + entropy::below(20), 200 + entropy::next() % 1400);
                    for number in 0..events {
                        tokio::time::sleep(entropy::millis(0, pause)).await;
                        publish(&world, &tenant, format!("{name}{number}")).await;
                    }
                    world.load.publishing.fetch_sub(1, Ordering::Relaxed);
                });
            }
        }
    }
}

/// Publishes an event until that is acknowledged.
async fn publish(world: &World, tenant: &TenantId, key: String) {
    let ordered = entropy::percent(70).then(|| format!("k{}", entropy::below(3)));
    let payload = format!("{}|{key}", ordered.as_deref().unwrap_or_default());
    let content = EventContent {
        ordering_key: ordered,
        idempotency_key: Some(key.clone()),
        ..EventContent::new(
            "payment.completed".to_owned(),
            "text/plain".to_owned(),
            Bytes::from(payload),
        )
    };
    loop {
        let places = world.replicas.lock().len();
        let place = entropy::below(places);
        if let Some(replica) = world.replica(place) {
            let publisher = replica.flow.publisher;
            let answer = tokio::time::timeout(
                PUBLISH_TIMEOUT,
                publisher.publish(tenant, content.clone(), None),
            )
            .await;
            if let Ok(Ok(answer)) = answer {
                let event = answer.event;
                world.note(format_args!("published {tenant} {key} as {event} by {place}"));
                let name = format!("{tenant}/{key}");
                world.load.acknowledged.lock().insert(name, (tenant.clone(), event));
                return;
            }
        }
        tokio::time::sleep(entropy::millis(50, 800)).await;
    }
}
