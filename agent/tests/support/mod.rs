//! Scripted replicas and misbehaving receivers around a real agent.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]
#![allow(dead_code, reason = "each test file uses its part")]

pub mod bank;
pub mod control_plane;
pub mod name_server;
pub mod nginx;
pub mod raw;
pub mod receiver;
pub mod tls;

use std::time::Duration;

use postrider_agent::{AgentConfig, ControlPlaneEndpoint};
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use control_plane::{ReplicaStream, ScriptedReplica};
use receiver::TestReceiver;

pub const SIGNING_SECRET: &[u8] = b"a secret of at least 24 bytes";
/// Of 2026-11-25T05:00:00.123Z.
pub const EVENT_ID: &[u8] = b"\x01\xa2\x11\x13\x30\xfb\x70\x01\x80\x02\x03\x04\x05\x06\x07\x08";
pub const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A running agent.
pub struct RunningTestAgent {
    pub shutdown: CancellationToken,
    pub ended: JoinHandle<anyhow::Result<()>>,
}

/// A configuration for loopback that trusts the given receivers.
pub fn config(replicas: &[&ScriptedReplica], receivers: &[&TestReceiver]) -> AgentConfig {
    let control_plane =
        |replica: &&ScriptedReplica| ControlPlaneEndpoint::parse(&replica.url).unwrap();
    let first = control_plane(&replicas[0]);
    let mut config = AgentConfig::new(first, "eu-1".to_owned(), "agent-1".to_owned()).unwrap();
    config.control_planes = replicas.iter().map(control_plane).collect();
    config.allow_subnets = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    config.extra_ca_pem = receivers.iter().map(|receiver| receiver.ca_pem.clone()).collect();
    config.drain_timeout = TEST_TIMEOUT;
    config
}

pub fn start(config: AgentConfig) -> RunningTestAgent {
    let shutdown = CancellationToken::new();
    let ended = tokio::spawn(postrider_agent::run(config, shutdown.clone()));
    RunningTestAgent { shutdown, ended }
}

/// One agent, one replica, one receiver.
pub async fn connected(
    receiver: &TestReceiver,
) -> (RunningTestAgent, ScriptedReplica, ReplicaStream) {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let agent = start(config(&[&replica], &[receiver]));
    let stream = replica.welcome_stream().await;
    (agent, replica, stream)
}

/// An agent that has this subscription and trusts this certificate.
pub async fn subscribed(
    subscription: wire::SubscriptionUpdate,
    ca_pem: &[u8],
) -> (RunningTestAgent, ScriptedReplica, ReplicaStream) {
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[]);
    config.extra_ca_pem = vec![ca_pem.to_vec()];
    let agent = start(config);
    let stream = replica.welcome_stream().await;
    stream.send(ReplicaMessage::SubscriptionUpdate(subscription)).await;
    (agent, replica, stream)
}

pub fn subscription(url: &str, version: u64) -> wire::SubscriptionUpdate {
    wire::SubscriptionUpdate {
        tenant: "acme".to_owned(),
        subscription: "orders".to_owned(),
        version,
        url: url.to_owned(),
        signers: vec![wire::Signer {
            keys: vec![wire::SignerKey { secret: SIGNING_SECRET.into(), expires_in: None }],
            scheme: Some(wire::signer::Scheme::StandardWebhooksV1(Default::default())),
        }],
        request_timeout: Some(prost_types::Duration { seconds: 2, nanos: 0 }),
        ..Default::default()
    }
}

pub fn key(number: u32) -> wire::AttemptKey {
    let mac = vec![9; 16].into();
    wire::AttemptKey { delivery_id: vec![7; 16].into(), number, shard: 3, epoch: 5, mac }
}

pub fn assignment(number: u32) -> wire::Assignment {
    wire::Assignment {
        key: Some(key(number)),
        tenant: "acme".to_owned(),
        subscription: "orders".to_owned(),
        subscription_version: 1,
        webhook_id: format!("evt_{number}"),
        event_id: EVENT_ID.into(),
        event_type: "payment.completed".to_owned(),
        payload: format!("{{\"payment\": {number}, \"amount\": \"10.00\"}}").into(),
        content_type: "application/json".to_owned(),
        ..Default::default()
    }
}
