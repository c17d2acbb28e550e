//! How far an operation is.
//!
//! Fed by `operations` with what the API tells; feeds it markup and the times of the window that
//! the page's address has. An operation does not tell its window, so that without those no share
//! is drawn.

use maud::{Markup, html};
use postrider_domain::time::Timestamp;
use postrider_proto::longrunning::{Operation, operation};
use postrider_proto::v1;
use prost::Message as _;
use tonic::Code;

use crate::console::components::badges::{self, Tone};
use crate::console::components::{tables, times};
use crate::console::values::parse_time;
use crate::console::visit::Visit;

pub const START_PARAMETER: &str = "start";
pub const END_PARAMETER: &str = "end";
/// Of the drawing's length, the whole.
const WHOLE_SHARE: u128 = 1000;

/// What every kind of operation tells of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperationProgress {
    pub kind: &'static str,
    pub create_time: Option<prost_types::Timestamp>,
    pub end_time: Option<prost_types::Timestamp>,
    pub progress_time: Option<prost_types::Timestamp>,
    pub examined_count: i64,
    /// What was made or removed, and how many.
    pub done: (&'static str, i64),
    pub cancel_requested: bool,
}

impl OperationProgress {
    /// What an operation's metadata tells; nothing where they are of another kind.
    pub fn of(operation: &Operation) -> Self {
        let Some(any) = &operation.metadata else { return Self::default() };
        let kind = any.type_url.rsplit('/').next().unwrap_or_default();
        let bytes = any.value.as_slice();
        match kind {
            "postrider.v1.ReplayDeliveriesMetadata" => {
                let told = v1::ReplayDeliveriesMetadata::decode(bytes).unwrap_or_default();
                Self {
                    kind: "Replay",
                    create_time: told.create_time,
                    end_time: told.end_time,
                    progress_time: told.progress_time,
                    examined_count: told.examined_count,
                    done: ("Sent again", told.delivery_count),
                    cancel_requested: told.cancel_requested,
                }
            }
            "postrider.v1.BackfillSubscriptionMetadata" => {
                let told = v1::BackfillSubscriptionMetadata::decode(bytes).unwrap_or_default();
                Self {
                    kind: "Backfill",
                    create_time: told.create_time,
                    end_time: told.end_time,
                    progress_time: told.progress_time,
                    examined_count: told.examined_count,
                    done: ("Deliveries made", told.delivery_count),
                    cancel_requested: told.cancel_requested,
                }
            }
            "postrider.v1.ExpungeEventsMetadata" => {
                let told = v1::ExpungeEventsMetadata::decode(bytes).unwrap_or_default();
                Self {
                    kind: "Expunge",
                    create_time: told.create_time,
                    end_time: told.end_time,
                    progress_time: told.progress_time,
                    examined_count: told.examined_count,
                    done: ("Payloads removed", told.event_count),
                    cancel_requested: told.cancel_requested,
                }
            }
            _ => Self::default(),
        }
    }

    pub fn name(&self) -> &'static str {
        if self.kind.is_empty() { "Operation" } else { self.kind }
    }
}

/// The window of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationWindow {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl OperationWindow {
    /// That of the page's address.
    pub fn asked(visit: &Visit) -> Option<Self> {
        let time = |name: &str| parse_time(visit.request.query(name)).ok();
        let (start, end) = (time(START_PARAMETER)?, time(END_PARAMETER)?);
        (start < end).then_some(Self { start, end })
    }

    /// How much of it lies before a time, in thousandths.
    fn share(self, until: Timestamp) -> u128 {
        let whole = self.end.since(self.start).as_micros().max(1);
        let part = until.min(self.end).since(self.start).as_micros();
        part.saturating_mul(WHOLE_SHARE) / whole
    }
}

/// Whether it is over, and how.
pub fn state(operation: &Operation) -> Markup {
    match (&operation.result, operation.done) {
        (_, false) => badges::badge(Tone::Warning, "Running"),
        (Some(operation::Result::Error(error)), true) => {
            let is_cancelled = error.code == i32::from(Code::Cancelled);
            let words = if is_cancelled { "Cancelled" } else { "Failed" };
            html! { (badges::badge(Tone::Bad, words)) " " (error.message) }
        }
        (_, true) => badges::badge(Tone::Good, "Done"),
    }
}

/// How far it is.
pub fn shown(operation: &Operation, window: Option<OperationWindow>, now: Timestamp) -> Markup {
    let progress = OperationProgress::of(operation);
    let until = progress.progress_time.map(times::timestamp);
    let share = match (operation.done, window.zip(until)) {
        (true, _) => Some(WHOLE_SHARE),
        (false, Some((window, until))) => Some(window.share(until)),
        (false, None) => None,
    };
    let facts = [
        ("State", state(operation)),
        ("Looked at", html! { (progress.examined_count) }),
        (progress.done.0, html! { (progress.done.1) }),
        ("Up to", times::time(progress.progress_time, now)),
        ("Asked for", times::time(progress.create_time, now)),
        ("Ended", times::time(progress.end_time, now)),
    ];
    let facts: Vec<_> = facts.into_iter().filter(|(name, _)| !name.is_empty()).collect();
    html! {
        @if !operation.done || share.is_some() {
            progress aria-label="How far it is" max=(WHOLE_SHARE) value=[share] {}
        }
        @if progress.cancel_requested && !operation.done { p { "It is being cancelled." } }
        (tables::facts(&facts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_a_share_of_the_window() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let window = OperationWindow { start: at(100), end: at(200) };
        for (seconds, share) in [(0, 0), (100, 0), (150, 500), (200, 1000), (300, 1000)] {
            assert_eq!(window.share(at(seconds)), share, "{seconds}");
        }
        let told = v1::ReplayDeliveriesMetadata {
            progress_time: Some(prost_types::Timestamp { seconds: 150, nanos: 0 }),
            delivery_count: 7,
            ..v1::ReplayDeliveriesMetadata::default()
        };
        let metadata = Some(prost_types::Any {
            type_url: "type.googleapis.com/postrider.v1.ReplayDeliveriesMetadata".to_owned(),
            value: told.encode_to_vec(),
        });
        let operation = Operation { metadata, ..Operation::default() };
        let markup = shown(&operation, Some(window), at(300)).into_string();
        assert!(markup.contains("value=\"500\""), "{markup}");
        assert!(markup.contains("Running") && markup.contains("<dd>7</dd>"), "{markup}");
        let without = shown(&operation, None, at(300)).into_string();
        assert!(without.contains("<progress") && !without.contains("value="), "{without}");
    }
}
