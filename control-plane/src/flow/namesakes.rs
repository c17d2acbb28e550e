//! Processes that call themselves alike: one agent's id, one replica's name.
//!
//! Fed by agents' sessions and by each look at everybody; feeds the dispatcher with
//! streams. Guarantees that a process which takes the id of another is refused for as
//! long as any replica hears that one, and admitted as soon as that one counts as lost
//! (rule 5). Two that were admitted at the same moment, each by another replica, are
//! parted by the next look at everybody, by the same rule everywhere.

use postrider_domain::scheduler::AgentIdentity;

use super::Flow;
use super::dispatch::{NewStream, Refused};

impl Flow {
    /// Takes in an agent's stream.
    pub fn admit(&self, stream: NewStream) -> Result<(), Refused> {
        if self.id_is_in_use(&stream.state.identity) {
            return Err(Refused::IdInUse);
        }
        let lost_after = self.settings.ownership.lost_after();
        self.dispatcher.open(stream, lost_after, self.settings.agents.max_streams)
    }

    /// By the clock alone, and not by `Cluster::is_heard`, which is patient for as long
    /// as this replica cannot hear the others: a process that was kept out meanwhile
    /// would be heard by nobody, and what it holds would be given up.
    fn id_is_in_use(&self, identity: &AgentIdentity) -> bool {
        let lost_after = self.settings.ownership.lost_after();
        let now = self.clock.now();
        let elsewhere = self.cluster.view().agents.iter().any(|seen| {
            seen.agent == identity.agent
                && seen.incarnation != identity.incarnation
                && now.since(seen.heard) < lost_after
        });
        let here = self.dispatcher.known_processes(&identity.agent);
        elsewhere
            || here
                .iter()
                .any(|other| other != identity && self.dispatcher.spoke_within(other, lost_after))
    }

    /// Ends the streams of processes whose id another one has at another replica: of
    /// two that nobody could tell apart when they came, the one stays whose
    /// incarnation is the lower.
    pub(super) fn part_namesakes(&self) {
        let view = self.cluster.view();
        let lost_after = self.settings.ownership.lost_after();
        for (stream, identity) in self.dispatcher.connected() {
            let gives_way = view.agents.iter().any(|seen| {
                seen.agent == identity.agent
                    && seen.replica != self.replica
                    && seen.incarnation < identity.incarnation
                    && view.now.since(seen.heard) < lost_after
            });
            if gives_way {
                self.dispatcher.end(stream, Refused::IdInUse);
            }
        }
    }
}
