//! Replays and backfills, as an operator begins and watches them.
//!
//! Fed by clusters on each engine; feeds `control`. Guarantees that a replay makes
//! each delivery once, whatever dies in the middle, at no more than its rate, and
//! that a new subscription gets what came before it.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use postrider_proto::longrunning::{
    CancelOperationRequest, DeleteOperationRequest, GetOperationRequest, ListOperationsRequest,
    Operation, WaitOperationRequest, operation,
};
use postrider_proto::v1::{
    AttemptTrigger, BackfillSubscriptionMetadata, BackfillSubscriptionRequest,
    BackfillSubscriptionResponse, DeleteSubscriptionRequest, Delivery, DeliveryState,
    ReplayDeliveriesMetadata, ReplayDeliveriesRequest, ReplayDeliveriesResponse, Subscription,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::{ok, status};
use prost::Message;
use tonic::{Code, Status};

use crate::stage::{DEFAULT_PAYLOAD, SOON_LIMIT, Stage, once};

mod crashes;

const REPLAY_LIMIT: Duration = Duration::from_secs(90);

fn before(span: Duration) -> Option<prost_types::Timestamp> {
    Some((SystemTime::now() - span).into())
}

/// Everything of the last hour, as fast as it goes.
fn all(stage: &Stage) -> ReplayDeliveriesRequest {
    ReplayDeliveriesRequest {
        parent: stage.tenant.clone(),
        start_time: before(Duration::from_hours(1)),
        max_deliveries_per_second: 10_000,
        ..ReplayDeliveriesRequest::default()
    }
}

async fn replay(stage: &Stage, asked: ReplayDeliveriesRequest) -> Result<Operation, Status> {
    let mut api = stage.api.clone();
    Ok(api.deliveries.replay_deliveries(asked).await?.into_inner())
}

async fn backfill(stage: &Stage, subscription: &str) -> Result<Operation, Status> {
    let mut api = stage.api.clone();
    let asked = BackfillSubscriptionRequest {
        name: subscription.to_owned(),
        start_time: before(Duration::from_hours(1)),
        ..BackfillSubscriptionRequest::default()
    };
    Ok(api.subscriptions.backfill_subscription(asked).await?.into_inner())
}

async fn get(stage: &Stage, name: &str) -> Operation {
    let mut api = stage.api.clone();
    let asked = GetOperationRequest { name: name.to_owned() };
    api.operations.get_operation(asked).await.unwrap().into_inner()
}

async fn done(stage: &Stage, begun: &Operation) -> Operation {
    let mut api = stage.api.clone();
    let timeout = Some(SOON_LIMIT.try_into().unwrap());
    let asked = WaitOperationRequest { name: begun.name.clone(), timeout };
    let ended = api.operations.wait_operation(asked).await.unwrap().into_inner();
    assert!(ended.done, "{ended:?}");
    ended
}

fn replayed(ended: &Operation) -> ReplayDeliveriesResponse {
    let Some(operation::Result::Response(response)) = &ended.result else {
        panic!("no response: {ended:?}");
    };
    assert_eq!(response.type_url, "type.googleapis.com/postrider.v1.ReplayDeliveriesResponse");
    ReplayDeliveriesResponse::decode(&response.value[..]).unwrap()
}

fn progress(of: &Operation) -> ReplayDeliveriesMetadata {
    let metadata = of.metadata.as_ref().unwrap();
    assert_eq!(metadata.type_url, "type.googleapis.com/postrider.v1.ReplayDeliveriesMetadata");
    ReplayDeliveriesMetadata::decode(&metadata.value[..]).unwrap()
}

/// Publishes so many events to a path that refuses them all, once each.
async fn exhausted(stage: &Stage, path: &str, count: usize) -> Subscription {
    stage.receiver.script(path, [status(StatusCode::BAD_GATEWAY)]);
    let wanted = Subscription { retry_policy: Some(once()), ..stage.wanted(path) };
    let made = stage.create(wanted).await;
    stage.publish_many(count).await;
    let filter = format!("state = EXHAUSTED AND subscription = \"{}\"", made.name);
    stage.api.wait_for_deliveries(&stage.tenant, &filter, count, REPLAY_LIMIT).await.unwrap();
    made
}

/// The new deliveries of a tenant by what they send again; each once.
async fn made_of(stage: &Stage) -> HashMap<String, Delivery> {
    let mut api = stage.api.clone();
    let every = api.all_deliveries(&stage.tenant, "").await.unwrap();
    let made: Vec<_> = every.into_iter().filter(|d| !d.resend_of.is_empty()).collect();
    let count = made.len();
    let by_original: HashMap<_, _> = made.into_iter().map(|d| (d.resend_of.clone(), d)).collect();
    assert_eq!(by_original.len(), count, "one was sent again twice");
    by_original
}

pub async fn a_replay_sends_what_failed_once_the_receiver_is_well(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "replay-mended").await;
    let hook = exhausted(&stage, "/hook", 12).await;
    exhausted(&stage, "/other", 1).await;
    let refund = stage.publish_event(event("refund.completed", DEFAULT_PAYLOAD)).await;
    stage
        .api
        .wait_for_deliveries(&stage.tenant, "state = EXHAUSTED", 16, SOON_LIMIT)
        .await
        .unwrap();
    stage.receiver.script("/hook", [ok()]);
    let begun = replay(
        &stage,
        ReplayDeliveriesRequest {
            subscription: hook.name.clone(),
            event_types: vec!["payment.*".to_owned()],
            ..all(&stage)
        },
    );
    let begun = begun.await.unwrap();
    assert!(begun.name.starts_with(&format!("{}/operations/op_", stage.tenant)), "{begun:?}");
    let ended = done(&stage, &begun).await;
    // 13 payments and one refund went to the hook.
    assert_eq!(replayed(&ended).delivery_count, 13, "{ended:?}");
    let seen = progress(&ended);
    assert_eq!((seen.parent.as_str(), seen.delivery_count), (stage.tenant.as_str(), 13));
    assert!(seen.end_time.is_some() && !seen.cancel_requested);
    let filter = "state = SUCCEEDED";
    let succeeded =
        stage.api.wait_for_deliveries(&stage.tenant, filter, 13, SOON_LIMIT).await.unwrap();
    for delivery in &succeeded {
        assert_eq!(delivery.subscription, hook.name);
        assert_ne!(delivery.event, refund);
        let original = stage.api.delivery(&delivery.resend_of).await.unwrap();
        assert_eq!((&original.event, original.sequence), (&delivery.event, delivery.sequence));
        assert_eq!(original.state(), DeliveryState::Exhausted);
    }
    assert_eq!(stage.attempts(&succeeded[0]).await[0].trigger(), AttemptTrigger::Replay);
    assert_eq!(made_of(&stage).await.len(), 13);
    let asked = ListOperationsRequest { name: stage.tenant.clone(), ..Default::default() };
    let mut api = stage.api.clone();
    let listed = api.operations.list_operations(asked).await.unwrap().into_inner();
    assert_eq!(listed.operations, [ended]);
}

/// Only what ended so, and within the window: what succeeded before, and nothing of
/// what came later or failed.
pub async fn a_replay_keeps_to_its_states_and_window(cluster: &Cluster) {
    let stage = Stage::set(cluster, "replay-state").await;
    exhausted(&stage, "/bad", 2).await;
    let good = stage.subscribe("/good").await;
    let first = stage.publish().await;
    let succeeded = "state = SUCCEEDED";
    stage.api.wait_for_deliveries(&stage.tenant, succeeded, 1, SOON_LIMIT).await.unwrap();
    // An event's time has no finer parts than milliseconds, and is the control plane's.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let second = stage.publish().await;
    let end_time = stage.api.clone().deliveries_of(&second).await.unwrap()[0].create_time;
    stage.api.wait_for_deliveries(&stage.tenant, succeeded, 2, SOON_LIMIT).await.unwrap();
    let states = vec![DeliveryState::Succeeded.into()];
    let asked = ReplayDeliveriesRequest { states, end_time, ..all(&stage) };
    let begun = replay(&stage, asked).await.unwrap();
    assert_eq!(replayed(&done(&stage, &begun).await).delivery_count, 1);
    let made: Vec<Delivery> = made_of(&stage).await.into_values().collect();
    assert_eq!((&made[0].event, &made[0].subscription), (&first, &good.name));
    stage.api.wait_for_deliveries(&stage.tenant, succeeded, 3, SOON_LIMIT).await.unwrap();
}

pub async fn a_replay_keeps_to_its_rate(cluster: &Cluster) {
    let stage = Stage::set(cluster, "replay-rate").await;
    exhausted(&stage, "/hook", 30).await;
    stage.receiver.script("/hook", [ok()]);
    let begun = Instant::now();
    let asked = ReplayDeliveriesRequest { max_deliveries_per_second: 10, ..all(&stage) };
    let operation = replay(&stage, asked).await.unwrap();
    stage
        .api
        .wait_for_deliveries(&stage.tenant, "state = SUCCEEDED", 30, SOON_LIMIT)
        .await
        .unwrap();
    // The first of 30 comes at once.
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(2_800), "{took:?}");
    assert_eq!(replayed(&done(&stage, &operation).await).delivery_count, 30);
}

pub async fn a_cancelled_replay_makes_no_more(cluster: &Cluster) {
    let stage = Stage::set(cluster, "replay-cancelled").await;
    exhausted(&stage, "/hook", 40).await;
    stage.receiver.script("/hook", [ok()]);
    let asked = ReplayDeliveriesRequest { max_deliveries_per_second: 5, ..all(&stage) };
    let begun = replay(&stage, asked).await.unwrap();
    stage.receiver.wait_for_at("/hook", 42, SOON_LIMIT).await.unwrap();
    let running = get(&stage, &begun.name).await;
    assert!(!running.done && progress(&running).delivery_count >= 2, "{running:?}");
    let mut api = stage.api.clone();
    let name = begun.name.clone();
    let deletion = DeleteOperationRequest { name: name.clone() };
    let refused = api.operations.delete_operation(deletion.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "OPERATION_RUNNING");
    api.operations.cancel_operation(CancelOperationRequest { name }).await.unwrap();
    let ended = done(&stage, &begun).await;
    let Some(operation::Result::Error(error)) = &ended.result else { panic!("{ended:?}") };
    assert_eq!(error.code, i32::from(Code::Cancelled));
    assert!(progress(&ended).cancel_requested);
    let made = usize::try_from(progress(&ended).delivery_count).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    api.operations.delete_operation(deletion.clone()).await.unwrap();
    let gone = api.operations.delete_operation(deletion).await.unwrap_err();
    assert_eq!((gone.code(), made_of(&stage).await.len()), (Code::NotFound, made));
    assert!(made < 40);
}

pub async fn a_backfill_sends_what_was_never_matched(cluster: &Cluster) {
    let stage = Stage::set(cluster, "backfill").await;
    stage.subscribe("/first").await;
    let mut wanted = BTreeSet::new();
    for (number, account) in ["acc-1", "acc-2", "acc-1", "acc-1"].into_iter().enumerate() {
        let one = event("payment.completed", &format!("{{\"number\":{number}}}"));
        let one = postrider_proto::v1::Event { account: account.to_owned(), ..one };
        let name = stage.publish_event(one).await;
        if account == "acc-1" {
            wanted.insert(name);
        }
    }
    stage.publish_event(event("refund.completed", DEFAULT_PAYLOAD)).await;
    let new = stage.create(Subscription {
        event_types: vec!["payment.*".to_owned()],
        accounts: vec!["acc-1".to_owned()],
        ..stage.wanted("/new")
    });
    let new = new.await;
    // One after it, which it gets by itself.
    let live = event("payment.completed", DEFAULT_PAYLOAD);
    let live = postrider_proto::v1::Event { account: "acc-1".to_owned(), ..live };
    wanted.insert(stage.publish_event(live).await);

    for made in [3, 0] {
        let begun = backfill(&stage, &new.name).await.unwrap();
        let ended = done(&stage, &begun).await;
        let Some(operation::Result::Response(response)) = &ended.result else {
            panic!("{ended:?}")
        };
        let response = BackfillSubscriptionResponse::decode(&response.value[..]).unwrap();
        assert_eq!(response.delivery_count, made, "{response:?}");
        assert!(response.examined_count >= 5);
        let metadata = &ended.metadata.as_ref().unwrap().value[..];
        let metadata = BackfillSubscriptionMetadata::decode(metadata).unwrap();
        assert_eq!(metadata.subscription, new.name);
    }
    let filter = format!("state = SUCCEEDED AND subscription = \"{}\"", new.name);
    let got = stage.api.wait_for_deliveries(&stage.tenant, &filter, 4, SOON_LIMIT).await.unwrap();
    let got: BTreeSet<_> = got.into_iter().map(|delivery| delivery.event).collect();
    assert_eq!(got, wanted);
    let ids: BTreeSet<_> =
        stage.receiver.requests_to("/new").iter().map(|r| r.webhook_id().to_owned()).collect();
    assert_eq!(ids.len(), 4);
}

/// A backfill has nowhere to go on to when its subscription is deleted.
pub async fn a_backfill_ends_when_its_subscription_is_deleted(cluster: &Cluster) {
    let stage = Stage::set(cluster, "backfill-deleted").await;
    stage.publish_many(6).await;
    let new = stage.subscribe("/new").await;
    let mut api = stage.api.clone();
    let asked = BackfillSubscriptionRequest {
        name: new.name.clone(),
        start_time: before(Duration::from_hours(1)),
        max_deliveries_per_second: 1,
        ..BackfillSubscriptionRequest::default()
    };
    let begun = api.subscriptions.backfill_subscription(asked).await.unwrap().into_inner();
    stage.receiver.wait_for_at("/new", 1, SOON_LIMIT).await.unwrap();
    let name = new.name.clone();
    let asked = DeleteSubscriptionRequest { name, ..DeleteSubscriptionRequest::default() };
    api.subscriptions.delete_subscription(asked).await.unwrap();
    let ended = done(&stage, &begun).await;
    let Some(operation::Result::Error(error)) = &ended.result else { panic!("{ended:?}") };
    assert_eq!(error.code, i32::from(Code::FailedPrecondition));
    let again = backfill(&stage, &new.name).await.unwrap_err();
    assert_eq!(reason(&again), "RESOURCE_DELETED");
}

pub async fn a_wrong_request_begins_no_operation(cluster: &Cluster) {
    let stage = Stage::set(cluster, "replay-refused").await;
    let wrong = ReplayDeliveriesRequest {
        subscription: "tenants/other/subscriptions/erp".to_owned(),
        start_time: None,
        states: vec![DeliveryState::Waiting.into()],
        event_types: vec!["payment.**".to_owned()],
        max_deliveries_per_second: 10_001,
        ..all(&stage)
    };
    let wrong = replay(&stage, wrong).await.unwrap_err();
    let fields =
        ["subscription", "start_time", "states[0]", "event_types[0]", "max_deliveries_per_second"];
    assert_eq!(violated_fields(&wrong), fields);
    let missing = ReplayDeliveriesRequest { parent: "tenants/nobody".to_owned(), ..all(&stage) };
    let missing = replay(&stage, missing).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let nowhere = format!("{}/subscriptions/nowhere", stage.tenant);
    let missing = backfill(&stage, &nowhere).await.unwrap_err();
    assert_eq!((missing.code(), reason(&missing).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));

    let mut api = stage.api.clone();
    let name = format!("{}/operations/op_{}", stage.tenant, "0".repeat(32));
    let asked = GetOperationRequest { name: name.clone() };
    let missing = api.operations.get_operation(asked).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let asked = CancelOperationRequest { name: name.clone() };
    assert_eq!(api.operations.cancel_operation(asked).await.unwrap_err().code(), Code::NotFound);
    let asked = DeleteOperationRequest { name };
    assert_eq!(api.operations.delete_operation(asked).await.unwrap_err().code(), Code::NotFound);
}
