//! What a receiver reads of names and of `User-Agent`, byte by byte.

mod support;

use postrider_agent::AgentConfig;
use postrider_proto::agent::v1::signer::Scheme;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{
    Fact, Header, HmacSignature, Signer, SignerKey, StaticSecret, SubscriptionUpdate,
};
use support::control_plane::ScriptedReplica;
use support::raw::{RawReceiver, ReceiverAction};
use support::receiver::{ReceiverBehaviour, TestReceiver};
use support::{assignment, config, start, subscription};

const HTTP1: &[&[u8]] = &[b"http/1.1"];

fn header(name: &str) -> Header {
    Header { name: name.to_owned(), value: "1".into() }
}

fn signer(scheme: Scheme) -> Signer {
    let key = |secret: &'static str| SignerKey { secret: secret.into(), expires_in: None };
    Signer { keys: vec![key("one"), key("two")], scheme: Some(scheme) }
}

/// Headers, and signatures of two keys, whose names have capitals.
fn spelt(url: &str) -> SubscriptionUpdate {
    let hmac = HmacSignature {
        header: "X-Bank-SIGNATURE".to_owned(),
        timestamp_header: "X-Bank-Time".to_owned(),
        ..Default::default()
    };
    let secret = StaticSecret { header: "x-Bank-Secret".to_owned(), ..Default::default() };
    SubscriptionUpdate {
        headers: ["X-API-Key", "SOAPAction", "x-team"].map(header).to_vec(),
        signers: vec![signer(Scheme::Hmac(hmac)), signer(Scheme::StaticSecret(secret))],
        ..subscription(url, 1)
    }
}

/// The head of each of so many requests in a row over HTTP/1.1.
async fn heads(
    requests: u32,
    update: impl FnOnce(&str) -> SubscriptionUpdate,
    change: impl FnOnce(&mut AgentConfig),
) -> Vec<String> {
    let receiver = RawReceiver::start(HTTP1, |_| ReceiverAction::Answer).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[]);
    config.extra_ca_pem = vec![receiver.ca_pem.clone()];
    change(&mut config);
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    stream.send(ReplicaMessage::SubscriptionUpdate(update(&receiver.url()))).await;
    for number in 1..=requests {
        let result = stream.attempt(assignment(number)).await;
        assert_eq!((result.fact(), result.http_status), (Fact::Response, 200), "{result:?}");
    }
    receiver.heads()
}

/// The names of a head's lines, as they stand there.
fn names(head: &str) -> Vec<&str> {
    head.lines().skip(1).filter_map(|line| Some(line.split_once(':')?.0)).collect()
}

#[tokio::test]
async fn names_arrive_as_the_customer_spells_them() {
    let heads = heads(3, spelt, |_| {}).await;
    assert_eq!(heads.len(), 3);
    for head in &heads {
        let names = names(head);
        let count = |name: &str| names.iter().filter(|there| **there == name).count();
        for (name, lines) in [
            ("X-API-Key", 1),
            ("SOAPAction", 1),
            ("x-team", 1),
            ("X-Bank-SIGNATURE", 2),
            ("X-Bank-Time", 1),
            ("x-Bank-Secret", 2),
            // Postrider's own are as they were.
            ("webhook-id", 1),
            ("content-length", 1),
            ("host", 1),
        ] {
            assert_eq!(count(name), lines, "{name}: {head}");
        }
        let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        assert_eq!(lower.iter().filter(|name| *name == "x-api-key").count(), 1, "{head}");
        assert!(head.contains("\r\nX-API-Key: 1\r\n"), "{head}");
    }
}

#[tokio::test]
async fn names_in_lower_case_stay_so() {
    let plain =
        |url: &str| SubscriptionUpdate { headers: vec![header("x-team")], ..subscription(url, 1) };
    let heads = heads(1, plain, |_| {}).await;
    let names = names(&heads[0]);
    assert!(names.contains(&"x-team") && names.contains(&"webhook-signature"), "{names:?}");
    assert!(names.iter().all(|name| *name == name.to_ascii_lowercase()), "{names:?}");
}

#[tokio::test]
async fn a_receiver_reads_who_sends() {
    let ours = heads(1, |url| subscription(url, 1), |_| {}).await;
    assert!(ours[0].contains("\r\nuser-agent: Postrider/"), "{ours:?}");
    let bank = "Bank-Webhooks/2 (ops@bank.example)";
    let named = |config: &mut AgentConfig| config.user_agent = bank.parse().unwrap();
    let theirs = heads(1, |url| subscription(url, 1), named).await;
    assert!(theirs[0].contains(&format!("\r\nuser-agent: {bank}\r\n")), "{theirs:?}");
    assert_eq!(theirs[0].matches("user-agent").count(), 1);
}

/// It knows no other.
#[tokio::test]
async fn over_http2_names_are_in_lower_case() {
    let receiver = TestReceiver::http2(ReceiverBehaviour::Answer(200)).await;
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[&receiver]);
    config.user_agent = "Bank-Webhooks".parse().unwrap();
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    stream.send(ReplicaMessage::SubscriptionUpdate(spelt(&receiver.url()))).await;
    let result = stream.attempt(assignment(1)).await;
    assert_eq!((result.fact(), &*result.http_version), (Fact::Response, "HTTP/2"), "{result:?}");
    let seen = receiver.take_requests().remove(0);
    assert_eq!(seen.headers["x-api-key"], "1");
    assert_eq!(seen.headers.get_all("x-bank-signature").iter().count(), 2);
    assert_eq!(seen.headers["user-agent"], "Bank-Webhooks");
}
