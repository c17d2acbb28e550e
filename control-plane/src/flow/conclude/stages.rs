//! The forms that a result has on its way, from what is known of it to what follows.
//!
//! Made by each step of the writer for the next one; see the table in `mod`. What is
//! reported, and what could not be recorded, is in `report`.

use std::sync::Arc;
use std::time::Duration;

use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::failure_streak::FailureStreak;
use postrider_domain::ids::{AttemptKey, OrderedKey};
use postrider_domain::scheduler::ScheduledDelivery;
use postrider_domain::subscription::Subscription;
use postrider_store::Conclusion;

use super::report::AttemptReport;
use crate::state::tenants::TenantSnapshot;

/// What is known of a batch of results.
#[derive(Default)]
pub(super) struct FoundResults {
    pub current: Vec<CurrentResult>,
    pub late: Vec<LateReport>,
}

/// A result of its delivery's current attempt, judged by the subscription's rule.
pub(super) struct CurrentResult {
    pub report: AttemptReport,
    pub delivery: CurrentDelivery,
    /// `None` if it is deleted.
    pub subscription: Option<ResultSubscription>,
    pub streak: StreakBefore,
}

/// A result whose delivery has moved on.
pub(super) struct LateReport {
    pub report: AttemptReport,
    /// `None` if it is deleted.
    pub subscription: Option<ResultSubscription>,
}

/// Where a delivery is while the result of its attempt arrives.
pub(super) enum CurrentDelivery {
    InMemory(Arc<ScheduledDelivery>),
    /// Only in the table: its row.
    InTable(Box<Delivery>),
}

impl CurrentDelivery {
    pub fn as_delivery(&self) -> &Delivery {
        match self {
            Self::InMemory(scheduled) => &scheduled.delivery,
            Self::InTable(row) => row,
        }
    }

    pub const fn is_in_memory(&self) -> bool {
        matches!(self, Self::InMemory(_))
    }

    /// Whether it waits for the result of this attempt.
    pub fn is_in_attempt(&self, key: AttemptKey) -> bool {
        let delivery = self.as_delivery();
        delivery.state == DeliveryState::InFlight && delivery.current_attempt() == key
    }
}

/// The subscription of a result, with its tenant's configuration.
#[derive(Clone)]
pub(super) struct ResultSubscription {
    pub config: Arc<TenantSnapshot>,
    pub subscription: Arc<Subscription>,
}

/// The failure streak of a subscription before a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreakBefore {
    /// The result changes none.
    Unaffected,
    Absent,
    Running(FailureStreak),
}

/// What follows from a result once its row is committed.
pub(super) struct FollowUp {
    /// The result, which is tried again if its row is not committed.
    pub report: AttemptReport,
    /// Whether its delivery was in memory; otherwise another replica may own it.
    pub was_in_memory: bool,
    /// `None` if it is deleted.
    pub subscription: Option<ResultSubscription>,
    /// The hold that the receiver asked for.
    pub hold: Option<Duration>,
    /// The ordering key whose next delivery may be released.
    pub freed: Option<OrderedKey>,
}

/// Results whose rows are committed together. Rows and what follows from them are in
/// two lists of the same order, since the store takes the rows as they are.
pub(super) struct ConclusionBatch {
    pub rows: Vec<Conclusion>,
    pub follow_ups: Vec<FollowUp>,
}

impl ConclusionBatch {
    pub fn with_capacity(results: usize) -> Self {
        Self { rows: Vec::with_capacity(results), follow_ups: Vec::with_capacity(results) }
    }

    pub fn push(&mut self, row: Conclusion, follow_up: FollowUp) {
        self.rows.push(row);
        self.follow_ups.push(follow_up);
    }

    pub fn split_in_half(mut self) -> (Self, Self) {
        let half = self.rows.len() / 2;
        let rest =
            Self { rows: self.rows.split_off(half), follow_ups: self.follow_ups.split_off(half) };
        (self, rest)
    }

    pub fn into_reports(self) -> impl Iterator<Item = AttemptReport> {
        self.follow_ups.into_iter().map(|follow_up| follow_up.report)
    }
}

/// A result whose row is committed, and what follows from it.
pub(super) struct CommittedResult {
    pub row: Conclusion,
    pub follow_up: FollowUp,
}
