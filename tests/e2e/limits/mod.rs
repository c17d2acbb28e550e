//! Limits of what others may take: connections, bytes, time and calls.
//!
//! Fed by clusters with small limits; feeds `tests/run`. Guarantees that whoever takes more
//! than its part is refused and told so, that others are served meanwhile, and that the
//! metrics name the limit.

mod ageing;
mod connections;
mod little_requests;
mod memory;
mod open_files;
mod requests;
mod small_frames;
mod unread_streams;

use std::time::Duration;

use postrider_tests::api::{reason, retry_delay};
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::publish::event;
use tonic::Code;

use crate::stage::DEFAULT_PAYLOAD;

/// How often the metrics say that a limit was reached.
async fn times_reached(cluster: &Cluster, setting: &str) -> f64 {
    let metrics = cluster.replicas[0].metrics().await.unwrap();
    metrics.sum("postrider_limits_reached_total", &[("limit", setting)]).unwrap_or(0.0)
}

/// The value of a gauge of the callers' door.
async fn of_callers(cluster: &Cluster, gauge: &str) -> f64 {
    of_door(cluster, gauge, "callers").await
}

/// The value of a gauge of a door.
async fn of_door(cluster: &Cluster, gauge: &str, door: &str) -> f64 {
    let metrics = cluster.replicas[0].metrics().await.unwrap();
    metrics.sum(gauge, &[("door", door)]).unwrap_or(0.0)
}

async fn with_settings(settings: &str, tls: bool) -> Cluster {
    let settings = settings.to_owned();
    Cluster::start(&Description { settings, tls, ..Description::default() }).await.unwrap()
}

/// A tenant that publishes too fast is told when to go on; another one is not concerned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_rate_is_its_own() {
    const SETTING: &str = "rates.published_events_per_second_per_tenant";
    let settings = "[rates]\npublished_events_per_second_per_tenant = 2\n\
                    publish_burst_seconds = 2\n";
    let cluster = with_settings(settings, true).await;
    let mut api = cluster.api().unwrap();
    let fast = api.create_tenant("fast").await.unwrap();
    let other = api.create_tenant("other").await.unwrap();
    let mut refused = None;
    for _ in 0..20 {
        let published = api.publish(&fast, event("payment.completed", DEFAULT_PAYLOAD), "").await;
        refused = refused.or(published.err());
    }
    let refused = refused.expect("20 at once are more than 2 a second");
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::ResourceExhausted, "RATE_LIMITED")
    );
    let delay = retry_delay(&refused).unwrap();
    assert!(delay <= Duration::from_secs(1), "{delay:?}");
    api.publish(&other, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
    assert!(times_reached(&cluster, SETTING).await > 0.0);
    // It is told the truth.
    tokio::time::sleep(delay).await;
    api.publish(&fast, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
}
