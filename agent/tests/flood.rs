//! Receivers that flood the agent with interim responses. A test program of its own,
//! because it measures its own memory.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::time::{Duration, Instant};

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{Assignment, Fact, SubscriptionUpdate};
use support::control_plane::ScriptedReplica;
use support::raw::{RawReceiver, ReceiverAction, frame};
use support::receiver::{ReceiverBehaviour, TestReceiver};
use support::{assignment, config, start, subscription};

const HTTP1: &[&[u8]] = &[b"http/1.1"];
const HTTP2: &[&[u8]] = &[b"h2"];

/// Eight receivers send interim responses as fast as they can: a ninth notices
/// nothing, and neither does the agent's memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_flood_of_interim_responses_costs_the_neighbours_nothing() {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let well = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut config = config(&[&replica], &[&well]);
    let mut floods = Vec::new();
    for (alpn, bytes) in [
        (HTTP1, b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        (HTTP2, [frame(1, 4, 1, b"\x48\x03103"), frame(1, 4, 1, &[0xbe]).repeat(5000)].concat()),
    ] {
        for _ in 0..4 {
            let bytes = bytes.clone();
            floods.push(
                RawReceiver::start(alpn, move |_| ReceiverAction::Flood(bytes.clone())).await,
            );
        }
    }
    config.extra_ca_pem.extend(floods.iter().map(|flood| flood.ca_pem.clone()));
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    stream.send(ReplicaMessage::SubscriptionUpdate(subscription(&well.url(), 1))).await;
    for (number, flood) in floods.iter().enumerate() {
        let flooding = SubscriptionUpdate {
            subscription: format!("flood-{number}"),
            ..subscription(&flood.url(), 1)
        };
        stream.send(ReplicaMessage::SubscriptionUpdate(flooding)).await;
    }
    let before = resident_bytes();
    let began = Instant::now();
    let mut number = 0;
    let mut flooded = 0;
    for _ in 0..20 {
        let mut assignments = Vec::new();
        for subscription in (0..floods.len()).map(|item| format!("flood-{item}")) {
            number += 1;
            assignments.push(Assignment { subscription, ..assignment(number) });
        }
        number += 1;
        assignments.push(assignment(number));
        let count = assignments.len();
        stream.assign(assignments).await;
        let results = stream.collect(count).await;
        for result in &results {
            let well = result.key.as_ref().unwrap().number == number;
            let wanted = if well { Fact::Response } else { Fact::ConnectionClosed };
            assert_eq!(result.fact(), wanted, "{result:?}");
            flooded += usize::from(!well);
        }
        stream.acknowledge(results.into_iter().filter_map(|result| result.key).collect()).await;
    }
    assert_eq!(flooded, 160);
    assert!(began.elapsed() < Duration::from_secs(30));
    let more = resident_bytes().saturating_sub(before);
    assert!(more < 64 << 20, "{more} bytes more");
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
