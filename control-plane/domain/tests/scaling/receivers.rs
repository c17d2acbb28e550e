//! Receivers, and what the table has for them.

use std::collections::BTreeMap;
use std::time::Duration;

use postrider_domain::ids::{DeliveryId, SubscriptionKey};
use postrider_domain::time::Timestamp;

/// How a receiver answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiverKind {
    /// With success, after so long.
    Answers(Duration),
    /// Never.
    TimesOut,
    /// With an error, at once.
    Refuses,
}

/// A subscription, with its rows in the table.
pub struct Subscriber {
    pub key: SubscriptionKey,
    pub kind: ReceiverKind,
    pub per_second: f64,
    /// Rows that wait, by when they are due and in their order.
    pub table: BTreeMap<(Timestamp, u64), WaitingRow>,
}

/// A delivery that waits in the table.
#[derive(Clone, Copy, Debug)]
pub struct WaitingRow {
    pub id: DeliveryId,
    pub order: u64,
    pub due: Timestamp,
    pub attempts: u32,
    pub failures: u32,
}
