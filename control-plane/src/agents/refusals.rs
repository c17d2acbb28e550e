//! Refused and ended streams: the status for the agent, and one log line per process.
//!
//! A process that keeps trying is logged once, not at every try. Every status has its reason,
//! and those that pass say when to try again.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use postrider_domain::scheduler::AgentIdentity;
use postrider_domain::time::Timestamp;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, QuotaViolation, StatusExt as _};

use crate::listeners::ERROR_DOMAIN;
use crate::metrics::Metrics;
use crate::state::dispatcher::streams::StreamRefusal;

/// A process that tries again within this time is not logged again; agents try every
/// 2 s.
const REFUSAL_LOG_INTERVAL: Duration = Duration::from_secs(60);
/// When to try again: as often as agents do.
const RETRY_PAUSE: Duration = Duration::from_secs(2);
/// Most processes that are remembered. Chosen, not measured: a quarter of
/// `agents.max_streams`; those beyond are logged more often.
const MAX_REMEMBERED_REFUSALS: usize = 1_000;

/// What an agent is told; the messages name the id.
pub fn status(why: StreamRefusal, identity: &AgentIdentity) -> Status {
    let (code, reason) = code_and_reason(why);
    let message = message(why, identity.agent.name());
    let mut details = ErrorDetails::with_error_info(reason, ERROR_DOMAIN, HashMap::new());
    if let Some(setting) = limit_setting(why) {
        details.set_quota_failure(vec![QuotaViolation::new(setting, message.clone())]);
    }
    if matches!(code, Code::ResourceExhausted | Code::Unavailable) {
        details.set_retry_info(Some(RETRY_PAUSE));
    }
    Status::with_error_details(code, message, details)
}

/// The setting of the limit that was reached, if it was one.
const fn limit_setting(why: StreamRefusal) -> Option<&'static str> {
    match why {
        StreamRefusal::TooManyStreams => Some("agents.max_streams"),
        StreamRefusal::TooManyOfCertificate => Some("agents.max_streams_per_certificate"),
        StreamRefusal::TooManyRegions => Some("agents.max_unnamed_regions"),
        StreamRefusal::NotReading => Some("agents.max_queued_messages"),
        StreamRefusal::SameProcess
        | StreamRefusal::IdInUse
        | StreamRefusal::CertificateExpired
        | StreamRefusal::UnprovenResults
        | StreamRefusal::ResultWithoutFact
        | StreamRefusal::SecondHello
        | StreamRefusal::Silent
        | StreamRefusal::Stopping => None,
    }
}

/// Counts the refusal, and the limit that was reached, if it was one.
pub fn count(why: StreamRefusal, metrics: &Metrics) {
    let (_, reason) = code_and_reason(why);
    metrics.stream_refused(reason);
    if let Some(setting) = limit_setting(why) {
        metrics.limits().reached(setting);
    }
}

const fn code_and_reason(why: StreamRefusal) -> (Code, &'static str) {
    match why {
        StreamRefusal::SameProcess => (Code::Aborted, "SAME_PROCESS"),
        StreamRefusal::IdInUse => (Code::AlreadyExists, "AGENT_ID_IN_USE"),
        StreamRefusal::TooManyStreams | StreamRefusal::TooManyOfCertificate => {
            (Code::ResourceExhausted, "TOO_MANY_STREAMS")
        }
        StreamRefusal::TooManyRegions => (Code::ResourceExhausted, "TOO_MANY_REGIONS"),
        StreamRefusal::NotReading => (Code::ResourceExhausted, "READS_TOO_SLOWLY"),
        StreamRefusal::CertificateExpired => (Code::Unauthenticated, "UNAUTHENTICATED"),
        StreamRefusal::UnprovenResults => (Code::InvalidArgument, "UNPROVEN_RESULTS"),
        StreamRefusal::ResultWithoutFact | StreamRefusal::SecondHello => {
            (Code::InvalidArgument, "INVALID_REQUEST")
        }
        StreamRefusal::Silent => (Code::DeadlineExceeded, "SILENT"),
        StreamRefusal::Stopping => (Code::Unavailable, "STOPPING"),
    }
}

fn message(why: StreamRefusal, id: &str) -> String {
    match why {
        StreamRefusal::SameProcess => {
            format!("this process of agent {id} already has a stream at this replica")
        }
        StreamRefusal::IdInUse => format!(
            "another process with the agent id {id} is connected, or was until a moment ago"
        ),
        StreamRefusal::TooManyStreams => {
            "this replica has reached its limit of agent streams (agents.max_streams)".to_owned()
        }
        StreamRefusal::TooManyOfCertificate => format!(
            "the certificate of agent {id} has as many streams at this replica as it may \
             (agents.max_streams_per_certificate)"
        ),
        StreamRefusal::CertificateExpired => format!(
            "the certificate of agent {id} has expired; connect again with one that is valid"
        ),
        StreamRefusal::UnprovenResults => {
            format!("agent {id} sent too many results of attempts that were not assigned to it")
        }
        StreamRefusal::ResultWithoutFact => format!(
            "a result of agent {id} has no valid fact: it does not say how its attempt ended"
        ),
        StreamRefusal::SecondHello => format!("agent {id} sent a second Hello on its stream"),
        StreamRefusal::Silent => format!("agent {id} was silent for too long"),
        StreamRefusal::NotReading => format!(
            "agent {id} does not read its messages fast enough (agents.max_queued_messages)"
        ),
        StreamRefusal::Stopping => "this replica is stopping".to_owned(),
        StreamRefusal::TooManyRegions => format!(
            "no subscription names the region of agent {id}, and this replica has reached its \
             limit of such regions (agents.max_unnamed_regions)"
        ),
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
    use std::fmt::Write as _;

    use postrider_domain::ids::AgentId;

    use super::*;
    use crate::fixtures;

    const ALL: [StreamRefusal; 12] = [
        StreamRefusal::SameProcess,
        StreamRefusal::IdInUse,
        StreamRefusal::TooManyStreams,
        StreamRefusal::TooManyOfCertificate,
        StreamRefusal::TooManyRegions,
        StreamRefusal::CertificateExpired,
        StreamRefusal::UnprovenResults,
        StreamRefusal::ResultWithoutFact,
        StreamRefusal::SecondHello,
        StreamRefusal::Silent,
        StreamRefusal::NotReading,
        StreamRefusal::Stopping,
    ];

    #[test]
    fn every_refusal_is_here() {
        let source = include_str!("../state/dispatcher/streams.rs");
        let (_, list) = source.split_once("pub enum StreamRefusal {").unwrap();
        let (list, _) = list.split_once("\n}").unwrap();
        let code = list.lines().map(str::trim).filter(|line| !line.starts_with("///"));
        let names = code.filter_map(|line| line.strip_suffix(','));
        assert_eq!(names.collect::<Vec<_>>(), ALL.map(|why| format!("{why:?}")));
    }

    /// The table of docs/errors.md.
    fn documented() -> String {
        let mut text = String::from("| reason | what the agent is told |\n|---|---|\n");
        for why in ALL {
            let ((_, reason), message) = (code_and_reason(why), message(why, "ID"));
            let _ = writeln!(text, "| `{reason}` | {message} |");
        }
        text
    }

    /// `POSTRIDER_WRITE_DOCS=1` writes the table instead.
    #[test]
    fn the_documents_show_every_refusal() {
        fixtures::assert_documented("errors.md", "generated for agents", &documented());
    }

    #[test]
    fn a_limit_says_its_setting_and_when_to_try_again() {
        let identity = AgentIdentity { agent: AgentId("a".into()), incarnation: [1; 16] };
        let refused = status(StreamRefusal::TooManyStreams, &identity);
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert_eq!(refused.get_details_error_info().unwrap().reason, "TOO_MANY_STREAMS");
        assert_eq!(refused.get_details_retry_info().unwrap().retry_delay, Some(RETRY_PAUSE));
        let quota = refused.get_details_quota_failure().unwrap().violations;
        assert_eq!(quota[0].subject, "agents.max_streams");
        let wrong = status(StreamRefusal::SecondHello, &identity);
        assert_eq!(wrong.get_details_error_info().unwrap().reason, "INVALID_REQUEST");
        assert!(wrong.get_details_retry_info().is_none());
    }

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
