//! Connections that do nothing: stalled handshakes, silence after one, idle ones.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use postrider_proto::v1::ListTenantsRequest;
use postrider_tests::api::Api;
use postrider_tests::cluster::Cluster;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tonic::Code;

use super::{of_callers, of_door, times_reached, with_settings};
use crate::doors::{hello, open_work_stream};
use crate::stage::SOON_LIMIT;

const SETTINGS: &str = "[connections]
max_connections = 60
max_agents_connections = 30
reserved_for_agents = 10
reserved_for_replicas = 10
max_handshakes = 10
handshake_timeout_milliseconds = 3000
preface_timeout_milliseconds = 2000
";
const STALLED_CONNECTIONS: usize = 30;
/// More than a cluster has by itself at a door.
const OTHER_CONNECTIONS: f64 = 5.0;

async fn silent(port: u16) -> TcpStream {
    TcpStream::connect(("127.0.0.1", port)).await.unwrap()
}

/// Waits until the other side has closed a connection.
async fn closed(connection: &mut (impl AsyncReadExt + Unpin)) {
    let mut rest = Vec::new();
    let read = timeout(SOON_LIMIT, connection.read_to_end(&mut rest)).await;
    // Closed or reset.
    drop(read.expect("the connection is closed"));
}

/// A call on a connection of its own.
async fn call_anew(cluster: &Cluster) {
    let replica = &cluster.replicas[0];
    let caller = replica.identity().map(|_| (cluster.pki(), cluster.caller()));
    let mut api = Api::new(postrider_tests::api::channel(&replica.url(), caller).unwrap());
    api.tenants.list_tenants(ListTenantsRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stalled_handshakes_keep_nobody_out_and_end() {
    let cluster = with_settings(SETTINGS, true).await;
    let replica = &cluster.replicas[0];
    for (door, port) in [("callers", replica.port()), ("agents", replica.agents_port())] {
        let begun = Instant::now();
        let mut stalled = Vec::new();
        for _ in 0..STALLED_CONNECTIONS {
            stalled.push(silent(port).await);
        }
        // They have no connection's place, which an honest one needs.
        let places = of_door(&cluster, "postrider_connections", door).await;
        assert!(places <= OTHER_CONNECTIONS, "{places} at the door of {door}");
        // Three times as many as there may be: an honest one is made all the same.
        call_anew(&cluster).await;
        for connection in &mut stalled {
            closed(connection).await;
        }
        assert!(begun.elapsed() < SOON_LIMIT, "{:?}", begun.elapsed());
    }
    assert!(times_reached(&cluster, "connections.max_handshakes").await >= 20.0);
    assert!(times_reached(&cluster, "connections.handshake_timeout_milliseconds").await > 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_is_no_agent_s_takes_no_agent_s_place() {
    let mut cluster = with_settings(SETTINGS, true).await;
    let url = cluster.replicas[0].agents_url();
    let mut strangers = Vec::new();
    for _ in 0..STALLED_CONNECTIONS {
        let channel = postrider_tests::api::channel(&url, Some((cluster.pki(), cluster.caller())));
        let channel = channel.unwrap();
        let refused = open_work_stream(channel.clone(), hello("eu", "thief")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "it is told: {refused}");
        strangers.push(channel);
    }
    let places = of_door(&cluster, "postrider_connections", "agents").await;
    assert!(places <= OTHER_CONNECTIONS, "{places}");
    let told = of_door(&cluster, "postrider_handshakes", "agents").await;
    assert!(told <= 10.0, "{told} are being told");
    let agent = &mut cluster.agents[0];
    agent.kill().await.unwrap();
    agent.start_again().unwrap();
    cluster.wait_for_agents().await.unwrap();
    drop(strangers);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_begins_with_http2_or_is_closed() {
    let cluster = with_settings(SETTINGS, false).await;
    let begun = Instant::now();
    let mut connection = silent(cluster.replicas[0].port()).await;
    closed(&mut connection).await;
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(10), "{took:?}");
    assert_eq!(times_reached(&cluster, "connections.preface_timeout_milliseconds").await, 1.0);
    call_anew(&cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_are_bounded_and_leave_a_reserve() {
    let mut cluster = with_settings(SETTINGS, false).await;
    let mut api = cluster.api().unwrap();
    api.tenants.list_tenants(ListTenantsRequest::default()).await.unwrap();
    let port = cluster.replicas[0].port();
    let mut idle = Vec::new();
    for _ in 0..100 {
        let stream = TokioIo::new(silent(port).await);
        // What is over the limit is closed at once, or after its preface.
        let begun = http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), stream).await;
        if let Ok((sender, connection)) = begun {
            idle.push((sender, tokio::spawn(connection)));
        }
    }
    let settled = timeout(SOON_LIMIT, async {
        while idle.iter().filter(|(_, connection)| !connection.is_finished()).count() > 40 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    settled.await.expect("callers have 40 connections");
    assert!(of_callers(&cluster, "postrider_connections").await <= 40.0);
    assert!(times_reached(&cluster, "connections.max_connections").await >= 60.0);
    // Those who are there are served, and agents find their places.
    api.tenants.list_tenants(ListTenantsRequest::default()).await.unwrap();
    let agent = &mut cluster.agents[0];
    agent.kill().await.unwrap();
    agent.start_again().unwrap();
    cluster.wait_for_agents().await.unwrap();
    // Places that are given back are free.
    drop(idle);
    timeout(SOON_LIMIT, async {
        while of_callers(&cluster, "postrider_connections").await > 5.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .expect("closed connections are not counted");
    call_anew(&cluster).await;
}
