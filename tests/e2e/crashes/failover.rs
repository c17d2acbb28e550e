//! A PostgreSQL that fails over to its standby, under load.
//!
//! Fed by two servers, of which one is the synchronous standby of the other, and by a seed;
//! feeds `crashes`. Guarantees that in each round the primary is killed, or turns read-only
//! and goes on, that the standby is promoted and followed, that no session stays at a primary
//! that goes on, and that the whole story is judged as after any other crash.

use std::time::Duration;

use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::postgres::Server;
use postrider_tests::receiver::{Options, Receiver};
use postrider_tests::wait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::time::sleep;

use super::load::TOTAL_EVENTS;
use super::round::RoundLoad;
use super::{SHORT_LEASES, first_seed, variable};
use crate::stage::SOON_LIMIT;

/// In CI: a primary that is killed, twice, and between them one that turns read-only.
const DEFAULT_ROUNDS: u64 = 3;
/// How long there is no primary, at most: a fail-over manager takes seconds.
const MAX_PAUSE_MILLISECONDS: u64 = 3_000;

const COUNT_SESSIONS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'postrider'";

/// How the primary ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PrimaryEnd {
    Killed,
    /// It answers, and takes no changes.
    ReadOnly,
}

/// When it ends, and for how long there is no other.
#[derive(Clone, Copy, Debug)]
struct FailoverRound {
    end: PrimaryEnd,
    acknowledged: usize,
    pause: Duration,
}

impl FailoverRound {
    fn draw(seed: u64, random: &mut StdRng) -> Self {
        Self {
            end: if seed % 2 == 1 { PrimaryEnd::Killed } else { PrimaryEnd::ReadOnly },
            acknowledged: random.random_range(TOTAL_EVENTS / 10..TOTAL_EVENTS),
            pause: Duration::from_millis(random.random_range(0..MAX_PAUSE_MILLISECONDS)),
        }
    }
}

/// A cluster on two servers; dropped before them.
struct FailoverTargets {
    cluster: Cluster,
    primary: Server,
    standby: Server,
}

impl FailoverTargets {
    async fn start() -> Self {
        let primary = Server::start().await.unwrap();
        let standby = Server::start_standby_of(&primary).await.unwrap();
        let description = Description {
            engine: Engine::Postgres,
            replicas: 2,
            agents: ["eu", "us"].map(|region| (region.to_owned(), 1)).to_vec(),
            settings: SHORT_LEASES.to_owned(),
            server_url: Some(primary.url().to_owned()),
            standby_port: Some(standby.port()),
            ..Description::default()
        };
        Self { cluster: Cluster::start(&description).await.unwrap(), primary, standby }
    }

    async fn fail_over(&mut self, failover: &FailoverRound) {
        match failover.end {
            PrimaryEnd::Killed => self.primary.kill().await.unwrap(),
            PrimaryEnd::ReadOnly => self.primary.become_read_only().await.unwrap(),
        }
        sleep(failover.pause).await;
        self.standby.promote().await.unwrap();
        std::mem::swap(&mut self.primary, &mut self.standby);
        if failover.end == PrimaryEnd::ReadOnly {
            self.wait_until_nobody_uses_the_other().await;
        }
        for replica in &mut self.cluster.replicas {
            replica.program().unwrap().still_runs().unwrap();
        }
    }

    async fn wait_until_nobody_uses_the_other(&self) {
        wait::until("sessions to leave a primary that is read-only", SOON_LIMIT, || async {
            let count = self.standby.count(COUNT_SESSIONS).await;
            wait::when(count.map_err(|error| error.to_string())?, |count| *count == 0)
        })
        .await
        .unwrap();
    }
}

async fn round(targets: &mut FailoverTargets, receiver: &Receiver, number: u64, seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let failover = FailoverRound::draw(seed, &mut random);
    println!("round {number}: seed {seed}, {failover:?}");
    let cluster = &targets.cluster;
    let load = RoundLoad::prepare(cluster, receiver, &mut random, number, "regions/us").await;
    let strike = Box::pin(targets.fail_over(&failover));
    let faults = load.faults(failover.acknowledged, strike, true).await;
    assert!(faults.is_empty(), "round {number}, seed {seed}, {failover:?}: {faults:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_fails_over_is_followed_and_loses_nothing_on_postgres() {
    let mut targets = FailoverTargets::start().await;
    let options = Options { numbered: true, ..Options::default() };
    let receiver = targets.cluster.receiver_with(options).await.unwrap();
    let first = u64::from(first_seed());
    let rounds = variable("POSTRIDER_TEST_ROUNDS").unwrap_or(DEFAULT_ROUNDS);
    for number in 0..rounds {
        round(&mut targets, &receiver, number, first + number).await;
        if number + 1 < rounds {
            let FailoverTargets { primary, standby, .. } = &mut targets;
            standby.become_standby_of(primary).await.unwrap();
        }
    }
}
