//! Databases that are slow, that restart, and that let nobody in for a while. When
//! `POSTRIDER_TEST_OUTAGE_SECONDS` says how long that is, it is as long of each.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{join, join_all};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::postgres::{Server, Stop};
use postrider_tests::receiver::behaviour::{Answer, Gate, held};
use tokio::time::{Instant, sleep};

use super::{
    HEALTH_REPORT_LIMIT, SETTLE_LIMIT, TestEndpoint, assert_alive, assert_refused,
    assert_still_unready, assert_understandable, outage_seconds, payees, small_on,
    two_behind_proxies, wait_until_ready,
};
use crate::replicas::{shared, wait_for_shards};
use crate::stage::SOON_LIMIT;

/// What each direction takes: nothing is lost, and no lease.
const SLOW_DELAY: Duration = Duration::from_millis(300);
/// A database that is hardly there.
const SLOWEST_DELAY: Duration = Duration::from_secs(1);
/// Longer than a lease.
const RECOVERY_TIME: Duration = Duration::from_secs(12);
/// How long a server that ended as after a crash stays away.
const SHORT_TIME: Duration = Duration::from_secs(2);
/// As long as nobody gets in.
const OUTAGE_TIME: Duration = Duration::from_secs(20);
/// What a patient publisher gives a call.
const LONG_DEADLINE: Duration = Duration::from_secs(10);

/// Publishes to each payee in turn until told to stop, surely.
async fn keep_publishing(payees: &mut [TestEndpoint], api: &Api, stop: &AtomicBool) {
    let publishing = payees.iter_mut().map(|payee| async move {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            payee.publish_surely(api, &format!("{}-{number}", payee.path)).await;
            number += 1;
            sleep(Duration::from_millis(20)).await;
        }
    });
    join_all(publishing).await;
}

/// Grows by one with every take-over of a shard; read past the proxies.
async fn epochs(cluster: &Cluster) -> i64 {
    let mut database = cluster.database().unwrap().connect().await.unwrap();
    let sum = sqlx::query_scalar("SELECT sum(epoch)::bigint FROM shards");
    sum.fetch_one(&mut database).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_database_costs_no_shard_its_owner_on_postgres() {
    let cluster = two_behind_proxies().await;
    let (one, two) = (cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap());
    wait_for_shards(&one, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&one, &receiver, "slow", 8).await;
    join_all(payees.iter_mut().map(|payee| payee.publish(&one, 1))).await;

    let epochs = epochs(&cluster).await;
    cluster.database_proxies.iter().for_each(|proxy| proxy.delay(SLOW_DELAY));
    let slowed = Instant::now();
    let stop = AtomicBool::new(false);
    let watching = async {
        let begun = Instant::now();
        while begun.elapsed() < RECOVERY_TIME {
            for api in [&one, &two] {
                assert_alive(api).await;
            }
            sleep(Duration::from_millis(500)).await;
        }
        for api in [&one, &two] {
            wait_until_ready(api, true, HEALTH_REPORT_LIMIT).await;
        }
        stop.store(true, Ordering::Relaxed);
    };
    join(keep_publishing(&mut payees, &two, &stop), watching).await;
    let unfinished = payees
        .iter()
        .map(|payee| one.wait_for_deliveries(&payee.tenant, "state != SUCCEEDED", 0, SETTLE_LIMIT));
    join_all(unfinished).await.into_iter().for_each(|ended| drop(ended.unwrap()));
    println!("{} events in {:?} at {SLOW_DELAY:?}", receiver.received(), slowed.elapsed());
    assert_eq!(self::epochs(&cluster).await, epochs, "a slow answer cost a shard its owner");
    cluster.database_proxies.iter().for_each(|proxy| proxy.pass());
    for payee in &payees {
        payee.assert_delivered_once(&one, &receiver).await;
    }

    cluster.database_proxies.iter().for_each(|proxy| proxy.delay(SLOWEST_DELAY));
    let (begun, lasts) = (Instant::now(), outage_seconds().unwrap_or(RECOVERY_TIME));
    let (mut acknowledged, mut refused) = (0, 0);
    while begun.elapsed() < lasts {
        let tried = payees.iter().map(|payee| payee.try_publish(&one, "", LONG_DEADLINE));
        let answers = join_all(tried).await;
        for (payee, answer) in payees.iter_mut().zip(answers) {
            match answer {
                Ok(event) => {
                    acknowledged += 1;
                    payee.events.push(event);
                }
                Err(status) => {
                    refused += 1;
                    assert_understandable(&status);
                }
            }
        }
        for api in [&one, &two] {
            assert_alive(api).await;
        }
    }
    println!("{acknowledged} acknowledged and {refused} refused at {SLOWEST_DELAY:?}");
    cluster.database_proxies.iter().for_each(|proxy| proxy.pass());
    for api in [&one, &two] {
        println!("ready after {:?}", wait_until_ready(api, true, SETTLE_LIMIT).await);
    }
    wait_for_shards(&one, SETTLE_LIMIT, shared).await;
    for payee in &payees {
        payee.delivered(&two, &receiver).await;
    }
}

/// While publishers go on: a restart in order, one as after a crash, and an
/// outage longer than a lease. Whatever was in flight is sent once all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_and_refuses_loses_nothing_on_postgres() {
    let mut server = Server::start().await.unwrap();
    let rest = Description { database_proxies: true, ..Description::default() };
    let mut cluster = small_on(Some(&server), rest).await;
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payees = payees(&api, &receiver, "restart", 6).await;
    let mut held_one = TestEndpoint::create(&api, &receiver, "held", 0).await;
    let gate = Gate::closed();
    receiver.script(&held_one.path, [held(&gate)]);
    receiver.otherwise([Answer::ok().after(Duration::from_millis(200)).into()]);
    held_one.publish(&api, 5).await;
    receiver.wait_for_at(&held_one.path, 5, SOON_LIMIT).await.unwrap();

    let stop = AtomicBool::new(false);
    let striking = async {
        for how in [Stop::Fast, Stop::Immediate] {
            sleep(Duration::from_secs(1)).await;
            server.stop(how).await.unwrap();
            assert_alive(&api).await;
            if let Some(lasts) = outage_seconds() {
                // An attempt takes less than a minute.
                gate.open();
                nobody_gets_in(&api, &held_one, lasts).await;
            } else if how == Stop::Immediate {
                nobody_gets_in(&api, &held_one, SHORT_TIME).await;
            }
            server.start_again().await.unwrap();
            println!(
                "{how:?}: ready again after {:?}",
                wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await
            );
        }
        sleep(Duration::from_secs(1)).await;
        an_outage_of_the_database_loses_nothing(&mut cluster, &api, &held_one, &gate).await;
        stop.store(true, Ordering::Relaxed);
    };
    join(keep_publishing(&mut payees, &api, &stop), striking).await;
    for payee in payees.iter().chain([&held_one]) {
        payee.assert_delivered_once(&api, &receiver).await;
    }
    println!("{} events", receiver.received());
    drop(cluster);
}

/// Once the replica knows, publishers are refused for so long, and it is alive and
/// not ready.
async fn nobody_gets_in(api: &Api, payee: &TestEndpoint, lasts: Duration) {
    println!("not ready after {:?}", wait_until_ready(api, false, HEALTH_REPORT_LIMIT).await);
    let begun = Instant::now();
    while begun.elapsed() < lasts {
        assert_refused(api, payee, "refused").await;
        assert_alive(api).await;
        assert_still_unready(api).await;
    }
}

async fn an_outage_of_the_database_loses_nothing(
    cluster: &mut Cluster,
    api: &Api,
    held: &TestEndpoint,
    gate: &Gate,
) {
    cluster.database_proxies[0].refuse().await;
    gate.open();
    nobody_gets_in(api, held, outage_seconds().unwrap_or(OUTAGE_TIME)).await;
    cluster.database_proxies[0].admit().await.unwrap();
    println!("ready {:?} after the outage", wait_until_ready(api, true, HEALTH_REPORT_LIMIT).await);
}
