//! Processes, as operators and probes see them.
//!
//! Fed by clusters of one and of two replicas; feeds `history`. Guarantees that
//! any replica tells of all of them, that draining an agent loses nothing, and
//! that health, reflection and metrics are there for the tools that want them.

use std::time::Duration;

use futures::{StreamExt, stream};
use postrider_proto::v1::{
    Agent, AgentState, BackgroundLoop, DeliveryState, DrainAgentRequest, ListAgentsRequest,
    ListBackgroundLoopsRequest, ListRegionsRequest, ListReplicasRequest,
};
use postrider_tests::api::{Api, channel, reason};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Gate, held};
use postrider_tests::token::as_administrator;
use postrider_tests::wait;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_reflection::pb::{v1, v1alpha};

use crate::stage::{DEFAULT_REGION, SOON_LIMIT, Stage};

async fn agents(api: &Api, filter: &str) -> Vec<Agent> {
    let mut api = api.clone();
    let listed = api.fleet.list_agents(ListAgentsRequest {
        filter: filter.to_owned(),
        ..ListAgentsRequest::default()
    });
    listed.await.unwrap().into_inner().agents
}

pub async fn the_fleet_is_listed(cluster: &Cluster) {
    for replica in 0..2 {
        let mut api = cluster.api_of(replica).unwrap();
        let replicas = api.fleet.list_replicas(ListReplicasRequest::default()).await;
        let replicas = replicas.unwrap().into_inner().replicas;
        let names: Vec<_> = replicas.iter().map(|replica| replica.name.as_str()).collect();
        assert_eq!(names, ["replicas/replica-1", "replicas/replica-2"]);
        for (told, real) in replicas.iter().zip(&cluster.replicas) {
            assert_eq!(told.address, real.replicas_url());
            assert_eq!(told.version, env!("CARGO_PKG_VERSION"));
        }
        // What the other replica has is told with its heartbeat.
        let agents = wait::until("agents at both replicas", SOON_LIMIT, || {
            let api = api.clone();
            async move {
                let agents = agents(&api, "").await;
                let told = |agent: &Agent| agent.connected_replicas.len() == 2;
                wait::when(agents, |agents| agents.iter().all(told))
            }
        });
        let agents = agents.await.unwrap();
        let names: Vec<_> = agents.iter().map(|agent| agent.name.as_str()).collect();
        assert_eq!(names, ["agents/agent-eu-1", "agents/agent-eu-2", "agents/agent-us-1"]);
        for agent in &agents {
            assert_eq!(agent.state(), AgentState::Connected);
            assert_eq!(agent.max_in_flight, 256);
            assert_eq!(agent.incarnation.len(), 32);
        }
        let filtered = self::agents(&api, "region = \"regions/us\" AND state = CONNECTED").await;
        assert_eq!(filtered.len(), 1, "{filtered:?}");
        assert_eq!(filtered[0].name, agents[2].name);
        let regions = wait::until("credit in both regions", SOON_LIMIT, || {
            let mut api = api.clone();
            async move {
                let regions = api.fleet.list_regions(ListRegionsRequest::default()).await;
                let regions = regions.map_err(|e| e.to_string())?.into_inner().regions;
                wait::when(regions, |regions| regions.iter().all(|r| r.credit_available > 0))
            }
        });
        let regions = regions.await.unwrap();
        let told: Vec<_> = regions.iter().map(|r| (r.name.as_str(), r.agent_count)).collect();
        assert_eq!(told, [(DEFAULT_REGION, 2), ("regions/us", 1)]);
    }
}

/// Every loop of a replica, in the order of the names.
const LOOPS: [&str; 11] = [
    "audit-records",
    "due-work",
    "ending-certificates",
    "failing-endpoints",
    "leases",
    "maintenance",
    "operational-events",
    "operations",
    "ordering-keys",
    "sweep",
    "tokens",
];

pub async fn loops_show_their_last_outcome(cluster: &Cluster) {
    for replica in 0..2 {
        let listed = wait::until("loops that have run", SOON_LIMIT, || {
            let mut api = cluster.api_of(replica).unwrap();
            async move {
                let request = ListBackgroundLoopsRequest {
                    parent: "replicas/-".to_owned(),
                    ..ListBackgroundLoopsRequest::default()
                };
                let listed = api.fleet.list_background_loops(request).await;
                let listed = listed.map_err(|e| e.to_string())?.into_inner();
                let has_run = |known: &BackgroundLoop| {
                    let quick = ["/leases", "/due-work", "/sweep", "/operations"];
                    !quick.iter().any(|end| known.name.ends_with(end)) || known.round_count > 1
                };
                wait::when(listed, |listed| {
                    listed.background_loops.len() == 2 * LOOPS.len()
                        && listed.background_loops.iter().all(has_run)
                })
            }
        });
        let listed = listed.await.unwrap();
        assert!(listed.unreachable.is_empty());
        let expected = ["replica-1", "replica-2"].iter().flat_map(|replica| {
            LOOPS.map(|name| format!("replicas/{replica}/backgroundLoops/{name}"))
        });
        let names = listed.background_loops.iter().map(|known| known.name.clone());
        assert!(names.eq(expected), "{listed:?}");
        for known in &listed.background_loops {
            assert_eq!(known.failure_count, 0, "{known:?}");
        }
        let leases = &listed.background_loops[4];
        let did = leases.last_busy_round.as_ref().unwrap();
        assert!(did.counts.values().all(|count| *count > 0), "{leases:?}");
        assert!(leases.next_round_time.is_some(), "{leases:?}");
    }
}

pub async fn a_drained_agent_finishes_and_leaves(cluster: &mut Cluster) {
    let stage = Stage::set(cluster, "drained").await;
    let gate = Gate::closed();
    stage.receiver.otherwise([held(&gate)]);
    stage.subscribe("/hook").await;
    // Both agents of the region hold some when one of them is told to go.
    let events = stage.publish_many(12).await;
    stage.receiver.wait_for_at("/hook", 12, SOON_LIMIT).await.unwrap();
    let mut other = cluster.api_of(1).unwrap();
    let name = cluster.agents[0].resource_name();
    let drain = DrainAgentRequest { name: name.clone() };
    let told = other.fleet.drain_agent(drain.clone()).await.unwrap().into_inner();
    assert_eq!(told.name, name);
    let draining = wait::until("the agent to drain", SOON_LIMIT, || {
        let (api, name) = (other.clone(), name.clone());
        async move {
            let agents = agents(&api, "").await;
            let state = agents.iter().find(|a| a.name == name).map(Agent::state);
            // It may hold nothing, and be gone already.
            wait::when(state, |s| s.is_none() || *s == Some(AgentState::Draining))
        }
    });
    draining.await.unwrap();
    let late = stage.publish_many(4).await;
    gate.open();
    let program = cluster.agents[0].program().unwrap();
    program.wait_for_exit(0, Duration::from_secs(15)).await.unwrap();
    for event in events.iter().chain(&late) {
        let delivery = stage.wait_for(event, DeliveryState::Succeeded).await;
        assert_eq!(delivery.attempt_count, 1, "{delivery:?}");
        let attempt = stage.attempts(&delivery).await.remove(0);
        assert!(!late.contains(event) || attempt.agent != name, "{attempt:?}");
    }
    assert_eq!(stage.receiver.received(), 16);
    let gone = wait::until("the agent to be forgotten", SOON_LIMIT, || {
        let mut api = other.clone();
        let drain = drain.clone();
        async move {
            match api.fleet.drain_agent(drain).await {
                Ok(_) => Err("it is still there".to_owned()),
                Err(status) => Ok(status),
            }
        }
    });
    let gone = gone.await.unwrap();
    assert_eq!(gone.code(), Code::NotFound, "{gone:?}");
    assert_eq!(reason(&gone), "RESOURCE_NOT_FOUND");
}

pub async fn health_says_who_can_serve(cluster: &Cluster) {
    let mut api = cluster.api().unwrap();
    for service in ["", "liveness", "readiness"] {
        let service = service.to_owned();
        let checked = api.health.check(HealthCheckRequest { service });
        let checked = checked.await.unwrap().into_inner();
        assert_eq!(checked.status(), ServingStatus::Serving);
    }
}

pub async fn reflection_shows_every_service(cluster: &Cluster) {
    let caller = Some((cluster.pki(), cluster.caller()));
    let channel = as_administrator(channel(&cluster.replicas[0].url(), caller).unwrap());
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(channel.clone());
    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
    };
    let answers = client.server_reflection_info(stream::iter([request])).await;
    let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(listed)) =
        answer.message_response
    else {
        panic!("{answer:?}");
    };
    let names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
    for service in ["Tenant", "Subscription", "Event", "Delivery", "Fleet"] {
        let service = format!("postrider.v1.{service}Service");
        assert!(names.contains(&service), "{service} is not in {names:?}");
    }
    assert!(names.iter().any(|name| name == "grpc.health.v1.Health"), "{names:?}");
    // What an older grpcurl asks, and the details of errors that it prints.
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel);
    for symbol in ["postrider.v1.Event", "google.rpc.BadRequest", "google.rpc.ErrorInfo"] {
        let request = v1alpha::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(
                v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                    symbol.to_owned(),
                ),
            ),
        };
        let answers = client.server_reflection_info(stream::iter([request])).await;
        let answer = answers.unwrap().into_inner().next().await.unwrap().unwrap();
        let found = matches!(
            answer.message_response,
            Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
        );
        assert!(found, "{symbol}: {answer:?}");
    }
}

pub async fn metrics_add_up_with_history(cluster: &Cluster) {
    let stage = Stage::set(cluster, "metrics").await;
    stage.subscribe("/hook").await;
    let read = async || {
        let metrics = cluster.replicas[0].metrics().await.unwrap();
        let sum = |name: &str, labels| metrics.sum(name, labels).unwrap_or_default();
        [
            sum("postrider_events_published_total", &[]),
            sum("postrider_deliveries_created_total", &[]),
            sum("postrider_attempts_total", &[("outcome", "succeeded")]),
            sum("postrider_attempt_duration_seconds_count", &[]),
            sum("postrider_commit_duration_seconds_count", &[]),
        ]
    };
    let before = read().await;
    for event in stage.publish_many(5).await {
        stage.wait_for(&event, DeliveryState::Succeeded).await;
    }
    // A group can commit all five at once; what was attempted is counted a moment after
    // the commit that can be seen.
    let least = [5.0, 5.0, 5.0, 5.0, 1.0];
    wait::until("the counters to rise", SOON_LIMIT, || async {
        let after = read().await;
        let rises = || after.iter().zip(before).map(|(after, before)| after - before);
        if rises().zip(least).all(|(rise, least)| rise >= least) {
            Ok(())
        } else {
            Err(format!("{before:?} became {after:?}"))
        }
    })
    .await
    .unwrap();
    let metrics = cluster.replicas[0].metrics().await.unwrap();
    for gauge in [
        "attempts_in_flight",
        "deliveries_queued",
        "oldest_due_delivery_age_seconds",
        "agent_credit_attempts",
    ] {
        let name = format!("postrider_{gauge}");
        metrics.sum(&name, &[("region", "eu")]).unwrap();
    }
}
