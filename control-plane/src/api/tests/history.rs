//! Events and deliveries.

use postrider_domain::delivery::{AttemptRecord, Outcome};
use postrider_domain::ids::{AttemptKey, DeliveryId};
use tonic::Code;

use crate::api::tests::*;
use crate::fixtures;

#[tokio::test]
async fn events_are_published_once_and_read_back() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    api.subscription("erp", |_| ()).await;
    api.subscription("off", |s| s.set_status(v1::SubscriptionStatus::Disabled)).await;
    let keyed = v1::PublishEventRequest { idempotency_key: "k".into(), ..event(1) };
    let first = api.publish(keyed.clone()).await.unwrap();
    assert_eq!((first.matched_subscriptions, first.duplicate), (2, false));
    let second = api.publish(keyed).await.unwrap();
    assert_eq!(
        (&second.event, second.duplicate, second.create_time),
        (&first.event, true, first.create_time)
    );
    let other = v1::PublishEventRequest { idempotency_key: "k".into(), ..event(2) };
    let refused = api.publish(other).await.unwrap_err();
    assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(refused.get_details_resource_info().unwrap().resource_name, first.event);
    let get = v1::GetEventRequest { name: first.event.clone(), view: 0 };
    let read = api.events.get_event(get).await.unwrap().into_inner();
    assert_eq!(read.payload_form, Some(PayloadForm::PayloadJson("{\"n\":1.00}".into())));
    let summary = read.delivery_summary.unwrap();
    assert_eq!((summary.suppressed, read.idempotency_key.as_str()), (1, "k"));
    let bad = v1::PublishEventRequest { parent: "tenants/nobody".into(), ..event(3) };
    let batch =
        v1::PublishEventsRequest { parent: String::new(), requests: vec![event(3), bad, event(4)] };
    let results = api.events.publish_events(batch).await.unwrap().into_inner().results;
    let failed: Vec<_> = results
        .iter()
        .map(|r| matches!(r.result, Some(v1::publish_result::Result::Error(_))))
        .collect();
    assert_eq!(failed, [false, true, false]);
    let mut list = v1::ListEventsRequest {
        parent: "tenants/acme".into(),
        page_size: 2,
        filter: "account = \"acc-1\" AND attributes:currency AND test = false".into(),
        ..Default::default()
    };
    let page = api.events.list_events(list.clone()).await.unwrap().into_inner();
    assert_eq!(page.events.len(), 2);
    assert!(page.events.iter().all(|e| e.payload_form.is_none() && e.payload_size == 10));
    assert!(page.next_page_token.is_empty());
    list.filter = "payload = x".into();
    assert_eq!(api.events.list_events(list).await.unwrap_err().code(), Code::InvalidArgument);
    api.plane.stop().await;
}

#[tokio::test]
async fn a_stream_answers_every_event() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let request =
        |n| v1::PublishStreamRequest { request_id: u64::from(n), publish: Some(event(n)) };
    let requests = futures::stream::iter((0..2000).map(request));
    let mut answers = api.events.publish_stream(requests).await.unwrap().into_inner();
    let mut ids = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(matches!(answer.result, Some(v1::publish_stream_response::Result::Response(_))));
        ids.push(answer.request_id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..2000).collect::<Vec<_>>());
    api.plane.stop().await;
}

#[tokio::test]
async fn deliveries_are_found_cancelled_and_sent_again() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let erp = api.subscription("erp", |s| s.set_status(v1::SubscriptionStatus::Paused)).await;
    for n in 0..5 {
        api.publish(event(n)).await.unwrap();
    }
    let mut list = v1::ListDeliveriesRequest {
        parent: "tenants/acme".into(),
        filter: format!("subscription = \"{}\" AND state = WAITING", erp.name),
        page_size: 3,
        ..Default::default()
    };
    let page = api.deliveries.list_deliveries(list.clone()).await.unwrap().into_inner();
    assert_eq!(page.deliveries.len(), 3);
    // Which of two of one millisecond comes first is not said.
    let one = page.deliveries.iter().find(|delivery| delivery.account == "acc-0").unwrap().clone();
    assert_eq!(one.attempt_count, 0);
    assert!(one.expire_time.unwrap().seconds > one.create_time.unwrap().seconds + 86_400);
    list.page_token = page.next_page_token;
    let rest = api.deliveries.list_deliveries(list.clone()).await.unwrap().into_inner();
    assert_eq!((rest.deliveries.len(), rest.next_page_token.as_str()), (2, ""));
    let by_account = v1::ListDeliveriesRequest {
        filter: "account = acc-1".into(),
        page_token: String::new(),
        ..list
    };
    let found = api.deliveries.list_deliveries(by_account).await.unwrap().into_inner();
    assert_eq!(found.deliveries.len(), 2);
    let cancel = v1::CancelDeliveryRequest { name: one.name.clone() };
    let cancelled = api.deliveries.cancel_delivery(cancel.clone()).await.unwrap().into_inner();
    assert_eq!(cancelled.state(), v1::DeliveryState::Cancelled);
    assert_eq!(cancelled.end_reason(), v1::DeliveryEndReason::CancelledByCaller);
    assert_eq!(
        reason(&api.deliveries.cancel_delivery(cancel).await.unwrap_err()),
        "DELIVERY_ENDED"
    );
    let retry = v1::RetryDeliveryRequest { name: one.name.clone() };
    let again = api.deliveries.retry_delivery(retry).await.unwrap().into_inner().delivery.unwrap();
    assert_eq!((&again.resend_of, &again.event), (&one.name, &one.event));
    let attempts = v1::ListAttemptsRequest { parent: one.name, ..Default::default() };
    assert!(api.deliveries.list_attempts(attempts).await.unwrap().into_inner().attempts.is_empty());
    let stats = v1::GetSubscriptionStatsRequest { name: erp.name };
    let stats = api.subscriptions.get_subscription_stats(stats).await.unwrap().into_inner();
    assert_eq!((stats.waiting_count, stats.in_flight_count), (5, 0));
    assert!(stats.oldest_waiting_time.is_some() && stats.days.is_empty());
    api.plane.stop().await;
}

#[tokio::test]
async fn attempts_are_listed_for_each_kind_of_parent() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let erp = api.subscription("erp", |_| ()).await;
    let list = |parent: &str, filter: &str| v1::ListAttemptsRequest {
        parent: parent.to_owned(),
        filter: filter.to_owned(),
        ..Default::default()
    };
    for parent in ["tenants/acme", "tenants/acme/deliveries/-", erp.name.as_str()] {
        for filter in ["", "outcome != SUCCEEDED AND http_status >= 500", "test = true"] {
            let page = api.deliveries.list_attempts(list(parent, filter)).await.unwrap();
            assert_eq!(page.into_inner(), v1::ListAttemptsResponse::default(), "{parent} {filter}");
        }
    }
    for (parent, filter, wanted) in [
        ("tenants/nobody", "", "RESOURCE_NOT_FOUND"),
        ("tenants/acme/subscriptions/none", "", "RESOURCE_NOT_FOUND"),
        ("tenants/acme/deliveries/dlv_0192f0c1a2b37c4d8e5f0123456789ab", "", "RESOURCE_NOT_FOUND"),
        ("tenants/acme/events/-", "", "INVALID_REQUEST"),
        ("tenants/acme", "outcome = FAILED", "INVALID_REQUEST"),
        ("tenants/acme", "error = \"a\0\"", "INVALID_REQUEST"),
    ] {
        let refused = api.deliveries.list_attempts(list(parent, filter)).await.unwrap_err();
        assert_eq!(reason(&refused), wanted, "{parent} {filter}");
    }
    api.plane.stop().await;
}

/// An attempt as it is when its delivery is no longer stored.
async fn recorded(api: &TestApi, n: u8, change: impl FnOnce(&mut AttemptRecord)) -> String {
    let mut record = fixtures::attempt();
    record.key =
        AttemptKey { delivery: DeliveryId::new(fixtures::FIXTURE_TIME, [n; 10]), number: 1 };
    record.settings_revision = Some(1);
    change(&mut record);
    let context = &api.plane.context;
    context.store.conclude_late(&record, context.clock.now()).await.unwrap();
    format!("tenants/acme/deliveries/{}/attempts/1", record.key.delivery)
}

#[tokio::test]
async fn a_request_that_is_not_known_says_why() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let erp = api.subscription("erp", |_| ()).await;
    let gone = recorded(&api, 1, |_| ()).await;
    let newer = recorded(&api, 2, |record| record.settings_revision = Some(2)).await;
    let nobody = recorded(&api, 3, |record| record.settings_revision = None).await;
    let unbuilt = recorded(&api, 4, |record| record.outcome = Outcome::InvalidRequest).await;
    let get = |name: &str| v1::GetAttemptRequest { name: name.to_owned() };
    use v1::RequestUnknownReason::{EventGone, NotBuilt, NotReported, SubscriptionChanged};
    for (name, wanted) in [
        (&gone, EventGone),
        (&newer, SubscriptionChanged),
        (&nobody, NotReported),
        (&unbuilt, NotBuilt),
    ] {
        let read = api.deliveries.get_attempt(get(name)).await.unwrap().into_inner();
        assert_eq!((&read.name, read.request_unknown_reason()), (name, wanted));
        assert!(read.request.is_none() && read.create_time.is_some());
    }
    let moved = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription { url: "https://new.example/".into(), ..erp }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["url".into()] }),
    };
    api.subscriptions.update_subscription(moved).await.unwrap();
    for (name, wanted) in [(&gone, SubscriptionChanged), (&newer, EventGone)] {
        let read = api.deliveries.get_attempt(get(name)).await.unwrap().into_inner();
        assert_eq!(read.request_unknown_reason(), wanted);
    }
    for (name, wanted) in [
        (gone.replace("/attempts/1", "/attempts/2"), "RESOURCE_NOT_FOUND"),
        (gone.replace("acme", "nobody"), "RESOURCE_NOT_FOUND"),
        (gone.replace("/attempts/1", ""), "INVALID_REQUEST"),
        (gone.replace("/attempts/1", "/attempts/0"), "INVALID_REQUEST"),
    ] {
        let refused = api.deliveries.get_attempt(get(&name)).await.unwrap_err();
        assert_eq!(reason(&refused), wanted, "{name}");
    }
    api.plane.stop().await;
}
