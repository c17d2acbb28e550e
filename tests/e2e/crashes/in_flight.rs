//! What is in flight when one process is killed or asked to stop.
//!
//! Fed by small clusters on both engines; feeds `crashes`. Guarantees that results
//! wait in the agent while the control plane is away, that SIGTERM finishes what is
//! under way, and that each event is POSTed once through all of it.

use std::time::Duration;

use postrider_proto::v1::{AttemptOutcome, DeliveryState};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::publish::event;
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok};
use tokio::time::Instant;

use crate::stage::{SOON_LIMIT, patient};

/// What is in flight takes 1.5 s; the rest is a busy machine's. Much less than
/// `server.drain_timeout_seconds`, after which a control plane gives up waiting.
const DRAIN_TIME: Duration = Duration::from_secs(12);
const EVENT_TYPE: &str = "payment.completed";
const RETRY_DELAY: Duration = Duration::from_millis(200);
const ENDED_FILTER: &str = "state = SUCCEEDED";

// --- what an agent holds outlives the control plane -----------------------------

/// Every delivery of the tenant was POSTed once and succeeded by its only attempt.
async fn assert_delivered_once(api: &Api, tenant: &str, receiver: &Receiver, path: &str, n: usize) {
    let deliveries = api.wait_for_deliveries(tenant, ENDED_FILTER, n, SOON_LIMIT);
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
    api.subscribe(&tenant, patient(&url, RETRY_DELAY)).await.unwrap();
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
    receiver.wait_for_at("/thinking", 5, SOON_LIMIT).await.unwrap();
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
    receiver.wait_for_at("/answered", 5, SOON_LIMIT).await.unwrap();
    cluster.replicas[0].kill().await.unwrap();
    gate.open();
    receiver.wait_until_answered("/answered", SOON_LIMIT).await.unwrap();
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
    receiver.wait_for_at("/stopping", 10, SOON_LIMIT).await.unwrap();
    let begun = Instant::now();
    cluster.replicas[0].stop().await.unwrap();
    let took = begun.elapsed();
    assert!(took < DRAIN_TIME, "the control plane took {took:?} to stop");
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
    receiver.wait_for_at("/leaving", 10, SOON_LIMIT).await.unwrap();
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

async fn what_is_in_flight_survives(engine: Engine) {
    let mut cluster = Cluster::small(engine).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    results_wait_in_the_agent(&mut cluster, &receiver).await;
    results_wait_for_a_control_plane(&mut cluster, &receiver).await;
    a_stopping_control_plane_records(&mut cluster, &receiver).await;
    a_stopping_agent_finishes(&mut cluster, &receiver).await;
    an_idle_control_plane_stops_at_once(&mut cluster).await;
}

on_both_engines!(what_is_in_flight_survives);
