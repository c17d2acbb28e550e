//! Accounts of windows of time.
//!
//! Fed by a cluster; feeds `history`. Guarantees that every event is in the
//! account once for each subscription, that the counts are those of the rows, and
//! that a window once accounted for never changes its events, whichever replica
//! takes events in in the meantime.

use std::collections::BTreeSet;
use std::time::SystemTime;

use futures::{TryStreamExt, future};
use http::StatusCode;
use postrider_proto::v1::reconcile_events_response::Part;
use postrider_proto::v1::{
    DeliveryState, ReconcileEventsRequest, ReconcileSummary, ReconciledEvent, Subscription,
    SubscriptionStatus,
};
use postrider_tests::api::{Api, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::status;
use prost_types::Timestamp;

use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage, once};

/// All rows of an account, and its end.
async fn account(
    api: &Api,
    request: &ReconcileEventsRequest,
) -> (Vec<ReconciledEvent>, ReconcileSummary) {
    let mut api = api.clone();
    let answer = api.events.reconcile_events(request.clone()).await.unwrap();
    let parts: Vec<_> = answer.into_inner().try_collect().await.unwrap();
    let mut parts: Vec<Part> = parts.into_iter().filter_map(|response| response.part).collect();
    let Some(Part::Summary(summary)) = parts.pop() else { panic!("no summary") };
    let rows = parts.into_iter().map(|part| match part {
        Part::Row(row) => row,
        Part::Summary(_) => panic!("two summaries"),
    });
    (rows.collect(), summary)
}

fn since(tenant: &str, start: SystemTime) -> ReconcileEventsRequest {
    ReconcileEventsRequest {
        parent: tenant.to_owned(),
        start_time: Some(Timestamp::from(start)),
        ..ReconcileEventsRequest::default()
    }
}

fn count(rows: &[ReconciledEvent], state: DeliveryState) -> u32 {
    u32::try_from(rows.iter().filter(|row| row.state() == state).count()).unwrap()
}

/// One of each fate: delivered, exhausted, suppressed, and matched by nobody.
pub async fn the_account_of_a_window_adds_up(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "account").await;
    let begun = SystemTime::now();
    stage.receiver.script("/bad", [status(StatusCode::BAD_GATEWAY)]);
    let types = |name: &str| vec![name.to_owned()];
    let good = Subscription { event_types: types("payment.*"), ..stage.wanted("/good") };
    let good = stage.create(good).await;
    let bad = Subscription { event_types: types("payment.*"), ..stage.wanted("/bad") };
    stage.create(Subscription { retry_policy: Some(once()), ..bad }).await;
    let mut off = Subscription { event_types: types("payment.late"), ..stage.wanted("/off") };
    off.set_status(SubscriptionStatus::Disabled);
    stage.create(off).await;
    for name in ["payment.completed", "payment.late", "payout.sent", "payment.completed"] {
        stage.publish_event(event(name, DEFAULT_PAYLOAD)).await;
    }
    stage.api.wait_for_deliveries(&stage.tenant, "state = SUCCEEDED", 3, SOON_LIMIT).await.unwrap();
    stage.api.wait_for_deliveries(&stage.tenant, "state = EXHAUSTED", 3, SOON_LIMIT).await.unwrap();

    let (rows, summary) = account(&stage.api, &since(&stage.tenant, begun)).await;
    assert_eq!((summary.event_count, summary.unmatched_event_count), (4, 1));
    assert_eq!((summary.pair_count, rows.len()), (7, 8));
    let counts = summary.pair_counts.unwrap();
    assert_eq!((counts.succeeded, counts.exhausted, counts.suppressed), (3, 3, 1));
    for (state, told) in [
        (DeliveryState::Succeeded, counts.succeeded),
        (DeliveryState::Exhausted, counts.exhausted),
        (DeliveryState::Suppressed, counts.suppressed),
        (DeliveryState::Unspecified, 1),
    ] {
        assert_eq!(count(&rows, state), told, "{state:?}");
    }
    let unmatched = rows.iter().find(|row| row.subscription.is_empty()).unwrap();
    assert_eq!((unmatched.event_type.as_str(), unmatched.delivery.as_str()), ("payout.sent", ""));
    let mut numbers: Vec<i64> =
        rows.iter().filter(|row| row.subscription == good.name).map(|row| row.sequence).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3]);

    let own = ReconcileEventsRequest {
        subscription: good.name,
        end_time: summary.end_time,
        ..since(&stage.tenant, begun)
    };
    let (rows, summary) = account(&stage.api, &own).await;
    assert_eq!((rows.len(), summary.event_count, summary.unmatched_event_count), (3, 3, 0));

    let future = ReconcileEventsRequest {
        end_time: Some(Timestamp::from(SystemTime::now() + SOON_LIMIT * 10)),
        ..since(&stage.tenant, begun)
    };
    let refused = stage.api.events.reconcile_events(future).await.unwrap_err();
    assert_eq!(violated_fields(&refused), ["end_time"]);
}

/// Events are taken in by every replica while windows are accounted for.
pub async fn windows_stay_closed(cluster: &Cluster) {
    // Some time before the first window's end, which is a little before it is asked for.
    let begun = SystemTime::now();
    let stage = Stage::set(cluster, "windows").await;
    stage.subscribe("/hook").await;
    let apis: Vec<Api> =
        (0..cluster.replicas.len()).map(|replica| cluster.api_of(replica).unwrap()).collect();
    let publishing = future::join_all((0..8).map(|publisher: usize| {
        let mut api = apis[publisher % apis.len()].clone();
        let tenant = stage.tenant.clone();
        async move {
            for _ in 0..60 {
                api.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "")
                    .await
                    .unwrap();
            }
        }
    }));
    let names = |rows: Vec<ReconciledEvent>| -> BTreeSet<String> {
        rows.into_iter().map(|row| row.event).collect()
    };
    let accounting = async {
        let mut windows = Vec::new();
        for round in 0..12 {
            let api = &apis[round % apis.len()];
            let (rows, summary) = account(api, &since(&stage.tenant, begun)).await;
            windows.push((names(rows), summary));
        }
        windows
    };
    let (_, windows) = future::join(publishing, accounting).await;
    for (seen, summary) in windows {
        let again =
            ReconcileEventsRequest { end_time: summary.end_time, ..since(&stage.tenant, begun) };
        let (rows, _) = account(&apis[0], &again).await;
        assert_eq!(names(rows), seen);
    }
    let (rows, summary) = account(&apis[0], &since(&stage.tenant, begun)).await;
    assert_eq!((rows.len(), summary.event_count), (480, 480));
}
