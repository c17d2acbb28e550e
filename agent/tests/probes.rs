//! What an agent answers to probes.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::time::Duration;

use support::control_plane::ScriptedReplica;
use support::{TEST_TIMEOUT, config, start};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The status with which a path is answered.
async fn status(port: u16, path: &str) -> u16 {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_agent_is_ready_from_its_first_work_stream_on() {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[]);
    let port = free_port();
    config.metrics_address = Some(format!("127.0.0.1:{port}").parse().unwrap());
    let _agent = start(config);
    let (stream, _) = replica.accept_stream().await;
    assert_eq!(status(port, "/livez").await, 200);
    assert_eq!(status(port, "/readyz").await, 503, "no replica has welcomed it");

    stream.welcome(Duration::from_secs(60)).await;
    let ready = async {
        while status(port, "/readyz").await != 200 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TEST_TIMEOUT, ready).await.unwrap();

    // The control plane is away: the next stream is not welcomed.
    drop(stream);
    let _unanswered = replica.accept_stream().await;
    assert_eq!(status(port, "/readyz").await, 200);
    assert_eq!(status(port, "/livez").await, 200);
}
