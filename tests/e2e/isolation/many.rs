//! Many tenants with one event each, beside one with many.
//!
//! Fed by a cluster; feeds `isolation`. Guarantees that each of the many has its event
//! in time while the one publishes and is delivered as fast as its window allows, and
//! that in the end all of both came once. `POSTRIDER_TEST_TENANTS` says how many.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::future::{join, join_all};
use futures::{StreamExt, stream};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use tokio::time::interval;

use super::{
    DRAIN_LIMIT, EVENTS_PER_SECOND, MEASURED_TURNS, NeighbourTenants, SickEndpoint, backlog,
    narrow, p99, print_ratio,
};
use crate::crashes::variable;
use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage};

const DEFAULT_TENANTS: usize = 300;
const PARALLEL_CREATIONS: usize = 8;
/// With answers after [`super::THINKING`], what is published in a span takes longer than the span.
const MAX_IN_FLIGHT: u32 = 32;

/// Tenants with one subscription each, at one receiver.
struct ManyTenants {
    stage: Stage,
    tenants: Vec<String>,
}

fn path(number: usize) -> String {
    format!("/many/{number}")
}

impl ManyTenants {
    async fn create(cluster: &Cluster, count: usize) -> Self {
        let stage = Stage::set(cluster, "many").await;
        let made = stream::iter(0..count).map(|number| {
            let (mut api, wanted) = (stage.api.clone(), stage.wanted(&path(number)));
            async move {
                let tenant = api.create_tenant(&format!("many-{number}")).await.unwrap();
                api.subscribe(&tenant, wanted).await.unwrap();
                tenant
            }
        });
        let tenants = made.buffered(PARALLEL_CREATIONS).collect().await;
        Self { stage, tenants }
    }

    /// Publishes one event for each, at an even pace; the 99th percentile of what
    /// passed until the receiver had it.
    async fn p99(&self) -> Duration {
        self.stage.receiver.forget();
        let mut pace = interval(Duration::from_secs(1) / u32::try_from(EVENTS_PER_SECOND).unwrap());
        let mut published = Vec::new();
        for tenant in &self.tenants {
            pace.tick().await;
            let (mut api, tenant) = (self.stage.api.clone(), tenant.clone());
            published.push(tokio::spawn(async move {
                let at = Instant::now();
                let answer =
                    api.publish(&tenant, event("well", DEFAULT_PAYLOAD), "").await.unwrap();
                (answer.event.rsplit('/').next().unwrap().to_owned(), at)
            }));
        }
        let published: HashMap<String, Instant> =
            join_all(published).await.into_iter().map(Result::unwrap).collect();
        let all = |requests: &[_]| requests.len() >= published.len();
        let seen = self.stage.receiver.wait_until("one event each", SOON_LIMIT, all).await.unwrap();
        let took = seen
            .iter()
            .map(|request| request.at.saturating_duration_since(published[request.webhook_id()]));
        let took: Vec<Duration> = took.collect();
        assert_eq!(took.len(), published.len(), "each came once");
        p99(took)
    }
}

pub async fn many_are_served_beside_one_with_a_backlog(cluster: &Cluster) {
    let tenants = variable("POSTRIDER_TEST_TENANTS").unwrap_or(DEFAULT_TENANTS);
    let many = ManyTenants::create(cluster, tenants).await;
    let sick = SickEndpoint { max_in_flight: MAX_IN_FLIGHT, ..narrow() };
    let one = NeighbourTenants::create(cluster, "one", vec![sick]).await;
    let mut turns = Vec::new();
    for _ in 0..MEASURED_TURNS {
        one.pause().await;
        let calm = many.p99().await;
        one.enable().await;
        let (troubled, ()) = join(many.p99(), one.pile_up(backlog())).await;
        turns.push((calm, troubled));
    }
    let owed = (backlog().div_ceil(super::EVENTS_PER_BATCH)
        * super::EVENTS_PER_BATCH
        * MEASURED_TURNS) as u64;
    let unfinished =
        one.stage.api.wait_for_deliveries(&one.stage.tenant, "state != SUCCEEDED", 0, DRAIN_LIMIT);
    unfinished.await.unwrap();
    one.assert_complete().await;
    assert_eq!(one.stage.receiver.received_at("/sick/0"), owed, "the one's came once each");
    let each = (tenants * 2 * MEASURED_TURNS) as u64;
    assert_eq!(many.stage.receiver.received(), each, "one for each in every span");
    print_ratio("many beside one with many", turns);
}
