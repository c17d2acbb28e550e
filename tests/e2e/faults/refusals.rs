//! A database that answers, and refuses for a fault of its own: a trigger, a right, a
//! column of a newer schema. Nobody's event or result is to blame for it.

use std::time::Duration;

use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::direct::DirectConnection;
use postrider_tests::wait;
use tokio::time::{Instant, sleep};

use super::{HEALTH_REPORT_LIMIT, TestEndpoint, assert_alive, assert_refused, wait_until_ready};
use crate::stage::SOON_LIMIT;

/// Results must have failed for longer than this before readiness goes.
const NO_RESULT_TIME: Duration = Duration::from_secs(5);
const PUBLISHED_EVENTS: usize = 5;

/// What has the database refuse rows of a table.
struct RefusingDatabase(DirectConnection);

impl RefusingDatabase {
    /// From now on refuses rows of a table; by `name`, of one subscription or all.
    async fn refuse(&mut self, name: &str, table: &str, subscription: Option<&str>) {
        let id = subscription.and_then(|name| name.rsplit('/').next());
        let when = id.map(|id| format!("WHEN (NEW.subscription = '{id}')")).unwrap_or_default();
        let trigger =
            format!("CREATE TRIGGER refuse_{name} BEFORE INSERT ON {table} FOR EACH ROW {when}");
        let sql = match self.0.engine() {
            Engine::Postgres => {
                let function = "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS \
                    'BEGIN RAISE EXCEPTION ''refused''; END' LANGUAGE plpgsql";
                format!("{function}; {trigger} EXECUTE FUNCTION refuse()")
            }
            Engine::Sqlite => format!("{trigger} BEGIN SELECT RAISE(ABORT, 'refused'); END"),
        };
        self.0.execute(&sql).await.unwrap();
    }

    async fn allow(&mut self, name: &str, table: &str) {
        let of = match self.0.engine() {
            Engine::Postgres => format!("ON {table}"),
            Engine::Sqlite => String::new(),
        };
        self.0.execute(&format!("DROP TRIGGER refuse_{name} {of}")).await.unwrap();
    }
}

async fn kept(cluster: &Cluster, count: f64) {
    wait::until(&format!("{count} results to be kept"), SOON_LIMIT, || async {
        let metrics = cluster.replicas[0].metrics().await.map_err(|error| error.to_string())?;
        let kept = metrics
            .sum("postrider_results_awaiting_retry", &[])
            .map_err(|error| error.to_string())?;
        wait::when(kept, |kept| *kept == count)
    })
    .await
    .unwrap();
}

/// Results of one subscription, then all, then events are refused for a while.
async fn what_the_database_refuses_is_kept_and_written_later(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut sick = TestEndpoint::create(&api, &receiver, "sick", 0).await;
    let mut well = TestEndpoint::create(&api, &receiver, "well", 0).await;
    let mut database = RefusingDatabase(DirectConnection::open(&cluster).await.unwrap());

    database.refuse("one", "attempts", Some(&sick.subscription)).await;
    let begun = Instant::now();
    sick.publish(&api, PUBLISHED_EVENTS).await;
    well.publish(&api, PUBLISHED_EVENTS).await;
    well.assert_delivered_once(&api, &receiver).await;
    kept(&cluster, PUBLISHED_EVENTS as f64).await;
    sleep((NO_RESULT_TIME * 3 / 2).saturating_sub(begun.elapsed())).await;
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await;

    database.refuse("all", "attempts", None).await;
    well.publish(&api, PUBLISHED_EVENTS).await;
    println!("not ready after {:?}", wait_until_ready(&api, false, HEALTH_REPORT_LIMIT).await);
    kept(&cluster, PUBLISHED_EVENTS as f64 * 2.0).await;
    assert_alive(&api).await;
    database.allow("all", "attempts").await;
    database.allow("one", "attempts").await;
    println!("ready after {:?}", wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await);
    for payee in [&sick, &well] {
        payee.assert_delivered_once(&api, &receiver).await;
    }
    kept(&cluster, 0.0).await;

    database.refuse("all", "events", None).await;
    assert_refused(&api, &well, "again").await;
    wait_until_ready(&api, false, HEALTH_REPORT_LIMIT).await;
    database.allow("all", "events").await;
    well.publish_surely(&api, "again").await;
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await;
    well.assert_delivered_once(&api, &receiver).await;
}

on_both_engines!(what_the_database_refuses_is_kept_and_written_later);
