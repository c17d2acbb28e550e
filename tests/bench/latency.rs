//! How long an event takes from its publisher to its receiver.
//!
//! Fed by options; feeds a table for each engine. Guarantees an open loop, in
//! which a slow answer delays no later event, and the chain's floor measured in
//! the same run at the same pace.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;

use crate::chain::{self, Chain};
use crate::load::Target;
use crate::options::Options;
use crate::receiver::{Latencies, Scheme};
use crate::rig::Rig;
use crate::table::{Figures, Table, Target as Goal};

/// Events per second; the chain's floor is measured at [`CHAIN_PACE`].
const EVENTS_PER_SECOND: &[u64] = &[100, 500, 2_000];
const CHAIN_PACE: u64 = 500;
const RECEIVER_GROUP: &str = "latency";
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);
/// Before anything is measured at a pace.
const WARM_UP_SECONDS: u64 = 1;
const P50_GOAL: f64 = 2.5;
const P99_GOAL: f64 = 8.0;

/// Milliseconds of every run.
#[derive(Default)]
struct Row {
    p50: Figures,
    p99: Figures,
    p999: Figures,
    /// Publishes of all runs that were not accepted.
    refused: u64,
}

impl Row {
    fn add(&mut self, latencies: &Latencies) {
        self.p50.push(latencies.p50);
        self.p99.push(latencies.p99);
        self.p999.push(latencies.p999);
    }

    fn show(&self, name: String) -> [String; 5] {
        [name, self.p50.show(2), self.p99.show(2), self.p999.show(2), String::new()]
    }
}

/// The chain's floor and its first two steps.
#[derive(Default)]
struct ChainRows {
    whole: Row,
    call: Row,
    commit: Row,
    p50_ratio: Figures,
    p99_ratio: Figures,
}

pub async fn section(options: &Options) -> Result<()> {
    for engine in &options.engines {
        measure(options, *engine).await.with_context(|| format!("{engine:?}"))?;
    }
    Ok(())
}

async fn measure(options: &Options, engine: Engine) -> Result<()> {
    let (mut rig, target) = Rig::subscribed(engine, Scheme::Https, RECEIVER_GROUP, "").await?;
    let mut chain = Chain::start(&rig).await?;

    let seconds = options.scale.pace().as_secs();
    let mut rows: Vec<Row> = EVENTS_PER_SECOND.iter().map(|_| Row::default()).collect();
    let mut floor = ChainRows::default();
    for number in 1..=options.runs {
        eprintln!("latency, {engine:?}, run {number}");
        for (pace, row) in EVENTS_PER_SECOND.iter().zip(&mut rows) {
            let (ours, refused) = run(&mut rig, &target, *pace, seconds).await?;
            row.add(&ours);
            row.refused += refused;
            if *pace == CHAIN_PACE {
                run_chain(&mut rig, &mut chain, &mut floor, &ours, seconds).await?;
            }
        }
    }
    print(engine, &rows, &floor);
    Ok(())
}

async fn run(rig: &mut Rig, target: &Target, pace: u64, seconds: u64) -> Result<(Latencies, u64)> {
    let targets = [target.clone()];
    let per_second = pace as f64;
    rig.load.pace(&targets, per_second, pace * WARM_UP_SECONDS).await?;
    rig.quiet().await?;
    rig.receiver.reset(RECEIVER_GROUP).await?;
    let paced = rig.load.pace(&targets, per_second, pace * seconds).await?;
    rig.receiver.wait(RECEIVER_GROUP, paced.acknowledged_by_first(1), ARRIVAL_LIMIT).await?;
    Ok((rig.receiver.latencies(RECEIVER_GROUP).await?, paced.refused))
}

async fn run_chain(
    rig: &mut Rig,
    chain: &mut Chain,
    rows: &mut ChainRows,
    ours: &Latencies,
    seconds: u64,
) -> Result<()> {
    let per_second = CHAIN_PACE as f64;
    rig.quiet().await?;
    chain.keep(per_second, CHAIN_PACE * WARM_UP_SECONDS).await?;
    rig.receiver.reset(chain::RECEIVER_GROUP).await?;
    let events = CHAIN_PACE * seconds;
    let steps = chain.keep(per_second, events).await?;
    rig.receiver.wait(chain::RECEIVER_GROUP, events, ARRIVAL_LIMIT).await?;
    let whole = rig.receiver.latencies(chain::RECEIVER_GROUP).await?;
    rows.whole.add(&whole);
    rows.call.add(&steps.call);
    rows.commit.add(&steps.commit);
    rows.p50_ratio.push(ours.p50 / whole.p50);
    rows.p99_ratio.push(ours.p99 / whole.p99);
    Ok(())
}

fn print(engine: Engine, rows: &[Row], floor: &ChainRows) {
    let mut table = Table::new(&["unary, open loop", "p50 ms", "p99 ms", "p99.9 ms", "target"]);
    for (pace, row) in EVENTS_PER_SECOND.iter().zip(rows) {
        let refused = match row.refused {
            0 => String::new(),
            refused => format!(", {refused} refused"),
        };
        table.row(row.show(format!("{pace}/s{refused}")));
    }
    table.row(floor.whole.show(format!("the chain's floor, {CHAIN_PACE}/s")));
    table.row(floor.call.show("of it, the unary call".to_owned()));
    table.row(floor.commit.show("of it, the commit".to_owned()));
    let goal = |bound, reached| {
        let goal = (engine == Engine::Postgres).then_some(Goal::AtMost(bound));
        Goal::show(goal, reached)
    };
    let p50 = goal(P50_GOAL, floor.p50_ratio.median());
    let p99 = goal(P99_GOAL, floor.p99_ratio.median());
    table.row([
        format!("{CHAIN_PACE}/s ÷ the chain's floor"),
        floor.p50_ratio.show(2),
        floor.p99_ratio.show(2),
        String::new(),
        if p50.is_empty() { p50 } else { format!("p50 {p50}; p99 {p99}") },
    ]);
    table.print(&format!("From publish to receipt, {engine:?}, https"));
}
