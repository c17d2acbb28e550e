//! Where a chain begins: the call, the commit, the message.
//!
//! Fed by fixed times; feeds the peer. Guarantees that a step begins when the
//! one before it has ended, and that a commit is as durable as the control
//! plane's.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;
use futures::stream;
use postrider_proto::agent::v1::agent_service_client::AgentServiceClient;
use postrider_proto::agent::v1::{AttemptResult, Results, WorkRequest, work_request};
use postrider_proto::replica::v1::replica_service_client::ReplicaServiceClient;
use postrider_proto::replica::v1::{HintRequest, WaitingHint};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::load::{Access, ticks};
use crate::payload;
use crate::receiver::Latencies;
use crate::worker;

/// As many as the control plane has by default.
const POSTGRES_CONNECTIONS: u32 = 10;
/// One writer can be slower than the pace; it is waited for.
const COMMIT_LIMIT: Duration = Duration::from_secs(300);
const MESSAGES_QUEUED: usize = 1024;

/// What the process is started with.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChainDriverSetting {
    pub access: Access,
    /// Otherwise SQLite.
    pub postgres_url: Option<String>,
    pub sqlite_file: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ChainOrder {
    pub per_second: f64,
    pub events: u64,
}

/// How long the first two steps took.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Steps {
    pub call: Latencies,
    pub commit: Latencies,
}

#[derive(Clone)]
enum Database {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

#[derive(Clone)]
struct Driver {
    calls: ReplicaServiceClient<Channel>,
    database: Database,
    messages: mpsc::Sender<WorkRequest>,
}

/// Serves until the commander ends.
pub async fn serve(setting: ChainDriverSetting) -> Result<()> {
    let channel = setting.access.channel()?;
    let (messages, mut queue) = mpsc::channel(MESSAGES_QUEUED);
    let requests = stream::poll_fn(move |context| queue.poll_recv(context));
    // Its answers never come; it is open for as long as this value lives.
    let _stream = AgentServiceClient::new(channel.clone()).work(requests).await?;
    let database = match &setting.postgres_url {
        Some(url) => Database::postgres(url).await?,
        None => Database::sqlite(&setting.sqlite_file).await?,
    };
    let driver = Driver { calls: ReplicaServiceClient::new(channel), database, messages };
    worker::serve(async |order: ChainOrder| Ok(json!(driver.keep(&order).await?))).await
}

impl Driver {
    async fn keep(&self, order: &ChainOrder) -> Result<Steps> {
        let mut ticks = ticks(order.per_second, order.events);
        let mut chains = JoinSet::new();
        let (mut calls, mut commits) = (Vec::new(), Vec::new());
        let mut note = |(call, commit): (u32, u32)| {
            calls.push(call);
            commits.push(commit);
        };
        while let Some(sent_ns) = ticks.recv().await {
            let driver = self.clone();
            chains.spawn(async move { driver.chain(payload::sent_at(sent_ns)).await });
            while let Some(ended) = chains.try_join_next() {
                note(ended??);
            }
        }
        while let Some(ended) = chains.join_next().await {
            note(ended??);
        }
        Ok(Steps { call: Latencies::of(calls), commit: Latencies::of(commits) })
    }

    /// One chain; answers the microseconds of its call and of its commit.
    async fn chain(mut self, payload: String) -> Result<(u32, u32)> {
        let begun = Instant::now();
        let hint = WaitingHint { tenant: payload.clone(), subscription: String::new() };
        self.calls.hint(HintRequest { waiting: vec![hint], concluded: Vec::new() }).await?;
        let called = begun.elapsed();
        self.database.commit(&payload).await?;
        let committed = begun.elapsed();
        let result =
            AttemptResult { response_body: Bytes::from(payload), ..AttemptResult::default() };
        let results = Results { results: vec![result] };
        let message = work_request::Message::Results(results);
        self.messages.send(WorkRequest { message: Some(message) }).await?;
        let micros = |span: Duration| u32::try_from(span.as_micros());
        Ok((micros(called)?, micros(committed.saturating_sub(called))?))
    }
}

impl Database {
    async fn postgres(url: &str) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .min_connections(POSTGRES_CONNECTIONS)
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(COMMIT_LIMIT)
            .connect(url)
            .await?;
        sqlx::query("CREATE TABLE chain (id bigserial PRIMARY KEY, payload text NOT NULL)")
            .execute(&pool)
            .await?;
        Ok(Self::Postgres(pool))
    }

    async fn sqlite(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(COMMIT_LIMIT)
            .connect_with(options)
            .await?;
        sqlx::query("CREATE TABLE chain (id integer PRIMARY KEY, payload text NOT NULL)")
            .execute(&pool)
            .await?;
        Ok(Self::Sqlite(pool))
    }

    async fn commit(&self, payload: &str) -> Result<()> {
        const INSERT_STATEMENT: &str = "INSERT INTO chain (payload) VALUES ($1)";
        match self {
            Self::Postgres(pool) => {
                sqlx::query(INSERT_STATEMENT).bind(payload).execute(pool).await?;
            }
            Self::Sqlite(pool) => {
                sqlx::query(INSERT_STATEMENT).bind(payload).execute(pool).await?;
            }
        }
        Ok(())
    }
}
