//! Replicas that leave, join and crash while events are published.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future;
use postrider_proto::v1::Subscription;
use postrider_tests::api::Api;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::Receiver;
use tokio::time::Instant;

use super::{
    SHARD_COUNT, SHARE_LIMIT, TENANT_COUNT, many_tenants, publish_to_each, shards_are_shared,
    shared, tenant_of, two_replicas, wait_for_each, wait_for_shards,
};
use crate::stage::SOON_LIMIT;

/// A leaving replica's shards are the other's in this time: sooner than those of one that
/// does not give its leases back, which have 7 s of 10 left at least.
const LEAVE_LIMIT: Duration = Duration::from_secs(6);
/// A killed replica's lease, and the grace for what agents hold.
const CRASH_LIMIT: Duration = Duration::from_secs(20);

/// Publishes to each tenant until told to stop, and returns how many rounds
/// there were.
async fn keep_publishing(api: &Api, subscriptions: &[Subscription], stop: &AtomicBool) -> usize {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        publish_to_each(api, subscriptions).await;
        rounds += 1;
    }
    rounds
}

/// SIGTERM: its shards are the other's before a lease would end, and nothing is lost or
/// sent twice in the meantime.
async fn a_replica_that_leaves_hands_over(cluster: &mut Cluster, receiver: &Receiver) {
    println!("a replica leaves");
    let api = cluster.api_of(0).unwrap();
    let subscriptions = many_tenants(&api, receiver, "leave").await;
    let stop = AtomicBool::new(false);
    let leaving = async {
        wait_for_each(receiver, "leave", 2, SOON_LIMIT).await;
        let begun = Instant::now();
        cluster.replicas[1].stop().await.unwrap();
        let stopping = begun.elapsed();
        let moved = wait_for_shards(&api, LEAVE_LIMIT, |owned| owned == [SHARD_COUNT]).await;
        println!("stopped in {stopping:?}, shards moved {moved:?} later");
        stop.store(true, Ordering::Relaxed);
    };
    let publishing = keep_publishing(&api, &subscriptions, &stop);
    let (rounds, ()) = future::join(publishing, leaving).await;
    wait_for_each(receiver, "leave", rounds, SOON_LIMIT).await;
    for subscription in &subscriptions {
        let tenant = tenant_of(&subscription.name);
        let ended = api.wait_for_deliveries(tenant, "state = SUCCEEDED", rounds, SOON_LIMIT);
        ended.await.unwrap();
    }
    let once = (TENANT_COUNT * rounds) as u64;
    assert_eq!(receiver.received(), once, "each came once");
}

/// It is back, and has its half again.
async fn a_replica_that_joins_gets_its_half(cluster: &mut Cluster) {
    println!("a replica joins");
    cluster.replicas[1].start_again().await.unwrap();
    let api = cluster.api_of(0).unwrap();
    let took = wait_for_shards(&api, SHARE_LIMIT, shared).await;
    println!("shared after {took:?}");
    cluster.wait_for_agents().await.unwrap();
}

/// `kill -9`: its tenants are served again once its lease has ended.
async fn a_crashed_replicas_tenants_are_served(cluster: &mut Cluster, receiver: &Receiver) {
    println!("a replica crashes");
    let api = cluster.api_of(0).unwrap();
    let subscriptions = many_tenants(&api, receiver, "crash").await;
    publish_to_each(&api, &subscriptions).await;
    wait_for_each(receiver, "crash", 1, SOON_LIMIT).await;
    cluster.replicas[1].kill().await.unwrap();
    publish_to_each(&api, &subscriptions).await;
    let took = wait_for_each(receiver, "crash", 2, CRASH_LIMIT).await;
    println!("all tenants served {took:?} after the crash");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_come_and_go_on_postgres() {
    let mut cluster = two_replicas().await;
    shards_are_shared(&cluster).await;
    let receiver = cluster.receiver().await.unwrap();
    a_replica_that_leaves_hands_over(&mut cluster, &receiver).await;
    a_replica_that_joins_gets_its_half(&mut cluster).await;
    a_crashed_replicas_tenants_are_served(&mut cluster, &receiver).await;
}
