//! Lists of a tenant's attempts.
//!
//! Fed by the API with a query; feeds the engines what to scan, and the API a page.
//! Guarantees the same order in every engine, and that one call scans a bounded part of
//! the history even if little matches.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use postrider_domain::delivery::{AttemptRecord, Outcome};
use postrider_domain::ids::{AttemptKey, DeliveryId, SubscriptionId, TenantId};
use postrider_domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::conditions::TimeRange;

/// An attempt and the time at which it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAttempt {
    pub record: AttemptRecord,
    /// By the control plane's clock; that of the result, where one replaced UNKNOWN.
    pub record_time: Timestamp,
}

impl RecordedAttempt {
    pub fn position(&self) -> AttemptPosition {
        let AttemptKey { delivery, number } = self.record.key;
        AttemptPosition { record_time: self.record_time, delivery, number }
    }
}

/// A position in a tenant's attempts, which are ordered by these three fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AttemptPosition {
    pub record_time: Timestamp,
    pub delivery: DeliveryId,
    pub number: u32,
}

impl AttemptPosition {
    /// Before everything recorded at this time.
    const fn first_of(record_time: Timestamp) -> Self {
        Self { record_time, delivery: DeliveryId(Uuid::nil()), number: 0 }
    }
}

/// A query of a tenant's attempts.
#[derive(Clone, Debug)]
pub struct AttemptQuery {
    pub tenant: TenantId,
    pub subscription: Option<SubscriptionId>,
    pub event_type: Option<String>,
    /// Empty: any.
    pub outcomes: Vec<Outcome>,
    /// Inclusive; one without an answer has the status 0.
    pub http_status: RangeInclusive<u16>,
    pub test: Option<bool>,
    pub recorded: TimeRange,
    /// Only positions below.
    pub before: Option<AttemptPosition>,
    pub limit: u32,
    /// About how many attempts to scan if not all of the tenant's match.
    pub scan: u32,
}

impl AttemptQuery {
    /// The newest of a tenant.
    pub fn newest(tenant: &TenantId, limit: u32) -> Self {
        Self {
            tenant: tenant.clone(),
            subscription: None,
            event_type: None,
            outcomes: Vec::new(),
            http_status: 0..=u16::MAX,
            test: None,
            recorded: TimeRange::default(),
            before: None,
            limit,
            scan: 10_000,
        }
    }

    /// Whether every attempt in the time range matches.
    pub fn takes_all(&self) -> bool {
        self.subscription.is_none()
            && self.event_type.is_none()
            && self.outcomes.is_empty()
            && self.http_status == (0..=u16::MAX)
            && self.test.is_none()
    }

    /// The times looked at, both inclusive, in microseconds.
    pub fn span(&self) -> (i64, i64) {
        let from = self.recorded.from.map_or(i64::MIN, Timestamp::as_micros);
        let until =
            self.recorded.until.map_or(i64::MAX, |until| until.as_micros().saturating_sub(1));
        let before = self.before.map_or(i64::MAX, |before| before.record_time.as_micros());
        (from, until.min(before))
    }
}

/// A page of a tenant's attempts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptPage {
    pub attempts: Vec<RecordedAttempt>,
    /// Where to continue, if there may be more: below this.
    pub next: Option<AttemptPosition>,
}

impl AttemptPage {
    /// Cuts what was found, in any order and perhaps too much, to a page. `scanned_to`
    /// is the time at which the scan stopped at its limit.
    pub fn of(mut found: Vec<RecordedAttempt>, limit: u32, scanned_to: Option<Timestamp>) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        found.sort_unstable_by_key(|attempt| Reverse(attempt.position()));
        let is_cut = found.len() > limit;
        found.truncate(limit);
        let next = match found.last() {
            Some(last) if is_cut => Some(last.position()),
            _ => scanned_to.map(AttemptPosition::first_of),
        };
        Self { attempts: found, next }
    }
}
