//! What people do meanwhile: edits, rotations, pauses, deletions.
//!
//! Fed by a round's tenants; feeds the round with how many of each there were. Guarantees
//! that what is paused goes on, and that a secret is known to the judge before it can sign.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use postrider_proto::v1::{
    DeleteSubscriptionRequest, RotateSigningSecretRequest, SigningKeyKind, Subscription,
};
use postrider_tests::api::{self, Api};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::time::sleep;
use tonic::Status;

use crate::load::{SoakedSubscription, SoakedTenant, SubscriptionKind, new_secret};
use crate::persistence::persist;

const MIN_PAUSE_MILLISECONDS: u64 = 200;
const MAX_PAUSE_MILLISECONDS: u64 = 1_500;
const PAUSED_TIME: Duration = Duration::from_millis(800);
/// Long enough for a rotation beside attempts that are under way, and soon over, since a
/// subscription has few keys at once.
const KEY_GRACE_SECONDS: i64 = 5;

/// How many changes of each kind there were.
pub type ChangeCounts = BTreeMap<&'static str, u64>;

/// Changes this and that until it is told to stop.
pub async fn change(
    apis: &[Api],
    tenants: &[SoakedTenant],
    mut random: StdRng,
    stop: &AtomicBool,
) -> Result<ChangeCounts> {
    let mut counts = ChangeCounts::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let pause = random.random_range(MIN_PAUSE_MILLISECONDS..MAX_PAUSE_MILLISECONDS);
        sleep(Duration::from_millis(pause)).await;
        number += 1;
        let tenant = tenants.get(random.random_range(0..tenants.len())).context("a tenant")?;
        let place = random.random_range(0..tenant.subscriptions.len());
        let changed = tenant.subscriptions.get(place).context("a subscription")?;
        if changed.is_deleted.load(Ordering::Relaxed) {
            continue;
        }
        let first = random.random_range(0..apis.len());
        let done = match random.random_range(0..10) {
            0..=3 => edit(apis, first, changed, number).await.map(|()| "edits"),
            4..=6 => rotate(apis, first, changed).await.map(|()| "rotations"),
            7..=8 => pause_for_a_while(apis, first, changed).await.map(|()| "pauses"),
            _ if changed.kind == SubscriptionKind::Doomed => {
                delete(apis, first, changed).await.map(|()| "deletions")
            }
            _ => continue,
        };
        let what = done.with_context(|| format!("change {number}, of {}", changed.name))?;
        *counts.entry(what).or_default() += 1;
    }
    Ok(counts)
}

/// Another name, another query of the URL, another limit.
async fn edit(apis: &[Api], first: usize, changed: &SoakedSubscription, number: u32) -> Result<()> {
    let wanted = Subscription {
        name: changed.name.clone(),
        display_name: format!("edited {number}"),
        url: format!("{}?edit={number}", changed.url),
        max_in_flight: 20 + number % 20,
        ..Subscription::default()
    };
    let edited = persist(apis, first, |api| {
        let wanted = wanted.clone();
        async move { api.update(wanted, &["display_name", "url", "max_in_flight"]).await }
    });
    let edited = edited.await?;
    ensure!(edited.url == wanted.url, "edited to {}, not {}", edited.url, wanted.url);
    Ok(())
}

/// By a secret of its own. An answer that was lost may make two keys of it; then and when
/// keys are many already, there is no new one.
async fn rotate(apis: &[Api], first: usize, changed: &SoakedSubscription) -> Result<()> {
    let secret = new_secret();
    changed.secrets.lock().push(secret.clone());
    persist(apis, first, |mut api| {
        let request = RotateSigningSecretRequest {
            name: changed.name.clone(),
            grace_period: Some(prost_types::Duration { seconds: KEY_GRACE_SECONDS, nanos: 0 }),
            signing_secret: secret.clone(),
            kind: SigningKeyKind::Standard.into(),
            ..RotateSigningSecretRequest::default()
        };
        async move {
            match api.subscriptions.rotate_signing_secret(request).await {
                Err(status) if api::reason(&status) == "TOO_MANY_SIGNING_KEYS" => Ok(()),
                rotated => rotated.map(drop),
            }
        }
    })
    .await
}

async fn pause_for_a_while(apis: &[Api], first: usize, changed: &SoakedSubscription) -> Result<()> {
    let name = changed.name.as_str();
    persist(apis, first, |api| async move { api.pause(name).await }).await?;
    sleep(PAUSED_TIME).await;
    persist(apis, first, |api| async move { api.enable(name).await }).await?;
    Ok(())
}

async fn delete(apis: &[Api], first: usize, changed: &SoakedSubscription) -> Result<()> {
    // Before the call, whose answer may be lost.
    changed.is_deleted.store(true, Ordering::Relaxed);
    persist(apis, first, |mut api| {
        let name = changed.name.clone();
        async move {
            let request = DeleteSubscriptionRequest { name, etag: String::new() };
            match api.subscriptions.delete_subscription(request).await {
                Err(status) if is_gone(&status) => Ok(()),
                deleted => deleted.map(drop),
            }
        }
    })
    .await
}

/// The first call's doing, whose answer was lost.
pub fn is_gone(status: &Status) -> bool {
    matches!(api::reason(status).as_str(), "RESOURCE_DELETED" | "RESOURCE_NOT_FOUND")
}
