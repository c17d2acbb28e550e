//! Rates of changes, turns of reads, and watches, as callers meet them.

use std::sync::Arc;
use std::time::SystemTime;

use futures::StreamExt as _;
use postrider_proto::longrunning;
use postrider_proto::longrunning::operations_client::OperationsClient;
use tonic::Code;

use super::*;
use crate::api::events::reconcile::reconcile;
use crate::api::rpc::stream_credit::StreamCredit;

fn new_subscription(tenant: &str, number: usize) -> v1::CreateSubscriptionRequest {
    let subscription = v1::Subscription {
        url: "https://example.com/hook".into(),
        event_types: vec!["payment.*".into()],
        ..Default::default()
    };
    v1::CreateSubscriptionRequest {
        parent: tenant.into(),
        subscription_id: format!("s-{number}"),
        subscription: Some(subscription),
    }
}

#[tokio::test]
async fn changes_of_a_tenant_have_a_rate_and_reads_have_none() {
    let rates = [
        ("rates.administration_calls_per_second_per_tenant", "1"),
        ("rates.administration_burst_seconds", "2"),
    ];
    let mut api = TestApi::with(&rates).await;
    let acme = api.tenant("acme").await.name;
    let other = api.tenant("other").await.name;
    let mut refused = None;
    for number in 0..20 {
        let request = new_subscription(&acme, number);
        refused = refused.or(api.subscriptions.create_subscription(request).await.err());
    }
    let refused = refused.expect("20 at once are more than a burst");
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert_eq!(reason(&refused), "RATE_LIMITED");
    assert_eq!(refused.get_details_quota_failure().unwrap().violations[0].subject, acme);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    api.subscriptions.create_subscription(new_subscription(&other, 1)).await.unwrap();
    for _ in 0..20 {
        let get = v1::GetTenantRequest { name: acme.clone() };
        api.tenants.get_tenant(get).await.unwrap();
        api.publish(event(1)).await.unwrap();
    }
    api.plane.stop().await;
}

#[tokio::test]
async fn changes_of_a_caller_have_a_rate() {
    let rates = [
        ("rates.administration_calls_per_second_per_caller", "1"),
        ("rates.administration_burst_seconds", "3"),
    ];
    let mut api = TestApi::with(&rates).await;
    let mut refused = None;
    for number in 0..20 {
        let tenant_id = format!("tenant-{number}");
        let request = v1::CreateTenantRequest { tenant_id, tenant: None };
        refused = refused.or(api.tenants.create_tenant(request).await.err());
    }
    let refused = refused.expect("20 at once are more than a burst");
    assert_eq!(reason(&refused), "RATE_LIMITED");
    let subject = &refused.get_details_quota_failure().unwrap().violations[0].subject;
    assert!(subject.starts_with("address:127.0.0.1:"), "{subject}");
    api.plane.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_take_turns_and_all_are_answered() {
    let mut api = TestApi::with(&[("requests.max_reads_per_caller", "1")]).await;
    api.tenant("acme").await;
    api.publish(event(1)).await.unwrap();
    let lists = (0..50).map(|_| {
        let mut events = api.events.clone();
        let list = v1::ListEventsRequest { parent: "tenants/acme".into(), ..Default::default() };
        async move { events.list_events(list).await }
    });
    for page in futures::future::join_all(lists).await {
        assert_eq!(page.unwrap().into_inner().events.len(), 1);
    }
    let limits = api.plane.context.metrics.limits();
    assert_eq!(limits.shown_reads(), [0, 0], "all turns are over");
    api.plane.stop().await;
}

/// Settings with which there is one turn of all callers', for which nobody waits long.
const ONE_TURN: [(&str, &str); 2] =
    [("database.max_read_connections", "2"), ("requests.max_read_wait_milliseconds", "50")];

fn assert_no_turn(refused: &Status) {
    assert_eq!(reason(refused), "TOO_MANY_READS", "{refused:?}");
    let violations = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(violations[0].subject, "database.max_read_connections");
}

#[tokio::test]
async fn each_batch_of_an_account_takes_its_turn() {
    let mut api = TestApi::with(&ONE_TURN).await;
    api.tenant("acme").await;
    api.publish(event(1)).await.unwrap();
    let request = v1::ReconcileEventsRequest {
        parent: "tenants/acme".into(),
        start_time: Some(prost_types::Timestamp { seconds: 1_600_000_000, nanos: 0 }),
        ..Default::default()
    };
    let (context, flow) = (&api.plane.context, &api.plane.flow);
    let account = async || {
        let (credit, _) = StreamCredit::fixture(1 << 20, Arc::default(), Duration::from_secs(60));
        let parts = reconcile(context, flow, request.clone(), "somebody".into(), credit).await;
        parts.map(|parts| parts.boxed())
    };
    let mut parts = account().await.unwrap();
    let held = context.read_turns.take(&"another".into()).await.unwrap();
    assert_no_turn(&account().await.err().unwrap());
    let refused = parts.next().await.unwrap().unwrap_err();
    assert_no_turn(&refused);
    drop(held);
    let mut parts = account().await.unwrap();
    // The event's row, and the summary; between them no turn is held.
    assert!(parts.next().await.unwrap().is_ok());
    drop(context.read_turns.take(&"another".into()).await.unwrap());
    assert!(parts.next().await.unwrap().is_ok());
    assert!(parts.next().await.is_none());
    api.plane.stop().await;
}

/// Whoever waits for longer than a connection lasts would lose the answer.
#[tokio::test]
async fn who_waits_for_an_operation_is_answered_at_the_age_of_the_connection() {
    let mut api = TestApi::with(&[("connections.max_age_seconds", "8")]).await;
    api.tenant("acme").await;
    for number in 0..60 {
        api.publish(event(number)).await.unwrap();
    }
    let name = api.subscription("hook", |_| {}).await.name;
    let backfill = v1::BackfillSubscriptionRequest {
        name,
        start_time: Some((SystemTime::now() - Duration::from_secs(3600)).into()),
        max_deliveries_per_second: 1,
        ..Default::default()
    };
    let begun = api.subscriptions.backfill_subscription(backfill).await.unwrap().into_inner();
    let address = format!("http://{}", api.plane.addresses.callers);
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let asked = longrunning::WaitOperationRequest { name: begun.name, timeout: None };
    let mut operations = OperationsClient::new(channel);
    let waiting = tokio::time::timeout(Duration::from_secs(30), operations.wait_operation(asked));
    let answered = waiting.await.expect("at the age, and not later").unwrap().into_inner();
    assert!(!answered.done);
    api.plane.stop().await;
}

#[tokio::test]
async fn a_caller_has_so_many_watches() {
    let mut api = TestApi::with(&[("api.max_watchers_per_caller", "1")]).await;
    let watch = || v1::WatchAttemptsRequest { parent: "tenants/-".into(), ..Default::default() };
    let open = api.deliveries.watch_attempts(watch()).await.unwrap();
    let refused = api.deliveries.watch_attempts(watch()).await.err().unwrap();
    assert_eq!(reason(&refused), "TOO_MANY_WATCHES");
    let violations = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(violations[0].subject, "api.max_watchers_per_caller");
    drop(open);
    // The second is a version and the position 0, as tokens once were.
    for wrong in ["?", "AQAAAAAAAAAA"] {
        let wrong = v1::WatchAttemptsRequest { resume_token: wrong.into(), ..watch() };
        let refused = api.deliveries.watch_attempts(wrong).await.err().unwrap();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    api.plane.stop().await;
}

#[tokio::test]
async fn who_looks_at_operations_or_waits_for_them_has_turns_of_his_own() {
    let mut api = TestApi::with(&ONE_TURN).await;
    api.tenant("acme").await;
    let address = format!("http://{}", api.plane.addresses.callers);
    let channel = Channel::from_shared(address).unwrap().connect().await.unwrap();
    let mut operations = OperationsClient::new(channel);
    let name = format!("tenants/acme/operations/op_{}", uuid::Uuid::nil().as_simple());
    let get = longrunning::GetOperationRequest { name: name.clone() };
    let wait = longrunning::WaitOperationRequest { name, timeout: None };
    let list =
        longrunning::ListOperationsRequest { name: "tenants/acme".into(), ..Default::default() };
    let held = api.plane.context.read_turns.take(&"another".into()).await.unwrap();
    assert_no_turn(&operations.get_operation(get.clone()).await.unwrap_err());
    assert_no_turn(&operations.wait_operation(wait.clone()).await.unwrap_err());
    assert_no_turn(&operations.list_operations(list.clone()).await.unwrap_err());
    drop(held);
    let missing = operations.get_operation(get).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let missing = operations.wait_operation(wait).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    operations.list_operations(list).await.unwrap();
    api.plane.stop().await;
}

#[tokio::test]
async fn a_watch_begins_in_a_turn_and_goes_on_only_where_it_was() {
    let mut api = TestApi::with(&ONE_TURN).await;
    let (acme, other) = (api.tenant("acme").await.name, api.tenant("other").await.name);
    let watch = |parent: &str, resume_token: &str| v1::WatchAttemptsRequest {
        parent: parent.to_owned(),
        resume_token: resume_token.to_owned(),
        send_progress: true,
        ..Default::default()
    };
    let held = api.plane.context.read_turns.take(&"another".into()).await.unwrap();
    assert_no_turn(&api.deliveries.watch_attempts(watch(&acme, "")).await.err().unwrap());
    drop(held);
    let mut open = api.deliveries.watch_attempts(watch(&acme, "")).await.unwrap().into_inner();
    let token = open.message().await.unwrap().unwrap().resume_token;
    assert!(api.deliveries.watch_attempts(watch(&acme, &token)).await.is_ok());
    let refused = api.deliveries.watch_attempts(watch(&other, &token)).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    api.plane.stop().await;
}
