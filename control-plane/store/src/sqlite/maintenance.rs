//! Retention, in steps short enough for others to write in between.
//!
//! Rows lie in the order of their commits, which is nearly that of their times,
//! so what is too old is found at the front, without an index. A step looks at
//! the next so many rows; the first step with nothing old in it is the last.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::time::Timestamp;

use super::bulk::BoundValues;
use super::engine::SqliteStore;
use super::errors::stored;
use super::open::wall_clock;
use super::rows::RowReader;
use super::{conclude, publishing};
use crate::codec;
use crate::error::{FirstFault, StoreError, StoreResult};
use crate::maintenance::{MaintenanceCounts, MaintenanceOptions, MaintenanceStore, rehearsal};
use crate::work::ConclusionOutcome;

/// About one commit of events, so that nobody waits longer for the writer than for a
/// publish.
pub(super) const STEP_ROWS: i64 = 500;
/// The pause between steps, so that waiting writers go first.
pub(super) const PAUSE_BETWEEN_STEPS: Duration = Duration::from_millis(2);

/// The machine's clock has jumped when it is this far from where it was at the start
/// and the time since then (invariant `database-clock`).
const CLOCK_JUMP_THRESHOLD: Duration = Duration::from_secs(60);

/// A table whose old rows are deleted at its beginning.
struct RetentionCut {
    /// `seq` and time of the rows after ?1, at most ?2.
    look: &'static str,
    /// What goes with the rows of a step from ?1 to ?2 that are older than ?3,
    /// and then those rows.
    remove: &'static [&'static str],
}

/// An event stays while one of its deliveries is unfinished: those made with it
/// are those of its millisecond, the others are written down.
const DELETE_EVENTS: &str = "DELETE FROM events
    WHERE seq BETWEEN ?1 AND ?2
        AND substr(id, 1, 6) < ?3
        AND NOT EXISTS (
            SELECT 1 FROM deliveries d INDEXED BY deliveries_tenant
            WHERE d.tenant = events.tenant
                AND d.id >= substr(events.id, 1, 6)
                AND d.id < unhex(hex(substr(events.id, 1, 6)) || 'ffffffffffffffffffff')
                AND d.event = events.id
        )
        AND NOT EXISTS (
            SELECT 1 FROM later_deliveries l
            CROSS JOIN deliveries d ON d.id = l.delivery
            WHERE l.tenant = events.tenant AND l.event = events.id
        )";

const CUT_ENDED: RetentionCut = RetentionCut {
    look: "SELECT seq, end_time FROM ended_deliveries WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    remove: &[
        "DELETE FROM later_deliveries
        WHERE (tenant, event, delivery) IN (
            SELECT tenant, event, id FROM ended_deliveries
            WHERE seq BETWEEN ?1 AND ?2 AND end_time < ?3
        )",
        "DELETE FROM ended_deliveries WHERE seq BETWEEN ?1 AND ?2 AND end_time < ?3",
    ],
};
const CUT_ATTEMPTS: RetentionCut = RetentionCut {
    look: "SELECT seq, start_time FROM attempts WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    remove: &["DELETE FROM attempts WHERE seq BETWEEN ?1 AND ?2 AND start_time < ?3"],
};
const CUT_KEYS: RetentionCut = RetentionCut {
    look: "SELECT seq, expire_time FROM idempotency_keys WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    remove: &["DELETE FROM idempotency_keys WHERE seq BETWEEN ?1 AND ?2 AND expire_time < ?3"],
};

const DELETE_OLD_OPERATIONS: &str = "DELETE FROM operations WHERE end_time < ?1";
const SCAN_EVENTS: &str = "SELECT seq, id FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const DELETE_OLD_STATS: &str = "DELETE FROM attempt_stats
    WHERE (tenant, subscription, hour, outcome) IN (
        SELECT tenant, subscription, hour, outcome
        FROM attempt_stats INDEXED BY attempt_stats_hour
        WHERE hour < ?1
        LIMIT ?2
    )";

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn maintain(
        &self,
        now: Timestamp,
        settings: MaintenanceOptions,
    ) -> StoreResult<MaintenanceCounts> {
        let cutoff = now - settings.retention;
        // One table that fails does not keep the others from being maintained.
        let mut faults = FirstFault::default();
        let removed = [
            faults.keep(self.cut(&CUT_ENDED, cutoff).await)?,
            faults.keep(self.cut_events(cutoff).await)?,
            faults.keep(self.cut(&CUT_ATTEMPTS, cutoff).await)?,
            faults.keep(self.cut(&CUT_KEYS, now).await)?,
            faults.keep(self.cut_operations(cutoff).await)?,
            faults.keep(self.cut_stats(cutoff).await)?,
            faults.keep(self.sweep_tenants(now).await)?,
        ];
        faults.keep(self.truncate_after_removals().await)?;
        let rows_removed = removed.into_iter().flatten().sum();
        faults.into_result()?;
        Ok(MaintenanceCounts { rows_removed, ..MaintenanceCounts::default() })
    }

    async fn ready(&self, _now: Timestamp) -> StoreResult<()> {
        let (wall, now) = (wall_clock(), self.clock.now());
        let off = wall.since(now).max(now.since(wall));
        if off > CLOCK_JUMP_THRESHOLD {
            let seconds = off.as_secs();
            return Err(StoreError::Unavailable(format!("the clock has jumped by {seconds} s")));
        }
        sqlx::query("SELECT 1").execute(&mut *self.reader().await?).await.map_err(stored)?;
        // A transaction that can begin shows that the file is writable.
        let mut writing = self.writer.lock().await?;
        writing.begin().await.map(drop)
    }

    async fn rehearse_conclusion(&self, now: Timestamp) -> StoreResult<()> {
        let (delivery, conclusion) = rehearsal(now);
        let mut writing = self.writer.lock().await?;
        // Dropping the transaction rolls it back.
        let mut tx = writing.begin().await?;
        publishing::put_unfinished(&mut tx, &[(&&delivery, &None)]).await?;
        match conclude::conclude(&mut tx, &[conclusion], now).await?.first() {
            Some(ConclusionOutcome::Applied) => Ok(()),
            _ => Err(codec::corrupt("a delivery that is IN_FLIGHT cannot be concluded")),
        }
    }

    async fn close(&self) {
        self.readers.close().await;
        self.list_readers.close().await;
        self.checkpoints.stop().await;
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "closing the database failed");
        }
        self.lock.lock().take();
    }
}

impl SqliteStore {
    /// Removes the old rows of a table, as all below do; returns how many.
    async fn cut(&self, table: &RetentionCut, cutoff: Timestamp) -> StoreResult<u64> {
        let (mut after, mut removed) = (0, 0);
        loop {
            let rows = self.look(table.look, after).await?;
            let mut seen = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut columns = RowReader::of(row);
                seen.push((columns.int()?, columns.time()?));
            }
            let Some(step) = CutStep::over(&seen, cutoff) else {
                return Ok(removed);
            };
            let bind = |values: &mut BoundValues| {
                values.add(cutoff.as_micros());
            };
            removed += self.remove(table.remove, &step, bind).await?;
            after = step.last;
        }
    }

    async fn cut_events(&self, cutoff: Timestamp) -> StoreResult<u64> {
        // Ids below are of milliseconds that were over at the cutoff.
        let bound = codec::first_id_from(cutoff);
        let (mut after, mut removed) = (0, 0);
        loop {
            let rows = self.look(SCAN_EVENTS, after).await?;
            let mut seen = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut columns = RowReader::of(row);
                seen.push((columns.int()?, postrider_domain::ids::EventId(columns.id()?).time()));
            }
            let Some(step) = CutStep::over(&seen, cutoff) else {
                return Ok(removed);
            };
            let bind = |values: &mut BoundValues| {
                let (millis, _) = bound.as_bytes().split_at(6);
                values.add(millis);
            };
            removed += self.remove(&[DELETE_EVENTS], &step, bind).await?;
            after = step.last;
        }
    }

    /// There are few of them.
    async fn cut_operations(&self, cutoff: Timestamp) -> StoreResult<u64> {
        let mut values = BoundValues::default();
        values.add(cutoff.as_micros());
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let removed = values.change(&mut tx, DELETE_OLD_OPERATIONS).await?;
        tx.commit().await?;
        Ok(removed)
    }

    async fn cut_stats(&self, cutoff: Timestamp) -> StoreResult<u64> {
        let mut all = 0;
        loop {
            let mut values = BoundValues::default();
            values.add(codec::hour(cutoff)).add(STEP_ROWS);
            let mut writing = self.writer.lock().await?;
            let mut tx = writing.begin().await?;
            let removed = values.change(&mut tx, DELETE_OLD_STATS).await?;
            tx.commit().await?;
            drop(writing);
            if removed == 0 {
                return Ok(all);
            }
            all += removed;
            tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        }
    }

    async fn look(
        &self,
        sql: &'static str,
        after: i64,
    ) -> StoreResult<Vec<sqlx::sqlite::SqliteRow>> {
        let mut values = BoundValues::default();
        values.add(after).add(STEP_ROWS);
        values.run(&mut *self.reader().await?, sql).await
    }

    async fn remove(
        &self,
        statements: &[&'static str],
        step: &CutStep,
        bind: impl Fn(&mut BoundValues),
    ) -> StoreResult<u64> {
        let mut removed = 0;
        {
            let mut writing = self.writer.lock().await?;
            let mut tx = writing.begin().await?;
            for sql in statements {
                let mut values = BoundValues::default();
                values.add(step.first).add(step.last);
                bind(&mut values);
                removed += values.change(&mut tx, *sql).await?;
            }
            tx.commit().await?;
        }
        tokio::time::sleep(PAUSE_BETWEEN_STEPS).await;
        Ok(removed)
    }
}

/// Rows next to each other, of which some are old.
struct CutStep {
    first: i64,
    last: i64,
}

impl CutStep {
    fn over(seen: &[(i64, Timestamp)], cutoff: Timestamp) -> Option<Self> {
        let (first, last) = (seen.first()?.0, seen.last()?.0);
        seen.iter().any(|(_, time)| *time < cutoff).then_some(Self { first, last })
    }
}
