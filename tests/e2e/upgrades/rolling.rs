//! Replicas and agents that are restarted one after the other, under a constant load.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures::future::{join, join_all};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::history::{self, CrashHistory, Post};
use postrider_tests::publish::event;
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::Answer;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tonic::Status;

use crate::crashes::witness;
use crate::replicas::two_replicas_that;
use crate::stage::{DEFAULT_REGION, patient};

/// Each program twice at least, and one of each three times.
const RESTART_COUNT: usize = 10;
/// Enough that each replica owns some of them.
const TENANT_COUNT: usize = 6;
/// Between two events of a tenant: 30 a second in all, which a busy machine still takes.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(200);
/// So that something is in flight at every moment.
const RESPONSE_TIME: Duration = Duration::from_millis(250);
const RETRY_DELAY: Duration = Duration::from_millis(200);
/// With all programs running, between two restarts.
const SETTLE_PAUSE: Duration = Duration::from_secs(1);
const SETTLED_LIMIT: Duration = Duration::from_secs(30);

/// A tenant that publishes at a steady pace.
struct SteadyTenant {
    number: usize,
    name: String,
    subscription: String,
    path: String,
}

/// What a publisher was told, and when the event was due to be published.
struct SteadyPublish {
    event: String,
    due: Instant,
    was_refused: bool,
}

impl SteadyTenant {
    async fn create(api: &mut Api, receiver: &Receiver, number: usize) -> Self {
        let name = api.create_tenant(&format!("rolling-{number}")).await.unwrap();
        let path = format!("/rolling/{number}");
        receiver.script(&path, [Answer::ok().after(RESPONSE_TIME).into()]);
        let wanted = patient(&receiver.url(&path), RETRY_DELAY);
        let subscription = api.subscribe(&name, wanted).await.unwrap().name;
        Self { number, name, subscription, path }
    }

    /// At the pace, whatever happens; what could not be published in time is made up for.
    async fn publish(&self, apis: &[Api], stop: &AtomicBool) -> Vec<SteadyPublish> {
        let mut ticks = interval(PUBLISH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut published = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let due = ticks.tick().await.into_std();
            let place = published.len();
            let (event, was_refused) = self.publish_with_one_retry(apis, place).await;
            published.push(SteadyPublish { event, due, was_refused });
        }
        published
    }

    /// At the replicas in turn; at the other one if the first refuses.
    async fn publish_with_one_retry(&self, apis: &[Api], place: usize) -> (String, bool) {
        let first = self.number + place;
        let refused = match self.try_to_publish(apis, first, place).await {
            Ok(event) => return (event, false),
            Err(status) => status,
        };
        match self.try_to_publish(apis, first + 1, place).await {
            Ok(event) => (event, true),
            Err(again) => panic!("{}: refused twice: {refused:?}, {again:?}", self.name),
        }
    }

    async fn try_to_publish(
        &self,
        apis: &[Api],
        replica: usize,
        place: usize,
    ) -> Result<String, Status> {
        let mut api = apis[replica % apis.len()].clone();
        let event = event("payment.completed", &format!("{{\"place\":{place}}}"));
        Ok(api.publish(&self.name, event, &place.to_string()).await?.event)
    }
}

/// SIGTERM and a start, of a replica and an agent in turn.
async fn restart_in_turn(cluster: &mut Cluster) {
    for restart in 0..RESTART_COUNT {
        let begun = Instant::now();
        let place = restart / 2 % 2;
        let name = if restart % 2 == 0 {
            let replica = &mut cluster.replicas[place];
            replica.stop().await.unwrap();
            replica.start_again().await.unwrap();
            replica.id().to_owned()
        } else {
            let agent = &mut cluster.agents[place];
            agent.stop().await.unwrap();
            agent.start_again().unwrap();
            agent.id().to_owned()
        };
        cluster.wait_for_agents().await.unwrap();
        println!("{name} restarted in {:.1?}", begun.elapsed());
        sleep(SETTLE_PAUSE).await;
    }
}

/// Everything that is known in the end; each delivery is awaited.
async fn story(
    api: &Api,
    receiver: &Receiver,
    tenants: &[SteadyTenant],
    published: &[Vec<SteadyPublish>],
    begun: SystemTime,
) -> CrashHistory {
    let mut story = CrashHistory { agents_live: true, ..CrashHistory::default() };
    for (tenant, published) in tenants.iter().zip(published) {
        let ended = api.wait_for_deliveries(
            &tenant.name,
            "state = SUCCEEDED",
            published.len(),
            SETTLED_LIMIT,
        );
        story.deliveries.extend(witness::with_attempts(api, ended.await.unwrap()).await);
        let requests = receiver.requests_to(&tenant.path);
        story.posts.extend(requests.iter().map(|request| Post::of(request, &tenant.subscription)));
        let names: BTreeSet<_> =
            published.iter().map(|published| published.event.clone()).collect();
        story.owed.extend(names.iter().map(|name| (name.clone(), tenant.subscription.clone())));
        story.accounts.push(witness::account(api, &tenant.name, names, begun).await);
    }
    story.posts.sort_by_key(|post| post.number);
    story
}

/// From when each event was due to be published to the arrival of its POST, in order.
fn latencies(
    receiver: &Receiver,
    tenants: &[SteadyTenant],
    published: &[Vec<SteadyPublish>],
) -> Vec<Duration> {
    let mut latencies = Vec::new();
    for (tenant, published) in tenants.iter().zip(published) {
        let due: BTreeMap<&str, Instant> = published
            .iter()
            .filter_map(|published| Some((published.event.rsplit('/').next()?, published.due)))
            .collect();
        for request in receiver.requests_to(&tenant.path) {
            let due = due[request.webhook_id()];
            latencies.push(request.at.saturating_duration_since(due));
        }
    }
    latencies.sort_unstable();
    latencies
}

fn tell(latencies: &[Duration], published: &[Vec<SteadyPublish>], took: Duration) {
    let at = |hundredths: usize| latencies[(latencies.len() - 1) * hundredths / 100];
    let refused = published.iter().flatten().filter(|published| published.was_refused).count();
    println!(
        "{} events in {took:.0?}, {refused} of them at the second try; from publish to receipt \
         p50 {:.1?}, p99 {:.1?}, at most {:.1?}",
        latencies.len(),
        at(50),
        at(99),
        at(100),
    );
}

/// No publish fails that is tried once again, nothing is lost, nothing is attempted twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rolling_restarts_lose_and_repeat_nothing_on_postgres() {
    let agents = vec![(DEFAULT_REGION.replace("regions/", ""), 2)];
    let mut cluster = two_replicas_that(Description { agents, ..Description::default() }).await;
    let receiver = cluster.receiver().await.unwrap();
    let apis = [cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap()];
    let (begun, wall) = (Instant::now(), SystemTime::now());
    let mut api = apis[0].clone();
    let mut tenants = Vec::new();
    for number in 0..TENANT_COUNT {
        tenants.push(SteadyTenant::create(&mut api, &receiver, number).await);
    }

    let stop = AtomicBool::new(false);
    let publishing = join_all(tenants.iter().map(|tenant| tenant.publish(&apis, &stop)));
    let restarting = async {
        restart_in_turn(&mut cluster).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (published, ()) = join(publishing, restarting).await;
    let story = story(&api, &receiver, &tenants, &published, wall).await;
    tell(&latencies(&receiver, &tenants, &published), &published, begun.elapsed());
    let faults = history::faults(&story);
    assert!(faults.is_empty(), "{faults:#?}");
    let again: Vec<_> = story
        .deliveries
        .iter()
        .filter(|(delivery, _)| delivery.attempt_count != 1)
        .map(|(delivery, attempts)| (&delivery.name, attempts))
        .collect();
    assert!(again.is_empty(), "attempted more than once: {again:#?}");
    assert_eq!(story.posts.len(), story.deliveries.len());
}
