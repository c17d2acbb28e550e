//! Agent admission: two processes with the same agent id.
//!
//! Fed by agents' sessions and by each heartbeat's view; feeds the dispatcher with
//! streams. Guarantees (one-process-per-name, lost-means-unheard) that a process which
//! uses another's id is refused while any replica hears that one, and admitted once
//! that one counts as lost. If two were admitted at the same moment, each by another
//! replica, the next heartbeat ends one of them, by the same rule everywhere.
//!
//! Keeps the invariants `lost-means-unheard` and `one-process-per-name`.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::ReplicaId;
use postrider_domain::scheduler::AgentIdentity;

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::dispatcher::streams::{NewStream, StreamLimits, StreamRefusal};

/// Admits agents' streams, by what all replicas hear. Cheap to clone.
#[derive(Clone)]
pub struct AgentAdmission {
    replica: ReplicaId,
    clock: Arc<dyn Clock>,
    lost_after: Duration,
    limits: StreamLimits,
    dispatcher: Dispatcher,
    cluster: ClusterState,
}

impl AgentAdmission {
    pub fn new(context: &ReplicaContext) -> Self {
        Self {
            replica: context.replica.clone(),
            clock: Arc::clone(&context.clock),
            lost_after: context.settings.ownership.lost_after(),
            limits: StreamLimits {
                max_streams: context.settings.agents.max_streams,
                max_streams_per_certificate: context.settings.agents.max_streams_per_certificate,
            },
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
        }
    }

    /// Admits an agent's stream.
    pub fn admit_agent(&self, stream: NewStream) -> Result<(), StreamRefusal> {
        if self.id_is_in_use(&stream.state.identity) {
            return Err(StreamRefusal::IdInUse);
        }
        self.dispatcher.admit_stream(stream, self.lost_after, self.limits)
    }

    /// Judges by the clock alone, not by `ClusterState::is_heard`, which waits for as long
    /// as this replica gets no views: a process refused for that long would be heard by
    /// no one, and its attempts would be given up.
    fn id_is_in_use(&self, identity: &AgentIdentity) -> bool {
        let now = self.clock.now();
        let elsewhere = self.cluster.view().agents.iter().any(|seen| {
            seen.agent == identity.agent
                && seen.incarnation != identity.incarnation
                && now.since(seen.heard) < self.lost_after
        });
        let here = self.dispatcher.known_processes(&identity.agent);
        elsewhere
            || here.iter().any(|other| {
                other != identity && self.dispatcher.has_spoken_within(other, self.lost_after)
            })
    }

    /// Ends a stream whose agent id another process uses at another replica. Of two that
    /// were admitted at the same moment, the one with the lower incarnation stays.
    pub fn end_duplicate_streams(&self) {
        let view = self.cluster.view();
        for (stream, identity) in self.dispatcher.connected_processes() {
            let gives_way = view.agents.iter().any(|seen| {
                seen.agent == identity.agent
                    && seen.replica != self.replica
                    && seen.incarnation < identity.incarnation
                    && view.now.since(seen.heard) < self.lost_after
            });
            if gives_way {
                self.dispatcher.end_stream(stream, StreamRefusal::IdInUse);
            }
        }
    }
}
