//! Agents that send ever more: others' results are not delayed, and memory is bounded.
//!
//! Prints how long deliveries take beside each flood, and without one.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::join_all;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::{AttemptKey, Results};
use postrider_proto::v1::DeliveryState;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::process::memory;
use postrider_tests::scripted_agent::{ScriptedAgent, hello};
use postrider_tests::wait;
use tokio::time::sleep;
use tonic::Code;

use super::{assigned, result};
use crate::stage::{SOON_LIMIT, Stage};

const FLOOD_RESULTS: usize = 40_000;
const RESULTS_PER_MESSAGE: usize = 500;
/// Above it, a stream is ended: the control plane's bound, and a message.
const MAX_UNPROVEN_RESULTS: usize = 1_000 + RESULTS_PER_MESSAGE;
const INVENTED_CLAIMS: usize = 400_000;
const INVENTED_REGIONS: usize = 40;
const MAX_UNNAMED_REGIONS: usize = 4;
/// How much more memory the claims may take for a moment, in KiB.
const MAX_CLAIMS_KIB: u64 = 100 << 10;
const MEASURED_DELIVERIES: u64 = 20;
const DELIVERY_PAUSE: Duration = Duration::from_millis(50);
/// Beside a flood a delivery takes no longer than this, where everybody's took 19 s.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

fn made_up_key() -> AttemptKey {
    let delivery_id = Bytes::copy_from_slice(uuid::Uuid::now_v7().as_bytes());
    AttemptKey { delivery_id, number: 1, shard: 1, epoch: 1, mac: Bytes::from_static(&[7; 16]) }
}

/// How long deliveries take from their publish to their end; sorted.
async fn measure(stage: &Stage) -> Vec<Duration> {
    let runs = (0..MEASURED_DELIVERIES).map(|number| async move {
        sleep(DELIVERY_PAUSE * u32::try_from(number).unwrap()).await;
        let begun = Instant::now();
        let event = stage.publish().await;
        stage.wait_for(&event, DeliveryState::Succeeded).await;
        begun.elapsed()
    });
    let mut all = join_all(runs).await;
    all.sort();
    all
}

fn print(what: &str, waits: &[Duration]) {
    println!("{what}: median {:?}, longest {:?}", waits[waits.len() / 2], waits[waits.len() - 1]);
}

/// Results of attempts that nobody was given cost one check each, and end the stream;
/// the same result again and again costs one look in its own stream's turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_results_delay_nobody_on_sqlite() {
    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let stage = Stage::set(&cluster, "calm").await;
    stage.subscribe("/calm").await;
    print("calm", &measure(&stage).await);
    let flood = flood_without_proofs(&cluster);
    let (waits, ()) = tokio::join!(measure(&stage), flood);
    print("beside results without a proof", &waits);
    assert!(waits.iter().all(|wait| *wait < LONGEST_WAIT), "{waits:?}");
    let (_liar, _, stream, assignment) = assigned(&cluster, "repeating").await;
    let flood = tokio::spawn(async move {
        for _ in 0..FLOOD_RESULTS / RESULTS_PER_MESSAGE {
            let again = result(assignment.key.clone(), "repeating", 200);
            let results = vec![again; RESULTS_PER_MESSAGE];
            let said = AgentMessage::Results(Results { results });
            if stream.say(said).await.is_err() {
                return;
            }
        }
    });
    let waits = measure(&stage).await;
    flood.abort();
    print("beside one result again and again", &waits);
    assert!(waits.iter().all(|wait| *wait < LONGEST_WAIT), "{waits:?}");
}

/// One stream after the other, each until it is ended.
async fn flood_without_proofs(cluster: &Cluster) {
    let mut sent = 0;
    while sent < FLOOD_RESULTS {
        // Its name stays another process's for a while.
        let id = format!("liar-{sent}");
        let mut stream = ScriptedAgent::open(cluster, hello(&id, "lab")).await.unwrap();
        let mut of_stream = 0;
        while of_stream <= MAX_UNPROVEN_RESULTS {
            let results =
                (0..RESULTS_PER_MESSAGE).map(|_| result(Some(made_up_key()), "calm", 200));
            let said = AgentMessage::Results(Results { results: results.collect() });
            if stream.say(said).await.is_err() {
                break;
            }
            of_stream += RESULTS_PER_MESSAGE;
        }
        stream.wait_for_end().await.unwrap();
        sent += of_stream;
    }
}

/// Claims above the agent's own maximum are refused, and so is a maximum above the
/// setting. (400,000 invented ones took 600 MB.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_claims_are_refused_on_sqlite() {
    let mut cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let id = cluster.replicas[0].program().unwrap().id();
    let before = memory(id).unwrap();
    let mut lie = hello("liar", "lab");
    lie.in_flight = (0..INVENTED_CLAIMS).map(|_| made_up_key()).collect();
    let refused = ScriptedAgent::open(&cluster, lie.clone()).await.map(|_| ()).unwrap_err();
    let told = [Code::ResourceExhausted, Code::InvalidArgument].contains(&refused.code());
    assert!(told, "{refused:?}");
    lie.max_in_flight = u32::MAX;
    lie.in_flight.truncate(INVENTED_CLAIMS / 10);
    let refused = ScriptedAgent::open(&cluster, lie.clone()).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    assert!(refused.message().contains("max_in_flight_per_agent"), "{refused:?}");
    lie.max_in_flight = 256;
    let refused = ScriptedAgent::open(&cluster, lie).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.message(), "hello.in_flight is not valid");
    let after = memory(id).unwrap();
    println!("memory: {before} KiB, and {after} KiB after the claims");
    assert!(after < before + MAX_CLAIMS_KIB, "{after} KiB");
}

/// Regions that nothing names are few, and are forgotten with their agents.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_regions_are_few_and_forgotten_on_sqlite() {
    let description = Description {
        settings: format!("[agents]\nmax_unnamed_regions = {MAX_UNNAMED_REGIONS}\n"),
        ..Description::default()
    };
    let cluster = Cluster::start(&description).await.unwrap();
    let stage = Stage::set(&cluster, "named").await;
    // The region of the cluster's own agent is named from now on.
    stage.subscribe("/named").await;
    let mut streams = Vec::new();
    for number in 0..INVENTED_REGIONS {
        let lie = hello(&format!("liar-{number}"), &format!("made-up-{number}"));
        match ScriptedAgent::open(&cluster, lie).await {
            Ok(stream) => streams.push(stream),
            Err(refused) => assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}"),
        }
    }
    // The cluster's agent came when nothing named its region.
    assert!((MAX_UNNAMED_REGIONS - 1..=MAX_UNNAMED_REGIONS).contains(&streams.len()));
    assert!(labels(&cluster).await > 0);
    drop(streams);
    wait::until("regions to be forgotten", SOON_LIMIT, || async {
        wait::when(labels(&cluster).await, |labels| *labels == 0)
    })
    .await
    .unwrap();
}

/// Regions that were made up and are shown in metrics.
async fn labels(cluster: &Cluster) -> usize {
    let metrics = cluster.replicas[0].metrics().await.unwrap();
    let shown = |number: &usize| {
        let region = format!("made-up-{number}");
        metrics.sum("postrider_deliveries_queued", &[("region", &region)]).is_ok()
    };
    (0..INVENTED_REGIONS).filter(shown).count()
}
