//! The steps of concluding, on a store in memory that fails when it is told to.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, EndReason, Outcome, ReportedResponse,
};
use postrider_domain::event::Event;
use postrider_domain::ids::{AttemptKey, DeliveryId, EventId};
use postrider_domain::subscription::{Subscription, SuccessRule};
use postrider_store::{
    ConfigStore as _, HistoryStore as _, NewEvent, PublishingStore as _, StoreError, StreakChange,
    SubscriptionSideEffects,
};
use postrider_store_memory::MemoryStore;
use tokio::task::JoinSet;

use super::report::UnrecordedResults;
use super::stages::{CurrentDelivery, CurrentResult, ResultSubscription, StreakBefore};
use super::*;
use crate::clock::SystemClock;
use crate::fixtures::{self, FIXTURE_TIME};
use crate::replicas::GrpcCalls;
use crate::serve;
use crate::settings::Settings;

/// A writer whose batches the tests make, and its store.
struct WriterStage {
    store: Arc<MemoryStore>,
    writer: ConcludeWriter,
    context: ReplicaContext,
    _intake: ResultIntake,
    _tasks: JoinSet<()>,
}

impl WriterStage {
    /// With a subscription, and so many deliveries in flight that only the table knows.
    async fn with_deliveries(count: u8) -> Self {
        Self::with(fixtures::subscription(), count, DeliveryState::InFlight).await
    }

    async fn with(subscription: Subscription, count: u8, state: DeliveryState) -> Self {
        let store = Arc::new(MemoryStore::new(4, || FIXTURE_TIME));
        store.create_tenant(&fixtures::tenant(), &fixtures::audit()).await.unwrap();
        let created =
            store.create_subscription(&subscription, usize::MAX, &fixtures::audit()).await;
        let config_version = created.unwrap();
        for n in 0..count {
            let event = Arc::new(Event { id: event_id(n), ..fixtures::event() });
            let deliveries = vec![Delivery { state, ..delivery(n) }];
            let new = NewEvent { event, idempotency: None, config_version, deliveries };
            let committed = store.publish(&[new], FIXTURE_TIME + Duration::from_secs(1)).await;
            assert!(committed.unwrap()[0].is_committed());
        }
        let flags = [
            ("database.url", "postgres://memory".to_owned()),
            ("server.metrics_listen", String::new()),
        ];
        let assembled = serve::assemble(
            Arc::new(Settings::load(None, &flags).unwrap()),
            (Arc::<MemoryStore>::clone(&store), AssignmentKey::new([7; 32])),
            SystemClock::starting_at(FIXTURE_TIME),
            String::new(),
            Arc::new(GrpcCalls::new(None)),
            Metrics::default(),
        );
        let (intake, writer) = new(&assembled.context);
        let (context, tasks) = (assembled.context, assembled.tasks);
        Self { store, writer, context, _intake: intake, _tasks: tasks }
    }

    /// The attempt that history has of a delivery.
    async fn recorded(&self, n: u8) -> Option<AttemptRecord> {
        let tenant = fixtures::tenant().id;
        let found = self.store.list_attempts(&tenant, delivery_id(n), 0, 2).await.unwrap();
        assert!(found.len() < 2, "{found:?}");
        found.into_iter().next().map(|attempt| attempt.record)
    }

    async fn standing(&self, n: u8) -> (DeliveryState, Option<EndReason>) {
        let tenant = fixtures::tenant().id;
        let row = self.store.get_delivery(&tenant, delivery_id(n)).await.unwrap().unwrap();
        (row.state, row.end_reason)
    }

    /// Which of the first deliveries have an attempt in history.
    async fn recorded_of(&self, count: u8) -> Vec<u8> {
        let mut recorded = Vec::new();
        for n in 0..count {
            if self.recorded(n).await.is_some() {
                recorded.push(n);
            }
        }
        recorded
    }
}

fn event_id(n: u8) -> EventId {
    EventId::new(FIXTURE_TIME, [n; 10])
}

fn delivery_id(n: u8) -> DeliveryId {
    DeliveryId::new(FIXTURE_TIME, [n; 10])
}

fn delivery(n: u8) -> Delivery {
    Delivery {
        id: delivery_id(n),
        event: event_id(n),
        state: DeliveryState::InFlight,
        ..fixtures::delivery()
    }
}

/// A response with this status.
fn response(n: u8, status: u16) -> AttemptReport {
    let record = AttemptRecord {
        key: AttemptKey { delivery: delivery_id(n), number: 1 },
        event: event_id(n),
        http_status: Some(status),
        error: String::new(),
        next_attempt_time: None,
        ..fixtures::attempt()
    };
    let response = ReportedResponse { outcome: Outcome::HttpStatus, error: String::new() };
    let (record, response) = (Arc::new(record), Some(response));
    AttemptReport { record, response, retry_after: None, stream: None, reporter: None, trace: None }
}

/// The same with its delivery's row, which need not be read.
fn with_row(report: AttemptReport, n: u8) -> QueuedResult {
    QueuedResult { report, row: Some(Box::new(delivery(n))), ticket: None }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable("away".to_owned())
}

fn waiting(unrecorded: &UnrecordedResults) -> HashSet<DeliveryId> {
    assert!(unrecorded.refused.is_empty());
    unrecorded.waiting.iter().map(|report| report.record.key.delivery).collect()
}

fn ids(numbers: std::ops::Range<u8>) -> HashSet<DeliveryId> {
    numbers.map(delivery_id).collect()
}

#[tokio::test]
async fn an_outage_while_deliveries_are_read_loses_nothing_and_the_rest_is_not_asked() {
    let stage = WriterStage::with_deliveries(10).await;
    let results = || (0..10).map(|n| response(n, 503).into()).collect();
    let before = stage.store.calls();
    // The first four are read together; of the next four one is.
    stage.store.fail_after(5, unavailable());
    let unrecorded = stage.writer.conclude_batch(results()).await;
    assert_eq!(stage.store.calls() - before, 8);
    assert!(unrecorded.outage.as_ref().is_some_and(StoreError::is_transient));
    assert_eq!(waiting(&unrecorded), ids(0..10));
    stage.store.recover();
    assert!(stage.recorded_of(10).await.is_empty());
    let again = unrecorded.waiting.into_iter().map(QueuedResult::from).collect();
    let unrecorded = stage.writer.conclude_batch(again).await;
    assert_eq!(waiting(&unrecorded), ids(0..0));
    assert_eq!(stage.recorded_of(10).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_outage_while_a_refused_batch_is_divided_keeps_what_was_committed() {
    let stage = WriterStage::with_deliveries(8).await;
    let results = (0..8).map(|n| {
        let mut report = response(n, 503);
        if n == 7 {
            Arc::make_mut(&mut report.record).event_type = "with a \0".to_owned();
        }
        with_row(report, n)
    });
    let before = stage.store.calls();
    // The configuration, the whole batch, and its first half.
    stage.store.fail_after(3, unavailable());
    let unrecorded = stage.writer.conclude_batch(results.collect()).await;
    assert_eq!(stage.store.calls() - before, 4);
    assert_eq!(waiting(&unrecorded), ids(4..8));
    stage.store.recover();
    assert_eq!(stage.recorded_of(8).await, [0, 1, 2, 3]);
}

#[tokio::test]
async fn results_that_the_database_refuses_delay_no_other_and_are_stripped_if_that_helps() {
    let stage = WriterStage::with_deliveries(6).await;
    let results = (0..6).map(|n| {
        let mut report = response(n, 503);
        let record = Arc::make_mut(&mut report.record);
        match n {
            2 => record.remote_address = "192.0.2.1\0".to_owned(),
            5 => record.event_type = "with a \0".to_owned(),
            _ => {}
        }
        with_row(report, n)
    });
    let unrecorded = stage.writer.conclude_batch(results.collect()).await;
    assert!(unrecorded.outage.is_none() && unrecorded.waiting.is_empty());
    let [refused] = &unrecorded.refused[..] else { panic!("one is refused") };
    assert!(refused.error.is_rejected_input());
    assert_eq!(refused.report.record.key.delivery, delivery_id(5));
    assert_eq!(&*refused.report.record.response_body, b"busy", "the whole result is retried");
    assert_eq!(stage.recorded_of(6).await, [0, 1, 2, 3, 4]);
    let stripped = stage.recorded(2).await.unwrap();
    assert_eq!(
        (&*stripped.error, &*stripped.remote_address),
        ("the response could not be stored", "")
    );
    assert!(stripped.response_body.is_empty() && stripped.response_headers.is_empty());
    assert_eq!(&*stage.recorded(1).await.unwrap().response_body, b"busy");
}

#[tokio::test]
async fn a_result_whose_delivery_moved_on_before_the_commit_is_recorded_as_late() {
    let stage = WriterStage::with(fixtures::subscription(), 2, DeliveryState::Waiting).await;
    // Their rows were read while they were in flight.
    let results = (0..2).map(|n| with_row(response(n, if n == 0 { 503 } else { 200 }), n));
    let unrecorded = stage.writer.conclude_batch(results.collect()).await;
    assert_eq!(waiting(&unrecorded), ids(0..0));
    assert_eq!(stage.recorded_of(2).await, [0, 1]);
    assert_eq!(stage.standing(0).await, (DeliveryState::Waiting, None));
    assert_eq!(stage.standing(1).await, (DeliveryState::Succeeded, None));
}

#[tokio::test]
async fn results_of_a_deleted_subscription_end_their_deliveries() {
    let deleted = Subscription { delete_time: Some(FIXTURE_TIME), ..fixtures::subscription() };
    let stage = WriterStage::with(deleted, 2, DeliveryState::InFlight).await;
    let results = vec![response(0, 503).into(), response(1, 204).into()];
    let unrecorded = stage.writer.conclude_batch(results).await;
    assert_eq!(waiting(&unrecorded), ids(0..0));
    let ended = (DeliveryState::Cancelled, Some(EndReason::SubscriptionDeleted));
    assert_eq!(stage.standing(0).await, ended);
    assert_eq!(stage.standing(1).await.0, DeliveryState::Succeeded);
    assert_eq!(stage.recorded(1).await.unwrap().outcome, Outcome::Succeeded);
}

#[tokio::test]
async fn results_keep_their_order_wherever_their_deliveries_are_found() {
    let stage = WriterStage::with_deliveries(9).await;
    let mut results: Vec<QueuedResult> = Vec::new();
    for n in 0..9 {
        let report = response(n, 503);
        results.push(if n % 2 == 0 { with_row(report, n) } else { report.into() });
    }
    // Nobody knows these deliveries.
    results.insert(3, response(100, 503).into());
    results.push(response(101, 503).into());
    let mut unrecorded = UnrecordedResults::default();
    let found = stage.writer.find_and_judge(results, &mut unrecorded).await;
    let key_of = |report: &AttemptReport| report.record.key.delivery;
    let current: Vec<_> = found.current.iter().map(|current| key_of(&current.report)).collect();
    assert_eq!(current, (0..9).map(delivery_id).collect::<Vec<_>>());
    let late: Vec<_> = found.late.iter().map(|late| key_of(&late.report)).collect();
    assert_eq!(late, [delivery_id(100), delivery_id(101)]);
    assert_eq!(waiting(&unrecorded), ids(0..0));
}

#[tokio::test]
async fn a_late_result_without_a_response_needs_no_configuration() {
    let stage = WriterStage::with_deliveries(0).await;
    let mut silent = response(1, 503);
    let record = Arc::make_mut(&mut silent.record);
    (record.outcome, record.http_status, silent.response) = (Outcome::Timeout, None, None);
    let before = stage.store.calls();
    // The delivery's row, and the record: a configuration could not be read.
    stage.store.fail_after(2, unavailable());
    let unrecorded = stage.writer.conclude_batch(vec![silent.into()]).await;
    assert_eq!((waiting(&unrecorded), stage.store.calls() - before), (ids(0..0), 2));
    // With a response the rule is needed, and so the result waits.
    stage.store.fail_after(1, unavailable());
    let unrecorded = stage.writer.conclude_batch(vec![response(2, 503).into()]).await;
    assert_eq!(waiting(&unrecorded), ids(2..3));
}

#[tokio::test]
async fn a_rule_that_changes_during_an_outage_is_the_only_one_that_explains_the_result() {
    let stage = WriterStage::with_deliveries(1).await;
    // The row and the configuration are read; the commit fails.
    stage.store.fail_after(2, unavailable());
    let unrecorded = stage.writer.conclude_batch(vec![response(0, 500).into()]).await;
    assert_eq!(waiting(&unrecorded), ids(0..1));
    let by_the_first_rule = unrecorded.waiting[0].record.error.clone();
    stage.store.recover();
    let mut changed = fixtures::subscription();
    changed.revision += 1;
    changed.settings.success = SuccessRule::Listed([201].into());
    let none = SubscriptionSideEffects::default();
    let (expected, audit) = (changed.revision - 1, fixtures::audit());
    stage.store.update_subscription(&changed, expected, &none, &audit).await.unwrap();
    stage.context.tenants.refresh(&changed.tenant).await.unwrap();
    let again = unrecorded.waiting.into_iter().map(QueuedResult::from).collect();
    stage.writer.conclude_batch(again).await;
    let record = stage.recorded(0).await.unwrap();
    assert_eq!(record.error, changed.settings.success.why_not(500));
    assert_ne!(record.error, by_the_first_rule);
}

#[tokio::test]
async fn decisions_follow_one_another_within_a_batch() {
    let stage = WriterStage::with_deliveries(0).await;
    let config = stage.context.tenants.snapshot(&fixtures::tenant().id).await.unwrap().unwrap();
    let subscription = Arc::new(fixtures::subscription());
    let result = |n, outcome| {
        let mut report = response(n, 503);
        Arc::make_mut(&mut report.record).outcome = outcome;
        let delivery = Delivery { ordering_key: Some("order-1".to_owned()), ..self::delivery(n) };
        CurrentResult {
            report,
            delivery: CurrentDelivery::InTable(Box::new(delivery)),
            subscription: Some(ResultSubscription {
                config: Arc::clone(&config),
                subscription: Arc::clone(&subscription),
            }),
            streak: StreakBefore::Absent,
        }
    };
    let outcomes = [Outcome::Succeeded, Outcome::HttpStatus, Outcome::Succeeded];
    let batch = stage.writer.decide_all((0..).zip(outcomes).map(|(n, o)| result(n, o)).collect());
    let keys: Vec<_> = batch.rows.iter().map(|row| row.record.key.delivery).collect();
    assert_eq!(keys, (0..3).map(delivery_id).collect::<Vec<_>>());
    // A success ends only the streak that a failure before it began.
    let streaks: Vec<_> = batch.rows.iter().map(|row| &row.streak).collect();
    assert!(matches!(
        streaks[..],
        [None, Some(StreakChange::Begin { .. }), Some(StreakChange::End { recovered: None })]
    ));
    for (row, follow_up) in batch.rows.iter().zip(&batch.follow_ups) {
        let succeeded = row.record.outcome == Outcome::Succeeded;
        assert_eq!(row.record.next_attempt_time.is_none(), succeeded);
        assert_eq!(follow_up.freed.is_some(), succeeded, "its key's next one may be released");
        assert!(!follow_up.was_in_memory);
    }
}
