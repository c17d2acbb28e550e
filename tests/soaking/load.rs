//! Who publishes what to whom in a round.
//!
//! Fed by options and a round's number; feeds the round with what publishers were promised.
//! Guarantees a constant pace, all of a key's events in order, and a subscription of each
//! kind for each tenant: quick, slow, failing, ordered, one that gives up and one that will be
//! deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use http::StatusCode;
use parking_lot::Mutex;
use postrider_proto::v1::{
    Event, Ordering as KeyOrdering, PublishEventRequest, PublishEventResponse,
    PublishEventsRequest, Subscription, publish_result,
};
use postrider_tests::api::Api;
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Behaviour, ok, status};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::{MissedTickBehavior, interval};
use tonic::{Code, Status};

use crate::persistence::persist;
use crate::site::REGION_NAME;

pub const TENANT_COUNT: usize = 3;
/// Of each tenant; each has a publisher of its own.
const KEY_COUNT: usize = 4;
/// One event in so many is published in a batch.
const BATCH_PERIOD: usize = 5;
const MAX_FILLER_BYTES: usize = 4 << 10;
const SLOW_RESPONSE: Duration = Duration::from_millis(150);
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// So that some wait when their subscription is deleted.
const DOOMED_RETRY_DELAY: Duration = Duration::from_secs(1);
/// As many as a policy may have.
const PATIENT_RETRIES: usize = 50;
const BRIEF_RETRIES: usize = 2;
/// Answers drawn for a receiver that fails; afterwards it is well.
const DRAWN_ANSWERS: usize = 500;

/// What a subscription is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionKind {
    Quick,
    Slow,
    Failing,
    Ordered,
    Brief,
    Doomed,
}

const ALL_KINDS: [SubscriptionKind; 6] = [
    SubscriptionKind::Quick,
    SubscriptionKind::Slow,
    SubscriptionKind::Failing,
    SubscriptionKind::Ordered,
    SubscriptionKind::Brief,
    SubscriptionKind::Doomed,
];

impl SubscriptionKind {
    /// How many of a hundred requests its receiver refuses.
    const fn failing_percent(self) -> u32 {
        match self {
            Self::Quick | Self::Slow => 0,
            Self::Ordered => 5,
            Self::Failing => 20,
            Self::Brief | Self::Doomed => 50,
        }
    }

    fn behaviours(self, random: &mut StdRng) -> Vec<Behaviour> {
        match self {
            Self::Quick => return vec![ok()],
            Self::Slow => return vec![Answer::ok().after(SLOW_RESPONSE).into()],
            Self::Failing | Self::Ordered | Self::Brief | Self::Doomed => {}
        }
        let drawn = (0..DRAWN_ANSWERS).map(|_| {
            if random.random_range(0..100) >= self.failing_percent() {
                return ok();
            }
            match random.random_range(0..3) {
                0 => Behaviour::CloseBeforeAnswer,
                1 => status(StatusCode::INTERNAL_SERVER_ERROR),
                _ => status(StatusCode::SERVICE_UNAVAILABLE),
            }
        });
        drawn.chain([ok()]).collect()
    }

    fn delays(self) -> Vec<Duration> {
        match self {
            Self::Brief => vec![RETRY_DELAY; BRIEF_RETRIES],
            Self::Doomed => vec![DOOMED_RETRY_DELAY; PATIENT_RETRIES],
            Self::Quick | Self::Slow | Self::Failing | Self::Ordered => {
                vec![RETRY_DELAY; PATIENT_RETRIES]
            }
        }
    }
}

/// A subscription of a round.
pub struct SoakedSubscription {
    pub kind: SubscriptionKind,
    pub name: String,
    pub path: String,
    pub url: String,
    /// All that ever signed for it, the newest last.
    pub secrets: Mutex<Vec<String>>,
    pub is_deleted: AtomicBool,
}

/// A tenant of a round.
pub struct SoakedTenant {
    pub name: String,
    pub subscriptions: Vec<SoakedSubscription>,
}

/// A secret that nobody had before.
pub fn new_secret() -> String {
    format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()))
}

/// Makes a round's tenants and subscriptions.
pub async fn prepare(
    apis: &[Api],
    receiver: &Receiver,
    random: &mut StdRng,
    round: u64,
) -> Result<Vec<SoakedTenant>> {
    let mut api = apis.first().context("a replica")?.clone();
    // Distinct over soaks on one database, too.
    let run = random.random_range(0..u32::MAX);
    let mut tenants = Vec::new();
    for number in 0..TENANT_COUNT {
        let name = api.create_tenant(&format!("soak-{run:08x}-{round}-{number}")).await?;
        let mut subscriptions = Vec::new();
        for kind in ALL_KINDS {
            let path = format!("/{round}/{number}/{kind:?}");
            receiver.script(&path, kind.behaviours(random));
            subscriptions.push(subscribe(&mut api, receiver, &name, kind, path).await?);
        }
        tenants.push(SoakedTenant { name, subscriptions });
    }
    Ok(tenants)
}

async fn subscribe(
    api: &mut Api,
    receiver: &Receiver,
    tenant: &str,
    kind: SubscriptionKind,
    path: String,
) -> Result<SoakedSubscription> {
    let (url, secret) = (receiver.url(&path), new_secret());
    let mut wanted = Subscription {
        retry_policy: Some(fixed_delays(&kind.delays())?),
        // One whose agent died is soon over.
        request_timeout: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        region: REGION_NAME.to_owned(),
        signing_secret: secret.clone(),
        ..subscription(&url, &["*"])
    };
    if kind == SubscriptionKind::Ordered {
        wanted.set_ordering(KeyOrdering::PerKey);
    }
    let name = api.subscribe(tenant, wanted).await?.name;
    let (secrets, is_deleted) = (Mutex::new(vec![secret]), AtomicBool::new(false));
    Ok(SoakedSubscription { kind, name, path, url, secrets, is_deleted })
}

/// What a publisher of a key was promised, in the order of the key.
pub struct KeyPromises {
    /// The tenant's place.
    pub tenant: usize,
    pub events: Vec<String>,
}

/// All publishers of a round, at a constant pace until they are told to stop.
pub async fn publish(
    apis: &[Api],
    tenants: &[SoakedTenant],
    events_per_second: u32,
    stop: &AtomicBool,
) -> Result<Vec<KeyPromises>> {
    let publishers = u32::try_from(tenants.len() * KEY_COUNT)?;
    let pause = Duration::from_secs(1) * publishers / events_per_second;
    let all = (0..tenants.len()).flat_map(|tenant| (0..KEY_COUNT).map(move |key| (tenant, key)));
    let publishing = all.map(|(place, key)| async move {
        let tenant = tenants.get(place).context("a tenant")?;
        let events = publish_key(apis, &tenant.name, key, pause, stop).await?;
        anyhow::Ok(KeyPromises { tenant: place, events })
    });
    try_join_all(publishing).await
}

async fn publish_key(
    apis: &[Api],
    tenant: &str,
    key: usize,
    pause: Duration,
    stop: &AtomicBool,
) -> Result<Vec<String>> {
    let mut ticks = interval(pause);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut events = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let place = events.len();
        let request = request(tenant, key, place);
        let published = persist(apis, key + place, |api| {
            let request = request.clone();
            async move {
                match place % BATCH_PERIOD {
                    0 => publish_in_a_batch(api, request).await,
                    _ => publish_alone(api, request).await,
                }
            }
        });
        let answer = published.await.with_context(|| format!("{tenant}, key {key}, {place}"))?;
        if events.contains(&answer.event) {
            bail!("two events are one: {}", answer.event);
        }
        events.push(answer.event);
    }
    Ok(events)
}

fn request(tenant: &str, key: usize, place: usize) -> PublishEventRequest {
    let filler = "x".repeat(rand::random_range(0..MAX_FILLER_BYTES));
    let payload = format!("{{\"place\":{place},\"filler\":\"{filler}\"}}");
    PublishEventRequest {
        parent: tenant.to_owned(),
        event: Some(Event {
            ordering_key: format!("key-{key}"),
            ..event("payment.completed", &payload)
        }),
        idempotency_key: format!("{key}-{place}"),
    }
}

async fn publish_alone(
    mut api: Api,
    request: PublishEventRequest,
) -> Result<PublishEventResponse, Status> {
    Ok(api.events.publish_event(request).await?.into_inner())
}

async fn publish_in_a_batch(
    mut api: Api,
    request: PublishEventRequest,
) -> Result<PublishEventResponse, Status> {
    let batch = PublishEventsRequest { parent: String::new(), requests: vec![request] };
    let results = api.events.publish_events(batch).await?.into_inner().results;
    match results.into_iter().next().and_then(|result| result.result) {
        Some(publish_result::Result::Response(response)) => Ok(response),
        Some(publish_result::Result::Error(error)) => Err(status_of(&error)),
        None => Err(Status::internal("a batch without a result")),
    }
}

/// The error inside an answer, as a call would have given it.
fn status_of(error: &tonic_types::pb::Status) -> Status {
    use prost::Message;
    let details = error.encode_to_vec().into();
    Status::with_details(Code::from_i32(error.code), error.message.clone(), details)
}
