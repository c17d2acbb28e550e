//! Tests of what operators see of the fleet.

use postrider_domain::ids::{Epoch, ReplicaId, Shard};
use postrider_domain::time::StoppedClock;
use postrider_store::{RegionClock, ReplicaRow, ShardRow};

use crate::api::fleet::service::*;
use crate::settings::Settings;

const VIEW_TIME: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

fn settings() -> Settings {
    Settings::load(None, &[]).unwrap()
}

fn replica(name: &str) -> ReplicaId {
    ReplicaId(name.into())
}

fn sighting(agent: &str, incarnation: u8, replica: &str, ago: u64) -> AgentSighting {
    AgentSighting {
        agent: AgentId(agent.into()),
        incarnation: [incarnation; 16],
        region: "eu".parse().unwrap(),
        version: "0.1.0".into(),
        max_in_flight: 64,
        in_flight: 5,
        draining: false,
        clock_skew_us: -1500,
        replica: self::replica(replica),
        heard: VIEW_TIME - Duration::from_secs(ago),
        heard_ago: Duration::ZERO,
    }
}

fn view(agents: Vec<AgentSighting>) -> ClusterView {
    let row = |name: &str, ago| ReplicaRow {
        id: replica(name),
        instance: [1; 16],
        address: format!("http://{name}"),
        version: format!("1.0-{name}"),
        heard: VIEW_TIME - Duration::from_secs(ago),
    };
    let shard = |number, owner: &str, left: i64| ShardRow {
        shard: Shard(number),
        epoch: Epoch(1),
        owner: Some(replica(owner)),
        lease_until: Timestamp::from_micros(VIEW_TIME.as_micros() + left),
    };
    let clock = StoppedClock::default();
    ClusterView {
        clock: VIEW_TIME,
        now: VIEW_TIME,
        replicas: vec![row("one", 0), row("two", 1), row("gone", 30)],
        shards: vec![
            shard(0, "one", 1),
            shard(1, "one", 1),
            shard(2, "two", 1),
            shard(3, "gone", 0),
        ],
        agents,
        regions: vec![RegionClock { region: "us".parse().unwrap(), clock }],
    }
}

#[test]
fn an_agent_is_shown_once_as_its_newest_process() {
    let mut draining = sighting("a", 2, "two", 1);
    draining.draining = true;
    let view = view(vec![
        sighting("a", 1, "one", 4),
        sighting("a", 2, "one", 0),
        draining,
        sighting("lost", 1, "one", 20),
    ]);
    let agents = agents(&view, &settings().ownership);
    assert_eq!(agents.len(), 1);
    let agent = &agents[0];
    assert_eq!(agent.connected_replicas, ["replicas/one", "replicas/two"]);
    assert_eq!((agent.state(), agent.in_flight_count), (v1::AgentState::Draining, 5));
    assert_eq!(agent.incarnation, "02".repeat(16));
    assert_eq!(agent.clock_skew.unwrap().nanos, -1_500_000);
}

#[test]
fn a_clock_that_is_off_is_shown_as_such() {
    let mut off = sighting("a", 1, "one", 0);
    off.clock_skew_us = -61_000_000;
    let agents = agents(&view(vec![off]), &settings().ownership);
    assert_eq!(agents[0].state(), v1::AgentState::ClockSkewed);
}

#[test]
fn regions_are_those_that_anybody_knows() {
    let view = view(vec![sighting("a", 1, "one", 0), sighting("b", 1, "one", 0)]);
    let agents = agents(&view, &settings().ownership);
    let figures = RegionFigures {
        region: "apac".parse().unwrap(),
        credit: 7,
        in_flight: 0,
        queued: 9,
        subscriptions_behind: 0,
        oldest_due: Some(VIEW_TIME),
        wanted: 4,
    };
    let elsewhere = RegionFigures {
        credit: 5,
        queued: 30,
        oldest_due: Some(VIEW_TIME - Duration::from_secs(10)),
        ..figures.clone()
    };
    let older = VIEW_TIME - Duration::from_secs(60);
    let due = DueByRegion { region: "apac".parse().unwrap(), deliveries: 11, oldest: older };
    let region_figures = region_figures(&view, &agents, vec![figures, elsewhere], vec![due]);
    let names: Vec<_> = region_figures.iter().map(|region| region.name.as_str()).collect();
    assert_eq!(names, ["regions/apac", "regions/eu", "regions/us"]);
    assert_eq!(
        (region_figures[0].backlog_count, region_figures[0].credit_available),
        (9 + 30 + 11, 7 + 5)
    );
    assert_eq!(region_figures[0].oldest_waiting_time, Some(timestamp(older)));
    assert_eq!(region_figures[0].wanted_count, 4 + 4);
    assert_eq!((region_figures[1].agent_count, region_figures[1].in_flight_count), (2, 10));
    assert_eq!(region_figures[2].agent_count, 0);
}

#[test]
fn replicas_are_those_alive_with_the_shards_they_own() {
    let replicas = replicas(&view(Vec::new()), Duration::from_secs(5));
    let shown: Vec<_> = replicas.iter().map(|r| (r.name.as_str(), r.owned_shard_count)).collect();
    assert_eq!(shown, [("replicas/one", 2), ("replicas/two", 1)]);
    assert_eq!(replicas[0].owned_shards, [0, 1]);
    assert!(!replicas[0].version.is_empty());
}
