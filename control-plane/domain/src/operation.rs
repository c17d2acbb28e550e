//! Work that takes longer than a call: replays and backfills.
//!
//! Fed by `api` with what a caller asks for, and by `flow::operations` with rows
//! of history; feeds the latter which of them get a new delivery, how many at
//! once, and when to go on. Guarantees that where an operation stands is told by
//! one id, its cursor: everything up to it has been looked at, and nothing after.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::content_filter::{ContentFilter, FilterInput};
use crate::delivery::{Delivery, DeliveryState, coded};
use crate::event::Event;
use crate::event_type_name::EventTypePattern;
use crate::filter::matches;
use crate::ids::{DeliveryId, OperationId, Shard, SubscriptionId, TenantId};
use crate::subscription::Settings;
use crate::time::Timestamp;

/// Most deliveries of one step: what one transaction inserts.
const MAX_STEP: u32 = 500;
/// Steps in a second, so that what a receiver sees is even.
const STEPS_PER_SECOND: u32 = 10;

coded!(
    /// How an operation stands.
    OperationState {
        Running = 1,
        Succeeded = 2,
        Cancelled = 3,
        Failed = 4,
    }
);

coded!(
    /// Why an operation could not be carried to its end.
    OperationFailure {
        TenantDeleted = 1,
        SubscriptionDeleted = 2,
    }
);

/// An operation as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    pub tenant: TenantId,
    pub id: OperationId,
    pub shard: Shard,
    pub task: Task,
    pub state: OperationState,
    pub failure: Option<OperationFailure>,
    /// The last id that was looked at, of a delivery or an event.
    pub cursor: Option<Uuid>,
    /// Rows looked at.
    pub examined: u64,
    /// Deliveries made.
    pub made: u64,
    pub create_time: Timestamp,
    pub end_time: Option<Timestamp>,
}

impl Operation {
    /// What was created before this moment has been looked at.
    pub fn progress_time(&self) -> Timestamp {
        let window = self.task.window();
        match (self.state, self.cursor) {
            (OperationState::Succeeded, _) => window.until,
            (_, Some(cursor)) => DeliveryId(cursor).time(),
            (_, None) => window.from,
        }
    }
}

/// What an operation is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    Replay(Replay),
    Backfill(Backfill),
}

impl Task {
    pub const fn window(&self) -> Window {
        match self {
            Self::Replay(replay) => replay.window,
            Self::Backfill(backfill) => backfill.window,
        }
    }

    const fn per_second(&self) -> u32 {
        match self {
            Self::Replay(replay) => replay.per_second,
            Self::Backfill(backfill) => backfill.per_second,
        }
    }

    /// Most deliveries that one step may make.
    pub fn step_limit(&self) -> usize {
        let limit = self.per_second().div_ceil(STEPS_PER_SECOND).clamp(1, MAX_STEP);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// How long after the beginning of a step that made so many deliveries the
    /// next one may begin.
    pub fn pause_after(&self, made: u64) -> Duration {
        let per_second = u64::from(self.per_second().max(1));
        Duration::from_micros(made.saturating_mul(1_000_000).div_ceil(per_second))
    }
}

/// A span of creation times: `from <= t < until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Sends ended deliveries again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    pub window: Window,
    pub per_second: u32,
    /// `None`: of all.
    pub subscription: Option<SubscriptionId>,
    #[serde(with = "state_codes")]
    pub states: Vec<DeliveryState>,
    /// Empty: of all.
    pub event_types: Vec<EventTypePattern>,
}

impl Replay {
    /// Whether a delivery is to be sent again. Tests never are: they were for the
    /// eyes of whoever made them.
    pub fn wants(&self, ended: &Delivery) -> bool {
        let subscription = &ended.subscription.subscription;
        let types = &self.event_types;
        !ended.test
            && self.states.contains(&ended.state)
            && self.subscription.as_ref().is_none_or(|wanted| wanted == subscription)
            && (types.is_empty() || types.iter().any(|t| t.matches(&ended.event_type)))
    }
}

/// Sends events of the past to a subscription that did not match them then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    pub window: Window,
    pub per_second: u32,
    pub subscription: SubscriptionId,
}

/// A subscription as it is now wants an event of the past.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its content filter failed on the event, which lets the event through.
    pub filter_failed: bool,
}

/// Whether a subscription as it is now gets an event of the past. `filter` is its
/// content filter, compiled.
pub fn wants_event(
    settings: &Settings,
    filter: Option<&ContentFilter>,
    event: &Event,
) -> Option<Wanted> {
    let account = event.account.as_deref();
    if event.test || !matches(settings, &event.event_type, account) {
        return None;
    }
    let Some(filter) = filter else { return Some(Wanted { filter_failed: false }) };
    let attributes = &event.attributes;
    let input = FilterInput::new(&event.event_type, account, attributes, &event.payload);
    match filter.evaluate(&input) {
        Ok(true) => Some(Wanted { filter_failed: false }),
        Ok(false) => None,
        Err(_) => Some(Wanted { filter_failed: true }),
    }
}

/// States as the numbers under which they are stored everywhere.
mod state_codes {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::delivery::DeliveryState;

    pub fn serialize<S: Serializer>(
        states: &[DeliveryState],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let codes: Vec<i16> = states.iter().map(|state| state.code()).collect();
        codes.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<DeliveryState>, D::Error> {
        let codes = Vec::<i16>::deserialize(deserializer)?;
        let state = |code| {
            DeliveryState::from_code(code)
                .ok_or_else(|| D::Error::custom(format_args!("there is no state {code}")))
        };
        codes.into_iter().map(state).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn replay(per_second: u32) -> Task {
        let window = Window { from: Timestamp::default(), until: Timestamp::MAX };
        Task::Replay(Replay {
            window,
            per_second,
            subscription: None,
            states: vec![DeliveryState::Exhausted, DeliveryState::Suppressed],
            event_types: vec!["payment.*".parse().unwrap()],
        })
    }

    #[test]
    fn no_rate_is_exceeded_and_none_stands_still() {
        for per_second in [1, 7, 10, 99, 100, 10_000] {
            let task = replay(per_second);
            let step = u64::try_from(task.step_limit()).unwrap();
            assert!((1..=u64::from(MAX_STEP)).contains(&step), "{per_second}");
            let pause = task.pause_after(step).as_secs_f64();
            let rate = f64::from(u32::try_from(step).unwrap()) / pause;
            assert!(rate <= f64::from(per_second) + 1e-6, "{per_second}: {rate}");
            assert!(rate >= f64::from(per_second) * 0.99, "{per_second}: {rate}");
        }
        assert_eq!(replay(1).pause_after(0), Duration::ZERO);
    }

    #[test]
    fn a_backfill_takes_what_the_subscription_would_get_now() {
        let payload = bytes::Bytes::from_static(b"{\"amount\":5}");
        let event = Event {
            tenant: "acme".parse().unwrap(),
            id: crate::ids::EventId::new(Timestamp::default(), [0; 10]),
            event_type: "payment.completed".to_owned(),
            account: Some("acc".to_owned()),
            attributes: std::collections::BTreeMap::new(),
            ordering_key: None,
            content_type: "application/json".to_owned(),
            payload_sha256: crate::event::sha256(&payload),
            payload,
            traceparent: String::new(),
            tracestate: String::new(),
            idempotency_key: None,
            matched: 0,
            test: false,
        };
        let settings =
            Settings { event_types: vec!["payment.*".parse().unwrap()], ..Settings::default() };
        let wanted = |filter_failed| Some(Wanted { filter_failed });
        assert_eq!(wants_event(&settings, None, &event), wanted(false));
        let other = Settings { accounts: ["other".to_owned()].into(), ..settings.clone() };
        assert_eq!(wants_event(&other, None, &event), None);
        let test = Event { test: true, ..event.clone() };
        assert_eq!(wants_event(&settings, None, &test), None);
        for (source, expected) in [
            ("event.payload.amount > 4", wanted(false)),
            ("event.payload.amount > 5", None),
            // One that fails delivers.
            ("event.payload.missing > 5", wanted(true)),
        ] {
            let filter = ContentFilter::compile(source).unwrap();
            assert_eq!(wants_event(&settings, Some(&filter), &event), expected, "{source}");
        }
    }

    #[test]
    fn a_task_round_trips_through_its_column() {
        let window = Window { from: Timestamp::default(), until: Timestamp::from_micros(7) };
        let subscription = "erp".parse().unwrap();
        let backfill = Task::Backfill(Backfill { window, per_second: 3, subscription });
        for task in [replay(5), backfill] {
            let json = serde_json::to_string(&task).unwrap();
            assert_eq!(serde_json::from_str::<Task>(&json).unwrap(), task, "{json}");
        }
    }
}
