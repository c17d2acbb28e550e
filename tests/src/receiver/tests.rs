//! The receiver does what it is told, seen by a plain client.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::behaviour::{self, Answer, Gate};
use super::{Admission, Certificate, Options, Protocols, Receiver};
use crate::pki::Pki;

const WAIT_LIMIT: Duration = Duration::from_secs(5);
const SHORT_TIME: Duration = Duration::from_millis(100);

struct World {
    pki: Pki,
    _folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::create(folder.path()).unwrap();
    World { pki, _folder: folder }
}

async fn handshake(
    world: &World,
    receiver: &Receiver,
    alpn: &[&[u8]],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(world.pki.ca_pem().as_bytes()).unwrap();
    roots.add(ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    let stream = TcpStream::connect(("127.0.0.1", receiver.port())).await?;
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await
}

/// One POST on a connection of its own; the body as far as it came.
async fn post(
    world: &World,
    receiver: &Receiver,
    path: &str,
    body: &str,
) -> Result<Response<Bytes>, Box<dyn std::error::Error>> {
    let stream = handshake(world, receiver, &[b"http/1.1"]).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = Request::post(path)
        .header("host", "127.0.0.1")
        .body(Full::new(Bytes::from(body.to_owned())))?;
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    Ok(Response::from_parts(head, body))
}

#[tokio::test]
async fn requests_are_kept_as_they_came() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    let answer = post(&world, &receiver, "/a?b=c", "{\"n\": 1.0}").await;
    assert_eq!(answer.unwrap().status(), StatusCode::OK);
    let seen = receiver.wait_for_at("/a", 1, WAIT_LIMIT).await.unwrap();
    assert_eq!(seen[0].body, "{\"n\": 1.0}");
    assert_eq!(seen[0].uri, "/a?b=c");
    assert_eq!(seen[0].version, Version::HTTP_11);
    assert_eq!((seen[0].number, seen[0].connection), (1, 1));
}

#[tokio::test]
async fn scripts_run_in_turn_and_the_last_step_stays() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    let busy = StatusCode::TOO_MANY_REQUESTS;
    receiver.script(
        "/s",
        [
            behaviour::retry_after(busy, 2),
            behaviour::redirect(StatusCode::FOUND, "/login"),
            behaviour::status(StatusCode::GONE),
        ],
    );
    let first = post(&world, &receiver, "/s", "").await.unwrap();
    assert_eq!(first.status(), busy);
    assert_eq!(first.headers()["retry-after"], "2");
    let second = post(&world, &receiver, "/s", "").await.unwrap();
    assert_eq!(second.headers()["location"], "/login");
    for _ in 0..2 {
        let last = post(&world, &receiver, "/s", "").await.unwrap();
        assert_eq!(last.status(), StatusCode::GONE);
    }
    receiver.otherwise([behaviour::status(StatusCode::IM_A_TEAPOT)]);
    let other = post(&world, &receiver, "/other", "").await.unwrap();
    assert_eq!(other.status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test]
async fn broken_answers_break_where_they_should() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    receiver.script("/early", [behaviour::Behaviour::CloseBeforeAnswer]);
    receiver.script("/late", [behaviour::close_in_body()]);
    receiver.script("/hang", [behaviour::Behaviour::Hang]);
    receiver.script("/drip", [behaviour::drip(Duration::from_millis(5))]);
    receiver.script("/large", [behaviour::large(5_000_001)]);
    assert!(post(&world, &receiver, "/early", "").await.is_err());
    assert!(post(&world, &receiver, "/late", "").await.is_err());
    for path in ["/hang", "/drip"] {
        let ended = tokio::time::timeout(SHORT_TIME, post(&world, &receiver, path, "")).await;
        assert!(ended.is_err(), "{path} ended");
    }
    let large = post(&world, &receiver, "/large", "").await.unwrap();
    assert_eq!(large.body().len(), 5_000_001);
}

#[tokio::test]
async fn a_gate_holds_answers_until_it_opens() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    let gate = Gate::closed();
    receiver.script("/g", [behaviour::held(&gate)]);
    let calls = async {
        tokio::join!(post(&world, &receiver, "/g", "1"), post(&world, &receiver, "/g", "2"))
    };
    let opened = async {
        receiver.wait_for_at("/g", 2, WAIT_LIMIT).await.unwrap();
        assert_eq!(receiver.in_flight_most("/g"), 2);
        gate.open();
    };
    let ((first, second), ()) = tokio::join!(calls, opened);
    assert!(first.is_ok() && second.is_ok());
    let after = Answer::ok().after(SHORT_TIME).into();
    receiver.script("/g", [after]);
    let begun = std::time::Instant::now();
    post(&world, &receiver, "/g", "3").await.unwrap();
    assert!(begun.elapsed() >= SHORT_TIME);
}

#[tokio::test]
async fn certificates_and_admission_change_at_once() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    for wrong in [Certificate::OtherAuthority, Certificate::OtherName, Certificate::Expired] {
        receiver.show(wrong);
        let refused = handshake(&world, &receiver, &[b"h2"]).await;
        let refused = refused.expect_err("a bad certificate").to_string();
        assert!(refused.contains("certificate"), "{wrong:?}: {refused}");
    }
    receiver.show(Certificate::Good);
    receiver.admit(Admission::Drop);
    assert!(handshake(&world, &receiver, &[b"h2"]).await.is_err());
    receiver.admit(Admission::Stall);
    let stalled = handshake(&world, &receiver, &[b"h2"]);
    assert!(tokio::time::timeout(SHORT_TIME, stalled).await.is_err());
    receiver.admit(Admission::Accept);
    assert!(handshake(&world, &receiver, &[b"h2"]).await.is_ok());
}

#[tokio::test]
async fn a_stopped_receiver_refuses_and_comes_back() {
    let world = world();
    let mut receiver = Receiver::start(&world.pki).await.unwrap();
    receiver.stop().await;
    assert!(post(&world, &receiver, "/", "").await.is_err());
    receiver.resume().await.unwrap();
    assert!(post(&world, &receiver, "/", "").await.is_ok());
    assert_eq!(receiver.received(), 1);
}

#[tokio::test]
async fn protocols_are_negotiated() {
    let world = world();
    for (protocols, chosen) in [
        (Protocols::Http1, b"http/1.1".as_slice()),
        (Protocols::Http2, b"h2"),
        (Protocols::Both, b"h2"),
    ] {
        let options = Options { protocols, ..Options::default() };
        let receiver = Receiver::with(&world.pki, options).await.unwrap();
        let offered: &[&[u8]] = &[b"h2", b"http/1.1"];
        let stream = handshake(&world, &receiver, offered).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(chosen));
    }
}

#[tokio::test]
async fn http2_requests_are_answered() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    let stream = handshake(&world, &receiver, &[b"h2"]).await.unwrap();
    let executor = TokioExecutor::new();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let uri = receiver.url("/two");
    let request = Request::post(uri).body(Full::new(Bytes::from("x"))).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let seen = receiver.wait_for_at("/two", 1, WAIT_LIMIT).await.unwrap();
    assert_eq!(seen[0].version, Version::HTTP_2);
}

#[tokio::test]
async fn a_plain_receiver_that_counts_only_keeps_no_requests() {
    let world = world();
    let options = Options { plain: true, count_only: true, ..Options::default() };
    let receiver = Receiver::with(&world.pki, options).await.unwrap();
    let stream = TcpStream::connect(("127.0.0.1", receiver.port())).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::post("/p").body(Full::new(Bytes::new())).unwrap();
    sender.send_request(request).await.unwrap();
    receiver.wait_for(1, WAIT_LIMIT).await.unwrap();
    assert_eq!(receiver.received_at("/p"), 1);
    assert!(receiver.requests().is_empty());
}

#[tokio::test]
async fn a_wait_that_fails_tells_what_came() {
    let world = world();
    let receiver = Receiver::start(&world.pki).await.unwrap();
    post(&world, &receiver, "/came", "").await.unwrap();
    let failed = receiver.wait_for_at("/missing", 1, SHORT_TIME).await;
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("/came"), "{message}");
}
