//! What updates do with what they cannot change, and with what changes nothing.

use std::time::Duration;

use postrider_proto::v1;
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::api::tests::TestApi;

fn told(refused: Status) -> Vec<(String, String)> {
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let told = refused.get_details_bad_request().unwrap().field_violations;
    told.into_iter().map(|violation| (violation.field, violation.description)).collect()
}

fn assert_told(refused: Status, field: &str, method: &str) {
    let told = told(refused);
    let [(of, description)] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(of, field);
    assert!(description.contains(method), "{description}");
}

fn star() -> Option<FieldMask> {
    paths(&["*"])
}

fn paths(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

impl TestApi {
    async fn update(
        &mut self,
        subscription: &v1::Subscription,
        update_mask: Option<FieldMask>,
    ) -> Result<v1::Subscription, Status> {
        let subscription = Some(subscription.clone());
        let request = v1::UpdateSubscriptionRequest { subscription, update_mask };
        Ok(self.subscriptions.update_subscription(request).await?.into_inner())
    }

    async fn read(&mut self, name: &str) -> v1::Subscription {
        let name = name.to_owned();
        let request = v1::GetSubscriptionRequest { name };
        self.subscriptions.get_subscription(request).await.unwrap().into_inner()
    }
}

#[tokio::test]
async fn a_subscription_s_update_ignores_nothing() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let created = api.subscription("erp", |_| {}).await;
    let there = api.read(&created.name).await;
    let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let with = |change: &dyn Fn(&mut v1::Subscription)| {
        let mut given = there.clone();
        change(&mut given);
        given
    };
    let disabled = v1::SubscriptionStatus::Disabled;
    let other_secret = "whsec_QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    let wrong = [
        ("status", "DisableSubscription", with(&|s| s.set_status(disabled))),
        ("status", "DisableSubscription", with(&|s| s.status = 17)),
        ("status_reason", "DisableSubscription", with(&|s| s.status_reason = "why".into())),
        (
            "signing_secret",
            "RotateSigningSecret",
            with(&|s| s.signing_secret = other_secret.into()),
        ),
        ("signing_keys", "RevokeSigningKey", with(&|s| s.signing_keys[0].id = "other".into())),
        ("signing_keys", "RevokeSigningKey", with(&|s| s.signing_keys[0].expire_time = time)),
        ("delete_time", "DeleteSubscription", with(&|s| s.delete_time = time)),
    ];
    for (field, method, given) in wrong {
        let given = v1::Subscription { display_name: "new".into(), ..given };
        for mask in [None, star()] {
            let refused = api.update(&given, mask).await.unwrap_err();
            assert_told(refused, &format!("subscription.{field}"), method);
        }
        let refused = api.update(&given, paths(&[field])).await.unwrap_err();
        assert_told(refused, "update_mask", method);
        assert_eq!(api.read(&created.name).await, there, "{field}");
        // A mask says that nothing else is meant.
        api.update(&given, paths(&["url"])).await.unwrap();
    }
    api.plane.stop().await;
}

#[tokio::test]
async fn what_was_read_can_be_written_back() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let created = api.subscription("erp", |s| s.set_status(v1::SubscriptionStatus::Paused)).await;
    assert!(!created.signing_secret.is_empty());
    let there = api.read(&created.name).await;
    tokio::time::sleep(Duration::from_millis(2)).await;
    for given in [&created, &there] {
        for mask in [None, star(), paths(&["url", "retry_policy"])] {
            let same = api.update(given, mask).await.unwrap();
            assert_eq!((&same.etag, same.update_time), (&there.etag, there.update_time));
        }
    }
    let tenant_version =
        api.plane.context.store.get_tenant(&"acme".parse().unwrap()).await.unwrap();
    assert_eq!(tenant_version.unwrap().config_version, 2);
    // Only what the server knows has changed since it was read.
    let changed = v1::Subscription { display_name: "new".into(), ..created.clone() };
    let written = api.update(&changed, None).await.unwrap();
    assert_ne!(written.etag, there.etag);
    let later = v1::Subscription { display_name: "newer".into(), etag: String::new(), ..created };
    assert_eq!(api.update(&later, star()).await.unwrap().display_name, "newer");
    api.plane.stop().await;
}

#[tokio::test]
async fn a_status_that_stands_already_keeps_the_etag() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let made = api.subscription("erp", |_| {}).await;
    let (name, reason) = (made.name.clone(), "maintenance".to_owned());
    let pause = v1::PauseSubscriptionRequest { name, reason, ..Default::default() };
    let paused = api.subscriptions.pause_subscription(pause.clone()).await.unwrap().into_inner();
    assert_ne!(paused.etag, made.etag);
    let again = api.subscriptions.pause_subscription(pause.clone()).await.unwrap().into_inner();
    assert_eq!(again, paused);
    let other = v1::PauseSubscriptionRequest { reason: "other".into(), ..pause };
    let other = api.subscriptions.pause_subscription(other).await.unwrap().into_inner();
    assert_ne!(other.etag, paused.etag);
    // Enabling also says that the endpoint is to be tried at once.
    let enable = v1::EnableSubscriptionRequest { name: made.name, ..Default::default() };
    let enabled = api.subscriptions.enable_subscription(enable.clone()).await.unwrap().into_inner();
    let again = api.subscriptions.enable_subscription(enable).await.unwrap().into_inner();
    assert_ne!(again.etag, enabled.etag);
    api.plane.stop().await;
}

#[tokio::test]
async fn tenants_are_updated_alike() {
    let mut api = TestApi::start().await;
    let there = api.tenant("acme").await;
    let ask = |given: v1::Tenant, update_mask| v1::UpdateTenantRequest {
        tenant: Some(given),
        update_mask,
    };
    let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let deleted = v1::Tenant { delete_time: time, display_name: "x".into(), ..there.clone() };
    for mask in [None, star()] {
        let same = api.tenants.update_tenant(ask(there.clone(), mask.clone())).await.unwrap();
        assert_eq!(same.into_inner(), there);
        let refused = api.tenants.update_tenant(ask(deleted.clone(), mask)).await.unwrap_err();
        assert_told(refused, "tenant.delete_time", "DeleteTenant");
    }
    let refused = api.tenants.update_tenant(ask(deleted, paths(&["delete_time"]))).await;
    assert_told(refused.unwrap_err(), "update_mask", "DeleteTenant");
    let changed = v1::Tenant { display_name: "new".into(), ..there.clone() };
    let changed = api.tenants.update_tenant(ask(changed, star())).await.unwrap().into_inner();
    assert_ne!(changed.etag, there.etag);
    api.plane.stop().await;
}

#[tokio::test]
async fn event_types_are_updated_alike() {
    let mut api = TestApi::start().await;
    let made = api.event_types.create_event_type(v1::CreateEventTypeRequest {
        event_type_id: "payment.completed".into(),
        event_type: Some(v1::EventType { json_schema: "{ }".into(), ..Default::default() }),
    });
    let there = made.await.unwrap().into_inner();
    let ask = |given: v1::EventType, update_mask| v1::UpdateEventTypeRequest {
        event_type: Some(given),
        update_mask,
    };
    let time = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let archived = v1::EventType { archive_time: time, group: "x".into(), ..there.clone() };
    for mask in [None, star()] {
        let same = api.event_types.update_event_type(ask(there.clone(), mask.clone())).await;
        assert_eq!(same.unwrap().into_inner(), there);
        let refused = api.event_types.update_event_type(ask(archived.clone(), mask)).await;
        assert_told(refused.unwrap_err(), "event_type.archive_time", "ArchiveEventType");
    }
    let refused = api.event_types.update_event_type(ask(archived, paths(&["archive_time"]))).await;
    assert_told(refused.unwrap_err(), "update_mask", "ArchiveEventType");
    let archive = v1::ArchiveEventTypeRequest { name: there.name.clone(), ..Default::default() };
    let archived = api.event_types.archive_event_type(archive).await.unwrap().into_inner();
    let changed = v1::EventType { group: "new".into(), ..archived };
    let changed = api.event_types.update_event_type(ask(changed, star())).await.unwrap();
    assert_eq!(changed.into_inner().group, "new");
    api.plane.stop().await;
}
