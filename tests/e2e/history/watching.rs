//! `WatchAttempts`.
//!
//! Fed by clusters of one and of two replicas; feeds `history`. Guarantees that
//! a tail shows every attempt once, whichever replica concluded it, and nobody
//! else's.

use std::collections::BTreeSet;

use http::StatusCode;
use postrider_proto::v1::{
    AttemptOutcome, DeliveryEndReason, DeliveryState, Subscription, WatchAttemptsRequest,
    WatchAttemptsResponse,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::status;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::timeout;
use tonic::Streaming;

use crate::stage::{DEFAULT_PAYLOAD, SETTLE_WAIT, SOON_LIMIT, Stage, once};

async fn watch(api: &Api, parent: &str, subscription: &str) -> Streaming<WatchAttemptsResponse> {
    let mut api = api.clone();
    let watched = api.deliveries.watch_attempts(WatchAttemptsRequest {
        parent: parent.to_owned(),
        subscription: subscription.to_owned(),
        ..WatchAttemptsRequest::default()
    });
    watched.await.unwrap().into_inner()
}

/// The next so many attempts.
async fn next(
    tail: &mut Streaming<WatchAttemptsResponse>,
    count: usize,
) -> Vec<WatchAttemptsResponse> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let next = timeout(SOON_LIMIT, tail.message()).await;
        let next = next.unwrap_or_else(|_| panic!("only {} of {count}: {seen:?}", seen.len()));
        seen.push(next.unwrap().expect("a tail does not end by itself"));
    }
    seen
}

/// As [`next`], without those of an event that was over when the tail began: it
/// may show them.
async fn next_but(
    over: &str,
    tail: &mut Streaming<WatchAttemptsResponse>,
    count: usize,
) -> Vec<WatchAttemptsResponse> {
    let mut seen = Vec::new();
    while seen.len() < count {
        seen.extend(next(tail, 1).await);
        seen.retain(|seen| seen.attempt.as_ref().is_some_and(|a| a.event != over));
    }
    seen
}

async fn nothing_more(tail: &mut Streaming<WatchAttemptsResponse>) {
    let more = timeout(SETTLE_WAIT, tail.message()).await;
    assert!(more.is_err(), "{more:?}");
}

fn events(seen: &[WatchAttemptsResponse]) -> BTreeSet<String> {
    let attempts = seen.iter().map(|seen| seen.attempt.clone().unwrap());
    attempts.map(|attempt| attempt.event).collect()
}

pub async fn a_watcher_sees_every_attempt_of_one_replica(cluster: &Cluster) {
    let stage = Stage::set(cluster, "watched").await;
    stage.receiver.script("/bad", [status(StatusCode::BAD_GATEWAY)]);
    let good = stage.subscribe("/good").await.name;
    let wanted = stage.wanted("/bad");
    let retry_policy = Some(once());
    stage.create(Subscription { retry_policy, ..wanted }).await;
    let before = stage.publish().await;
    let filter = "state != IN_FLIGHT AND state != WAITING";
    stage.api.wait_for_deliveries(&stage.tenant, filter, 2, SOON_LIMIT).await.unwrap();
    let mut all = watch(&stage.api, &stage.tenant, "").await;
    let mut one = watch(&stage.api, &stage.tenant, &good).await;
    let after = stage.publish().await;
    let mut seen = next_but(&before, &mut all, 2).await;
    assert_eq!(events(&seen), BTreeSet::from([after]));
    seen.sort_by_key(|seen| seen.attempt.clone().unwrap().http_status);
    let first = seen[0].attempt.clone().unwrap();
    assert_eq!(first.outcome(), AttemptOutcome::Succeeded);
    assert_eq!(seen[0].delivery_state(), DeliveryState::Succeeded);
    assert_eq!(seen[1].delivery_state(), DeliveryState::Exhausted);
    let end = DeliveryEndReason::AttemptsExhausted;
    assert_eq!(seen[1].delivery_end_reason(), end);
    let seen = next_but(&before, &mut one, 1).await;
    assert_eq!(seen[0].attempt.clone().unwrap().subscription, good);
    nothing_more(&mut all).await;
    nothing_more(&mut one).await;
}

pub async fn a_watcher_sees_every_attempt_of_two_replicas(cluster: &Cluster) {
    const WATCHED_EVENTS: usize = 40;
    // What others have open in the same database holds nothing back.
    let url = cluster.database().expect("two replicas share PostgreSQL").url();
    let mut other = PgConnection::connect(url).await.unwrap();
    let mut open = other.begin().await.unwrap();
    open.execute("SELECT pg_current_xact_id()").await.unwrap();
    let mut stage = Stage::set(cluster, "watched-twice").await;
    // Tenants of several shards, so that both replicas own some of them.
    let mut tenants = vec![stage.tenant.clone()];
    for number in 0..7 {
        let id = format!("watched-twice-{number}");
        tenants.push(stage.api.create_tenant(&id).await.unwrap());
    }
    for tenant in &tenants {
        let wanted = stage.wanted("/hook");
        stage.api.subscribe(tenant, wanted).await.unwrap();
    }
    let apis = [cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap()];
    let mut tails = Vec::new();
    for api in &apis {
        tails.push(watch(api, "tenants/-", "").await);
    }
    let mut published = BTreeSet::new();
    for number in 0..WATCHED_EVENTS {
        let mut api = apis[number % 2].clone();
        let tenant = &tenants[number % tenants.len()];
        let event = event("payment.completed", DEFAULT_PAYLOAD);
        published.insert(api.publish(tenant, event, "").await.unwrap().event);
    }
    // Scenarios beside this one may be seen here too.
    for tail in &mut tails {
        let mut seen = Vec::new();
        while seen.len() < WATCHED_EVENTS {
            let attempt = next(tail, 1).await.remove(0).attempt.unwrap();
            if attempt.event.contains("/watched-twice") {
                seen.push(attempt.event);
            }
        }
        let once: BTreeSet<_> = seen.into_iter().collect();
        assert_eq!(once, published);
    }
    open.rollback().await.unwrap();
}
