//! A success that was on its way when its delivery gave up.
//!
//! Fed by small clusters on both engines; feeds `crashes`. Guarantees that what an
//! agent has is taken from it, although its delivery is EXHAUSTED meanwhile and the
//! control plane was killed before and after: EXHAUSTED becomes SUCCEEDED, once.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use postrider_proto::v1::{
    Attempt, AttemptOutcome, Delivery, DeliveryState, ListAgentsRequest, Subscription,
};
use postrider_tests::cluster::{Cluster, Description, Engine, LOST_AFTER};
use postrider_tests::history::{self, CrashHistory, Post};
use postrider_tests::receiver::behaviour::{Gate, held, status};
use postrider_tests::wait;

use super::SHORT_LEASES;
use super::witness::{self, with_attempts};
use crate::stage::{SOON_LIMIT, Stage, once};

const RECEIVER_PATH: &str = "/late";
/// Enough for each of two agents to have some, as a rule.
const EVENT_COUNT: usize = 12;
const EXHAUSTED_FILTER: &str = "state = EXHAUSTED";
/// A lease, and an agent's way back.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

async fn kill_and_start(cluster: &mut Cluster, meanwhile: impl FnOnce(&Cluster)) {
    for replica in &mut cluster.replicas {
        replica.kill().await.unwrap();
    }
    meanwhile(cluster);
    for replica in &mut cluster.replicas {
        replica.start_again().await.unwrap();
    }
}

/// The place of the agent that holds the most, of which one may hold everything: who
/// was first connected has given the first replica more room.
async fn busiest_agent(cluster: &Cluster, stage: &Stage) -> usize {
    let held = wait::until("agents that tell what they hold", SOON_LIMIT, || async {
        let listed = stage.api.clone().fleet.list_agents(ListAgentsRequest::default()).await;
        let agents = listed.map_err(|status| status.to_string())?.into_inner().agents;
        let held = cluster.agents.iter().map(|agent| {
            let name = format!("agents/{}", agent.id());
            let found = agents.iter().find(|agent| agent.name == name);
            found.map_or(0, |row| row.in_flight_count)
        });
        wait::when(held.collect::<Vec<_>>(), |held| {
            usize::try_from(held.iter().sum::<u32>()).is_ok_and(|sum| sum == EVENT_COUNT)
        })
    })
    .await
    .unwrap();
    (0..held.len()).max_by_key(|place| held[*place]).unwrap()
}

/// One agent is out of reach with attempts that will succeed; the second attempt, by
/// the other, fails and is the last.
async fn exhausted_meanwhile(cluster: &Cluster, stage: &Stage) -> Vec<Delivery> {
    stage.publish_many(EVENT_COUNT).await;
    stage.receiver.wait_for_at(RECEIVER_PATH, EVENT_COUNT, SOON_LIMIT).await.unwrap();
    let busiest = busiest_agent(cluster, stage).await;
    cluster.agent_proxies[busiest].iter().for_each(|wire| wire.stall());
    let given_up = "what one agent has to be given up, and no more";
    wait::until(given_up, RECOVERY_LIMIT, || async {
        let failed =
            usize::try_from(stage.receiver.received_at(RECEIVER_PATH)).unwrap() - EVENT_COUNT;
        let exhausted = stage.count(EXHAUSTED_FILTER).await;
        wait::when((failed, exhausted), |(failed, exhausted)| *failed > 0 && failed == exhausted)
    })
    .await
    .unwrap();
    stage.api.clone().all_deliveries(&stage.tenant, EXHAUSTED_FILTER).await.unwrap()
}

fn assert_outcomes(deliveries: &[(Delivery, Vec<Attempt>)], exhausted: &[Delivery]) {
    for (delivery, attempts) in deliveries {
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome()).collect();
        let late = exhausted.iter().any(|exhausted| exhausted.name == delivery.name);
        let wanted = [AttemptOutcome::Succeeded, AttemptOutcome::HttpStatus];
        // Of the others a second attempt may have been claimed when all were killed.
        let known = if late { outcomes.len() } else { 1 };
        assert_eq!(outcomes[..known], wanted[..1 + usize::from(late)], "{}", delivery.name);
    }
}

async fn late_successes_end_what_was_exhausted(engine: Engine) {
    let mut cluster = Cluster::start(&Description {
        engine,
        replicas: if engine == Engine::Postgres { 2 } else { 1 },
        agents: vec![("eu".to_owned(), 2)],
        agent_proxies: true,
        settings: SHORT_LEASES.to_owned(),
        ..Description::default()
    })
    .await
    .unwrap();
    let begun = SystemTime::now();
    let stage = Stage::set(&cluster, "late").await;
    let subscription = stage
        .create(Subscription {
            retry_policy: Some(once()),
            request_timeout: Some(prost_types::Duration { seconds: 30, nanos: 0 }),
            ..stage.wanted(RECEIVER_PATH)
        })
        .await;
    let gate = Gate::closed();
    let answers = (0..EVENT_COUNT).map(|_| held(&gate));
    stage.receiver.script(RECEIVER_PATH, answers.chain([status(StatusCode::SERVICE_UNAVAILABLE)]));
    let exhausted = exhausted_meanwhile(&cluster, &stage).await;
    println!("{} of {EVENT_COUNT} are exhausted", exhausted.len());

    kill_and_start(&mut cluster, |cluster| {
        gate.open();
        cluster.agent_proxies.iter().flatten().for_each(|wire| wire.pass());
    })
    .await;
    cluster.wait_for_agents().await.unwrap();
    let ended = stage.api.wait_for_deliveries(
        &stage.tenant,
        "state = SUCCEEDED",
        EVENT_COUNT,
        RECOVERY_LIMIT,
    );
    ended.await.unwrap();
    // Whoever was told before the kill tells the same after it.
    kill_and_start(&mut cluster, |_| {}).await;
    cluster.wait_for_agents().await.unwrap();

    let all = stage.api.clone().all_deliveries(&stage.tenant, "").await.unwrap();
    let deliveries = with_attempts(&stage.api, all).await;
    assert_outcomes(&deliveries, &exhausted);
    let published = deliveries.iter().map(|(delivery, _)| delivery.event.clone()).collect();
    let posts = stage.receiver.requests_to(RECEIVER_PATH);
    let story = CrashHistory {
        owed: deliveries
            .iter()
            .map(|(delivery, _)| (delivery.event.clone(), subscription.name.clone()))
            .collect(),
        posts: posts.iter().map(|post| Post::of(post, &subscription.name)).collect(),
        deliveries,
        sightings: exhausted
            .into_iter()
            .map(|exhausted| (exhausted.name, DeliveryState::Exhausted))
            .collect(),
        // The last that was heard of it was up to a heartbeat before its attempt.
        unknown_after: Some(LOST_AFTER - Duration::from_secs(1)),
        accounts: vec![witness::account(&stage.api, &stage.tenant, published, begun).await],
        ..CrashHistory::default()
    };
    assert_eq!(history::faults(&story), Vec::<String>::new());
}

on_both_engines!(late_successes_end_what_was_exhausted);
