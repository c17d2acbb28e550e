//! PgBouncer between the store and PostgreSQL, the real one, in each of its modes.
//!
//! Fed by `POSTRIDER_TEST_POSTGRES_URL` and the `pgbouncer` program; feeds `tests/run`,
//! which leaves these tests out by their name where there is none. Guarantees that a
//! mode in which the store would not work is refused at start, in words.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_identity::AuditOrigin;
use postrider_secret_encryption::LocalKeys;
use postrider_store::{OpenOptions, StoreError};
use sqlx::postgres::PgConnectOptions;

use support::{FreshDatabase, until};

const TEST_KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// Ended when dropped.
struct PgBouncer {
    child: Child,
    url: String,
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl PgBouncer {
    /// `None` where there is no such program.
    async fn start(folder: &Path, server: &PgConnectOptions, settings: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = folder.join("pgbouncer.ini");
        let (host, database) = (server.get_host(), server.get_database().unwrap());
        let text = format!(
            "[databases]\n{database} = host={host} port={} user={}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\ndefault_pool_size = 20\n{settings}\n",
            server.get_port(),
            server.get_username(),
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("pgbouncer");
        if is_root() {
            // It refuses to run as root, and must read its settings as another user.
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
            command.args(["--user", "nobody"]);
        }
        let spawned = command.arg("-q").arg(&config).stdin(Stdio::null()).spawn();
        let child = match spawned {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                eprintln!("==== SKIPPED: there is no pgbouncer ====");
                return None;
            }
            spawned => spawned.unwrap(),
        };
        let bouncer = Self { child, url: format!("postgres://x@127.0.0.1:{port}/{database}") };
        let listens = async || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
        until("pgbouncer to listen", listens).await;
        Some(bouncer)
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Opens a store through PgBouncer with these settings; `None` where that cannot be.
async fn open_through(settings: &str) -> Option<Result<(), StoreError>> {
    let database = FreshDatabase::create().await?;
    let server = database.url.parse::<PgConnectOptions>().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bouncer = PgBouncer::start(folder.path(), &server, settings).await;
    let opened = match &bouncer {
        Some(bouncer) => Some(use_store(&bouncer.url).await),
        None => None,
    };
    drop(bouncer);
    database.drop().await;
    opened
}

/// Opens two stores, and uses both at once.
async fn use_store(url: &str) -> Result<(), StoreError> {
    let keys = Arc::new(LocalKeys::parse(&[TEST_KEY], "").unwrap());
    let options =
        OpenOptions { migrate: true, shards: 4, max_connections: 4, max_read_connections: 2, keys };
    let one = postrider_store::open(url, &options).await?;
    let two = postrider_store::open(url, &options).await?;
    let now = one.now().await?;
    let audit = AuditOrigin::command("a test").draft("tests/1", now);
    for turn in 0..10 {
        let tenant = |store: &str| Tenant {
            id: format!("{store}-{turn}").parse().unwrap(),
            display_name: String::new(),
            allow_insecure_urls: false,
            labels: std::collections::BTreeMap::new(),
            retention: TenantRetention::default(),
            config_version: 1,
            revision: 1,
            create_time: now,
            update_time: now,
            delete_time: None,
        };
        let (first, second) = (tenant("one"), tenant("two"));
        let (a, b) =
            tokio::join!(one.create_tenant(&first, &audit), two.create_tenant(&second, &audit));
        a.and(b).unwrap();
        assert!(two.get_tenant(&first.id).await?.is_some());
    }
    one.close().await;
    two.close().await;
    Ok(())
}

#[tokio::test]
async fn postgres_behind_pgbouncer_in_session_mode_works() {
    if let Some(opened) = open_through("pool_mode = session").await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn postgres_behind_pgbouncer_that_shares_sessions_is_refused_in_words() {
    for settings in [
        "pool_mode = transaction",
        "pool_mode = transaction\nserver_round_robin = 1",
        "pool_mode = transaction\nserver_reset_query_always = 1",
        "pool_mode = transaction\ndefault_pool_size = 1",
        "pool_mode = statement",
    ] {
        let Some(opened) = open_through(settings).await else { return };
        let Err(StoreError::Rejected(text)) = opened else { panic!("{settings}: {opened:?}") };
        assert!(text.contains("let the pooler keep sessions"), "{settings}: {text}");
    }
}

#[tokio::test]
async fn postgres_behind_pgbouncer_with_too_few_sessions_says_so() {
    let settings = "pool_mode = session\ndefault_pool_size = 1";
    let Some(opened) = open_through(settings).await else { return };
    let text = opened.unwrap_err().to_string();
    assert!(text.contains("fewer sessions than"), "{text}");
}
