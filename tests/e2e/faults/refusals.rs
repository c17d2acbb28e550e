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
        let trigger = format!("CREATE TRIGGER refuse_{name} BEFORE INSERT ON {table} FOR EACH ROW");
        let sql = match self.0.engine() {
            Engine::Postgres => {
                // Rows have the number that the subscription's name will get.
                let of_others = id.map(|id| {
                    format!(
                        "IF NEW.subscription NOT IN (
                            SELECT number FROM subscription_numbers WHERE id = ''{id}''
                        ) THEN RETURN NEW; END IF;"
                    )
                });
                let of_others = of_others.unwrap_or_default();
                let function = format!(
                    "CREATE OR REPLACE FUNCTION refuse_{name}() RETURNS trigger AS \
                    'BEGIN {of_others} RAISE EXCEPTION ''refused''; END' LANGUAGE plpgsql"
                );
                format!("{function}; {trigger} EXECUTE FUNCTION refuse_{name}()")
            }
            Engine::Sqlite => {
                let when = id.map(|id| format!("WHEN (NEW.subscription = '{id}')"));
                let when = when.unwrap_or_default();
                format!("{trigger} {when} BEGIN SELECT RAISE(ABORT, 'refused'); END")
            }
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

    database.refuse("one", "ended_deliveries", Some(&sick.subscription)).await;
    let begun = Instant::now();
    sick.publish(&api, PUBLISHED_EVENTS).await;
    well.publish(&api, PUBLISHED_EVENTS).await;
    well.assert_delivered_once(&api, &receiver).await;
    kept(&cluster, PUBLISHED_EVENTS as f64).await;
    sleep((NO_RESULT_TIME * 3 / 2).saturating_sub(begun.elapsed())).await;
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await;

    database.refuse("all", "ended_deliveries", None).await;
    well.publish(&api, PUBLISHED_EVENTS).await;
    println!("not ready after {:?}", wait_until_ready(&api, false, HEALTH_REPORT_LIMIT).await);
    kept(&cluster, PUBLISHED_EVENTS as f64 * 2.0).await;
    assert_alive(&api).await;
    database.allow("all", "ended_deliveries").await;
    database.allow("one", "ended_deliveries").await;
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
