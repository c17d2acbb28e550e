//! Networks that swallow what is said: between an agent and the control plane,
//! and between a replica and the database.

use std::time::Duration;

use futures::future::join_all;
use http::StatusCode;
use postrider_proto::v1::AttemptOutcome;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok, status};
use postrider_tests::wait;
use tokio::time::{Instant, sleep};

use super::{
    Payee, SETTLED, TOLD, assert_alive, assert_refused, payees, two_behind_proxies,
    wait_until_ready,
};
use crate::replicas::{SHARDS, shared, wait_for_shards};
use crate::stage::SOON;

/// Longer than the silence after which an agent is lost.
const SILENCE: Duration = Duration::from_secs(7);
/// An agent is back, after the longest pause between its tries.
const BACK: Duration = Duration::from_secs(20);

// --- an agent and the control plane -----------------------------------------------

/// Waits until every first attempt of a payee's is UNKNOWN.
async fn wait_until_given_up(cluster: &Cluster, payee: &Payee, count: usize) {
    let api = cluster.api().unwrap();
    wait::until("attempts to be given up", SOON, || async {
        let history = payee.history(&api).await;
        let attempts = history.iter().flat_map(|(_, attempts)| attempts);
        let unknown = attempts.filter(|attempt| attempt.outcome() == AttemptOutcome::Unknown);
        wait::when(unknown.count(), |seen| *seen == count)
    })
    .await
    .unwrap();
}

/// The receiver thinks for as long as the agent is not heard, and longer: the
/// agent comes back with its attempts, and nothing is sent beside them.
async fn what_an_agent_still_does_is_not_done_twice(cluster: &mut Cluster, receiver: &Receiver) {
    let api = cluster.api().unwrap();
    let mut slow = Payee::create(&api, receiver, "slow", 0).await;
    let gate = Gate::closed();
    receiver.script(&slow.path, [held(&gate)]);
    slow.publish(&api, 5).await;
    receiver.wait_for_at(&slow.path, 5, SOON).await.unwrap();

    let wire = &cluster.agent_proxies[0][0];
    wire.stall();
    wait_until_given_up(cluster, &slow, 5).await;
    slow.publish(&api, 3).await;
    assert_alive(&api).await;
    assert!(wait_until_ready(&api, true, TOLD).await < TOLD, "it serves publishers");
    wire.pass();
    cluster.wait_for_agents().await.unwrap();
    // The three that waited come, and nothing else: their coming is the sign that
    // there is credit.
    receiver.wait_for_at(&slow.path, 8, BACK).await.unwrap();
    sleep(Duration::from_secs(2)).await; // two sweeps
    gate.open();
    slow.assert_delivered_once(&api, receiver).await;
}

/// Answered while nobody hears the agent: it keeps the results, and they replace
/// what was made of its silence.
async fn results_arrive_after_the_healing(cluster: &mut Cluster, receiver: &Receiver) {
    let api = cluster.api().unwrap();
    let mut payee = Payee::create(&api, receiver, "answered", 0).await;
    let gate = Gate::closed();
    receiver.script(&payee.path, [held(&gate)]);
    payee.publish(&api, 5).await;
    receiver.wait_for_at(&payee.path, 5, SOON).await.unwrap();
    cluster.agent_proxies[0][0].refuse().await;
    gate.open();
    wait_until_given_up(cluster, &payee, 5).await;
    cluster.agent_proxies[0][0].admit().await.unwrap();
    payee.assert_delivered_once(&api, receiver).await;
}

/// As before, but the receiver's answers are failures: the retries follow, one
/// after the other.
async fn failures_that_arrive_late_are_tried_again(cluster: &mut Cluster, receiver: &Receiver) {
    let api = cluster.api().unwrap();
    let mut payee = Payee::create(&api, receiver, "failed", 0).await;
    let gate = Gate::closed();
    let failure = Answer::status(StatusCode::BAD_GATEWAY).when_open(&gate);
    let failures = (0..5).map(|_| failure.clone().into());
    receiver.script(&payee.path, failures.chain([status(StatusCode::BAD_GATEWAY), ok()]));
    payee.publish(&api, 5).await;
    receiver.wait_for_at(&payee.path, 5, SOON).await.unwrap();
    let wire = &cluster.agent_proxies[0][0];
    wire.stall();
    wait_until_given_up(cluster, &payee, 5).await;
    wire.cut(); // what was said during the silence is lost, too
    wire.pass();
    cluster.wait_for_agents().await.unwrap();
    assert_eq!(receiver.received_at(&payee.path), 5, "while the first attempts are out");
    gate.open();
    let delivered = payee.delivered(&api, receiver).await;
    let attempts: usize = delivered.iter().map(|(_, attempts)| attempts.len()).sum();
    assert_eq!(attempts as u64, receiver.received_at(&payee.path), "each was made");
}

async fn agent_and_control_plane(engine: Engine) {
    let description = Description { engine, agent_proxies: true, ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    what_an_agent_still_does_is_not_done_twice(&mut cluster, &receiver).await;
    results_arrive_after_the_healing(&mut cluster, &receiver).await;
    failures_that_arrive_late_are_tried_again(&mut cluster, &receiver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agent_and_control_plane_on_sqlite() {
    agent_and_control_plane(Engine::Sqlite).await;
}

/// An agent that one of two replicas does not hear is not lost: the other hears
/// it, and takes the results of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_agent_and_one_of_two_replicas() {
    let mut cluster = Cluster::start(&Description {
        engine: Engine::Postgres,
        replicas: 2,
        agent_proxies: true,
        ..Description::default()
    })
    .await
    .unwrap();
    let api = cluster.api().unwrap();
    wait_for_shards(&api, SOON, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&api, &receiver, "half", 8).await;
    receiver.otherwise([Answer::ok().after(Duration::from_secs(3)).into()]);
    join_all(payees.iter_mut().map(|payee| payee.publish(&api, 3))).await;
    receiver.wait_for(24, SOON).await.unwrap();
    cluster.agent_proxies[0][0].stall();
    let begun = Instant::now();
    let other = cluster.api_of(1).unwrap();
    for payee in &payees {
        payee.assert_delivered_once(&other, &receiver).await;
    }
    println!("both replicas' results were taken {:?} after the parting", begun.elapsed());
    sleep(SILENCE.saturating_sub(begun.elapsed())).await;
    cluster.agent_proxies[0][0].pass();
    cluster.wait_for_agents().await.unwrap();
    receiver.otherwise([ok()]);
    join_all(payees.iter_mut().map(|payee| payee.publish(&api, 2))).await;
    for payee in &payees {
        payee.assert_delivered_once(&api, &receiver).await;
    }
}

// --- a replica and the database ---------------------------------------------------

/// One of two replicas hears nothing from the database for longer than a lease:
/// it refuses, says so, sends nothing stale, and has its share again afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_replica_and_database() {
    let cluster = two_behind_proxies().await;
    let (parted, whole) = (cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap());
    wait_for_shards(&whole, SOON, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&whole, &receiver, "parted", 8).await;
    // Half of them one after the other, a second each: the rest queue in memory,
    // and some are in flight whenever something happens.
    for number in 8..16 {
        let narrow = Payee::create(&whole, &receiver, &format!("narrow-{number}"), 1).await;
        let answer = Answer::ok().after(Duration::from_secs(1));
        receiver.script(&narrow.path, [answer.into()]);
        payees.push(narrow);
    }
    join_all(payees.iter_mut().map(|payee| payee.publish(&parted, 12))).await;
    receiver.wait_for(8 * 12 + 8, SOON).await.unwrap();

    let begun = Instant::now();
    cluster.database_proxies[0].stall();
    for (number, payee) in payees.iter().enumerate().take(3) {
        assert_refused(&parted, payee, &format!("refused-{number}")).await;
    }
    println!("not ready after {:?}", wait_until_ready(&parted, false, TOLD).await);
    join_all(payees.iter_mut().map(|payee| payee.publish(&whole, 2))).await;
    let moved = wait_for_shards(&whole, SETTLED, |owned| owned.contains(&SHARDS)).await;
    println!("all shards moved {moved:?} later, {:?} after the parting", begun.elapsed());
    assert_refused(&parted, &payees[0], "refused-late").await;
    for payee in &payees {
        payee.delivered(&whole, &receiver).await;
    }
    assert_alive(&parted).await;
    assert!(wait_until_ready(&parted, false, TOLD).await < Duration::from_secs(3), "still not");

    let healed = Instant::now();
    cluster.database_proxies[0].pass();
    println!("ready {:?} after the healing", wait_until_ready(&parted, true, SETTLED).await);
    wait_for_shards(&whole, SETTLED, shared).await;
    println!("shared {:?} after the healing", healed.elapsed());
    join_all(payees.iter_mut().map(|payee| payee.publish(&parted, 2))).await;
    for payee in &payees {
        payee.delivered(&parted, &receiver).await;
    }
    assert_alive(&parted).await;
}
