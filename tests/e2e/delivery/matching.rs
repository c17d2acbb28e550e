//! Which subscriptions get an event.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that scopes and patterns
//! hold on the whole way and not only in the domain's own tests.

use std::collections::BTreeMap;

use postrider_proto::v1::{DeliveryState, Event, Subscription};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::wait;

use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage};

fn about(account: &str) -> Event {
    Event { account: account.to_owned(), ..event("payment.completed", DEFAULT_PAYLOAD) }
}

/// Publishes these and returns which paths each reached, once all have ended.
async fn reached(stage: &Stage, events: Vec<Event>) -> Vec<Vec<String>> {
    let mut names = Vec::new();
    for event in events {
        names.push(stage.publish_event(event).await);
    }
    wait::until("every delivery to succeed", SOON_LIMIT, || async {
        wait::when(stage.count("state != SUCCEEDED").await, |left| *left == 0)
    })
    .await
    .unwrap();
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in stage.receiver.requests() {
        let path = request.path().to_owned();
        let id = request.webhook_id().to_owned();
        paths.entry(id).or_default().push(path);
    }
    let of = |name: &String| {
        let mut reached = paths.remove(name.rsplit('/').next().unwrap()).unwrap_or_default();
        reached.sort();
        reached
    };
    names.iter().map(of).collect()
}

pub async fn accounts_decide_who_gets_an_event(cluster: &Cluster) {
    let stage = Stage::set(cluster, "accounts").await;
    stage.subscribe("/tenant").await;
    stage
        .create(Subscription {
            accounts: vec!["SE1".to_owned(), "SE2".to_owned()],
            ..stage.wanted("/two")
        })
        .await;
    let events = vec![about("SE1"), about("SE3"), about(""), about("se1")];
    let reached = reached(&stage, events).await;
    assert_eq!(reached[0], ["/tenant", "/two"]);
    assert_eq!(reached[1..], [["/tenant"], ["/tenant"], ["/tenant"]]);
}

pub async fn event_types_decide_who_gets_an_event(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types").await;
    for (path, types) in [
        ("/exact", vec!["payment.completed"]),
        ("/below", vec!["payment.*"]),
        ("/several", vec!["payout.*", "payment.completed.late"]),
    ] {
        let event_types = types.into_iter().map(str::to_owned).collect();
        let wanted = stage.wanted(path);
        stage.create(Subscription { event_types, ..wanted }).await;
    }
    let types = [
        "payment.completed",
        "payment.completed.late",
        "payment",
        "payments.completed",
        "payout.sent",
    ];
    let events = types.map(|name| event(name, DEFAULT_PAYLOAD)).into();
    let reached = reached(&stage, events).await;
    let none: [&str; 0] = [];
    assert_eq!(reached[0], ["/below", "/exact"]);
    assert_eq!(reached[1], ["/below", "/several"]);
    assert_eq!(reached[2], none);
    assert_eq!(reached[3], none);
    assert_eq!(reached[4], ["/several"]);
}

pub async fn an_event_that_nobody_wants_is_kept(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "nobody").await;
    let first = stage.api.publish(&stage.tenant, about(""), "").await;
    assert_eq!(first.unwrap().matched_subscriptions, 0);
    // Read your writes: the next publish sees the subscription.
    stage.subscribe("/hook").await;
    let second = stage.api.publish(&stage.tenant, about(""), "").await;
    let second = second.unwrap();
    assert_eq!(second.matched_subscriptions, 1);
    stage.wait_for(&second.event, DeliveryState::Succeeded).await;
    assert_eq!(stage.receiver.received(), 1);
}
