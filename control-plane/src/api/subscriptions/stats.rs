//! `GetSubscriptionStats`.
//!
//! Fed by the counters that each recorded attempt raises; feeds callers figures per
//! hour and day. Guarantees that no attempt is read for it.

use std::collections::BTreeMap;
use std::time::Duration;

use postrider_domain::delivery::{DeliveryState, Outcome};
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::time::Timestamp;
use postrider_proto::v1;
use postrider_store::{DeliveryQuery, StatsRow, latency_quantile};
use tonic::Status;

use crate::api::deliveries::attempt_conversion::outcome;
use crate::api::rpc::errors;
use crate::api::values::time::{duration, timestamp};
use crate::state::context::ReplicaContext;

const ONE_HOUR: Duration = Duration::from_secs(3600);
/// Today and yesterday, to compare.
const SHOWN_HOURS: u32 = 48;
/// A month; statistics are kept for 30 days by default.
const SHOWN_DAYS: u32 = 31;
/// Waiting deliveries are counted up to this number. Counting reads each of them; nobody
/// needs a larger number exactly.
const MAX_COUNTED_WAITING: u32 = 10_000_000;
/// More deliveries than one subscription can have in memory.
const MAX_COUNTED_IN_FLIGHT: u32 = 20_000;

/// Reads a subscription's statistics.
pub async fn read_stats(
    context: &ReplicaContext,
    key: &SubscriptionKey,
) -> Result<v1::SubscriptionStats, Status> {
    let now = context.clock.now();
    let first_day = start_of(now, ONE_HOUR * 24) - ONE_HOUR * 24 * (SHOWN_DAYS - 1);
    let first_hour = start_of(now, ONE_HOUR) - ONE_HOUR * (SHOWN_HOURS - 1);
    let rows = context.store.stats(key, first_day).await.map_err(errors::store)?;
    let backlog = context.store.backlog(key, MAX_COUNTED_WAITING).await.map_err(errors::store)?;
    let days = periods(&rows, ONE_HOUR * 24);
    let recent = rows.iter().filter(|row| row.hour >= first_hour);
    let total = days.first().and_then(|day| day.start_time);
    Ok(v1::SubscriptionStats {
        subscription: key.to_string(),
        hours: periods(recent, ONE_HOUR),
        total: Some(v1::StatsPeriod { start_time: total, ..period(None, &rows) }),
        days,
        waiting_count: backlog.count.into(),
        in_flight_count: in_flight(context, key).await?,
        oldest_waiting_time: backlog.oldest.map(timestamp),
    })
}

/// The start of the UTC period of this length that contains `at`.
fn start_of(at: Timestamp, length: Duration) -> Timestamp {
    let length = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    Timestamp::from_micros(at.as_micros().div_euclid(length) * length)
}

fn periods<'a>(
    rows: impl IntoIterator<Item = &'a StatsRow>,
    length: Duration,
) -> Vec<v1::StatsPeriod> {
    let mut by_start: BTreeMap<Timestamp, Vec<&StatsRow>> = BTreeMap::new();
    for row in rows {
        by_start.entry(start_of(row.hour, length)).or_default().push(row);
    }
    by_start.into_iter().map(|(start, rows)| period(Some(start), rows)).collect()
}

// A rate needs no more than 52 bits.
fn period<'a>(
    start: Option<Timestamp>,
    rows: impl IntoIterator<Item = &'a StatsRow>,
) -> v1::StatsPeriod {
    let mut outcomes: BTreeMap<Outcome, u64> = BTreeMap::new();
    let mut buckets: BTreeMap<u16, u64> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.count > 0) {
        *outcomes.entry(row.outcome).or_default() += row.count;
        // The duration of an attempt with an unknown outcome is unknown.
        if row.outcome != Outcome::Unknown {
            *buckets.entry(row.bucket).or_default() += row.count;
        }
    }
    let attempts: u64 = outcomes.values().sum();
    let succeeded = outcomes.get(&Outcome::Succeeded).copied().unwrap_or_default();
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    v1::StatsPeriod {
        start_time: start.map(timestamp),
        attempt_count: count(attempts),
        success_rate: (attempts > 0).then(|| succeeded as f64 / attempts as f64),
        p50_duration: latency_quantile(&buckets, 0.50).map(duration),
        p95_duration: latency_quantile(&buckets, 0.95).map(duration),
        outcomes: outcomes
            .into_iter()
            .map(|(each, n)| v1::OutcomeCount { outcome: outcome(each).into(), count: count(n) })
            .collect(),
    }
}

/// From memory at the owner, from the table elsewhere.
async fn in_flight(context: &ReplicaContext, key: &SubscriptionKey) -> Result<i64, Status> {
    if let Some(lane) = context.dispatcher.lane(key) {
        let queued = u32::try_from(lane.queued).unwrap_or(u32::MAX);
        return Ok(lane.in_flight.saturating_add(queued).into());
    }
    let query = DeliveryQuery {
        subscription: Some(key.subscription.clone()),
        states: vec![DeliveryState::InFlight],
        ..DeliveryQuery::newest(&key.tenant, MAX_COUNTED_IN_FLIGHT)
    };
    let found = context.store.list_deliveries(&query).await.map_err(errors::store)?;
    Ok(i64::try_from(found.len()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use postrider_store::latency_bucket;

    use super::*;

    fn row(hour: u32, outcome: Outcome, milliseconds: u64, count: u64) -> StatsRow {
        let bucket = latency_bucket(Duration::from_millis(milliseconds));
        StatsRow { hour: Timestamp::default() + ONE_HOUR * hour, outcome, bucket, count }
    }

    #[test]
    fn attempts_are_counted_per_period() {
        let rows = [
            row(1, Outcome::Succeeded, 10, 3),
            row(1, Outcome::Timeout, 15_000, 1),
            row(23, Outcome::Succeeded, 10, 4),
            row(24, Outcome::HttpStatus, 10, 2),
        ];
        let hours = periods(&rows, ONE_HOUR);
        assert_eq!(hours.iter().map(|p| p.attempt_count).collect::<Vec<_>>(), [4, 4, 2]);
        assert_eq!(hours[0].success_rate, Some(0.75));
        assert_eq!(hours[0].outcomes.len(), 2);
        let days = periods(&rows, ONE_HOUR * 24);
        assert_eq!(days.iter().map(|p| p.attempt_count).collect::<Vec<_>>(), [8, 2]);
        assert_eq!(days[1].start_time.unwrap().seconds, 86_400);
        assert_eq!(period(None, &rows).attempt_count, 10);
    }

    #[test]
    fn without_attempts_there_is_no_rate_and_no_duration() {
        let empty = period(None, &[]);
        assert_eq!(
            (empty.success_rate, empty.p50_duration, empty.p95_duration),
            (None, None, None)
        );
        let unknown = period(None, &[row(0, Outcome::Unknown, 0, 2)]);
        assert_eq!((unknown.attempt_count, unknown.success_rate), (2, Some(0.0)));
        assert_eq!(unknown.p50_duration, None);
    }

    #[test]
    fn quantiles_lie_in_the_bucket_of_the_attempt() {
        let rows = [row(0, Outcome::Succeeded, 10, 90), row(0, Outcome::Succeeded, 1000, 10)];
        let all = period(None, &rows);
        let p50 = Duration::try_from(all.p50_duration.unwrap()).unwrap();
        let p95 = Duration::try_from(all.p95_duration.unwrap()).unwrap();
        let is_near = |found: Duration, true_one: u64| {
            let true_one = Duration::from_millis(true_one);
            found.abs_diff(true_one) <= true_one / 100
        };
        assert!(is_near(p50, 10), "{p50:?}");
        assert!(is_near(p95, 1000), "{p95:?}");
    }

    #[test]
    fn hours_and_days_begin_in_utc() {
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        assert_eq!(start_of(at, ONE_HOUR).to_string(), "2023-11-14T22:00:00Z");
        assert_eq!(start_of(at, ONE_HOUR * 24).to_string(), "2023-11-14T00:00:00Z");
    }
}
