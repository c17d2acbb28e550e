//! Healthy tenants are not slowed down by a failing endpoint.
//!
//! Fed by a cluster on each engine. Guarantees that waiting deliveries
//! are neither lost nor sent twice, whoever waits beside them, and that both processes'
//! memory is bounded. Prints the healthy tenants' latency from publish to receipt (99th
//! percentile) beside what it is without the disturbance: calm and disturbed turns
//! alternate. The benchmark has the bounds for it.
//! `POSTRIDER_TEST_BACKLOG` sets how many deliveries wait at a failing endpoint.

mod many;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use postrider_proto::v1::{PublishEventRequest, PublishEventsRequest, Subscription};
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::ports::free_port;
use postrider_tests::process::most_memory;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{Answer, Behaviour, ok};
use tokio::time::{Instant, interval, sleep};

use crate::crashes::variable;
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage, delays};

const HEALTHY_TENANTS: usize = 18;
const DEFAULT_BACKLOG_EVENTS: usize = 3_000;
const EVENTS_PER_BATCH: usize = 500;
/// Each kind of span is measured so often.
const MEASURED_TURNS: usize = 3;
const TURN_TIME: Duration = Duration::from_secs(3);
const EVENTS_PER_SECOND: u64 = 150;
/// What a troubled span begins with, so that it is measured in full trouble.
const SETTLE_TIME: Duration = Duration::from_secs(1);
const HELD_FOR: Duration = Duration::from_secs(15);
const RESPONSE_DELAY: Duration = Duration::from_millis(50);
const MAX_IN_FLIGHT: u32 = 4;
/// One's backlog, at its window, on a busy machine.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);
/// What neither process may ever have had, in KiB, whatever waits.
const MAX_MEMORY_KIB: u64 = 200 << 10;

/// An endpoint that is not well, and how it is subscribed.
#[derive(Clone)]
struct SickEndpoint {
    /// At the receiver, where it is empty.
    url: String,
    behaviour: Behaviour,
    max_in_flight: u32,
    request_timeout: Option<prost_types::Duration>,
}

impl SickEndpoint {
    /// At the receiver, subscribed as usual.
    fn new(behaviour: Behaviour) -> Self {
        Self { url: String::new(), behaviour, max_in_flight: 0, request_timeout: None }
    }
}

/// The subscriptions that are well, and the one or two that are not.
struct NeighbourTenants {
    stage: Stage,
    sick: Vec<Subscription>,
    /// How many deliveries there have to be.
    owed: AtomicUsize,
}

impl NeighbourTenants {
    async fn create(cluster: &Cluster, id: &str, sick: Vec<SickEndpoint>) -> Self {
        let stage = Stage::set(cluster, id).await;
        for number in 0..HEALTHY_TENANTS {
            let event_types = vec![format!("well.n{number}")];
            let wanted = stage.wanted(&format!("/well/{number}"));
            stage.create(Subscription { event_types, ..wanted }).await;
        }
        let mut made = Vec::new();
        for (number, one) in sick.into_iter().enumerate() {
            let path = format!("/sick/{number}");
            stage.receiver.script(&path, [one.behaviour]);
            let wanted = stage.wanted(&path);
            let wanted = Subscription {
                event_types: vec!["sick".to_owned()],
                retry_policy: Some(delays(&[1_000; 50])),
                max_in_flight: one.max_in_flight,
                request_timeout: one.request_timeout,
                url: if one.url.is_empty() { wanted.url } else { one.url },
                ..wanted
            };
            made.push(stage.create(wanted).await);
        }
        Self { stage, sick: made, owed: AtomicUsize::new(0) }
    }

    /// Gives every sick one so many events.
    async fn pile_up(&self, count: usize) {
        let request = PublishEventRequest {
            event: Some(event("sick", DEFAULT_PAYLOAD)),
            ..PublishEventRequest::default()
        };
        for _ in 0..count.div_ceil(EVENTS_PER_BATCH) {
            let parent = self.stage.tenant.clone();
            let batch =
                PublishEventsRequest { parent, requests: vec![request.clone(); EVENTS_PER_BATCH] };
            let mut api = self.stage.api.clone();
            api.events.publish_events(batch).await.unwrap();
            self.owed.fetch_add(EVENTS_PER_BATCH * self.sick.len(), Ordering::Relaxed);
        }
    }

    /// Each event has its delivery, and no more.
    async fn assert_complete(&self) {
        assert_eq!(self.stage.count("").await, self.owed.load(Ordering::Relaxed));
    }

    async fn pause(&self) {
        for one in &self.sick {
            self.stage.api.pause(&one.name).await.unwrap();
        }
    }

    async fn enable(&self) {
        for one in &self.sick {
            self.stage.api.enable(&one.name).await.unwrap();
        }
    }

    /// Publishes to the well ones at an even pace and returns the 99th percentile of
    /// what passed until the receiver had each event.
    async fn p99(&self) -> Duration {
        self.stage.receiver.forget();
        let mut pace = interval(Duration::from_secs(1) / u32::try_from(EVENTS_PER_SECOND).unwrap());
        let begun = Instant::now();
        let mut published = Vec::new();
        while begun.elapsed() < TURN_TIME {
            pace.tick().await;
            let event_type = format!("well.n{}", published.len() % HEALTHY_TENANTS);
            let (mut api, tenant) = (self.stage.api.clone(), self.stage.tenant.clone());
            published.push(tokio::spawn(async move {
                let at = std::time::Instant::now();
                let answer =
                    api.publish(&tenant, event(&event_type, DEFAULT_PAYLOAD), "").await.unwrap();
                (answer.event.rsplit('/').next().unwrap().to_owned(), at)
            }));
        }
        let published: HashMap<String, std::time::Instant> =
            join_all(published).await.into_iter().map(Result::unwrap).collect();
        let well = |path: &str| path.starts_with("/well/");
        let seen = self.stage.receiver.wait_until("all that are well", SOON_LIMIT, |requests| {
            requests.iter().filter(|request| well(request.path())).count() >= published.len()
        });
        let seen = seen.await.unwrap();
        let took = seen.iter().filter(|request| well(request.path())).filter_map(|item| {
            Some(item.at.saturating_duration_since(*published.get(item.webhook_id())?))
        });
        let took: Vec<Duration> = took.collect();
        assert_eq!(took.len(), published.len(), "each came once");
        self.owed.fetch_add(took.len(), Ordering::Relaxed);
        p99(took)
    }

    /// One turn: a calm span and a troubled one, with a group of tenants that has no
    /// past. The sick ones are paused while it is calm, and in the end nothing is under
    /// way.
    async fn turn(&self, backlog: usize) -> (Duration, Duration) {
        self.pause().await;
        self.pile_up(backlog).await;
        sleep(SETTLE_TIME).await;
        let calm = self.p99().await;
        self.enable().await;
        sleep(SETTLE_TIME).await;
        let troubled = self.p99().await;
        self.pause().await;
        self.stage.receiver.close_connections();
        (calm, troubled)
    }
}

fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

/// Prints how the median of what was troubled compares with the calm median. Times are
/// never asserted: a machine's pause is not a fault.
fn print_ratio(name: &str, turns: Vec<(Duration, Duration)>) {
    println!("{name}: calm and troubled {turns:.1?}");
    let (mut calm, mut troubled): (Vec<_>, Vec<_>) = turns.into_iter().unzip();
    calm.sort_unstable();
    troubled.sort_unstable();
    let (calm, troubled) = (calm[MEASURED_TURNS / 2], troubled[MEASURED_TURNS / 2]);
    let ratio = troubled.as_secs_f64() / calm.as_secs_f64();
    println!("{name}: {calm:?} became {troubled:?}, {ratio:.2} times");
}

async fn compare(cluster: &Cluster, name: &str, sick: &[SickEndpoint]) {
    let mut turns = Vec::new();
    for turn in 0..MEASURED_TURNS {
        let id = format!("{}-{turn}", name.replace(' ', "-"));
        let neighbours = NeighbourTenants::create(cluster, &id, sick.to_vec()).await;
        turns.push(neighbours.turn(backlog()).await);
        neighbours.assert_complete().await;
    }
    print_ratio(name, turns);
}

fn backlog() -> usize {
    variable("POSTRIDER_TEST_BACKLOG").unwrap_or(DEFAULT_BACKLOG_EVENTS)
}

/// One never answers and one cannot be reached, both with much that waits.
async fn one_hangs_and_one_is_dead(cluster: &Cluster) {
    let nobody = format!("https://127.0.0.1:{}/", free_port().unwrap());
    let dead = SickEndpoint { url: nobody, ..SickEndpoint::new(ok()) };
    let sick = [SickEndpoint::new(Behaviour::Hang), dead];
    compare(cluster, "one hangs and one is dead", &sick).await;
}

/// One takes 15 s for each answer.
async fn one_holds_every_request(cluster: &Cluster) {
    let holds = SickEndpoint::new(Answer::ok().after(HELD_FOR).into());
    compare(cluster, "one holds every request", &[holds]).await;
}

/// One is given up at its deadline each time, and tried again a second later.
async fn one_times_out(cluster: &Cluster) {
    let request_timeout = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    let hangs = SickEndpoint { request_timeout, ..SickEndpoint::new(Behaviour::Hang) };
    compare(cluster, "one times out", &[hangs]).await;
}

/// Answers after `RESPONSE_DELAY`, and has no more than its window in flight.
fn narrow() -> SickEndpoint {
    SickEndpoint {
        max_in_flight: MAX_IN_FLIGHT,
        ..SickEndpoint::new(Answer::ok().after(RESPONSE_DELAY).into())
    }
}

/// One was paused with much that waits, and takes it as fast as its window allows.
async fn one_recovers(cluster: &Cluster) {
    compare(cluster, "one recovers", &[narrow()]).await;
    let neighbours = NeighbourTenants::create(cluster, "drains", vec![narrow()]).await;
    neighbours.pause().await;
    neighbours.pile_up(EVENTS_PER_BATCH).await;
    let begun = Instant::now();
    neighbours.enable().await;
    let least = RESPONSE_DELAY * u32::try_from(EVENTS_PER_BATCH).unwrap() / MAX_IN_FLIGHT;
    neighbours.stage.receiver.wait_for_at("/sick/0", EVENTS_PER_BATCH, DRAIN_LIMIT).await.unwrap();
    println!("{EVENTS_PER_BATCH} drained in {:?}, {least:?} by its window", begun.elapsed());
    assert!(begun.elapsed() + RESPONSE_DELAY >= least, "more than its window in flight");
}

/// Another tenant floods while this one publishes as ever.
async fn one_tenant_floods(cluster: &Cluster) {
    let well = NeighbourTenants::create(cluster, "well", Vec::new()).await;
    let flood = NeighbourTenants::create(cluster, "flood", vec![narrow()]).await;
    flood.pause().await;
    let mut turns = Vec::new();
    for _ in 0..MEASURED_TURNS {
        let calm = well.p99().await;
        flood.enable().await;
        let (troubled, ()) = futures::future::join(well.p99(), flood.pile_up(backlog())).await;
        turns.push((calm, troubled));
        flood.pause().await;
        sleep(SETTLE_TIME).await;
    }
    for neighbours in [&well, &flood] {
        neighbours.assert_complete().await;
    }
    print_ratio("one tenant floods", turns);
}

fn assert_memory_bounded(cluster: &mut Cluster) {
    let control_plane = cluster.replicas[0].program().unwrap().id();
    let agent = cluster.agents[0].program().unwrap().id();
    let [control_plane, agent] = [control_plane, agent].map(|id| most_memory(id).unwrap());
    println!("most memory: control plane {control_plane} KiB, agent {agent} KiB");
    assert!(control_plane.max(agent) <= MAX_MEMORY_KIB, "KiB: {control_plane}, {agent}");
}

async fn nobody_waits_for_a_sick_neighbour(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    one_hangs_and_one_is_dead(&cluster).await;
    // With one writer for everybody, what differs is who waits for a commit.
    if engine == Engine::Postgres {
        one_holds_every_request(&cluster).await;
        one_times_out(&cluster).await;
        Box::pin(one_recovers(&cluster)).await;
    }
    Box::pin(one_tenant_floods(&cluster)).await;
    Box::pin(many::many_are_served_beside_one_with_a_backlog(&cluster)).await;
    assert_memory_bounded(&mut cluster);
}

on_both_engines!(nobody_waits_for_a_sick_neighbour);
