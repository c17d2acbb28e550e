//! An agent whose every message is chosen by the test.
//!
//! Fed by tests with an agent's messages, true ones and lies; feeds them what the replica
//! answers. Guarantees nothing about what is sent: that is the replica's to judge.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use postrider_proto::agent::v1::agent_service_client::AgentServiceClient;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{
    AgentHeartbeat, Assignment, Credit, Hello, WorkRequest, WorkResponse,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tonic::{Status, Streaming};

use crate::api;
use crate::cluster::Cluster;

/// How long an answer is waited for.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);
const HEARTBEAT_INTERVAL: Duration = Duration::from_millis(500);
const MAX_QUEUED_MESSAGES: usize = 4;
const MAX_MESSAGE_BYTES: usize = 64 << 20;

/// An agent's end of a work stream, greeted.
pub struct ScriptedAgent {
    /// Of the process that it is a stream of.
    pub incarnation: Bytes,
    said: mpsc::Sender<WorkRequest>,
    heard: Streaming<WorkResponse>,
    heartbeats: JoinHandle<()>,
}

impl Drop for ScriptedAgent {
    fn drop(&mut self) {
        self.heartbeats.abort();
    }
}

/// A Hello of an agent that holds nothing.
pub fn hello(agent_id: &str, region: &str) -> Hello {
    Hello {
        agent_id: agent_id.to_owned(),
        incarnation: Bytes::copy_from_slice(&rand::random::<[u8; 16]>()),
        region: region.to_owned(),
        version: "test".to_owned(),
        max_in_flight: 256,
        stream: 1,
        ..Hello::default()
    }
}

impl ScriptedAgent {
    /// Opens a stream to a cluster's first replica with this Hello, and hears Welcome.
    pub async fn open(cluster: &Cluster, hello: Hello) -> Result<Self, Status> {
        let failed = |error: anyhow::Error| Status::internal(format!("{error:#}"));
        let identity = cluster.pki().agent(&hello.region, &hello.agent_id).map_err(failed)?;
        let replica = cluster.replicas.first().context("a replica").map_err(failed)?;
        let channel = api::channel(&replica.agents_url(), Some((cluster.pki(), &identity)))
            .map_err(failed)?;
        let mut client = AgentServiceClient::new(channel)
            .max_encoding_message_size(MAX_MESSAGE_BYTES)
            .max_decoding_message_size(MAX_MESSAGE_BYTES);
        let (said, mut queue) = mpsc::channel(MAX_QUEUED_MESSAGES);
        let incarnation = hello.incarnation.clone();
        let _ = said.send(WorkRequest { message: Some(AgentMessage::Hello(hello)) }).await;
        let requests = futures::stream::poll_fn(move |context| queue.poll_recv(context));
        let heard = client.work(requests).await?.into_inner();
        let heartbeats = tokio::spawn(beat(said.clone()));
        let mut stream = Self { incarnation, said, heard, heartbeats };
        match stream.next().await? {
            ReplicaMessage::Welcome(_) => Ok(stream),
            other => Err(Status::internal(format!("no Welcome: {other:?}"))),
        }
    }

    /// Sends a message; an error when the replica has ended the stream.
    pub async fn say(&self, message: AgentMessage) -> Result<()> {
        let sent = self.said.send(WorkRequest { message: Some(message) });
        timeout(ANSWER_LIMIT, sent).await.context("the replica does not read")??;
        Ok(())
    }

    /// What the replica says next.
    pub async fn next(&mut self) -> Result<ReplicaMessage, Status> {
        let message = timeout(ANSWER_LIMIT, self.heard.message()).await;
        let message = message.map_err(|_| Status::deadline_exceeded("nothing was said"))??;
        let message = message.ok_or_else(|| Status::aborted("the replica ended the stream"))?;
        message.message.ok_or_else(|| Status::internal("an empty message"))
    }

    /// Takes work until this many assignments have come.
    pub async fn take(&mut self, count: usize) -> Result<Vec<Assignment>> {
        let credit = Credit { assignments: count as u64, payload_bytes: 1 << 30 };
        self.say(AgentMessage::Credit(credit)).await?;
        let mut taken = Vec::new();
        while taken.len() < count {
            if let ReplicaMessage::Assign(assign) = self.next().await? {
                taken.extend(assign.assignments);
            }
        }
        Ok(taken)
    }

    /// Hears until this many results are acknowledged.
    pub async fn wait_for_acknowledgements(&mut self, count: usize) -> Result<()> {
        let mut left = count;
        while left > 0 {
            if let ReplicaMessage::ResultAck(ack) = self.next().await? {
                left = left.saturating_sub(ack.keys.len());
            }
        }
        Ok(())
    }

    /// Hears until the replica ends the stream; says why it did.
    pub async fn wait_for_end(&mut self) -> Result<Status> {
        let ended = async {
            loop {
                if let Err(status) = self.next().await {
                    return status;
                }
            }
        };
        match timeout(ANSWER_LIMIT, ended).await {
            Ok(status) => Ok(status),
            Err(_) => bail!("the stream goes on"),
        }
    }
}

/// Proof of life, as long as the stream is there.
async fn beat(said: mpsc::Sender<WorkRequest>) {
    loop {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_clock_us = i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX);
        let heartbeat = AgentHeartbeat { wall_clock_us, ..AgentHeartbeat::default() };
        let message = Some(AgentMessage::Heartbeat(heartbeat));
        if said.send(WorkRequest { message }).await.is_err() {
            return;
        }
        sleep(HEARTBEAT_INTERVAL).await;
    }
}
