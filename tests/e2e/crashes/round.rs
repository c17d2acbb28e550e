//! Rounds of load and of `kill -9`.
//!
//! Fed by an engine and a number of rounds; feeds `crashes`. Guarantees that in each
//! round processes are killed while events are published or delivered, that everything
//! ends, and that the whole story is judged, with the round's seed in what is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use futures::future::{join, join_all};
use postrider_proto::v1::{AttemptOutcome, DeliveryState};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Engine, LOST_AFTER};
use postrider_tests::history::{self, CrashHistory};
use postrider_tests::receiver::{Options, Receiver};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep};

use super::fire::{CrashTargets, KillRound};
use super::load::{self, TOTAL_EVENTS, Tenant};
use super::publishers::{PublishLedger, Publisher};
use super::{first_seed, variable, witness};

/// So many rounds share a cluster and a receiver, whose memory is bounded.
const ROUNDS_PER_CLUSTER: u64 = 25;

/// All publishers of a round, to their ends.
pub async fn publish(apis: &[Api], tenants: &[Tenant], ledger: &PublishLedger) {
    join_all(tenants.iter().enumerate().map(|(number, tenant)| async move {
        let publisher = Publisher { apis, number, tenant, ledger };
        let (one, batch) = (publisher.one_by_one(), publisher.in_batches());
        join(one, join(batch, publisher.on_a_stream())).await;
    }))
    .await;
}

async fn round(fire: &mut CrashTargets, receiver: &Receiver, number: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let kill = KillRound::draw(seed, &mut random, fire.engine, TOTAL_EVENTS);
    println!("{:?} round {number}: seed {seed}, {kill:?}", fire.engine);
    let (begun, wall) = (Instant::now(), SystemTime::now());
    let replicas = 0..fire.cluster.replicas.len();
    let apis: Vec<Api> = replicas.map(|replica| fire.cluster.api_of(replica).unwrap()).collect();
    let region = fire.other_region();
    let mut api = apis[0].clone();
    let tenants = load::prepare(&mut api, receiver, &mut random, number, &region).await;

    let (ledger, stop) = (PublishLedger::default(), AtomicBool::new(false));
    let under_fire = async {
        let shooting = async {
            while ledger.acknowledged() < kill.acknowledged {
                sleep(Duration::from_millis(2)).await;
            }
            fire.kill_and_restart(&kill).await;
        };
        join(publish(&apis, &tenants, &ledger), shooting).await;
        witness::settled(&api, &tenants).await;
        stop.store(true, Ordering::Relaxed);
    };
    let (sightings, ()) = join(witness::watch(&apis, &tenants, &stop), under_fire).await;
    let took = begun.elapsed();
    let promises = ledger.promises();
    assert_eq!(promises.len(), TOTAL_EVENTS);
    witness::keys_still_hold(&api, &promises).await;
    let story = witness::story(&api, receiver, &tenants, &promises, wall).await;
    let agents_live = kill.spares_agents();
    let story = CrashHistory { sightings, unknown_after: Some(LOST_AFTER), agents_live, ..story };
    tell(number, &story, &ledger, took);
    let faults = history::faults(&story);
    assert!(faults.is_empty(), "round {number}, seed {seed}, {kill:?}: {faults:#?}");
}

/// What a round was like.
pub fn tell(number: u64, story: &CrashHistory, ledger: &PublishLedger, took: Duration) {
    let exhausted = story
        .deliveries
        .iter()
        .filter(|(delivery, _)| delivery.state() == DeliveryState::Exhausted);
    let attempts = story.deliveries.iter().flat_map(|(_, attempts)| attempts);
    let unknown = attempts.filter(|attempt| attempt.outcome() == AttemptOutcome::Unknown);
    println!(
        "round {number}: {} deliveries, {} exhausted, {} POSTs, {} UNKNOWN, {took:.1?}, refused {:?}",
        story.deliveries.len(),
        exhausted.count(),
        story.posts.len(),
        unknown.count(),
        ledger.refusals(),
    );
}

/// Rounds from `POSTRIDER_TEST_SEED` on, as many as `POSTRIDER_TEST_ROUNDS` says.
pub async fn rounds(engine: Engine, count: u64) {
    let first = first_seed();
    let count = variable("POSTRIDER_TEST_ROUNDS").unwrap_or(count);
    let mut done = 0;
    while done < count {
        let mut fire = CrashTargets::light(engine).await;
        let options = Options { numbered: true, ..Options::default() };
        let receiver = fire.cluster.receiver_with(options).await.unwrap();
        for number in done..count.min(done + ROUNDS_PER_CLUSTER) {
            round(&mut fire, &receiver, number, u64::from(first) + number).await;
        }
        done += ROUNDS_PER_CLUSTER;
    }
}
