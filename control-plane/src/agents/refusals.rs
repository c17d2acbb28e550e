//! Refused and ended streams: the status for the agent, and one log line per process.
//!
//! A process that keeps trying is logged once, not at every try.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::scheduler::AgentIdentity;
use postrider_domain::time::Timestamp;
use tonic::Status;

use crate::state::dispatcher::streams::StreamRefusal;

/// A process that tries again within this time is not logged again; agents try every
/// 2 s.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// Most processes that are remembered. Chosen, not measured: a quarter of
/// `agents.max_streams`; those beyond are logged more often.
const MAX_REMEMBERED_REFUSALS: usize = 1_000;

/// What an agent is told; the messages name the id.
pub fn status(why: StreamRefusal, identity: &AgentIdentity) -> Status {
    let id = identity.agent.name();
    match why {
        StreamRefusal::SameProcess => Status::aborted(format!(
            "this process of agent {id} already has a stream at this replica"
        )),
        StreamRefusal::IdInUse => Status::already_exists(format!(
            "another process with the agent id {id} is connected, or was until a moment ago"
        )),
        StreamRefusal::TooManyStreams => {
            Status::resource_exhausted("this replica has reached its limit of agent streams")
        }
        StreamRefusal::TooManyOfCertificate => Status::resource_exhausted(format!(
            "the certificate of agent {id} has as many streams at this replica as it may \
             (agents.max_streams_per_certificate)"
        )),
        StreamRefusal::CertificateExpired => Status::unauthenticated(format!(
            "the certificate of agent {id} has expired; connect again with one that is valid"
        )),
        StreamRefusal::UnprovenResults => Status::invalid_argument(format!(
            "agent {id} sent too many results of attempts that were not assigned to it"
        )),
        StreamRefusal::ResultWithoutFact => Status::invalid_argument(format!(
            "a result of agent {id} has no valid fact: it does not say how its attempt ended"
        )),
        StreamRefusal::SecondHello => {
            Status::invalid_argument(format!("agent {id} sent a second Hello on its stream"))
        }
        StreamRefusal::Silent => {
            Status::deadline_exceeded(format!("agent {id} was silent for too long"))
        }
        StreamRefusal::NotReading => Status::resource_exhausted(format!(
            "agent {id} does not read its messages fast enough (agents.max_queued_messages)"
        )),
        StreamRefusal::Stopping => Status::unavailable("this replica is stopping"),
        StreamRefusal::TooManyRegions => Status::resource_exhausted(format!(
            "no subscription names the region of agent {id}, and this replica has reached its \
             limit of such regions (agents.max_unnamed_regions)"
        )),
    }
}

/// Processes that were refused lately.
#[derive(Default)]
pub struct RefusalLog(Mutex<HashMap<AgentIdentity, Timestamp>>);

impl RefusalLog {
    /// Notes that a process was refused.
    pub fn note(&self, why: StreamRefusal, identity: &AgentIdentity, now: Timestamp) {
        // Expected: an agent that reaches this replica by two addresses tries both.
        if why == StreamRefusal::SameProcess || !self.is_new(identity, now) {
            return;
        }
        let (agent, reason) = (identity.agent.name(), status(why, identity));
        tracing::warn!(%agent, reason = reason.message(), "agent's stream refused; it may retry");
    }

    /// Notes that a process asked for what its certificate does not allow.
    pub fn note_denied(&self, why: &str, identity: &AgentIdentity, now: Timestamp) {
        if self.is_new(identity, now) {
            tracing::warn!(agent = %identity.agent.name(), reason = why, "agent's stream refused");
        }
    }

    fn is_new(&self, identity: &AgentIdentity, now: Timestamp) -> bool {
        let mut refused = self.0.lock();
        refused.retain(|_, last| now.since(*last) < REFUSAL_LOG_INTERVAL);
        let is_known = refused.contains_key(identity);
        if is_known || refused.len() < MAX_REMEMBERED_REFUSALS {
            refused.insert(identity.clone(), now);
        }
        !is_known
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::ids::AgentId;

    use super::*;

    #[test]
    fn a_process_that_keeps_trying_is_told_of_once() {
        let process = |incarnation| AgentIdentity {
            agent: AgentId("a".into()),
            incarnation: [incarnation; 16],
        };
        let refusals = RefusalLog::default();
        let at = |seconds| Timestamp::default() + Duration::from_secs(seconds);
        assert!(refusals.is_new(&process(1), at(0)));
        assert!(!refusals.is_new(&process(1), at(50)));
        assert!(!refusals.is_new(&process(1), at(100)), "it never stopped trying");
        assert!(refusals.is_new(&process(2), at(100)), "another process");
        assert!(refusals.is_new(&process(1), at(161)), "it was gone for a minute");
    }
}
