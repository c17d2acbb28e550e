//! Opens the engine: connects, and migrates or checks the schema.
//!
//! Fed by the URL and the options; feeds the engine.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use super::call::DatabaseDoor;
use super::chain_turns::ChainTurns;
use super::engine::PostgresStore;
use super::errors::{Checked as _, connect_error};
use super::{ownership, partitions, pooler, schema, tail};
use crate::error::{StoreError, StoreResult};
use crate::sealing::SecretSealer;
use crate::store::{CallObserver, OpenOptions};

/// A new schema gets its partitions. It is made once, and a slow disk must not end it
/// half-way.
const OPEN_LIMIT: Duration = Duration::from_secs(600);

/// How long a server that is looked for may take to let somebody in: twice what a call waits
/// for a connection.
const REACH_LIMIT: Duration = Duration::from_secs(10);

/// Prepared statements that a connection keeps; this crate has fewer.
const STATEMENT_CACHE_SIZE: usize = 256;

impl PostgresStore {
    /// Connects, and brings the schema up to date or checks that it is.
    pub async fn open(
        url: &str,
        options: &OpenOptions,
        observer: Arc<dyn CallObserver>,
    ) -> StoreResult<Self> {
        let connect = connect_options(url)?;
        // A connection of its own: migrating may take longer than a statement may.
        let mut connection = first_connection(&connect).await?;
        pooler::refuse_shared_sessions(&connect, &mut connection).await?;
        if options.migrate {
            schema::migrate(&mut connection, options.shards).await?;
        }
        schema::check(&mut connection, options.shards).await?;
        connection.close().await.checked()?;
        let most = (options.max_connections, options.max_read_connections);
        let door = DatabaseDoor::open(connect, most, observer).await?;
        let sealer = SecretSealer::new(Arc::clone(&options.keys));
        let store = Self { door, shards: options.shards, sealer, turns: ChainTurns::default() };
        store.prepare(options.migrate).await?;
        Ok(store)
    }

    /// Connects, and looks at nothing.
    pub async fn reach(url: &str) -> StoreResult<()> {
        let connect = connect_options(url)?;
        let reaching = async {
            let connection = first_connection(&connect).await?;
            // It was there; what becomes of a goodbye says nothing more.
            let _ = connection.close().await;
            Ok::<_, StoreError>(())
        };
        tokio::time::timeout(REACH_LIMIT, reaching).await.unwrap_or_else(|_| {
            let seconds = REACH_LIMIT.as_secs();
            Err(StoreError::Unavailable(format!("no answer in {seconds} s")))
        })
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
}

fn connect_options(url: &str) -> StoreResult<PgConnectOptions> {
    let options = url
        .parse::<PgConnectOptions>()
        // The driver's error may quote the URL, which contains a password.
        .map_err(|_| StoreError::Rejected("the database URL cannot be read".to_owned()))?;
    let options = options
        .application_name("postrider")
        .statement_cache_capacity(STATEMENT_CACHE_SIZE)
        // No statement uses floats, and PgBouncer rejects parameters it does not know.
        .extra_float_digits(None);
    Ok(options.disable_statement_logging())
}

async fn first_connection(options: &PgConnectOptions) -> StoreResult<PgConnection> {
    options.connect().await.map_err(connect_error)
}
