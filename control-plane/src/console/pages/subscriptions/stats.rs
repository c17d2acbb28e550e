//! How a subscription's endpoint has been doing: volume, success and durations, per hour and day.
//!
//! Fed by `route`; feeds it the page. A period without attempts is a gap.

use std::collections::BTreeMap;
use std::time::Duration;

use maud::{Markup, html};
use postrider_domain::time::Timestamp;
use postrider_proto::v1::{self, AttemptOutcome, StatsPeriod};

use super::actions;
use crate::console::answers::{Answer, Page};
use crate::console::components::charts::{self, ChartFrame, ChartSeries};
use crate::console::components::times;
use crate::console::failure::PageFailure;
use crate::console::pages::crumbs;
use crate::console::values;
use crate::console::visit::Visit;

const HOUR_SECONDS: i64 = 3600;
const DAY_SECONDS: i64 = 86_400;
/// As many periods as the API tells of.
const SHOWN_HOURS: i64 = 48;
const SHOWN_DAYS: i64 = 31;
const SECOND_MICROSECONDS: i64 = 1_000_000;

pub async fn show(visit: &Visit, tenant: &str, id: &str) -> Result<Answer, PageFailure> {
    let name = format!("tenants/{tenant}/subscriptions/{id}");
    let (mut calls, mut also) = (visit.calls.subscriptions(), visit.calls.subscriptions());
    let (found, stats) = tokio::try_join!(
        also.get_subscription(v1::GetSubscriptionRequest { name: name.clone() }),
        calls.get_subscription_stats(v1::GetSubscriptionStatsRequest { name }),
    )?;
    let (found, stats) = (found.into_inner(), stats.into_inner());
    let hours = StatsSeries::new(&stats.hours, HOUR_SECONDS, SHOWN_HOURS, visit.now);
    let days = StatsSeries::new(&stats.days, DAY_SECONDS, SHOWN_DAYS, visit.now);
    let body = html! {
        (summary(visit, &stats))
        p.hint { "Times are in UTC. Tests are left out." }
        section { h2 { "By the hour, the last two days" } (drawn("hours", &hours)) }
        section { h2 { "By the day, the last month" } (drawn("days", &days)) }
    };
    let page = Page::new(format!("Statistics of {}", actions::name_of(&found)), body);
    Ok(crumbs::in_subscription(visit, page, tenant, &found).into())
}

fn summary(visit: &Visit, stats: &v1::SubscriptionStats) -> Markup {
    let total = stats.total.clone().unwrap_or_default();
    let rate = total.success_rate.map(|rate| format!("{} %", charts::number(rate * 100.0)));
    let figures = [
        ("Attempts in 31 days", Some(charts::number(total.attempt_count as f64))),
        ("Succeeded", rate),
        ("p50 duration", milliseconds_text(total.p50_duration)),
        ("p95 duration", milliseconds_text(total.p95_duration)),
        ("Waiting now", Some(stats.waiting_count.to_string())),
        ("Being sent now", Some(stats.in_flight_count.to_string())),
    ];
    html! {
        dl.figures {
            @for (name, value) in &figures {
                div { dt { (name) } dd { (value.as_deref().unwrap_or("–")) } }
            }
            div {
                dt { "Oldest waiting" }
                dd { (times::time(stats.oldest_waiting_time, visit.now)) }
            }
        }
    }
}

fn milliseconds(given: Option<prost_types::Duration>) -> Option<f64> {
    values::span_of(given).map(|span: Duration| span.as_secs_f64() * 1000.0)
}

fn milliseconds_text(given: Option<prost_types::Duration>) -> Option<String> {
    milliseconds(given).map(|value| charts::value_text(value, charts::MILLISECONDS))
}

/// The numbers of consecutive periods.
struct StatsSeries {
    labels: Vec<String>,
    succeeded: Vec<Option<f64>>,
    failed: Vec<Option<f64>>,
    rate: Vec<Option<f64>>,
    p50: Vec<Option<f64>>,
    p95: Vec<Option<f64>>,
}

impl StatsSeries {
    /// The last `count` periods up to now, those without attempts included.
    fn new(periods: &[StatsPeriod], seconds: i64, count: i64, now: Timestamp) -> Self {
        let told: BTreeMap<i64, &StatsPeriod> = periods
            .iter()
            .filter_map(|period| Some((period.start_time?.seconds.div_euclid(seconds), period)))
            .collect();
        let last = now.as_micros().div_euclid(SECOND_MICROSECONDS).div_euclid(seconds);
        let all: Vec<i64> = (0..count).rev().map(|back| last - back).collect();
        let each = |value: &dyn Fn(&StatsPeriod) -> Option<f64>| {
            all.iter().map(|at| told.get(at).and_then(|period| value(period))).collect::<Vec<_>>()
        };
        Self {
            labels: all.iter().map(|at| label(at * seconds, seconds)).collect(),
            succeeded: each(&|period| Some(succeeded(period) as f64)),
            failed: each(&|period| Some((period.attempt_count - succeeded(period)) as f64)),
            rate: each(&|period| period.success_rate.map(|rate| rate * 100.0)),
            p50: each(&|period| milliseconds(period.p50_duration)),
            p95: each(&|period| milliseconds(period.p95_duration)),
        }
    }
}

fn succeeded(period: &StatsPeriod) -> i64 {
    let succeeded = |outcome: &&v1::OutcomeCount| outcome.outcome() == AttemptOutcome::Succeeded;
    period.outcomes.iter().filter(succeeded).map(|outcome| outcome.count).sum()
}

/// "01 Mar" or "14:00", as an axis has room for it.
fn label(start_seconds: i64, seconds: i64) -> String {
    let start = Timestamp::from_micros(start_seconds.saturating_mul(SECOND_MICROSECONDS));
    let text = times::utc(start);
    let part = if seconds >= DAY_SECONDS { text.get(5..10) } else { text.get(5..16) };
    part.unwrap_or(&text).to_owned()
}

fn drawn(id: &str, series: &StatsSeries) -> Markup {
    let named = |name: &str, values: &[Option<f64>]| ChartSeries {
        name: name.to_owned(),
        values: values.to_vec(),
    };
    let frame = |id, title, unit, top| ChartFrame { id, title, unit, top, labels: &series.labels };
    let (volume, rate, durations) =
        (format!("{id}-volume"), format!("{id}-rate"), format!("{id}-durations"));
    html! {
        div.charts {
            (charts::bars(
                frame(&volume, "Attempts", "", None),
                &[named("Succeeded", &series.succeeded), named("Failed", &series.failed)],
            ))
            (charts::lines(
                frame(&rate, "Success rate", " %", Some(100.0)),
                &[named("Succeeded", &series.rate)],
            ))
            (charts::lines(
                frame(&durations, "Durations", charts::MILLISECONDS, None),
                &[named("p50", &series.p50), named("p95", &series.p95)],
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_without_attempts_are_gaps() {
        let start = |seconds| Some(prost_types::Timestamp { seconds, nanos: 0 });
        let outcomes =
            vec![v1::OutcomeCount { outcome: AttemptOutcome::Succeeded.into(), count: 3 }];
        let period = StatsPeriod {
            start_time: start(7200),
            outcomes,
            attempt_count: 4,
            success_rate: Some(0.75),
            ..StatsPeriod::default()
        };
        let now = Timestamp::from_micros(4 * HOUR_SECONDS * SECOND_MICROSECONDS + 1);
        let series = StatsSeries::new(&[period], HOUR_SECONDS, 3, now);
        assert_eq!(series.labels, ["01-01 02:00", "01-01 03:00", "01-01 04:00"]);
        assert_eq!(series.succeeded, [Some(3.0), None, None]);
        assert_eq!(series.failed, [Some(1.0), None, None]);
        assert_eq!(series.rate, [Some(75.0), None, None]);
        let shown = drawn("hours", &series).into_string();
        assert_eq!(shown.matches("<figure").count(), 3, "{shown}");
    }
}
