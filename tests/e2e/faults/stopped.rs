//! Processes that stand still for a while and know nothing of it, and one that
//! never goes on.

use std::time::Duration;

use futures::future::{join, join_all};
use postrider_proto::v1::{Attempt, AttemptOutcome, Delivery};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok};
use tokio::time::{Instant, sleep};

use super::{
    HEALTH_REPORT_LIMIT, SETTLE_LIMIT, TestEndpoint, assert_alive, payees, wait_until_ready,
};
use crate::replicas::{SHARD_COUNT, shared, two_replicas, wait_for_shards};
use crate::stage::SOON_LIMIT;

/// Longer than a lease, which the other replica needs to take over.
const FROZEN_TIME: Duration = Duration::from_secs(13);
const SHORT_TIME: Duration = Duration::from_millis(500);

/// SIGSTOP for longer than a lease, and SIGCONT: the other replica takes over, and
/// the one that wakes up neither sends nor writes what is no longer its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_wakes_up_sends_and_writes_nothing_stale_on_postgres() {
    let mut cluster = two_replicas().await;
    let (frozen, awake) = (cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap());
    wait_for_shards(&awake, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&awake, &receiver, "frozen", 8).await;
    // One after the other: most of them wait in the owner's memory.
    for number in 8..16 {
        let narrow = TestEndpoint::create(&awake, &receiver, &format!("narrow-{number}"), 1).await;
        let answer = Answer::ok().after(Duration::from_secs(1));
        receiver.script(&narrow.path, [answer.into()]);
        payees.push(narrow);
    }
    join_all(payees.iter_mut().map(|payee| payee.publish(&frozen, 8))).await;
    receiver.wait_for(8 * 8 + 8, SOON_LIMIT).await.unwrap();

    let begun = Instant::now();
    cluster.replicas[0].program().unwrap().freeze().unwrap();
    join_all(payees.iter_mut().map(|payee| payee.publish(&awake, 2))).await;
    let moved = wait_for_shards(&awake, SETTLE_LIMIT, |owned| owned.contains(&SHARD_COUNT)).await;
    println!("all shards moved after {moved:?}");
    let before = delivered(&payees, &awake, &receiver).await;
    assert_alive(&awake).await;
    wait_until_ready(&awake, true, HEALTH_REPORT_LIMIT).await;
    let mut patient = TestEndpoint::create(&awake, &receiver, "patient", 0).await;
    sleep(FROZEN_TIME.saturating_sub(begun.elapsed())).await;
    let posts = receiver.received();
    let waking = async {
        sleep(SHORT_TIME).await; // the call waits at what stands still
        cluster.replicas[0].program().unwrap().thaw().unwrap();
    };
    join(patient.publish_surely(&frozen, "across"), waking).await;
    let woken = Instant::now();
    println!("ready {:?} after it woke", wait_until_ready(&frozen, true, SETTLE_LIMIT).await);
    assert_alive(&frozen).await;
    wait_for_shards(&awake, SETTLE_LIMIT, shared).await;
    println!("shared {:?} after it woke", woken.elapsed());
    cluster.wait_for_agents().await.unwrap();
    patient.assert_delivered_once(&awake, &receiver).await;
    assert_eq!(receiver.received(), posts + 1, "what woke up sent nothing stale");
    assert_eq!(delivered(&payees, &awake, &receiver).await, before, "it wrote nothing stale");
    join_all(payees.iter_mut().map(|payee| payee.publish(&frozen, 2))).await;
    for payee in &payees {
        payee.delivered(&frozen, &receiver).await;
    }
    assert_alive(&frozen).await;
}

/// What became of all that these were promised.
async fn delivered(
    payees: &[TestEndpoint],
    api: &Api,
    receiver: &Receiver,
) -> Vec<(Delivery, Vec<Attempt>)> {
    join_all(payees.iter().map(|payee| payee.delivered(api, receiver))).await.concat()
}

/// SIGSTOP of one of two agents for longer than the silence after which it is
/// lost: the other sends what it held, what it was sent meanwhile it does not
/// send when it wakes up, and its late results are kept.
async fn what_an_agent_that_stands_still_holds_is_sent_by_another(engine: Engine) {
    let agents = vec![("eu".to_owned(), 2)];
    let description = Description { engine, agents, ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut thinking = TestEndpoint::create(&api, &receiver, "thinking", 0).await;
    let mut quick = TestEndpoint::create(&api, &receiver, "quick", 0).await;
    let gate = Gate::closed();
    receiver.script(&thinking.path, [held(&gate)]);
    thinking.publish(&api, 20).await;
    receiver.wait_for_at(&thinking.path, 20, SOON_LIMIT).await.unwrap();

    cluster.agents[0].program().unwrap().freeze().unwrap();
    let begun = Instant::now();
    quick.publish(&api, 20).await;
    gate.open();
    for payee in [&thinking, &quick] {
        payee.delivered(&api, &receiver).await;
    }
    println!("the other agent had sent everything after {:?}", begun.elapsed());
    assert_alive(&api).await;
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await;
    let unknown = unknown_of(&thinking, &api).await;
    assert!(unknown > 0, "the frozen agent held none");
    let given_up = unknown_of(&quick, &api).await;
    assert!(given_up > 0, "the frozen agent was sent none");
    let posts = receiver.received();

    cluster.agents[0].program().unwrap().thaw().unwrap();
    postrider_tests::wait::until("late results", SOON_LIMIT, || async {
        postrider_tests::wait::when(unknown_of(&thinking, &api).await, |left| *left == 0)
    })
    .await
    .unwrap();
    cluster.wait_for_agents().await.unwrap();
    assert_eq!(receiver.received(), posts, "what was sent while it stood still is not POSTed");
    assert_eq!(unknown_of(&quick, &api).await, given_up);
    quick.publish(&api, 20).await;
    quick.delivered(&api, &receiver).await;
}

on_both_engines!(what_an_agent_that_stands_still_holds_is_sent_by_another);

/// How many attempts of a payee's nobody can account for.
async fn unknown_of(payee: &TestEndpoint, api: &Api) -> usize {
    let history = payee.history(api).await;
    let attempts = history.iter().flat_map(|(_, attempts)| attempts);
    attempts.filter(|attempt| attempt.outcome() == AttemptOutcome::Unknown).count()
}

/// `kill -9` of one of two replicas while receivers think, some for shorter than
/// it takes the other to take over and some for longer: one POST each, whose
/// result the other replica takes, as its owner or not yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_other_replica_takes_what_agents_hold_on_postgres() {
    let mut cluster = two_replicas().await;
    let (killed, other) = (cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap());
    wait_for_shards(&other, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&other, &receiver, "held", 12).await;
    for (number, payee) in payees.iter().enumerate() {
        let seconds = if number % 2 == 0 { 3 } else { 13 };
        let answer = Answer::ok().after(Duration::from_secs(seconds));
        receiver.script(&payee.path, [answer.into()]);
    }
    join_all(payees.iter_mut().map(|payee| payee.publish(&killed, 3))).await;
    receiver.wait_for(36, SOON_LIMIT).await.unwrap();
    cluster.replicas[0].kill().await.unwrap();
    let begun = Instant::now();
    wait_for_shards(&other, SETTLE_LIMIT, |owned| owned.contains(&SHARD_COUNT)).await;
    println!("taken over after {:?}", begun.elapsed());
    for payee in &payees {
        payee.assert_delivered_once(&other, &receiver).await;
        receiver.script(&payee.path, [ok()]);
    }
    join_all(payees.iter_mut().map(|payee| payee.publish(&other, 1))).await;
    for payee in &payees {
        payee.assert_delivered_once(&other, &receiver).await;
    }
}

/// Engines other than PostgreSQL have one replica, which nobody relieves.
#[tokio::test]
async fn a_lone_replica_goes_on_after_it_stood_still_on_sqlite() {
    let mut cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "alone", 0).await;
    receiver.script(&payee.path, [Answer::ok().after(Duration::from_secs(2)).into()]);
    payee.publish(&api, 5).await;
    receiver.wait_for_at(&payee.path, 5, SOON_LIMIT).await.unwrap();
    cluster.replicas[0].program().unwrap().freeze().unwrap();
    sleep(FROZEN_TIME).await;
    cluster.replicas[0].program().unwrap().thaw().unwrap();
    wait_until_ready(&api, true, SETTLE_LIMIT).await;
    payee.publish(&api, 5).await;
    payee.assert_delivered_once(&api, &receiver).await;
    assert_alive(&api).await;
}
