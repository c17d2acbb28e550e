//! How many events go through in a second, and what each costs.
//!
//! Fed by options; feeds two tables for each engine and scheme. Guarantees that
//! the floor is measured before and after each way to publish, against the same
//! receiver, and that every share is of these two: a machine that somebody else
//! uses for a while slows both.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;

use crate::load::{Mode, Target};
use crate::options::Options;
use crate::processes::Usage;
use crate::receiver::{Answers, Scheme};
use crate::rig::{AGENT, CONTROL_PLANE, FLOOR, LOAD, OWN_PROCESSES, POSTGRES, RECEIVER, Rig};
use crate::table::{Figures, Table, Target as Goal, number};

/// As many as an agent has to one host.
pub const FLOOR_CONNECTIONS: usize = 64;
/// For deliveries that are left when all is acknowledged.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(300);
/// As many times a run's events are published before the first one.
pub const WARM_UP_RUNS: u64 = 3;
/// What the floor should reach; below it, the floor is to be repaired first.
const GOOD_FLOOR: f64 = 35_000.0;

/// Figures of one way to publish, over all runs.
#[derive(Default)]
struct Row {
    acknowledged: Figures,
    delivered: Figures,
    of_floor: Figures,
    cost: Cost,
}

/// Processor milliseconds for each delivery, which are seconds for a thousand.
#[derive(Default)]
struct Cost {
    control_plane: Figures,
    agent: Figures,
    postgres: Figures,
    receiver: Figures,
    sender: Figures,
    ours: Figures,
    of_floor: Figures,
}

/// What one run of one row gave.
struct Run {
    acknowledged: f64,
    delivered: f64,
    used: Usage,
}

pub async fn section(options: &Options) -> Result<()> {
    for engine in &options.engines {
        for scheme in Scheme::ALL {
            let what = format!("{engine:?} over {}", scheme.name());
            let modes = chosen(options, Mode::ALL, *scheme);
            if !modes.is_empty() {
                measure(options, *engine, *scheme, &modes).await.context(what)?;
            }
        }
    }
    Ok(())
}

/// The ways to publish that the command line asks for.
pub fn chosen(options: &Options, modes: &[Mode], scheme: Scheme) -> Vec<Mode> {
    let is_chosen =
        |mode: &Mode| format!("{}, {}", mode.name(), scheme.name()).contains(&options.case);
    modes.iter().copied().filter(is_chosen).collect()
}

async fn measure(options: &Options, engine: Engine, scheme: Scheme, modes: &[Mode]) -> Result<()> {
    let (mut rig, target) = Rig::subscribed(engine, scheme, "bench", "").await?;
    let floor_url = rig.receiver.url(scheme, "floor", Answers::AtOnce);
    rig.floor.connect(&floor_url, FLOOR_CONNECTIONS).await?;
    // What connects and compiles once, and a database's first use of its memory and
    // its files, is not what is measured.
    let first = options.events.saturating_mul(WARM_UP_RUNS);
    rig.load.publish(&target, Mode::Batch, first).await?;
    rig.receiver.wait("bench", first, DRAIN_LIMIT).await?;
    rig.floor.post(options.events / 10).await?;

    let mut floor = Row::default();
    let mut rows: Vec<Row> = modes.iter().map(|_| Row::default()).collect();
    for number in 1..=options.runs {
        eprintln!("throughput, {engine:?} over {}, run {number}", scheme.name());
        let mut before = run_floor(&mut rig, options.events).await?;
        for (mode, row) in modes.iter().zip(&mut rows) {
            let run = run_mode(&mut rig, &target, *mode, options.events).await?;
            let after = run_floor(&mut rig, options.events).await?;
            row.add(&run, [&before, &after], LOAD, options.events);
            floor.add(&before, [&before, &before], FLOOR, options.events);
            before = after;
        }
    }
    let rows: Vec<(Mode, Row)> = modes.iter().copied().zip(rows).collect();
    print_rates(engine, scheme, &floor, &rows);
    print_costs(engine, scheme, &floor, &rows);
    Ok(())
}

async fn run_floor(rig: &mut Rig, events: u64) -> Result<Run> {
    rig.quiet().await?;
    let before = rig.processes.cpu_seconds()?;
    let posted = rig.floor.post(events).await?;
    let used = rig.processes.cpu_seconds()?.since(&before);
    let rate = per_second(events, posted.started_ns, posted.ended_ns);
    Ok(Run { acknowledged: rate, delivered: rate, used })
}

async fn run_mode(rig: &mut Rig, target: &Target, mode: Mode, events: u64) -> Result<Run> {
    rig.checkpoint().await?;
    rig.quiet().await?;
    rig.receiver.reset("bench").await?;
    let before = rig.processes.cpu_seconds()?;
    let published = rig.load.publish(target, mode, events).await?;
    let seen = rig.receiver.wait("bench", events, DRAIN_LIMIT).await?;
    // Results are recorded after their webhooks; they belong to the cost.
    rig.quiet().await?;
    let used = rig.processes.cpu_seconds()?.since(&before);
    Ok(Run {
        acknowledged: per_second(events, published.started_ns, published.ended_ns),
        delivered: per_second(events, published.started_ns, seen.last_ns),
        used,
    })
}

/// So many events between two times, for a second.
pub fn per_second(events: u64, from_ns: u64, to_ns: u64) -> f64 {
    events as f64 * 1e9 / to_ns.saturating_sub(from_ns).max(1) as f64
}

impl Row {
    fn add(&mut self, run: &Run, floors: [&Run; 2], sender: &'static str, events: u64) {
        let floor_rate = floors.map(|floor| floor.delivered).iter().sum::<f64>() / 2.0;
        let floor_cost = floors.map(|floor| floor.used.of(FLOOR)).iter().sum::<f64>() / 2.0;
        self.acknowledged.push(run.acknowledged);
        self.delivered.push(run.delivered);
        self.of_floor.push(run.delivered / floor_rate);
        let each = |seconds: f64| seconds * 1e3 / events as f64;
        let cost = &mut self.cost;
        cost.control_plane.push(each(run.used.of(CONTROL_PLANE)));
        cost.agent.push(each(run.used.of(AGENT)));
        cost.postgres.push(each(run.used.of(POSTGRES)));
        cost.receiver.push(each(run.used.of(RECEIVER)));
        cost.sender.push(each(run.used.of(sender)));
        cost.ours.push(each(run.used.sum(OWN_PROCESSES)));
        cost.of_floor.push(run.used.sum(OWN_PROCESSES) / floor_cost);
    }
}

/// What is to be reached: on PostgreSQL, over HTTPS.
fn goal(engine: Engine, scheme: Scheme, mode: Mode) -> Option<Goal> {
    let share = match mode {
        Mode::Unary { in_flight: 64 } => 0.25,
        Mode::Unary { in_flight: 256 } => 0.30,
        Mode::Unary { .. } | Mode::Json { .. } => return None,
        Mode::Batch | Mode::Stream => 0.50,
    };
    (engine == Engine::Postgres && scheme == Scheme::Https).then_some(Goal::AtLeast(share))
}

fn print_rates(engine: Engine, scheme: Scheme, floor: &Row, rows: &[(Mode, Row)]) {
    let mut table =
        Table::new(&["publish", "acknowledged/s", "delivered/s", "of the floor", "target"]);
    let good = (scheme == Scheme::Https).then_some(Goal::AtLeast(GOOD_FLOOR));
    table.row([
        format!("floor, {FLOOR_CONNECTIONS} connections"),
        String::new(),
        floor.delivered.show(0),
        number(1.0, 2),
        Goal::show(good, floor.delivered.median()),
    ]);
    for (mode, row) in rows {
        table.row([
            mode.name(),
            row.acknowledged.show(0),
            row.delivered.show(0),
            row.of_floor.show(2),
            Goal::show(goal(engine, scheme, *mode), row.of_floor.median()),
        ]);
    }
    table.print(&format!("Events per second, {engine:?}, {}", scheme.name()));
}

fn print_costs(engine: Engine, scheme: Scheme, floor: &Row, rows: &[(Mode, Row)]) {
    let mut table = Table::new(&[
        "publish",
        CONTROL_PLANE,
        AGENT,
        POSTGRES,
        "these together",
        RECEIVER,
        "sender",
        "together ÷ floor's sender",
        "target",
    ]);
    let mut add = |name: String, row: &Row, ours: bool, goal: Option<Goal>| {
        let cost = &row.cost;
        let own = |figures: &Figures| if ours { figures.show(4) } else { String::new() };
        let share = if ours { cost.of_floor.show(2) } else { String::new() };
        table.row([
            name,
            own(&cost.control_plane),
            own(&cost.agent),
            if engine == Engine::Postgres { own(&cost.postgres) } else { String::new() },
            own(&cost.ours),
            cost.receiver.show(4),
            cost.sender.show(4),
            share,
            Goal::show(goal, cost.of_floor.median()),
        ]);
    };
    add("floor".to_owned(), floor, false, None);
    for (mode, row) in rows {
        let wanted = engine == Engine::Postgres && scheme == Scheme::Https && *mode == Mode::Stream;
        add(mode.name(), row, true, wanted.then_some(Goal::AtMost(3.0)));
    }
    table.print(&format!("Processor seconds per 1,000 deliveries, {engine:?}, {}", scheme.name()));
}
