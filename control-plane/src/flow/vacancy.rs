//! A control plane without any agent.
//!
//! Fed by each look at everybody; feeds the log. Guarantees one line when there has
//! been no agent for a minute, at any replica, and one when there is one again.

use std::time::Duration;

use postrider_domain::time::Timestamp;

/// An agent that is being replaced, or a cluster that starts, is no news.
const PATIENCE: Duration = Duration::from_secs(60);

/// Since when there has been no agent.
#[derive(Default)]
pub struct Vacancy {
    since: Option<Timestamp>,
    said: bool,
}

impl Vacancy {
    /// Says what is to be said, once.
    pub fn look(&mut self, has_agent: bool, now: Timestamp) {
        match self.change(has_agent, now) {
            Some(true) => tracing::info!("an agent is connected"),
            Some(false) => tracing::warn!(
                "no agent has been connected to any replica for a minute: what is published \
                 waits until a postrider-agent runs with --control-plane and --region"
            ),
            None => {}
        }
    }

    /// Whether there is an agent, where that is news.
    fn change(&mut self, has_agent: bool, now: Timestamp) -> Option<bool> {
        if has_agent {
            self.since = None;
            return std::mem::take(&mut self.said).then_some(true);
        }
        let since = *self.since.get_or_insert(now);
        let is_news = !self.said && now.since(since) >= PATIENCE;
        self.said |= is_news;
        is_news.then_some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_once_after_a_minute_and_once_when_it_is_over() {
        let mut vacancy = Vacancy::default();
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
