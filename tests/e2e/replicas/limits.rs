//! Limits of subscriptions while the replica that keeps them dies, comes back and
//! leaves.
//!
//! Fed by two replicas and two agents of one region, with a backlog at every
//! subscription. Guarantees, measured at the receiver, that no owner
//! adds its own limit to that of the owner before.

use std::time::Duration;

use futures::future::join_all;
use postrider_proto::v1::{
    PublishEventRequest, PublishEventsRequest, Subscription, publish_result,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::lateness;
use postrider_tests::publish::event;
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Gate};

use super::{shared, two_replicas_that, wait_for_shards, wanted};
use crate::crashes::SHORT_LEASES;
use crate::stage::SOON_LIMIT;

/// Enough that each replica owns some of them, whatever the hashes.
const TENANT_COUNT: usize = 8;
const REQUESTS_PER_SECOND: usize = 5;
const MAX_IN_FLIGHT: u32 = 3;
/// What the receiver takes to answer where the number in flight is limited.
const RESPONSE_DELAY: Duration = Duration::from_millis(250);
/// Requests that are answered before the kill; those that follow are in flight until
/// somebody else owns them.
const EVENTS_BEFORE_KILL: usize = 5;
const BOTH_AGENTS: &[&str] = &["rated", "crowded"];
/// Of a tenant, for each of its subscriptions: half a minute at the limits.
const RATED_EVENTS: usize = 140;
const CROWDED_EVENTS: usize = 360;
/// A lease, the grace for what agents hold, and a busy machine.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(30);
const ALL_LIMIT: Duration = Duration::from_secs(120);

fn path(kind: &str, tenant: usize) -> String {
    format!("/limits/{kind}/{tenant}")
}

/// A tenant with a limited rate and a limited number in flight, and its backlog.
async fn prepare(api: &Api, receiver: &Receiver, number: usize, gate: &Gate) -> String {
    let mut api = api.clone();
    let tenant = api.create_tenant(&format!("limits-{number}")).await.unwrap();
    let (rated, crowded) = (path("rated", number), path("crowded", number));
    let thinks = Answer::ok().after(RESPONSE_DELAY);
    let at_first = std::iter::repeat_n(thinks.clone().into(), EVENTS_BEFORE_KILL);
    receiver.script(&crowded, at_first.chain([thinks.when_open(gate).into()]));
    let max_requests_per_second = u32::try_from(REQUESTS_PER_SECOND).unwrap();
    let rated = wanted(receiver, &rated, &["rated"]);
    let crowded = wanted(receiver, &crowded, &["crowded"]);
    for wanted in [
        Subscription { max_requests_per_second, ..rated },
        Subscription {
            max_in_flight: MAX_IN_FLIGHT,
            request_timeout: Some(prost_types::Duration { seconds: 45, nanos: 0 }),
            ..crowded
        },
    ] {
        api.subscribe(&tenant, wanted).await.unwrap();
    }
    for (event_type, count) in [("rated", RATED_EVENTS), ("crowded", CROWDED_EVENTS)] {
        let request = PublishEventRequest {
            event: Some(event(event_type, "{}")),
            ..PublishEventRequest::default()
        };
        let batch = PublishEventsRequest { parent: tenant.clone(), requests: vec![request; count] };
        let answer = api.events.publish_events(batch).await.unwrap().into_inner();
        let committed =
            |item: &publish_result::Result| matches!(item, publish_result::Result::Response(_));
        assert!(answer.results.iter().all(|result| result.result.as_ref().is_some_and(committed)));
    }
    tenant
}

/// Waits until every path of these kinds had so many more requests than now.
async fn wait_for_more(receiver: &Receiver, kinds: &[&str], more: usize) {
    let waiting = (0..TENANT_COUNT).flat_map(|tenant| kinds.iter().map(move |kind| (kind, tenant)));
    join_all(waiting.map(|(kind, tenant)| async move {
        let path = path(kind, tenant);
        let now = usize::try_from(receiver.received_at(&path)).unwrap();
        receiver.wait_for_at(&path, now + more, TAKE_OVER_LIMIT).await.unwrap();
    }))
    .await;
}

/// The shortest time that one request more than a second's worth took.
fn shortest(receiver: &Receiver, tenant: usize) -> Duration {
    let requests = receiver.requests_to(&path("rated", tenant));
    let mut at: Vec<_> = requests.iter().map(|request| request.at).collect();
    at.sort();
    let spans = at.iter().zip(&at[REQUESTS_PER_SECOND..]).map(|(first, last)| *last - *first);
    spans.min().unwrap()
}

/// The longest that a limited rate stood still, over all of them.
fn longest_pause(receiver: &Receiver) -> Duration {
    let pauses = (0..TENANT_COUNT).flat_map(|tenant| {
        let requests = receiver.requests_to(&path("rated", tenant));
        let at: Vec<_> = requests.iter().map(|request| request.at).collect();
        at.windows(2).map(|two| two[1].saturating_duration_since(two[0])).collect::<Vec<_>>()
    });
    pauses.max().unwrap()
}

/// Killed, back, and asked to stop, with a backlog all the while.
async fn replicas_come_and_go_within_the_limits(
    cluster: &mut Cluster,
    receiver: &Receiver,
    gate: &Gate,
) {
    let api = cluster.api_of(0).unwrap();
    wait_for_more(receiver, &["rated"], 5).await;
    let held = EVENTS_BEFORE_KILL + usize::try_from(MAX_IN_FLIGHT).unwrap();
    for tenant in 0..TENANT_COUNT {
        receiver.wait_for_at(&path("crowded", tenant), held, SOON_LIMIT).await.unwrap();
    }
    println!("a replica is killed");
    cluster.replicas[1].kill().await.unwrap();
    wait_for_more(receiver, &["rated"], 20).await;
    assert!(longest_pause(receiver) > Duration::from_secs(1), "nobody was taken over");
    gate.open();
    println!("it is back");
    cluster.replicas[1].start_again().await.unwrap();
    wait_for_shards(&api, TAKE_OVER_LIMIT, shared).await;
    wait_for_more(receiver, BOTH_AGENTS, 10).await;
    println!("it is asked to stop");
    cluster.replicas[1].stop().await.unwrap();
    wait_for_more(receiver, BOTH_AGENTS, 10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_through_take_overs_on_postgres() {
    let mut cluster = two_replicas_that(Description {
        agents: vec![("eu".to_owned(), 2)],
        settings: SHORT_LEASES.to_owned(),
        ..Description::default()
    })
    .await;
    let api = cluster.api_of(0).unwrap();
    wait_for_shards(&api, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let gate = Gate::closed();
    let under_way = async {
        let tenants =
            join_all((0..TENANT_COUNT).map(|number| prepare(&api, &receiver, number, &gate))).await;
        replicas_come_and_go_within_the_limits(&mut cluster, &receiver, &gate).await;
        for tenant in &tenants {
            let left = api.wait_for_deliveries(tenant, "state != SUCCEEDED", 0, ALL_LIMIT);
            left.await.unwrap();
        }
    };
    // By so much may a moment that the receiver wrote down be wrong.
    let ((), late) = lateness::during(under_way).await;
    for tenant in 0..TENANT_COUNT {
        let shortest = shortest(&receiver, tenant);
        let most = receiver.in_flight_most(&path("crowded", tenant));
        println!(
            "tenant {tenant}: {REQUESTS_PER_SECOND} + 1 in {shortest:?}, {most} at once, late {late:?}"
        );
        assert!(
            shortest + late >= Duration::from_secs(1),
            "{REQUESTS_PER_SECOND} + 1 in {shortest:?}"
        );
        assert_eq!(most, u64::from(MAX_IN_FLIGHT), "at once");
    }
}
