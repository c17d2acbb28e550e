//! Logs that no agent is connected to any replica.
//!
//! Fed by each heartbeat's view; feeds the log. Guarantees one line when there has been
//! no agent for a minute, and one when there is one again. How to drive it: `observe` at
//! each heartbeat.

use std::time::Duration;

use postrider_domain::time::Timestamp;

/// How long there may be no agent before it is logged: an update, or a start, takes less.
const NO_AGENT_GRACE: Duration = Duration::from_secs(60);

/// Whether any agent is connected to any replica.
#[derive(Default)]
pub struct AgentPresence {
    since: Option<Timestamp>,
    is_reported: bool,
}

impl AgentPresence {
    /// Logs a change, once.
    pub fn observe(&mut self, has_agent: bool, now: Timestamp) {
        match self.change(has_agent, now) {
            Some(true) => tracing::info!("an agent is connected"),
            Some(false) => tracing::warn!(
                "no agent has been connected to any replica for a minute; deliveries wait until a \
                 postrider-agent is started with --control-plane and --region"
            ),
            None => {}
        }
    }

    /// Whether there is an agent, if that is to be logged.
    fn change(&mut self, has_agent: bool, now: Timestamp) -> Option<bool> {
        if has_agent {
            self.since = None;
            return std::mem::take(&mut self.is_reported).then_some(true);
        }
        let since = *self.since.get_or_insert(now);
        let is_due = !self.is_reported && now.since(since) >= NO_AGENT_GRACE;
        self.is_reported |= is_due;
        is_due.then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_after_a_minute_and_once_when_it_is_over() {
        let mut vacancy = AgentPresence::default();
        let mut at = |has_agent, seconds| {
            vacancy.change(has_agent, Timestamp::default() + Duration::from_secs(seconds))
        };
        assert_eq!(at(false, 0), None);
        assert_eq!(at(false, 59), None);
        assert_eq!(at(false, 60), Some(false));
        assert_eq!(at(false, 200), None);
        assert_eq!(at(true, 201), Some(true));
        assert_eq!(at(true, 202), None);
        assert_eq!(at(false, 203), None);
        assert_eq!(at(true, 250), None, "it was replaced");
        assert_eq!(at(false, 251), None);
        assert_eq!(at(false, 311), Some(false));
    }
}
