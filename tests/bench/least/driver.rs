//! Rows and messages, bare and in batches.
//!
//! Fed by orders; feeds PostgreSQL and the chain's peer. Guarantees that a batch is
//! one statement, or one call, and that whoever ends a delivery runs beside whoever
//! begins one, as two connections.

use anyhow::Result;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use postrider_proto::replica::v1::replica_service_client::ReplicaServiceClient;
use postrider_proto::replica::v1::{HintRequest, WaitingHint};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio::sync::mpsc;
use tonic::transport::Channel;
use uuid::Uuid;

use crate::load::Access;
use crate::payload;
use crate::worker;

/// As many as Postrider commits together when it is busy.
const ROWS_PER_BATCH: u64 = 300;
/// As the benchmark's publisher sends them.
const BATCH: Calls = Calls { payloads: 100, in_flight: 8 };
const UNARY: Calls = Calls { payloads: 1, in_flight: 64 };
const BATCHES_QUEUED: usize = 4;

const LEAST_TABLES: [&str; 3] = [
    "CREATE TABLE events (id uuid PRIMARY KEY, tenant text NOT NULL, type text NOT NULL, \
     time timestamptz NOT NULL, payload bytea NOT NULL)",
    "CREATE TABLE deliveries (id uuid PRIMARY KEY, event uuid NOT NULL, \
     subscription text NOT NULL, state smallint NOT NULL, due timestamptz NOT NULL)",
    "CREATE TABLE attempts (delivery uuid, number int, subscription text NOT NULL, \
     time timestamptz NOT NULL, status smallint NOT NULL, PRIMARY KEY (delivery, number))",
];
const BEGIN_STATEMENT: &str = "WITH event AS (INSERT INTO events \
       SELECT id, 'tenant', 'payment.completed', now(), payload \
       FROM unnest($1::uuid[], $2::bytea[]) AS given (id, payload)) \
     INSERT INTO deliveries SELECT id, id, 'subscription', 1, now() FROM unnest($1) AS given (id)";
const END_STATEMENT: &str = "WITH ended AS (DELETE FROM deliveries WHERE id = ANY ($1)) \
     INSERT INTO attempts SELECT id, 1, 'subscription', now(), 200 FROM unnest($1) AS given (id)";

/// What the process is started with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Setting {
    pub access: Access,
    pub postgres_url: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub enum Order {
    /// Begins and ends so many deliveries in the database.
    Rows(u64),
    /// Sends so many payloads in batches.
    Messages(u64),
    /// Sends so many payloads, each with a call of its own.
    Calls(u64),
}

#[derive(Clone, Copy)]
struct Calls {
    payloads: u64,
    in_flight: usize,
}

/// Serves until the commander ends.
pub async fn serve(setting: Setting) -> Result<()> {
    let calls = ReplicaServiceClient::new(setting.access.channel()?);
    let pool = PgPoolOptions::new().max_connections(2).connect(&setting.postgres_url).await?;
    for table in LEAST_TABLES {
        sqlx::query(table).execute(&pool).await?;
    }
    worker::serve(async |order| {
        match order {
            Order::Rows(count) => rows(&pool, count).await?,
            Order::Messages(count) => send(&calls, count, BATCH).await?,
            Order::Calls(count) => send(&calls, count, UNARY).await?,
        }
        Ok(json!(null))
    })
    .await
}

async fn rows(pool: &PgPool, count: u64) -> Result<()> {
    let (begun, mut to_end) = mpsc::channel::<Vec<Uuid>>(BATCHES_QUEUED);
    let payload = payload::plain();
    let begin = async move {
        for size in batches(count, ROWS_PER_BATCH) {
            let ids: Vec<Uuid> = (0..size).map(|_| Uuid::now_v7()).collect();
            let payloads: Vec<&[u8]> = ids.iter().map(|_| payload.as_bytes()).collect();
            sqlx::query(BEGIN_STATEMENT).bind(&ids).bind(payloads).execute(pool).await?;
            begun.send(ids).await?;
        }
        anyhow::Ok(())
    };
    let end = async move {
        while let Some(ids) = to_end.recv().await {
            sqlx::query(END_STATEMENT).bind(ids).execute(pool).await?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(begin, end)?;
    Ok(())
}

async fn send(client: &ReplicaServiceClient<Channel>, count: u64, calls: Calls) -> Result<()> {
    let payload = payload::plain();
    let one = || WaitingHint { tenant: payload.clone(), subscription: String::new() };
    let call = |size| {
        let waiting = (0..size).map(|_| one()).collect();
        let mut client = client.clone();
        async move { client.hint(HintRequest { waiting, concluded: Vec::new() }).await }
    };
    let sent = stream::iter(batches(count, calls.payloads)).map(call);
    sent.buffer_unordered(calls.in_flight).try_for_each(async |_| Ok(())).await?;
    Ok(())
}

/// Sizes that make up `count`.
fn batches(count: u64, most: u64) -> impl Iterator<Item = u64> {
    (0..count.div_ceil(most)).map(move |number| most.min(count - number * most))
}
