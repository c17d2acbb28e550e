//! Replays, backfills and expunges.
//!
//! Fed by `api` with what a caller asks for, and by `flow::operations` with rows of
//! history; feeds the latter which rows get a new delivery or lose a payload, how many at
//! once, and when to continue. Guarantees that one id, the cursor, describes an operation's
//! progress: everything up to it was looked at, and nothing after it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::content_filter::{ContentFilter, FilterInput};
use crate::delivery::{Delivery, DeliveryState, coded};
use crate::event::Event;
use crate::event_type_name::EventTypePattern;
use crate::ids::{DeliveryId, EventId, OperationId, Shard, SubscriptionId, TenantId};
use crate::matching::matches;
use crate::subscription::SubscriptionConfig;
use crate::time::Timestamp;

/// Most deliveries of one step, which one transaction inserts. About what one publish
/// commits (512).
const MAX_STEP_DELIVERIES: u32 = 500;
/// Steps in a second, so that what a receiver sees is even. More would be more commits for
/// the same deliveries.
const STEPS_PER_SECOND: u32 = 10;
/// Events that an expunge removes the payloads of. Each is a row that is written anew, with
/// its attempts: a step of 100 is a transaction of some milliseconds.
const EXPUNGED_PER_SECOND: u32 = 1000;

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
    pub task: OperationTask,
    pub state: OperationState,
    pub failure: Option<OperationFailure>,
    /// The last delivery or event id that was looked at.
    pub cursor: Option<Uuid>,
    /// Rows looked at.
    pub examined: u64,
    /// Deliveries made, or payloads removed.
    pub made: u64,
    /// Events left as they are, because a delivery of theirs is unfinished.
    pub unfinished: u64,
    /// Bytes of the payloads removed.
    pub payload_bytes: u64,
    pub create_time: Timestamp,
    pub end_time: Option<Timestamp>,
}

impl Operation {
    /// Everything created before this time has been looked at.
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
pub enum OperationTask {
    Replay(Replay),
    Backfill(Backfill),
    Expunge(ExpungeTask),
}

impl OperationTask {
    pub const fn window(&self) -> TimeWindow {
        match self {
            Self::Replay(replay) => replay.window,
            Self::Backfill(backfill) => backfill.window,
            Self::Expunge(expunge) => expunge.window,
        }
    }

    const fn per_second(&self) -> u32 {
        match self {
            Self::Replay(replay) => replay.per_second,
            Self::Backfill(backfill) => backfill.per_second,
            Self::Expunge(_) => EXPUNGED_PER_SECOND,
        }
    }

    /// Most deliveries that one step may make, or payloads that it may remove.
    pub fn step_limit(&self) -> usize {
        let limit = self.per_second().div_ceil(STEPS_PER_SECOND).clamp(1, MAX_STEP_DELIVERIES);
        usize::try_from(limit).unwrap_or(usize::MAX)
    }

    /// The pause after the beginning of a step that made or removed this many.
    pub fn pause_after(&self, made: u64) -> Duration {
        let per_second = u64::from(self.per_second().max(1));
        Duration::from_micros(made.saturating_mul(1_000_000).div_ceil(per_second))
    }
}

/// A range of creation times: `from <= t < until`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeWindow {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Sends ended deliveries again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    pub window: TimeWindow,
    pub per_second: u32,
    /// `None`: of all.
    pub subscription: Option<SubscriptionId>,
    #[serde(with = "state_codes")]
    pub states: Vec<DeliveryState>,
    /// Empty: of all.
    pub event_types: Vec<EventTypePattern>,
}

impl Replay {
    /// Whether a delivery is sent again. Tests never are.
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
    pub window: TimeWindow,
    pub per_second: u32,
    pub subscription: SubscriptionId,
}

/// Removes payloads, and what receivers answered to them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpungeTask {
    pub window: TimeWindow,
    pub selection: ExpungeSelection,
    /// Whether deliveries that have not ended are cancelled; otherwise their events keep
    /// their payloads.
    pub cancel_unfinished: bool,
    /// Only count.
    pub dry_run: bool,
}

/// Which events lose their payloads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpungeSelection {
    /// These, in the order of their ids.
    Events(Vec<EventId>),
    /// All of one account.
    Account(String),
}

impl ExpungeTask {
    /// Whether the account of an event or a delivery is the one.
    pub fn wants_account(&self, account: Option<&str>) -> bool {
        match &self.selection {
            ExpungeSelection::Events(_) => false,
            ExpungeSelection::Account(wanted) => account == Some(wanted.as_str()),
        }
    }
}

/// The subscription, as it is now, wants a past event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackfillMatch {
    /// Its content filter failed on the event, which delivers.
    pub filter_failed: bool,
}

/// Whether a subscription, as it is now, gets a past event. `filter` is its compiled
/// content filter.
pub fn wants_event(
    settings: &SubscriptionConfig,
    filter: Option<&ContentFilter>,
    event: &Event,
) -> Option<BackfillMatch> {
    let content = &event.content;
    let account = content.account.as_deref();
    // Without its payload it could not be sent.
    if event.test
        || event.payload_removal.is_some()
        || !matches(settings, &content.event_type, account)
    {
        return None;
    }
    let Some(filter) = filter else { return Some(BackfillMatch { filter_failed: false }) };
    let input =
        FilterInput::new(&content.event_type, account, &content.attributes, &content.payload);
    match filter.evaluate(&input) {
        Ok(true) => Some(BackfillMatch { filter_failed: false }),
        Ok(false) => None,
        Err(_) => Some(BackfillMatch { filter_failed: true }),
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
mod tests {
    use super::*;
    use crate::event::{EventContent, PayloadRemoval, RemovalReason};

    fn replay(per_second: u32) -> OperationTask {
        let window = TimeWindow { from: Timestamp::default(), until: Timestamp::MAX };
        OperationTask::Replay(Replay {
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
            assert!((1..=u64::from(MAX_STEP_DELIVERIES)).contains(&step), "{per_second}");
            let pause = task.pause_after(step).as_secs_f64();
            let rate = f64::from(u32::try_from(step).unwrap()) / pause;
            assert!(rate <= f64::from(per_second) + 1e-6, "{per_second}: {rate}");
            assert!(rate >= f64::from(per_second) * 0.99, "{per_second}: {rate}");
        }
        assert_eq!(replay(1).pause_after(0), Duration::ZERO);
    }

    #[test]
    fn a_backfill_takes_what_the_subscription_would_get_now() {
        let event = Event {
            tenant: "acme".parse().unwrap(),
            id: crate::ids::EventId::new(Timestamp::default(), [0; 10]),
            content: EventContent {
                account: Some("acc".to_owned()),
                ..EventContent::new(
                    "payment.completed".to_owned(),
                    "application/json".to_owned(),
                    bytes::Bytes::from_static(b"{\"amount\":5}"),
                )
            },
            matched: 0,
            test: false,
            payload_removal: None,
        };
        let settings = SubscriptionConfig {
            event_types: vec!["payment.*".parse().unwrap()],
            ..SubscriptionConfig::default()
        };
        let wanted = |filter_failed| Some(BackfillMatch { filter_failed });
        assert_eq!(wants_event(&settings, None, &event), wanted(false));
        let other =
            SubscriptionConfig { accounts: ["other".to_owned()].into(), ..settings.clone() };
        assert_eq!(wants_event(&other, None, &event), None);
        let test = Event { test: true, ..event.clone() };
        assert_eq!(wants_event(&settings, None, &test), None);
        let (reason, time) = (RemovalReason::Expunged, Timestamp::default());
        let removal = Some(PayloadRemoval { reason, time, bytes: 5 });
        let expunged = Event { payload_removal: removal, ..event.clone() };
        assert_eq!(wants_event(&settings, None, &expunged), None);
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
        let window = TimeWindow { from: Timestamp::default(), until: Timestamp::from_micros(7) };
        let subscription = "erp".parse().unwrap();
        let backfill = OperationTask::Backfill(Backfill { window, per_second: 3, subscription });
        let selection = ExpungeSelection::Account("SE1".to_owned());
        let (cancel_unfinished, dry_run) = (true, false);
        let expunge = ExpungeTask { window, selection, cancel_unfinished, dry_run };
        assert!(expunge.wants_account(Some("SE1")) && !expunge.wants_account(None));
        for task in [replay(5), backfill, OperationTask::Expunge(expunge)] {
            let json = serde_json::to_string(&task).unwrap();
            assert_eq!(serde_json::from_str::<OperationTask>(&json).unwrap(), task, "{json}");
        }
    }
}
