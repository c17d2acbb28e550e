//! A store in memory, for tests: its data is gone with the process.
//!
//! Fed by the conformance suite, which checks that it behaves like PostgreSQL and SQLite,
//! and by the simulation, which relies on that; feeds no product. Guarantees that a
//! method is one transaction under one lock, and that a method which fails writes
//! nothing. Everything is ordered by key, so that the same calls give the same answers in
//! the same order.

mod audit;
mod clocks;
mod conclude;
mod config;
mod console;
mod data_keys;
mod event_types;
mod history;
mod lists;
mod maintenance;
mod operations;
mod ordering;
mod outbox;
mod ownership;
mod payload_removal;
mod publishing;
mod tables;
mod tokens;
mod work;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use postrider_domain::ids::{Epoch, Shard, TenantId};
use postrider_domain::time::Timestamp;
use postrider_store::{Store, StoreError, StoreResult};

use tables::MemoryTables;

/// The database's clock.
pub type NowFn = dyn Fn() -> Timestamp + Send + Sync;

/// A store in this process's memory.
pub struct MemoryStore {
    tables: Mutex<MemoryTables>,
    clock: Box<NowFn>,
    closed: AtomicBool,
    calls: AtomicUsize,
    outage: Mutex<Option<PlannedOutage>>,
}

/// An outage that a test has planned.
struct PlannedOutage {
    /// The calls that still succeed.
    calls_left: usize,
    error: StoreError,
}

impl MemoryStore {
    /// An empty one with so many shards, whose clock is `clock`.
    pub fn new(shards: u16, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        let tables = Mutex::new(MemoryTables::new(shards));
        let (closed, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
        Self { tables, clock: Box::new(clock), closed, calls, outage: Mutex::new(None) }
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Lets so many calls through, and fails each later one until [`MemoryStore::recover`].
    pub fn fail_after(&self, calls: usize, error: StoreError) {
        *self.outage.lock() = Some(PlannedOutage { calls_left: calls, error });
    }

    /// Ends an outage.
    pub fn recover(&self) {
        *self.outage.lock() = None;
    }

    /// From now on reads of a tenant's configuration fail, as if its row had been edited.
    pub fn spoil_config(&self, tenant: &TenantId) {
        self.tables.lock().unreadable.insert(tenant.clone());
    }

    /// A tenant's configuration can be read again.
    pub fn repair_config(&self, tenant: &TenantId) {
        self.tables.lock().unreadable.remove(tenant);
    }

    /// The epoch at which a shard is owned, for tests.
    pub fn epoch(&self, shard: Shard) -> Epoch {
        let tables = self.tables.lock();
        let found = tables.shards.get(usize::from(shard.0));
        found.map(|row| row.epoch).unwrap_or_default()
    }

    /// Everything, for one transaction.
    fn tables(&self) -> StoreResult<MutexGuard<'_, MemoryTables>> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::Unavailable("it is closed".to_owned()));
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(outage) = &mut *self.outage.lock() {
            match outage.calls_left.checked_sub(1) {
                Some(left) => outage.calls_left = left,
                None => return Err(outage.error.clone()),
            }
        }
        Ok(self.tables.lock())
    }
}

impl Store for MemoryStore {}

/// Rejects text that PostgreSQL cannot store.
fn refuse_nul<'t>(texts: impl IntoIterator<Item = &'t str>) -> StoreResult<()> {
    match texts.into_iter().any(|text| text.contains('\0')) {
        true => Err(StoreError::Rejected("text contains a NUL".to_owned())),
        false => Ok(()),
    }
}
