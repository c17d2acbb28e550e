//! KKiaPay: two events, a hash secret of one's own, five quick retries.
//!
//! Fed by a small cluster. Guarantees what its document promises,
//! step by step.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use postrider_proto::v1::{
    AttemptOutcome, DeliveryState, HmacSignature, LinearBackoff, RetryPolicy, StaticSecret,
    Subscription, TestSubscriptionRequest,
};
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::receiver::behaviour::{ok, redirect, status};
use serde_json::Value;

use super::verify::{hex_hmac, lines};
use super::{names, publish, sample, schemes, wire, with_catalogue};
use crate::stage::{SETTLE_WAIT, SOON_LIMIT, Stage, delays};
use crate::told::assert_told;

async fn every_promise_of_its_document_is_kept(engine: Engine) {
    let cluster = with_catalogue("kkiapay", engine).await;
    play!(
        &cluster;
        only_the_chosen_events,
        a_hash_secret_of_ones_own,
        the_secret_itself,
        the_flat_body,
        a_test,
        only_2xx_acknowledges,
        a_redirection_is_no_receipt,
        five_more_tries,
    );
}

on_both_engines!(every_promise_of_its_document_is_kept);

const SECRET_HEADER: &str = "x-kkiapay-secret";
const SHARED_SECRET: &str = "my-own-hash-secret";
const HALF_A_SECOND: Duration = Duration::from_millis(500);
/// A commit, a dispatch and a busy machine between due and sent. Delays that double would
/// exceed it by the fifth.
const LATENESS_LIMIT: Duration = Duration::from_secs(5);

fn signature() -> Scheme {
    Scheme::Hmac(HmacSignature { header: SECRET_HEADER.to_owned(), ..HmacSignature::default() })
}

/// "5 times in a row (in an interval of 500ms incremental)".
fn retries() -> RetryPolicy {
    RetryPolicy {
        timetable: Some(Timetable::Linear(LinearBackoff {
            initial_delay: wire(HALF_A_SECOND),
            increment: wire(HALF_A_SECOND),
            max_attempts: 6,
        })),
        jitter_percent: Some(0),
        ..RetryPolicy::default()
    }
}

fn wanted(stage: &Stage, path: &str) -> Subscription {
    Subscription {
        event_types: names(&["transaction.success", "transaction.failed"]),
        signature_schemes: schemes([signature()]),
        signing_secret: SHARED_SECRET.to_owned(),
        retry_policy: Some(retries()),
        ..stage.wanted(path)
    }
}

async fn succeed(stage: &Stage) -> String {
    publish(stage, "transaction.success", &sample("kkiapay", "transaction.success")).await
}

/// "You will only be notified of the specified events."
async fn only_the_chosen_events(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-chosen").await;
    let event_types = names(&["transaction.failed"]);
    let made = stage.create(Subscription { event_types, ..wanted(&stage, "/hook") }).await;
    succeed(&stage).await;
    let failed = sample("kkiapay", "transaction.failed");
    publish(&stage, "transaction.failed", &failed).await;
    stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    let requests = stage.receiver.requests();
    assert_eq!(requests.len(), 1);
    assert_told(&stage, &made.name, &requests).await;
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body["event"], "transaction.failed");
    assert_eq!(body["isPaymentSucces"], false);
}

/// The header as the document has it: a signature made with the hash secret.
async fn a_hash_secret_of_ones_own(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-signed").await;
    let made = stage.create(wanted(&stage, "/hook")).await;
    assert_eq!(made.signing_secret, SHARED_SECRET);
    succeed(&stage).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    assert_eq!(lines(&requests[0], SECRET_HEADER), [hex_hmac(SHARED_SECRET, &[&requests[0].body])]);
    assert_ne!(requests[0].header(SECRET_HEADER), hex_hmac("another's", &[&requests[0].body]));
}

/// The header as receivers in the wild read it: the hash secret itself.
async fn the_secret_itself(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-static").await;
    let secret = StaticSecret { header: SECRET_HEADER.to_owned(), ..StaticSecret::default() };
    let signature_schemes = schemes([Scheme::StaticSecret(secret)]);
    stage.create(Subscription { signature_schemes, ..wanted(&stage, "/hook") }).await;
    succeed(&stage).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    assert_eq!(lines(&requests[0], SECRET_HEADER), [SHARED_SECRET]);
}

/// "A body request in json format": flat, and as it was published.
async fn the_flat_body(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-flat").await;
    stage.create(wanted(&stage, "/hook")).await;
    let fields = [
        "transactionId",
        "isPaymentSucces",
        "event",
        "account",
        "method",
        "amount",
        "fees",
        "partnerId",
        "performedAt",
        "stateData",
        "failureCode",
        "failureMessage",
    ];
    for (count, event_type) in (1..).zip(["transaction.success", "transaction.failed"]) {
        let payload = sample("kkiapay", event_type);
        publish(&stage, event_type, &payload).await;
        let requests = stage.receiver.wait_for_at("/hook", count, SOON_LIMIT).await.unwrap();
        let body = &requests[count - 1].body;
        assert_eq!(*body, payload.to_string());
        let body: Value = serde_json::from_slice(body).unwrap();
        let seen: BTreeSet<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(seen, BTreeSet::from(fields));
    }
}

/// "You can perform a test to verify that KKiaPay is contacting your URL."
async fn a_test(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "kkiapay-test").await;
    let made = stage.create(wanted(&stage, "/hook")).await;
    let payload = sample("kkiapay", "transaction.success").to_string();
    let tested = stage.api.subscriptions.test_subscription(TestSubscriptionRequest {
        name: made.name,
        event_type: "transaction.success".to_owned(),
        payload_form: Some(PayloadForm::PayloadJson(payload.clone())),
        retry: false,
    });
    let attempt = tested.await.unwrap().into_inner().attempt.unwrap();
    assert_eq!((attempt.outcome(), attempt.test), (AttemptOutcome::Succeeded, true));
    let request = stage.receiver.requests_to("/hook").remove(0);
    assert_eq!(request.body, payload);
    assert_eq!(request.header(SECRET_HEADER), hex_hmac(SHARED_SECRET, &[&request.body]));
}

/// "Return an HTTP 2xx status code."
async fn only_2xx_acknowledges(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-2xx").await;
    let refusals = [StatusCode::NOT_MODIFIED, StatusCode::BAD_REQUEST, StatusCode::BAD_GATEWAY];
    let accepted = status(StatusCode::ACCEPTED);
    stage.receiver.script("/hook", refusals.map(status).into_iter().chain([accepted]));
    let quick = Some(delays(&[50, 50, 50]));
    stage.create(Subscription { retry_policy: quick, ..wanted(&stage, "/hook") }).await;
    let event = succeed(&stage).await;
    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let attempts = stage.attempts(&ended).await;
    let seen: Vec<_> = attempts.iter().map(|attempt| attempt.http_status).collect();
    assert_eq!(seen, [304, 400, 502, 202]);
}

/// "Including 3xx codes": a 302 to a page that would answer 200 is a failure,
/// and nobody goes to that page.
async fn a_redirection_is_no_receipt(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-302").await;
    let page = stage.receiver.url("/page");
    stage.receiver.script("/hook", [redirect(StatusCode::FOUND, &page)]);
    stage.receiver.script("/page", [ok()]);
    let once_more = Some(delays(&[50]));
    stage.create(Subscription { retry_policy: once_more, ..wanted(&stage, "/hook") }).await;
    let event = succeed(&stage).await;
    let ended = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let attempts = stage.attempts(&ended).await;
    let status = (AttemptOutcome::HttpStatus, 302);
    assert!(attempts.iter().all(|attempt| (attempt.outcome(), attempt.http_status) == status));
    assert_eq!((attempts.len(), stage.receiver.received_at("/page")), (2, 0));
}

/// "In case of non-receipt": one POST and five more, each half a second longer
/// after the last, as the receiver's clock has it.
async fn five_more_tries(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kkiapay-tries").await;
    stage.receiver.script("/hook", [status(StatusCode::INTERNAL_SERVER_ERROR)]);
    stage.create(wanted(&stage, "/hook")).await;
    let event = succeed(&stage).await;
    let ended = stage.wait_for(&event, DeliveryState::Exhausted).await;
    assert_eq!(ended.attempt_count, 6);
    tokio::time::sleep(SETTLE_WAIT).await;
    let requests = stage.receiver.requests_to("/hook");
    assert_eq!(requests.len(), 6);
    for (number, pair) in (1..).zip(requests.windows(2)) {
        let apart = pair[1].at.duration_since(pair[0].at);
        let due = HALF_A_SECOND * number;
        assert!(apart >= due && apart < due + LATENESS_LIMIT, "retry {number} after {apart:?}");
        assert_eq!(pair[1].body, pair[0].body);
        assert_eq!(pair[1].header(SECRET_HEADER), pair[0].header(SECRET_HEADER));
    }
}
