//! Heartbeats: this replica's and those of its agents.
//!
//! Fed by `leases` and `membership`; feeds the table, and them with its answer.
//! Guarantees that an agent's row which the database refuses costs no one else a
//! heartbeat.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::ids::{AgentId, ReplicaId};
use postrider_store::{AgentSighting, ClusterView, ReplicaRow, Store, StoreError, StoreResult};

use crate::clock::Clock;
use crate::state::cluster::ClusterState;
use crate::state::context::ReplicaContext;
use crate::state::dispatcher::Dispatcher;
use crate::state::peers::Peers;

/// Writes heartbeats. Cheap to clone.
#[derive(Clone)]
pub struct Heartbeat {
    replica: ReplicaId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    dispatcher: Dispatcher,
    cluster: ClusterState,
    peers: Peers,
    /// After this long without a heartbeat, the name of another process is free.
    name_free_after: Duration,
}

impl Heartbeat {
    pub fn new(context: &ReplicaContext) -> Self {
        // If only one process can open the database, the name's earlier holder is gone.
        let name_free_after = match context.settings.single_process() {
            true => Duration::ZERO,
            false => context.settings.ownership.lost_after(),
        };
        Self {
            replica: context.replica.clone(),
            store: Arc::clone(&context.store),
            clock: Arc::clone(&context.clock),
            dispatcher: context.dispatcher.clone(),
            cluster: context.cluster.clone(),
            peers: context.peers.clone(),
            name_free_after,
        }
    }

    /// Sends the heartbeat of this replica and its agents. An agent's row that the database
    /// refuses costs neither the others nor this replica their heartbeat.
    pub async fn send_heartbeat(&self, refused: &mut HashSet<AgentId>) -> StoreResult<ClusterView> {
        let agents = self.dispatcher.take_sightings(&self.replica);
        let (mut parts, mut last) = (SightingDivision::of(&agents), None);
        while let Some(part) = parts.next() {
            match self.write_heartbeat(part).await {
                Ok(view) => last = Some(view),
                Err(error) => parts.note_refused(part, error)?,
            }
        }
        for (agent, error) in &parts.guilty {
            if !refused.contains(agent) {
                tracing::error!(agent = %agent.name(), %error, "an agent's heartbeat was refused by the database");
            }
        }
        *refused = parts.guilty.into_iter().map(|(agent, _)| agent).collect();
        match last {
            Some(view) => Ok(view),
            None => self.write_heartbeat(&[]).await,
        }
    }

    /// Writes the heartbeat of this replica and of these agents; the answer is the view.
    pub async fn write_heartbeat(&self, agents: &[AgentSighting]) -> StoreResult<ClusterView> {
        let me = ReplicaRow {
            id: self.replica.clone(),
            instance: self.cluster.instance(),
            address: self.peers.own_address(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            heard: self.clock.now(),
        };
        self.store.heartbeat(&me, agents, self.name_free_after).await
    }
}

/// Which agents to send in one heartbeat: all of them or, when that is refused, ever
/// smaller parts, until only the rows at fault are left out.
struct SightingDivision<'a> {
    parts: Vec<&'a [AgentSighting]>,
    guilty: Vec<(AgentId, StoreError)>,
}

impl<'a> SightingDivision<'a> {
    fn of(agents: &'a [AgentSighting]) -> Self {
        Self { parts: vec![agents], guilty: Vec::new() }
    }

    fn next(&mut self) -> Option<&'a [AgentSighting]> {
        self.parts.pop()
    }

    /// Divides the part, or records its only agent as refused. An unavailable database is
    /// not asked again.
    fn note_refused(&mut self, part: &'a [AgentSighting], error: StoreError) -> StoreResult<()> {
        match part {
            _ if error.is_transient() => return Err(error),
            [] => return Err(error),
            [single] => self.guilty.push((single.agent.clone(), error)),
            _ => self.parts.extend(<[_; 2]>::from(part.split_at(part.len() / 2))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::sighting;

    /// Tells of these agents, of which those that begin with "bad" are refused; returns
    /// who was told of, who is guilty, and how many calls it took.
    fn beat_with(names: &[&str]) -> (Vec<String>, Vec<String>, usize) {
        let agents: Vec<_> = names.iter().map(|name| sighting(name)).collect();
        let (mut known, mut calls) = (Vec::new(), 0);
        let mut parts = SightingDivision::of(&agents);
        while let Some(part) = parts.next() {
            calls += 1;
            if part.iter().any(|item| item.agent.0.starts_with("bad")) {
                parts.note_refused(part, StoreError::Rejected("no".to_owned())).unwrap();
            } else {
                known.extend(part.iter().map(|item| item.agent.0.to_string()));
            }
        }
        known.sort();
        let guilty = parts.guilty.iter().map(|(agent, _)| agent.0.to_string());
        (known, guilty.collect(), calls)
    }

    #[test]
    fn only_the_guilty_are_left_out() {
        assert_eq!(beat_with(&["a", "b"]), (vec!["a".into(), "b".into()], vec![], 1));
        let (known, guilty, calls) = beat_with(&["a", "b", "c", "bad", "d", "e", "f", "g"]);
        assert_eq!(known, ["a", "b", "c", "d", "e", "f", "g"]);
        assert_eq!((guilty, calls), (vec!["bad".to_owned()], 7));
        assert_eq!(beat_with(&["bad"]).1, ["bad"]);
        assert_eq!(beat_with(&[]).2, 1, "the replica itself");
    }

    #[test]
    fn a_database_that_does_not_answer_is_not_asked_again_and_again() {
        let agents = [sighting("a"), sighting("b")];
        let mut parts = SightingDivision::of(&agents);
        let part = parts.next().unwrap();
        assert!(parts.note_refused(part, StoreError::Unavailable("away".to_owned())).is_err());
        assert!(parts.next().is_none());
    }
}
