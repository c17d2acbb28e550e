//! Order within a key, through failures and processes that die.
//!
//! Fed by real clusters on both engines, on PostgreSQL with two replicas and two
//! agents. Guarantees, as a receiver sees it, that no event of a key
//! comes before an earlier one or again after a later one, that sequence numbers
//! have no gap, and that the account of it all adds up. `POSTRIDER_TEST_SEED`
//! repeats a round, `POSTRIDER_TEST_ROUNDS` asks for more.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use futures::future;
use http::StatusCode;
use postrider_proto::v1::{
    DeliveryEndReason, Event, ExhaustedKeyPolicy, Ordering as Order, ReleaseOrderingKeyRequest,
    RetryPolicy, Subscription,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::history::{self, CrashHistory, Post};
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::timed::Timed;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::crashes::{first_seed, variable, witness};
use crate::stage::{DEFAULT_REGION, once};

const DEFAULT_ROUNDS: u64 = 3;
const KEY_COUNT: usize = 6;
const EVENTS_PER_KEY: usize = 40;
/// A lease, an agent's silence, and waiting out attempts nobody can account for.
const SETTLED_LIMIT: Duration = Duration::from_secs(120);

/// Ordered, with attempts so short that one whose agent died is soon over.
fn ordered(url: &str) -> Subscription {
    let mut wanted = Subscription {
        retry_policy: Some(fixed_delays(&[Duration::from_millis(50); 50]).unwrap()),
        request_timeout: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        region: DEFAULT_REGION.to_owned(),
        ..subscription(url, &["*"])
    };
    wanted.set_ordering(Order::PerKey);
    wanted
}

/// Publishes a key's events one after the other, each until it is acknowledged, and
/// tells their names.
async fn publish_key(
    apis: &[Api],
    tenant: &str,
    key: usize,
    acknowledged: &AtomicUsize,
) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..EVENTS_PER_KEY {
        let payload = format!("{{\"number\":{number}}}");
        let ordering_key = format!("key-{key}");
        let event = Event { ordering_key, ..event("payment.completed", &payload) };
        let deadline = Instant::now() + SETTLED_LIMIT;
        let mut tries = key + number;
        loop {
            let mut api = apis[tries % apis.len()].clone();
            let once = format!("{key}-{number}");
            match api.publish(tenant, event.clone(), &once).await {
                Ok(answer) => break names.push(answer.event),
                Err(status) if Instant::now() > deadline => panic!("{once}: {status}"),
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
            tries += 1;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    names
}

/// The agent, a replica, or both die and come back.
async fn kill_and_restart(cluster: &mut Cluster, round: u64, pause: Duration) {
    let (agent, replica) = [(true, false), (false, true), (true, true)][(round % 3) as usize];
    if agent {
        cluster.agents[0].kill().await.unwrap();
    }
    if replica {
        cluster.replicas[0].kill().await.unwrap();
    }
    sleep(pause).await;
    if replica {
        cluster.replicas[0].start_again().await.unwrap();
    }
    if agent {
        cluster.agents[0].start_again().unwrap();
    }
}

async fn round(cluster: &mut Cluster, receiver: &Receiver, round: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let all = KEY_COUNT * EVENTS_PER_KEY;
    let kill_after = random.random_range(all / 8..all / 2);
    let pause = Duration::from_millis(random.random_range(0..500));
    println!("round {round}: seed {seed}, killed after {kill_after} events for {pause:?}");
    let begun = SystemTime::now();
    let apis: Vec<Api> =
        (0..cluster.replicas.len()).map(|replica| cluster.api_of(replica).unwrap()).collect();
    let mut api = apis[0].clone();
    let tenant = api.create_tenant(&format!("ordered-{round}")).await.unwrap();
    let path = format!("/ordered/{round}");
    let subscription = api.subscribe(&tenant, ordered(&receiver.url(&path))).await.unwrap().name;
    let bad = |_| match random.random_range(0..4) {
        0 => status(StatusCode::SERVICE_UNAVAILABLE),
        _ => ok(),
    };
    receiver.script(&path, (0..all).map(bad).chain([ok()]));

    let acknowledged = AtomicUsize::new(0);
    let publishing =
        future::join_all((0..KEY_COUNT).map(|key| publish_key(&apis, &tenant, key, &acknowledged)));
    let killing = async {
        while acknowledged.load(Ordering::Relaxed) < kill_after {
            sleep(Duration::from_millis(2)).await;
        }
        kill_and_restart(cluster, round, pause).await;
    };
    let (published, ()) = future::join(publishing, killing).await;
    api.wait_for_deliveries(&tenant, "state != SUCCEEDED", 0, SETTLED_LIMIT).await.unwrap();
    let deliveries = api.all_deliveries(&tenant, "").await.unwrap();
    let posts = receiver.requests_to(&path);
    let names: BTreeSet<String> = published.iter().flatten().cloned().collect();
    let places = published.into_iter().flat_map(|key| key.into_iter().zip(0..));
    let story = CrashHistory {
        owed: names.iter().map(|event| (event.clone(), subscription.clone())).collect(),
        posts: posts.iter().map(|request| Post::of(request, &subscription)).collect(),
        deliveries: witness::with_attempts(&api, deliveries).await,
        places: places.collect(),
        accounts: vec![witness::account(&api, &tenant, names, begun).await],
        ..CrashHistory::default()
    };
    let faults = history::faults(&story);
    assert!(faults.is_empty(), "round {round}, seed {seed}: {faults:#?}");
    println!("round {round}: {} requests for {all} events", posts.len());
}

/// A key that an exhausted delivery holds is held by every replica, and by one that
/// is new, until it is released.
async fn a_held_key_outlives_its_replicas(cluster: &mut Cluster, receiver: &Receiver) {
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("held").await.unwrap();
    receiver.script("/held", [status(StatusCode::BAD_GATEWAY), ok()]);
    let mut wanted = ordered(&receiver.url("/held"));
    wanted.set_exhausted_key_policy(ExhaustedKeyPolicy::Hold);
    wanted.retry_policy = Some(once());
    let name = api.subscribe(&tenant, wanted).await.unwrap().name;
    for number in 0..3 {
        let payload = format!("{{\"number\":{number}}}");
        let event = Event { ordering_key: "a".to_owned(), ..event("payment.completed", &payload) };
        api.publish(&tenant, event, "").await.unwrap();
    }
    api.wait_for_deliveries(&tenant, "state = EXHAUSTED", 1, SETTLED_LIMIT).await.unwrap();
    for replica in &mut cluster.replicas {
        replica.kill().await.unwrap();
    }
    for replica in &mut cluster.replicas {
        replica.start_again().await.unwrap();
    }
    let mut api = cluster.api().unwrap();
    api.wait_for_deliveries(&tenant, "state = HELD", 2, SETTLED_LIMIT).await.unwrap();
    sleep(Duration::from_secs(4)).await; // for a sweep to let go what it must not
    assert_eq!(receiver.received_at("/held"), 1);
    let release = ReleaseOrderingKeyRequest { name, ordering_key: "a".to_owned() };
    assert!(api.subscriptions.release_ordering_key(release).await.unwrap().into_inner().released);
    api.wait_for_deliveries(&tenant, "state = SUCCEEDED", 2, SETTLED_LIMIT).await.unwrap();
    let numbers = receiver.requests_to("/held").into_iter().map(|request| request.body.clone());
    let expected: Vec<String> = (0..3).map(|number| format!("{{\"number\":{number}}}")).collect();
    assert!(numbers.eq(expected), "{:?}", receiver.requests_to("/held"));
}

/// What is behind a held key expires like everything else, on a clock that the test
/// moves.
async fn what_is_held_expires(engine: Engine) {
    let timed = Timed::start(engine).await.unwrap();
    let mut api = timed.api();
    let tenant = api.create_tenant("expiring").await.unwrap();
    let receiver = timed.receiver().await.unwrap();
    receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    let mut wanted = ordered(&receiver.url("/hook"));
    wanted.set_exhausted_key_policy(ExhaustedKeyPolicy::Hold);
    let max_age = Some(prost_types::Duration { seconds: 3600, nanos: 0 });
    wanted.retry_policy = Some(RetryPolicy { max_age, ..once() });
    api.subscribe(&tenant, wanted).await.unwrap();
    let keyed =
        || Event { ordering_key: "a".to_owned(), ..event("payment.completed", "{\"number\":0}") };
    for _ in 0..3 {
        api.publish(&tenant, keyed(), "").await.unwrap();
    }
    let limit = Duration::from_secs(30);
    api.wait_for_deliveries(&tenant, "state = EXHAUSTED", 1, limit).await.unwrap();
    timed.clock.advance(Duration::from_mins(58));
    sleep(Duration::from_secs(4)).await; // for a sweep to end what it must not
    api.wait_for_deliveries(&tenant, "state = HELD", 2, limit).await.unwrap();
    timed.clock.advance(Duration::from_mins(3));
    let ended = api.wait_for_deliveries(&tenant, "state = EXHAUSTED", 3, limit).await.unwrap();
    let expired =
        ended.iter().filter(|delivery| delivery.end_reason() == DeliveryEndReason::Expired);
    assert_eq!(expired.count(), 2);
    assert_eq!(receiver.received(), 1);
    timed.stop().await.unwrap();
}

async fn order_holds(engine: Engine) {
    let mut cluster = match engine {
        Engine::Sqlite => Cluster::small(engine).await.unwrap(),
        Engine::Postgres => {
            let agents = vec![("eu".to_owned(), 2)];
            let description = Description { engine, replicas: 2, agents, ..Description::default() };
            Cluster::start(&description).await.unwrap()
        }
    };
    let receiver = cluster.receiver().await.unwrap();
    let first = first_seed();
    let count = variable("POSTRIDER_TEST_ROUNDS").unwrap_or(DEFAULT_ROUNDS);
    for number in 0..count {
        round(&mut cluster, &receiver, number, u64::from(first) + number).await;
    }
    a_held_key_outlives_its_replicas(&mut cluster, &receiver).await;
}

on_both_engines!(order_holds, what_is_held_expires);
