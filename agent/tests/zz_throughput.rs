#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod support;
use std::time::Instant;
use postrider_proto::agent::v1::work_request::Message as Heard;
use postrider_proto::agent::v1::work_response::Message as Say;
use postrider_proto::agent::v1 as wire;
use support::receiver::{Behaviour, Receiver};
use support::{assignment, config, start, subscription};
use support::control_plane::Replica;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn throughput() {
    let receiver = Receiver::start(Behaviour::Answer(200)).await;
    let mut replica = Replica::start("replica-1").await;
    let config = config(&[&replica], &[&receiver]);
    let _agent = start(config);
    let mut stream = replica.stream().await;
    stream.say(Say::SubscriptionUpdate(subscription(&receiver.url(), 1))).await;
    stream.say(Say::Heartbeat(wire::ReplicaHeartbeat { backlog: 100000 })).await;
    let total = 60_000u32;
    let began = Instant::now();
    let (mut sent, mut done, mut msgs, mut credits, mut ok) = (0u32, 0u32, 0u32, 0u32, 0u32);
    let mut first = 0u64;
    while done < total {
        match stream.hear().await.unwrap() {
            Heard::Credit(c) => { credits += 1; stream.credit = c; }
            Heard::Results(r) => {
                msgs += 1;
                done += r.results.len() as u32;
                ok += r.results.iter().filter(|r| r.http_status == 200).count() as u32;
                for one in &r.results { if one.timings.as_ref().unwrap().connect.is_some() { first += 1; } }
                stream.acknowledge(r.results.into_iter().map(|r| r.key.unwrap()).collect()).await;
            }
            _ => {}
        }
        let room = (stream.credit.assignments as u32).saturating_sub(sent).min(total - sent);
        if room > 0 {
            stream.assign((sent + 1..=sent + room).map(assignment).collect()).await;
            sent += room;
        }
    }
    let t = began.elapsed().as_secs_f64();
    println!("{} posts/s ok={ok} result messages={msgs} credit messages={credits} connections={} new={first}", (total as f64 / t) as u64, receiver.connections());
}
