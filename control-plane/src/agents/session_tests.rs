//! How work streams end, and what their agents are told.

use std::collections::HashMap;
use std::time::SystemTime;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_store_memory::MemoryStore;
use postrider_tls::CertificateNames;
use tokio::task::JoinSet;
use tonic::Code;
use tonic_types::{ErrorDetails, StatusExt as _};

use super::*;
use crate::clock::SystemClock;
use crate::fixtures::FIXTURE_TIME;
use crate::listeners::AgentIdentities;
use crate::metrics::Metrics;
use crate::replicas::GrpcCalls;
use crate::serve;
use crate::settings::Settings;

/// Far longer than anything here takes.
const TEST_LIMIT: Duration = Duration::from_secs(20);

fn settings() -> Settings {
    let flags = [
        ("database.url", "postgres://memory".to_owned()),
        ("server.metrics_listen", String::new()),
        ("agents.spiffe_trust_domain", "bank.example".to_owned()),
    ];
    Settings::load(None, &flags).unwrap()
}

fn sessions() -> (AgentSessions, JoinSet<()>) {
    let assembled = serve::assemble(
        Arc::new(settings()),
        (Arc::new(MemoryStore::new(4, || FIXTURE_TIME)), AssignmentKey::new([7; 32])),
        SystemClock::starting_at(FIXTURE_TIME),
        String::new(),
        Arc::new(GrpcCalls::new(None)),
        Metrics::default(),
    );
    let stop = CancellationToken::new();
    (AgentSessions::new(assembled.context, assembled.flow, stop), assembled.tasks)
}

fn hello() -> AgentMessage {
    AgentMessage::Hello(Hello {
        agent_id: "agent-1".to_owned(),
        incarnation: vec![7; 16].into(),
        region: "eu".to_owned(),
        version: "0".to_owned(),
        max_in_flight: 8,
        stream: 1,
        ..Hello::default()
    })
}

/// What an agent is told at the end that says this after its Hello, and then nothing.
async fn told_at_the_end(said: Vec<AgentMessage>, grants: &AgentGrants) -> Status {
    let said = said.into_iter().map(|message| Ok(WorkRequest { message: Some(message) }));
    told_after(said.collect(), grants).await
}

async fn told_after(arrives: Vec<Result<WorkRequest, Status>>, grants: &AgentGrants) -> Status {
    let (sessions, _tasks) = sessions();
    let said = [Ok(WorkRequest { message: Some(hello()) })].into_iter().chain(arrives);
    let incoming = futures::stream::iter(said).chain(futures::stream::pending()).boxed();
    let answers = sessions.work(incoming, grants).await.unwrap();
    let mut ends = answers.filter_map(|answer| std::future::ready(answer.err())).boxed();
    let end = tokio::time::timeout(TEST_LIMIT, ends.next()).await.unwrap();
    end.expect("a status that says why")
}

#[tokio::test]
async fn who_breaks_a_rule_is_told_which() {
    let unproven = wire::Results { results: vec![wire::AttemptResult::default(); 1001] };
    for (said, why) in [
        (AgentMessage::Results(unproven), "that were not assigned to it"),
        (hello(), "a second Hello"),
    ] {
        let told = told_at_the_end(vec![said], &AgentGrants::unrestricted()).await;
        assert_eq!(told.code(), Code::InvalidArgument, "{told}");
        assert!(told.message().contains(why), "{told}");
        assert!(told.message().contains("agent-1"), "{told}");
    }
}

#[tokio::test]
async fn who_sends_what_cannot_be_read_is_told_why() {
    let reason = ErrorDetails::with_error_info("MESSAGE_TOO_LARGE", "postrider", HashMap::new());
    let large = Status::with_error_details(Code::ResourceExhausted, "it is", reason);
    let told = told_after(vec![Err(large)], &AgentGrants::unrestricted()).await;
    assert_eq!((told.code(), told.message()), (Code::ResourceExhausted, "it is"));
    assert_eq!(told.get_details_error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
    let garbage = Status::internal("failed to decode");
    let told = told_after(vec![Err(garbage)], &AgentGrants::unrestricted()).await;
    assert_eq!(told.message(), "failed to decode", "the layer makes it INVALID_ARGUMENT");
}

#[tokio::test]
async fn who_is_silent_is_told_so() {
    let told = told_at_the_end(Vec::new(), &AgentGrants::unrestricted()).await;
    assert_eq!(told.code(), Code::DeadlineExceeded, "{told}");
}

#[tokio::test]
async fn a_stream_ends_with_its_agent_s_certificate() {
    let names = CertificateNames {
        uris: vec!["spiffe://bank.example/postrider/agent/eu".to_owned()],
        dns_names: Vec::new(),
        common_name: None,
        subject: String::new(),
        not_after: SystemTime::now() + Duration::from_millis(500),
    };
    let grants = AgentIdentities::new(&settings().agents).find(&names).unwrap();
    let told = told_at_the_end(Vec::new(), &grants).await;
    assert_eq!(told.code(), Code::Unauthenticated, "{told}");
    assert!(told.message().contains("has expired"), "{told}");
}
