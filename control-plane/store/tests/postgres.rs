//! What only the PostgreSQL engine does: schema, partitions, plans.
//!
//! Needs `POSTRIDER_TEST_POSTGRES_URL`, as the conformance suite does.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{AgentId, AttemptKey, DeliveryId, Region, ReplicaId, Shard, TenantId};
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_identity::AuditOrigin;
use postrider_secret_encryption::LocalKeys;
use postrider_store::{
    AgentSighting, DeliveryQuery, MaintenanceOptions, OpenOptions, RegionClock, ReplicaRow,
    StoreError,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use uuid::Uuid;

use support::{FreshDatabase, execute, until};

const LOST_AFTER: Duration = Duration::from_secs(5);
/// Far less than a call waits for a connection.
const PATIENCE: Duration = Duration::from_secs(2);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

const TEST_KEY: &str = "test:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn options(migrate: bool) -> OpenOptions {
    let keys = Arc::new(LocalKeys::parse(&[TEST_KEY], "").unwrap());
    OpenOptions { migrate, shards: 8, max_connections: 4, max_read_connections: 2, keys }
}

/// Runs a test with the URL of an empty database; says so when it cannot.
async fn with_database<F: Future<Output = ()>>(test: impl FnOnce(String) -> F) {
    if let Some(database) = FreshDatabase::create().await {
        test(database.url.clone()).await;
        database.drop().await;
    }
}

async fn one<T>(url: &str, sql: &str) -> T
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres> + Send + Unpin,
{
    let mut connection = PgConnection::connect(url).await.unwrap();
    let value = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    value
}

/// A schema of the role's own name comes before others in PostgreSQL's path.
#[tokio::test]
async fn tables_in_a_schema_that_comes_first_are_not_used_on_postgres() {
    with_database(async |url| {
        let earlier = postrider_store::open(&url, &options(true)).await.unwrap();
        let shadowing = "DO $$ BEGIN EXECUTE format('CREATE SCHEMA %1$I;
            CREATE TABLE %1$I.audit_chains (LIKE public.audit_chains INCLUDING ALL);
            CREATE TABLE %1$I.audit_records (LIKE public.audit_records INCLUDING ALL)',
            current_user); END $$";
        execute(&url, shadowing).await;
        let later = postrider_store::open(&url, &options(true)).await.unwrap();
        let now = later.now().await.unwrap();
        for store in [&earlier, &later] {
            let draft = AuditOrigin::system("test").draft("tenants/acme", now);
            store.append_audit_record(&draft).await.unwrap();
        }
        let count: i64 = one(&url, "SELECT count(*) FROM public.audit_records").await;
        assert_eq!(count, 2);
        let shadowed: i64 = one(&url, "SELECT count(*) FROM audit_records").await;
        assert_eq!(shadowed, 0, "the path leads there");
        earlier.close().await;
        later.close().await;
    })
    .await;
}

#[tokio::test]
async fn a_schema_that_is_not_current_says_what_to_run_on_postgres() {
    with_database(async |url| {
        let error = postrider_store::open(&url, &options(false)).await.err().unwrap();
        assert!(error.to_string().contains("run `postrider migrate`"), "{error}");
        let migrating = options(true);
        let (one, two) = tokio::join!(
            postrider_store::open(&url, &migrating),
            postrider_store::open(&url, &migrating)
        );
        one.unwrap().close().await;
        two.unwrap().close().await;
        postrider_store::open(&url, &options(false)).await.unwrap().close().await;
        execute(&url, "UPDATE _sqlx_migrations SET checksum = '\\x00'").await;
        for migrate in [false, true] {
            let error = postrider_store::open(&url, &options(migrate)).await.err().unwrap();
            assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        }
        execute(&url, "UPDATE _sqlx_migrations SET version = 999 WHERE version = 1").await;
        for migrate in [false, true] {
            let error = postrider_store::open(&url, &options(migrate)).await.err().unwrap();
            assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
        }
    })
    .await;
}

#[tokio::test]
async fn an_address_without_a_server_is_unavailable_and_its_password_not_told() {
    let nobody = "postgres://me:secret@127.0.0.1:1/x";
    let error = postrider_store::open(nobody, &options(true)).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert!(postrider_store::check_reachable(nobody).await.unwrap_err().is_transient());
    let error =
        postrider_store::open("postgres://me:secret@[", &options(true)).await.err().unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}

/// Waiting mends neither.
#[tokio::test]
async fn a_user_or_a_database_that_is_not_there_is_rejected_on_postgres() {
    with_database(async |url| {
        postrider_store::check_reachable(&url).await.unwrap();
        let (_, address) = url.split_once('@').unwrap();
        let (server, _) = url.rsplit_once('/').unwrap();
        for wrong in [format!("postgres://nobody_known@{address}"), format!("{server}/no_database")]
        {
            let reached = postrider_store::check_reachable(&wrong).await.unwrap_err();
            let opened = postrider_store::open(&wrong, &options(false)).await.err().unwrap();
            for error in [reached, opened] {
                assert!(matches!(error, StoreError::Rejected(_)), "{wrong}: {error:?}");
            }
        }
    })
    .await;
}

/// `url` with a host before its own at which nobody listens.
fn behind_a_dead_host(url: &str) -> String {
    let (user, address) = url.split_once('@').unwrap();
    format!("{user}@127.0.0.1:1,{address}")
}

#[tokio::test]
async fn of_several_hosts_the_one_that_can_be_written_to_is_opened_on_postgres() {
    with_database(async |url| {
        let several = behind_a_dead_host(&url);
        postrider_store::check_reachable(&several).await.unwrap();
        let store = postrider_store::open(&several, &options(true)).await.unwrap();
        store.now().await.unwrap();
        store.close().await;
    })
    .await;
}

/// As a standby, or a primary that its operator took out of service.
#[tokio::test]
async fn a_server_that_can_only_be_read_is_waited_for_on_postgres() {
    with_database(async |url| {
        let name = url.rsplit('/').next().unwrap().split('?').next().unwrap();
        let set = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
        execute(&url, &set).await;
        for url in [url.clone(), behind_a_dead_host(&url)] {
            let reached = postrider_store::check_reachable(&url).await.unwrap_err();
            let opened = postrider_store::open(&url, &options(true)).await.err().unwrap();
            for error in [reached, opened] {
                assert!(error.is_transient(), "{error:?}");
                assert!(error.to_string().contains("can only be read"), "{error}");
            }
        }
        let reset = format!(
            "BEGIN READ WRITE;
            ALTER DATABASE {name} RESET default_transaction_read_only;
            COMMIT"
        );
        execute(&url, &reset).await;
        postrider_store::check_reachable(&url).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn readiness_asks_for_tomorrows_partition_of_each_table_on_postgres() {
    with_database(async |url| {
        let store = postrider_store::open(&url, &options(true)).await.unwrap();
        let now = store.now().await.unwrap();
        let settings = MaintenanceOptions { retention: 30 * DAY, days_ahead: 7 };
        store.ready(now).await.unwrap();
        store.ready(now + 6 * DAY).await.unwrap();
        let tomorrow = (now + DAY).to_string()[..10].replace('-', "");
        for table in ["events", "ended_deliveries", "attempts"] {
            let name = format!("{table}_{tomorrow}");
            execute(&url, &format!("DROP TABLE {name}")).await;
            let error = store.ready(now).await.unwrap_err();
            assert!(error.to_string().contains(&name), "{error}");
            let done = store.maintain(now, settings).await.unwrap();
            assert_eq!((done.partitions_made, done.partitions_dropped), (1, 0));
            store.ready(now).await.unwrap();
        }
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn whoever_delivers_waits_for_no_list_on_postgres() {
    with_database(async |url| {
        let store = postrider_store::open(&url, &options(true)).await.unwrap();
        let tenant: TenantId = "acme".parse().unwrap();
        let mut other = PgConnection::connect(&url).await.unwrap();
        // Only lists look at what has not ended.
        other.execute("BEGIN; LOCK TABLE deliveries").await.unwrap();
        let listing = {
            let (store, query) = (Arc::clone(&store), DeliveryQuery::newest(&tenant, 1));
            // As many as there are connections for.
            tokio::spawn(async move {
                tokio::join!(store.list_deliveries(&query), store.list_deliveries(&query))
            })
        };
        let waiting = "SELECT count(*) FROM pg_locks
            WHERE NOT granted AND relation = 'deliveries'::regclass";
        until("both to wait", async || one::<i64>(&url, waiting).await == 2).await;
        let asked = [AttemptKey { delivery: DeliveryId(Uuid::nil()), number: 1 }];
        let found = store.recorded_results(&tenant, &asked);
        assert!(tokio::time::timeout(PATIENCE, found).await.unwrap().unwrap().is_empty());
        other.execute("COMMIT").await.unwrap();
        let (first, second) = listing.await.unwrap();
        assert!(first.unwrap().is_empty() && second.unwrap().is_empty());
        store.close().await;
    })
    .await;
}

#[tokio::test]
async fn old_partitions_are_dropped_and_a_reader_only_delays_it_on_postgres() {
    with_database(async |url| {
        let store = postrider_store::open(&url, &options(true)).await.unwrap();
        let now = store.now().await.unwrap();
        let settings = MaintenanceOptions { retention: 3 * DAY, days_ahead: 7 };
        store.maintain(now - 10 * DAY, settings).await.unwrap();
        let count = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass";
        let before: i64 = one(&url, count).await;
        let mut reader = PgConnection::connect(&url).await.unwrap();
        reader.execute("BEGIN; SELECT * FROM events").await.unwrap();
        let (kept, ()) = tokio::join!(store.maintain(now, settings), async {
            tokio::time::sleep(Duration::from_millis(700)).await;
            reader.execute("COMMIT").await.unwrap();
        });
        // Eight days of three tables.
        assert_eq!(kept.unwrap().partitions_dropped, 24);
        let after: i64 = one(&url, count).await;
        // Of the 9 days made ten days ago only the last is not past; 9 more were made
        // on opening.
        assert_eq!((before, after), (18, 10));
        store.close().await;
    })
    .await;
}

/// The planner must see that the partial index of HELD and WAITING serves a search
/// for WAITING alone, or each sweep would sort a whole backlog.
#[tokio::test]
async fn the_earliest_deadline_is_read_from_its_index_on_postgres() {
    with_database(async |url| {
        let store = postrider_store::open(&url, &options(true)).await.unwrap();
        store.close().await;
        let explained: Vec<String> = {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            connection.execute("SET enable_seqscan = off; ANALYZE").await.unwrap();
            let sql = "EXPLAIN SELECT id FROM deliveries WHERE tenant = 1 AND \
                subscription = 2 AND state IN (1, 2) AND state = 2 ORDER BY deadline LIMIT 1";
            sqlx::query_scalar(sql).fetch_all(&mut connection).await.unwrap()
        };
        let plan = explained.join("\n");
        assert!(plan.contains("deliveries_deadline") && !plan.contains("Sort"), "{plan}");
    })
    .await;
}

#[tokio::test]
async fn agents_and_replicas_unheard_for_a_minute_are_forgotten_on_postgres() {
    with_database(async |url| {
        let store = postrider_store::open(&url, &options(true)).await.unwrap();
        let now = store.now().await.unwrap();
        let region: Region = "eu".parse().unwrap();
        let replica = |id: &str| ReplicaRow {
            id: ReplicaId(id.into()),
            instance: [1; 16],
            address: format!("https://{id}"),
            version: String::new(),
            heard: now,
        };
        let agent = |seconds| AgentSighting {
            agent: AgentId(format!("agent-{seconds}").as_str().into()),
            incarnation: [7; 16],
            region: region.clone(),
            version: "1.0".to_owned(),
            max_in_flight: 64,
            in_flight: 3,
            draining: false,
            clock_skew_us: -5,
            replica: ReplicaId("one".into()),
            heard: now,
            heard_ago: Duration::from_secs(seconds),
        };
        let clock = StoppedClock { total: DAY, since: Some(now) };
        store.put_region_clock(&RegionClock { region: region.clone(), clock }).await.unwrap();
        store.heartbeat(&replica("one"), &[agent(1), agent(61)], LOST_AFTER).await.unwrap();
        let view = store.heartbeat(&replica("two"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.replicas.len(), 2);
        assert_eq!(view.agents.len(), 1);
        assert_eq!(view.regions, [RegionClock { region: region.clone(), clock }]);
        execute(&url, "UPDATE replicas SET heard = heard - 61000000 WHERE id = 'one'").await;
        let view = store.heartbeat(&replica("two"), &[], LOST_AFTER).await.unwrap();
        assert_eq!(view.replicas.len(), 1);
        // Somebody set the clock back by more than a minute since.
        store.heartbeat(&replica("one"), &[agent(1)], LOST_AFTER).await.unwrap();
        let lease = Duration::from_secs(10);
        let (one, two) = (ReplicaId("one".into()), ReplicaId("two".into()));
        let all = [Shard(0), Shard(1)];
        assert_eq!(store.acquire_shards(&one, &all, lease, false).await.unwrap().len(), 2);
        execute(&url, "UPDATE shards SET lease_until = lease_until + 61000000 WHERE shard = 1")
            .await;
        execute(&url, "UPDATE replicas SET heard = heard + 62000000 WHERE id = 'one'").await;
        execute(&url, "UPDATE agent_sightings SET heard = heard + 62000000").await;
        let view = store.heartbeat(&replica("two"), &[], LOST_AFTER).await.unwrap();
        assert_eq!((view.replicas.len(), view.agents.len()), (1, 0));
        let taken = store.acquire_shards(&two, &all, lease, false).await.unwrap();
        assert_eq!(taken.iter().map(|(shard, _)| *shard).collect::<Vec<_>>(), [Shard(1)]);
        store.close().await;
    })
    .await;
}

/// Callers that wait for the database must not cost a replica its shards.
#[tokio::test]
async fn leases_are_renewed_while_all_other_connections_wait_on_postgres() {
    const WAITING: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = \
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    // Before the statements of those who wait are ended, which is after 10 s.
    const IN_TIME: Duration = Duration::from_secs(8);
    with_database(async |url| {
        let options = OpenOptions { max_connections: 2, ..options(true) };
        let store = postrider_store::open(&url, &options).await.unwrap();
        let me = ReplicaRow {
            id: ReplicaId("one".into()),
            instance: [1; 16],
            address: String::new(),
            version: String::new(),
            heard: store.now().await.unwrap(),
        };
        let lease = Duration::from_secs(10);
        let taken = store.acquire_shards(&me.id, &[Shard(0)], lease, false).await.unwrap();

        let mut holder = PgConnection::connect(&url).await.unwrap();
        holder.execute("BEGIN; LOCK TABLE tenants IN ACCESS EXCLUSIVE MODE").await.unwrap();
        let tenant = "acme".parse().unwrap();
        let renewing = async {
            until("two that wait", async || one::<i64>(&url, WAITING).await >= 2).await;
            let renewed = store.renew_shards(&me.id, &taken, lease, Timestamp::default());
            let kept = tokio::time::timeout(IN_TIME, renewed).await.expect("a lease").unwrap();
            assert_eq!(kept, [Shard(0)]);
            let heard = tokio::time::timeout(IN_TIME, store.heartbeat(&me, &[], LOST_AFTER)).await;
            assert_eq!(heard.expect("a sign of life").unwrap().replicas.len(), 1);
            holder.execute("ROLLBACK").await.unwrap();
        };
        let get = || store.get_tenant(&tenant);
        let (first, second, third, ()) = tokio::join!(get(), get(), get(), renewing);
        assert_eq!([first, second, third].map(Result::unwrap), [None, None, None]);
        store.close().await;
    })
    .await;
}
