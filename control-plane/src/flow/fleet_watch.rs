//! Logs who joins, leaves and is lost: replicas and agents.
//!
//! Fed by each heartbeat's view; feeds the log. Guarantees a line for each replica and each
//! agent that comes or goes as seen from here, within a bound, and none for those that were
//! there when this replica began to look. How to drive it: `observe` at each heartbeat.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use postrider_domain::ids::ReplicaId;
use postrider_domain::scheduler::AgentIdentity;
use postrider_store::ClusterView;
use postrider_telemetry::LineLimit;

use crate::state::context::ReplicaContext;

/// A rack of agents that is lost is some lines, and agents that come and go for ever are not
/// the log's bulk.
const MAX_LINES_IN_A_ROW: u32 = 50;
const LINE_INTERVAL: Duration = Duration::from_secs(1);

/// A process of a replica: another one with its name is another.
type ReplicaProcess = (ReplicaId, [u8; 16]);

/// Who was there at the last heartbeat.
#[derive(Default)]
struct KnownFleet {
    replicas: BTreeMap<ReplicaProcess, String>,
    /// Whether each agent was draining.
    agents: BTreeMap<AgentIdentity, bool>,
}

/// What has changed.
#[derive(Debug, PartialEq, Eq)]
enum FleetChange {
    ReplicaJoined { replica: ReplicaId, address: String },
    ReplicaLeft { replica: ReplicaId },
    ReplicaLost { replica: ReplicaId, address: String },
    AgentLeft { agent: AgentIdentity },
    AgentLost { agent: AgentIdentity },
}

/// Compares each view with the one before.
pub struct FleetWatch {
    own: ReplicaId,
    lost_after: Duration,
    known: Option<KnownFleet>,
    limit: LineLimit,
}

impl FleetWatch {
    pub fn new(context: &ReplicaContext) -> Self {
        Self::of(context.replica.clone(), context.settings.ownership.lost_after())
    }

    fn of(own: ReplicaId, lost_after: Duration) -> Self {
        let limit = LineLimit::new(MAX_LINES_IN_A_ROW, LINE_INTERVAL);
        Self { own, lost_after, known: None, limit }
    }

    /// Logs what has changed since the last view.
    pub fn observe(&mut self, view: &ClusterView) {
        for change in self.changes(view) {
            if let Some(left_out) = self.limit.next_line(Instant::now()) {
                log(&change, left_out);
            }
        }
    }

    fn changes(&mut self, view: &ClusterView) -> Vec<FleetChange> {
        let is_alive = |heard| view.now.since(heard) < self.lost_after;
        let others = view.replicas.iter().filter(|row| row.id != self.own);
        let replicas = others.clone().filter(|row| is_alive(row.heard));
        let replicas = replicas.map(|row| ((row.id.clone(), row.instance), row.address.clone()));
        let mut now = KnownFleet { replicas: replicas.collect(), agents: BTreeMap::new() };
        for seen in view.agents.iter().filter(|seen| is_alive(seen.heard)) {
            let identity =
                AgentIdentity { agent: seen.agent.clone(), incarnation: seen.incarnation };
            *now.agents.entry(identity).or_default() |= seen.draining;
        }
        let Some(before) = self.known.take() else {
            self.known = Some(now);
            return Vec::new();
        };
        let mut changes = Vec::new();
        for ((replica, instance), address) in &now.replicas {
            if !before.replicas.contains_key(&(replica.clone(), *instance)) {
                let (replica, address) = (replica.clone(), address.clone());
                changes.push(FleetChange::ReplicaJoined { replica, address });
            }
        }
        let gone =
            before.replicas.into_iter().filter(|(process, _)| !now.replicas.contains_key(process));
        for ((replica, instance), address) in gone {
            // Whoever leaves removes its row.
            let has_row = others.clone().any(|row| row.id == replica && row.instance == instance);
            changes.push(match has_row {
                true => FleetChange::ReplicaLost { replica, address },
                false => FleetChange::ReplicaLeft { replica },
            });
        }
        let gone = before.agents.into_iter().filter(|(agent, _)| !now.agents.contains_key(agent));
        changes.extend(gone.map(|(agent, was_draining)| match was_draining {
            true => FleetChange::AgentLeft { agent },
            false => FleetChange::AgentLost { agent },
        }));
        self.known = Some(now);
        changes
    }
}

fn log(change: &FleetChange, left_out: u64) {
    match change {
        FleetChange::ReplicaJoined { replica, address } => {
            tracing::info!(replica = %replica.0, %address, left_out, "a replica joined");
        }
        FleetChange::ReplicaLeft { replica } => {
            tracing::info!(replica = %replica.0, left_out, "a replica left");
        }
        FleetChange::ReplicaLost { replica, address } => tracing::warn!(
            replica = %replica.0, %address, left_out,
            "a replica is lost; others take its shards as its leases end"
        ),
        FleetChange::AgentLeft { agent } => {
            tracing::info!(agent = %agent.agent.name(), left_out, "an agent left");
        }
        FleetChange::AgentLost { agent } => tracing::warn!(
            agent = %agent.agent.name(), left_out,
            "an agent is lost: no replica hears it; what it had is tried again by others"
        ),
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::ids::AgentId;
    use postrider_domain::time::Timestamp;
    use postrider_store::{AgentSighting, ReplicaRow};

    use super::*;
    use crate::fixtures::sighting;

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn replica(name: &str, instance: u8, ago: u64) -> ReplicaRow {
        ReplicaRow {
            id: ReplicaId(name.into()),
            instance: [instance; 16],
            address: format!("http://{name}"),
            version: String::new(),
            heard: NOW - Duration::from_secs(ago),
        }
    }

    fn agent(name: &str, ago: u64, draining: bool) -> AgentSighting {
        let heard = NOW - Duration::from_secs(ago);
        AgentSighting { agent: AgentId(name.into()), heard, draining, ..sighting(name) }
    }

    fn view(replicas: Vec<ReplicaRow>, agents: Vec<AgentSighting>) -> ClusterView {
        ClusterView {
            clock: NOW,
            now: NOW,
            replicas,
            shards: Vec::new(),
            agents,
            regions: Vec::new(),
        }
    }

    fn identity(name: &str) -> AgentIdentity {
        AgentIdentity { agent: AgentId(name.into()), incarnation: sighting(name).incarnation }
    }

    #[test]
    fn who_comes_and_goes_is_told_once() {
        let id = |name: &str| ReplicaId(name.into());
        let mut watch = FleetWatch::of(id("own"), Duration::from_secs(5));
        let own = || replica("own", 1, 0);
        let first = view(vec![own(), replica("a", 1, 0)], vec![agent("x", 0, false)]);
        assert!(watch.changes(&first).is_empty(), "they were there before");
        assert!(watch.changes(&first).is_empty());

        let next = view(
            vec![own(), replica("a", 1, 5), replica("b", 1, 0)],
            vec![agent("x", 5, false), agent("y", 0, true)],
        );
        let address = |name: &str| format!("http://{name}");
        let expected = [
            FleetChange::ReplicaJoined { replica: id("b"), address: address("b") },
            FleetChange::ReplicaLost { replica: id("a"), address: address("a") },
            FleetChange::AgentLost { agent: identity("x") },
        ];
        assert_eq!(watch.changes(&next), expected);
        assert!(watch.changes(&next).is_empty());

        // One has left, another was started anew under its name.
        let last = view(vec![own(), replica("a", 2, 0)], Vec::new());
        let expected = [
            FleetChange::ReplicaJoined { replica: id("a"), address: address("a") },
            FleetChange::ReplicaLeft { replica: id("b") },
            FleetChange::AgentLeft { agent: identity("y") },
        ];
        assert_eq!(watch.changes(&last), expected);
    }
}
