//! What the answers to a subscription's creation and updates warn of.

use postrider_proto::v1;

use crate::api::tests::TestApi;

fn warned(subscription: &v1::Subscription) -> Vec<(&str, &str)> {
    let each = subscription.warnings.iter();
    each.map(|violation| (violation.field.as_str(), violation.reason.as_str())).collect()
}

const NO_AGENT_WARNING: (&str, &str) = ("region", "REGION_HAS_NO_AGENT");
const NEVER_TRUE_WARNING: (&str, &str) = ("content_filter", "CONTENT_FILTER_NEVER_TRUE");

#[tokio::test]
async fn what_can_never_be_delivered_is_warned_of() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    // There is no agent at all here.
    let plain = api.subscription("plain", |_| {}).await;
    assert_eq!(warned(&plain), [NO_AGENT_WARNING]);
    let made = api
        .subscription("never", |s| {
            s.region = "regions/nowhere".into();
            s.content_filter = "event.account == 5".into();
        })
        .await;
    assert_eq!(warned(&made), [NO_AGENT_WARNING, NEVER_TRUE_WARNING]);
    assert!(made.warnings[0].description.contains("regions/nowhere"));
    let read = v1::GetSubscriptionRequest { name: made.name.clone() };
    let read = api.subscriptions.get_subscription(read).await.unwrap().into_inner();
    assert_eq!(warned(&read), []);
    let update = |content_filter: &str| v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            content_filter: content_filter.into(),
            ..made.clone()
        }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["content_filter".into()] }),
    };
    let fine = v1::Subscription { etag: String::new(), ..made.clone() };
    let mut request = update("event.account == '5'");
    request.subscription.as_mut().unwrap().etag = fine.etag;
    let changed = api.subscriptions.update_subscription(request).await.unwrap().into_inner();
    assert_eq!(warned(&changed), [NO_AGENT_WARNING]);
    api.plane.stop().await;
}
