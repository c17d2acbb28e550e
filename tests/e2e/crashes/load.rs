//! A round's load: who publishes what to whom.
//!
//! Fed by a cluster, a receiver and a seed; feeds publishers and the witness.
//! Guarantees several tenants, all three ways to publish, quick, slow and failing
//! receivers, order and none, two regions, and a subscription that gives up.

use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{Event, Ordering, PublishEventRequest, Subscription};
use postrider_tests::api::Api;
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Behaviour, ok, status};
use rand::RngExt;
use rand::rngs::StdRng;

use crate::stage::DEFAULT_REGION;

pub const TENANT_COUNT: usize = 3;
/// Of each publisher, of which a tenant has three.
pub const KEY_COUNT: usize = 6;
pub const EVENTS_PER_KEY: usize = 8;
pub const PUBLISHER_COUNT: usize = 3;
pub const TOTAL_EVENTS: usize = TENANT_COUNT * PUBLISHER_COUNT * KEY_COUNT * EVENTS_PER_KEY;
/// One key's events are of a type that the last tenant does not ask for.
const UNWANTED_KEY: usize = KEY_COUNT - 1;
const SLOW_RESPONSE: Duration = Duration::from_millis(120);
/// Answers drawn for a receiver that fails now and then; the rest are good.
const RANDOM_SUBSCRIPTIONS: usize = 600;

/// How a receiver answers.
#[derive(Clone, Copy)]
enum ReceiverManner {
    Quick,
    Slow,
    /// So many of a hundred requests fail.
    Failing(u32),
}

/// What a round's subscription is like.
struct SubscriptionPlan {
    tenant: usize,
    path: &'static str,
    here: bool,
    manner: ReceiverManner,
    ordered: bool,
    brief: bool,
}

const fn wish(
    tenant: usize,
    path: &'static str,
    here: bool,
    manner: ReceiverManner,
) -> SubscriptionPlan {
    SubscriptionPlan { tenant, path, here, manner, ordered: false, brief: false }
}

const SUBSCRIPTION_PLANS: [SubscriptionPlan; 7] = [
    wish(0, "quick", true, ReceiverManner::Quick),
    wish(1, "failing", false, ReceiverManner::Failing(20)),
    wish(1, "slow", true, ReceiverManner::Slow),
    SubscriptionPlan { ordered: true, ..wish(1, "ordered", true, ReceiverManner::Failing(5)) },
    SubscriptionPlan { ordered: true, ..wish(2, "ordered", false, ReceiverManner::Failing(20)) },
    SubscriptionPlan { brief: true, ..wish(2, "brief", true, ReceiverManner::Failing(60)) },
    wish(2, "quick", false, ReceiverManner::Quick),
];

/// A subscription that was made.
pub struct CreatedSubscription {
    pub name: String,
    pub path: String,
    pub brief: bool,
}

pub struct Tenant {
    pub name: String,
    pub subscriptions: Vec<CreatedSubscription>,
    /// Whether it wants every type of event.
    wants_all: bool,
}

impl Tenant {
    /// How many subscriptions match a key's events.
    pub fn matched(&self, key: usize) -> usize {
        if key == UNWANTED_KEY && !self.wants_all { 0 } else { self.subscriptions.len() }
    }
}

/// Makes a round's tenants and subscriptions.
pub async fn prepare(
    api: &mut Api,
    receiver: &Receiver,
    random: &mut StdRng,
    round: u64,
    other_region: &str,
) -> Vec<Tenant> {
    let mut tenants = Vec::new();
    for number in 0..TENANT_COUNT {
        let id = format!("tenant-{round}-{number}");
        let name = api.create_tenant(&id).await.unwrap();
        tenants.push(Tenant { name, subscriptions: Vec::new(), wants_all: number < 2 });
    }
    for wish in &SUBSCRIPTION_PLANS {
        let tenant = &mut tenants[wish.tenant];
        let path = format!("/{round}/{}/{}", wish.tenant, wish.path);
        receiver.script(&path, behaviours(wish.manner, random));
        let region = if wish.here { DEFAULT_REGION } else { other_region };
        let types: &[&str] = if tenant.wants_all { &["*"] } else { &["payment.*"] };
        let wanted = wanted(wish, &receiver.url(&path), types, region);
        let name = api.subscribe(&tenant.name, wanted).await.unwrap().name;
        tenant.subscriptions.push(CreatedSubscription { name, path, brief: wish.brief });
    }
    tenants
}

fn behaviours(manner: ReceiverManner, random: &mut StdRng) -> Vec<Behaviour> {
    match manner {
        ReceiverManner::Quick => vec![ok()],
        ReceiverManner::Slow => vec![Answer::ok().after(SLOW_RESPONSE).into()],
        ReceiverManner::Failing(percent) => {
            let drawn = (0..RANDOM_SUBSCRIPTIONS).map(|_| {
                if random.random_range(0..100) >= percent {
                    return ok();
                }
                match random.random_range(0..4) {
                    0 => Behaviour::CloseBeforeAnswer,
                    1 => status(StatusCode::INTERNAL_SERVER_ERROR),
                    _ => status(StatusCode::SERVICE_UNAVAILABLE),
                }
            });
            drawn.chain([ok()]).collect()
        }
    }
}

/// Retried soon and often, so that only the brief one gives up; with attempts so
/// short that one whose agent died is soon over.
fn wanted(wish: &SubscriptionPlan, url: &str, types: &[&str], region: &str) -> Subscription {
    let delays = if wish.brief { 2 } else { 50 };
    let delays = vec![Duration::from_millis(100); delays];
    let mut wanted = Subscription {
        retry_policy: Some(fixed_delays(&delays).unwrap()),
        request_timeout: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        region: region.to_owned(),
        ..subscription(url, types)
    };
    if wish.ordered {
        wanted.set_ordering(Ordering::PerKey);
    }
    wanted
}

/// An event of a publisher's key, with the idempotency key that makes it safe to
/// publish again.
pub fn request(tenant: &Tenant, publisher: &str, key: usize, place: usize) -> PublishEventRequest {
    let event_type = if key == UNWANTED_KEY { "payout.sent" } else { "payment.completed" };
    let event = Event {
        ordering_key: format!("{publisher}-{key}"),
        ..event(event_type, &format!("{{\"place\":{place}}}"))
    };
    PublishEventRequest {
        parent: tenant.name.clone(),
        event: Some(event),
        idempotency_key: format!("{publisher}-{key}-{place}"),
    }
}
