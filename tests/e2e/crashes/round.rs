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
use postrider_tests::cluster::{Cluster, Engine, LOST_AFTER};
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

/// What is published in a round, and to whom.
pub struct RoundLoad<'a> {
    number: u64,
    begun: Instant,
    wall: SystemTime,
    apis: Vec<Api>,
    receiver: &'a Receiver,
    tenants: Vec<Tenant>,
}

impl<'a> RoundLoad<'a> {
    /// Makes its tenants, some of whose subscriptions are of another region.
    pub async fn prepare(
        cluster: &Cluster,
        receiver: &'a Receiver,
        random: &mut StdRng,
        number: u64,
        region: &str,
    ) -> Self {
        let (begun, wall) = (Instant::now(), SystemTime::now());
        let replicas = 0..cluster.replicas.len();
        let apis: Vec<Api> = replicas.map(|replica| cluster.api_of(replica).unwrap()).collect();
        let mut api = apis[0].clone();
        let tenants = load::prepare(&mut api, receiver, random, number, region).await;
        Self { number, begun, wall, apis, receiver, tenants }
    }

    /// Publishes it, and strikes once so many events are acknowledged. Returns what is wrong
    /// with what history and the receiver tell once everything has ended.
    pub async fn faults(
        &self,
        acknowledged: usize,
        strike: impl Future<Output = ()>,
        agents_live: bool,
    ) -> Vec<String> {
        let Self { apis, receiver, tenants, .. } = self;
        let (api, ledger, stop) = (&apis[0], PublishLedger::default(), AtomicBool::new(false));
        let under_fire = async {
            let striking = async {
                while ledger.acknowledged() < acknowledged {
                    sleep(Duration::from_millis(2)).await;
                }
                strike.await;
            };
            join(self.publish(&ledger), striking).await;
            witness::settled(api, tenants).await;
            stop.store(true, Ordering::Relaxed);
        };
        let (sightings, ()) = join(witness::watch(apis, tenants, &stop), under_fire).await;
        let took = self.begun.elapsed();
        let promises = ledger.promises();
        assert_eq!(promises.len(), TOTAL_EVENTS);
        witness::keys_still_hold(api, &promises).await;
        let story = witness::story(api, receiver, tenants, &promises, self.wall).await;
        let unknown_after = Some(LOST_AFTER);
        let story = CrashHistory { sightings, unknown_after, agents_live, ..story };
        tell(self.number, &story, &ledger, took);
        history::faults(&story)
    }

    /// All publishers, to their ends.
    async fn publish(&self, ledger: &PublishLedger) {
        join_all(self.tenants.iter().enumerate().map(|(number, tenant)| async move {
            let publisher = Publisher { apis: &self.apis, number, tenant, ledger };
            let (one, batch) = (publisher.one_by_one(), publisher.in_batches());
            join(one, join(batch, publisher.on_a_stream())).await;
        }))
        .await;
    }
}

async fn round(fire: &mut CrashTargets, receiver: &Receiver, number: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let kill = KillRound::draw(seed, &mut random, fire.engine, TOTAL_EVENTS);
    println!("{:?} round {number}: seed {seed}, {kill:?}", fire.engine);
    let region = fire.other_region();
    let load = RoundLoad::prepare(&fire.cluster, receiver, &mut random, number, &region).await;
    let strike = Box::pin(fire.kill_and_restart(&kill));
    let faults = load.faults(kill.acknowledged, strike, kill.spares_agents()).await;
    assert!(faults.is_empty(), "round {number}, seed {seed}, {kill:?}: {faults:#?}");
}

/// What a round was like.
fn tell(number: u64, story: &CrashHistory, ledger: &PublishLedger, took: Duration) {
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
