//! Two replicas on one PostgreSQL, over mutual TLS.
//!
//! Fed by real clusters. Guarantees that it makes no difference to
//! a caller which replica answers, and that work moves when one comes or goes.

mod catalogue;
mod console;
mod handover;
mod hints;
mod holds;
mod limits;
mod namesakes;
mod revoked;
mod scaling;

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use postrider_proto::agent::v1::agent_service_client::AgentServiceClient;
use postrider_proto::replica::v1::HintRequest;
use postrider_proto::replica::v1::replica_service_client::ReplicaServiceClient;
use postrider_proto::v1::{
    AttemptOutcome, CancelDeliveryRequest, Delivery, DeliveryState, ListReplicasRequest,
    RetryDeliveryRequest, Subscription, TestSubscriptionRequest, WatchAttemptsRequest,
    WatchAttemptsResponse,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::ports::free_port;
use postrider_tests::process::{self, Program};
use postrider_tests::publish::{event, subscription};
use postrider_tests::receiver::Receiver;
use postrider_tests::receiver::behaviour::status;
use postrider_tests::wait;
use tokio::time::{Instant, timeout};
use tonic::Request;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use crate::doors::assert_no_connection;
use crate::stage::{DEFAULT_REGION, SOON_LIMIT, delays};

pub const SHARD_COUNT: u32 = 64;
/// A joining replica has its share in this time.
const SHARE_LIMIT: Duration = Duration::from_secs(15);
/// Enough that each replica owns some of them, whatever the hashes.
const TENANT_COUNT: usize = 24;
const PUBLISHED_PAIRS: usize = 1_000;
const PARALLEL_PUBLISHES: usize = 8;

pub async fn two_replicas() -> Cluster {
    two_replicas_that(Description::default()).await
}

/// Two replicas, otherwise as described.
pub async fn two_replicas_that(rest: Description) -> Cluster {
    let description = Description { engine: Engine::Postgres, replicas: 2, ..rest };
    Cluster::start(&description).await.unwrap()
}

fn wanted(receiver: &Receiver, path: &str, event_types: &[&str]) -> Subscription {
    Subscription {
        region: DEFAULT_REGION.to_owned(),
        ..subscription(&receiver.url(path), event_types)
    }
}

/// How many shards each live replica owns, by its name.
async fn owned(api: &Api) -> Vec<u32> {
    let mut api = api.clone();
    let replicas = api.fleet.list_replicas(ListReplicasRequest::default());
    let replicas = replicas.await.unwrap().into_inner().replicas;
    let owned = replicas.iter().map(|replica| replica.owned_shard_count);
    owned.collect()
}

/// Waits until `api`'s replica says that shards are owned so.
pub async fn wait_for_shards(
    api: &Api,
    limit: Duration,
    done: impl Fn(&[u32]) -> bool,
) -> Duration {
    let begun = Instant::now();
    wait::until("shards to move", limit, || async {
        wait::when(owned(api).await, |owned| done(owned))
    })
    .await
    .unwrap();
    begun.elapsed()
}

pub fn shared(owned: &[u32]) -> bool {
    owned == [SHARD_COUNT / 2; 2]
}

/// Tenants with a subscription each to `/NAME/NUMBER`.
async fn many_tenants(api: &Api, receiver: &Receiver, name: &str) -> Vec<Subscription> {
    many_tenants_that(api, receiver, name, |wanted| wanted).await
}

async fn many_tenants_that(
    api: &Api,
    receiver: &Receiver,
    name: &str,
    want: impl Fn(Subscription) -> Subscription,
) -> Vec<Subscription> {
    let made = stream::iter(0..TENANT_COUNT).map(|number| {
        let mut api = api.clone();
        let wanted = want(wanted(receiver, &format!("/{name}/{number}"), &["*"]));
        async move {
            let tenant = api.create_tenant(&format!("{name}-{number}")).await?;
            api.subscribe(&tenant, wanted).await
        }
    });
    made.buffered(PARALLEL_PUBLISHES).try_collect().await.unwrap()
}

fn tenant_of(name: &str) -> &str {
    name.split_once("/subscriptions/").unwrap().0
}

/// Waits until each of `/NAME/…` was sent `count` webhooks.
async fn wait_for_each(receiver: &Receiver, name: &str, count: usize, limit: Duration) -> Duration {
    let begun = Instant::now();
    for number in 0..TENANT_COUNT {
        let left = limit.saturating_sub(begun.elapsed());
        let path = format!("/{name}/{number}");
        receiver.wait_for_at(&path, count, left).await.unwrap();
    }
    begun.elapsed()
}

async fn publish_to_each(api: &Api, subscriptions: &[Subscription]) -> Vec<String> {
    let published = stream::iter(subscriptions).map(|subscription| {
        let mut api = api.clone();
        async move {
            let event = event("payment.completed", "{}");
            let tenant = tenant_of(&subscription.name);
            api.publish(tenant, event, "").await.map(|p| p.event)
        }
    });
    published.buffered(PARALLEL_PUBLISHES).try_collect().await.unwrap()
}

// --- configuration ----------------------------------------------------------------

/// A subscription is created on one replica, and its event published on the
/// other as soon as that is answered: every one matches, and every one arrives.
async fn create_here_publish_there(cluster: &Cluster) {
    let receiver = &cluster.receiver().await.unwrap();
    let begun = Instant::now();
    let mut tenants = Vec::new();
    for number in 0..PARALLEL_PUBLISHES {
        let id = format!("pairs-{number}");
        tenants.push(cluster.api().unwrap().create_tenant(&id).await.unwrap());
    }
    let pairs = stream::iter(0..PUBLISHED_PAIRS).map(|number| {
        let mut here = cluster.api_of(number % 2).unwrap();
        let mut there = cluster.api_of((number + 1) % 2).unwrap();
        let tenant = &tenants[number / 2 % PARALLEL_PUBLISHES];
        async move {
            let event_type = format!("pair.n{number}");
            let wanted = wanted(receiver, &format!("/pairs/{number}"), &[&event_type]);
            here.subscribe(tenant, wanted).await.unwrap();
            let published = there.publish(tenant, event(&event_type, "{}"), "");
            published.await.unwrap().matched_subscriptions
        }
    });
    let matched: Vec<u32> = pairs.buffer_unordered(PARALLEL_PUBLISHES).collect().await;
    let missed = matched.iter().filter(|matched| **matched != 1).count();
    assert_eq!(missed, 0, "of {PUBLISHED_PAIRS} events so many matched nothing");
    println!("created and published in {:?}", begun.elapsed());
    receiver.wait_for(PUBLISHED_PAIRS as u64, SOON_LIMIT).await.unwrap();
    for tenant in &tenants {
        let left = cluster.api().unwrap();
        left.wait_for_deliveries(tenant, "state != SUCCEEDED", 0, SOON_LIMIT).await.unwrap();
    }
    assert_eq!(receiver.received(), PUBLISHED_PAIRS as u64, "each came once");
}

/// Once an update is answered, nothing is sent to where it was before.
async fn update_here_publish_there(cluster: &Cluster) {
    let receiver = cluster.receiver().await.unwrap();
    let apis = [cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap()];
    let [mut here, _] = apis.clone();
    let tenant = here.create_tenant("updates").await.unwrap();
    let mut current =
        here.subscribe(&tenant, wanted(&receiver, "/update/start", &["*"])).await.unwrap();
    for number in 0..40 {
        let [here, mut there] = [apis[number % 2].clone(), apis[(number + 1) % 2].clone()];
        let path = format!("/update/{number}");
        current.url = receiver.url(&path);
        current.etag = String::new();
        here.update(current.clone(), &["url"]).await.unwrap();
        let published = there.publish(&tenant, event("payment.completed", "{}"), "");
        published.await.unwrap();
        receiver.wait_for_at(&path, 1, SOON_LIMIT).await.unwrap();
    }
    assert_eq!(receiver.received(), 40, "nothing went to an older URL");

    let [here, mut there] = apis;
    here.disable(&current.name).await.unwrap();
    let published = there.publish(&tenant, event("payment.completed", "{}"), "");
    let published = published.await.unwrap().event;
    let delivery = there.deliveries_of(&published).await.unwrap().remove(0);
    assert_eq!(delivery.state(), DeliveryState::Suppressed);
}

// --- work -------------------------------------------------------------------------

/// One of the two does not own the tenant: both serve a test.
async fn either_replica_serves_a_test(cluster: &Cluster) {
    let receiver = cluster.receiver().await.unwrap();
    let subscriptions = many_tenants(&cluster.api().unwrap(), &receiver, "test").await;
    for number in 0..2 {
        for subscription in &subscriptions[..4] {
            let mut api = cluster.api_of(number).unwrap();
            let test = api.subscriptions.test_subscription(TestSubscriptionRequest {
                name: subscription.name.clone(),
                event_type: "payment.completed".to_owned(),
                ..TestSubscriptionRequest::default()
            });
            let answer = test.await.unwrap().into_inner();
            let attempt = answer.attempt.unwrap();
            assert_eq!(attempt.outcome(), AttemptOutcome::Succeeded);
            assert!(attempt.test, "{attempt:?}");
        }
    }
}

/// A delivery of this tenant that waits a day for its second attempt.
async fn waiting(api: &mut Api, receiver: &Receiver, path: &str, tenant: &str) -> Delivery {
    receiver.script(path, [status(http::StatusCode::BAD_GATEWAY)]);
    let event = event("payment.completed", "{}");
    let event = api.publish(tenant, event, "").await.unwrap().event;
    let name = api.deliveries_of(&event).await.unwrap().remove(0).name;
    // One that was published at the replica which does not own it waits once before
    // its first attempt as well.
    let tried = wait::until("the second attempt to be waited for", SOON_LIMIT, || {
        let (mut api, name) = (api.clone(), name.clone());
        async move {
            let seen = api.delivery(&name).await.map_err(|status| status.to_string())?;
            wait::when(seen, |seen| {
                seen.state() == DeliveryState::Waiting && seen.attempt_count == 1
            })
        }
    });
    tried.await.unwrap()
}

/// Retry and cancel through both replicas, one of which is not the owner.
async fn either_replica_retries_and_cancels(cluster: &Cluster) {
    let receiver = cluster.receiver().await.unwrap();
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("interventions").await.unwrap();
    let path = "/interventions";
    let wanted = Subscription {
        retry_policy: Some(delays(&[86_400_000, 86_400_000])),
        ..wanted(&receiver, path, &["*"])
    };
    api.subscribe(&tenant, wanted).await.unwrap();
    for number in 0..2 {
        let mut through = cluster.api_of(number).unwrap();
        let name = waiting(&mut api, &receiver, path, &tenant).await.name;
        receiver.script(path, [postrider_tests::receiver::behaviour::ok()]);
        let retry = RetryDeliveryRequest { name: name.clone() };
        through.deliveries.retry_delivery(retry).await.unwrap();
        let ended = api.wait_for_state(&name, DeliveryState::Succeeded, SOON_LIMIT);
        assert_eq!(ended.await.unwrap().attempt_count, 2);

        let name = waiting(&mut api, &receiver, path, &tenant).await.name;
        let cancel = CancelDeliveryRequest { name: name.clone() };
        through.deliveries.cancel_delivery(cancel).await.unwrap();
        for other in 0..2 {
            let mut other = cluster.api_of(other).unwrap();
            let seen = other.delivery(&name).await.unwrap();
            assert_eq!(seen.state(), DeliveryState::Cancelled);
        }
    }
}

/// A tail on each replica, and every event on both, each once.
async fn either_replica_shows_every_attempt(cluster: &Cluster) {
    let receiver = cluster.receiver().await.unwrap();
    let api = cluster.api().unwrap();
    let subscriptions = many_tenants(&api, &receiver, "watch").await;
    let mut tails = Vec::new();
    for number in 0..2 {
        let mut api = cluster.api_of(number).unwrap();
        let watch = api.deliveries.watch_attempts(WatchAttemptsRequest {
            parent: "tenants/-".to_owned(),
            ..WatchAttemptsRequest::default()
        });
        tails.push(watch.await.unwrap().into_inner());
    }
    let events = publish_to_each(&api, &subscriptions).await;
    for mut tail in tails {
        let mut seen = BTreeSet::new();
        let all = async {
            while seen.len() < events.len() {
                let next: WatchAttemptsResponse = tail.message().await.unwrap().unwrap();
                let event = next.attempt.unwrap().event;
                if events.contains(&event) {
                    assert_eq!(next.delivery_state, DeliveryState::Succeeded as i32);
                    assert!(seen.insert(event.clone()), "{event} came twice");
                }
            }
        };
        assert!(timeout(SOON_LIMIT, all).await.is_ok(), "saw {}", seen.len());
    }
}

// --- strangers ----------------------------------------------------------------------

/// A channel to an address of somebody who checks the replica's certificate and has none.
pub fn nobodys_channel(cluster: &Cluster, url: &str) -> Channel {
    let ca = Certificate::from_pem(cluster.pki().ca_pem());
    let endpoint = Endpoint::from_shared(url.to_owned()).unwrap();
    let tls = ClientTlsConfig::new().ca_certificate(ca);
    endpoint.tls_config(tls).unwrap().connect_lazy()
}

/// Without a certificate there is neither work nor a word among replicas.
async fn strangers_are_refused(cluster: &Cluster) {
    let nobody = nobodys_channel(cluster, &cluster.replicas[0].agents_url());
    let work = Request::new(stream::pending());
    let refused = timeout(SOON_LIMIT, AgentServiceClient::new(nobody).work(work)).await;
    assert_no_connection(&refused.unwrap().unwrap_err());
    let nobody = nobodys_channel(cluster, &cluster.replicas[0].replicas_url());
    let refused = ReplicaServiceClient::new(nobody).hint(HintRequest::default()).await;
    assert_no_connection(&refused.unwrap_err());
}

/// Half of the shards each, soon after the second's start.
async fn shards_are_shared(cluster: &Cluster) {
    for number in 0..2 {
        let api = cluster.api_of(number).unwrap();
        let took = wait_for_shards(&api, SHARE_LIMIT, shared).await;
        println!("shared after {took:?}, by the word of replica {number}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_replica_serves_on_postgres() {
    let cluster = two_replicas().await;
    play!(&cluster; shards_are_shared);
    play!(&cluster; create_here_publish_there);
    play!(
        &cluster;
        update_here_publish_there,
        catalogue::change_here_publish_there,
        either_replica_serves_a_test,
        either_replica_retries_and_cancels,
        either_replica_shows_every_attempt,
        strangers_are_refused,
    );
}

/// Without certificates only this machine may call.
#[tokio::test]
async fn a_replica_without_certificates_stays_at_home() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = process::command("postrider").unwrap();
    command
        .args(["serve", "--metrics-listen", "", "--listen"])
        .arg(format!("0.0.0.0:{}", free_port().unwrap()))
        .arg("--data-dir")
        .arg(folder.path().join("data"));
    let log = folder.path().join("log");
    let mut program = Program::start("replica", command, &log).unwrap();
    program.wait_for_exit(1, SOON_LIMIT).await.unwrap();
    let said = program.log();
    assert!(said.contains("server.listen"), "{said}");
    assert!(!folder.path().join("data").exists(), "it opened a database");
}
