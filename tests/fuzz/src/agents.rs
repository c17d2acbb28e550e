//! What agents say: Hello, results, inventories, returns.

use std::sync::LazyLock;
use std::time::Duration;

use postrider::agents::fuzzing::{is_proven, read_hello, read_result};
use postrider::api::fuzzing::FUZZED_TIME;
use postrider::settings::{AgentsSettings, Settings};
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::attempt_limits::{
    MAX_ERROR_BYTES, MAX_EXCERPT_BYTES, MAX_REPORTED_HEADERS, MAX_REPORTED_HEADERS_BYTES,
    is_unprintable,
};
use prost::Message as _;
use tonic::Code;

use crate::examples;

/// The key of an installation, of which no agent knows.
const INSTALLATION_KEY: [u8; 32] = [0x5c; 32];
/// As `control-plane/src/agents/attempt_report.rs` has it.
const MAX_ATTEMPT_SPAN: Duration = Duration::from_secs(600);

static SETTINGS: LazyLock<AgentsSettings> =
    LazyLock::new(|| Settings::parse("", std::iter::empty()).expect("the defaults").agents);

/// A message of the work stream. Nothing in it is proven by itself, and whatever is
/// recorded of it is bounded.
pub fn messages(data: &[u8]) {
    let Ok(wire::WorkRequest { message: Some(said) }) = wire::WorkRequest::decode(data) else {
        return;
    };
    // What is logged of it.
    let _ = format!("{said:?}");
    match said {
        AgentMessage::Hello(hello) => {
            check_hello(&hello);
            unproven(hello.in_flight.iter().chain(&hello.unacknowledged));
        }
        AgentMessage::Results(said) => {
            for result in said.results {
                unproven(&result.key);
                check_result(result);
            }
        }
        AgentMessage::ReturnAssignments(said) => unproven(&said.keys),
        AgentMessage::Inventory(said) => {
            unproven(said.in_flight.iter().chain(&said.unacknowledged));
        }
        AgentMessage::Credit(_) | AgentMessage::Draining(_) | AgentMessage::Heartbeat(_) => {}
    }
}

fn unproven<'k>(keys: impl IntoIterator<Item = &'k wire::AttemptKey>) {
    for key in keys {
        assert!(!is_proven(key, INSTALLATION_KEY), "{key:?}");
    }
}

fn check_hello(hello: &wire::Hello) {
    match read_hello(hello, &SETTINGS, FUZZED_TIME) {
        Ok(agent) => {
            assert!((1..=SETTINGS.max_in_flight_per_agent).contains(&agent.max_in_flight));
            assert!(agent.identity.agent.0.bytes().all(|byte| byte.is_ascii_graphic()));
            assert_eq!(agent.identity.agent.name(), hello.agent_id);
            assert!(!agent.version.contains(is_unprintable));
        }
        Err(refused) => assert_eq!(refused.code(), Code::InvalidArgument),
    }
}

fn check_result(result: wire::AttemptResult) {
    let (delivery, agent) = (examples::delivery(), examples::agent());
    let now = FUZZED_TIME + Duration::from_secs(60);
    let Some(report) = read_result(result, &delivery, &agent, now) else { return };
    let record = &report.record;
    assert_eq!(record.subscription, delivery.subscription);
    assert_eq!((record.event, &record.event_type), (delivery.event, &delivery.event_type));
    assert_eq!(record.agent, agent.identity.agent.without_region());
    assert_eq!(report.reporter.as_ref(), Some(&agent.identity));
    assert!((delivery.create_time()..=now).contains(&record.start_time), "{record:?}");
    assert!(record.http_status.is_none_or(|status| (100..=599).contains(&status)));
    assert!(record.timings.total <= MAX_ATTEMPT_SPAN);
    assert!(record.error.len() <= MAX_ERROR_BYTES && !record.error.contains(is_unprintable));
    assert!(record.response_body.len() <= MAX_EXCERPT_BYTES);
    assert!(record.response_body_bytes >= record.response_body.len() as u64);
    assert!(record.response_headers.len() <= MAX_REPORTED_HEADERS);
    let bytes = record.response_headers.iter().map(|(name, value)| name.len() + value.len());
    assert!(bytes.sum::<usize>() <= MAX_REPORTED_HEADERS_BYTES);
}

pub fn agent_messages() -> Vec<Vec<u8>> {
    let key = || wire::AttemptKey {
        delivery_id: bytes::Bytes::from_static(&[1; 16]),
        number: 1,
        shard: 1,
        epoch: 7,
        mac: bytes::Bytes::from_static(&[2; 16]),
    };
    let hello = wire::Hello {
        agent_id: "agent-1".into(),
        incarnation: bytes::Bytes::from_static(&[3; 16]),
        region: "eu".into(),
        version: "0.1.0".into(),
        max_in_flight: 512,
        in_flight: vec![key()],
        unacknowledged: vec![key()],
        ..Default::default()
    };
    let lasted = |nanos| Some(prost_types::Duration { seconds: 0, nanos });
    let result = wire::AttemptResult {
        key: Some(key()),
        tenant: "acme".into(),
        fact: wire::Fact::Response.into(),
        http_status: 503,
        age: lasted(9_000_000),
        timings: Some(wire::Timings {
            dns: lasted(1),
            total: lasted(7_000_000),
            ..Default::default()
        }),
        response_headers: vec![wire::Header { name: "server".into(), value: "x".into() }],
        response_body: "busy".into(),
        response_body_bytes: 4,
        error: "the status is 503".into(),
        remote_address: "192.0.2.1:443".into(),
        http_version: "HTTP/2".into(),
        retry_after: "60".into(),
        subscription_version: 3,
        ..Default::default()
    };
    let inventory =
        wire::Inventory { shard: 1, epoch: 8, in_flight: vec![key()], unacknowledged: vec![key()] };
    let returned = wire::Return { keys: vec![key()], reason: wire::ReturnReason::Draining.into() };
    let said = [
        AgentMessage::Hello(hello),
        AgentMessage::Results(wire::Results { results: vec![result] }),
        AgentMessage::Inventory(inventory),
        AgentMessage::ReturnAssignments(returned),
    ];
    said.map(|message| wire::WorkRequest { message: Some(message) }.encode_to_vec()).to_vec()
}
