//! A PostgreSQL database for one test.
//!
//! Fed by the server that [`SERVER_VARIABLE`] names or, without it, by a private
//! one that the tests of a process share; feeds connection URLs. Guarantees an
//! empty database that nobody else uses, dropped with the value, and a private
//! server that stops with its last database.

mod standby;

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::ports::free_port;
use crate::process::{self, Program};
use crate::wait;

/// URL of a server, up to and including the database to connect to first.
pub const SERVER_VARIABLE: &str = "POSTRIDER_TEST_POSTGRES_URL";

/// What the script has the server load, which changes its user before.
const PRELOAD_VARIABLE: &str = "POSTRIDER_TEST_PRELOAD";
const START_LIMIT: Duration = Duration::from_secs(60);
const DROP_LIMIT: Duration = Duration::from_secs(10);

/// How a server is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Ends its sessions, and itself in order.
    Fast,
    /// As a crash: the next start recovers.
    Immediate,
}

/// A server of this process's own.
#[derive(Debug)]
pub struct Server {
    url: String,
    port: u16,
    program: Program,
    /// Where its files are; a folder of its own unless it was given one.
    data: PathBuf,
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl Server {
    /// Makes a cluster in a folder of its own and starts it.
    pub async fn start() -> Result<Self> {
        Self::start_with(None, Vec::new()).await
    }

    /// As [`Self::start`], with its files elsewhere or with an environment.
    pub async fn start_with(
        data: Option<PathBuf>,
        environment: Vec<(String, String)>,
    ) -> Result<Self> {
        Self::launched(data, environment, None).await
    }

    async fn launched(
        data: Option<PathBuf>,
        environment: Vec<(String, String)>,
        primary_port: Option<u16>,
    ) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("postrider-pg").tempdir()?;
        // The server runs as another user when the tests run as root.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711))?;
        let port = free_port()?;
        let data = data.unwrap_or_else(|| folder.path().join("data"));
        let mut server = Self {
            url: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            port,
            program: launch(&data, port, &environment, folder.path(), primary_port)?,
            data,
            environment,
            folder,
        };
        server.wait_until_it_answers().await?;
        Ok(server)
    }

    /// Stops it and waits for its end.
    pub async fn stop(&mut self, how: Stop) -> Result<()> {
        let id = Pid::from_raw(i32::try_from(self.program.id())?).context("a process")?;
        let signal = match how {
            Stop::Fast => Signal::INT,
            Stop::Immediate => Signal::QUIT,
        };
        rustix::process::kill_process(id, signal)?;
        self.program.wait(START_LIMIT).await?;
        Ok(())
    }

    /// `kill -9` of the server, and waits until its sessions have noticed: while one
    /// lives, no new server may touch the files.
    pub async fn kill(&mut self) -> Result<()> {
        // A process that stands still starts no more children.
        self.program.freeze()?;
        let children = process::children(self.program.id())?;
        self.program.kill().await?;
        wait::until("PostgreSQL's sessions to end", START_LIMIT, || async {
            let left: Vec<u32> =
                children.iter().copied().filter(|id| process::parent(*id).is_some()).collect();
            wait::when(left, Vec::is_empty)
        })
        .await?;
        Ok(())
    }

    /// Starts it again on the port and the files that it had.
    pub async fn start_again(&mut self) -> Result<()> {
        let log_folder = self.folder.path();
        self.program = launch(&self.data, self.port, &self.environment, log_folder, None)?;
        self.wait_until_it_answers().await
    }

    async fn wait_until_it_answers(&mut self) -> Result<()> {
        let url = self.url.clone();
        let program = &mut self.program;
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
        .await
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are.
    pub fn data_folder(&self) -> &Path {
        &self.data
    }

    /// The process, for tests about a database that crashes or hangs.
    pub fn program(&mut self) -> &mut Program {
        &mut self.program
    }
}

fn launch(
    data: &Path,
    port: u16,
    environment: &[(String, String)],
    log_folder: &Path,
    primary_port: Option<u16>,
) -> Result<Program> {
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/postgres"));
    let for_script = |name: &str| match name {
        "LD_PRELOAD" => PRELOAD_VARIABLE.to_owned(),
        other => other.to_owned(),
    };
    let environment = environment.iter().map(|(name, value)| (for_script(name), value));
    command.arg(data).arg(port.to_string()).envs(environment);
    command.args(primary_port.map(|port| port.to_string()));
    Program::start("postgres", command, &log_folder.join("log"))
}

impl Drop for Server {
    fn drop(&mut self) {
        // A fast shutdown; without it the server's own children would outlive
        // the kill that follows by a moment, and with them their files.
        if !matches!(self.program.exited(), Ok(None)) {
            return;
        }
        let id = i32::try_from(self.program.id()).ok();
        let Some(id) = id.and_then(Pid::from_raw) else {
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
    /// Whether it ends with its server and not before.
    stays: bool,
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

    /// On this server.
    pub async fn create_on(server_url: &str) -> Result<Self> {
        Self::on(server_url, None).await
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
            stays: false,
            _server: server,
        })
    }

    /// On this server, until the server's own end: the database may move to another one.
    pub async fn create_lasting_on(server_url: &str) -> Result<Self> {
        let mut database = Self::on(server_url, None).await?;
        database.stays = true;
        Ok(database)
    }

    /// For `--database-url`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// As [`Self::url`], with another server beside its own.
    pub fn url_with_standby(&self, port: u16) -> Result<String> {
        let (start, length) = self.port_at()?;
        let (before, after) = self.url.split_at(start + length);
        Ok(format!("{before},127.0.0.1:{port}{after}?target_session_attrs=read-write"))
    }

    /// The server's port.
    pub fn port(&self) -> Result<u16> {
        let (start, port) = self.port_at()?;
        Ok(self.url[start..][..port].parse()?)
    }

    /// As [`Self::url`], through a proxy on this port.
    pub fn url_through(&self, port: u16) -> Result<String> {
        let (start, length) = self.port_at()?;
        Ok(format!("{}{port}{}", &self.url[..start], &self.url[start + length..]))
    }

    /// Where the port is in the URL.
    fn port_at(&self) -> Result<(usize, usize)> {
        let (before, _) = self.url.rsplit_once('/').context("a URL ends with a database")?;
        let (host, port) = before.rsplit_once(':').context("a server's URL has a port")?;
        Ok((host.len() + 1, port.len()))
    }

    /// A connection, for looking at rows directly.
    pub async fn connect(&self) -> Result<PgConnection> {
        Ok(PgConnection::connect(&self.url).await?)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if self.stays {
            return;
        }
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
    static SHARED_SERVER: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED_SERVER.lock().await;
    if let Some(server) = shared.upgrade() {
        return Ok(server);
    }
    let server = Arc::new(Server::start().await?);
    *shared = Arc::downgrade(&server);
    Ok(server)
}

#[cfg(test)]
mod tests {
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
