//! Collects what can be observed of a round.
//!
//! Fed by the API during and after the round, by the receiver and by the publishers'
//! acknowledgements; feeds the history checker. Guarantees that states are observed in
//! the order of time, because one reader reads them one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use postrider_proto::v1::{Attempt, Delivery, DeliveryState, PublishEventsRequest, publish_result};
use postrider_tests::api::Api;
use postrider_tests::history::{Account, CrashHistory, Pair, Post};
use postrider_tests::observe;
use postrider_tests::receiver::Receiver;
use postrider_tests::wait;
use tokio::time::sleep;

use super::load::Tenant;
use super::publishers::{AcknowledgedPublish, SETTLED_LIMIT};

const UNFINISHED_FILTER: &str = "state != SUCCEEDED AND state != EXHAUSTED";
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Where deliveries were seen to stand, in the order of time.
pub type Sightings = Vec<(String, DeliveryState)>;

/// Looks at every delivery now and then until told to stop; a replica that is away
/// is asked again later.
pub async fn watch(apis: &[Api], tenants: &[Tenant], stop: &AtomicBool) -> Sightings {
    let mut last: BTreeMap<String, DeliveryState> = BTreeMap::new();
    let mut sightings = Vec::new();
    let mut looks = 0;
    while !stop.load(Ordering::Relaxed) {
        for tenant in tenants {
            let mut api = apis[looks % apis.len()].clone();
            looks += 1;
            let Ok(seen) = api.all_deliveries(&tenant.name, "").await else { continue };
            for delivery in seen {
                let state = delivery.state();
                if last.insert(delivery.name.clone(), state) != Some(state) {
                    sightings.push((delivery.name, state));
                }
            }
        }
        sleep(LOOK_INTERVAL).await;
    }
    sightings
}

/// Waits until every delivery has ended; one that does not is told with all it has.
pub async fn settled(api: &Api, tenants: &[Tenant]) {
    for tenant in tenants {
        let what = format!("the deliveries of {} to end", tenant.name);
        let ended = wait::until(&what, SETTLED_LIMIT, || {
            let mut api = api.clone();
            async move {
                let unfinished = api.all_deliveries(&tenant.name, UNFINISHED_FILTER).await;
                let unfinished = unfinished.map_err(|status| status.to_string())?;
                match unfinished.first() {
                    None => Ok(()),
                    Some(first) => {
                        let attempts = api.attempts(&first.name).await;
                        Err(format!("{} of them, as {first:#?}: {attempts:#?}", unfinished.len()))
                    }
                }
            }
        });
        ended.await.unwrap();
    }
}

/// Reads everything.
pub async fn story(
    api: &Api,
    receiver: &Receiver,
    tenants: &[Tenant],
    promises: &[AcknowledgedPublish],
    begun: SystemTime,
) -> CrashHistory {
    let mut story = CrashHistory::default();
    for (number, tenant) in tenants.iter().enumerate() {
        let deliveries = api.clone().all_deliveries(&tenant.name, "").await.unwrap();
        story.deliveries.extend(with_attempts(api, deliveries).await);
        for made in &tenant.subscriptions {
            let requests = receiver.requests_to(&made.path);
            story.posts.extend(requests.iter().map(|request| Post::of(request, &made.name)));
            if made.brief {
                story.brief.insert(made.name.clone());
            }
        }
        let own: Vec<_> = promises.iter().filter(|promise| promise.tenant == number).collect();
        let wanted = own.iter().filter(|promise| promise.matched > 0);
        story.owed.extend(wanted.flat_map(|promise| owed(tenant, promise)));
        let published = own.iter().map(|promise| promise.event.clone()).collect();
        story.accounts.push(account(api, &tenant.name, published, begun).await);
    }
    story.posts.sort_by_key(|post| post.number);
    story.places =
        promises.iter().map(|promise| (promise.event.clone(), promise.place as u64)).collect();
    story
}

fn owed<'a>(
    tenant: &'a Tenant,
    promise: &'a AcknowledgedPublish,
) -> impl Iterator<Item = Pair> + 'a {
    let subscriptions = tenant.subscriptions.iter();
    subscriptions.map(|made| (promise.event.clone(), made.name.clone()))
}

/// Each delivery with its attempts.
pub async fn with_attempts(api: &Api, deliveries: Vec<Delivery>) -> Vec<(Delivery, Vec<Attempt>)> {
    observe::with_attempts(api, deliveries).await.unwrap()
}

/// The account of everything that a tenant published.
pub async fn account(
    api: &Api,
    tenant: &str,
    published: BTreeSet<String>,
    begun: SystemTime,
) -> Account {
    observe::account(api, tenant, published, begun).await.unwrap()
}

/// Whoever publishes again with his keys is told of the same events.
pub async fn keys_still_hold(api: &Api, promises: &[AcknowledgedPublish]) {
    for promises in promises.chunks(500) {
        let requests = promises.iter().map(|promise| promise.idempotent.clone()).collect();
        let batch = PublishEventsRequest { parent: String::new(), requests };
        let answer = api.clone().events.publish_events(batch).await.unwrap();
        let results = answer.into_inner().results;
        for (promise, result) in promises.iter().zip(results) {
            match result.result {
                Some(publish_result::Result::Response(answer)) => {
                    assert!(answer.duplicate, "made again: {promise:?}");
                    assert_eq!(answer.event, promise.event);
                }
                other => panic!("{promise:?}: {other:?}"),
            }
        }
    }
}
