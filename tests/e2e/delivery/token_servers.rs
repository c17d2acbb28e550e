//! Token servers that do not answer.

use postrider_proto::v1::{DeliveryState, Subscription};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::Behaviour;

use super::identified::of_token_server;
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage, delays};

/// More than a subscription has in flight before anything succeeds.
const HELD_EVENTS: usize = 100;
const SERVED_EVENTS: usize = 20;

/// Its clients wait, without a POST, and neither another tenant nor another subscription of
/// the same one waits with them.
pub async fn a_token_server_that_hangs_holds_nobody_else(cluster: &Cluster) {
    let held = Stage::set(cluster, "tokens-held").await;
    held.receiver.script("/token", [Behaviour::Hang]);
    let wanted = Subscription {
        credentials: Some(of_token_server(&held.receiver)),
        event_types: vec!["held".to_owned()],
        retry_policy: Some(delays(&[1_000; 50])),
        ..held.wanted("/hook")
    };
    let waiting = held.create(wanted).await.name;
    let beside =
        Subscription { event_types: vec!["payment.*".to_owned()], ..held.wanted("/beside") };
    held.create(beside).await;
    let other = Stage::set(cluster, "tokens-other").await;
    other.subscribe("/hook").await;

    for _ in 0..HELD_EVENTS {
        held.publish_event(event("held", DEFAULT_PAYLOAD)).await;
    }
    held.receiver.wait_for_at("/token", 1, SOON_LIMIT).await.unwrap();
    let published =
        [held.publish_many(SERVED_EVENTS).await, other.publish_many(SERVED_EVENTS).await];
    held.receiver.wait_for_at("/beside", SERVED_EVENTS, SOON_LIMIT).await.unwrap();
    other.receiver.wait_for_at("/hook", SERVED_EVENTS, SOON_LIMIT).await.unwrap();
    for (stage, events) in [&held, &other].into_iter().zip(published) {
        for event in events {
            let delivery = stage.wait_for(&event, DeliveryState::Succeeded).await;
            assert_eq!(delivery.attempt_count, 1, "{delivery:?}");
        }
    }
    assert_eq!(held.receiver.received_at("/hook"), 0);
    held.api.disable(&waiting).await.unwrap();
}
