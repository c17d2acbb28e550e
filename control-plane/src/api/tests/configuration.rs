//! Tenants, subscriptions and the fleet.
// tidy: long because each test tells one story of calls that follow one another.

use prost_types::FieldMask;
use tonic::Code;

use crate::api::tests::*;

#[tokio::test]
async fn tenants_live_and_die() {
    let mut api = TestApi::start().await;
    let acme = api.tenant("acme").await;
    assert_eq!(acme.name, "tenants/acme");
    let again = v1::CreateTenantRequest { tenant_id: "acme".into(), tenant: None };
    let refused = api.tenants.create_tenant(again).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::AlreadyExists, "RESOURCE_EXISTS")
    );
    let update = |etag: &str, name: &str| v1::UpdateTenantRequest {
        tenant: Some(v1::Tenant {
            name: "tenants/acme".into(),
            display_name: name.into(),
            etag: etag.into(),
            ..Default::default()
        }),
        update_mask: None,
    };
    let changed = api.tenants.update_tenant(update(&acme.etag, "Acme")).await.unwrap().into_inner();
    assert_eq!(changed.display_name, "Acme");
    assert!(changed.config_version > acme.config_version);
    let stale = api.tenants.update_tenant(update(&acme.etag, "x")).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    api.subscription("erp", |_| ()).await;
    let mut delete = v1::DeleteTenantRequest { name: "tenants/acme".into(), ..Default::default() };
    let refused = api.tenants.delete_tenant(delete.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "TENANT_NOT_EMPTY");
    assert_eq!(refused.get_details_precondition_failure().unwrap().violations.len(), 2);
    delete.force = true;
    let deleted = api.tenants.delete_tenant(delete.clone()).await.unwrap().into_inner();
    assert_eq!(deleted.deleted_subscriptions, 1);
    let refused = api.publish(event(1)).await.unwrap_err();
    assert_eq!(reason(&refused), "RESOURCE_DELETED");
    assert_eq!(reason(&api.tenants.delete_tenant(delete).await.unwrap_err()), "RESOURCE_DELETED");
    let read = v1::GetTenantRequest { name: "tenants/acme".into() };
    assert!(api.tenants.get_tenant(read).await.unwrap().into_inner().delete_time.is_some());
    let list = |show_deleted| v1::ListTenantsRequest { show_deleted, ..Default::default() };
    let live = api.tenants.list_tenants(list(false)).await.unwrap();
    assert!(live.into_inner().tenants.is_empty());
    let all = api.tenants.list_tenants(list(true)).await.unwrap();
    assert!(all.into_inner().tenants[0].delete_time.is_some());
    let list = |show_deleted| v1::ListSubscriptionsRequest {
        parent: "tenants/acme".into(),
        show_deleted,
        ..Default::default()
    };
    let live = api.subscriptions.list_subscriptions(list(false)).await;
    assert!(live.unwrap().into_inner().subscriptions.is_empty());
    let all = api.subscriptions.list_subscriptions(list(true)).await;
    assert!(all.unwrap().into_inner().subscriptions[0].delete_time.is_some());
    api.plane.stop().await;
}

#[tokio::test]
async fn a_tenant_has_as_many_subscriptions_as_the_setting_says() {
    let mut api = TestApi::with(&[("api.max_subscriptions_per_tenant", "2")]).await;
    api.tenant("acme").await;
    let first = api.subscription("one", |_| ()).await;
    api.subscription("two", |_| ()).await;
    let create = v1::CreateSubscriptionRequest {
        parent: "tenants/acme".into(),
        subscription_id: "three".into(),
        subscription: Some(v1::Subscription {
            url: "https://example.com".into(),
            event_types: vec!["*".into()],
            ..Default::default()
        }),
    };
    let refused = api.subscriptions.create_subscription(create.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "TOO_MANY_SUBSCRIPTIONS");
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "api.max_subscriptions_per_tenant");
    let limits = api.plane.context.metrics.limits();
    assert!(limits.times_reached("api.max_subscriptions_per_tenant") > 0);
    let delete = v1::DeleteSubscriptionRequest { name: first.name, ..Default::default() };
    api.subscriptions.delete_subscription(delete).await.unwrap();
    api.subscriptions.create_subscription(create).await.unwrap();
    api.plane.stop().await;
}

fn in_region(tenant: &str, id: &str, region: &str) -> v1::CreateSubscriptionRequest {
    v1::CreateSubscriptionRequest {
        parent: tenant.to_owned(),
        subscription_id: id.to_owned(),
        subscription: Some(v1::Subscription {
            url: "https://example.com".into(),
            event_types: vec!["*".into()],
            region: region.to_owned(),
            ..Default::default()
        }),
    }
}

fn assert_too_many_regions(refused: &Status, setting: &str) {
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(reason(refused), "TOO_MANY_REGIONS");
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, setting);
    let fields = refused.get_details_bad_request().unwrap().field_violations;
    assert_eq!(fields[0].field, "subscription.region");
}

#[tokio::test]
async fn callers_make_up_as_many_regions_as_the_settings_say() {
    let settings = [
        ("api.max_unserved_regions_per_tenant", "2"),
        ("api.max_unserved_regions", "3"),
        ("agents.regions", "us"),
    ];
    let mut api = TestApi::with(&settings).await;
    let (acme, other) = (api.tenant("acme").await.name, api.tenant("other").await.name);
    for (id, region) in [("a", "regions/x1"), ("b", "regions/x2"), ("c", "regions/x2"), ("d", "")] {
        let request = in_region(&acme, id, region);
        api.subscriptions.create_subscription(request).await.unwrap();
    }
    let third = in_region(&acme, "e", "regions/x3");
    let refused = api.subscriptions.create_subscription(third.clone()).await.unwrap_err();
    assert_too_many_regions(&refused, "api.max_unserved_regions_per_tenant");
    let update = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            name: "tenants/acme/subscriptions/d".into(),
            region: "regions/x3".into(),
            ..Default::default()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["region".into()] }),
    };
    let refused = api.subscriptions.update_subscription(update).await.unwrap_err();
    assert_too_many_regions(&refused, "api.max_unserved_regions_per_tenant");
    // A region that the settings name needs no place, nor does one that others use already.
    for (id, region) in [("a", "regions/us"), ("b", "regions/x1"), ("c", "regions/x3")] {
        let request = in_region(&other, id, region);
        api.subscriptions.create_subscription(request).await.unwrap();
    }
    let third_tenant = api.tenant("third").await.name;
    let request = in_region(&third_tenant, "a", "regions/x4");
    let refused = api.subscriptions.create_subscription(request).await.unwrap_err();
    assert_too_many_regions(&refused, "api.max_unserved_regions");
    let limits = api.plane.context.metrics.limits();
    assert_eq!(limits.times_reached("api.max_unserved_regions"), 1);
    api.plane.stop().await;
}

#[tokio::test]
async fn subscriptions_can_be_kept_to_known_regions() {
    let mut api = TestApi::with(&[("api.max_unserved_regions", "0")]).await;
    let acme = api.tenant("acme").await.name;
    let refused = api
        .subscriptions
        .create_subscription(in_region(&acme, "a", "regions/x"))
        .await
        .unwrap_err();
    assert_too_many_regions(&refused, "api.max_unserved_regions");
    api.subscriptions.create_subscription(in_region(&acme, "a", "")).await.unwrap();
    api.plane.stop().await;
}

#[tokio::test]
async fn subscriptions_are_changed_by_mask_and_status() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let created = api.subscription("erp", |s| s.set_status(v1::SubscriptionStatus::Disabled)).await;
    assert!(created.signing_secret.starts_with("whsec_"));
    assert_eq!(created.status(), v1::SubscriptionStatus::Disabled);
    let name = created.name.clone();
    let update = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            name: name.clone(),
            url: "http://insecure.example".into(),
            max_in_flight: 3,
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["max_in_flight".into()] }),
    };
    let changed = api.subscriptions.update_subscription(update.clone()).await.unwrap().into_inner();
    assert_eq!((changed.max_in_flight, changed.url.as_str()), (3, created.url.as_str()));
    assert_eq!(changed.signing_secret, "");
    let whole = v1::UpdateSubscriptionRequest { update_mask: None, ..update };
    let refused = api.subscriptions.update_subscription(whole).await.unwrap_err();
    assert_eq!(
        refused.get_details_bad_request().unwrap().field_violations[0].field,
        "subscription.url"
    );
    let enable = v1::EnableSubscriptionRequest {
        name: name.clone(),
        reason: "go".into(),
        ..Default::default()
    };
    let enabled = api.subscriptions.enable_subscription(enable).await.unwrap().into_inner();
    assert_eq!(
        (enabled.status(), enabled.status_reason.as_str()),
        (v1::SubscriptionStatus::Enabled, "go")
    );
    assert_ne!(enabled.etag, changed.etag);
    let rotate = v1::RotateSigningSecretRequest { name: name.clone(), ..Default::default() };
    let rotated = api.subscriptions.rotate_signing_secret(rotate).await.unwrap().into_inner();
    let rotated = rotated.subscription.unwrap();
    assert_eq!(rotated.signing_keys.len(), 2);
    assert_ne!(rotated.signing_secret, created.signing_secret);
    let test = v1::TestSubscriptionRequest {
        name,
        event_type: "payment.test".into(),
        ..Default::default()
    };
    let refused = api.subscriptions.test_subscription(test).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::Unavailable, "REGION_HAS_NO_AGENT")
    );
    assert!(refused.get_details_retry_info().is_some());
    api.plane.stop().await;
}

#[tokio::test]
async fn subscriptions_are_searched_page_by_page() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    api.subscription("erp", |_| {}).await;
    for id in ["a", "b", "c"] {
        api.subscription(id, |s| s.display_name = format!("Ledger {id}")).await;
    }
    let mut list = v1::ListSubscriptionsRequest {
        parent: "tenants/acme".into(),
        page_size: 2,
        search: "LEDGER".into(),
        order_by: "display_name desc".into(),
        filter: "status != DISABLED AND event_type = payment.completed".into(),
        ..Default::default()
    };
    let first = api.subscriptions.list_subscriptions(list.clone()).await.unwrap().into_inner();
    let names: Vec<_> = first.subscriptions.iter().map(|s| s.display_name.as_str()).collect();
    assert_eq!(names, ["Ledger c", "Ledger b"]);
    list.page_token = first.next_page_token;
    let second = api.subscriptions.list_subscriptions(list.clone()).await.unwrap().into_inner();
    assert_eq!((second.subscriptions.len(), second.next_page_token.as_str()), (1, ""));
    list.search = "other".into();
    let refused = api.subscriptions.list_subscriptions(list).await.unwrap_err();
    assert_eq!(refused.get_details_bad_request().unwrap().field_violations[0].field, "page_token");
    api.plane.stop().await;
}

#[tokio::test]
async fn the_fleet_is_shown_and_a_watch_ends_with_the_replica() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let replicas = api.fleet.list_replicas(v1::ListReplicasRequest::default()).await;
    let replicas = replicas.unwrap().into_inner().replicas;
    assert_eq!(replicas.len(), 1);
    assert!(
        api.fleet
            .list_agents(v1::ListAgentsRequest::default())
            .await
            .unwrap()
            .into_inner()
            .agents
            .is_empty()
    );
    let drain = v1::DrainAgentRequest { name: "agents/nobody".into() };
    assert_eq!(reason(&api.fleet.drain_agent(drain).await.unwrap_err()), "RESOURCE_NOT_FOUND");
    let watch = v1::WatchAttemptsRequest { parent: "tenants/acme".into(), ..Default::default() };
    let mut attempts = api.deliveries.watch_attempts(watch).await.unwrap().into_inner();
    api.plane.flow.attempt_feed.close();
    let end = tokio::time::timeout(Duration::from_secs(5), attempts.message()).await.unwrap();
    assert_eq!(reason(&end.unwrap_err()), "STOPPING");
    api.plane.stop().await;
}
