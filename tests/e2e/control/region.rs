//! The region as a constraint.
//!
//! Fed by a small cluster and an agent that comes late; feeds `control`.
//! Guarantees that deliveries wait for an agent of their region and are sent
//! from nowhere else.

use postrider_proto::v1::{DeliveryState, ListRegionsRequest, Region, Subscription};
use postrider_tests::cluster::Cluster;
use postrider_tests::wait;

use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, agent_in};

async fn region(stage: &Stage, name: &str) -> Option<Region> {
    let mut api = stage.api.clone();
    let regions = api.fleet.list_regions(ListRegionsRequest::default()).await.unwrap();
    regions.into_inner().regions.into_iter().find(|region| region.name == name)
}

pub async fn a_region_waits_for_its_agent(cluster: &Cluster) {
    let stage = Stage::set(cluster, "overseas").await;
    let name = "regions/overseas";
    stage.create(Subscription { region: name.to_owned(), ..stage.wanted("/hook") }).await;
    let events = stage.publish_many(3).await;
    let behind = wait::until("the region to be behind", SOON_LIMIT, || async {
        let seen = region(&stage, name).await;
        let behind =
            |region: &Region| region.oldest_waiting_time.is_some() && region.backlog_count == 3;
        wait::when(seen, |seen| seen.as_ref().is_some_and(behind))
    });
    assert_eq!(behind.await.unwrap().unwrap().agent_count, 0);
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 0);
    let mut agent = agent_in(cluster, "overseas");
    for event in &events {
        let delivery = stage.wait_for(event, DeliveryState::Succeeded).await;
        let attempts = stage.attempts(&delivery).await;
        assert_eq!(attempts.len(), 1, "{attempts:?}");
        assert_eq!(attempts[0].region, name);
        assert_eq!(attempts[0].agent, agent.resource_name());
    }
    assert_eq!(stage.receiver.received(), 3);
    agent.stop().await.unwrap();
}
