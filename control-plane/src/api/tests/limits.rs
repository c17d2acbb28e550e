//! Rates of changes, turns of reads, and watches, as callers meet them.

use tonic::Code;

use super::*;

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
    assert_eq!((limits.reads().0.get(), limits.reads().1.get()), (0, 0), "all turns are over");
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
    let wrong = v1::WatchAttemptsRequest { resume_token: "?".into(), ..watch() };
    let refused = api.deliveries.watch_attempts(wrong).await.err().unwrap();
    assert_eq!(refused.code(), Code::InvalidArgument);
    api.plane.stop().await;
}
