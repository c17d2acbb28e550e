//! Pages while the list grows.
//!
//! Fed by a small cluster; feeds `history`. Guarantees that reading on gives
//! every entry that was there at the beginning, once, in order.

use http::StatusCode;
use postrider_proto::v1::{
    DeliveryState, ListAttemptsRequest, ListDeliveriesRequest, ListEventsRequest,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::status;
use tonic::Code;

use crate::stage::{SOON_LIMIT, Stage};

const LIST_ENTRIES: usize = 25;
const PAGE_SIZE: i32 = 10;

/// Checks that pages read while new entries came are the old entries in order.
fn assert_whole(pages: &[Vec<String>], newest_first: &[String]) {
    assert!(pages.len() >= 3, "{} pages", pages.len());
    assert!(pages.iter().all(|page| page.len() <= 10), "{pages:?}");
    assert_eq!(pages.concat(), newest_first);
}

pub async fn events_come_page_by_page(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "event-pages").await;
    stage.subscribe("/hook").await;
    let mut names = Vec::new();
    for _ in 0..LIST_ENTRIES {
        names.push(stage.publish().await);
    }
    names.reverse();
    let mut pages = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = stage.api.events.list_events(ListEventsRequest {
            parent: stage.tenant.clone(),
            page_size: PAGE_SIZE,
            page_token,
            ..ListEventsRequest::default()
        });
        let page = page.await.unwrap().into_inner();
        pages.push(page.events.into_iter().map(|event| event.name).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        stage.publish_many(3).await;
    }
    assert_whole(&pages, &names);
}

pub async fn deliveries_come_page_by_page(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "delivery-pages").await;
    stage.receiver.script("/bad", [status(StatusCode::BAD_GATEWAY)]);
    stage.subscribe("/hook").await;
    let bad = stage.subscribe("/bad").await.name;
    let mut names = Vec::new();
    for _ in 0..LIST_ENTRIES {
        let event = stage.publish().await;
        let filter = format!("event = \"{event}\" AND subscription = \"{bad}\"");
        let made = stage.api.all_deliveries(&stage.tenant, &filter).await;
        names.push(made.unwrap().remove(0).name);
    }
    names.reverse();
    let mut pages = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = stage.api.deliveries.list_deliveries(ListDeliveriesRequest {
            parent: stage.tenant.clone(),
            page_size: PAGE_SIZE,
            page_token,
            filter: format!("subscription = \"{bad}\""),
        });
        let page = page.await.unwrap().into_inner();
        let listed = page.deliveries.into_iter();
        pages.push(listed.map(|delivery| delivery.name).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
        stage.publish_many(3).await;
    }
    assert_whole(&pages, &names);
}

pub async fn attempts_come_page_by_page(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "attempt-pages").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    stage.subscribe_with_delays("/hook", &[0, 0, 0, 0]).await;
    let event = stage.publish().await;
    let delivery = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let mut pages: Vec<Vec<u32>> = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = stage.api.deliveries.list_attempts(ListAttemptsRequest {
            parent: delivery.name.clone(),
            page_size: 2,
            page_token,
            ..ListAttemptsRequest::default()
        });
        let page = page.await.unwrap().into_inner();
        pages.push(page.attempts.into_iter().map(|attempt| attempt.number).collect());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![5]]);
}

pub async fn bad_page_tokens_are_refused(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "tokens").await;
    stage.subscribe("/hook").await;
    stage.publish_many(3).await;
    let filter = "state = SUCCEEDED";
    stage.api.wait_for_deliveries(&stage.tenant, filter, 3, SOON_LIMIT).await.unwrap();
    let page = stage.api.events.list_events(ListEventsRequest {
        parent: stage.tenant.clone(),
        page_size: 1,
        ..ListEventsRequest::default()
    });
    let token = page.await.unwrap().into_inner().next_page_token;
    assert!(!token.is_empty());
    // One that is made up, one of another list, one of another filter.
    for (page_token, filter) in
        [("made up".to_owned(), ""), (token.clone(), "state = SUCCEEDED"), (token.clone(), "")]
    {
        let page = stage.api.deliveries.list_deliveries(ListDeliveriesRequest {
            parent: stage.tenant.clone(),
            page_token,
            filter: filter.to_owned(),
            ..ListDeliveriesRequest::default()
        });
        let refused = page.await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert_eq!(reason(&refused), "INVALID_REQUEST");
        assert_eq!(violated_fields(&refused), ["page_token"]);
    }
    let page = stage.api.events.list_events(ListEventsRequest {
        parent: stage.tenant.clone(),
        page_token: token,
        filter: "test = false".to_owned(),
        ..ListEventsRequest::default()
    });
    assert_eq!(violated_fields(&page.await.unwrap_err()), ["page_token"]);
}
