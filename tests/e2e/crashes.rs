//! Processes that die, or are asked to stop, with deliveries in flight.
//!
//! Fed by real clusters on both engines; feeds the verdict of
//! [`postrider_tests::history`]. Guarantees that each round can be told apart
//! by its printed seed: POSTRIDER_TEST_SEED repeats one, POSTRIDER_TEST_ROUNDS
//! asks for more.

use std::collections::HashMap;
use std::env;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future, stream};
use postrider_proto::v1::{AttemptOutcome, DeliveryState, Subscription};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::history::{self, Pair, Story};
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::stage::{REGION, SOON};

const ROUNDS: u64 = 3;
const EVENTS: usize = 400;
const PUBLISHERS: usize = 16;
const SLOW: Duration = Duration::from_millis(300);
/// A lease, an agent's silence and a retry or two, on a busy machine.
const SETTLED_LIMIT: Duration = Duration::from_secs(90);
/// What is in flight takes 1.5 s; the rest is a busy machine's. Much less than
/// `server.drain_timeout_seconds`, after which a control plane gives up waiting.
const GRACE: Duration = Duration::from_secs(12);
const EVENT_TYPE: &str = "payment.completed";
const ENDED: &str = "state = SUCCEEDED";

#[derive(Clone, Copy, Debug)]
enum Victim {
    Agent,
    ControlPlane,
    Both,
}

pub fn variable<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

/// Retried soon and often, so that nothing ends but by success.
fn patient(url: &str) -> Subscription {
    let delays = [Duration::from_millis(200); 40];
    Subscription {
        retry_policy: Some(fixed_delays(&delays).unwrap()),
        region: REGION.to_owned(),
        ..subscription(url, &["*"])
    }
}

// --- rounds of kill -9 ----------------------------------------------------------

/// A round's tenants, and which path belongs to which subscription.
struct Round {
    tenants: Vec<String>,
    /// Subscriptions of each tenant.
    subscriptions: HashMap<String, Vec<String>>,
    /// The subscription that posts to a path.
    paths: HashMap<String, String>,
}

impl Round {
    /// One tenant with a quick receiver, one with a quick and a slow one.
    async fn prepare(api: &mut Api, receiver: &Receiver, number: u64) -> Self {
        let mut round =
            Self { tenants: Vec::new(), subscriptions: HashMap::new(), paths: HashMap::new() };
        for (name, paths) in [("calm", &["quick"][..]), ("busy", &["quick", "slow"])] {
            let id = format!("{name}-{number}");
            let tenant = api.create_tenant(&id).await.unwrap();
            for path in paths {
                let path = format!("/{id}/{path}");
                let answer = if path.ends_with("slow") { SLOW } else { Duration::ZERO };
                receiver.script(&path, [Answer::ok().after(answer).into()]);
                let made = api.subscribe(&tenant, patient(&receiver.url(&path))).await;
                let made = made.unwrap().name;
                round.paths.insert(path, made.clone());
                let of_tenant = round.subscriptions.entry(tenant.clone()).or_default();
                of_tenant.push(made);
            }
            round.tenants.push(tenant);
        }
        round
    }

    /// Publishes until every event is acknowledged, as a careful publisher
    /// would: with its key, again and again. Returns what is owed.
    async fn publish(&self, api: &Api, acknowledged: &AtomicUsize) -> Vec<Pair> {
        let published = stream::iter(0..EVENTS).map(|number| {
            let mut api = api.clone();
            let tenant = self.tenants[number % self.tenants.len()].clone();
            async move {
                let key = format!("key-{number}");
                let payload = format!("{{\"number\":{number}}}");
                let deadline = Instant::now() + SETTLED_LIMIT;
                let name = loop {
                    let published = api.publish(&tenant, event(EVENT_TYPE, &payload), &key);
                    match published.await {
                        Ok(answer) => break answer.event,
                        Err(status) if Instant::now() > deadline => panic!("{key}: {status}"),
                        Err(_) => sleep(Duration::from_millis(50)).await,
                    }
                };
                acknowledged.fetch_add(1, Ordering::Relaxed);
                let subscriptions = self.subscriptions[&tenant].iter();
                let owed = subscriptions.map(move |one| (name.clone(), one.clone()));
                owed.collect::<Vec<_>>()
            }
        });
        published.buffer_unordered(PUBLISHERS).concat().await
    }

    /// Waits until every delivery has ended, and reads everything.
    async fn story(&self, api: &Api, receiver: &Receiver, owed: Vec<Pair>) -> Story {
        let mut deliveries = Vec::new();
        for tenant in &self.tenants {
            let unfinished = "state != SUCCEEDED";
            api.wait_for_deliveries(tenant, unfinished, 0, SETTLED_LIMIT).await.unwrap();
            let of_tenant = api.clone().all_deliveries(tenant, "").await.unwrap();
            deliveries.extend(of_tenant);
        }
        let with_attempts = stream::iter(deliveries).map(|delivery| {
            let mut api = api.clone();
            async move {
                let attempts = api.attempts(&delivery.name).await?;
                Ok::<_, tonic::Status>((delivery, attempts))
            }
        });
        let deliveries = with_attempts.buffer_unordered(PUBLISHERS).try_collect();
        let deliveries = deliveries.await.unwrap();
        let posts = self.paths.iter().flat_map(|(path, subscription)| {
            let (tenant, _) = subscription.split_once("/subscriptions/").unwrap();
            let requests = receiver.requests_to(path).into_iter();
            requests.map(move |request| {
                let event = format!("{tenant}/events/{}", request.webhook_id());
                (event, subscription.clone())
            })
        });
        let posts = posts.collect();
        Story { owed, posts, deliveries }
    }
}

/// `kill -9` in the middle of the load, and a restart a moment later.
async fn strike(cluster: &mut Cluster, victim: Victim, pause: Duration) {
    let (agent, control_plane) = match victim {
        Victim::Agent => (true, false),
        Victim::ControlPlane => (false, true),
        Victim::Both => (true, true),
    };
    if agent {
        cluster.agents[0].kill().await.unwrap();
    }
    if control_plane {
        cluster.replicas[0].kill().await.unwrap();
    }
    sleep(pause).await;
    if control_plane {
        cluster.replicas[0].start_again().await.unwrap();
    }
    if agent {
        cluster.agents[0].start_again().unwrap();
    }
}

async fn round(cluster: &mut Cluster, receiver: &Receiver, number: u64, seed: u64) {
    let victim =
        [Victim::Agent, Victim::ControlPlane, Victim::Both][usize::try_from(number).unwrap() % 3];
    let mut random = StdRng::seed_from_u64(seed);
    let kill_after = random.random_range(EVENTS / 8..EVENTS * 3 / 4);
    let pause = Duration::from_millis(random.random_range(0..500));
    println!("round {number}: seed {seed}, {victim:?} after {kill_after} events for {pause:?}");
    let begun = Instant::now();

    let mut api = cluster.api().unwrap();
    let prepared = Round::prepare(&mut api, receiver, number).await;
    let acknowledged = AtomicUsize::new(0);
    let killing = async {
        while acknowledged.load(Ordering::Relaxed) < kill_after {
            sleep(Duration::from_millis(2)).await;
        }
        strike(cluster, victim, pause).await;
    };
    let (owed, ()) = future::join(prepared.publish(&api, &acknowledged), killing).await;
    let story = prepared.story(&api, receiver, owed).await;
    let faults = history::faults(&story);
    assert!(faults.is_empty(), "round {number}, seed {seed}: {faults:#?}");

    let attempts = story.deliveries.iter().flat_map(|(_, attempts)| attempts);
    let unknown = attempts.filter(|attempt| attempt.outcome() == AttemptOutcome::Unknown);
    println!(
        "round {number}: {} deliveries, {} POSTs, {} UNKNOWN, {:?}",
        story.deliveries.len(),
        story.posts.len(),
        unknown.count(),
        begun.elapsed()
    );
}

async fn rounds(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let seed = variable("POSTRIDER_TEST_SEED").unwrap_or_else(rand::random::<u32>);
    for number in 0..variable("POSTRIDER_TEST_ROUNDS").unwrap_or(ROUNDS) {
        let seed = u64::from(seed) + number;
        round(&mut cluster, &receiver, number, seed).await;
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    rounds(Engine::Sqlite).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_on_postgres() {
    rounds(Engine::Postgres).await;
}

// --- what an agent holds outlives the control plane -----------------------------

/// Every delivery of the tenant was POSTed once and succeeded by its only attempt.
async fn assert_delivered_once(api: &Api, tenant: &str, receiver: &Receiver, path: &str, n: usize) {
    let deliveries = api.wait_for_deliveries(tenant, ENDED, n, SOON);
    for delivery in deliveries.await.unwrap() {
        let attempts = api.clone().attempts(&delivery.name).await.unwrap();
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome()).collect();
        assert_eq!(outcomes, [AttemptOutcome::Succeeded], "{}: {attempts:#?}", delivery.name);
    }
    assert_eq!(receiver.received_at(path), u64::try_from(n).unwrap());
}

/// A tenant with one subscription to `/path`.
async fn tenant_with(api: &mut Api, receiver: &Receiver, path: &str) -> String {
    let tenant = api.create_tenant(path).await.unwrap();
    let url = receiver.url(&format!("/{path}"));
    api.subscribe(&tenant, patient(&url)).await.unwrap();
    tenant
}

async fn publish_many(api: &mut Api, tenant: &str, count: usize) {
    for number in 0..count {
        let payload = format!("{{\"number\":{number}}}");
        let published = api.publish(tenant, event(EVENT_TYPE, &payload), "");
        published.await.unwrap();
    }
}

/// Killed and started again while the receiver thinks for 3 s: one POST.
async fn results_wait_in_the_agent(cluster: &mut Cluster, receiver: &Receiver) {
    println!("results wait in the agent");
    let mut api = cluster.api().unwrap();
    let tenant = tenant_with(&mut api, receiver, "thinking").await;
    let answer = Answer::ok().after(Duration::from_secs(3));
    receiver.script("/thinking", [answer.into()]);
    publish_many(&mut api, &tenant, 5).await;
    receiver.wait_for_at("/thinking", 5, SOON).await.unwrap();
    cluster.replicas[0].kill().await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    assert_delivered_once(&api, &tenant, receiver, "/thinking", 5).await;
}

/// Answered while the control plane is down: the agent keeps the results.
async fn results_wait_for_a_control_plane(cluster: &mut Cluster, receiver: &Receiver) {
    println!("results wait for a control plane");
    let mut api = cluster.api().unwrap();
    let tenant = tenant_with(&mut api, receiver, "answered").await;
    let gate = Gate::closed();
    receiver.script("/answered", [held(&gate)]);
    publish_many(&mut api, &tenant, 5).await;
    receiver.wait_for_at("/answered", 5, SOON).await.unwrap();
    cluster.replicas[0].kill().await.unwrap();
    gate.open();
    sleep(Duration::from_millis(300)).await; // for the answers to arrive
    cluster.replicas[0].start_again().await.unwrap();
    assert_delivered_once(&api, &tenant, receiver, "/answered", 5).await;
}

// --- SIGTERM --------------------------------------------------------------------

/// SIGTERM of the control plane: it waits for what is in flight and records it.
/// The agent is gone before anybody could ask it.
async fn a_stopping_control_plane_records(cluster: &mut Cluster, receiver: &Receiver) {
    println!("a stopping control plane records what is in flight");
    let mut api = cluster.api().unwrap();
    let tenant = tenant_with(&mut api, receiver, "stopping").await;
    let answer = Answer::ok().after(Duration::from_millis(1500));
    receiver.script("/stopping", [answer.into()]);
    publish_many(&mut api, &tenant, 10).await;
    receiver.wait_for_at("/stopping", 10, SOON).await.unwrap();
    let begun = Instant::now();
    cluster.replicas[0].stop().await.unwrap();
    let took = begun.elapsed();
    assert!(took < GRACE, "the control plane took {took:?} to stop");
    println!("stopped in {took:?}");
    cluster.agents[0].kill().await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    assert_delivered_once(&api, &tenant, receiver, "/stopping", 10).await;
    cluster.agents[0].start_again().unwrap();
    cluster.wait_for_agents().await.unwrap();
}

/// SIGTERM of the agent: it finishes and reports what it holds; what is
/// published afterwards waits for the next one.
async fn a_stopping_agent_finishes(cluster: &mut Cluster, receiver: &Receiver) {
    println!("a stopping agent finishes what it holds");
    let mut api = cluster.api().unwrap();
    let tenant = tenant_with(&mut api, receiver, "leaving").await;
    let answer = Answer::ok().after(Duration::from_millis(1500));
    receiver.script("/leaving", [answer.into()]);
    publish_many(&mut api, &tenant, 10).await;
    receiver.wait_for_at("/leaving", 10, SOON).await.unwrap();
    let begun = Instant::now();
    cluster.agents[0].stop().await.unwrap();
    println!("stopped in {:?}", begun.elapsed());
    assert_delivered_once(&api, &tenant, receiver, "/leaving", 10).await;
    receiver.script("/leaving", [ok()]);
    let late = api.publish(&tenant, event(EVENT_TYPE, "{}"), "");
    let late = late.await.unwrap().event;
    cluster.agents[0].start_again().unwrap();
    assert_delivered_once(&api, &tenant, receiver, "/leaving", 11).await;
    let delivery = api.deliveries_of(&late).await.unwrap().remove(0);
    assert_eq!(delivery.state(), DeliveryState::Succeeded);
}

/// SIGTERM with nothing in flight.
async fn an_idle_control_plane_stops_at_once(cluster: &mut Cluster) {
    println!("an idle control plane stops at once");
    let begun = Instant::now();
    cluster.replicas[0].stop().await.unwrap();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "it took {took:?}");
}

async fn stops_and_kills(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    results_wait_in_the_agent(&mut cluster, &receiver).await;
    results_wait_for_a_control_plane(&mut cluster, &receiver).await;
    a_stopping_control_plane_records(&mut cluster, &receiver).await;
    a_stopping_agent_finishes(&mut cluster, &receiver).await;
    an_idle_control_plane_stops_at_once(&mut cluster).await;
}

#[tokio::test]
async fn what_is_in_flight_survives_on_sqlite() {
    stops_and_kills(Engine::Sqlite).await;
}

#[tokio::test]
async fn what_is_in_flight_survives_on_postgres() {
    stops_and_kills(Engine::Postgres).await;
}
