//! Receivers that asked to be left alone while the replica that holds them dies.
//!
//! Fed by two replicas. Guarantees that the next owner goes on with a
//! hold, and that the time of what it holds stands still all the while.

use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{DeliveryState, RetryPolicy, Subscription};
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::receiver::behaviour::{ok, retry_after};
use postrider_tests::wait;

use super::{
    many_tenants_that, publish_to_each, shared, tenant_of, two_replicas_that, wait_for_each,
    wait_for_shards,
};
use crate::crashes::SHORT_LEASES;
use crate::stage::{SOON_LIMIT, delays};

/// Longer than a take-over takes, which follows the kill.
const HOLD_TIME: Duration = Duration::from_secs(16);
/// Before a hold ends somebody else has to go on with it.
const TAKE_OVER_LIMIT: Duration = Duration::from_secs(12);
/// What a delivery lives: less than it is held, and more than its attempts take before and
/// after the hold on a busy machine.
const DELIVERY_MAX_AGE: Duration = Duration::from_secs(10);
const ALL_LIMIT: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_goes_on_through_a_take_over_on_postgres() {
    let settings = SHORT_LEASES.to_owned();
    let mut cluster = two_replicas_that(Description { settings, ..Description::default() }).await;
    let api = cluster.api_of(0).unwrap();
    wait_for_shards(&api, SOON_LIMIT, shared).await;
    let receiver = cluster.receiver().await.unwrap();
    let subscriptions = many_tenants_that(&api, &receiver, "holds", |wanted| Subscription {
        retry_policy: Some(RetryPolicy {
            max_age: Some(DELIVERY_MAX_AGE.try_into().unwrap()),
            ..delays(&[100])
        }),
        ..wanted
    })
    .await;
    let paths: Vec<_> = (0..subscriptions.len()).map(|number| format!("/holds/{number}")).collect();
    for path in &paths {
        receiver.script(
            path,
            [retry_after(StatusCode::SERVICE_UNAVAILABLE, HOLD_TIME.as_secs()), ok()],
        );
    }
    publish_to_each(&api, &subscriptions).await;
    wait_for_each(&receiver, "holds", 1, SOON_LIMIT).await;
    wait_for_holds(&cluster, subscriptions.len()).await;
    cluster.replicas[1].kill().await.unwrap();
    publish_to_each(&api, &subscriptions).await;
    wait_for_shards(&api, TAKE_OVER_LIMIT, |owned| owned.contains(&super::SHARD_COUNT)).await;
    wait_for_each(&receiver, "holds", 3, ALL_LIMIT).await;
    for path in &paths {
        let requests = receiver.requests_to(path);
        let left_alone = requests[1].at.duration_since(requests[0].at);
        assert!(left_alone >= HOLD_TIME, "a request {left_alone:?} after it asked, at {path}");
    }
    for subscription in &subscriptions {
        let filter = format!("state != {}", DeliveryState::Succeeded.as_str_name());
        let tenant = tenant_of(&subscription.name);
        api.wait_for_deliveries(tenant, &filter, 0, SOON_LIMIT).await.unwrap();
    }
}

/// Waits until the table has `count` holds: an answer that the replica which dies has
/// not written down speaks only once the next one hears of it.
async fn wait_for_holds(cluster: &Cluster, count: usize) {
    wait::until("holds to be kept", SOON_LIMIT, || async {
        let mut database = cluster.database().unwrap().connect().await.unwrap();
        let kept = sqlx::query_scalar("SELECT count(*) FROM hold_clocks");
        let kept: i64 = kept.fetch_one(&mut database).await.unwrap();
        wait::when(kept, |kept| usize::try_from(*kept) == Ok(count))
    })
    .await
    .unwrap();
}
