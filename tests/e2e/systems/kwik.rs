//! Kwik: a form, a list, a test before going live, and an event log.
//!
//! Fed by a small cluster. Guarantees what its help section
//! promises, section by section.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::test_subscription_request::PayloadForm;
use postrider_proto::v1::{
    Attempt, AttemptOutcome, AttemptTrigger, CreateSubscriptionRequest, DeleteSubscriptionRequest,
    DeliveryState, Envelope, ListAttemptsRequest, ListSubscriptionsRequest, Subscription,
    SubscriptionStatus, TestSubscriptionRequest, TestSubscriptionResponse,
};
use postrider_tests::api::violated_fields;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::receiver::behaviour::{Answer, Body, ok, status};

use super::verify::signed_v1;
use super::{enveloped, names, publish, sample, samples, with_catalogue};
use crate::stage::{
    SETTLE_WAIT, SOON_LIMIT, Stage, UNHURRIED_RETRY_MILLISECONDS, delays, once, time,
};
use crate::told::assert_told;

async fn every_promise_of_its_document_is_kept(engine: Engine) {
    let cluster = with_catalogue("kwik", engine).await;
    play!(
        &cluster;
        the_form,
        always_https,
        the_seventeen_events,
        live_and_disabled,
        the_list_and_its_search,
        a_test_before_going_live,
        a_test_of_any_type,
        the_event_log,
        edit,
        delete,
    );
}

on_both_engines!(every_promise_of_its_document_is_kept);

fn named(stage: &Stage, name: &str, path: &str, events: &[&str]) -> Subscription {
    let mut wanted = Subscription {
        display_name: name.to_owned(),
        event_types: names(events),
        ..stage.wanted(path)
    };
    wanted.set_envelope(Envelope::StandardWebhooks);
    wanted
}

async fn test(
    stage: &Stage,
    name: &str,
    event_type: &str,
    retry: bool,
) -> TestSubscriptionResponse {
    let mut api = stage.api.clone();
    let payload = sample("kwik", event_type).to_string();
    let tested = api.subscriptions.test_subscription(TestSubscriptionRequest {
        name: name.to_owned(),
        event_type: event_type.to_owned(),
        payload_form: Some(PayloadForm::PayloadJson(payload)),
        retry,
    });
    tested.await.unwrap().into_inner()
}

async fn listed(stage: &Stage, search: &str) -> Vec<Subscription> {
    let mut api = stage.api.clone();
    let listed = api.subscriptions.list_subscriptions(ListSubscriptionsRequest {
        parent: stage.tenant.clone(),
        search: search.to_owned(),
        order_by: "create_time".to_owned(),
        ..ListSubscriptionsRequest::default()
    });
    listed.await.unwrap().into_inner().subscriptions
}

/// "Fields": name, URL, events and status; webhooks are signed by default.
async fn the_form(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-form").await;
    let events = ["invoice.created", "invoice.updated"];
    let made = stage.create(named(&stage, "Accounting", "/hook", &events)).await;
    assert_eq!(made.display_name, "Accounting");
    assert_eq!(made.url, stage.receiver.url("/hook"));
    assert_eq!(made.event_types, events);
    assert_eq!(made.status(), SubscriptionStatus::Enabled);
    publish(&stage, "invoice.created", &sample("kwik", "invoice.created")).await;
    let requests = stage.receiver.wait_for_at("/hook", 1, SOON_LIMIT).await.unwrap();
    assert!(signed_v1(&requests[0], &made.signing_secret));
}

/// "Always use HTTPS endpoints."
async fn always_https(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "kwik-https").await;
    let url = "http://hooks.example.com/kwik".to_owned();
    let subscription = Some(Subscription { url, ..stage.wanted("/hook") });
    let refused = stage.api.subscriptions.create_subscription(CreateSubscriptionRequest {
        parent: stage.tenant.clone(),
        subscription_id: String::new(),
        subscription,
    });
    assert_eq!(violated_fields(&refused.await.unwrap_err()), ["subscription.url"]);
    assert!(listed(&stage, "").await.is_empty());
}

/// "Select the events your application would like to receive."
async fn the_seventeen_events(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-events").await;
    let all = samples("kwik");
    assert_eq!(all.len(), 17);
    let types: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    stage.create(named(&stage, "All", "/all", &types)).await;
    stage.create(named(&stage, "Mandates", "/mandates", &["mandate.*"])).await;
    stage.create(named(&stage, "One", "/one", &["checkout.failed"])).await;
    for (event_type, payload) in &all {
        publish(&stage, event_type, payload).await;
    }
    let requests = stage.receiver.wait_for_at("/all", 17, SOON_LIMIT).await.unwrap();
    let bodies: BTreeSet<_> = requests.iter().map(|request| enveloped(request)).collect();
    let published = all.iter().map(|(name, payload)| (name.clone(), payload.to_string()));
    assert_eq!(bodies, published.collect());
    stage.receiver.wait_for_at("/mandates", 2, SOON_LIMIT).await.unwrap();
    stage.receiver.wait_for_at("/one", 1, SOON_LIMIT).await.unwrap();
    tokio::time::sleep(SETTLE_WAIT).await;
    let seen = ["/all", "/mandates", "/one"].map(|path| stage.receiver.received_at(path));
    assert_eq!(seen, [17, 2, 1]);
}

/// "Status": live, or "inactive and no events will be sent".
async fn live_and_disabled(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-status").await;
    let made = stage.create(named(&stage, "Switch", "/hook", &["*"])).await;
    let payload = sample("kwik", "payout.created");
    stage.api.disable(&made.name).await.unwrap();
    let unsent = publish(&stage, "payout.created", &payload).await;
    assert_eq!(stage.delivery(&unsent).await.state(), DeliveryState::Suppressed);
    stage.api.enable(&made.name).await.unwrap();
    let sent = publish(&stage, "payout.created", &payload).await;
    stage.wait_for(&sent, DeliveryState::Succeeded).await;
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 1);
}

/// "Managing Webhooks": creation date, name, URL and status, and a search bar.
async fn the_list_and_its_search(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-list").await;
    for (name, path) in [("Accounting", "/books"), ("Shop", "/orders"), ("CRM", "/customers")] {
        stage.create(named(&stage, name, path, &["*"])).await;
    }
    let all = listed(&stage, "").await;
    let seen: Vec<_> = all.iter().map(|item| item.display_name.as_str()).collect();
    assert_eq!(seen, ["Accounting", "Shop", "CRM"]);
    assert!(all.is_sorted_by_key(|item| time(item.create_time)));
    stage.api.disable(&all[1].name).await.unwrap();
    let found = listed(&stage, "shOP").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].url, stage.receiver.url("/orders"));
    assert_eq!(found[0].status(), SubscriptionStatus::Disabled);
    let by_url = listed(&stage, "/customers").await;
    assert_eq!((by_url.len(), by_url[0].display_name.as_str()), (1, "CRM"));
    assert!(listed(&stage, "nowhere").await.is_empty());
}

/// "Test error handling and retries", "before moving integrations into
/// production": the webhook is disabled, its receiver fails, and every retry of
/// the test is in the log.
async fn a_test_before_going_live(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-before").await;
    let failed = status(StatusCode::SERVICE_UNAVAILABLE);
    stage.receiver.script("/hook", [failed.clone(), failed, ok()]);
    let made = stage
        .create(Subscription {
            status: SubscriptionStatus::Disabled.into(),
            retry_policy: Some(delays(&[200, 200])),
            ..named(&stage, "Not yet", "/hook", &["*"])
        })
        .await;
    let delivery = test(&stage, &made.name, "mandate.created", true).await.delivery.unwrap();
    let ended = stage.api.wait_for_state(&delivery.name, DeliveryState::Succeeded, SOON_LIMIT);
    let attempts = stage.attempts(&ended.await.unwrap()).await;
    let log: Vec<_> = attempts.iter().map(|a| (a.number, a.http_status, a.test)).collect();
    assert_eq!(log, [(1, 503, true), (2, 503, true), (3, 200, true)]);
    assert_eq!(attempts[0].trigger(), AttemptTrigger::Test);
    let retries = &attempts[1..];
    assert!(retries.iter().all(|attempt| attempt.trigger() == AttemptTrigger::Retry));
}

/// "Choose an event type and Kwik will immediately send a test payload."
async fn a_test_of_any_type(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-test").await;
    let made = stage.create(named(&stage, "Tested", "/hook", &["invoice.created"])).await;
    for (count, event_type) in (1..).zip(["invoice.created", "payout.updated"]) {
        let attempt = test(&stage, &made.name, event_type, false).await.attempt.unwrap();
        assert_eq!(attempt.outcome(), AttemptOutcome::Succeeded);
        assert_eq!(attempt.event_type, event_type);
        let requests = stage.receiver.requests_to("/hook");
        assert_eq!(requests.len(), count);
        let sent = (event_type.to_owned(), sample("kwik", event_type).to_string());
        assert_eq!(enveloped(&requests[count - 1]), sent);
        assert!(signed_v1(&requests[count - 1], &made.signing_secret));
    }
}

/// "Viewing Webhook Events": for each attempt the event, success or failure, the
/// HTTP code, whether it was a test, the time of the next retry and the retry
/// counter, and what the receiver answered.
async fn the_event_log(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-log").await;
    let answer = Body::Whole("the books are closed".into());
    let answer = Answer::status(StatusCode::CONFLICT).header("x-books", "closed").body(answer);
    stage.receiver.script("/hook", [answer.into(), ok()]);
    // Its first attempt is looked at before the second.
    let policy = Some(delays(&[UNHURRIED_RETRY_MILLISECONDS]));
    let wanted = named(&stage, "Logged", "/hook", &["*"]);
    let made = stage.create(Subscription { retry_policy: policy, ..wanted }).await;
    let event = publish(&stage, "invoice.updated", &sample("kwik", "invoice.updated")).await;
    let waiting = stage.wait_for_retry(&event).await;
    let logged = log_of(&stage, &made.name, "outcome = HTTP_STATUS").await.remove(0);
    assert_eq!(logged.delivery, waiting.name);
    assert_eq!(logged.event, event);
    assert_eq!(logged.event_type, "invoice.updated");
    assert_eq!(logged.outcome(), AttemptOutcome::HttpStatus);
    assert_eq!(logged.http_status, 409);
    assert!(!logged.test);
    assert_eq!(logged.number - 1, 0, "the retry counter");
    let next = time(logged.next_attempt_time);
    let apart = next.duration_since(time(logged.start_time)).unwrap();
    let delay = Duration::from_millis(UNHURRIED_RETRY_MILLISECONDS);
    assert!(apart >= delay && apart < delay + SOON_LIMIT, "{apart:?}");
    assert_eq!(next, time(waiting.next_attempt_time));
    assert_eq!(logged.response_body, "the books are closed");
    assert_eq!(logged.response_text, "the books are closed");
    assert!(logged.error.contains("409 does not count as success"), "{}", logged.error);
    let header = logged.response_headers.iter().find(|header| header.name == "x-books").unwrap();
    assert_eq!(header.value, "closed");

    let ended = stage.wait_for(&event, DeliveryState::Succeeded).await;
    let last = stage.attempts(&ended).await.remove(1);
    assert_eq!((last.outcome(), last.http_status), (AttemptOutcome::Succeeded, 200));
    assert_eq!(last.number - 1, 1, "the retry counter");
    assert!(last.next_attempt_time.is_none());
    let whole = log_of(&stage, &made.name, "").await;
    let seen: Vec<_> = whole.iter().map(|whole| (whole.number, whole.http_status)).collect();
    assert_eq!(seen, [(2, 200), (1, 409)], "the newest first");
    assert_told(&stage, &made.name, &stage.receiver.requests()).await;
}

/// The attempts of a webhook, as "View Events" lists them.
async fn log_of(stage: &Stage, webhook: &str, filter: &str) -> Vec<Attempt> {
    let mut api = stage.api.clone();
    let listed = api.deliveries.list_attempts(ListAttemptsRequest {
        parent: webhook.to_owned(),
        filter: filter.to_owned(),
        ..ListAttemptsRequest::default()
    });
    listed.await.unwrap().into_inner().attempts
}

/// "Edit: modify the webhook configuration."
async fn edit(cluster: &Cluster) {
    let stage = Stage::set(cluster, "kwik-edit").await;
    let made = stage.create(named(&stage, "Old", "/old", &["customer.created"])).await;
    let changed = Subscription { name: made.name, ..named(&stage, "New", "/new", &["mandate.*"]) };
    let paths = ["display_name", "url", "event_types"];
    let edited = stage.api.update(changed, &paths).await.unwrap();
    assert_eq!(edited.display_name, "New");
    assert!(edited.signing_secret.is_empty());
    publish(&stage, "customer.created", &sample("kwik", "customer.created")).await;
    publish(&stage, "mandate.updated", &sample("kwik", "mandate.updated")).await;
    let requests = stage.receiver.wait_for_at("/new", 1, SOON_LIMIT).await.unwrap();
    assert!(signed_v1(&requests[0], &made.signing_secret));
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 1);
}

/// "Delete: permanently remove the webhook."; its history can still be read.
async fn delete(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "kwik-delete").await;
    stage.receiver.script("/hook", [status(StatusCode::BAD_GATEWAY)]);
    let wanted = named(&stage, "Gone", "/hook", &["*"]);
    let made = stage.create(Subscription { retry_policy: Some(once()), ..wanted }).await;
    let payload = sample("kwik", "collection.created");
    let event = publish(&stage, "collection.created", &payload).await;
    let ended = stage.wait_for(&event, DeliveryState::Exhausted).await;
    let name = made.name;
    let gone = DeleteSubscriptionRequest { name, ..DeleteSubscriptionRequest::default() };
    stage.api.subscriptions.delete_subscription(gone).await.unwrap();
    assert!(listed(&stage, "").await.is_empty());
    publish(&stage, "collection.created", &payload).await;
    tokio::time::sleep(SETTLE_WAIT).await;
    assert_eq!(stage.receiver.received(), 1);
    assert_eq!(stage.attempts(&ended).await.len(), 1);
}
