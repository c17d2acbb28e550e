//! Conditions on what is in an event.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that a content filter
//! decides who gets an event, that one which fails delivers and marks the
//! delivery, and that one which could hold up a publish is refused.

use std::collections::HashMap;

use postrider_proto::v1::{DeliveryState, Envelope, Event, Subscription};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;

use crate::stage::{SOON_LIMIT, Stage};

fn paid(amount: &str, currency: &str) -> Event {
    let attributes = HashMap::from([("currency".to_owned(), currency.to_owned())]);
    Event { attributes, ..event("payment.completed", &format!("{{\"amount\":{amount}}}")) }
}

pub async fn a_condition_decides(cluster: &Cluster) {
    let stage = Stage::set(cluster, "filtered").await;
    let source = "event.payload.amount > 10000 && event.attributes.currency == 'EUR'";
    let wanted = Subscription { content_filter: source.to_owned(), ..stage.wanted("/large") };
    let made = stage.create(wanted).await;
    assert_eq!(made.content_filter, source);
    let mut api = stage.api.clone();
    for (event, matched) in [
        (paid("10001", "EUR"), 1),
        (paid("10000", "EUR"), 0),
        (paid("99999", "SEK"), 0),
        (paid("20000.5", "EUR"), 1),
    ] {
        let answer = api.publish(&stage.tenant, event, "").await.unwrap();
        assert_eq!(answer.matched_subscriptions, matched);
    }
    let requests = stage.receiver.wait_for_at("/large", 2, SOON_LIMIT).await.unwrap();
    let sequences: Vec<_> =
        requests.iter().map(|request| request.header("webhook-sequence")).collect();
    assert_eq!(sequences, ["1", "2"], "what does not match takes no number");
    assert_eq!(stage.count("").await, 2);
}

pub async fn a_condition_that_fails_delivers(cluster: &Cluster) {
    let stage = Stage::set(cluster, "filter-fails").await;
    let source = "event.payload.amount > 10000";
    let wanted = Subscription { content_filter: source.to_owned(), ..stage.wanted("/hook") };
    stage.create(wanted).await;
    let good = stage.publish_event(paid("10001", "EUR")).await;
    assert!(!stage.wait_for(&good, DeliveryState::Succeeded).await.filter_failed);
    let text = event("payment.completed", "amount: 1");
    let text = Event { content_type: "text/plain".to_owned(), ..text };
    for event in [paid("\"much\"", "EUR"), event("payment.completed", "{}"), text] {
        let name = stage.publish_event(event).await;
        assert!(stage.wait_for(&name, DeliveryState::Succeeded).await.filter_failed);
    }
}

pub async fn what_cannot_be_is_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "filter-refused").await;
    let mut api = stage.api.clone();
    for source in [
        "event.payload.amount >",
        "payload.amount > 1",
        "event.payload.a.all(x, event.payload.b.exists(y, x == y))",
        &"a".repeat(2049),
    ] {
        let wanted = Subscription { content_filter: source.to_owned(), ..stage.wanted("/hook") };
        let refused = api.subscribe(&stage.tenant, wanted).await.unwrap_err();
        assert_eq!(violated_fields(&refused), ["subscription.content_filter"], "{source}");
    }
    let mut json = stage.wanted("/json");
    json.set_envelope(Envelope::StandardWebhooks);
    let made = stage.create(json).await;
    let text = Event { content_type: "text/plain".to_owned(), ..paid("1", "EUR") };
    let refused = api.publish(&stage.tenant, text, "").await.unwrap_err();
    assert_eq!(reason(&refused), "ENVELOPE_NEEDS_JSON");
    assert!(refused.message().contains(&made.name), "{refused}");
}
