//! A subscription's own limits.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that limits are exact
//! where they matter: at the receiver.

use std::time::Duration;

use postrider_proto::v1::Subscription;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Answer, Gate, held};

use crate::stage::{SOON, Stage, WHILE};

pub async fn in_flight(cluster: &Cluster) {
    const MOST: usize = 3;
    let stage = Stage::set(cluster, "in-flight").await;
    let gate = Gate::closed();
    let slow = Answer::ok().after(Duration::from_millis(20)).when_open(&gate);
    stage.receiver.script("/hook", [held(&gate), held(&gate), held(&gate), slow.into()]);
    stage.create(Subscription { max_in_flight: 3, ..stage.wanted("/hook") }).await;
    stage.publish_many(10).await;
    stage.receiver.wait_for_at("/hook", MOST, SOON).await.unwrap();
    tokio::time::sleep(WHILE).await;
    assert_eq!(stage.receiver.received_at("/hook"), 3);
    gate.open();
    stage.publish_many(20).await;
    let filter = "state = SUCCEEDED";
    stage.api.wait_for_deliveries(&stage.tenant, filter, 30, SOON).await.unwrap();
    assert_eq!(stage.receiver.in_flight_most("/hook"), 3);
    assert_eq!(stage.receiver.received(), 30);
}

pub async fn per_second(cluster: &Cluster) {
    const LIMIT: usize = 10;
    const EVENTS: usize = 25;
    let stage = Stage::set(cluster, "per-second").await;
    stage.create(Subscription { max_requests_per_second: 10, ..stage.wanted("/hook") }).await;
    stage.publish_many(EVENTS).await;
    let requests = stage.receiver.wait_for_at("/hook", EVENTS, SOON).await.unwrap();
    let mut at: Vec<_> = requests.iter().map(|request| request.at).collect();
    at.sort();
    for (first, next) in at.iter().zip(&at[LIMIT..]) {
        let span = next.duration_since(*first);
        assert!(span >= Duration::from_secs(1), "{} requests in {span:?}", LIMIT + 1);
    }
    let whole = at[EVENTS - 1].duration_since(at[0]);
    assert!(whole < Duration::from_secs(5), "{EVENTS} requests took {whole:?}");
}
