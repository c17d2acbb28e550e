//! Operational events and automatic disabling.
//!
//! Fed by small clusters, and by control planes on a clock of the test's; feeds
//! `control`. Guarantees that an operator who subscribes to `postrider.*` is told
//! what happens to subscriptions and deliveries, once each and signed like
//! anything else, and that nobody else is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{
    AutoDisable, DeliveryState, GetEventRequest, SigningKeyKind, Subscription, SubscriptionStatus,
    TestSubscriptionRequest,
};
use postrider_tests::api::violated_fields;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::publish::{event, fixed_delays, subscription};
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::receiver::{Received, Receiver};
use postrider_tests::signature::assert_signed;
use postrider_tests::timed::Timed;
use serde_json::Value;

use crate::stage::{DEFAULT_PAYLOAD, DEFAULT_REGION, SETTLE_WAIT, SOON_LIMIT, Stage, delays, once};

const ONE_MINUTE: Duration = Duration::from_mins(1);

/// The shortest time that is allowed.
fn within_a_minute() -> Option<AutoDisable> {
    Some(AutoDisable { after: Some(ONE_MINUTE.try_into().unwrap()), never: false })
}

/// In the envelope that names the type, so that a receiver can tell.
pub fn operators(url: &str, event_types: &[&str]) -> Subscription {
    let mut wanted =
        Subscription { region: DEFAULT_REGION.to_owned(), ..subscription(url, event_types) };
    wanted.set_envelope(postrider_proto::v1::Envelope::StandardWebhooks);
    wanted
}

/// The type of an operational event and what it says.
pub fn told(request: &Received) -> (String, Value) {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    (body["type"].as_str().unwrap().to_owned(), body["data"].clone())
}

/// Waits for one more notice and returns it.
async fn next(receiver: &Receiver, secret: &str, count: usize) -> (String, Value) {
    let requests = receiver.wait_for_at("/operators", count, SOON_LIMIT).await.unwrap();
    assert_eq!(requests.len(), count, "{:?}", requests.iter().map(|r| told(r)).collect::<Vec<_>>());
    let request: &Arc<Received> = requests.last().unwrap();
    assert_signed(request, secret).unwrap();
    told(request)
}

/// Exhausted, rotated, disabled: to those who asked for them, and nobody else.
pub async fn those_who_asked_are_told_and_nobody_else(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "told").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    let wanted = Subscription { retry_policy: Some(delays(&[100, 100])), ..stage.wanted("/hook") };
    let hook = stage.create(wanted).await.name;
    stage.subscribe("/everything").await;
    let url = stage.receiver.url("/operators");
    let secret = stage.create(operators(&url, &["postrider.*"])).await.signing_secret;

    let failed = stage.publish().await;
    let (kind, data) = next(&stage.receiver, &secret, 1).await;
    assert_eq!(kind, "postrider.delivery.exhausted");
    assert_eq!(data["event"], failed.as_str());
    assert_eq!(data["subscription"], hook.as_str());
    assert_eq!(data["attempt_count"], 3);
    assert_eq!(data["end_reason"], "ATTEMPTS_EXHAUSTED");
    assert_eq!(data["host"], "127.0.0.1");

    let rotated = stage.api.rotate(&hook, SigningKeyKind::Unspecified, None).await.unwrap();
    let (kind, data) = next(&stage.receiver, &secret, 2).await;
    assert_eq!(kind, "postrider.secret.rotated");
    assert_eq!(data["key_id"], rotated.signing_keys[1].id.as_str());
    assert_eq!(data["old_key_id"], rotated.signing_keys[0].id.as_str());
    assert!(data["old_key_expire_time"].as_str().unwrap().ends_with('Z'), "{data}");
    assert!(!data.to_string().contains(&rotated.signing_secret));

    // A test that fails is nobody's business but its caller's.
    let tested = stage.api.subscriptions.test_subscription(TestSubscriptionRequest {
        name: hook.clone(),
        event_type: "payment.completed".to_owned(),
        ..TestSubscriptionRequest::default()
    });
    tested.await.unwrap();
    stage.api.disable(&hook).await.unwrap();
    let (kind, data) = next(&stage.receiver, &secret, 3).await;
    assert_eq!(kind, "postrider.endpoint.disabled");
    assert_eq!(data["by"], "CALLER");
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/operators"), 3);
    assert_eq!(stage.receiver.received_at("/everything"), 1, "the payment alone");
}

/// What a receiver says of itself is told as the system's doing.
pub async fn a_receiver_that_is_gone_is_told_of(cluster: &Cluster) {
    let stage = Stage::set(cluster, "told-gone").await;
    stage.receiver.script("/hook", [status(StatusCode::GONE)]);
    let hook = stage.subscribe("/hook").await.name;
    let url = stage.receiver.url("/operators");
    let wanted = operators(&url, &["postrider.endpoint.*"]);
    let secret = stage.create(wanted).await.signing_secret;
    stage.publish().await;
    let (kind, data) = next(&stage.receiver, &secret, 1).await;
    assert_eq!(kind, "postrider.endpoint.disabled");
    assert_eq!((&data["subscription"], &data["by"]), (&hook.into(), &"SYSTEM".into()));
    assert!(data["reason"].as_str().unwrap().starts_with("GONE"), "{data}");
}

/// Nobody else may publish them.
pub async fn nobody_else_publishes_operational_events(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "reserved").await;
    for name in ["postrider.x", "postrider.endpoint.failing"] {
        let refused =
            stage.api.publish(&stage.tenant, event(name, DEFAULT_PAYLOAD), "").await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused:?}");
        assert_eq!(violated_fields(&refused), ["event.event_type"]);
    }
    stage.publish_event(event("postriders.x", DEFAULT_PAYLOAD)).await;
}

/// Warned about after a tenth of its time, then well again.
pub async fn an_endpoint_that_is_well_again_is_told_of(cluster: &Cluster) {
    let stage = Stage::set(cluster, "recovered").await;
    stage.receiver.script("/hook", [status(StatusCode::SERVICE_UNAVAILABLE)]);
    let wanted = Subscription {
        retry_policy: Some(delays(&[500; 50])),
        auto_disable: within_a_minute(),
        ..stage.wanted("/hook")
    };
    let hook = stage.create(wanted).await.name;
    let url = stage.receiver.url("/operators");
    let wanted = operators(&url, &["postrider.endpoint.*"]);
    let secret = stage.create(wanted).await.signing_secret;
    let event = stage.publish().await;
    let (kind, data) = next(&stage.receiver, &secret, 1).await;
    assert_eq!(kind, "postrider.endpoint.failing");
    assert_eq!(data["subscription"], hook.as_str());
    assert_eq!(data["stage"], "1/10");
    assert_eq!(data["last_attempt"]["http_status"], 503);
    let since = data["failing_since"].clone();
    stage.receiver.script("/hook", [ok()]);
    let (kind, data) = next(&stage.receiver, &secret, 2).await;
    assert_eq!(kind, "postrider.endpoint.recovered");
    assert_eq!(data["failing_since"], since);
    let deliveries = stage.api.clone().deliveries_of(&event).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/operators"), 2);
}

/// Retried once a day, an endpoint is warned about and given up within its minute
/// all the same; enabled again, it has a whole minute again.
async fn an_endpoint_that_fails_for_long_is_told_of_and_disabled(engine: Engine) {
    let timed = Timed::start(engine).await.unwrap();
    let receiver = timed.receiver().await.unwrap();
    receiver.script("/hook", [status(StatusCode::INTERNAL_SERVER_ERROR)]);
    let mut api = timed.api();
    let tenant = api.create_tenant("given-up").await.unwrap();
    let wanted = Subscription {
        region: DEFAULT_REGION.to_owned(),
        retry_policy: Some(fixed_delays(&[Duration::from_hours(24)]).unwrap()),
        auto_disable: within_a_minute(),
        ..subscription(&receiver.url("/hook"), &["payment.*"])
    };
    let hook = api.subscribe(&tenant, wanted).await.unwrap().name;
    let wanted = operators(&receiver.url("/operators"), &["postrider.*"]);
    let secret = api.subscribe(&tenant, wanted).await.unwrap().signing_secret;
    api.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
    receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    api.wait_for_deliveries(&tenant, "state = WAITING", 1, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(receiver.received_at("/operators"), 0, "too soon");

    for (count, stage, leap) in [(1, "1/10", 6), (2, "1/2", 24)] {
        timed.clock.advance(Duration::from_secs(leap));
        let (kind, data) = next(&receiver, &secret, count).await;
        assert_eq!((kind.as_str(), &data["stage"]), ("postrider.endpoint.failing", &stage.into()));
        assert!(data["disable_time"].is_string(), "{data}");
        assert_eq!(api.subscription(&hook).await.unwrap().status(), SubscriptionStatus::Enabled);
    }
    timed.clock.advance(ONE_MINUTE / 2);
    let (kind, data) = next(&receiver, &secret, 3).await;
    assert_eq!(kind, "postrider.endpoint.disabled");
    assert_eq!(data["by"], "SYSTEM");
    let disabled = api.subscription(&hook).await.unwrap();
    assert_eq!(disabled.status(), SubscriptionStatus::Disabled);
    assert!(disabled.status_reason.starts_with("AUTO_DISABLED: "), "{disabled:?}");
    assert_eq!(data["reason"], disabled.status_reason.as_str());

    api.enable(&hook).await.unwrap();
    api.publish(&tenant, event("payment.completed", DEFAULT_PAYLOAD), "").await.unwrap();
    receiver.wait_for_at("/hook", 2, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(2 * SETTLE_WAIT).await;
    assert_eq!(receiver.received_at("/operators"), 3, "a failure is the first again");
    timed.clock.advance(Duration::from_secs(6));
    let (kind, data) = next(&receiver, &secret, 4).await;
    assert_eq!((kind.as_str(), &data["stage"]), ("postrider.endpoint.failing", &"1/10".into()));
    timed.stop().await.unwrap();
}

on_both_engines!(an_endpoint_that_fails_for_long_is_told_of_and_disabled);

const EVENT_COUNT: usize = 60;

/// Killed in the middle of telling, a control plane goes on after its restart and
/// tells nothing twice, in the tenant and in the operators' own.
async fn nothing_is_told_twice_over_a_crash(engine: Engine) {
    let settings = "[operational_events]\noperators_tenant = \"operators\"\n".to_owned();
    let description = Description { engine, settings, ..Description::default() };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let stage = Stage::set(&cluster, "crashing").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    stage.create(Subscription { retry_policy: Some(once()), ..stage.wanted("/hook") }).await;
    let mut api = stage.api.clone();
    let theirs = api.create_tenant("operators").await.unwrap();
    let only = ["postrider.delivery.exhausted"];
    let own = operators(&stage.receiver.url("/own"), &only);
    let own = stage.create(own).await.name;
    let copies = operators(&stage.receiver.url("/operators"), &["postrider.*"]);
    let copies = api.subscribe(&theirs, copies).await.unwrap().name;
    for _ in 0..EVENT_COUNT / 20 {
        stage.publish_many(20).await;
    }
    stage.receiver.wait_for_at("/own", 1, SOON_LIMIT).await.unwrap();
    cluster.replicas[0].kill().await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    cluster.wait_for_agents().await.unwrap();

    for (tenant, name, path) in [(&stage.tenant, &own, "/own"), (&theirs, &copies, "/operators")] {
        let filter = format!("subscription = \"{name}\" AND state = SUCCEEDED");
        let ended =
            api.wait_for_deliveries(tenant, &filter, EVENT_COUNT, 3 * SOON_LIMIT).await.unwrap();
        let requests = stage.receiver.requests_to(path);
        let about: BTreeSet<String> =
            requests.iter().map(|r| told(r).1["delivery"].as_str().unwrap().to_owned()).collect();
        assert_eq!(about.len(), EVENT_COUNT, "each delivery is told about once");
        let get = GetEventRequest { name: ended[0].event.clone(), ..GetEventRequest::default() };
        let event = api.events.get_event(get).await.unwrap().into_inner();
        let account = if path == "/own" { "" } else { "crashing" };
        assert_eq!(event.account, account);
    }
    tokio::time::sleep(2 * SETTLE_WAIT).await;
    for (tenant, name) in [(&stage.tenant, &own), (&theirs, &copies)] {
        let all = format!("subscription = \"{name}\"");
        let all = api.all_deliveries(tenant, &all).await.unwrap();
        assert_eq!(all.len(), EVENT_COUNT, "nothing is published twice");
        assert!(all.iter().all(|item| item.state() == DeliveryState::Succeeded));
    }
}

on_both_engines!(nothing_is_told_twice_over_a_crash);
