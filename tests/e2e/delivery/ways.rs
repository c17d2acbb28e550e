//! The three ways to publish.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that what is answered as
//! committed arrives, and that a refused entry affects no other.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream;
use postrider_proto::v1::publish_result::Result as BatchResult;
use postrider_proto::v1::publish_stream_response::Result as StreamResult;
use postrider_proto::v1::{
    DeliveryState, Event, PublishEventRequest, PublishEventsRequest, PublishStreamRequest,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use tonic::Code;

use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage};

fn request(parent: &str, event: Event) -> PublishEventRequest {
    PublishEventRequest {
        parent: parent.to_owned(),
        event: Some(event),
        idempotency_key: String::new(),
    }
}

fn payment() -> Event {
    event("payment.completed", DEFAULT_PAYLOAD)
}

/// The last part of a name: what receivers see.
fn id(name: &str) -> String {
    name.rsplit('/').next().unwrap().to_owned()
}

pub async fn an_event_published_alone_arrives(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "unary").await;
    stage.subscribe("/hook").await;
    let published = stage.api.publish(&stage.tenant, payment(), "").await;
    let published = published.unwrap();
    assert_eq!(published.matched_subscriptions, 1);
    assert!(!published.duplicate);
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    assert_eq!(requests[0].webhook_id(), id(&published.event));
    assert_eq!(requests[0].body, DEFAULT_PAYLOAD);
    let delivery = stage.wait_for(&published.event, DeliveryState::Succeeded).await;
    assert_eq!(delivery.attempt_count, 1);
    assert_eq!(stage.receiver.received(), 1);
}

pub async fn a_bad_entry_fails_alone_in_its_batch(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "batch").await;
    stage.subscribe("/hook").await;
    let mut requests: Vec<_> = (0..20).map(|_| request("", payment())).collect();
    requests[7] = request("", event("payment.completed", "{\"amount\":"));
    requests[9] = request("tenants/no-such-tenant", payment());
    let published = stage.api.events.publish_events(PublishEventsRequest {
        parent: String::new(),
        requests: requests
            .into_iter()
            .map(|mut entry| {
                if entry.parent.is_empty() {
                    entry.parent.clone_from(&stage.tenant);
                }
                entry
            })
            .collect(),
    });
    let results = published.await.unwrap().into_inner().results;
    assert_eq!(results.len(), 20);
    let mut committed = BTreeSet::new();
    for (number, result) in results.into_iter().enumerate() {
        match (number, result.result.unwrap()) {
            (7, BatchResult::Error(error)) => {
                assert_eq!(error.code, Code::InvalidArgument as i32, "{error:?}");
                assert!(!error.details.is_empty(), "{error:?}");
            }
            (9, BatchResult::Error(error)) => {
                assert_eq!(error.code, Code::NotFound as i32, "{error:?}");
            }
            (_, BatchResult::Response(response)) => {
                committed.insert(id(&response.event));
            }
            (_, BatchResult::Error(error)) => panic!("entry {number}: {error:?}"),
        }
    }
    assert_eq!(committed.len(), 18);
    let received = stage.receiver.wait_for_at("/hook", 18, SOON_LIMIT).await.unwrap();
    let received: BTreeSet<_> = received.iter().map(|r| r.webhook_id().to_owned()).collect();
    assert_eq!(received, committed);
}

pub async fn a_stream_answers_each_event(cluster: &Cluster) {
    const PUBLISHED_EVENTS: u64 = 500;
    const REFUSED_EVENT: u64 = 137;
    let mut stage = Stage::set(cluster, "stream").await;
    stage.subscribe("/hook").await;
    let tenant = stage.tenant.clone();
    let requests = stream::iter((0..PUBLISHED_EVENTS).map(move |number| {
        let payload = if number == REFUSED_EVENT {
            "not JSON".to_owned()
        } else {
            format!("{{\"number\": {number}}}")
        };
        PublishStreamRequest {
            request_id: number * 3,
            publish: Some(request(&tenant, event("payment.completed", &payload))),
        }
    }));
    let answers = stage.api.events.publish_stream(requests).await.unwrap();
    let mut answers = answers.into_inner();
    let mut committed = BTreeMap::new();
    let mut refused = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        match answer.result.unwrap() {
            StreamResult::Response(response) => {
                let before = committed.insert(id(&response.event), answer.request_id / 3);
                assert_eq!(before, None, "{} twice", response.event);
            }
            StreamResult::Error(error) => {
                assert_eq!(error.code, Code::InvalidArgument as i32, "{error:?}");
                refused.push(answer.request_id);
            }
        }
    }
    assert_eq!(refused, [REFUSED_EVENT * 3]);
    let wanted = usize::try_from(PUBLISHED_EVENTS - 1).unwrap();
    assert_eq!(committed.len(), wanted);
    let received = stage.receiver.wait_for_at("/hook", wanted, SOON_LIMIT);
    for request in received.await.unwrap() {
        let number = committed.get(request.webhook_id());
        let number = number.expect("only what was committed is sent");
        assert_eq!(request.body, format!("{{\"number\": {number}}}"));
    }
    let filter = "state = SUCCEEDED";
    let ended = stage.api.wait_for_deliveries(&stage.tenant, filter, wanted, SOON_LIMIT);
    ended.await.unwrap();
    assert_eq!(stage.receiver.received(), PUBLISHED_EVENTS - 1);
}
