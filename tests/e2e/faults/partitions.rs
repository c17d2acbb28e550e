//! Networks that swallow what is said: between an agent and the control plane,
//! and between a replica and the database.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use futures::TryStreamExt;
use futures::future::join_all;
use http::StatusCode;
use postrider_proto::v1::reconcile_events_response::Part;
use postrider_proto::v1::{AttemptOutcome, ReconcileEventsRequest};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok, status};
use postrider_tests::wait;
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use super::{
    HEALTH_REPORT_LIMIT, SETTLE_LIMIT, TestEndpoint, assert_alive, assert_refused,
    assert_still_unready, payees, two_behind_proxies, wait_until_ready,
};
use crate::replicas::{SHARD_COUNT, shared, two_replicas_that, wait_for_shards};
use crate::stage::SOON_LIMIT;

/// Longer than the silence after which an agent is lost.
const PARTITION_TIME: Duration = Duration::from_secs(7);
/// Long enough for what is due to be sent.
const TWO_SWEEPS: Duration = Duration::from_secs(2);
/// An agent is back, after the longest pause between its tries.
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);

// --- an agent and the control plane -----------------------------------------------

/// Waits until every first attempt of a payee's is UNKNOWN.
async fn wait_until_given_up(cluster: &Cluster, payee: &TestEndpoint, count: usize) {
    let api = cluster.api().unwrap();
    wait::until("attempts to be given up", SOON_LIMIT, || async {
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
    let mut slow = TestEndpoint::create(&api, receiver, "slow", 0).await;
    let gate = Gate::closed();
    receiver.script(&slow.path, [held(&gate)]);
    slow.publish(&api, 5).await;
    receiver.wait_for_at(&slow.path, 5, SOON_LIMIT).await.unwrap();

    let wire = &cluster.agent_proxies[0][0];
    wire.stall();
    wait_until_given_up(cluster, &slow, 5).await;
    slow.publish(&api, 3).await;
    assert_alive(&api).await;
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await; // it serves publishers
    wire.pass();
    cluster.wait_for_agents().await.unwrap();
    // The three that waited come, and nothing else: their coming is the sign that
    // there is credit.
    receiver.wait_for_at(&slow.path, 8, RECOVERY_LIMIT).await.unwrap();
    sleep(TWO_SWEEPS).await;
    gate.open();
    slow.assert_delivered_once(&api, receiver).await;
}

/// Answered while nobody hears the agent: it keeps the results, and they replace
/// what was made of its silence.
async fn results_arrive_after_the_healing(cluster: &mut Cluster, receiver: &Receiver) {
    let api = cluster.api().unwrap();
    let mut payee = TestEndpoint::create(&api, receiver, "answered", 0).await;
    let gate = Gate::closed();
    receiver.script(&payee.path, [held(&gate)]);
    payee.publish(&api, 5).await;
    receiver.wait_for_at(&payee.path, 5, SOON_LIMIT).await.unwrap();
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
    let mut payee = TestEndpoint::create(&api, receiver, "failed", 0).await;
    let gate = Gate::closed();
    let failure = Answer::status(StatusCode::BAD_GATEWAY).when_open(&gate);
    let failures = (0..5).map(|_| failure.clone().into());
    receiver.script(&payee.path, failures.chain([status(StatusCode::BAD_GATEWAY), ok()]));
    payee.publish(&api, 5).await;
    receiver.wait_for_at(&payee.path, 5, SOON_LIMIT).await.unwrap();
    let wire = &cluster.agent_proxies[0][0];
    wire.stall();
    wait_until_given_up(cluster, &payee, 5).await;
    wire.cut(); // what was said during the silence is lost, too
    wire.pass();
    cluster.wait_for_agents().await.unwrap();
    sleep(TWO_SWEEPS).await;
    assert_eq!(receiver.received_at(&payee.path), 5, "while the first attempts are out");
    gate.open();
    let delivered = payee.delivered(&api, receiver).await;
    let attempts: usize = delivered.iter().map(|(_, attempts)| attempts.len()).sum();
    assert_eq!(attempts as u64, receiver.received_at(&payee.path), "each was made");
}

async fn what_a_parted_agent_holds_is_neither_lost_nor_repeated(engine: Engine) {
    let description = Description { engine, agent_proxies: true, ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    what_an_agent_still_does_is_not_done_twice(&mut cluster, &receiver).await;
    results_arrive_after_the_healing(&mut cluster, &receiver).await;
    failures_that_arrive_late_are_tried_again(&mut cluster, &receiver).await;
}

on_both_engines!(what_a_parted_agent_holds_is_neither_lost_nor_repeated);

/// An agent that one of two replicas does not hear is not lost: the other hears
/// it, and takes the results of both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_one_of_two_replicas_hears_is_not_lost_on_postgres() {
    let description = Description { agent_proxies: true, ..Description::default() };
    let mut cluster = two_replicas_that(description).await;
    let api = cluster.api().unwrap();
    wait_for_shards(&api, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&api, &receiver, "half", 8).await;
    receiver.otherwise([Answer::ok().after(Duration::from_secs(3)).into()]);
    join_all(payees.iter_mut().map(|payee| payee.publish(&api, 3))).await;
    receiver.wait_for(24, SOON_LIMIT).await.unwrap();
    cluster.agent_proxies[0][0].stall();
    let begun = Instant::now();
    let other = cluster.api_of(1).unwrap();
    for payee in &payees {
        payee.assert_delivered_once(&other, &receiver).await;
    }
    println!("both replicas' results were taken {:?} after the parting", begun.elapsed());
    sleep(PARTITION_TIME.saturating_sub(begun.elapsed())).await;
    for api in [&api, &other] {
        assert_alive(api).await;
        wait_until_ready(api, true, HEALTH_REPORT_LIMIT).await;
    }
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
async fn a_replica_parted_from_its_database_refuses_and_recovers_on_postgres() {
    let cluster = two_behind_proxies().await;
    let (parted, whole) = (cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap());
    wait_for_shards(&whole, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&whole, &receiver, "parted", 8).await;
    // Half of them one after the other, a second each: the rest queue in memory,
    // and some are in flight whenever something happens.
    for number in 8..16 {
        let narrow = TestEndpoint::create(&whole, &receiver, &format!("narrow-{number}"), 1).await;
        let answer = Answer::ok().after(Duration::from_secs(1));
        receiver.script(&narrow.path, [answer.into()]);
        payees.push(narrow);
    }
    join_all(payees.iter_mut().map(|payee| payee.publish(&parted, 12))).await;
    receiver.wait_for(8 * 12 + 8, SOON_LIMIT).await.unwrap();

    let begun = Instant::now();
    cluster.database_proxies[0].stall();
    for (number, payee) in payees.iter().enumerate().take(3) {
        assert_refused(&parted, payee, &format!("refused-{number}")).await;
    }
    println!("not ready after {:?}", wait_until_ready(&parted, false, HEALTH_REPORT_LIMIT).await);
    join_all(payees.iter_mut().map(|payee| payee.publish(&whole, 2))).await;
    let moved = wait_for_shards(&whole, SETTLE_LIMIT, |owned| owned.contains(&SHARD_COUNT)).await;
    println!("all shards moved {moved:?} later, {:?} after the parting", begun.elapsed());
    assert_refused(&parted, &payees[0], "refused-late").await;
    for payee in &payees {
        payee.delivered(&whole, &receiver).await;
    }
    assert_alive(&parted).await;
    assert_still_unready(&parted).await;

    let healed = Instant::now();
    cluster.database_proxies[0].pass();
    println!("ready {:?} after the healing", wait_until_ready(&parted, true, SETTLE_LIMIT).await);
    wait_for_shards(&whole, SETTLE_LIMIT, shared).await;
    println!("shared {:?} after the healing", healed.elapsed());
    join_all(payees.iter_mut().map(|payee| payee.publish(&parted, 2))).await;
    for payee in &payees {
        payee.delivered(&parted, &receiver).await;
    }
    assert_alive(&parted).await;
}

/// The names of the events that a window had, once it is closed.
async fn in_window(api: &Api, window: &ReconcileEventsRequest) -> Result<BTreeSet<String>, Status> {
    let mut events = api.events.clone();
    let rows: Vec<_> =
        events.reconcile_events(window.clone()).await?.into_inner().try_collect().await?;
    let names = rows.into_iter().filter_map(|row| match row.part {
        Some(Part::Row(row)) => Some(row.event),
        _ => None,
    });
    Ok(names.collect())
}

/// The network holds an event's commit back until its replica has given it up, is
/// lost to the other, and the other has closed the window that the event belongs to:
/// then it comes through, and changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_comes_too_late_changes_nothing_on_postgres() {
    let cluster = two_behind_proxies().await;
    let (parted, whole) = (cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap());
    wait_for_shards(&whole, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&whole, &receiver, "late", 0).await;
    // Replicas' clocks differ a little.
    let begun = SystemTime::now() - Duration::from_secs(2);
    // One after the other, with keys: every connection knows the statement.
    for number in 0..60 {
        payee.publish_surely(&parted, &format!("known-{number}")).await;
    }
    cluster.database_proxies[0].stall();
    assert_refused(&parted, &payee, "late").await;
    let window = ReconcileEventsRequest {
        parent: payee.tenant.clone(),
        start_time: Some(begun.into()),
        // After the event's time.
        end_time: Some((SystemTime::now() - Duration::from_secs(1)).into()),
        ..ReconcileEventsRequest::default()
    };
    let stalled = Instant::now();
    let closed = loop {
        match in_window(&whole, &window).await {
            Ok(events) => break events,
            Err(open) if stalled.elapsed() < SETTLE_LIMIT => {
                assert_eq!(open.code(), Code::Unavailable, "{open}");
                sleep(Duration::from_millis(200)).await;
            }
            Err(open) => panic!("{open}"),
        }
    };
    println!("the window was closed {:?} after the parting", stalled.elapsed());
    assert_eq!(closed, payee.events.iter().cloned().collect());

    cluster.database_proxies[0].pass();
    println!("ready {:?} after the healing", wait_until_ready(&parted, true, SETTLE_LIMIT).await);
    payee.publish(&parted, 1).await;
    sleep(Duration::from_secs(2)).await; // what was held back came before
    for api in [&parted, &whole] {
        assert_eq!(in_window(api, &window).await.unwrap(), closed, "it was closed");
    }
    payee.delivered(&whole, &receiver).await;
    payee.publish_surely(&parted, "late").await;
    payee.delivered(&whole, &receiver).await;
}
