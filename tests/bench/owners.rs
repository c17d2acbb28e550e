//! What it costs to publish at the replica that does not own the tenant.
//!
//! Fed by options; feeds one table. Guarantees two replicas over mutual TLS and one
//! tenant, the same receiver and the same paces for both, in turns: behind a load
//! balancer half of all publishes come to each.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_domain::ids::{Shard, TenantId};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::publish::subscription;
use postrider_tests::wait;

use crate::load::{Access, Load, Target};
use crate::options::Options;
use crate::receiver::{Answers, Latencies, Receiver, Scheme};
use crate::table::{Figures, Table};

const TENANT_ID: &str = "bench";
const EVENT_TYPE: &str = "payment.completed";
const RECEIVER_GROUP: &str = "owners";
/// Events per second: one at a time on an idle pair, and some load.
const EVENTS_PER_SECOND: &[u64] = &[10, 200];
const ARRIVAL_LIMIT: Duration = Duration::from_secs(60);
const OWNED_LIMIT: Duration = Duration::from_secs(30);
const SHARD_COUNT: u16 = 64;
/// Asks which replica owns a shard, once shards are shared.
const OWNER_ID: &str = "SELECT owner FROM shards WHERE shard = $1 AND \
    (SELECT count(DISTINCT owner) FROM shards) = 2";

#[derive(Default)]
struct Row {
    p50: Figures,
    p99: Figures,
}

impl Row {
    fn add(&mut self, latencies: &Latencies) {
        self.p50.push(latencies.p50);
        self.p99.push(latencies.p99);
    }
}

pub async fn section(options: &Options) -> Result<()> {
    if !options.engines.contains(&Engine::Postgres) {
        return Ok(());
    }
    let cluster = Cluster::start(&Description {
        engine: Engine::Postgres,
        replicas: 2,
        environment: vec![("RUST_LOG".to_owned(), "warn".to_owned())],
        ..Description::default()
    })
    .await?;
    let mut receiver = Receiver::start(cluster.pki(), cluster.folder()).await?;
    let mut api = cluster.api()?;
    let tenant = api.create_tenant(TENANT_ID).await?;
    let mut wanted =
        subscription(&receiver.url(Scheme::Https, RECEIVER_GROUP, Answers::AtOnce), &["*"]);
    wanted.region = "regions/eu".to_owned();
    api.subscribe(&tenant, wanted).await?;
    let mut publishers = publishers(&cluster).await?;
    let target = Target::new(&tenant, EVENT_TYPE);

    let seconds = options.scale.pace().as_secs();
    let mut rows: Vec<[Row; 2]> = EVENTS_PER_SECOND.iter().map(|_| Default::default()).collect();
    for number in 1..=options.runs {
        eprintln!("owners, run {number}");
        for (pace, row) in EVENTS_PER_SECOND.iter().zip(&mut rows) {
            for (load, row) in publishers.iter_mut().zip(row) {
                row.add(&run(load, &mut receiver, &target, *pace, seconds).await?);
            }
        }
    }
    print(&rows);
    Ok(())
}

async fn run(
    load: &mut Load,
    receiver: &mut Receiver,
    target: &Target,
    pace: u64,
    seconds: u64,
) -> Result<Latencies> {
    receiver.reset(RECEIVER_GROUP).await?;
    let paced = load.pace(std::slice::from_ref(target), pace as f64, pace * seconds).await?;
    receiver.wait(RECEIVER_GROUP, paced.acknowledged_by_first(1), ARRIVAL_LIMIT).await?;
    receiver.latencies(RECEIVER_GROUP).await
}

/// A publisher at each replica, the owner's first, once each replica has its share.
async fn publishers(cluster: &Cluster) -> Result<Vec<Load>> {
    let database = cluster.database().context("a database")?;
    let shard = i32::from(Shard::of(&TENANT_ID.parse::<TenantId>()?, SHARD_COUNT).0);
    let owner = wait::until("the shards to be shared", OWNED_LIMIT, || async {
        let told = |error: sqlx::Error| error.to_string();
        let mut connection = database.connect().await.map_err(|error| error.to_string())?;
        let asked = sqlx::query_scalar::<_, String>(OWNER_ID).bind(shard);
        let found = asked.fetch_optional(&mut connection).await.map_err(told)?;
        found.ok_or_else(|| "not yet".to_owned())
    })
    .await?;
    let mut loads = Vec::new();
    for owns in [true, false] {
        let mut replicas = cluster.replicas.iter();
        let replica = replicas.find(|replica| (replica.id() == owner) == owns);
        let url = replica.context("a replica")?.url();
        let access = Access::new(url, cluster.pki().ca_file(), cluster.caller());
        loads.push(Load::start(&access, cluster.folder()).await?);
    }
    Ok(loads)
}

fn print(rows: &[[Row; 2]]) {
    let mut table = Table::new(&["unary, open loop", "p50 ms", "p99 ms"]);
    for (pace, row) in EVENTS_PER_SECOND.iter().zip(rows) {
        for (place, row) in ["at the owner", "at the other replica"].iter().zip(row) {
            table.row([format!("{pace}/s {place}"), row.p50.show(2), row.p99.show(2)]);
        }
    }
    table.print("From publish to receipt, two replicas, Postgres, https");
}
