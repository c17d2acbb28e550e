//! Whose an attempt is of which a result comes.
//!
//! Fed by agents' sessions and by the writer of results; feeds them with the delivery as
//! memory knows it. Guarantees that an attempt which this replica gave to one agent is
//! not concluded by another: not by one that gave it back and whose proof is still good,
//! since giving back changes neither the attempt's number nor its epoch.
//!
//! Keeps the invariant `only-what-was-assigned`.

use std::sync::Arc;

use super::entry::{AgentIdentity, ScheduledDelivery, ScheduledEntry, ScheduledPhase};
use super::state::Scheduler;
use crate::ids::AttemptKey;

/// What memory knows of an attempt of which somebody brings a result.
#[derive(Clone, Debug)]
pub enum ReportedAttempt {
    /// It is with whoever brings the result.
    Theirs(Arc<ScheduledDelivery>),
    /// It waits to be sent, or another agent has it.
    NotTheirs,
    /// Memory has no such current attempt; the table may.
    NotInMemory,
}

impl Scheduler {
    /// What memory knows of an attempt of which an agent brings a result.
    pub fn reported_attempt(&self, key: AttemptKey, reporter: &AgentIdentity) -> ReportedAttempt {
        self.entries
            .get(&key.delivery)
            .map_or(ReportedAttempt::NotInMemory, |entry| entry.reported_by(key, Some(reporter)))
    }

    /// A result is about to be recorded. It is of `reporter`, or, without one, of this
    /// replica itself, which knows what became of the attempt.
    pub fn begin_conclusion(
        &mut self,
        key: AttemptKey,
        reporter: Option<&AgentIdentity>,
    ) -> ReportedAttempt {
        let Some(entry) = self.entries.get_mut(&key.delivery) else {
            return ReportedAttempt::NotInMemory;
        };
        let reported = entry.reported_by(key, reporter);
        if let ReportedAttempt::Theirs(_) = &reported
            && let ScheduledPhase::Sent { agent } = &entry.phase
        {
            entry.phase = ScheduledPhase::Concluding { agent: agent.clone() };
        }
        reported
    }
}

impl ScheduledEntry {
    fn reported_by(&self, key: AttemptKey, reporter: Option<&AgentIdentity>) -> ReportedAttempt {
        if self.scheduled.delivery.attempts != key.number {
            return ReportedAttempt::NotInMemory;
        }
        match (&self.phase, reporter) {
            (
                ScheduledPhase::Sent { agent } | ScheduledPhase::Concluding { agent },
                Some(other),
            ) if agent != other && self.is_assigned_here() => ReportedAttempt::NotTheirs,
            (ScheduledPhase::Sent { .. } | ScheduledPhase::Concluding { .. }, _) => {
                ReportedAttempt::Theirs(Arc::clone(&self.scheduled))
            }
            (
                ScheduledPhase::Reserved | ScheduledPhase::Ready | ScheduledPhase::Parked,
                Some(_),
            ) if self.is_assigned_here() => ReportedAttempt::NotTheirs,
            (ScheduledPhase::Reserved | ScheduledPhase::Ready | ScheduledPhase::Parked, _) => {
                ReportedAttempt::NotInMemory
            }
        }
    }

    /// Whether this replica chooses who gets it. After a take-over only agents say who has an
    /// attempt, and if several do, the result of each counts.
    fn is_assigned_here(&self) -> bool {
        self.scheduled.event.is_some()
    }
}
