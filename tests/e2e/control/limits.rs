//! A subscription's own limits.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that limits are exact
//! where they matter: at the receiver.

use std::time::{Duration, Instant};

use postrider_proto::v1::{DeliveryState, Subscription};
use postrider_tests::cluster::Cluster;
use postrider_tests::lateness;
use postrider_tests::receiver::behaviour::{Answer, Gate, held};

use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage};

/// Who can be late with a request between its start and the moment that is written down
/// for it: the control plane, the agent and the receiver.
const LATE_PROCESSES: u32 = 3;

pub async fn no_more_are_in_flight_than_allowed(cluster: &Cluster) {
    const MAX_IN_FLIGHT: usize = 3;
    let stage = Stage::set(cluster, "in-flight").await;
    let gate = Gate::closed();
    let slow = Answer::ok().after(Duration::from_millis(20)).when_open(&gate);
    stage.receiver.script("/hook", [held(&gate), held(&gate), held(&gate), slow.into()]);
    stage.create(Subscription { max_in_flight: 3, ..stage.wanted("/hook") }).await;
    stage.publish_many(10).await;
    stage.receiver.wait_for_at("/hook", MAX_IN_FLIGHT, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/hook"), 3);
    gate.open();
    stage.publish_many(20).await;
    let filter = "state = SUCCEEDED";
    stage.api.wait_for_deliveries(&stage.tenant, filter, 30, SOON_LIMIT).await.unwrap();
    assert_eq!(stage.receiver.in_flight_most("/hook"), 3);
    assert_eq!(stage.receiver.received(), 30);
}

pub async fn no_more_are_sent_per_second_than_allowed(cluster: &Cluster) {
    const REQUESTS_PER_SECOND: usize = 10;
    const EVENT_COUNT: usize = 25;
    let stage = Stage::set(cluster, "per-second").await;
    stage.create(Subscription { max_requests_per_second: 10, ..stage.wanted("/hook") }).await;
    // The first connection's handshake takes longer than a request may vary on its way
    // (`TRANSIT_VARIATION` in the domain's rate), so it is over before anything is measured.
    let first = stage.publish().await;
    stage.wait_for(&first, DeliveryState::Succeeded).await;
    let begun = Instant::now();
    let ((requests, publishing), late) = lateness::during(async {
        stage.publish_many(EVENT_COUNT).await;
        let publishing = begun.elapsed();
        let requests = stage.receiver.wait_for_at("/hook", EVENT_COUNT + 1, SOON_LIMIT).await;
        (requests.unwrap(), publishing)
    })
    .await;
    let wrong_by = late * LATE_PROCESSES;
    let mut at: Vec<_> = requests[1..].iter().map(|request| request.at).collect();
    at.sort();
    for (first, next) in at.iter().zip(&at[REQUESTS_PER_SECOND..]) {
        let span = next.duration_since(*first);
        assert!(
            span + wrong_by >= Duration::from_secs(1),
            "{} requests in {span:?}, late {late:?}",
            REQUESTS_PER_SECOND + 1
        );
    }
    // Over the whole, which is longer, the same lateness hides less.
    let whole = at[EVENT_COUNT - 1].duration_since(at[0]);
    let starts = u32::try_from(EVENT_COUNT).unwrap();
    let least = Duration::from_secs(1) * (starts - 1) / u32::try_from(REQUESTS_PER_SECOND).unwrap();
    assert!(whole + wrong_by >= least, "{EVENT_COUNT} requests took {whole:?}, late {late:?}");
    // No start is made up for that a late timer has put off.
    let most = 2 * least + publishing + late * starts;
    assert!(whole < most, "{EVENT_COUNT} requests took {whole:?}, late {late:?}");
}
