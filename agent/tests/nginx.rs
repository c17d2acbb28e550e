//! The agent against a real nginx that closes connections after a number of requests:
//! no attempt is lost and none is made twice.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use support::nginx::{RunningNginx, free_addresses};
use support::{TEST_TIMEOUT, assignment, subscribed, subscription};

const POST_COUNT: u32 = 3_000;
/// More than any limit below, so that closing a connection always meets requests.
const AT_ONCE: u32 = 250;

/// An nginx, and how it is reached.
struct Nginx {
    server: RunningNginx,
    address: SocketAddr,
    ca_pem: Vec<u8>,
}

impl Nginx {
    fn start(listen: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let ca_pem = certified.cert.pem();
        fs::write(folder.path().join("certificate"), &ca_pem).unwrap();
        fs::write(folder.path().join("key"), certified.signing_key.serialize_pem()).unwrap();
        let [address] = free_addresses();
        let http = format!(
            "  log_format connection $connection; access_log access.log connection;
  ssl_certificate certificate; ssl_certificate_key key;
  {settings}
  server {{ listen {address} {listen}; location / {{ return 200 'thank you'; }} }}
"
        );
        let server = RunningNginx::start(folder, address, &http);
        Self { server, address, ca_pem: ca_pem.into_bytes() }
    }

    /// How many requests it answered, and over how many connections.
    fn served(&self) -> (usize, usize) {
        let log = self.server.file("access.log");
        let mut connections: Vec<_> = log.lines().collect();
        let requests = connections.len();
        connections.sort_unstable();
        connections.dedup();
        (requests, connections.len())
    }
}

async fn posts_all_arrive_once(version: &str, settings: &str) {
    let listen = if version == "HTTP/2" { "ssl http2" } else { "ssl" };
    let nginx = Nginx::start(listen, settings);
    let url = format!("https://localhost:{}/hooks", nginx.address.port());
    let mut subscription = subscription(&url, 1);
    subscription.request_timeout = Some(prost_types::Duration { seconds: 20, nanos: 0 });
    let (_agent, _replica, mut stream) = subscribed(subscription, &nginx.ca_pem).await;
    let backlog = u64::from(POST_COUNT);
    stream
        .send(ReplicaMessage::Heartbeat(wire::ReplicaHeartbeat { backlog, wall_clock_us: 0 }))
        .await;
    let (mut assigned, mut done) = (0, 0);
    while done < POST_COUNT {
        let credit = u32::try_from(stream.credit.assignments).unwrap().max(1);
        let most = POST_COUNT.min(credit).min(done + AT_ONCE);
        let more = most.saturating_sub(assigned);
        if more > 0 {
            stream.assign((assigned + 1..=assigned + more).map(assignment).collect()).await;
        }
        assigned += more;
        let results = stream.results().await;
        for result in &results {
            let seen = (result.fact(), result.http_status, result.http_version.as_str());
            assert_eq!(seen, (Fact::Response, 200, version), "{result:?}");
        }
        done += u32::try_from(results.len()).unwrap();
        stream.acknowledge(results.into_iter().filter_map(|result| result.key).collect()).await;
    }
    // The log's last line may come after its answer.
    let began = Instant::now();
    while nginx.served().0 < POST_COUNT as usize {
        assert!(began.elapsed() < TEST_TIMEOUT, "{:?}", nginx.served());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (requests, connections) = nginx.served();
    assert_eq!(requests, POST_COUNT as usize, "over {connections} connections");
    println!("{version}, {settings} {requests} POSTs over {connections} connections");
}

#[tokio::test]
async fn every_post_arrives_once_at_nginx_over_http1_that_closes_often() {
    posts_all_arrive_once("HTTP/1.1", "keepalive_requests 20;").await;
}

#[tokio::test]
async fn every_post_arrives_once_at_nginx_over_http2_that_closes_often() {
    posts_all_arrive_once("HTTP/2", "keepalive_requests 20;").await;
}

#[tokio::test]
async fn every_post_arrives_once_at_nginx_over_http2_as_it_is_installed() {
    posts_all_arrive_once("HTTP/2", "").await;
}

#[tokio::test]
async fn every_post_arrives_once_at_nginx_over_http2_with_few_streams() {
    posts_all_arrive_once("HTTP/2", "keepalive_requests 100; http2_max_concurrent_streams 10;")
        .await;
}
