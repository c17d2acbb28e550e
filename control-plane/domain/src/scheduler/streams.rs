//! Opens and closes agents' streams, counts their credit, and chooses one for a delivery.
//!
//! Keeps the invariant `certificate-says-who`: a subscription's secrets go to agents of its
//! region alone.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::entry::{
    AgentIdentity, Dispatch, ScheduledDelivery, ScheduledPhase, SchedulerActions, StreamId,
};
use super::state::Scheduler;
use super::stream_state::{RegionState, StreamState, StreamView};
use crate::ids::{AttemptKey, Region, SubscriptionKey};
use crate::time::Timestamp;

impl Scheduler {
    /// An agent sent Hello. `held` are its attempts in flight and its unacknowledged
    /// results.
    pub fn stream_opened(
        &mut self,
        id: StreamId,
        agent: AgentIdentity,
        region: Region,
        held: &[AttemptKey],
        now: Timestamp,
    ) {
        self.region(&region).streams.push(id);
        self.streams.insert(
            id,
            StreamState {
                agent: agent.clone(),
                region: region.clone(),
                granted_assignments: 0,
                granted_bytes: 0,
                used_assignments: 0,
                used_bytes: 0,
                suspended: false,
                versions: HashMap::new(),
                held: HashMap::new(),
                pending: None,
            },
        );
        self.record_inventory(&agent, None, held);
        self.wake_region(&region, now);
    }

    /// A stream ended. Its attempts stay assigned to the agent until the agent is lost.
    pub fn stream_closed(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(&id) else {
            return;
        };
        if let Some(region) = self.regions.get_mut(&stream.region) {
            region.streams.retain(|other| *other != id);
        }
        self.unparked.extend(stream.held.into_keys());
    }

    /// New totals of what the agent accepts; totals never shrink, and no more than
    /// `max_open` attempts count beyond those that were assigned.
    pub fn credit(&mut self, id: StreamId, assignments: u64, payload_bytes: u64, max_open: u32) {
        if let Some(stream) = self.streams.get_mut(&id) {
            let most = stream.used_assignments.saturating_add(u64::from(max_open));
            let assignments = assignments.min(most);
            stream.granted_assignments = stream.granted_assignments.max(assignments);
            stream.granted_bytes = stream.granted_bytes.max(payload_bytes);
        }
    }

    /// Stops or resumes giving work to a stream.
    pub fn suspend(&mut self, id: StreamId, suspended: bool) {
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.suspended = suspended;
        }
    }

    /// Whether any stream of the region takes work.
    pub fn region_has_agent(&self, region: &Region) -> bool {
        self.regions.get(region).is_some_and(|state| {
            let accepts = |id: &StreamId| self.streams.get(id).is_some_and(|s| !s.suspended);
            state.streams.iter().any(accepts)
        })
    }

    /// Every stream, for people.
    pub fn streams(&self) -> impl Iterator<Item = (StreamId, StreamView)> {
        self.streams.iter().map(|(id, stream)| {
            let view = StreamView {
                agent: stream.agent.clone(),
                region: stream.region.clone(),
                credit: stream.credit(),
                accepts: !stream.suspended,
            };
            (*id, view)
        })
    }

    /// Assignments came back unstarted: they go to the front of their queue. Only what is
    /// at the stream's agent can come back.
    pub fn returned(
        &mut self,
        id: StreamId,
        keys: &[AttemptKey],
        forget_settings: bool,
        now: Timestamp,
    ) {
        let Some(agent) = self.streams.get(&id).map(|stream| stream.agent.clone()) else {
            return;
        };
        for key in keys {
            let Some(entry) = self.entries.get_mut(&key.delivery) else {
                continue;
            };
            let is_there = matches!(&entry.phase, ScheduledPhase::Sent { agent: sent_to } if *sent_to == agent);
            if entry.scheduled.delivery.attempts != key.number || !is_there {
                continue;
            }
            let scheduled = Arc::clone(&entry.scheduled);
            entry.phase = ScheduledPhase::Ready;
            let subscription = scheduled.delivery.subscription.clone();
            if forget_settings && let Some(stream) = self.streams.get_mut(&id) {
                stream.versions.remove(&subscription);
            }
            if !scheduled.delivery.test
                && let Some(lane) = self.lanes.get_mut(&subscription)
            {
                lane.return_turn(now);
            }
            self.enqueue(scheduled, true);
            self.wake(&subscription, now);
        }
    }

    /// The agents that have attempts in flight.
    pub fn agents_with_work(&self) -> HashSet<AgentIdentity> {
        let agent = |phase: &ScheduledPhase| match phase {
            ScheduledPhase::Sent { agent } => Some(agent.clone()),
            ScheduledPhase::Reserved
            | ScheduledPhase::Ready
            | ScheduledPhase::Parked
            | ScheduledPhase::Concluding { .. } => None,
        };
        self.entries.values().filter_map(|entry| agent(&entry.phase)).collect()
    }

    /// The stream of the region with the most credit that fits the payload.
    pub(super) fn choose_stream(&self, region: &Region, bytes: usize) -> Option<StreamId> {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let state = self.regions.get(region)?;
        let fitting = state.streams.iter().filter_map(|id| {
            let stream = self.streams.get(id)?;
            stream.fits(bytes).then(|| (stream.credit(), *id))
        });
        fitting.max().map(|(_, id)| id)
    }

    pub(super) fn has_credit(&self, region: &Region) -> bool {
        self.choose_stream(region, 0).is_some()
    }

    /// Adds a delivery to a stream's next message, with its settings if the stream does
    /// not have them.
    pub(super) fn assign(
        &mut self,
        id: StreamId,
        scheduled: Arc<ScheduledDelivery>,
        now: Timestamp,
    ) {
        let key = &scheduled.delivery.subscription;
        let (Some(stream), Some(lane)) = (self.streams.get_mut(&id), self.lanes.get(key)) else {
            return;
        };
        debug_assert_eq!(
            stream.region, lane.subscription.settings.region,
            "secrets go to agents of the subscription's region alone"
        );
        let revision = lane.subscription.revision;
        if let Some(region) = self.regions.get_mut(&stream.region) {
            region.last_sent = Some(now);
        }
        stream.used_assignments += 1;
        stream.used_bytes += u64::try_from(scheduled.payload_bytes()).unwrap_or(u64::MAX);
        debug_assert!(
            stream.used_assignments <= stream.granted_assignments,
            "credit is never negative"
        );
        debug_assert!(stream.used_bytes <= stream.granted_bytes, "credit is never negative");
        let dispatch = stream.pending.get_or_insert_with(|| Dispatch {
            stream: id,
            updates: Vec::new(),
            deliveries: Vec::new(),
        });
        if stream.versions.get(key).is_none_or(|known| *known < revision) {
            stream.versions.insert(key.clone(), revision);
            dispatch.updates.push(Arc::clone(&lane.subscription));
        }
        if let Some(entry) = self.entries.get_mut(&scheduled.delivery.id) {
            debug_assert_eq!(entry.phase, ScheduledPhase::Ready, "what is sent was queued");
            entry.phase = ScheduledPhase::Sent { agent: stream.agent.clone() };
            entry.sent = now;
        }
        dispatch.deliveries.push((scheduled, revision));
    }

    /// Sends new settings to every stream of the subscription's region that has older ones.
    /// Agents of other regions get no more of them: the secrets are not for them any more.
    pub(super) fn push_settings(&mut self, key: &SubscriptionKey) {
        let Some(lane) = self.lanes.get(key) else {
            return;
        };
        let subscription = &lane.subscription;
        for (id, stream) in &mut self.streams {
            if stream.region != subscription.settings.region {
                stream.forget_settings(key);
                continue;
            }
            let Some(known) = stream.versions.get_mut(key) else {
                continue;
            };
            if *known < subscription.revision {
                *known = subscription.revision;
                let dispatch = stream.pending.get_or_insert_with(|| Dispatch {
                    stream: *id,
                    updates: Vec::new(),
                    deliveries: Vec::new(),
                });
                dispatch.updates.push(Arc::clone(subscription));
            }
        }
    }

    pub(super) fn collect_dispatches(&mut self, actions: &mut SchedulerActions) {
        actions.dispatches.extend(self.streams.values_mut().filter_map(|s| s.pending.take()));
    }

    pub(super) fn region(&mut self, region: &Region) -> &mut RegionState {
        self.regions.entry(region.clone()).or_insert_with(RegionState::new)
    }

    /// Deliveries that were sent before `before` and whose result has not come.
    pub fn sent_before(&self, before: Timestamp, limit: usize) -> Vec<AttemptKey> {
        let overdue = self.entries.values().filter(|entry| {
            matches!(entry.phase, ScheduledPhase::Sent { .. }) && entry.sent < before
        });
        overdue.take(limit).map(|entry| entry.scheduled.delivery.current_attempt()).collect()
    }

    /// Whether a subscription that is known here names the region.
    pub fn has_subscription_in(&self, region: &Region) -> bool {
        self.lanes_by_region.contains_key(region)
    }

    /// Forgets regions that have neither a stream nor a subscription nor anything queued.
    pub fn forget_empty_regions(&mut self) {
        let idle = |state: &RegionState| {
            state.streams.is_empty() && state.queued == 0 && state.tests.is_empty()
        };
        let named = &self.lanes_by_region;
        self.regions.retain(|region, state| named.contains_key(region) || !idle(state));
    }

    /// The regions that have a subscription or an agent here.
    pub fn regions_in_use(&self) -> Vec<Region> {
        let named = self.lanes_by_region.keys();
        let regions: BTreeSet<&Region> = named.chain(self.regions.keys()).collect();
        regions.into_iter().cloned().collect()
    }
}
