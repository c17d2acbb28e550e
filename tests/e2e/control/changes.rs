//! Updates and key rotations.
//!
//! Fed by a small cluster; feeds `control`. Guarantees that the next attempt
//! uses what was last answered, whenever its delivery was made.

use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{
    DeleteSubscriptionRequest, DeliveryState, DisableSubscriptionRequest, SigningKeyKind,
    Subscription, SubscriptionStatus,
};
use postrider_tests::api::reason;
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::status;
use postrider_tests::signature::{assert_signed, verify, verify_published};
use tonic::Code;

use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, UNHURRIED_RETRY_MILLISECONDS};

/// Long enough to publish and to receive within it on a busy machine, short enough to
/// wait for its end.
const SHORT_GRACE: Duration = Duration::from_secs(6);

pub async fn retry_uses_the_new_settings(cluster: &Cluster) {
    let stage = Stage::set(cluster, "updated").await;
    stage.receiver.script("/old", [status(StatusCode::BAD_GATEWAY)]);
    let old = stage.subscribe_with_delays("/old", &[UNHURRIED_RETRY_MILLISECONDS]).await;
    let event = stage.publish().await;
    stage.wait_for_retry(&event).await;
    let changed = Subscription {
        name: old.name.clone(),
        url: stage.receiver.url("/new"),
        ..Subscription::default()
    };
    let updated = stage.api.update(changed, &["url"]).await.unwrap();
    assert_ne!(updated.etag, old.etag);
    assert_eq!(updated.event_types, old.event_types);
    assert!(updated.signing_secret.is_empty());
    let new = stage
        .api
        .rotate(&old.name, SigningKeyKind::Unspecified, Some(Duration::ZERO))
        .await
        .unwrap();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    let requests = stage.receiver.requests_to("/new");
    assert_eq!((requests.len(), stage.receiver.received_at("/old")), (1, 1));
    assert_signed(&requests[0], &new.signing_secret).unwrap();
    assert!(verify(&requests[0], &old.signing_secret).is_err());
}

pub async fn both_keys_sign_until_the_grace_is_over(cluster: &Cluster) {
    let stage = Stage::set(cluster, "rotated").await;
    let old = stage.subscribe("/hook").await;
    let event = stage.publish().await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    let new =
        stage.api.rotate(&old.name, SigningKeyKind::Unspecified, Some(SHORT_GRACE)).await.unwrap();
    assert_eq!(new.signing_keys.len(), 2, "{:?}", new.signing_keys);
    stage.publish().await;
    let requests = stage.receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    let both = &requests[1];
    assert_eq!(both.header("webhook-signature").split(' ').count(), 2);
    assert_signed(both, &old.signing_secret).unwrap();
    assert_signed(both, &new.signing_secret).unwrap();
    // The agent counts the grace down from when it heard of it, which was before it sent.
    let end = both.at + SHORT_GRACE + SETTLE_WAIT;
    tokio::time::sleep_until(end.into()).await;
    stage.publish().await;
    let requests = stage.receiver.wait_for_at("/hook", 3, SOON_LIMIT).await.unwrap();
    let one = &requests[2];
    assert_eq!(one.header("webhook-signature").split(' ').count(), 1);
    assert_signed(one, &new.signing_secret).unwrap();
    assert!(verify(one, &old.signing_secret).is_err());
    assert!(verify_published(one, &old.signing_secret).is_err());
}

pub async fn an_old_etag_is_refused(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "etags").await;
    let first = stage.subscribe("/hook").await;
    let renamed = |etag: &str, display_name: &str| Subscription {
        name: first.name.clone(),
        etag: etag.to_owned(),
        display_name: display_name.to_owned(),
        ..Subscription::default()
    };
    let mask = ["display_name"];
    let second = stage.api.update(renamed(&first.etag, "one"), &mask).await.unwrap();
    let stale = stage.api.update(renamed(&first.etag, "two"), &mask).await.unwrap_err();
    let disabled = stage.api.subscriptions.disable_subscription(DisableSubscriptionRequest {
        name: first.name.clone(),
        etag: first.etag.clone(),
        ..DisableSubscriptionRequest::default()
    });
    let disabled = disabled.await.unwrap_err();
    let deleted = stage.api.subscriptions.delete_subscription(DeleteSubscriptionRequest {
        name: first.name.clone(),
        etag: first.etag.clone(),
    });
    let deleted = deleted.await.unwrap_err();
    for status in [stale, disabled, deleted] {
        assert_eq!(status.code(), Code::Aborted, "{status:?}");
        assert_eq!(reason(&status), "ETAG_MISMATCH");
    }
    let third = stage.api.update(renamed("", "three"), &mask).await.unwrap();
    assert_eq!(third.display_name, "three");
    assert_eq!(third.status(), SubscriptionStatus::Enabled);
    assert_ne!(third.etag, second.etag);
}
