//! The engines under test, each with a fresh database.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::FutureExt;
use postrider_domain::time::Timestamp;
use postrider_secret_encryption::LocalKeys;
use postrider_store::{MaintenanceCounts, MaintenanceOptions, OpenOptions, Store};
use postrider_store_memory::MemoryStore;

use crate::support::FreshDatabase;

/// Not a power of two, and few enough for tenants to share one.
pub const SHARDS: u16 = 6;
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub const TEST_KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

pub struct Engine {
    pub name: &'static str,
    pub store: Arc<dyn Store>,
    pub url: String,
    place: Place,
}

/// Where the database is, so that it can be removed.
enum Place {
    Memory,
    Directory(#[expect(dead_code, reason = "removed when dropped")] tempfile::TempDir),
    Server(FreshDatabase),
}

pub fn options() -> OpenOptions {
    options_with(&[TEST_KEY], "")
}

/// With these key-encryption keys.
pub fn options_with(keys: &[&str], current: &str) -> OpenOptions {
    let keys = Arc::new(LocalKeys::parse(keys, current).unwrap());
    OpenOptions { migrate: true, shards: SHARDS, max_connections: 4, max_read_connections: 2, keys }
}

/// Runs a test on every engine; says which one it failed on.
pub async fn each_engine(
    test: impl for<'e> Fn(&'e Engine) -> Pin<Box<dyn Future<Output = ()> + Send + 'e>>,
) {
    for engine in engines().await {
        let outcome = AssertUnwindSafe(test(&engine)).catch_unwind().await;
        let name = engine.name;
        engine.remove().await;
        if let Err(panic) = outcome {
            eprintln!("failed on {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

/// Declares tests that run on every engine.
macro_rules! conformance {
    ($($(#[$doc:meta])* async fn $name:ident($engine:ident) $body:block)*) => {$(
        $(#[$doc])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            crate::engine::each_engine(|$engine| Box::pin(async move $body)).await;
        }
    )*};
}
pub(crate) use conformance;

/// `postgres`: on PostgreSQL alone.
const ENGINE_VARIABLE: &str = "POSTRIDER_TEST_ENGINE";

async fn engines() -> Vec<Engine> {
    let mut engines = match std::env::var(ENGINE_VARIABLE).as_deref() {
        Ok("postgres") => Vec::new(),
        _ => vec![memory(), sqlite().await],
    };
    if let Some(database) = FreshDatabase::create().await {
        engines.push(open("postgres", database.url.clone(), Place::Server(database)).await);
    }
    engines
}

fn memory() -> Engine {
    let clock = || {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap())
    };
    let store = Arc::new(MemoryStore::new(SHARDS, clock));
    Engine { name: "memory", store, url: String::new(), place: Place::Memory }
}

async fn sqlite() -> Engine {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", directory.path().join("postrider.db").display());
    open("sqlite", url, Place::Directory(directory)).await
}

async fn open(name: &'static str, url: String, place: Place) -> Engine {
    let store = postrider_store::open(&url, &options()).await.unwrap();
    let engine = Engine { name, store, url, place };
    engine.maintain(Duration::ZERO, 30 * DAY).await;
    engine
}

impl Engine {
    /// Another process's store on the same database, where the engine allows it;
    /// otherwise the same store.
    pub async fn second(&self) -> Arc<dyn Store> {
        match &self.place {
            Place::Memory | Place::Directory(_) => Arc::clone(&self.store),
            Place::Server(_) => postrider_store::open(&self.url, &options()).await.unwrap(),
        }
    }

    /// Whether it is still there once it is closed.
    pub fn lasts(&self) -> bool {
        !matches!(self.place, Place::Memory)
    }

    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Server(_))
    }

    /// Maintains as it would have been done some time ago, up to a day past now; returns what
    /// that did.
    pub async fn maintain(&self, ago: Duration, retention: Duration) -> MaintenanceCounts {
        let now = self.store.now().await.unwrap() - ago;
        let days_ahead = 7 + u32::try_from(ago.as_secs() / DAY.as_secs()).unwrap();
        self.store.maintain(now, MaintenanceOptions { retention, days_ahead }).await.unwrap()
    }

    async fn remove(self) {
        self.store.close().await;
        if let Place::Server(database) = &self.place {
            database.drop().await;
        }
    }
}
