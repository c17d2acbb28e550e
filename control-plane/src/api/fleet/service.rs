//! `FleetService`.
//!
//! Fed by the replicas' heartbeats, a second old at most, by all replicas' memory, and
//! by the table. Figures are those of the whole installation; a replica that did not
//! answer is named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use postrider_domain::ids::AgentId;
use postrider_proto::v1;
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_proto::v1::fleet_service_server::FleetService;
use postrider_store::{AgentSighting, ClusterView};
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, async_trait};

use crate::api::fleet::filter::AgentFilter;
use crate::api::fleet::{activity, log_levels, loops};
use crate::api::lists::listing::ListCall;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::rpc::{forwarding, spans};
use crate::api::values::names;
use crate::api::values::time::{signed_micros, timestamp};
use crate::flow::Flow;
use crate::flow::due_backlog::DueByRegion;
use crate::settings::OwnershipSettings;
use crate::state::context::ReplicaContext;
use postrider_domain::scheduler::RegionFigures;
use postrider_domain::time::Timestamp;

pub struct FleetApi {
    context: ReplicaContext,
    flow: Flow,
}

impl FleetApi {
    pub fn new(context: ReplicaContext, flow: Flow) -> Self {
        Self { context, flow }
    }

    fn agents(&self) -> Vec<v1::Agent> {
        agents(&self.context.cluster.view(), &self.context.settings.ownership)
    }

    async fn list_regions(
        &self,
        request: &v1::ListRegionsRequest,
    ) -> Result<v1::ListRegionsResponse, Status> {
        let call = self.begin_list("ListRegions", request.page_size, &request.page_token);
        let ((), page) = call.finish(Some(()))?;
        let due = self.flow.due_backlog.count_due().await.map_err(errors::store)?;
        let (mut figures, silent) = self.context.peers.region_figures().await;
        figures.extend(self.context.dispatcher.region_figures());
        let regions = region_figures(&self.context.cluster.view(), &self.agents(), figures, due);
        let page = page.of_memory(regions, |region| &region.name)?;
        let mut unreachable: Vec<String> =
            silent.iter().map(|replica| names::of_replica(&replica.0)).collect();
        unreachable.sort();
        Ok(v1::ListRegionsResponse {
            regions: page.items,
            next_page_token: page.next_page_token,
            unreachable,
        })
    }

    fn list_agents(
        &self,
        request: &v1::ListAgentsRequest,
    ) -> Result<v1::ListAgentsResponse, Status> {
        let mut call = self.begin_list("ListAgents", request.page_size, &request.page_token);
        let filter = call.select("filter", &request.filter, AgentFilter::parse);
        let (filter, page) = call.finish(filter)?;
        let agents = self.agents().into_iter().filter(|agent| filter.matches(agent)).collect();
        let page = page.of_memory(agents, |agent| &agent.name)?;
        Ok(v1::ListAgentsResponse { agents: page.items, next_page_token: page.next_page_token })
    }

    fn list_replicas(
        &self,
        request: &v1::ListReplicasRequest,
    ) -> Result<v1::ListReplicasResponse, Status> {
        let call = self.begin_list("ListReplicas", request.page_size, &request.page_token);
        let ((), page) = call.finish(Some(()))?;
        let lost_after = self.context.settings.ownership.lost_after();
        let replicas = replicas(&self.context.cluster.view(), lost_after);
        let page = page.of_memory(replicas, |replica| &replica.name)?;
        let insecure = self.context.settings.insecure_settings().into_iter();
        let insecure_settings = insecure.map(str::to_owned).collect();
        Ok(v1::ListReplicasResponse {
            replicas: page.items,
            next_page_token: page.next_page_token,
            insecure_settings,
        })
    }

    fn begin_list<'r>(&self, method: &str, page_size: i32, page_token: &'r str) -> ListCall<'r> {
        let ReplicaContext { settings, assignment_key, .. } = &self.context;
        ListCall::begin(method, page_size, page_token, &settings.api, assignment_key)
    }

    /// Tells a connected agent to drain, or forwards the call to a replica that it is
    /// connected to.
    async fn drain(
        &self,
        metadata: &MetadataMap,
        request: v1::DrainAgentRequest,
        caller: &Caller,
    ) -> Result<v1::Agent, Status> {
        let id = names::agent(&request.name).map_err(|error| errors::invalid("name", error))?;
        let shown = self.agents().into_iter().find(|agent| agent.name == request.name);
        if self.context.dispatcher.is_connected(&id) {
            // Before it is told, since nothing of it is in the store.
            let audit = caller.record(&request.name, self.context.clock.now());
            self.context.store.append_audit_record(&audit).await.map_err(errors::store)?;
        }
        if self.context.dispatcher.drain_agent(&id) {
            spans::log_change(&caller.who, "agent drained", &request.name);
            let mut agent = shown.unwrap_or_else(|| v1::Agent {
                name: request.name.clone(),
                connected_replicas: vec![names::of_replica(&self.context.replica.0)],
                ..v1::Agent::default()
            });
            agent.set_state(v1::AgentState::Draining);
            return Ok(agent);
        }
        // The forwarding replica relied on a heartbeat; if the agent has left since, it
        // is not found.
        let elsewhere = self.address_of_a_replica_with(&id);
        let Some(address) = elsewhere.filter(|_| !forwarding::is_forwarded(metadata)) else {
            return Err(errors::not_found(ResourceKind::Agent, &request.name));
        };
        let peer = forwarding::open_channel(&self.context, &address, metadata)?;
        let mut client = FleetServiceClient::new(peer);
        let request = forwarding::forwarded_request(metadata, caller, None, request);
        let answer = client.drain_agent(request).await;
        answer.map(Response::into_inner).map_err(forwarding::peer_error)
    }

    fn address_of_a_replica_with(&self, id: &AgentId) -> Option<String> {
        let view = self.context.cluster.view();
        let lost_after = self.context.settings.ownership.lost_after();
        let mut seen = view.agents.iter().filter(|seen| {
            seen.agent.name() == id.name()
                && seen.replica != self.context.replica
                && view.now.since(seen.heard) <= lost_after
        });
        seen.find_map(|seen| {
            let replica = view.replicas.iter().find(|replica| replica.id == seen.replica);
            replica.map(|replica| replica.address.clone())
        })
    }
}

/// The connected agents as all replicas together see them, in the order of their names:
/// for each id, the process heard from last. Agents of several regions may have one name.
fn agents(view: &ClusterView, settings: &OwnershipSettings) -> Vec<v1::Agent> {
    let fresh = view.agents.iter().filter(|s| view.now.since(s.heard) <= settings.lost_after());
    let mut by_agent: BTreeMap<&AgentId, Vec<&AgentSighting>> = BTreeMap::new();
    for seen in fresh {
        by_agent.entry(&seen.agent).or_default().push(seen);
    }
    let mut agents: Vec<v1::Agent> =
        by_agent.into_values().filter_map(|seen| agent(&seen, settings)).collect();
    agents.sort_by(|a, b| (&a.name, &a.region).cmp(&(&b.name, &b.region)));
    agents
}

fn agent(seen: &[&AgentSighting], settings: &OwnershipSettings) -> Option<v1::Agent> {
    let newest = seen.iter().max_by_key(|sighting| sighting.heard)?;
    let same = seen.iter().filter(|sighting| sighting.incarnation == newest.incarnation);
    let mut replicas = BTreeSet::new();
    let mut draining = false;
    for sighting in same {
        replicas.insert(names::of_replica(&sighting.replica.0));
        draining |= sighting.draining;
    }
    let limit_us = settings.max_clock_skew_seconds.saturating_mul(1_000_000);
    let state = if newest.clock_skew_us.unsigned_abs() > limit_us {
        v1::AgentState::ClockSkewed
    } else if draining {
        v1::AgentState::Draining
    } else {
        v1::AgentState::Connected
    };
    Some(v1::Agent {
        name: names::of_agent(&newest.agent),
        region: names::of_region(&newest.region),
        incarnation: uuid::Uuid::from_bytes(newest.incarnation).as_simple().to_string(),
        version: newest.version.clone(),
        connected_replicas: replicas.into_iter().collect(),
        max_in_flight: newest.max_in_flight,
        // Every replica is told everything that the process has under way.
        in_flight_count: newest.in_flight,
        state: state.into(),
        clock_skew: Some(signed_micros(newest.clock_skew_us)),
        last_heard_time: Some(timestamp(newest.heard)),
    })
}

fn region_figures(
    view: &ClusterView,
    agents: &[v1::Agent],
    figures: Vec<RegionFigures>,
    due: Vec<DueByRegion>,
) -> Vec<v1::Region> {
    let mut by_name: BTreeMap<String, v1::Region> = BTreeMap::new();
    for known in &view.regions {
        by_name.entry(names::of_region(&known.region)).or_default();
    }
    for agent in agents {
        let region = by_name.entry(agent.region.clone()).or_default();
        region.agent_count += u32::from(agent.state() == v1::AgentState::Connected);
        region.in_flight_count = region.in_flight_count.saturating_add(agent.in_flight_count);
    }
    for figures in figures {
        let region = by_name.entry(names::of_region(&figures.region)).or_default();
        let credit = u32::try_from(figures.credit).unwrap_or(u32::MAX);
        region.credit_available = region.credit_available.saturating_add(credit);
        let queued = i64::try_from(figures.queued).unwrap_or(i64::MAX);
        region.backlog_count = region.backlog_count.saturating_add(queued);
        let wanted = i64::try_from(figures.wanted).unwrap_or(i64::MAX);
        region.wanted_count = region.wanted_count.saturating_add(wanted);
        waits_since(region, figures.oldest_due);
    }
    for due in due {
        let region = by_name.entry(names::of_region(&due.region)).or_default();
        let deliveries = i64::try_from(due.deliveries).unwrap_or(i64::MAX);
        region.backlog_count = region.backlog_count.saturating_add(deliveries);
        waits_since(region, Some(due.oldest));
    }
    let named = by_name.into_iter();
    named.map(|(name, region)| v1::Region { name, ..region }).collect()
}

/// Something has waited since then; something else may have waited longer.
fn waits_since(region: &mut v1::Region, oldest: Option<Timestamp>) {
    let known = region.oldest_waiting_time.take();
    let both = known.into_iter().chain(oldest.map(timestamp));
    region.oldest_waiting_time = both.min_by_key(|time| (time.seconds, time.nanos));
}

fn replicas(view: &ClusterView, lost_after: Duration) -> Vec<v1::Replica> {
    let live = view.replicas.iter().filter(|r| view.now.since(r.heard) <= lost_after);
    live.map(|replica| {
        let owned = view.shards.iter().filter(|shard| {
            shard.owner.as_ref() == Some(&replica.id) && shard.lease_until > view.now
        });
        let mut owned_shards: Vec<u32> = owned.map(|row| u32::from(row.shard.0)).collect();
        owned_shards.sort_unstable();
        v1::Replica {
            name: names::of_replica(&replica.id.0),
            address: replica.address.clone(),
            version: replica.version.clone(),
            owned_shard_count: u32::try_from(owned_shards.len()).unwrap_or(u32::MAX),
            last_heartbeat_time: Some(timestamp(replica.heard)),
            owned_shards,
        }
    })
    .collect()
}

#[async_trait]
impl FleetService for FleetApi {
    async fn list_regions(
        &self,
        request: Request<v1::ListRegionsRequest>,
    ) -> Result<Response<v1::ListRegionsResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        self.list_regions(&message).await.map(Response::new)
    }

    async fn list_agents(
        &self,
        request: Request<v1::ListAgentsRequest>,
    ) -> Result<Response<v1::ListAgentsResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        async { self.list_agents(&message) }.await.map(Response::new)
    }

    async fn drain_agent(
        &self,
        request: Request<v1::DrainAgentRequest>,
    ) -> Result<Response<v1::Agent>, Status> {
        let metadata = request.metadata().clone();
        let (caller, message) = Caller::admit(request)?;
        self.drain(&metadata, message, &caller).await.map(Response::new)
    }

    async fn list_replicas(
        &self,
        request: Request<v1::ListReplicasRequest>,
    ) -> Result<Response<v1::ListReplicasResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        async { self.list_replicas(&message) }.await.map(Response::new)
    }

    async fn get_fleet_activity(
        &self,
        request: Request<v1::GetFleetActivityRequest>,
    ) -> Result<Response<v1::FleetActivity>, Status> {
        Caller::admit(request)?;
        Ok(Response::new(activity::read(&self.context).await))
    }

    async fn list_background_loops(
        &self,
        request: Request<v1::ListBackgroundLoopsRequest>,
    ) -> Result<Response<v1::ListBackgroundLoopsResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        loops::list(&self.context, &message).await.map(Response::new)
    }

    async fn set_log_levels(
        &self,
        request: Request<v1::SetLogLevelsRequest>,
    ) -> Result<Response<v1::SetLogLevelsResponse>, Status> {
        let metadata = request.metadata().clone();
        let (caller, message) = Caller::admit(request)?;
        log_levels::set(&self.context, &metadata, message, &caller).await.map(Response::new)
    }
}

#[cfg(test)]
#[path = "service_tests.rs"]
mod tests;
