//! Results of attempts against good and bad receivers, through a real agent.

mod support;

use std::time::{Duration, Instant};

use http::Version;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{Assignment, AttemptResult, Fact, SubscriptionUpdate};
use standardwebhooks::Webhook;
use support::control_plane::{ReplicaStream, ScriptedReplica};
use support::receiver::{ReceiverBehaviour, TestReceiver};
use support::{SIGNING_SECRET, assignment, config, connected, start, subscription};

async fn ready(stream: &ReplicaStream, url: &str) {
    stream.send(ReplicaMessage::SubscriptionUpdate(subscription(url, 1))).await;
}

async fn one_attempt(behaviour: ReceiverBehaviour) -> (AttemptResult, TestReceiver) {
    let receiver = TestReceiver::start(behaviour).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver.url()).await;
    let result = stream.attempt(assignment(1)).await;
    (result, receiver)
}

/// An attempt at a URL that leads nowhere.
async fn attempt_at(url: &str, allow_loopback: bool) -> AttemptResult {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    if !allow_loopback {
        config.allow_subnets.clear();
    }
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    ready(&stream, &url.replace("RECEIVER", &receiver.address.to_string())).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(receiver.connections(), 0, "something was dialled");
    result
}

#[tokio::test]
async fn a_post_arrives_signed_and_untouched() {
    let (result, receiver) = one_attempt(ReceiverBehaviour::Answer(202)).await;
    assert_eq!(result.fact(), Fact::Response);
    assert_eq!(result.http_status, 202);
    assert_eq!(result.response_body, "thank you");
    assert_eq!(result.response_body_bytes, 9);
    assert!(!result.response_body_truncated);
    assert_eq!(result.http_version, "HTTP/1.1");
    assert_eq!(result.remote_address, receiver.address.to_string());
    assert_eq!(result.error, "");
    assert!(result.response_headers.iter().any(|header| header.name == "x-receiver"));
    let timings = result.timings.unwrap();
    assert!(timings.dns.is_some() && timings.connect.is_some() && timings.tls.is_some());
    assert!(timings.first_byte.is_some() && timings.total.is_some());
    assert!(result.age.is_some());

    let seen = receiver.take_requests().remove(0);
    assert_eq!(seen.path, "/hooks?from=test");
    assert_eq!(seen.body, assignment(1).payload);
    assert_eq!(seen.headers["webhook-id"], "evt_1");
    assert_eq!(seen.headers["content-type"], "application/json");
    assert!(seen.headers["user-agent"].to_str().unwrap().starts_with("Postrider/"));
    let webhook = Webhook::from_bytes(SIGNING_SECRET.to_vec()).unwrap();
    webhook.verify(&seen.body, &seen.headers).unwrap();
}

#[tokio::test]
async fn a_connection_is_used_again_and_costs_nothing_then() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver.url()).await;
    for number in 1..=5 {
        let result = stream.attempt(assignment(number)).await;
        assert_eq!(result.fact(), Fact::Response);
        let timings = result.timings.unwrap();
        assert_eq!(timings.connect.is_none(), number > 1);
        assert_eq!(timings.tls.is_none(), number > 1);
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn connections_to_one_host_are_bounded() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    config.connections.per_origin = 3;
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    ready(&stream, &receiver.url()).await;
    stream.assign((1..=40).map(assignment).collect()).await;
    let results = stream.collect(40).await;
    assert!(results.iter().all(|result| result.fact() == Fact::Response));
    assert!(receiver.connections() <= 3, "{}", receiver.connections());
}

/// A merchant whose endpoint hangs, and another at the same host.
#[tokio::test]
async fn a_subscription_leaves_connections_to_the_others_of_its_host() {
    let first_hangs =
        |number| if number == 1 { ReceiverBehaviour::Hang } else { ReceiverBehaviour::Answer(200) };
    let receiver = TestReceiver::with(first_hangs, &[b"http/1.1"]).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    config.connections.per_origin = 2;
    config.connections.per_subscription = 1;
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    ready(&stream, &receiver.url()).await;
    let other = SubscriptionUpdate {
        subscription: "refunds".to_owned(),
        ..subscription(&receiver.url(), 1)
    };
    stream.send(ReplicaMessage::SubscriptionUpdate(other)).await;
    stream.assign((1..=5).map(assignment).collect()).await;
    let refund = Assignment { subscription: "refunds".to_owned(), ..assignment(6) };
    stream.assign(vec![refund]).await;
    let first = stream.collect(1).await.remove(0);
    assert_eq!((first.key.as_ref().unwrap().number, first.fact()), (6, Fact::Response));
}

#[tokio::test]
async fn http2_shares_one_connection() {
    let receiver = TestReceiver::http2(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver.url()).await;
    stream.assign((1..=30).map(assignment).collect()).await;
    let results = stream.collect(30).await;
    assert!(results.iter().all(|result| result.http_version == "HTTP/2"));
    assert!(results.iter().all(|result| result.http_status == 200));
    assert_eq!(receiver.connections(), 1);
    let seen = receiver.take_requests();
    assert!(seen.iter().all(|request| request.version == Version::HTTP_2));
}

#[tokio::test]
async fn a_receiver_that_hangs_is_a_time_out() {
    let began = Instant::now();
    let (result, _) = one_attempt(ReceiverBehaviour::Hang).await;
    assert_eq!(result.fact(), Fact::Timeout);
    assert_eq!(result.http_status, 0);
    assert!(result.error.contains("before a response came"), "{}", result.error);
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn the_deadline_covers_the_body() {
    let (result, _) = one_attempt(ReceiverBehaviour::Drip).await;
    assert_eq!(result.fact(), Fact::Timeout);
    assert_eq!(result.http_status, 200);
    assert!(result.response_body_bytes > 3);
    assert_eq!(result.timings.unwrap().total.unwrap().seconds, 2);
}

#[tokio::test]
async fn a_huge_response_is_not_read_to_its_end() {
    for receiver in [
        TestReceiver::start(ReceiverBehaviour::Huge).await,
        TestReceiver::http2(ReceiverBehaviour::Huge).await,
    ] {
        let (_agent, _replica, mut stream) = connected(&receiver).await;
        ready(&stream, &receiver.url()).await;
        let result = stream.attempt(assignment(1)).await;
        assert_eq!(result.fact(), Fact::ResponseTooLarge);
        assert_eq!(result.http_status, 200);
        assert_eq!(result.response_body_bytes, 64 * 1024);
        assert_eq!(result.response_body.len(), 1024);
        assert!(result.response_body_truncated);
    }
}

#[tokio::test]
async fn retry_after_survives_where_other_headers_do_not_fit() {
    let (result, _) = one_attempt(ReceiverBehaviour::Busy).await;
    assert_eq!(result.http_status, 503);
    assert_eq!(result.retry_after, "120");
    assert!(!result.response_headers.iter().any(|header| header.name == "x-big"));
    assert_eq!(result.response_body.len(), 1024);
    assert_eq!(result.response_body_bytes, 2_000);
}

#[tokio::test]
async fn a_connection_closed_without_an_answer_is_not_tried_again() {
    let (result, receiver) = one_attempt(ReceiverBehaviour::Close).await;
    assert_eq!(result.fact(), Fact::ConnectionClosed);
    assert_eq!(receiver.take_requests().len(), 1);
}

#[tokio::test]
async fn a_post_that_may_have_been_received_is_never_sent_twice() {
    let behaviour = |number| match number {
        2 => ReceiverBehaviour::Close,
        _ => ReceiverBehaviour::Answer(200),
    };
    let receiver = TestReceiver::with(behaviour, &[b"http/1.1"]).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &receiver.url()).await;
    assert_eq!(stream.attempt(assignment(1)).await.fact(), Fact::Response);
    let second = stream.attempt(assignment(2)).await;
    assert_eq!(second.fact(), Fact::ConnectionClosed);
    assert_eq!(receiver.take_requests().len(), 2);
    assert_eq!(receiver.connections(), 1, "it was on the connection kept");
}

#[tokio::test]
async fn a_redirect_is_reported_and_not_followed() {
    let (result, receiver) = one_attempt(ReceiverBehaviour::Redirect).await;
    assert_eq!(result.fact(), Fact::Response);
    assert_eq!(result.http_status, 302);
    assert_eq!(receiver.take_requests().len(), 1);
}

#[tokio::test]
async fn a_certificate_of_nobody_is_refused() {
    let (trusted, untrusted) = (
        TestReceiver::start(ReceiverBehaviour::Answer(200)).await,
        TestReceiver::start(ReceiverBehaviour::Answer(200)).await,
    );
    let (_agent, _replica, mut stream) = connected(&trusted).await;
    ready(&stream, &untrusted.url()).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::TlsFailed);
    assert!(result.error.contains("certificate"), "{}", result.error);
    assert_eq!(result.remote_address, untrusted.address.to_string());
    let timings = result.timings.unwrap();
    assert!(timings.connect.is_some() && timings.tls.is_none());
    assert!(untrusted.take_requests().is_empty());
}

/// What is known of a connection that was not ready in time.
#[tokio::test]
async fn a_handshake_that_hangs_is_told_with_its_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let trusted = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&trusted).await;
    ready(&stream, &format!("https://localhost:{}/", address.port())).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::Timeout, "{result:?}");
    assert_eq!(result.remote_address, address.to_string());
    let timings = result.timings.unwrap();
    assert!(timings.dns.is_some() && timings.connect.is_some() && timings.tls.is_none());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let (_agent, _replica, mut stream) = connected(&receiver).await;
    ready(&stream, &format!("https://127.0.0.2:{}/", receiver.address.port())).await;
    let result = stream.attempt(assignment(1)).await;
    assert_ne!(result.fact(), Fact::Response);
    assert!(receiver.take_requests().is_empty());
}

#[tokio::test]
async fn a_refused_address_is_not_dialled() {
    for url in ["https://RECEIVER/", "https://localhost:4/", "https://[::1]:4/"] {
        let result = attempt_at(url, false).await;
        assert_eq!(result.fact(), Fact::BlockedAddress, "{url}");
        assert_eq!(result.remote_address, "");
        assert_eq!(result.error, "the address is not allowed", "{url}");
    }
}

#[tokio::test]
async fn a_denied_address_is_not_dialled_although_it_is_allowed() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    config.deny_subnets = vec!["127.0.0.0/24".parse().unwrap()];
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    ready(&stream, &receiver.url()).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!(result.fact(), Fact::BlockedAddress);
    assert_eq!(result.error, "the address is not allowed", "a tenant is not told which");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_refused_port_is_not_dialled_although_its_address_is_allowed() {
    let receiver = TestReceiver::start(ReceiverBehaviour::Answer(200)).await;
    let port = receiver.address.port();
    for (allowed, denied) in [("443", "1"), ("1-65535", &*port.to_string())] {
        let mut replica = ScriptedReplica::start("replica-1").await;
        let mut config = config(&[&replica], &[&receiver]);
        config.allowed_ports = vec![allowed.parse().unwrap()];
        config.denied_ports = vec![denied.parse().unwrap()];
        let _agent = start(config);
        let mut stream = replica.welcome_stream().await;
        ready(&stream, &receiver.url()).await;
        let result = stream.attempt(assignment(1)).await;
        assert_eq!(result.fact(), Fact::BlockedAddress);
        assert_eq!(result.error, format!("the port {port} is not allowed"));
        assert!(result.timings.unwrap().dns.is_none(), "nothing was looked up");
    }
    assert_eq!(receiver.connections(), 0);
}

/// As a mail server's: browsers refuse it, too.
#[tokio::test]
async fn ports_of_other_protocols_are_refused_by_default() {
    let result = attempt_at("https://localhost:25/", true).await;
    assert_eq!(result.fact(), Fact::BlockedAddress);
    assert_eq!(result.error, "the port 25 is not allowed");
}

#[tokio::test]
async fn what_cannot_be_sent_says_why() {
    for (url, fact) in [
        ("http://RECEIVER/", Fact::InvalidRequest),
        ("https://no-such-host.invalid/", Fact::DnsFailed),
        ("https://127.0.0.1:4/", Fact::ConnectFailed),
    ] {
        let result = attempt_at(url, true).await;
        assert_eq!(result.fact(), fact, "{url}");
        assert!(!result.error.is_empty());
    }
}
