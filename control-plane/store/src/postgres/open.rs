//! Opens the engine: connects to the server that can be written to, and migrates or checks
//! the schema.
//!
//! Fed by the URL and the options; feeds the engine.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;

use super::call::DatabaseDoor;
use super::engine::PostgresStore;
use super::errors::Checked as _;
use super::numbers::KnownNumbers;
use super::schema::SchemaPath;
use super::server_list::named_servers;
use super::servers::{WritableServer, find_writable};
use super::{ownership, partitions, pooler, schema, tail};
use crate::error::StoreResult;
use crate::sealing::SecretSealer;
use crate::store::{CallObserver, OpenOptions};
use crate::turns::Turns;
use crate::unreadable::UnreadableRows;

/// A new schema gets its partitions. It is made once, and a slow disk must not end it
/// half-way.
const OPEN_LIMIT: Duration = Duration::from_secs(600);

/// How long a server that is looked for may take to let somebody in: twice what a call waits
/// for a connection.
const REACH_LIMIT: Duration = Duration::from_secs(10);

impl PostgresStore {
    /// Connects, and brings the schema up to date or checks that it is.
    pub async fn open(
        url: &str,
        options: &OpenOptions,
        observer: Arc<dyn CallObserver>,
    ) -> StoreResult<Self> {
        let servers = named_servers(url)?;
        // A connection of its own: migrating may take longer than a statement may.
        let found = find_writable(&servers, None, REACH_LIMIT).await?;
        let WritableServer { place, timeline, mut connection } = found;
        if let Some(server) = servers.get(place) {
            pooler::refuse_shared_sessions(&server.connect, &mut connection).await?;
        }
        let path = SchemaPath::pin(&mut connection).await?;
        if options.migrate {
            schema::migrate(&mut connection, options.shards).await?;
        }
        schema::check(&mut connection, options.shards).await?;
        connection.close().await.checked()?;
        let most = (options.max_connections, options.max_read_connections);
        let found = (place, timeline);
        let door = DatabaseDoor::open(servers, found, &path, most, observer).await?;
        let sealer = SecretSealer::new(Arc::clone(&options.keys));
        let (turns, unreadable) = (Turns::default(), UnreadableRows::default());
        let (shards, numbers) = (options.shards, KnownNumbers::of(door.suspicion.clone()));
        let store = Self { door, shards, sealer, turns, unreadable, numbers };
        store.prepare(options.migrate).await?;
        Ok(store)
    }

    /// Connects, and looks at nothing but whether the server can be written to.
    pub async fn reach(url: &str) -> StoreResult<()> {
        let found = find_writable(&named_servers(url)?, None, REACH_LIMIT).await?;
        // It was there; what becomes of a goodbye says nothing more.
        let _ = tokio::time::timeout(REACH_LIMIT, found.connection.close()).await;
        Ok(())
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
