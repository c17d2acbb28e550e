//! What happens to processes and connections meanwhile.
//!
//! Fed by a site and random numbers; feeds the round with how many strikes of each kind there
//! were. Guarantees that the first replica and the first agent are spared, that one strike is
//! over before the next one, and that everything runs again in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::site::Site;

/// Between two strikes: sometimes before all is settled, sometimes after.
const MIN_PAUSE_MILLISECONDS: u64 = 1_000;
const MAX_PAUSE_MILLISECONDS: u64 = 6_000;
/// How long a process that was struck is down.
const MAX_DOWN_MILLISECONDS: u64 = 1_500;
/// Shorter than the silence after which it is taken for lost.
const FROZEN_TIME: Duration = Duration::from_millis(1_200);
/// One that may be struck; the first one is spared.
const STRUCK_PLACE: usize = 1;

/// How many strikes of each kind there were.
pub type StrikeCounts = BTreeMap<&'static str, u64>;

/// What is done to whom.
#[derive(Clone, Copy, Debug)]
pub enum Strike {
    KillAgent,
    StopAgent,
    FreezeAgent,
    CutAgents,
    KillReplica,
    StopReplica,
    KillDatabase,
}

impl Strike {
    /// SQLite has one replica, which is spared, and no server.
    pub fn draw(engine: Engine, random: &mut StdRng) -> Self {
        const OF_SQLITE: [Strike; 4] =
            [Strike::KillAgent, Strike::StopAgent, Strike::FreezeAgent, Strike::CutAgents];
        const OF_POSTGRES: [Strike; 7] = [
            Strike::KillAgent,
            Strike::StopAgent,
            Strike::FreezeAgent,
            Strike::CutAgents,
            Strike::KillReplica,
            Strike::StopReplica,
            Strike::KillDatabase,
        ];
        match engine {
            Engine::Sqlite => OF_SQLITE[random.random_range(0..OF_SQLITE.len())],
            Engine::Postgres => OF_POSTGRES[random.random_range(0..OF_POSTGRES.len())],
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::KillAgent => "agents killed",
            Self::StopAgent => "agents stopped",
            Self::FreezeAgent => "agents frozen",
            Self::CutAgents => "agents' connections cut",
            Self::KillReplica => "replicas killed",
            Self::StopReplica => "replicas stopped",
            Self::KillDatabase => "databases killed",
        }
    }

    /// Does it, and waits until everything runs again.
    pub async fn carry_out(self, site: &mut Site, down: Duration) -> Result<()> {
        match self {
            Self::KillAgent | Self::StopAgent | Self::FreezeAgent => {
                self.strike_agent(site, down).await?;
            }
            Self::CutAgents => {
                site.cluster.agent_proxies.iter().flatten().for_each(|proxy| proxy.cut());
            }
            Self::KillReplica | Self::StopReplica => self.strike_replica(site, down).await?,
            Self::KillDatabase => {
                let server = site.server.as_mut().context("a server")?;
                server.kill().await?;
                sleep(down).await;
                server.start_again().await?;
            }
        }
        for replica in &mut site.cluster.replicas {
            replica.wait_until_serving().await?;
        }
        site.cluster.wait_for_agents().await?;
        site.survivors_live()
    }

    async fn strike_agent(self, site: &mut Site, down: Duration) -> Result<()> {
        let agent = site.cluster.agents.get_mut(STRUCK_PLACE).context("a second agent")?;
        match self {
            Self::FreezeAgent => {
                agent.program()?.freeze()?;
                sleep(FROZEN_TIME).await;
                return agent.program()?.thaw();
            }
            Self::StopAgent => agent.stop().await?,
            _ => agent.kill().await?,
        }
        sleep(down).await;
        agent.start_again()
    }

    async fn strike_replica(self, site: &mut Site, down: Duration) -> Result<()> {
        let replica = site.cluster.replicas.get_mut(STRUCK_PLACE).context("a second replica")?;
        match self {
            Self::StopReplica => replica.stop().await?,
            _ => replica.kill().await?,
        }
        sleep(down).await;
        replica.launch()
    }
}

/// How long something is down.
pub fn draw_down_time(random: &mut StdRng) -> Duration {
    Duration::from_millis(random.random_range(0..MAX_DOWN_MILLISECONDS))
}

/// Strikes now and then until it is told to stop.
pub async fn strike(
    site: &mut Site,
    mut random: StdRng,
    stop: &AtomicBool,
) -> Result<StrikeCounts> {
    let mut counts = StrikeCounts::new();
    while !stop.load(Ordering::Relaxed) {
        let pause = random.random_range(MIN_PAUSE_MILLISECONDS..MAX_PAUSE_MILLISECONDS);
        sleep(Duration::from_millis(pause)).await;
        let strike = Strike::draw(site.engine, &mut random);
        let struck = strike.carry_out(site, draw_down_time(&mut random)).await;
        struck.with_context(|| format!("{strike:?}"))?;
        *counts.entry(strike.name()).or_default() += 1;
    }
    Ok(counts)
}
