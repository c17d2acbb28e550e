//! Kivra: what users do with their invoices, the moment they do it.
//!
//! Fed by a small cluster. Guarantees what its page, its contract
//! and its older contract promise, section by section.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::{
    AttemptOutcome, DeliveryState, Envelope, HmacSignature, HmacTimestamp, ListEventsRequest,
    RetryPolicy, SigningKeyKind, StandardTimetable, StandardWebhooksV1, StandardWebhooksV1a,
    Subscription, SubscriptionStatus,
};
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::receiver::Received;
use postrider_tests::receiver::behaviour::{Answer, ok, status};
use serde_json::{Value, json};

use super::verify::{hex_hmac, lines, signed_v1, signed_v1a, standard_signatures};
use super::{names, only_200, publish, refused, sample, schemes, wire, with_catalogue};
use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, delays, time};
use crate::told::assert_told;

async fn every_promise_of_its_document_is_kept(engine: Engine) {
    let cluster = with_catalogue("kivra", engine).await;
    play!(
        &cluster;
        the_entire_payment_flow,
        only_by_the_users_own_act,
        mandates,
        switched_on_and_off_by_one_call,
        signed_twice,
        both_keys_of_both_kinds_sign,
        the_old_keys_end,
        an_answer_within_a_second,
        the_older_contract,
    );
}

on_both_engines!(every_promise_of_its_document_is_kept);

const GRACE_PERIOD: Duration = Duration::from_hours(72);
/// A time-out by which no busy machine is caught. The contract's second is
/// [`an_answer_within_a_second`]'s own.
const UNHURRIED_TIMEOUT: Duration = Duration::from_secs(15);

/// What every partner's endpoint has in common.
fn wanted(stage: &Stage, path: &str) -> Subscription {
    let mut wanted = Subscription {
        signature_schemes: schemes([
            Scheme::StandardWebhooksV1(StandardWebhooksV1 {}),
            Scheme::StandardWebhooksV1a(StandardWebhooksV1a {}),
        ]),
        retry_policy: Some(RetryPolicy {
            timetable: Some(Timetable::Standard(StandardTimetable {})),
            ..RetryPolicy::default()
        }),
        request_timeout: wire(UNHURRIED_TIMEOUT),
        ..stage.wanted(path)
    };
    wanted.set_envelope(Envelope::StandardWebhooks);
    wanted
}

/// The public keys that can be read from a subscription, the oldest first.
fn public_keys(subscription: &Subscription) -> Vec<&str> {
    let keys = subscription.signing_keys.iter();
    let keys = keys.filter(|key| key.kind() == SigningKeyKind::Ed25519);
    keys.map(|key| key.public_key.as_str()).collect()
}

fn body(request: &Received) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

/// "The entire payment flow … via Swish, bank transfer, or direct debit", with
/// the chosen method and the scheduled amount.
async fn the_entire_payment_flow(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-flow").await;
    let event_types = names(&["payment.*"]);
    let made = stage.create(Subscription { event_types, ..wanted(&stage, "/hook") }).await;
    let mut expected = BTreeSet::new();
    for state in ["scheduled", "completed", "failed", "cancelled"] {
        for (method, ore) in
            [("swish", 10_000), ("bank_transfer", 20_000), ("direct_debit", 30_000)]
        {
            let event_type = format!("payment.{state}");
            let mut payload = sample("kivra", &event_type);
            payload["method"] = json!(method);
            // A direct debit names its mandate, and nothing else may.
            match method {
                "direct_debit" => payload["mandate_id"] = json!("mdt_01J9WB3T5RC7"),
                _ => drop(payload.as_object_mut().unwrap().remove("mandate_id")),
            }
            payload["scheduled_amount"]["value"] = json!(ore);
            publish(&stage, &event_type, &payload).await;
            expected.insert((event_type, method.to_owned(), ore));
        }
    }
    let requests = stage.receiver.wait_for_at("/hook", 12, SOON_LIMIT).await.unwrap();
    assert_told(&stage, &made.name, &requests).await;
    let seen = requests.iter().map(|request| {
        let body = body(request);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let data = &body["data"];
        assert_eq!(text(&body["type"]), format!("payment.{}", text(&data["status"])));
        assert_eq!(data["scheduled_amount"]["currency"], "SEK");
        let amount = data["scheduled_amount"]["value"].as_i64().unwrap();
        (text(&body["type"]), text(&data["method"]), amount)
    });
    assert_eq!(seen.collect::<BTreeSet<_>>(), expected);
}

/// "Only generated through an explicit user action": cancelled and failed
/// payments make no such event; the user's act, when it is published, does.
async fn only_by_the_users_own_act(cluster: &Cluster) {
    const EVENT_TYPES: [&str; 2] = ["offer.declined", "donation.opted_out"];
    let mut stage = Stage::set(cluster, "kivra-acts").await;
    let event_types = names(&EVENT_TYPES);
    stage.create(Subscription { event_types, ..wanted(&stage, "/acts") }).await;
    stage.create(wanted(&stage, "/all")).await;
    for event_type in ["payment.cancelled", "payment.failed"] {
        publish(&stage, event_type, &sample("kivra", event_type)).await;
    }
    stage.receiver.wait_for_at("/all", 2, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!((stage.receiver.received_at("/acts"), stage.receiver.received_at("/all")), (0, 2));
    let parent = stage.tenant.clone();
    let kept = ListEventsRequest { parent, ..ListEventsRequest::default() };
    let kept = stage.api.events.list_events(kept).await.unwrap().into_inner().events;
    assert_eq!(kept.len(), 2);

    for event_type in EVENT_TYPES {
        let mut payload = sample("kivra", event_type);
        publish(&stage, event_type, &payload).await;
        payload["initiated_by"] = json!("system");
        let fields = refused(&stage, event_type, &payload).await;
        assert_eq!(fields, ["event.payload/initiated_by"]);
    }
    let requests = stage.receiver.wait_for_at("/acts", 2, SOON_LIMIT).await.unwrap();
    for request in requests {
        let data = &body(&request)["data"];
        assert_eq!(data["initiated_by"], "user");
        assert!(data["action_time"].is_string());
    }
}

/// "When a direct debit mandate is activated or terminated".
async fn mandates(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-mandates").await;
    let event_types = names(&["mandate.activated", "mandate.terminated"]);
    stage.create(Subscription { event_types, ..wanted(&stage, "/hook") }).await;
    for (count, event_type) in (1..).zip(["mandate.activated", "mandate.terminated"]) {
        let payload = sample("kivra", event_type);
        publish(&stage, event_type, &payload).await;
        let requests = stage.receiver.wait_for_at("/hook", count, SOON_LIMIT).await.unwrap();
        let body = body(&requests[count - 1]);
        assert_eq!((&body["type"], &body["data"]), (&json!(event_type), &payload));
    }
}

/// "Customer activates the service through an API call", and "it can be
/// deactivated if needed via API".
async fn switched_on_and_off_by_one_call(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-switch").await;
    let off = SubscriptionStatus::Disabled.into();
    let made = stage.create(Subscription { status: off, ..wanted(&stage, "/hook") }).await;
    assert_eq!(made.status(), SubscriptionStatus::Disabled);
    let payload = sample("kivra", "payment.scheduled");
    let before = publish(&stage, "payment.scheduled", &payload).await;
    assert_eq!(stage.delivery(&before).await.state(), DeliveryState::Suppressed);
    let enabled = stage.api.enable(&made.name).await.unwrap();
    assert_eq!(enabled.status(), SubscriptionStatus::Enabled);
    let during = publish(&stage, "payment.scheduled", &payload).await;
    stage.wait_for(&during, DeliveryState::Succeeded).await;
    let disabled = stage.api.disable(&made.name).await.unwrap();
    assert_eq!(disabled.status(), SubscriptionStatus::Disabled);
    let after = publish(&stage, "payment.scheduled", &payload).await;
    assert_eq!(stage.delivery(&after).await.state(), DeliveryState::Suppressed);
    tokio::time::sleep(SETTLE_WAIT).await;
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 1);
    assert!(during.ends_with(requests[0].webhook_id()));
}

/// "Signed webhook calls": `v1` with the secret that was shown once, `v1a` with
/// the public key that can be read at any time.
async fn signed_twice(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-signed").await;
    let made = stage.create(wanted(&stage, "/hook")).await;
    assert!(made.signing_secret.starts_with("whsec_"));
    let kept = stage.api.subscription(&made.name).await.unwrap();
    assert!(kept.signing_secret.is_empty());
    publish(&stage, "payment.completed", &sample("kivra", "payment.completed")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    assert_eq!(standard_signatures(request, "v1").len(), 1);
    assert_eq!(standard_signatures(request, "v1a").len(), 1);
    assert!(signed_v1(request, &made.signing_secret));
    let [public] = public_keys(&kept)[..] else { panic!("{:?}", kept.signing_keys) };
    assert!(signed_v1a(request, public));
    let other = stage.create(wanted(&stage, "/other")).await;
    assert!(!signed_v1(request, &other.signing_secret));
    assert!(!signed_v1a(request, public_keys(&other)[0]));
    let mut forged = Received::clone(request);
    forged.body = request.body.iter().rev().copied().collect::<Vec<_>>().into();
    assert!(!signed_v1(&forged, &made.signing_secret) && !signed_v1a(&forged, public));
}

/// After a rotation of either kind, old and new sign for 72 hours.
async fn both_keys_of_both_kinds_sign(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-rotated").await;
    let made = stage.create(wanted(&stage, "/hook")).await;
    let secret =
        stage.api.rotate(&made.name, SigningKeyKind::Standard, Some(GRACE_PERIOD)).await.unwrap();
    let rotated =
        stage.api.rotate(&made.name, SigningKeyKind::Ed25519, Some(GRACE_PERIOD)).await.unwrap();
    let ending = rotated.signing_keys.iter().filter(|key| key.expire_time.is_some());
    let ending: Vec<_> = ending.map(|key| time(key.expire_time)).collect();
    assert_eq!(ending.len(), 2, "{:?}", rotated.signing_keys);
    for end in ending {
        let left = end.duration_since(SystemTime::now()).unwrap();
        let off_by = left.abs_diff(GRACE_PERIOD);
        assert!(off_by < SOON_LIMIT, "{left:?}");
    }
    publish(&stage, "payment.completed", &sample("kivra", "payment.completed")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    let request = &requests[0];
    assert_eq!(standard_signatures(request, "v1").len(), 2);
    assert_eq!(standard_signatures(request, "v1a").len(), 2);
    assert!(signed_v1(request, &made.signing_secret));
    assert!(signed_v1(request, &secret.signing_secret));
    let public = public_keys(&rotated);
    assert_eq!((public.len(), public[0]), (2, public_keys(&made)[0]));
    assert!(public.iter().all(|key| signed_v1a(request, key)));
}

/// When the grace is over the old keys of both kinds are silent. An agent counts
/// it down on a clock of its own, so that here it is seconds instead of hours.
async fn the_old_keys_end(cluster: &Cluster) {
    // For two rotations, a publish and its receipt on a busy machine.
    const SHORT_TIME: Duration = Duration::from_secs(6);
    let stage = Stage::set(cluster, "kivra-grace").await;
    let made = stage.create(wanted(&stage, "/hook")).await;
    let secret =
        stage.api.rotate(&made.name, SigningKeyKind::Standard, Some(SHORT_TIME)).await.unwrap();
    let pair =
        stage.api.rotate(&made.name, SigningKeyKind::Ed25519, Some(SHORT_TIME)).await.unwrap();
    let public = public_keys(&pair);
    for (count, old_signs) in [(1, true), (2, false)] {
        publish(&stage, "payment.completed", &sample("kivra", "payment.completed")).await;
        let requests = stage.receiver.wait_for_at("/hook", count, SOON_LIMIT).await.unwrap();
        let request = &requests[count - 1];
        assert_eq!(signed_v1(request, &made.signing_secret), old_signs);
        assert_eq!(signed_v1a(request, public[0]), old_signs);
        assert!(signed_v1(request, &secret.signing_secret) && signed_v1a(request, public[1]));
        if old_signs {
            tokio::time::sleep(SHORT_TIME + SETTLE_WAIT).await;
        }
    }
}

/// The contract's second: a later 200 is a failure, and is tried again on the
/// Standard Webhooks timetable of ten attempts.
async fn an_answer_within_a_second(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-second").await;
    let late = Answer::ok().after(Duration::from_millis(1_600));
    stage.receiver.script("/hook", [ok(), late.into(), ok()]);
    let made = stage.create(wanted(&stage, "/hook")).await;
    let timetable = made.retry_policy.unwrap().timetable;
    assert_eq!(timetable, Some(Timetable::Standard(StandardTimetable {})));
    let time_out_after = async |span| {
        let name = made.name.clone();
        let changed = Subscription { name, request_timeout: wire(span), ..Default::default() };
        stage.api.update(changed, &["request_timeout"]).await.unwrap();
    };
    // A connection is there before it counts, and what is asked of the retry is when it
    // comes.
    let payload = sample("kivra", "payment.scheduled");
    let event = publish(&stage, "payment.scheduled", &payload).await;
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    time_out_after(Duration::from_secs(1)).await;
    let event = publish(&stage, "payment.scheduled", &payload).await;
    stage.wait_for_retry(&event).await;
    time_out_after(UNHURRIED_TIMEOUT).await;
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&ended).await;
    let seen: Vec<_> = attempts.iter().map(|attempt| attempt.outcome()).collect();
    assert_eq!(seen, [AttemptOutcome::Timeout, AttemptOutcome::Succeeded]);
    // A second, and 5 s less a tenth. The receiver has the first within its second.
    let starts: Vec<_> = attempts.iter().map(|attempt| time(attempt.start_time)).collect();
    let apart = starts[1].duration_since(starts[0]).unwrap();
    assert!(apart >= Duration::from_millis(5_400), "{apart:?}");
    let requests = &stage.receiver.requests_to("/hook")[1..];
    let apart = requests[1].at.duration_since(requests[0].at);
    assert!(apart >= Duration::from_millis(4_400), "{apart:?}");
    assert_eq!(requests[0].webhook_id(), requests[1].webhook_id());
}

/// The older partner API: `{timestamp}:{body}`, a header line for each secret in
/// force, and nothing but 200 is success.
async fn the_older_contract(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kivra-older").await;
    let header = "X-KIVRA-TIMESTAMP".to_owned();
    let hmac = HmacSignature {
        header: "X-KIVRA-SIGNATURE".to_owned(),
        prefix: "v1=".to_owned(),
        timestamp: Some(HmacTimestamp { header, separator: Some(":".to_owned()) }),
        ..HmacSignature::default()
    };
    let made = stage
        .create(Subscription {
            signature_schemes: schemes([Scheme::Hmac(hmac)]),
            success_rule: only_200(),
            retry_policy: Some(delays(&[50])),
            ..stage.wanted("/hook")
        })
        .await;
    let rotated =
        stage.api.rotate(&made.name, SigningKeyKind::Text, Some(GRACE_PERIOD)).await.unwrap();
    stage.receiver.script("/hook", [status(StatusCode::CREATED), ok()]);
    let payload = sample("kivra", "payment.completed");
    let event = publish(&stage, "payment.completed", &payload).await;
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    assert_eq!(ended.attempt_count, 2, "201 is not a success");
    for request in stage.receiver.requests_to("/hook") {
        assert_eq!(request.body, payload.to_string());
        let timestamp = request.header("x-kivra-timestamp");
        let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(timestamp.parse().unwrap());
        assert!(request.wall.duration_since(sent).unwrap() < SOON_LIMIT);
        let expected = [&made, &rotated].map(|of| {
            let parts: [&[u8]; 3] = [timestamp.as_bytes(), b":", &request.body];
            format!("v1={}", hex_hmac(&of.signing_secret, &parts))
        });
        assert_eq!(lines(&request, "x-kivra-signature"), expected);
    }
}
