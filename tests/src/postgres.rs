//! A PostgreSQL database for one test.
//!
//! Fed by the server that [`SERVER_VARIABLE`] names or, without it, by a private
//! one that the tests of a process share; feeds connection URLs. Guarantees an
//! empty database that nobody else uses, dropped with the value, and a private
//! server that stops with its last database.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::Signal;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::ports::free_port;
use crate::process::Program;
use crate::wait;

/// URL of a server, up to and including the database to connect to first.
pub const SERVER_VARIABLE: &str = "POSTRIDER_TEST_POSTGRES_URL";

const START_LIMIT: Duration = Duration::from_secs(60);
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// A server of this process's own.
#[derive(Debug)]
pub struct Server {
    url: String,
    program: Program,
    _folder: TempDir,
}

impl Server {
    /// Makes a cluster in a folder of its own and starts it.
    pub async fn start() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("postrider-pg").tempdir()?;
        // The server runs as another user when the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let port = free_port()?;
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/postgres"));
        command.arg(folder.path().join("data")).arg(port.to_string());
        let log = folder.path().join("log");
        let mut server = Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            program: Program::start("postgres", command, &log)?,
            _folder: folder,
        };
        let url = server.url.clone();
        let program = &mut server.program;
        wait::until("PostgreSQL to answer", START_LIMIT, || {
            // An early end shows in the last answer, with the log.
            let ended = program.still_runs().err();
            let url = url.clone();
            async move {
                match (ended, PgConnection::connect(&url).await) {
                    (Some(ended), _) => Err(format!("{ended:#}")),
                    (None, Err(error)) => Err(error.to_string()),
                    (None, Ok(connection)) => {
                        connection.close().await.map_err(|error| error.to_string())
                    }
                }
            }
        })
        .await?;
        Ok(server)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// The process, for tests about a database that crashes or hangs.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A fast shutdown; without it the server's own children would outlive
        // the kill that follows by a moment, and with them their files.
        let id = i32::try_from(self.program.id()).ok();
        let Some(id) = id.and_then(rustix::process::Pid::from_raw) else {
            return;
        };
        let _ = rustix::process::kill_process(id, Signal::INT);
        for _ in 0..500 {
            if !matches!(self.program.exited(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// An empty database.
#[derive(Debug)]
pub struct Database {
    url: String,
    name: String,
    server_url: String,
    /// Keeps the private server, when there is one.
    _server: Option<Arc<Server>>,
}

impl Database {
    /// On the server of the environment, otherwise on a private one.
    pub async fn create() -> Result<Self> {
        if let Ok(url) = env::var(SERVER_VARIABLE) {
            return Self::on(&url, None).await;
        }
        let server = shared_server().await?;
        let url = server.url.clone();
        Self::on(&url, Some(server)).await
    }

    async fn on(server_url: &str, server: Option<Arc<Server>>) -> Result<Self> {
        let name = format!("postrider_{}", Uuid::now_v7().simple());
        run(server_url, &format!("CREATE DATABASE {name}"))
            .await
            .with_context(|| format!("create a database on {server_url}"))?;
        let (root, _) =
            server_url.rsplit_once('/').context("a server's URL ends with a database")?;
        Ok(Self {
            url: format!("{root}/{name}"),
            name,
            server_url: server_url.to_owned(),
            _server: server,
        })
    }

    /// For `--database-url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection, for looking at rows directly.
    pub async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // FORCE: a killed replica's connections can linger in the server.
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server_url = self.server_url.clone();
        let dropped = thread::spawn(move || on_own_runtime(&server_url, &sql)).join();
        if !matches!(dropped, Ok(Ok(()))) {
            eprintln!("the database {} stays: {dropped:?}", self.name);
        }
    }
}

/// A drop can happen inside a runtime that is ending, so it brings its own.
fn on_own_runtime(server_url: &str, sql: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::timeout(DROP_LIMIT, run(server_url, sql))
            .await
            .map_err(|_| anyhow!("no answer in {DROP_LIMIT:?}"))?
    })
}

async fn run(server_url: &str, sql: &str) -> Result<()> {
    let mut connection = PgConnection::connect(server_url).await?;
    connection.execute(AssertSqlSafe(sql.to_owned())).await?;
    Ok(connection.close().await?)
}

/// One for all tests of this process that run at the same time.
async fn shared_server() -> Result<Arc<Server>> {
    static SHARED: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(Server::start().await?);
    *shared = Arc::downgrade(&server);
    Ok(server)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use sqlx::Row;

    use super::Database;

    #[tokio::test]
    async fn databases_are_separate_and_dropped() {
        let first = Database::create().await.unwrap();
        let second = Database::create().await.unwrap();
        let mut connection = first.connect().await.unwrap();
        sqlx::query("CREATE TABLE seen (id int)").execute(&mut connection).await.unwrap();
        let mut other = second.connect().await.unwrap();
        assert!(sqlx::query("SELECT * FROM seen").fetch_all(&mut other).await.is_err());

        let name = first.name.clone();
        drop(connection);
        drop(first);
        let row = sqlx::query("SELECT count(*) FROM pg_database WHERE datname = $1")
            .bind(name)
            .fetch_one(&mut other)
            .await
            .unwrap();
        assert_eq!(row.get::<i64, _>(0), 0);
    }
}
