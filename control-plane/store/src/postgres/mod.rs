//! The PostgreSQL engine.
//!
//! Fed by `flow` and `api` through the traits of this crate; one file per trait,
//! with long methods in files of their own. Guarantees the contract of those
//! traits, with these means: each hot path is one data-modifying statement in
//! autocommit (one round trip, atomic by itself), what grows is partitioned by
//! day, and every plan runs along an index however full a table was when its
//! statistics were last taken.

mod arrays;
mod attempts;
mod call;
mod claim;
mod clocks;
mod conclude;
mod config;
mod config_lists;
mod ending;
mod errors;
mod event_types;
mod history;
mod history_lists;
mod inputs;
mod late;
mod list_sql;
mod maintenance;
mod octaves;
mod operations;
mod operations_history;
mod ordering;
mod outbox;
mod ownership;
mod partitions;
mod pool;
mod pooler;
mod publish_sql;
mod publishing;
mod rows;
mod schema;
mod tail;
mod work;

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{Shard, TenantId};
use sqlx::postgres::{PgArguments, PgConnectOptions};
use sqlx::query::Query;
use sqlx::{ConnectOptions as _, Connection as _, Postgres};

use self::call::{DatabaseCall, DatabaseDoor};
use self::errors::Checked as _;
use crate::error::{StoreError, StoreResult};
use crate::{CallObserver, OpenOptions, Store};

/// Longer than a statement's time-out, so that the database's own error comes first; a
/// call has only a few statements.
const CALL_LIMIT: Duration = Duration::from_secs(15);
/// A new schema gets its partitions.
const OPEN_LIMIT: Duration = Duration::from_secs(600);

/// Prepared statements that a connection keeps; this crate has fewer.
const STATEMENT_CACHE_SIZE: usize = 256;

type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// A [`Store`] in PostgreSQL.
pub struct PostgresStore {
    door: DatabaseDoor,
    shards: u16,
}

impl Store for PostgresStore {}

impl PostgresStore {
    /// Connects, and brings the schema up to date or checks that it is.
    pub async fn open(
        url: &str,
        options: &OpenOptions,
        observer: Arc<dyn CallObserver>,
    ) -> StoreResult<Self> {
        let connect = url
            .parse::<PgConnectOptions>()
            // The driver's error may quote the URL, which contains a password.
            .map_err(|_| StoreError::Rejected("the database URL cannot be read".to_owned()))?
            .application_name("postrider")
            .statement_cache_capacity(STATEMENT_CACHE_SIZE)
            // No statement uses floats, and PgBouncer rejects parameters it does not
            // know.
            .extra_float_digits(None)
            .disable_statement_logging();
        // A connection of its own: migrating may take longer than a statement may.
        let mut connection = connect.connect().await.checked()?;
        pooler::refuse_shared_sessions(&connect, &mut connection).await?;
        if options.migrate {
            schema::migrate(&mut connection, options.shards).await?;
        }
        schema::check(&mut connection, options.shards).await?;
        connection.close().await.checked()?;
        let door = DatabaseDoor::open(connect, options.max_connections, observer).await?;
        let store = Self { door, shards: options.shards };
        store.prepare(options.migrate).await?;
        Ok(store)
    }

    /// Makes the partitions of a new schema, and settles the numbers of attempts.
    async fn prepare(&self, has_migrated: bool) -> StoreResult<()> {
        let mut call = self.call_for("open", OPEN_LIMIT);
        if has_migrated {
            let now = ownership::database_clock(&mut call).await?;
            partitions::create(&mut call, now, partitions::INITIAL_PARTITION_DAYS).await?;
        }
        tail::settle_numbering(&mut call, 0).await?;
        Ok(())
    }

    /// A call of the method with this name.
    fn call(&self, method: &'static str) -> DatabaseCall<'_> {
        self.door.call(method, CALL_LIMIT)
    }

    /// A call that may take another time.
    fn call_for(&self, method: &'static str, limit: Duration) -> DatabaseCall<'_> {
        self.door.call(method, limit)
    }

    /// A call by the connections that are kept for ownership.
    fn ownership_call(&self, method: &'static str) -> DatabaseCall<'_> {
        self.door.ownership_call(method, CALL_LIMIT)
    }

    fn shard(&self, tenant: &TenantId) -> i32 {
        i32::from(Shard::of(tenant, self.shards).0)
    }
}
