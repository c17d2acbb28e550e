//! The bytes that are held for requests which are being received, and for answers which are
//! not sent.
//!
//! Fed by `receiving` as bytes arrive and are decoded, by `unsent_answers` and by
//! `stream_credit`; feeds them a refusal beyond a bound. Who holds them is a connection, or all
//! connections of one agent; of answers it is their caller, on whatever connections, and its
//! tenant.
//! Guarantees that those who hold much leave room to those who hold little, and that all
//! callers of a tenant together leave half of the answers' bytes to others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postrider_telemetry::metrics::BoundUpDownCounter;

use crate::metrics::LimitMetrics;
use crate::settings::RequestSettings;

/// A holder of no more has all of its door's bytes before it: a publish of an event.
const LITTLE_BYTES: usize = 64 * 1024;
/// One that holds no more leaves an eighth to those: any request but a batch.
const SOME_BYTES: usize = 1024 * 1024;

/// How much of a door's bytes may be taken when somebody comes to hold so many.
const fn open_to(of_holder: usize, max: usize) -> usize {
    let eighth = max / 8;
    if of_holder <= LITTLE_BYTES {
        max
    } else if of_holder <= SOME_BYTES {
        max - eighth
    } else {
        max - 2 * eighth
    }
}

/// Half of a door's bytes, but never less than a single holder may have.
fn half_of(max: usize, max_per_holder: usize) -> usize {
    (max / 2).max(max_per_holder)
}

/// Counts so many more, unless there would be too many; the sum.
fn grow(count: &AtomicUsize, bytes: usize, max: usize) -> Option<usize> {
    let sum = count.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
    if sum > max {
        count.fetch_sub(bytes, Ordering::Relaxed);
        return None;
    }
    Some(sum)
}

struct BudgetShared {
    taken: AtomicUsize,
    max: usize,
    max_per_holder: usize,
    /// Most of all callers of a tenant together.
    max_per_tenant: usize,
    /// The settings of the first two.
    setting: &'static str,
    setting_per_holder: &'static str,
    gauge: BoundUpDownCounter<i64>,
    metrics: LimitMetrics,
}

/// The bytes that a door may hold. Cheap to clone.
#[derive(Clone)]
pub struct ByteBudget(Arc<BudgetShared>);

/// The bound that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BudgetExceeded {
    /// Of the connection, or of the caller.
    Holder,
    /// Of all callers of the caller's tenant.
    Tenant,
    /// Of all at the door who hold as much.
    Door,
}

impl ByteBudget {
    /// Of requests that are being received.
    pub fn of_requests(
        settings: &RequestSettings,
        door: &'static str,
        metrics: LimitMetrics,
    ) -> Self {
        Self(Arc::new(BudgetShared {
            taken: AtomicUsize::new(0),
            max: settings.max_receiving_bytes,
            max_per_holder: settings.max_receiving_bytes_per_connection,
            max_per_tenant: half_of(
                settings.max_receiving_bytes,
                settings.max_receiving_bytes_per_connection,
            ),
            setting: "requests.max_receiving_bytes",
            setting_per_holder: "requests.max_receiving_bytes_per_connection",
            gauge: metrics.receiving_bytes(door),
            metrics,
        }))
    }

    /// Of answers that are not sent.
    pub fn of_answers(
        settings: &RequestSettings,
        door: &'static str,
        metrics: LimitMetrics,
    ) -> Self {
        Self(Arc::new(BudgetShared {
            taken: AtomicUsize::new(0),
            max: settings.max_unsent_bytes,
            max_per_holder: settings.max_unsent_bytes_per_caller,
            max_per_tenant: half_of(
                settings.max_unsent_bytes,
                settings.max_unsent_bytes_per_caller,
            ),
            setting: "requests.max_unsent_bytes",
            setting_per_holder: "requests.max_unsent_bytes_per_caller",
            gauge: metrics.unsent_bytes(door),
            metrics,
        }))
    }

    /// Nothing yet, for a call of somebody who holds `holder` bytes.
    pub fn hold(&self, holder: Arc<AtomicUsize>) -> HeldBytes {
        HeldBytes { budget: self.clone(), holder, tenant: None, held: 0 }
    }

    /// Most bytes of all callers of a tenant together, however many there are.
    pub fn max_per_tenant(&self) -> usize {
        self.0.max_per_tenant
    }

    pub fn metrics(&self) -> &LimitMetrics {
        &self.0.metrics
    }
}

/// The bytes that are held for a call; given back when dropped.
pub struct HeldBytes {
    budget: ByteBudget,
    holder: Arc<AtomicUsize>,
    /// What all callers of the caller's tenant hold, where that is bounded.
    tenant: Option<Arc<AtomicUsize>>,
    held: usize,
}

impl HeldBytes {
    /// The same, of a tenant whose callers together hold `tenant` bytes.
    pub fn of_tenant(mut self, tenant: Option<Arc<AtomicUsize>>) -> Self {
        self.release();
        self.tenant = tenant;
        self
    }

    /// Holds so many more, unless a bound is reached.
    pub fn add(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        self.add_within(bytes, 1)
    }

    /// The same within half of every bound, so that the other half is left to those who are
    /// refused beyond it: for what can wait.
    pub fn add_within_half(&mut self, bytes: usize) -> Result<(), BudgetExceeded> {
        self.add_within(bytes, 2)
    }

    fn add_within(&mut self, bytes: usize, part: usize) -> Result<(), BudgetExceeded> {
        if bytes == 0 {
            return Ok(());
        }
        let shared = &*self.budget.0;
        let of_holder = grow(&self.holder, bytes, shared.max_per_holder / part);
        let of_holder = of_holder.ok_or(BudgetExceeded::Holder)?;
        if let Some(tenant) = &self.tenant
            && grow(tenant, bytes, shared.max_per_tenant / part).is_none()
        {
            self.holder.fetch_sub(bytes, Ordering::Relaxed);
            return Err(BudgetExceeded::Tenant);
        }
        if grow(&shared.taken, bytes, open_to(of_holder, shared.max) / part).is_none() {
            self.uncount(bytes);
            return Err(BudgetExceeded::Door);
        }
        shared.gauge.add(bytes as i64);
        self.held += bytes;
        Ok(())
    }

    /// Gives all of them back.
    pub fn release(&mut self) {
        self.give_back(self.held);
    }

    /// Gives so many of them back.
    pub fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.held);
        // Mostly: a message of a stream that came whole.
        if bytes == 0 {
            return;
        }
        self.held -= bytes;
        self.uncount(bytes);
        self.budget.0.taken.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.0.gauge.add(-(bytes as i64));
    }

    /// Takes so many of them out: they are held, and given back, on their own.
    pub fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.held);
        self.held -= bytes;
        Self {
            budget: self.budget.clone(),
            holder: Arc::clone(&self.holder),
            tenant: self.tenant.clone(),
            held: bytes,
        }
    }

    /// Of the holder and its tenant.
    fn uncount(&self, bytes: usize) {
        self.holder.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(tenant) = &self.tenant {
            tenant.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// The setting of the bound that was reached.
    pub fn setting(&self, exceeded: BudgetExceeded) -> &'static str {
        match exceeded {
            BudgetExceeded::Holder => self.budget.0.setting_per_holder,
            BudgetExceeded::Tenant | BudgetExceeded::Door => self.budget.0.setting,
        }
    }

    pub fn metrics(&self) -> &LimitMetrics {
        self.budget.metrics()
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.release();
    }
}

#[cfg(test)]
impl ByteBudget {
    /// Of requests that are being received: so many bytes for all, and for one connection.
    pub fn fixture(max: usize, max_per_connection: usize) -> (Self, LimitMetrics) {
        let settings = RequestSettings {
            receive_timeout_seconds: 1,
            max_receiving_bytes: max,
            max_receiving_bytes_per_connection: max_per_connection,
            send_timeout_seconds: 1,
            max_unsent_bytes: max,
            max_unsent_bytes_per_caller: max_per_connection,
            max_reads_per_caller: 1,
            max_reads_per_tenant: 1,
            max_read_wait_milliseconds: 1,
        };
        let metrics = LimitMetrics::alone();
        (Self::of_requests(&settings, "callers", metrics.clone()), metrics)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVING: &str = "postrider_receiving_bytes";

    #[test]
    fn bytes_are_bounded_for_a_holder_and_for_all() {
        let (budget, metrics) = ByteBudget::fixture(100, 60);
        let one = Arc::default();
        let mut first = budget.hold(Arc::clone(&one));
        let mut second = budget.hold(one);
        first.add(40).unwrap();
        assert_eq!(second.add(21), Err(BudgetExceeded::Holder));
        second.add(20).unwrap();
        let mut elsewhere = budget.hold(Arc::default());
        assert_eq!(elsewhere.add(41), Err(BudgetExceeded::Door));
        elsewhere.add(40).unwrap();
        assert_eq!(metrics.shown_of_callers(RECEIVING), 100);
        drop(first);
        elsewhere.add(20).unwrap();
        drop((second, elsewhere));
        assert_eq!(metrics.shown_of_callers(RECEIVING), 0);
    }

    #[test]
    fn a_tenants_holders_leave_half() {
        let (budget, metrics) = ByteBudget::fixture(100, 30);
        let acme: Arc<AtomicUsize> = Arc::default();
        let of_acme = || budget.hold(Arc::default()).of_tenant(Some(Arc::clone(&acme)));
        let (mut first, mut second) = (of_acme(), of_acme());
        first.add(30).unwrap();
        second.add(20).unwrap();
        let mut third = of_acme();
        assert_eq!(third.add(1), Err(BudgetExceeded::Tenant));
        assert_eq!(third.holder.load(Ordering::Relaxed), 0, "nothing is counted of it");
        let mut other = budget.hold(Arc::default());
        other.add(30).unwrap();
        let mut others = budget.hold(Arc::default());
        assert_eq!(others.add(21), Err(BudgetExceeded::Door));
        drop(second);
        third.add(20).unwrap();
        drop((first, third, other));
        assert_eq!(acme.load(Ordering::Relaxed), 0);
        assert_eq!(metrics.shown_of_callers(RECEIVING), 0);
    }

    #[test]
    fn what_can_wait_leaves_half_and_parts_are_given_back_alone() {
        let (budget, metrics) = ByteBudget::fixture(200, 100);
        let holder = Arc::default();
        let mut held = budget.hold(Arc::clone(&holder));
        held.add_within_half(50).unwrap();
        assert_eq!(held.add_within_half(1), Err(BudgetExceeded::Holder));
        held.add(20).unwrap();
        let part = held.split(30);
        held.give_back(10);
        assert_eq!(holder.load(Ordering::Relaxed), 60);
        held.release();
        assert_eq!(metrics.shown_of_callers(RECEIVING), 30);
        let mut others = budget.hold(Arc::default());
        others.add(90).unwrap();
        let mut third = budget.hold(Arc::default());
        assert_eq!(third.add_within_half(1), Err(BudgetExceeded::Door));
        drop((part, others));
        third.add_within_half(50).unwrap();
        assert_eq!(holder.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn who_holds_much_leaves_room_to_who_holds_little() {
        const MIB: usize = 1024 * 1024;
        let (budget, _) = ByteBudget::fixture(256 * MIB, 64 * MIB);
        let mut all = Vec::new();
        let mut fill = |piece: usize, most: usize| {
            let before = all.len();
            loop {
                let mut held = budget.hold(Arc::default());
                let mut taken = 0;
                while taken < most && held.add(piece).is_ok() {
                    taken += piece;
                }
                all.push(held);
                if taken < most {
                    return all.len() - before - 1;
                }
            }
        };
        assert_eq!(fill(MIB, 64 * MIB), 3, "of batches that never end");
        assert_eq!(fill(MIB, MIB), 31, "other requests still have room");
        assert_eq!(fill(32 * 1024, 32 * 1024), 1024, "and publishes of events after all");
    }
}
