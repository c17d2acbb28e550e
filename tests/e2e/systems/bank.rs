//! The bank with two levels of subscription: companies and their accounts.
//!
//! Fed by a small cluster, and by a control plane on the test's clock.
//! Guarantees what its page and its contract promise, and what
//! its page does not dare to: nothing is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use postrider::clock::Clock;
use postrider_proto::v1::{
    DeleteSubscriptionRequest, DeliveryEndReason, DeliveryState, Envelope, Event, RetryPolicy,
    Subscription, SubscriptionStatus,
};
use postrider_tests::api::reason;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::publish::{event, fixed_delays};
use postrider_tests::receiver::behaviour::{ok, status};
use postrider_tests::timed::{Timed, timestamp};
use serde_json::{Value, json};
use tonic::Code;

use super::verify::signed_v1;
use super::{enveloped, names, sample, samples, wire, with_catalogue};
use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, UNHURRIED_RETRY_MILLISECONDS, delays};
use crate::told::assert_told;

async fn every_promise_of_its_document_is_kept(engine: Engine) {
    let cluster = with_catalogue("bank", engine).await;
    play!(
        &cluster;
        several_types_of_one_company_to_one_url,
        each_type_for_some_accounts_to_its_own_url,
        an_event_without_an_account,
        an_internal_transfer,
        edits_are_guarded,
        nothing_is_lost_while_it_is_inactive,
    );
}

on_both_engines!(every_promise_of_its_document_is_kept, eleven_retries_follow_the_contract);

const EVENT_TYPES: [&str; 9] = [
    "IncomingPaymentProcessed",
    "IncomingPaymentBooked",
    "OutgoingPaymentRejected",
    "OutgoingPaymentBooked",
    "OutgoingPaymentProcessed",
    "MissingFunding",
    "Reversed",
    "PaymentRouting",
    "OutgoingDirectDebitPendingProcessing",
];

fn retries() -> RetryPolicy {
    let (minutes, hours) = (Duration::from_mins, Duration::from_hours);
    let mut delays = vec![Duration::from_secs(15), Duration::from_secs(30)];
    delays.extend([1, 10, 30].map(minutes));
    delays.extend([1, 2, 6, 12, 24, 48].map(hours));
    fixed_delays(&delays).unwrap()
}

fn wanted(stage: &Stage, path: &str, types: &[&str]) -> Subscription {
    let mut wanted = Subscription {
        event_types: names(types),
        retry_policy: Some(retries()),
        request_timeout: wire(Duration::from_secs(10)),
        ..stage.wanted(path)
    };
    wanted.set_envelope(Envelope::StandardWebhooks);
    wanted
}

/// Accounts, by the ids that the bank gives them.
const FIRST_ACCOUNT: &str = "0d5f0a8e-0000-4000-8000-000000000001";
const SECOND_ACCOUNT: &str = "0d5f0a8e-0000-4000-8000-000000000002";
const THIRD_ACCOUNT: &str = "0d5f0a8e-0000-4000-8000-000000000003";
const FOURTH_ACCOUNT: &str = "0d5f0a8e-0000-4000-8000-000000000004";

fn payment(event_type: &str, account: &str) -> Event {
    let mut payload = sample("bank", event_type);
    payload["accountId"] = json!(account);
    Event { account: account.to_owned(), ..event(event_type, &payload.to_string()) }
}

/// What is told in so many webhooks to a path, without the events' names.
async fn bodies(stage: &Stage, path: &str, count: usize) -> Vec<Value> {
    let requests = stage.receiver.wait_for_at(path, count, SOON_LIMIT).await.unwrap();
    assert_eq!(requests.len(), count, "{path}");
    requests.iter().map(|request| serde_json::from_str(&enveloped(request).1).unwrap()).collect()
}

/// "Supported events", and the first example: "multiple event types covering one
/// company are subscribed to a single URL".
async fn several_types_of_one_company_to_one_url(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bank-company").await;
    let all = samples("bank");
    let known: BTreeSet<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(known, BTreeSet::from(EVENT_TYPES));
    let made = stage.create(wanted(&stage, "/company", &EVENT_TYPES)).await;
    stage.create(wanted(&stage, "/some", &EVENT_TYPES[3..5])).await;
    for (number, (event_type, payload)) in all.iter().enumerate() {
        let account = format!("account-{}", number % 3);
        let event = Event { account, ..event(event_type, &payload.to_string()) };
        stage.publish_event(event).await;
    }
    let requests = stage.receiver.wait_for_at("/company", 9, SOON_LIMIT).await.unwrap();
    assert_told(&stage, &made.name, &requests).await;
    assert!(requests.iter().all(|request| signed_v1(request, &made.signing_secret)));
    let seen: BTreeSet<_> = requests.iter().map(|request| enveloped(request)).collect();
    let published = all.iter().map(|(name, payload)| (name.clone(), payload.to_string()));
    assert_eq!(seen, published.collect());
    let routed = sample("bank", "PaymentRouting");
    assert!(routed["routingStatus"].is_object());
    stage.receiver.wait_for_at("/some", 2, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/some"), 2);
}

/// The second example: "each event type covering a subset of bank accounts is
/// subscribed to a unique URL".
async fn each_type_for_some_accounts_to_its_own_url(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bank-accounts").await;
    for (path, event_type, accounts) in [
        ("/booked", EVENT_TYPES[1], [FIRST_ACCOUNT, SECOND_ACCOUNT]),
        ("/rejected", EVENT_TYPES[2], [SECOND_ACCOUNT, THIRD_ACCOUNT]),
    ] {
        let accounts = names(&accounts);
        stage.create(Subscription { accounts, ..wanted(&stage, path, &[event_type]) }).await;
    }
    for event_type in &EVENT_TYPES[1..4] {
        for account in [FIRST_ACCOUNT, SECOND_ACCOUNT, THIRD_ACCOUNT, FOURTH_ACCOUNT] {
            stage.publish_event(payment(event_type, account)).await;
        }
    }
    for (path, accounts) in [
        ("/booked", [FIRST_ACCOUNT, SECOND_ACCOUNT]),
        ("/rejected", [THIRD_ACCOUNT, SECOND_ACCOUNT]),
    ] {
        let bodies = bodies(&stage, path, 2).await;
        let seen: BTreeSet<_> = bodies.iter().map(|b| b["accountId"].as_str().unwrap()).collect();
        assert_eq!(seen, BTreeSet::from(accounts));
    }
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 4);
}

/// One that is about no account is the company's, and no account's.
async fn an_event_without_an_account(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bank-none").await;
    stage.create(wanted(&stage, "/company", &["*"])).await;
    let accounts = names(&[FIRST_ACCOUNT]);
    stage.create(Subscription { accounts, ..wanted(&stage, "/account", &["*"]) }).await;
    let payload = sample("bank", "MissingFunding").to_string();
    stage.publish_event(event("MissingFunding", &payload)).await;
    stage.receiver.wait_for_at("/company", 1, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received_at("/account"), 0);
}

/// "This also includes internal transfers": two events of one payment, one for
/// each of its accounts.
async fn an_internal_transfer(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bank-transfer").await;
    stage.create(wanted(&stage, "/company", &["*"])).await;
    for (path, account) in [("/payer", FIRST_ACCOUNT), ("/payee", SECOND_ACCOUNT)] {
        let accounts = names(&[account]);
        stage.create(Subscription { accounts, ..wanted(&stage, path, &["*"]) }).await;
    }
    stage.publish_event(payment("OutgoingPaymentProcessed", FIRST_ACCOUNT)).await;
    stage.publish_event(payment("IncomingPaymentProcessed", SECOND_ACCOUNT)).await;
    let both = bodies(&stage, "/company", 2).await;
    assert_eq!(both[0]["paymentId"], both[1]["paymentId"]);
    assert!(both.iter().all(|body| body["internalTransfer"] == true));
    let debit = bodies(&stage, "/payer", 1).await.remove(0);
    let credit = bodies(&stage, "/payee", 1).await.remove(0);
    assert_eq!(
        (&debit["direction"], &debit["accountId"]),
        (&json!("Outgoing"), &json!(FIRST_ACCOUNT))
    );
    assert_eq!(
        (&credit["direction"], &credit["accountId"]),
        (&json!("Incoming"), &json!(SECOND_ACCOUNT))
    );
    assert_eq!(debit["amount"], credit["amount"]);
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 4);
}

/// The contract's row version: whoever edits what another has edited is told.
async fn edits_are_guarded(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "bank-edits").await;
    let made = stage.create(wanted(&stage, "/hook", &EVENT_TYPES[..2])).await;
    let edit = |etag: &str, types: &[&str]| Subscription {
        name: made.name.clone(),
        etag: etag.to_owned(),
        event_types: names(types),
        ..Subscription::default()
    };
    let first =
        stage.api.update(edit(&made.etag, &EVENT_TYPES[2..3]), &["event_types"]).await.unwrap();
    assert_ne!(first.etag, made.etag);
    let stale = stage.api.update(edit(&made.etag, &EVENT_TYPES[3..4]), &["event_types"]).await;
    let stale = stale.unwrap_err();
    let (name, etag) = (made.name.clone(), made.etag.clone());
    let gone =
        stage.api.subscriptions.delete_subscription(DeleteSubscriptionRequest { name, etag });
    for refused in [stale, gone.await.unwrap_err()] {
        assert_eq!(refused.code(), Code::Aborted, "{refused:?}");
        assert_eq!(reason(&refused), "ETAG_MISMATCH");
    }
    let second =
        stage.api.update(edit(&first.etag, &EVENT_TYPES[4..5]), &["event_types"]).await.unwrap();
    assert_eq!(second.event_types, names(&EVENT_TYPES[4..5]));
}

/// Deactivated and activated again: the bank drops what happens in the meantime, and
/// Postrider keeps it, what was about to be tried again included.
async fn nothing_is_lost_while_it_is_inactive(cluster: &Cluster) {
    let stage = Stage::set(cluster, "bank-pause").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY), ok()]);
    let quick = Some(delays(&[UNHURRIED_RETRY_MILLISECONDS]));
    let made = wanted(&stage, "/hook", &EVENT_TYPES);
    let made = stage.create(Subscription { retry_policy: quick, ..made }).await;
    let mut events = vec![stage.publish_event(payment(EVENT_TYPES[0], FIRST_ACCOUNT)).await];
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let paused = stage.api.pause(&made.name).await.unwrap();
    assert_eq!(paused.status(), SubscriptionStatus::Paused);
    let before = stage.receiver.received_at("/hook");
    for event_type in EVENT_TYPES {
        events.push(stage.publish_event(payment(event_type, FIRST_ACCOUNT)).await);
    }
    stage.wait_out_retry().await;
    assert_eq!(stage.receiver.received_at("/hook"), before);
    assert_eq!(stage.count("state = WAITING").await, 10);
    assert_eq!(stage.api.enable(&made.name).await.unwrap().status(), SubscriptionStatus::Enabled);
    for event in &events {
        stage.wait_for(event, DeliveryState::Succeeded).await;
    }
    assert_eq!(stage.receiver.received_at("/hook"), 11);
}

/// The contract's eleven retries, from 15 seconds to 48 hours, on a clock that
/// the test moves.
async fn eleven_retries_follow_the_contract(engine: Engine) {
    let timed = Timed::start(engine).await.unwrap();
    let mut api = timed.api();
    let tenant = api.create_tenant("bank-retries").await.unwrap();
    let stage = Stage { receiver: timed.receiver().await.unwrap(), api, tenant };
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    let made = stage.create(wanted(&stage, "/hook", &["*"])).await;
    let list = |policy: &RetryPolicy| policy.timetable.clone();
    assert_eq!(list(made.retry_policy.as_ref().unwrap()), list(&retries()));
    let event = stage.publish_event(payment(EVENT_TYPES[5], FIRST_ACCOUNT)).await;
    let begun = timed.clock.now();
    for retry in 1..=11 {
        stage.receiver.wait_for_at("/hook", retry, SOON_LIMIT).await.unwrap();
        let waiting = stage.wait_for(&event, DeliveryState::Waiting).await;
        timed.clock.advance_to(timestamp(waiting.next_attempt_time).unwrap());
    }
    let ended = stage.wait_for(&event, DeliveryState::Exhausted).await;
    assert_eq!(ended.end_reason(), DeliveryEndReason::AttemptsExhausted);
    assert_eq!(stage.receiver.received_at("/hook"), 12);
    let took = timed.clock.now().since(begun);
    let sum = Duration::from_secs(15 + 30) + Duration::from_mins(41) + Duration::from_hours(93);
    assert!(took >= sum && took < sum + Duration::from_mins(10), "{took:?}");
    timed.stop().await.unwrap();
}
