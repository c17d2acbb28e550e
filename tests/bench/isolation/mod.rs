//! Whether healthy tenants are slowed down by a failing neighbour.
//!
//! Fed by options; feeds a table with a row for each case: the 99th percentile of the
//! *others*, from publish to receipt, without and with the disturbance. Guarantees that
//! both were measured in the same Postrider within one run, and that every accepted
//! event of the others arrived.

mod backlogs;
mod floods;
mod names;
mod readers;
mod slow;

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;

use crate::chain::{self, Chain};
use crate::load::{Load, Paced, Target};
use crate::options::{Options, Scale};
use crate::receiver::{Answers, Receiver, Scheme};
use crate::rig::{AGENT, CONTROL_PLANE, Rig};
use crate::table::{Figures, Table, Target as Goal};

/// Where those are received that must not notice.
const OTHERS_GROUP: &str = "others";
const ARRIVAL_LIMIT: Duration = Duration::from_secs(120);
const RATIO_GOAL: f64 = 1.5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IsolationCase {
    HangingAndDead,
    Holding,
    HoldingBeside,
    TimingOut,
    SlowNames,
    Flood,
    Recovery,
    ManyTenants,
    Listing,
}

/// Of the others' events.
#[derive(Clone, Copy, Debug)]
struct Measured {
    p99: f64,
    /// Publishes that were not accepted.
    refused: u64,
}

/// What one run of a case gave.
struct Outcome {
    without: Measured,
    with: Measured,
    /// Of the disturbance itself: how fast it went, in a second; of readers, their pages.
    own_rate: Option<f64>,
    /// The same percentile of the bare chain, where the disturbance itself is work.
    chain: Option<NeighbourLoad>,
}

/// Milliseconds.
struct NeighbourLoad {
    without: f64,
    with: f64,
}

impl IsolationCase {
    const ALL: &'static [Self] = &[
        Self::HangingAndDead,
        Self::Holding,
        Self::HoldingBeside,
        Self::TimingOut,
        Self::SlowNames,
        Self::Flood,
        Self::Recovery,
        Self::ManyTenants,
        Self::Listing,
    ];

    fn name(self, scale: Scale) -> String {
        match self {
            Self::HangingAndDead => format!(
                "hanging-and-dead: of 20 subscriptions one hangs, one is dead with {} waiting",
                backlogs::dead_waiting(scale)
            ),
            Self::Holding => format!(
                "holding: one of 10 endpoints holds every request for {:?}, 400 events/s in all",
                slow::hold(scale)
            ),
            Self::HoldingBeside => "same-host: the same, at the host of the others".to_owned(),
            Self::TimingOut => format!(
                "timing-out: one of 10 endpoints times out and is tried again, for {:?}",
                slow::retrying(scale)
            ),
            Self::SlowNames => format!(
                "slow-names: {} names of one tenant never answer, 400 events/s of the others",
                names::slow_names(scale)
            ),
            Self::Flood => {
                format!("flood: one tenant publishes {} at once", floods::flood(scale))
            }
            Self::Recovery => format!(
                "recovery: one subscription has {} waiting and recovers, at most {}/s",
                backlogs::recovering_waiting(scale),
                backlogs::recovering_rate(scale)
            ),
            Self::ManyTenants => format!(
                "many-tenants: {} tenants with one event each beside one with {}",
                floods::tenants(scale),
                floods::flood(scale)
            ),
            Self::Listing => {
                format!("listing: 40 callers list {} events without pause", readers::listed(scale))
            }
        }
    }

    /// The control plane's, where the default would make the case last for minutes.
    const fn settings(self) -> &'static str {
        match self {
            Self::Recovery => backlogs::QUICK_BREAKER,
            _ => "",
        }
    }

    async fn run(self, rig: &mut Rig, scale: Scale) -> Result<Outcome> {
        match self {
            Self::HangingAndDead => backlogs::hanging_and_dead(rig, scale).await,
            Self::Holding => slow::holding(rig, scale).await,
            Self::HoldingBeside => slow::holding_beside(rig, scale).await,
            Self::TimingOut => slow::timing_out(rig, scale).await,
            Self::SlowNames => names::never_answering(rig, scale).await,
            Self::Flood => floods::one_tenant(rig, scale).await,
            Self::Recovery => backlogs::recovery(rig, scale).await,
            Self::ManyTenants => floods::many_tenants(rig, scale).await,
            Self::Listing => readers::listing(rig, scale).await,
        }
    }
}

/// One case over all runs.
#[derive(Default)]
struct Row {
    without: Figures,
    with: Figures,
    ratio: Figures,
    refused: Figures,
    own_rate: Figures,
    chain_without: Figures,
    chain_with: Figures,
    chain_ratio: Figures,
    control_plane: Figures,
    agent: Figures,
}

/// On the first engine only: what is shared is the same on both.
pub async fn section(options: &Options) -> Result<()> {
    let engine = *options.engines.first().context("an engine")?;
    let mut table = Table::new(&[
        "case",
        "others' p99 without, ms",
        "with, ms",
        "ratio",
        "target",
        "refused of the others'",
        "bare chain's p99 without, ms",
        "with, ms",
        "ratio",
        "its own deliveries/s",
        "control plane's peak, MiB",
        "agent's peak, MiB",
    ]);
    for case in IsolationCase::ALL {
        let name = case.name(options.scale);
        if !name.contains(&options.case) {
            continue;
        }
        let mut row = Row::default();
        for number in 1..=options.runs {
            eprintln!("isolation, {name}, run {number}");
            row.add(engine, *case, options.scale).await.with_context(|| name.clone())?;
        }
        table.row([
            name,
            row.without.show(1),
            row.with.show(1),
            row.ratio.show(2),
            Goal::show(Some(Goal::AtMost(RATIO_GOAL)), row.ratio.median()),
            row.refused.show(0),
            row.chain_without.show(1),
            row.chain_with.show(1),
            row.chain_ratio.show(2),
            row.own_rate.show(0),
            row.control_plane.show(0),
            row.agent.show(0),
        ]);
    }
    table.print(&format!("Isolation, {engine:?}, https"));
    Ok(())
}

impl Row {
    async fn add(&mut self, engine: Engine, case: IsolationCase, scale: Scale) -> Result<()> {
        let mut rig = Rig::start(engine, case.settings()).await?;
        if scale > Scale::Small {
            rig.make_log_files().await?;
        }
        let outcome = Box::pin(case.run(&mut rig, scale)).await?;
        self.without.push(outcome.without.p99);
        self.with.push(outcome.with.p99);
        self.ratio.push(outcome.with.p99 / outcome.without.p99);
        self.refused.push((outcome.without.refused + outcome.with.refused) as f64);
        if let Some(rate) = outcome.own_rate {
            self.own_rate.push(rate);
        }
        if let Some(NeighbourLoad { without, with }) = outcome.chain {
            self.chain_without.push(without);
            self.chain_with.push(with);
            self.chain_ratio.push(with / without);
        }
        self.control_plane.push(rig.processes.get(CONTROL_PLANE)?.peak_mib()?);
        self.agent.push(rig.processes.get(AGENT)?.peak_mib()?);
        Ok(())
    }
}

/// Subscriptions of one tenant, each to a type of its own, whose endpoints are
/// well.
async fn well(rig: &mut Rig, tenant: &str, count: usize) -> Result<Vec<Target>> {
    let url = rig.receiver.url(Scheme::Https, OTHERS_GROUP, Answers::AtOnce);
    let mut targets = Vec::new();
    for number in 0..count {
        let event_type = format!("others.n{number}");
        rig.subscribe(tenant, &url, &event_type, |_| {}).await?;
        targets.push(Target::new(tenant, &event_type));
    }
    Ok(targets)
}

/// What is published at a pace: the others' targets, and those beside them.
struct Pace<'a> {
    others: &'a [Target],
    beside: &'a [Target],
    per_second: u64,
    length: Duration,
}

impl Pace<'_> {
    /// Publishes, and answers how long the others' events took.
    async fn measure(&self, load: &mut Load, receiver: &mut Receiver) -> Result<Measured> {
        receiver.reset(OTHERS_GROUP).await?;
        let paced = self.publish(load).await?;
        self.arrived(&paced, receiver).await
    }

    /// The same percentile of the bare chain, at this pace.
    async fn bare(&self, chain: &mut Chain, receiver: &mut Receiver) -> Result<f64> {
        receiver.reset(chain::RECEIVER_GROUP).await?;
        chain.keep(self.per_second as f64, self.chains()).await?;
        self.chains_arrived(receiver).await
    }

    /// The others' events and the bare chain at the same moments.
    async fn with_bare(&self, rig: &mut Rig, chain: &mut Chain) -> Result<(Measured, f64)> {
        let Rig { load, receiver, .. } = rig;
        receiver.reset(OTHERS_GROUP).await?;
        receiver.reset(chain::RECEIVER_GROUP).await?;
        let chains = chain.keep(self.per_second as f64, self.chains());
        let (paced, _) = tokio::try_join!(self.publish(load), chains)?;
        Ok((self.arrived(&paced, receiver).await?, self.chains_arrived(receiver).await?))
    }

    async fn on(&self, rig: &mut Rig) -> Result<Measured> {
        self.measure(&mut rig.load, &mut rig.receiver).await
    }

    /// Whole rounds, so that each target has the same number.
    fn rounds(&self) -> u64 {
        let targets = self.others.len() + self.beside.len();
        self.chains().div_ceil(targets as u64)
    }

    fn chains(&self) -> u64 {
        self.per_second * self.length.as_secs()
    }

    async fn publish(&self, load: &mut Load) -> Result<Paced> {
        let targets = [self.others, self.beside].concat();
        let events = self.rounds() * targets.len() as u64;
        load.pace(&targets, self.per_second as f64, events).await
    }

    async fn arrived(&self, paced: &Paced, receiver: &mut Receiver) -> Result<Measured> {
        let accepted = paced.acknowledged_by_first(self.others.len());
        receiver.wait(OTHERS_GROUP, accepted, ARRIVAL_LIMIT).await?;
        let p99 = p99_of(OTHERS_GROUP, receiver).await?;
        Ok(Measured { p99, refused: self.rounds() * self.others.len() as u64 - accepted })
    }

    async fn chains_arrived(&self, receiver: &mut Receiver) -> Result<f64> {
        receiver.wait(chain::RECEIVER_GROUP, self.chains(), ARRIVAL_LIMIT).await?;
        p99_of(chain::RECEIVER_GROUP, receiver).await
    }
}

async fn p99_of(group: &str, receiver: &mut Receiver) -> Result<f64> {
    let latencies = receiver.latencies(group).await?;
    eprintln!("  {group}: {:.1} ms, of each tenth {:.1?}", latencies.p99, latencies.p99_of_tenths);
    Ok(latencies.p99)
}
