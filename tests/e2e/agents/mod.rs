//! Agents that say more than they were given.
//!
//! Fed by a small cluster and work streams that the tests speak themselves; feeds nobody.
//! Guarantees that what an agent says counts only for what was assigned to it, and costs
//! nobody else anything.

mod floods;
mod stopping;

use std::time::Duration;

use bytes::Bytes;
use postrider_proto::agent::v1::work_request::Message as AgentMessage;
use postrider_proto::agent::v1::{
    Assignment, AttemptKey, AttemptResult, Fact, Header, Results, Return, ReturnReason,
};
use postrider_proto::v1::{
    AttemptOutcome, DeliveryState, GetSubscriptionRequest, Subscription, SubscriptionStatus,
};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::receiver::behaviour::{Gate, held};
use postrider_tests::scripted_agent::{ScriptedAgent, hello};
use tokio::time::sleep;

use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, delays};

/// Longer than the longest text, header list and excerpt that are kept.
const TOO_MANY_BYTES: usize = 100_000;
const TOO_MANY_HEADERS: usize = 1_000;
/// The control plane's bounds.
const MAX_ERROR_BYTES: usize = 1_024;
const MAX_HEADERS: usize = 128;
const MAX_EXCERPT_BYTES: usize = 65_536;

async fn an_agent_speaks_only_of_what_it_was_given(engine: Engine) {
    let cluster = Cluster::small(engine).await.unwrap();
    play!(
        &cluster;
        results_are_for_their_own_deliveries,
        results_need_an_assignment,
        proofs_hold_for_their_agent_alone,
        what_is_too_large_is_cut,
        another_agents_work_is_not_returned,
    );
}

on_both_engines!(an_agent_speaks_only_of_what_it_was_given);

/// An attempt that ended with this status.
fn result(key: Option<AttemptKey>, tenant: &str, http_status: u32) -> AttemptResult {
    AttemptResult {
        key,
        tenant: tenant.to_owned(),
        fact: Fact::Response.into(),
        http_status,
        ..AttemptResult::default()
    }
}

async fn say_results(stream: &ScriptedAgent, results: Vec<AttemptResult>) {
    stream.say(AgentMessage::Results(Results { results })).await.unwrap();
}

async fn status_of(api: &Api, name: &str) -> SubscriptionStatus {
    let request = GetSubscriptionRequest { name: name.to_owned() };
    let found = api.clone().subscriptions.get_subscription(request).await;
    found.unwrap().into_inner().status()
}

/// A tenant whose only subscription is served by a stream in a region of its own, and one
/// assignment of it.
async fn assigned(cluster: &Cluster, tenant: &str) -> (Stage, String, ScriptedAgent, Assignment) {
    let stage = Stage::set(cluster, tenant).await;
    let wanted = Subscription { region: format!("regions/{tenant}"), ..stage.wanted("/hook") };
    stage.create(wanted).await;
    let mut stream = ScriptedAgent::open(cluster, hello(&format!("agent-{tenant}"), tenant)).await;
    let stream_ref = stream.as_mut().unwrap();
    let (taken, event) = tokio::join!(stream_ref.take(1), stage.publish());
    let assignment = taken.unwrap().remove(0);
    (stage, event, stream.unwrap(), assignment)
}

/// A result that names another tenant concerns the delivery that was assigned. (It
/// disabled the other tenant's subscription.)
async fn results_are_for_their_own_deliveries(cluster: &Cluster) {
    let victim = Stage::set(cluster, "victim").await;
    let theirs = victim.subscribe("/theirs").await;
    let (stage, event, mut stream, assignment) = assigned(cluster, "liar").await;
    say_results(&stream, vec![result(assignment.key, "victim", 410)]).await;
    stream.wait_for_acknowledgements(1).await.unwrap();
    let delivery = stage.delivery(&event).await;
    let attempts = stage.attempts(&delivery).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(attempts[0].http_status, 410);
    sleep(SETTLE_WAIT).await;
    assert_eq!(status_of(&victim.api, &theirs.name).await, SubscriptionStatus::Enabled);
}

/// Nobody concludes what he was not given: without a proof, or with one of something
/// else.
async fn results_need_an_assignment(cluster: &Cluster) {
    let (_other, _, mut stream, own) = assigned(cluster, "prover").await;
    let stage = Stage::set(cluster, "unasked").await;
    let gate = Gate::closed();
    stage.receiver.script("/held", [held(&gate)]);
    stage.subscribe("/held").await;
    let event = stage.publish().await;
    stage.receiver.wait_for_at("/held", 1, SOON_LIMIT).await.unwrap();
    let delivery = stage.delivery(&event).await;
    let id = delivery.name.rsplit_once("dlv_").unwrap().1;
    let delivery_id = Bytes::copy_from_slice(&uuid::Uuid::try_parse(id).unwrap().into_bytes());
    let own = own.key.unwrap();
    let without = AttemptKey { delivery_id, number: 1, mac: Bytes::new(), ..own.clone() };
    let of_another = AttemptKey { mac: own.mac.clone(), ..without.clone() };
    let made_up = AttemptKey { mac: Bytes::from_static(&[7; 16]), ..without.clone() };
    let forged = [without, of_another, made_up].map(|key| result(Some(key), "unasked", 200));
    say_results(&stream, forged.to_vec()).await;
    stream.wait_for_acknowledgements(3).await.unwrap();
    sleep(SETTLE_WAIT).await;
    assert_eq!(stage.delivery(&event).await.state(), DeliveryState::InFlight);
    gate.open();
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&ended).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(attempts[0].outcome(), AttemptOutcome::Succeeded);
}

/// A proof is worth nothing on another agent's stream, or in another region; on a later
/// stream of its own agent it counts.
async fn proofs_hold_for_their_agent_alone(cluster: &Cluster) {
    let (stage, event, stream, assignment) = assigned(cluster, "owner").await;
    let said = || vec![result(assignment.key.clone(), "owner", 200)];
    for (agent, region) in [("another", "owner"), ("agent-owner-2", "elsewhere")] {
        let mut other = ScriptedAgent::open(cluster, hello(agent, region)).await.unwrap();
        say_results(&other, said()).await;
        other.wait_for_acknowledgements(1).await.unwrap();
    }
    sleep(SETTLE_WAIT).await;
    assert_eq!(stage.delivery(&event).await.state(), DeliveryState::InFlight);
    let mut again = hello("agent-owner", "owner");
    again.incarnation = stream.incarnation.clone();
    (again.stream, again.unacknowledged) = (2, vec![assignment.key.clone().unwrap()]);
    drop(stream);
    let mut later = ScriptedAgent::open(cluster, again).await.unwrap();
    say_results(&later, said()).await;
    later.wait_for_acknowledgements(1).await.unwrap();
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&ended).await;
    assert_eq!(attempts[0].region, "regions/owner");
    // Once more, it is acknowledged and changes nothing.
    say_results(&later, said()).await;
    later.wait_for_acknowledgements(1).await.unwrap();
    assert_eq!(stage.attempts(&ended).await.len(), 1);
}

/// Texts, lists and times that are too large are cut; a status that HTTP does not have is
/// no response. (`Attempt.error` was 65,289 characters long.)
async fn what_is_too_large_is_cut(cluster: &Cluster) {
    let (stage, event, mut stream, assignment) = assigned(cluster, "large").await;
    let header = Header { name: "x-many".to_owned(), value: Bytes::from_static(b"1") };
    let ages_ago = prost_types::Duration { seconds: i64::MAX, nanos: 0 };
    let said = AttemptResult {
        http_status: 999,
        error: "\u{7}x".repeat(TOO_MANY_BYTES / 2),
        response_headers: vec![header; TOO_MANY_HEADERS],
        response_body: Bytes::from(vec![b'y'; TOO_MANY_BYTES]),
        response_body_bytes: u64::MAX,
        age: Some(ages_ago),
        remote_address: "x".repeat(TOO_MANY_BYTES),
        http_version: "HTTP/9".repeat(TOO_MANY_BYTES),
        ..result(assignment.key, "large", 0)
    };
    say_results(&stream, vec![said]).await;
    stream.wait_for_acknowledgements(1).await.unwrap();
    let delivery = stage.delivery(&event).await;
    let attempt = stage.attempts(&delivery).await.remove(0);
    assert_eq!(attempt.outcome(), AttemptOutcome::ConnectionClosed);
    assert_eq!(attempt.http_status, 0);
    assert!(attempt.error.len() <= MAX_ERROR_BYTES, "{}", attempt.error.len());
    assert!(!attempt.error.contains(char::is_control));
    assert_eq!(attempt.response_headers.len(), MAX_HEADERS);
    assert_eq!(attempt.response_body.len(), MAX_EXCERPT_BYTES);
    assert!(attempt.response_body_truncated);
    assert_eq!((attempt.remote_address.as_str(), attempt.http_version.as_str()), ("", ""));
    let begun = crate::stage::time(attempt.start_time);
    let created = crate::stage::time(delivery.create_time);
    assert!(begun + Duration::from_millis(1) >= created, "{begun:?} before {created:?}");
}

/// What one agent holds, another cannot give back to be sent again.
async fn another_agents_work_is_not_returned(cluster: &Cluster) {
    let stage = Stage::set(cluster, "returned").await;
    let gate = Gate::closed();
    stage.receiver.script("/held", [held(&gate)]);
    let wanted = Subscription { retry_policy: Some(delays(&[0])), ..stage.wanted("/held") };
    stage.create(wanted).await;
    let event = stage.publish().await;
    stage.receiver.wait_for_at("/held", 1, SOON_LIMIT).await.unwrap();
    let (_other, _, liar, own) = assigned(cluster, "returner").await;
    let delivery = stage.delivery(&event).await;
    let id = delivery.name.rsplit_once("dlv_").unwrap().1;
    let delivery_id = Bytes::copy_from_slice(&uuid::Uuid::try_parse(id).unwrap().into_bytes());
    let keys = vec![AttemptKey { delivery_id, number: 1, ..own.key.unwrap() }];
    let reason = ReturnReason::NoCredit.into();
    liar.say(AgentMessage::ReturnAssignments(Return { keys, reason })).await.unwrap();
    sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/held"), 1, "it was sent beside itself");
    gate.open();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
}
