//! Values that tests of several modules begin with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, Outcome, StepTimings, Trigger,
};
use postrider_domain::event::{Event, EventContent};
use postrider_domain::ids::{AgentId, AttemptKey, DeliveryId, Epoch, EventId, ReplicaId, Shard};
use postrider_domain::secret::SigningSecret;
use postrider_domain::signature::{KeyKind, SigningKey};
use postrider_domain::subscription::{Subscription, SubscriptionConfig, SubscriptionStatus};
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::{StoppedClock, Timestamp};
use postrider_identity::{AuditDraft, AuditOrigin};
use postrider_store::AgentSighting;

pub const FIXTURE_TIME: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

/// The record of a change whose record does not matter.
pub fn audit() -> AuditDraft {
    AuditOrigin::command("a test").draft("tests/1", FIXTURE_TIME)
}

pub fn tenant() -> Tenant {
    Tenant {
        id: "acme".parse().unwrap(),
        display_name: "Acme".into(),
        allow_insecure_urls: false,
        labels: BTreeMap::new(),
        retention: TenantRetention::default(),
        config_version: 3,
        revision: 2,
        create_time: FIXTURE_TIME,
        update_time: FIXTURE_TIME,
        delete_time: None,
    }
}

pub fn subscription() -> Subscription {
    Subscription {
        tenant: "acme".parse().unwrap(),
        id: "erp".parse().unwrap(),
        status: SubscriptionStatus::Enabled,
        status_reason: String::new(),
        settings: SubscriptionConfig {
            display_name: "ERP".into(),
            url: "https://example.com/hook".into(),
            event_types: vec!["*".parse().unwrap()],
            ..SubscriptionConfig::default()
        },
        signing_keys: vec![SigningKey {
            id: "key-1".into(),
            kind: KeyKind::Standard,
            secret: SigningSecret::new(vec![7; 32]),
            create_time: FIXTURE_TIME,
            expire_time: None,
        }],
        paused_clock: StoppedClock::default(),
        revision: 1,
        request_revision: 1,
        create_time: FIXTURE_TIME,
        update_time: FIXTURE_TIME,
        delete_time: None,
    }
}

pub fn event() -> Event {
    Event {
        tenant: "acme".parse().unwrap(),
        id: EventId::new(FIXTURE_TIME, [1; 10]),
        content: EventContent::new(
            "payment.completed".into(),
            "application/json".into(),
            Bytes::from_static(b"{}"),
        ),
        matched: 1,
        test: false,
        payload_removal: None,
    }
}

pub fn delivery() -> Delivery {
    Delivery {
        id: DeliveryId::new(FIXTURE_TIME, [2; 10]),
        subscription: subscription().key(),
        event: event().id,
        event_type: event().content.event_type,
        account: Some("acc".into()),
        shard: Shard(1),
        epoch: Epoch(1),
        state: DeliveryState::Waiting,
        end_reason: None,
        attempts: 1,
        failures: 1,
        trigger: Trigger::Retry,
        due: FIXTURE_TIME,
        deadline: FIXTURE_TIME + Duration::from_secs(3600),
        end_time: None,
        ordering_key: None,
        sequence: None,
        test: false,
        resend_of: None,
        filter_failed: false,
    }
}

pub fn attempt() -> AttemptRecord {
    let delivery = delivery();
    AttemptRecord {
        key: AttemptKey { delivery: delivery.id, number: 1 },
        subscription: delivery.subscription,
        event: delivery.event,
        event_type: delivery.event_type,
        outcome: Outcome::HttpStatus,
        http_status: Some(503),
        start_time: FIXTURE_TIME,
        timings: StepTimings { total: Duration::from_millis(12), ..StepTimings::default() },
        response_headers: vec![("server".into(), Bytes::from_static(b"x"))],
        response_body: Bytes::from_static(b"busy"),
        response_body_bytes: 4,
        response_body_truncated: false,
        error: "503".into(),
        agent: AgentId("agent-1".into()),
        region: "default".parse().unwrap(),
        remote_address: "192.0.2.1:443".into(),
        http_version: "HTTP/1.1".into(),
        trigger: Trigger::Publish,
        test: false,
        next_attempt_time: Some(FIXTURE_TIME + Duration::from_secs(5)),
        settings_revision: Some(1),
    }
}

pub fn sighting(agent: &str) -> AgentSighting {
    AgentSighting {
        agent: AgentId(agent.into()),
        incarnation: [1; 16],
        region: "eu".parse().unwrap(),
        version: String::new(),
        max_in_flight: 1,
        in_flight: 0,
        draining: false,
        clock_skew_us: 0,
        replica: ReplicaId("one".into()),
        heard: FIXTURE_TIME,
        heard_ago: Duration::ZERO,
    }
}

fn document_path(page: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page)
}

/// A page of the documents.
pub fn document(page: &str) -> String {
    std::fs::read_to_string(document_path(page)).unwrap()
}

/// Compares what a page has between two marks with what the code says;
/// `POSTRIDER_WRITE_DOCS=1` writes that there instead.
pub fn assert_documented(page: &str, mark: &str, said: &str) {
    /// Two tests may write parts of one page.
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock();
    let (begin, end) = (format!("<!-- {mark}: begin -->\n"), format!("<!-- {mark}: end -->"));
    let text = document(page);
    let (before, rest) = text.split_once(&begin).unwrap();
    let (shown, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("POSTRIDER_WRITE_DOCS").is_some() {
        let written = format!("{before}{begin}{said}{end}{after}");
        return std::fs::write(document_path(page), written).unwrap();
    }
    assert_eq!(shown, said, "docs/{page} is not what the code says");
}
