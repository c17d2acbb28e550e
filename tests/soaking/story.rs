//! What is known of a round.
//!
//! Fed by publishers' promises, the API and the receiver; feeds the history checker.
//! Guarantees that it is read once every delivery has ended, and that each POST bears a
//! signature of a secret that its subscription had.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use postrider_proto::v1::{AttemptOutcome, DeliveryState};
use postrider_tests::api::Api;
use postrider_tests::cluster::LOST_AFTER;
use postrider_tests::history::{self, CrashHistory, Post};
use postrider_tests::receiver::Receiver;
use postrider_tests::{observe, signature, wait};

use crate::load::{KeyPromises, SoakedSubscription, SoakedTenant, SubscriptionKind};

const UNFINISHED_FILTER: &str = "state != SUCCEEDED AND state != EXHAUSTED AND state != CANCELLED";
/// A lease, an agent's silence, and many retries in a row.
const SETTLED_LIMIT: Duration = Duration::from_secs(90);
const MAX_TOLD_FAULTS: usize = 20;

/// Waits until every delivery has ended.
pub async fn settled(api: &Api, tenants: &[SoakedTenant]) -> Result<()> {
    for tenant in tenants {
        let what = format!("the deliveries of {} to end", tenant.name);
        let ended = wait::until(&what, SETTLED_LIMIT, || {
            let mut api = api.clone();
            async move {
                let unfinished = api.all_deliveries(&tenant.name, UNFINISHED_FILTER).await;
                let unfinished = unfinished.map_err(|status| status.to_string())?;
                match unfinished.first() {
                    None => Ok(()),
                    Some(first) => Err(format!("{} of them, as {first:?}", unfinished.len())),
                }
            }
        });
        ended.await?;
    }
    Ok(())
}

/// Reads everything.
pub async fn read(
    api: &Api,
    receiver: &Receiver,
    tenants: &[SoakedTenant],
    promises: &[KeyPromises],
    begun: SystemTime,
) -> Result<CrashHistory> {
    let mut story = CrashHistory { unknown_after: Some(LOST_AFTER), ..CrashHistory::default() };
    for (place, tenant) in tenants.iter().enumerate() {
        let deliveries = api.clone().all_deliveries(&tenant.name, "").await?;
        story.deliveries.extend(observe::with_attempts(api, deliveries).await?);
        let own = promises.iter().filter(|promises| promises.tenant == place);
        let published: BTreeSet<String> =
            own.flat_map(|promises| promises.events.iter().cloned()).collect();
        for subscription in &tenant.subscriptions {
            add_posts(&mut story, receiver, subscription)?;
            if subscription.kind == SubscriptionKind::Brief {
                story.brief.insert(subscription.name.clone());
            }
            if subscription.is_deleted.load(Ordering::Relaxed) {
                story.deleted.insert(subscription.name.clone());
                continue;
            }
            let owed = published.iter().map(|event| (event.clone(), subscription.name.clone()));
            story.owed.extend(owed);
        }
        story.accounts.push(observe::account(api, &tenant.name, published, begun).await?);
    }
    story.posts.sort_by_key(|post| post.number);
    for promises in promises {
        story.places.extend(promises.events.iter().cloned().zip(0..));
    }
    Ok(story)
}

fn add_posts(
    story: &mut CrashHistory,
    receiver: &Receiver,
    subscription: &SoakedSubscription,
) -> Result<()> {
    let secrets = subscription.secrets.lock().clone();
    for request in receiver.requests_to(&subscription.path) {
        let signed = secrets.iter().rev().any(|secret| signature::verify(&request, secret).is_ok());
        if !signed {
            bail!("POST {} to {}: signed by nobody", request.number, subscription.name);
        }
        story.posts.push(Post::of(&request, &subscription.name));
    }
    Ok(())
}

/// An error that has what contradicts the promises.
pub fn judge(story: &CrashHistory) -> Result<()> {
    let faults = history::faults(story);
    if faults.is_empty() {
        return Ok(());
    }
    let told: Vec<_> = faults.iter().take(MAX_TOLD_FAULTS).collect();
    bail!("{} broken promises: {told:#?}", faults.len())
}

/// A line about a round.
pub fn tell(number: u64, story: &CrashHistory) {
    let ended = |state: DeliveryState| {
        story.deliveries.iter().filter(|(delivery, _)| delivery.state() == state).count()
    };
    let attempts = story.deliveries.iter().flat_map(|(_, attempts)| attempts);
    let unknown = attempts.filter(|attempt| attempt.outcome() == AttemptOutcome::Unknown);
    println!(
        "round {number}: {} deliveries, {} exhausted, {} cancelled, {} POSTs, {} UNKNOWN",
        story.deliveries.len(),
        ended(DeliveryState::Exhausted),
        ended(DeliveryState::Cancelled),
        story.posts.len(),
        unknown.count(),
    );
}
