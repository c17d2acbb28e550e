//! When a connection ends by itself.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::listeners::slots::ConnectionSlots;

/// Far longer than anything here takes.
const TEST_LIMIT: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(200);

/// Both ends of a connection.
async fn connected(write_timeout_seconds: u64) -> (DoorConnection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, address) = listener.accept().await.unwrap();
    let settings = ConnectionSettings {
        max_connections: 1,
        max_agents_connections: 1,
        reserved_for_agents: 0,
        reserved_for_replicas: 0,
        max_connections_per_address: 0,
        max_handshakes: 1,
        handshake_timeout_milliseconds: 10_000,
        preface_timeout_milliseconds: 10_000,
        write_timeout_seconds,
        max_age_seconds: 0,
        age_grace_seconds: 0,
    };
    let metrics = LimitMetrics::alone();
    let slots = ConnectionSlots::new(&settings, metrics.clone());
    let slot = slots.take(Door::Agents, address.ip()).unwrap();
    let times = ConnectionTimes::new(Door::Agents, &settings, metrics);
    (DoorConnection::plain(address, stream, &times, slot), client)
}

#[tokio::test]
async fn a_connection_ends_by_itself_while_its_other_end_is_silent() {
    let (mut connection, mut client) = connected(600).await;
    let end: ConnectionEnd = Box::pin(tokio::time::sleep(SOON));
    connection.certificate_end = Some((end, CloseReason::CertificateExpired));
    client.write_all(b"a").await.unwrap();
    assert_eq!(connection.read_u8().await.unwrap(), b'a');
    for _ in 0..2 {
        let ended = connection.read_u8().await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::ConnectionAborted, "{ended}");
    }
}

#[tokio::test]
async fn a_connection_ends_by_itself_while_its_other_end_reads_nothing() {
    let (mut connection, _client) = connected(600).await;
    connection.deadline = Some(Box::pin(tokio::time::sleep(SOON)));
    let block = vec![0; 1 << 20];
    let writing = async {
        loop {
            if let Err(ended) = connection.write_all(&block).await {
                return ended;
            }
        }
    };
    let ended = tokio::time::timeout(TEST_LIMIT, writing).await.unwrap();
    assert_eq!(ended.kind(), io::ErrorKind::TimedOut, "{ended}");
    // It stays closed, however it is looked at.
    for _ in 0..2 {
        assert_eq!(connection.write(b"a").await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(connection.flush().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(connection.shutdown().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn who_takes_nothing_for_too_long_is_cut_off_at_any_age() {
    let (mut connection, mut client) = connected(1).await;
    connection.deadline = None;
    let block = vec![0; 1 << 20];
    let mut written = 0;
    // It may be slow.
    let mut taken = vec![0; 1 << 20];
    let ended = tokio::time::timeout(TEST_LIMIT, async {
        loop {
            match connection.write(&block).await {
                Ok(bytes) if written < 16 << 20 => {
                    written += bytes;
                    client.read_exact(&mut taken[..bytes]).await.unwrap();
                }
                Ok(_) => {}
                Err(ended) => return ended,
            }
        }
    });
    assert_eq!(ended.await.unwrap().kind(), io::ErrorKind::TimedOut);
    assert!(written >= 16 << 20);
    assert_eq!(connection.metrics.times_reached("connections.write_timeout_seconds"), 1);
}

/// How often a server refused for these reasons that got a request: by itself, since the
/// service answers each as Postrider does.
async fn refused(request: &str) -> [u64; 4] {
    let (connection, mut client) = connected(600).await;
    let metrics = connection.metrics.clone();
    client.write_all(request.as_bytes()).await.unwrap();
    let service = service_fn(|_: Request<Incoming>| async {
        Response::builder().status(400).header("x-request-id", "1").body(Full::<Bytes>::default())
    });
    let server = http1::Builder::new().serve_connection(TokioIo::new(connection), service);
    // It ends with the error of which tonic tells nobody.
    let _ended = tokio::time::timeout(TEST_LIMIT, server).await.unwrap();
    ["malformed", "uri_too_long", "headers_too_large", "other"]
        .map(|reason| metrics.times_refused(reason))
}

#[tokio::test]
async fn requests_that_the_server_refuses_itself_are_counted() {
    let headers = "a: b\r\n".repeat(200);
    let long = "x".repeat(70_000);
    for (request, counted) in [
        ("GET / HTTP/1.1\r\nconnection: close\r\n\r\n".to_owned(), [0, 0, 0, 0]),
        ("GET / HTTP/1.1\r\nno header\r\n\r\n".to_owned(), [1, 0, 0, 0]),
        (format!("GET /{long} HTTP/1.1\r\n\r\n"), [0, 1, 0, 0]),
        (format!("GET / HTTP/1.1\r\n{headers}\r\n"), [0, 0, 1, 0]),
    ] {
        let line = request.lines().next().unwrap();
        assert_eq!(refused(&request).await, counted, "{line:.80}");
    }
}
