//! What is resident: idle, after work, and while a great many deliveries wait.
//!
//! Fed by options; feeds a table for each engine. Guarantees that what waits
//! really waits: the agent has gone before it is published.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;

use crate::load::Mode;
use crate::options::Options;
use crate::processes::Process;
use crate::receiver::Scheme;
use crate::rig::{AGENT, CONTROL_PLANE, Rig};
use crate::table::{Table, Target as Goal, number};

const RECEIVER_GROUP: &str = "memory";
const DRAIN_LIMIT: Duration = Duration::from_secs(300);
/// So that what a start needs for a moment has been given back.
const SETTLE_TIME: Duration = Duration::from_secs(3);
/// Where the growing backlog is looked at, in hundredths of the whole.
const BACKLOG_MARKS: &[u64] = &[10, 25, 50, 75, 100];
const CONTROL_PLANE_GOAL_MIB: f64 = 200.0;
const AGENT_GOAL_MIB: f64 = 20.0;

pub async fn section(options: &Options) -> Result<()> {
    for engine in &options.engines {
        measure(options, *engine).await.with_context(|| format!("{engine:?}"))?;
    }
    Ok(())
}

async fn measure(options: &Options, engine: Engine) -> Result<()> {
    let (mut rig, target) = Rig::subscribed(engine, Scheme::Https, RECEIVER_GROUP, "").await?;
    let mut table = Table::new(&[
        "state",
        "control plane, MiB",
        "its peak",
        "agent, MiB",
        "its peak",
        "target",
    ]);

    tokio::time::sleep(SETTLE_TIME).await;
    rig.quiet().await?;
    let agent_idle = rig.processes.get(AGENT)?.resident_mib()?;
    let goal = Goal::show(Some(Goal::AtMost(AGENT_GOAL_MIB)), agent_idle);
    table.row(row(&rig, "idle", true, format!("agent {goal}"))?);

    let events = options.events;
    eprintln!("memory, {engine:?}: {events} delivered");
    rig.load.publish(&target, Mode::Stream, events).await?;
    rig.receiver.wait(RECEIVER_GROUP, events, DRAIN_LIMIT).await?;
    rig.quiet().await?;
    let state = format!("after {} deliveries", number(events as f64, 0));
    table.row(row(&rig, &state, true, String::new())?);

    rig.cluster.agents.first_mut().context("an agent")?.stop().await?;
    rig.processes.remove(AGENT);
    let whole = options.scale.pick(2_000, 100_000, 1_000_000);
    let mut waiting = 0;
    for mark in BACKLOG_MARKS {
        let wanted = whole * mark / 100;
        eprintln!("memory, {engine:?}: {wanted} waiting");
        rig.load.publish(&target, Mode::Stream, wanted - waiting).await?;
        waiting = wanted;
        rig.quiet().await?;
        let peak = rig.processes.get(CONTROL_PLANE)?.peak_mib()?;
        let goal = Goal::show(Some(Goal::AtMost(CONTROL_PLANE_GOAL_MIB)), peak);
        let state = format!("{} waiting, no agent", number(waiting as f64, 0));
        table.row(row(&rig, &state, false, format!("control plane {goal}"))?);
    }
    table.print(&format!("Resident memory, {engine:?}"));
    Ok(())
}

fn row(rig: &Rig, state: &str, agent: bool, goal: String) -> Result<[String; 6]> {
    let mib = |process: Process| {
        anyhow::Ok((number(process.resident_mib()?, 1), number(process.peak_mib()?, 1)))
    };
    let (now, peak) = mib(rig.processes.get(CONTROL_PLANE)?)?;
    let (agent_now, agent_peak) =
        if agent { mib(rig.processes.get(AGENT)?)? } else { Default::default() };
    Ok([state.to_owned(), now, peak, agent_now, agent_peak, goal])
}
