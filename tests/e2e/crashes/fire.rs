//! The processes that crash, and when.
//!
//! Fed by a round's seed; feeds rounds with a cluster whose parts are killed and
//! restarted. Guarantees that PostgreSQL is a server of the test's own, and that every
//! killed process runs again when a round of kills is over.

use std::time::Duration;

use postrider_tests::cluster::{Cluster, Description, Engine, SHORT_LEASES};
use postrider_tests::postgres::Server;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

/// Longer than a lease: somebody else has the shards before their owner is back.
const LONG_PAUSE_MILLISECONDS: u64 = 5_500;
const SHORT_PAUSE_MILLISECONDS: u64 = 900;
/// One pause in so many is long.
const LONG_PAUSE_ODDS: u32 = 4;
/// The longest wait between the count that a kill waits for and the kill.
const AFTER_MILLISECONDS: u64 = 300;

/// What dies together.
#[derive(Clone, Debug)]
pub struct KillRound {
    agents: Vec<usize>,
    replicas: Vec<usize>,
    postgres: bool,
    /// How many events are acknowledged before.
    pub acknowledged: usize,
    after: Duration,
    pause: Duration,
}

impl KillRound {
    /// Whether every agent lives through it.
    pub fn spares_agents(&self) -> bool {
        self.agents.is_empty()
    }

    /// The seed itself chooses what dies, so that each has its turn when seeds follow
    /// one another; what is drawn from it, which one, when and for how long.
    pub fn draw(seed: u64, random: &mut StdRng, engine: Engine, events: usize) -> Self {
        let any = [random.random_range(0..2)];
        let (agents, replicas, postgres): (&[usize], &[usize], bool) = match engine {
            Engine::Sqlite => [(&[0][..], &[][..], false), (&[], &[0], false), (&[0], &[0], false)]
                [(seed % 3) as usize],
            Engine::Postgres => match seed % 7 {
                0 => (&any, &[], false),
                1 => (&[], &any, false),
                2 => (&[], &[0, 1], false),
                3 => (&[], &[], true),
                4 => (&any, &any, false),
                5 => (&[], &any, true),
                _ => (&[0, 1], &[0, 1], true),
            },
        };
        let long = random.random_range(0..LONG_PAUSE_ODDS) == 0;
        let pause = if long {
            LONG_PAUSE_MILLISECONDS
        } else {
            random.random_range(0..SHORT_PAUSE_MILLISECONDS)
        };
        let after = random.random_range(0..AFTER_MILLISECONDS);
        Self {
            agents: agents.to_vec(),
            replicas: replicas.to_vec(),
            postgres,
            acknowledged: random.random_range(events / 10..events),
            after: Duration::from_millis(after),
            pause: Duration::from_millis(pause),
        }
    }
}

/// A cluster under fire; dropped before the server that it stands on.
pub struct CrashTargets {
    pub cluster: Cluster,
    pub engine: Engine,
    server: Option<Server>,
}

impl CrashTargets {
    /// Two regions; on PostgreSQL two replicas and an agent in each region, on SQLite
    /// one process of each kind.
    pub async fn light(engine: Engine) -> Self {
        let server = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Server::start().await.unwrap()),
        };
        let agents: &[&str] = match engine {
            Engine::Sqlite => &["eu"],
            Engine::Postgres => &["eu", "us"],
        };
        let description = Description {
            engine,
            replicas: agents.len(),
            agents: agents.iter().map(|region| ((*region).to_owned(), 1)).collect(),
            settings: SHORT_LEASES.to_owned(),
            server_url: server.as_ref().map(|server| server.url().to_owned()),
            ..Description::default()
        };
        Self { cluster: Cluster::start(&description).await.unwrap(), engine, server }
    }

    /// The region that the second half of the subscriptions is in.
    pub fn other_region(&self) -> String {
        let agent = self.cluster.agents.last().unwrap();
        format!("regions/{}", agent.region())
    }

    /// `kill -9` of all of it at one moment, and a start of all of it after a pause.
    pub async fn kill_and_restart(&mut self, kill: &KillRound) {
        sleep(kill.after).await;
        for agent in &kill.agents {
            self.cluster.agents[*agent].kill().await.unwrap();
        }
        for replica in &kill.replicas {
            self.cluster.replicas[*replica].kill().await.unwrap();
        }
        if let Some(server) = self.server.as_mut().filter(|_| kill.postgres) {
            server.kill().await.unwrap();
        }
        sleep(kill.pause).await;
        if let Some(server) = self.server.as_mut().filter(|_| kill.postgres) {
            server.start_again().await.unwrap();
        }
        for replica in &kill.replicas {
            self.cluster.replicas[*replica].launch().unwrap();
        }
        for agent in &kill.agents {
            self.cluster.agents[*agent].start_again().unwrap();
        }
        for replica in &kill.replicas {
            self.cluster.replicas[*replica].wait_until_serving().await.unwrap();
        }
        self.all_run();
    }

    /// Nothing else has ended by itself.
    fn all_run(&mut self) {
        for replica in &mut self.cluster.replicas {
            replica.program().unwrap().still_runs().unwrap();
        }
        for agent in &mut self.cluster.agents {
            agent.program().unwrap().still_runs().unwrap();
        }
    }
}
