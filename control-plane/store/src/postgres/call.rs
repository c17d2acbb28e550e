//! The one door to PostgreSQL.
//!
//! Fed by each method of the store, which makes a [`DatabaseCall`] and runs its statements in it;
//! feeds the pools, and an observer with how long each call took.
//!
//! Guarantees that every call ends: PostgreSQL's own time-outs only work while its
//! messages arrive, and a network that drops them, or a server that is frozen, would
//! otherwise block a loop or a publisher. A call that timed out may have taken effect, as
//! after any `Unavailable`. Each error is one of the store's kinds; a statement that fails
//! in a transaction rolls it back, and so does a call that ends before it commits.
//!
//! Keeps the invariant `publisher-answered-in-time`.

use std::sync::Arc;
use std::time::Duration;

use futures::TryStreamExt as _;
use futures::future::BoxFuture;
use sqlx::postgres::PgRow;
use sqlx::{
    Connection as _, Either, Error, Executor as _, PgPool, Postgres, Row as _, SqlSafeStr,
    Transaction,
};
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use super::errors::{Checked as _, StatementError, is_taken};
use super::pool::{DatabasePools, DatabaseSilence};
use super::query::{ColumnValue, PgQuery};
use super::schema::SchemaPath;
use super::server_list::NamedServer;
use super::server_watch::ServerWatch;
use super::servers::TimelineId;
use super::suspicion::ServerSuspicion;
use crate::config::WriteError;
use crate::error::{StoreError, StoreResult};
use crate::store::{CallObserver, ConnectionPoolSize};

/// How long closing may take. Nothing is lost with a connection that is cut off.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

/// The pools, which nothing but a call reaches.
pub(super) struct DatabaseDoor {
    pools: DatabasePools,
    /// Told of calls that time out, so that their connections are dropped.
    silence: DatabaseSilence,
    /// Told of calls that fail, so that the server that can be written to is looked for.
    pub(super) suspicion: ServerSuspicion,
    watch: ServerWatch,
    observer: Arc<dyn CallObserver>,
}

impl DatabaseDoor {
    /// Opens the pools at the server in this place.
    pub(super) async fn open(
        servers: Vec<NamedServer>,
        (place, timeline): (usize, TimelineId),
        path: &SchemaPath,
        most: (u32, u32),
        observer: Arc<dyn CallObserver>,
    ) -> StoreResult<Self> {
        let connect = servers.get(place).map(|server| server.connect.clone());
        let connect = connect.ok_or_else(|| {
            StoreError::Rejected("the database URL names no such server".to_owned())
        })?;
        let (silence, suspicion) = (DatabaseSilence::default(), ServerSuspicion::new());
        let pools = DatabasePools::open(&connect, path, most, &silence, &suspicion).await?;
        let found = (place, timeline);
        let watch = ServerWatch::start(servers, found, suspicion.clone(), pools.clone());
        Ok(Self { pools, silence, suspicion, watch, observer })
    }

    pub(super) fn call(&self, method: &'static str, limit: Duration) -> DatabaseCall<'_> {
        self.call_by(&self.pools.shared, method, limit)
    }

    pub(super) fn read_call(&self, method: &'static str, limit: Duration) -> DatabaseCall<'_> {
        self.call_by(&self.pools.readers, method, limit)
    }

    pub(super) fn ownership_call(&self, method: &'static str, limit: Duration) -> DatabaseCall<'_> {
        self.call_by(&self.pools.reserve, method, limit)
    }

    fn call_by<'s>(
        &'s self,
        pool: &'s PgPool,
        method: &'static str,
        limit: Duration,
    ) -> DatabaseCall<'s> {
        let begin = Instant::now();
        let span = tracing::debug_span!("database", method);
        let limit = CallLimit { silence: &self.silence, limit, end: begin + limit, span };
        let (suspicion, observer) = (&self.suspicion, &*self.observer);
        DatabaseCall {
            pool,
            transaction: None,
            limit,
            suspicion,
            method,
            begin,
            outcome: "ok",
            observer,
        }
    }

    /// How many connections each pool has.
    pub(super) fn pool_sizes(&self) -> Vec<ConnectionPoolSize> {
        let DatabasePools { shared, readers, reserve } = &self.pools;
        let pools = [("work", shared), ("reads", readers), ("ownership", reserve)];
        let sizes = pools.map(|(name, pool)| ConnectionPoolSize {
            name,
            open: pool.size().into(),
            idle: u64::try_from(pool.num_idle()).unwrap_or(u64::MAX),
            max: pool.options().get_max_connections().into(),
        });
        sizes.into()
    }

    pub(super) async fn close(&self) {
        self.watch.stop();
        if tokio::time::timeout(CLOSE_LIMIT, self.pools.close()).await.is_err() {
            tracing::warn!(
                "the database connections did not close in time; they end with the process"
            );
        }
    }
}

/// Until when a call's statements may take.
struct CallLimit<'s> {
    silence: &'s DatabaseSilence,
    limit: Duration,
    end: Instant,
    span: Span,
}

impl CallLimit<'_> {
    /// Waits for a statement's answer.
    async fn within<T>(
        &self,
        statement: BoxFuture<'_, Result<T, Error>>,
    ) -> Result<T, StatementError> {
        // Dropped at the end, after the time-out is reported.
        let statement = std::pin::pin!(statement.instrument(self.span.clone()));
        match tokio::time::timeout_at(self.end, statement).await {
            Ok(answer) => answer.map_err(StatementError::Answered),
            Err(_) => {
                self.silence.suspect();
                Err(StatementError::Silent(self.limit))
            }
        }
    }
}

/// One call of a method: its time limit, its span, its entry with the observer, its
/// transaction, and the only way to a statement.
pub(super) struct DatabaseCall<'s> {
    pool: &'s PgPool,
    transaction: Option<Transaction<'static, Postgres>>,
    limit: CallLimit<'s>,
    suspicion: &'s ServerSuspicion,
    method: &'static str,
    begin: Instant,
    outcome: &'static str,
    observer: &'s dyn CallObserver,
}

impl DatabaseCall<'_> {
    /// All rows.
    pub(super) async fn rows(&mut self, query: PgQuery<'_>) -> StoreResult<Vec<PgRow>> {
        let statement = match &mut self.transaction {
            Some(transaction) => transaction.as_mut().fetch_all(query),
            None => self.pool.fetch_all(query),
        };
        let answer = self.limit.within(statement).await;
        self.checked(answer)
    }

    /// The first row, if there is one.
    pub(super) async fn row(&mut self, query: PgQuery<'_>) -> StoreResult<Option<PgRow>> {
        let statement = match &mut self.transaction {
            Some(transaction) => transaction.as_mut().fetch_optional(query),
            None => self.pool.fetch_optional(query),
        };
        let answer = self.limit.within(statement).await;
        self.checked(answer)
    }

    /// The first row of statements that have no parameters, one after the other in one round
    /// trip, in the call's transaction.
    pub(super) async fn row_of(
        &mut self,
        statements: impl SqlSafeStr + Send + 'static,
    ) -> StoreResult<Option<PgRow>> {
        let sql = sqlx::raw_sql(statements);
        let statement = match &mut self.transaction {
            Some(transaction) => transaction.as_mut().fetch_optional(sql),
            None => self.pool.fetch_optional(sql),
        };
        let answer = self.limit.within(statement).await;
        self.checked(answer)
    }

    /// The row that there must be.
    pub(super) async fn one_row(&mut self, query: PgQuery<'_>) -> StoreResult<PgRow> {
        let row = self.row(query).await?;
        row.ok_or_else(|| self.failed(StatementError::Answered(Error::RowNotFound)))
    }

    /// The first column of the row that there must be.
    pub(super) async fn value<T: ColumnValue>(&mut self, query: PgQuery<'_>) -> StoreResult<T> {
        let row = self.one_row(query).await?;
        row.try_get(0).checked()
    }

    /// The first column of the first row, if there is one.
    pub(super) async fn optional_value<T: ColumnValue>(
        &mut self,
        query: PgQuery<'_>,
    ) -> StoreResult<Option<T>> {
        let row = self.row(query).await?;
        row.map(|row| row.try_get(0)).transpose().checked()
    }

    /// The first column of each row.
    pub(super) async fn values<T: ColumnValue>(
        &mut self,
        query: PgQuery<'_>,
    ) -> StoreResult<Vec<T>> {
        let rows = self.rows(query).await?;
        rows.iter().map(|row| row.try_get(0).checked()).collect()
    }

    /// How many rows it changed.
    pub(super) async fn execute(&mut self, query: PgQuery<'_>) -> StoreResult<u64> {
        let answer = self.executed(query).await;
        self.checked(answer)
    }

    /// Inserts a row whose id a caller chose.
    pub(super) async fn insert(&mut self, query: PgQuery<'_>) -> Result<(), WriteError> {
        match self.executed(query).await {
            Ok(_) => Ok(()),
            Err(StatementError::Answered(error)) if is_taken(&error) => {
                self.transaction = None;
                Err(WriteError::AlreadyExists)
            }
            Err(error) => Err(self.failed(error).into()),
        }
    }

    async fn executed(&mut self, query: PgQuery<'_>) -> Result<u64, StatementError> {
        let statement = match &mut self.transaction {
            Some(transaction) => transaction.as_mut().execute(query),
            None => self.pool.execute(query),
        };
        Ok(self.limit.within(statement).await?.rows_affected())
    }

    /// Runs statements that have no parameters, one after the other; whether they could
    /// be run, or failed in a way that `is_fine` knows.
    pub(super) async fn run_unless(
        &mut self,
        statements: impl SqlSafeStr + Send + 'static,
        is_fine: fn(&Error) -> bool,
    ) -> StoreResult<bool> {
        let sql = sqlx::raw_sql(statements);
        let statement = match &mut self.transaction {
            Some(transaction) => transaction.as_mut().execute(sql),
            None => self.pool.execute(sql),
        };
        match self.limit.within(statement).await {
            Ok(_) => Ok(true),
            Err(StatementError::Answered(error)) if is_fine(&error) => {
                self.transaction = None;
                Ok(false)
            }
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Runs statements that have no parameters, one after the other.
    pub(super) async fn run(
        &mut self,
        statements: impl SqlSafeStr + Send + 'static,
    ) -> StoreResult<()> {
        self.run_unless(statements, |_| false).await.map(drop)
    }

    /// Runs statements outside of a transaction, one after the other, on a connection that
    /// is closed then: they may change its settings.
    pub(super) async fn run_apart(&mut self, statements: &[&'static str]) -> StoreResult<()> {
        let running = async {
            let mut connection = self.pool.acquire().await?.detach();
            for statement in statements {
                connection.execute(sqlx::raw_sql(*statement)).await?;
            }
            connection.close().await
        };
        let answer = self.limit.within(Box::pin(running)).await;
        self.checked(answer)
    }

    /// The rows of several statements without parameters, in one round trip.
    pub(super) async fn answers(
        &mut self,
        statements: &'static str,
    ) -> StoreResult<Vec<Vec<PgRow>>> {
        let mut stream = self.pool.fetch_many(sqlx::raw_sql(statements));
        let reading = async {
            let (mut answers, mut rows) = (Vec::new(), Vec::new());
            while let Some(part) = stream.try_next().await? {
                match part {
                    Either::Right(row) => rows.push(row),
                    Either::Left(_) => answers.push(std::mem::take(&mut rows)),
                }
            }
            Ok::<_, Error>(answers)
        };
        let answer = self.limit.within(Box::pin(reading)).await;
        self.checked(answer)
    }

    /// Begins a transaction, in which the following statements run.
    pub(super) async fn begin(&mut self) -> StoreResult<()> {
        self.transaction = None;
        let started = self.limit.within(Box::pin(self.pool.begin())).await;
        self.transaction = Some(self.checked(started)?);
        Ok(())
    }

    /// Begins a transaction by this statement.
    pub(super) async fn begin_with(&mut self, statement: &'static str) -> StoreResult<()> {
        self.transaction = None;
        let started = self.limit.within(Box::pin(self.pool.begin_with(statement))).await;
        self.transaction = Some(self.checked(started)?);
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> StoreResult<()> {
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let committed = self.limit.within(Box::pin(transaction.commit())).await;
        self.checked(committed)
    }

    pub(super) async fn rollback(&mut self) -> StoreResult<()> {
        let Some(transaction) = self.transaction.take() else { return Ok(()) };
        let done = self.limit.within(Box::pin(transaction.rollback())).await;
        self.checked(done)
    }

    fn checked<T>(&mut self, answer: Result<T, StatementError>) -> StoreResult<T> {
        answer.map_err(|error| self.failed(error))
    }

    /// A transaction in which a statement failed can only be rolled back.
    fn failed(&mut self, error: StatementError) -> StoreError {
        self.transaction = None;
        if error.is_of_read_only_server() {
            // All connections: they lead to the same server.
            self.suspicion.leave();
        }
        let error = error.of_store();
        if error.is_transient() {
            self.suspicion.suspect();
        }
        self.outcome = error.name();
        error
    }
}

impl Drop for DatabaseCall<'_> {
    fn drop(&mut self) {
        self.observer.ended(self.method, self.outcome, self.begin.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(silence: &DatabaseSilence, limit: Duration) -> CallLimit<'_> {
        CallLimit { silence, limit, end: Instant::now() + limit, span: Span::none() }
    }

    #[tokio::test]
    async fn a_statement_without_an_answer_ends_as_unavailable() {
        let silence = DatabaseSilence::default();
        let never = std::future::pending::<Result<(), Error>>();
        let ended = limit(&silence, Duration::from_millis(5)).within(Box::pin(never)).await;
        let error = ended.unwrap_err().of_store();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        assert!(silence.is_suspected());
        let answer = Box::pin(async { Ok(7) });
        let answered = limit(&silence, Duration::from_secs(15)).within(answer).await;
        assert!(matches!(answered, Ok(7)));
    }
}
