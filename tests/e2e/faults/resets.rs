//! Callers that give up their calls: many at once because they must, and without end
//! because they mean harm (rapid reset, CVE-2023-44487).

use std::time::Duration;

use futures::future::join_all;
use postrider_proto::v1::WatchAttemptsRequest;
use postrider_tests::cluster::{Cluster, Description, Engine};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tonic::Code;

use super::{TestEndpoint, assert_alive};
use crate::stage::SOON_LIMIT;

/// Far more than a library allows by default, and less than the settings do.
const CANCELLED_CALLS: usize = 600;
const SHORT_DEADLINE: Duration = Duration::from_millis(300);
const ATTACKING_CONNECTIONS: usize = 4;
/// Pairs of HEADERS and `RST_STREAM` that an attacker sends if nobody stops him.
const FLOOD_PAIRS: u32 = 200_000;
const PAIRS_AT_ONCE: u32 = 4_000;
/// All that an attacker sends, and the time that he waits for an end of his connection.
const FLOOD_LIMIT: Duration = Duration::from_secs(60);
/// RFC 9113 section 7.
const ENHANCE_YOUR_CALM: u32 = 11;

/// A publishers' gateway has one connection for all its callers. When all their calls
/// time out, because the replica stands still, it keeps that connection, and with it
/// what else goes over it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_keeps_its_connection_when_its_calls_time_out() {
    let mut cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "gateway", 0).await;
    let asked = WatchAttemptsRequest { parent: payee.tenant.clone(), ..Default::default() };
    let mut tail = api.deliveries.clone().watch_attempts(asked).await.unwrap().into_inner();

    cluster.replicas[0].program().unwrap().freeze().unwrap();
    let keys: Vec<_> = (0..CANCELLED_CALLS).map(|number| number.to_string()).collect();
    let calls = keys.iter().map(|key| payee.try_publish(&api, key, SHORT_DEADLINE));
    for call in join_all(calls).await {
        // As the client says that it gave the call up.
        assert_eq!(call.unwrap_err().code(), Code::Cancelled);
    }
    cluster.replicas[0].program().unwrap().thaw().unwrap();

    payee.publish_surely(&api, "after").await;
    let shown = timeout(SOON_LIMIT, tail.message()).await.unwrap();
    assert!(shown.unwrap().is_some(), "the stream on the same connection ended");
}

/// A flood of calls that are given up as soon as they are made ends its own connection
/// and no other; whoever publishes beside it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_resets_is_stopped_and_costs_nobody_else_his_answer() {
    let description = Description { tls: false, ..Description::default() };
    let cluster = Cluster::start(&description).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "neighbour", 0).await;
    let port = cluster.replicas[0].port();
    let attackers: Vec<_> = (0..ATTACKING_CONNECTIONS).map(|_| tokio::spawn(flood(port))).collect();
    let publishing = async {
        while !attackers.iter().all(tokio::task::JoinHandle::is_finished) {
            payee.publish(&api, 1).await;
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(FLOOD_LIMIT, publishing).await.expect("the flood ends");
    for attacker in join_all(attackers).await {
        assert_eq!(attacker.unwrap(), Some(ENHANCE_YOUR_CALM), "nobody stopped him");
    }
    payee.publish(&api, 10).await;
    payee.assert_delivered_once(&api, &receiver).await;
    assert_alive(&api).await;
}

/// Makes calls and gives them up as fast as can be; with which error the connection was
/// ended, if it was.
async fn flood(port: u16) -> Option<u32> {
    let (mut answers, mut calls) =
        TcpStream::connect(("127.0.0.1", port)).await.unwrap().into_split();
    let reading = tokio::spawn(async move {
        loop {
            let mut head = [0; 9];
            answers.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            answers.read_exact(&mut payload).await.ok()?;
            if head[3] == GOAWAY {
                let code = payload.get(4..8)?.try_into().ok()?;
                return Some(u32::from_be_bytes(code));
            }
        }
    });
    let mut opening = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    opening.extend(frame(SETTINGS, 0, 0, &[]));
    calls.write_all(&opening).await.unwrap();
    for first in (0..FLOOD_PAIRS).step_by(usize::try_from(PAIRS_AT_ONCE).unwrap()) {
        let pairs = (first..first + PAIRS_AT_ONCE).flat_map(|pair| {
            let stream = 2 * pair + 1;
            let mut both = frame(HEADERS, END_STREAM | END_HEADERS, stream, CALL);
            both.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
            both
        });
        let pairs: Vec<u8> = pairs.collect();
        if calls.write_all(&pairs).await.is_err() {
            break; // It has been ended.
        }
    }
    timeout(SOON_LIMIT, reading).await.ok()?.unwrap()
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: u32 = 8;
/// `:method POST`, `:scheme http`, `:path /` and `:authority x` (RFC 7541).
const CALL: &[u8] = &[0x83, 0x86, 0x84, 0x01, 0x01, b'x'];

/// RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}
