//! Streams that are not taken in.
//!
//! Fed by sessions; feeds agents with the reason and the log with a line. Guarantees
//! that a process which keeps trying is told of once, not at every try.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postrider_domain::scheduler::AgentIdentity;
use postrider_domain::time::Timestamp;
use tonic::Status;

use crate::flow::dispatch::Refused;

/// Whoever tries again within this time was told of already; agents try every 2 s.
const TRYING_STILL: Duration = Duration::from_secs(60);
/// Most processes that are remembered.
const MAX_REMEMBERED: usize = 1_000;

/// What an agent is told; the messages name the id.
pub fn status(why: Refused, identity: &AgentIdentity) -> Status {
    let id = &identity.agent.0;
    match why {
        Refused::SameProcess => {
            Status::aborted(format!("this process of the agent {id} has a stream here already"))
        }
        Refused::IdInUse => Status::already_exists(format!(
            "another process that calls itself agent {id} is connected, or was a moment ago"
        )),
        Refused::TooManyStreams => {
            Status::resource_exhausted("this replica has as many agents' streams as it takes")
        }
    }
}

/// Who was refused lately.
#[derive(Default)]
pub struct Refusals(Mutex<HashMap<AgentIdentity, Timestamp>>);

impl Refusals {
    /// Notes that a process was refused.
    pub fn note(&self, why: Refused, identity: &AgentIdentity, now: Timestamp) {
        // Over two addresses of this replica every agent does that, as it should.
        if why == Refused::SameProcess || !self.is_new(identity, now) {
            return;
        }
        let (agent, reason) = (&identity.agent.0, status(why, identity));
        tracing::warn!(%agent, reason = reason.message(), "an agent is refused, and may try again");
    }

    fn is_new(&self, identity: &AgentIdentity, now: Timestamp) -> bool {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        refused.retain(|_, last| now.since(*last) < TRYING_STILL);
        let is_known = refused.contains_key(identity);
        if is_known || refused.len() < MAX_REMEMBERED {
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
        let refusals = Refusals::default();
        let at = |seconds| Timestamp::default() + Duration::from_secs(seconds);
        assert!(refusals.is_new(&process(1), at(0)));
        assert!(!refusals.is_new(&process(1), at(50)));
        assert!(!refusals.is_new(&process(1), at(100)), "it never stopped trying");
        assert!(refusals.is_new(&process(2), at(100)), "another process");
        assert!(refusals.is_new(&process(1), at(161)), "it was gone for a minute");
    }
}
