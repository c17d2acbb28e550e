//! The least that a delivery costs: its parts alone.
//!
//! Fed by options; feeds a table. Guarantees that the parts and the floor were measured
//! in the same run, on tables with no index but their primary keys and with messages
//! that nobody parses: the rest of a delivery's cost is what Postrider does for it.

mod driver;

use anyhow::{Context, Result};
use postrider_tests::cluster::Engine;
use postrider_tests::postgres::Database;

pub use self::driver::serve;
use self::driver::{Order, Setting};
use crate::chain::ChainPeer;
use crate::options::Options;
use crate::processes::{Process, Usage};
use crate::receiver::{Answers, Scheme};
use crate::rig::{FLOOR, POSTGRES, Rig};
use crate::table::{Figures, Table, Target as Goal};
use crate::throughput::FLOOR_CONNECTIONS;
use crate::worker::Worker;

const DRIVER_PROCESS: &str = "driver";
const PEER_PROCESS: &str = "peer";
/// What a delivery crosses: from its publisher, of whom the sending half is not
/// counted, and to its agent. The result's way back is not counted at all.
const CROSSINGS_PER_DELIVERY: f64 = 1.5;
const RATIO_GOAL: f64 = 3.0;

/// Processor microseconds for one delivery, over all runs.
#[derive(Default)]
struct Parts {
    post: Figures,
    message: Figures,
    call: Figures,
    rows: Figures,
    client: Figures,
    together: Figures,
    of_floor: Figures,
}

/// On PostgreSQL, whose share is the largest.
pub async fn section(options: &Options) -> Result<()> {
    if !options.engines.contains(&Engine::Postgres) {
        return Ok(());
    }
    let mut rig = Rig::start(Engine::Postgres, "").await?;
    let peer = ChainPeer::start(&rig).await?;
    let database = Database::create().await?;
    let setting = Setting { access: peer.access(&rig), postgres_url: database.url().to_owned() };
    let mut driver = Worker::start("least-driver", &setting, rig.cluster.folder())?;
    rig.processes.add(DRIVER_PROCESS, Process::One(driver.id()));
    rig.processes.add(PEER_PROCESS, Process::One(peer.id()));
    let url = rig.receiver.url(Scheme::Https, "floor", Answers::AtOnce);
    rig.floor.connect(&url, FLOOR_CONNECTIONS).await?;

    let mut parts = Parts::default();
    one_run(&mut rig, &mut driver, options.events, &mut Parts::default()).await.context("warm")?;
    for number in 1..=options.runs {
        eprintln!("least, run {number}");
        rig.checkpoint().await?;
        one_run(&mut rig, &mut driver, options.events, &mut parts).await?;
    }
    parts.print();
    Ok(())
}

async fn one_run(rig: &mut Rig, driver: &mut Worker, events: u64, parts: &mut Parts) -> Result<()> {
    let each = |seconds: f64| seconds * 1e6 / events as f64;
    rig.quiet().await?;
    let before = rig.processes.cpu_seconds()?;
    rig.floor.post(events).await?;
    let posted = rig.processes.cpu_seconds()?;
    driver.ask::<()>(&Order::Messages(events)).await?;
    let sent = rig.processes.cpu_seconds()?;
    driver.ask::<()>(&Order::Calls(events)).await?;
    let called = rig.processes.cpu_seconds()?;
    driver.ask::<()>(&Order::Rows(events)).await?;
    rig.quiet().await?;
    let written = rig.processes.cpu_seconds()?;

    let post = each(posted.since(&before).of(FLOOR));
    let both = |usage: &Usage| each(usage.of(DRIVER_PROCESS) + usage.of(PEER_PROCESS));
    let (message, call) = (both(&sent.since(&posted)), both(&called.since(&sent)));
    let writing = written.since(&called);
    let (rows, client) = (each(writing.of(POSTGRES)), each(writing.of(DRIVER_PROCESS)));
    let together = post + CROSSINGS_PER_DELIVERY * message + rows + client;
    parts.post.push(post);
    parts.message.push(message);
    parts.call.push(call);
    parts.rows.push(rows);
    parts.client.push(client);
    parts.together.push(together);
    parts.of_floor.push(together / post);
    Ok(())
}

impl Parts {
    fn print(&self) {
        let mut table = Table::new(&["a delivery's part, bare", "processor µs", "target"]);
        let mut add = |name: &str, figures: &Figures, decimals, goal: String| {
            table.row([name.to_owned(), figures.show(decimals), goal]);
        };
        add("one HTTPS POST, the sender (the floor)", &self.post, 1, String::new());
        add("one message of a batch on gRPC, both ends", &self.message, 1, String::new());
        add("one unary call on gRPC, both ends, 64 in flight", &self.call, 1, String::new());
        add("its rows begun and ended, PostgreSQL", &self.rows, 1, String::new());
        add("its rows begun and ended, the client", &self.client, 1, String::new());
        let sum = format!("together, with {CROSSINGS_PER_DELIVERY} messages");
        add(&sum, &self.together, 1, String::new());
        let goal = Goal::show(Some(Goal::AtMost(RATIO_GOAL)), self.of_floor.median());
        add("together ÷ the floor's sender", &self.of_floor, 2, goal);
        table.print("The least that a delivery costs, Postgres, https");
    }
}
