//! The simulated network between agents and replicas, and between replicas.
//!
//! Messages of one stream arrive in order, or the stream breaks; messages of different
//! streams may overtake each other. Single calls, such as hints, may be lost, duplicated,
//! late or reordered. Every message is checked when it is sent: only a shard's owner may
//! assign its work.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use postrider::listeners::AgentGrants;
use postrider::progress::LoopOutcome;
use postrider::replicas::convert;
use postrider::state::peers::calls::{PeerCalls, PeerHint};
use postrider::state::recent_activity::ReplicaActivity;
use postrider_agent::parts::{AgentMessageStream, ReplicaMessageStream};
use postrider_domain::ids::{Epoch, ReplicaId, Shard, TenantId};
use postrider_domain::scheduler::{RegionFigures, ReplicaDemand};
use postrider_domain::time::Timestamp;
use postrider_identity::TokenId;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{ReturnReason, WorkRequest, WorkResponse};
use postrider_proto::replica::v1::replica_service_server::ReplicaService as _;
use postrider_proto::replica::v1::{
    ForgetTokenRequest, GetPublishWatermarkRequest, RefreshCatalogueRequest,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::entropy;
use crate::process::Process;
use crate::world::{Node, World};

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Messages in the buffers of one connection.
const CONNECTION_BUFFER_MESSAGES: usize = 1024;

/// A message that is looked at on its way.
trait SentMessage: Send + 'static {
    fn sent(&self, _: &Way) {}

    /// What a liar sends after it.
    fn lie_after(&self, _: &Way) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// One direction of a connection.
struct Way {
    world: Arc<World>,
    from: (Node, Arc<Process>),
    to: (Node, Arc<Process>),
    /// Breaks both directions.
    cut: CancellationToken,
}

impl SentMessage for WorkResponse {
    fn sent(&self, way: &Way) {
        let Some(ReplicaMessage::Assign(assign)) = &self.message else { return };
        for assignment in &assign.assignments {
            let Some(key) = &assignment.key else { continue };
            if let Node::Agent(agent) = way.to.0 {
                way.world.overheard.note(agent, assignment);
            }
            let shard = Shard(u16::try_from(key.shard).unwrap_or(u16::MAX));
            let current = way.world.store.epoch(shard);
            way.world.note(format_args!(
                "assign {:?} {:?} shard {} epoch {} {} {}",
                way.from.0, way.to.0, key.shard, key.epoch, assignment.webhook_id, key.number
            ));
            if current != Epoch(key.epoch) {
                way.world.wrong(format!(
                    "{:?} gave away work of shard {} at epoch {}, which is at {}",
                    way.from.0, key.shard, key.epoch, current.0
                ));
            }
        }
    }
}

impl SentMessage for WorkRequest {
    fn sent(&self, way: &Way) {
        let Node::Agent(agent) = way.from.0 else { return };
        match &self.message {
            Some(AgentMessage::Inventory(inventory)) => {
                way.world.receiver.fenced(agent, inventory.shard, inventory.epoch);
            }
            Some(AgentMessage::ReturnAssignments(returned))
                if returned.reason() == ReturnReason::NoCredit =>
            {
                way.world.wrong(format!("{:?} exceeded the credit of agent {agent}", way.to.0));
            }
            Some(AgentMessage::ReturnAssignments(returned)) => way.world.note(format_args!(
                "agent {agent} returns {} {:?}",
                returned.keys.len(),
                returned.reason()
            )),
            _ => {}
        }
    }

    fn lie_after(&self, way: &Way) -> Option<Self> {
        let Node::Agent(agent) = way.from.0 else { return None };
        way.world.overheard.lie(agent)
    }
}

impl Way {
    /// Until a message that was sent has come.
    async fn pass(&self) {
        let longest = self.world.weather.lock().network_ms;
        tokio::time::sleep(entropy::millis(0, longest)).await;
        self.world.together(self.from.0, self.to.0).await;
        self.to.1.gate().await;
    }

    /// Carries messages until either end is gone.
    async fn carry<T: SentMessage>(
        self,
        mut source: impl Stream<Item = Result<T, Status>> + Unpin + Send,
        sink: mpsc::Sender<Result<T, Status>>,
    ) {
        let (queue, mut queued) = mpsc::channel(CONNECTION_BUFFER_MESSAGES);
        let send = async {
            while let Some(item) = source.next().await {
                let mut lie = None;
                if let Ok(message) = &item {
                    message.sent(&self);
                    lie = message.lie_after(&self);
                }
                self.from.1.gate().await;
                for item in [Some(item), lie.map(Ok)].into_iter().flatten() {
                    if queue.send(item).await.is_err() {
                        return;
                    }
                }
            }
            drop(queue);
        };
        let receive = async {
            while let Some(item) = queued.recv().await {
                self.pass().await;
                if sink.send(item).await.is_err() {
                    self.cut.cancel();
                }
            }
        };
        tokio::select! {
            _ = futures::future::join(send, receive) => return,
            () = self.cut.cancelled() => {}
            () = sink.closed() => {}
            () = self.from.1.died() => {}
            () = self.to.1.died() => {}
        }
        self.cut.cancel();
        let _ = sink.try_send(Err(Status::unavailable("the connection broke")));
    }
}

/// Opens a work stream from an agent to whoever is the replica at a place.
pub async fn open(
    world: Arc<World>,
    (agent, process): (usize, Arc<Process>),
    place: usize,
    said: AgentMessageStream,
) -> Result<ReplicaMessageStream, Status> {
    process.gate().await;
    let (here, there) = (Node::Agent(agent), Node::Replica(place));
    let longest = world.weather.lock().network_ms;
    tokio::time::sleep(entropy::millis(1, longest.max(1))).await;
    let reached = tokio::time::timeout(CONNECT_LIMIT, world.together(here, there)).await;
    reached.map_err(|_| Status::unavailable("it cannot be reached"))?;
    let replica = world.replica(place).ok_or_else(|| Status::unavailable("nobody is there"))?;
    world.detail(format_args!("agent {agent} dials replica {place}"));
    let cut = world.cut(agent, place);
    let (to_replica, from_agent) = mpsc::channel(1);
    let (to_agent, from_replica) = mpsc::channel(1);
    let agent_end = (here, process);
    let replica_end = (there, Arc::clone(&replica.process));
    let way = |from: &(Node, Arc<Process>), to: &(Node, Arc<Process>)| Way {
        world: Arc::clone(&world),
        from: from.clone(),
        to: to.clone(),
        cut: cut.clone(),
    };
    tokio::spawn(way(&agent_end, &replica_end).carry(said.map(Ok), to_replica));
    let grants = AgentGrants::unrestricted();
    let work = replica.agents.work(ReceiverStream::new(from_agent).boxed(), &grants);
    let answers = tokio::select! {
        answers = work => answers?,
        () = cut.cancelled() => return Err(Status::unavailable("the connection broke")),
    };
    world.detail(format_args!("replica {place} has heard agent {agent}"));
    tokio::spawn(way(&replica_end, &agent_end).carry(answers, to_agent));
    Ok(ReceiverStream::new(from_replica).boxed())
}

/// Where the replica at a place is reached by the others.
pub fn address(place: usize) -> String {
    format!("sim://{place}")
}

/// Calls from one replica to the others.
pub struct Line {
    pub world: Arc<World>,
    pub place: usize,
    pub process: Arc<Process>,
}

impl Line {
    /// Whoever is at an address, once it is reached.
    async fn reach(&self, address: &str) -> anyhow::Result<crate::world::RunningReplica> {
        let place = address.trim_start_matches("sim://").parse()?;
        self.process.gate().await;
        let longest = self.world.weather.lock().network_ms;
        tokio::time::sleep(entropy::millis(0, longest)).await;
        self.world.together(Node::Replica(self.place), Node::Replica(place)).await;
        let found = self.world.replica(place);
        let replica = found.ok_or_else(|| anyhow::anyhow!("nobody is there"))?;
        replica.process.gate().await;
        Ok(replica)
    }
}

#[async_trait]
impl PeerCalls for Line {
    async fn hint(&self, address: &str, hints: Vec<PeerHint>) -> anyhow::Result<()> {
        let request = convert::hint_request(hints);
        let replica = self.reach(address).await?;
        let lost = self.world.weather.lock().hints_lost;
        let times = if entropy::percent(lost) { 2 * entropy::below(2) } else { 1 };
        for _ in 0..times {
            let (replica, request) = (replica.clone(), request.clone());
            let late = if entropy::percent(lost) { 3000 } else { 0 };
            tokio::spawn(async move {
                tokio::time::sleep(entropy::millis(0, late)).await;
                let _ = replica.peers.hint(Request::new(request)).await;
            });
        }
        Ok(())
    }

    async fn refresh_tenant(
        &self,
        address: &str,
        tenant: &TenantId,
        config_version: i64,
    ) -> anyhow::Result<()> {
        let request = convert::refresh_tenant_request(tenant, config_version);
        self.reach(address).await?.peers.refresh_tenant(Request::new(request)).await?;
        Ok(())
    }

    async fn forget_token(&self, address: &str, id: &TokenId) -> anyhow::Result<()> {
        let request = ForgetTokenRequest { token: id.to_string() };
        self.reach(address).await?.peers.forget_token(Request::new(request)).await?;
        Ok(())
    }

    async fn refresh_catalogue(&self, address: &str, version: i64) -> anyhow::Result<()> {
        let request = RefreshCatalogueRequest { version };
        self.reach(address).await?.peers.refresh_catalogue(Request::new(request)).await?;
        Ok(())
    }

    async fn publish_watermark(&self, address: &str) -> anyhow::Result<Timestamp> {
        let request = Request::new(GetPublishWatermarkRequest {});
        let answer = self.reach(address).await?.peers.get_publish_watermark(request).await?;
        Ok(Timestamp::from_micros(answer.into_inner().watermark_us))
    }

    async fn identify(&self, address: &str) -> anyhow::Result<ReplicaId> {
        Ok(self.reach(address).await?.context.replica.clone())
    }

    async fn check(&self, _: &str, _: &ReplicaId, _: &str) -> anyhow::Result<String> {
        anyhow::bail!("nobody checks an address here")
    }

    async fn region_figures(&self, address: &str) -> anyhow::Result<Vec<RegionFigures>> {
        Ok(self.reach(address).await?.context.dispatcher.region_figures())
    }

    async fn region_demand(&self, address: &str) -> anyhow::Result<ReplicaDemand> {
        Ok(self.reach(address).await?.context.dispatcher.demand())
    }

    async fn activity(&self, address: &str) -> anyhow::Result<ReplicaActivity> {
        let context = self.reach(address).await?.context.clone();
        Ok(context.recent_activity.with_circuits(&context.dispatcher))
    }

    async fn loop_outcomes(&self, address: &str) -> anyhow::Result<Vec<LoopOutcome>> {
        Ok(self.reach(address).await?.context.loops.outcomes())
    }

    fn channel(&self, _address: &str) -> anyhow::Result<tonic::transport::Channel> {
        anyhow::bail!("no call is sent on here")
    }
}
