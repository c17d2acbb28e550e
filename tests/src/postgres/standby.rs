//! A server that follows another one, and takes its place.
//!
//! Fed by a primary; feeds tests with a standby that has whatever the primary has
//! acknowledged. Guarantees that a server that follows another one keeps its own port.

use std::fs;

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use super::{START_LIMIT, Server, Stop, launch, run};
use crate::wait;

/// A streaming standby that has confirmed that it flushes what is committed.
const COUNT_SYNCHRONOUS_STANDBYS: &str =
    "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = 'sync'";

impl Server {
    /// A synchronous standby of another server: once this returns, what that one has
    /// committed is here.
    pub async fn start_standby_of(primary: &Self) -> Result<Self> {
        let standby = Self::launched(None, Vec::new(), Some(primary.port)).await?;
        primary.wait_for_standby().await?;
        Ok(standby)
    }

    /// Stops, if it runs, and becomes a synchronous standby of another server, on the port
    /// that it had.
    pub async fn become_standby_of(&mut self, primary: &Self) -> Result<()> {
        if self.program.exited()?.is_none() {
            self.stop(Stop::Immediate).await?;
        }
        fs::remove_dir_all(&self.data)?;
        let (port, log_folder) = (self.port, self.folder.path());
        self.program = launch(&self.data, port, &self.environment, log_folder, Some(primary.port))?;
        self.wait_until_it_answers().await?;
        primary.wait_for_standby().await
    }

    /// Commits wait for the standby from now on; waits until it keeps up.
    async fn wait_for_standby(&self) -> Result<()> {
        run(&self.url, "ALTER SYSTEM SET synchronous_standby_names = '*'").await?;
        run(&self.url, "SELECT pg_reload_conf()").await?;
        wait::until("a synchronous standby", START_LIMIT, || async {
            let count = self.count(COUNT_SYNCHRONOUS_STANDBYS).await;
            wait::when(count.map_err(|error| error.to_string())?, |count| *count == 1)
        })
        .await?;
        Ok(())
    }

    /// Ends a standby's being one.
    pub async fn promote(&self) -> Result<()> {
        run(&self.url, "SELECT pg_promote(wait => true)").await
    }

    /// Takes no changes any more, as a server that its operator takes out of service.
    pub async fn become_read_only(&self) -> Result<()> {
        run(&self.url, "ALTER SYSTEM SET default_transaction_read_only = on").await?;
        run(&self.url, "SELECT pg_reload_conf()").await
    }

    /// What a statement counts.
    pub async fn count(&self, statement: &'static str) -> Result<i64> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let count = sqlx::query_scalar(statement).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    }
}
