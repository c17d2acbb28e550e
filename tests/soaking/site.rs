//! The Postrider that is soaked.
//!
//! Fed by options; feeds rounds. Guarantees that the first replica and the first agent live
//! through all of it, so that their slopes say something, and that there is a second one of
//! whatever may be struck.

use anyhow::{Context, Result};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine, SHORT_LEASES};
use postrider_tests::direct::DirectConnection;
use postrider_tests::postgres::Server;
use postrider_tests::process;
use postrider_tests::receiver::{self, Receiver};

use crate::options::Options;

pub const REGION_NAME: &str = "regions/eu";

/// A partitioned table counts as one.
const POSTGRES_SIZES: &str = "SELECT coalesce(p.relname, c.relname)::text || part.kind,
        sum(part.bytes)::bigint
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_inherits h ON h.inhrelid = c.oid
    LEFT JOIN pg_class p ON p.oid = h.inhparent
    CROSS JOIN LATERAL (
        VALUES (' (table)', pg_table_size(c.oid)), (' (indexes)', pg_indexes_size(c.oid))
    ) AS part(kind, bytes)
    WHERE n.nspname = 'public' AND c.relkind = 'r'
    GROUP BY 1
    ORDER BY 1";

/// Tables and indexes have pages of their own.
const SQLITE_SIZES: &str = "SELECT name, pgsize FROM dbstat WHERE aggregate = TRUE ORDER BY name";

/// Fields are dropped in this order: the programs before what they stand on.
pub struct Site {
    pub cluster: Cluster,
    pub receiver: Receiver,
    /// PostgreSQL, when it is the engine.
    pub server: Option<Server>,
    pub engine: Engine,
}

impl Site {
    /// On PostgreSQL two replicas on a server of their own, on SQLite one; two agents.
    pub async fn start(options: &Options) -> Result<Self> {
        let engine = options.engine;
        let server = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => Some(Server::start().await?),
        };
        let description = Description {
            engine,
            replicas: if server.is_some() { 2 } else { 1 },
            agents: vec![("eu".to_owned(), 2)],
            settings: SHORT_LEASES.to_owned(),
            environment: vec![("RUST_LOG".to_owned(), "warn".to_owned())],
            agent_proxies: true,
            server_url: server.as_ref().map(|server| server.url().to_owned()),
            ..Description::default()
        };
        let cluster = Cluster::start(&description).await?;
        let equipment = receiver::Options { numbered: true, ..receiver::Options::default() };
        let receiver = cluster.receiver_with(equipment).await?;
        Ok(Self { cluster, receiver, server, engine })
    }

    /// Clients of every replica.
    pub fn apis(&self) -> Vec<Api> {
        self.cluster.replicas.iter().map(|replica| replica.api()).collect()
    }

    /// Fails if one that nobody strikes has ended.
    pub fn survivors_live(&mut self) -> Result<()> {
        for id in self.survivors()?.into_iter().map(|(_, id)| id) {
            process::parent(id).with_context(|| format!("process {id} has ended"))?;
        }
        Ok(())
    }

    /// The processes that live through all of it, by name.
    pub fn survivors(&mut self) -> Result<Vec<(String, u32)>> {
        let replica = self.cluster.replicas.first_mut().context("a replica")?;
        let replica = (replica.id().to_owned(), replica.program()?.id());
        let agent = self.cluster.agents.first_mut().context("an agent")?;
        let agent = (agent.id().to_owned(), agent.program()?.id());
        Ok(vec![replica, agent])
    }

    /// How large tables and indexes are, by name, in bytes.
    pub async fn stored_bytes(&self) -> Result<Vec<(String, i64)>> {
        let mut database = DirectConnection::open(&self.cluster).await?;
        let sql = match self.engine {
            Engine::Postgres => POSTGRES_SIZES,
            Engine::Sqlite => SQLITE_SIZES,
        };
        let mut sizes = database.figures(sql).await?;
        if self.engine == Engine::Sqlite {
            let log = self.cluster.folder().join("postrider.db-wal");
            let bytes = log.metadata().map_or(0, |metadata| metadata.len());
            sizes.push(("write-ahead log".to_owned(), i64::try_from(bytes)?));
        }
        Ok(sizes)
    }
}
