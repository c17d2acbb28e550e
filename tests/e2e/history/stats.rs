//! `GetSubscriptionStats`.
//!
//! Fed by a small cluster; feeds `history`. Guarantees that the figures add up
//! to what was attempted, in every period that is shown.

use std::time::Duration;

use http::StatusCode;
use postrider_proto::v1::{
    AttemptOutcome, DeliveryState, GetSubscriptionStatsRequest, StatsPeriod, SubscriptionStats,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::receiver::behaviour::{Answer, Gate, held, ok, status};

use crate::stage::{SOON_LIMIT, Stage, duration};

/// Slower than any other answer comes, on a busy machine.
const SLOW_ANSWER: Duration = Duration::from_secs(3);

fn outcomes(period: &StatsPeriod) -> Vec<(AttemptOutcome, i64)> {
    let counts = period.outcomes.iter();
    let mut counts: Vec<_> = counts.map(|count| (count.outcome(), count.count)).collect();
    counts.sort_by_key(|(outcome, _)| *outcome as i32);
    counts
}

/// An hour or a day can end in the middle of a test.
fn added(periods: &[StatsPeriod]) -> i64 {
    periods.iter().map(|period| period.attempt_count).sum()
}

async fn read(stage: &Stage, name: &str) -> SubscriptionStats {
    let mut api = stage.api.clone();
    let name = name.to_owned();
    let read = api.subscriptions.get_subscription_stats(GetSubscriptionStatsRequest { name });
    read.await.unwrap().into_inner()
}

pub async fn statistics_add_up(cluster: &Cluster) {
    let stage = Stage::set(cluster, "stats").await;
    let gate = Gate::closed();
    let slow = Answer::ok().after(SLOW_ANSWER);
    let failed = status(StatusCode::BAD_GATEWAY);
    let script = [slow.into(), failed.clone(), ok(), ok(), failed, held(&gate)];
    stage.receiver.script("/hook", script);
    let name = stage.subscribe_with_delays("/hook", &[0]).await.name;
    let empty = read(&stage, &name).await;
    assert_eq!(empty.total.unwrap_or_default().success_rate, None);
    // One that is slow; one that fails and succeeds; one that succeeds.
    for _ in 0..3 {
        let event = stage.publish().await;
        stage.wait_for(&event, DeliveryState::Succeeded).await;
    }
    // One that fails; its retry is under way.
    let event = stage.publish().await;
    stage.receiver.wait_for_at("/hook", 6, SOON_LIMIT).await.unwrap();
    let stats = read(&stage, &name).await;
    assert_eq!(stats.subscription, name);
    assert_eq!((stats.waiting_count, stats.in_flight_count), (0, 1), "{stats:?}");
    let total = stats.total.unwrap();
    assert_eq!(total.attempt_count, 5);
    let wanted = [(AttemptOutcome::Succeeded, 3), (AttemptOutcome::HttpStatus, 2)];
    assert_eq!(outcomes(&total), wanted);
    assert_eq!((added(&stats.hours), added(&stats.days)), (5, 5));
    assert!((total.success_rate.unwrap() - 0.6).abs() < 1e-9);
    let (p50, p95) = (duration(total.p50_duration), duration(total.p95_duration));
    assert!(p50 < SLOW_ANSWER * 8 / 10, "p50 {p50:?}");
    assert!(p95 > SLOW_ANSWER * 9 / 10, "p95 {p95:?}");
    gate.open();
    stage.wait_for(&event, DeliveryState::Succeeded).await;
    let total = read(&stage, &name).await.total.unwrap();
    assert_eq!(total.attempt_count, 6);
}
