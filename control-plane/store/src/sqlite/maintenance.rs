//! Retention, in steps short enough for others to write in between.
//!
//! Rows lie in the order of their commits, which is nearly that of their times,
//! so what is too old is found at the front, without an index. A step looks at
//! the next so many rows; the first step with nothing old in it is the last.

use std::time::Duration;

use async_trait::async_trait;
use postrider_domain::time::Timestamp;

use super::bulk::Values;
use super::errors::stored;
use super::open::wall_clock;
use super::rows::Columns;
use super::{SqliteStore, conclude, publishing};
use crate::codec;
use crate::error::{FirstFault, StoreError, StoreResult};
use crate::maintenance::{Maintenance, MaintenanceStore, rehearsal};
use crate::work::Concluded;

const STEP_ROWS: i64 = 500;
/// Between two steps, so that those who wait to write go first.
const PAUSE: Duration = Duration::from_millis(2);

/// The machine's clock has jumped when it is this far from where it was at the start
/// and the time since then (rule 15).
const CLOCK_JUMP: Duration = Duration::from_secs(60);

/// A table that is cut at the front.
struct Cut {
    /// `seq` and time of the rows after ?1, at most ?2.
    look: &'static str,
    /// What goes with the rows of a step from ?1 to ?2 that are older than ?3,
    /// and then those rows.
    remove: &'static [&'static str],
}

/// An event stays while one of its deliveries is unfinished: those made with it
/// are those of its millisecond, the others are written down.
const EVENTS: &str = "DELETE FROM events WHERE seq BETWEEN ?1 AND ?2 \
     AND substr(id, 1, 6) < ?3 \
     AND NOT EXISTS (SELECT 1 FROM deliveries d INDEXED BY deliveries_tenant \
       WHERE d.tenant = events.tenant AND d.id >= substr(events.id, 1, 6) \
       AND d.id < unhex(hex(substr(events.id, 1, 6)) || 'ffffffffffffffffffff') \
       AND d.event = events.id) \
     AND NOT EXISTS (SELECT 1 FROM later_deliveries l CROSS JOIN deliveries d \
       ON d.id = l.delivery WHERE l.tenant = events.tenant AND l.event = events.id)";

const ENDED: Cut = Cut {
    look: "SELECT seq, end_time FROM ended_deliveries WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    remove: &[
        "DELETE FROM later_deliveries WHERE (tenant, event, delivery) IN \
         (SELECT tenant, event, id FROM ended_deliveries \
          WHERE seq BETWEEN ?1 AND ?2 AND end_time < ?3)",
        "DELETE FROM ended_deliveries WHERE seq BETWEEN ?1 AND ?2 AND end_time < ?3",
    ],
};
const ATTEMPTS: Cut = Cut {
    look: "SELECT seq, start_time FROM attempts WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    remove: &["DELETE FROM attempts WHERE seq BETWEEN ?1 AND ?2 AND start_time < ?3"],
};
const KEYS: Cut = Cut {
    look: "SELECT seq, expire_time FROM idempotency_keys WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    remove: &["DELETE FROM idempotency_keys WHERE seq BETWEEN ?1 AND ?2 AND expire_time < ?3"],
};

const OPERATIONS: &str = "DELETE FROM operations WHERE end_time < ?1";
const LOOK_EVENTS: &str = "SELECT seq, id FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
const STATS: &str = "DELETE FROM attempt_stats WHERE (tenant, subscription, hour, outcome) \
     IN (SELECT tenant, subscription, hour, outcome FROM attempt_stats \
     INDEXED BY attempt_stats_hour WHERE hour < ?1 LIMIT ?2)";

#[async_trait]
impl MaintenanceStore for SqliteStore {
    async fn maintain(&self, now: Timestamp, settings: Maintenance) -> StoreResult<()> {
        let cutoff = now - settings.retention;
        // What one table refuses keeps no other from being tended.
        let mut faults = FirstFault::default();
        faults.keep(self.cut(&ENDED, cutoff).await)?;
        faults.keep(self.cut_events(cutoff).await)?;
        faults.keep(self.cut(&ATTEMPTS, cutoff).await)?;
        faults.keep(self.cut(&KEYS, now).await)?;
        faults.keep(self.cut_operations(cutoff).await)?;
        faults.keep(self.cut_stats(cutoff).await)?;
        faults.into_result()
    }

    async fn ready(&self, _now: Timestamp) -> StoreResult<()> {
        let (wall, now) = (wall_clock(), self.clock.now());
        let off = wall.since(now).max(now.since(wall));
        if off > CLOCK_JUMP {
            let seconds = off.as_secs();
            return Err(StoreError::Unavailable(format!("the clock has jumped by {seconds} s")));
        }
        sqlx::query("SELECT 1").execute(&mut *self.reader().await?).await.map_err(stored)?;
        // That a transaction can begin says that the file can be written to.
        let mut writing = self.writer.lock().await?;
        writing.begin().await.map(drop)
    }

    async fn rehearse_conclusion(&self, now: Timestamp) -> StoreResult<()> {
        let (delivery, conclusion) = rehearsal(now);
        let mut writing = self.writer.lock().await?;
        // Dropped, which takes it all back.
        let mut tx = writing.begin().await?;
        publishing::put_unfinished(&mut tx, &[(&&delivery, &None)]).await?;
        match conclude::conclude(&mut tx, &[conclusion], now).await?.first() {
            Some(Concluded::Applied) => Ok(()),
            _ => Err(codec::corrupt("a delivery that is IN_FLIGHT cannot be concluded")),
        }
    }

    async fn close(&self) {
        self.readers.close().await;
        self.checkpoints.stop().await;
        if let Err(error) = self.writer.close().await {
            tracing::warn!(%error, "closing the database failed");
        }
        if let Ok(mut lock) = self.lock.lock() {
            lock.take();
        }
    }
}

impl SqliteStore {
    async fn cut(&self, table: &Cut, cutoff: Timestamp) -> StoreResult<()> {
        let mut after = 0;
        loop {
            let rows = self.look(table.look, after).await?;
            let mut seen = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut columns = Columns::of(row);
                seen.push((columns.int()?, columns.time()?));
            }
            let Some(step) = Step::over(&seen, cutoff) else {
                return Ok(());
            };
            self.remove(table.remove, &step, |values| {
                values.add(cutoff.as_micros());
            })
            .await?;
            after = step.last;
        }
    }

    async fn cut_events(&self, cutoff: Timestamp) -> StoreResult<()> {
        // Ids below are of milliseconds that were over at the cutoff.
        let bound = codec::first_id_from(cutoff);
        let mut after = 0;
        loop {
            let rows = self.look(LOOK_EVENTS, after).await?;
            let mut seen = Vec::with_capacity(rows.len());
            for row in &rows {
                let mut columns = Columns::of(row);
                seen.push((columns.int()?, postrider_domain::ids::EventId(columns.id()?).time()));
            }
            let Some(step) = Step::over(&seen, cutoff) else {
                return Ok(());
            };
            self.remove(&[EVENTS], &step, |values| {
                let (millis, _) = bound.as_bytes().split_at(6);
                values.add(millis);
            })
            .await?;
            after = step.last;
        }
    }

    /// There are few of them.
    async fn cut_operations(&self, cutoff: Timestamp) -> StoreResult<()> {
        let mut values = Values::default();
        values.add(cutoff.as_micros());
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        values.change(&mut tx, OPERATIONS).await?;
        tx.commit().await
    }

    async fn cut_stats(&self, cutoff: Timestamp) -> StoreResult<()> {
        loop {
            let mut values = Values::default();
            values.add(codec::hour(cutoff)).add(STEP_ROWS);
            let mut writing = self.writer.lock().await?;
            let mut tx = writing.begin().await?;
            let removed = values.change(&mut tx, STATS).await?;
            tx.commit().await?;
            drop(writing);
            if removed == 0 {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn look(
        &self,
        sql: &'static str,
        after: i64,
    ) -> StoreResult<Vec<sqlx::sqlite::SqliteRow>> {
        let mut values = Values::default();
        values.add(after).add(STEP_ROWS);
        values.run(&mut *self.reader().await?, sql).await
    }

    async fn remove(
        &self,
        statements: &[&'static str],
        step: &Step,
        bound: impl Fn(&mut Values),
    ) -> StoreResult<()> {
        {
            let mut writing = self.writer.lock().await?;
            let mut tx = writing.begin().await?;
            for sql in statements {
                let mut values = Values::default();
                values.add(step.first).add(step.last);
                bound(&mut values);
                values.change(&mut tx, *sql).await?;
            }
            tx.commit().await?;
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

/// Rows next to each other, of which some are old.
struct Step {
    first: i64,
    last: i64,
}

impl Step {
    fn over(seen: &[(i64, Timestamp)], cutoff: Timestamp) -> Option<Self> {
        let (first, last) = (seen.first()?.0, seen.last()?.0);
        seen.iter().any(|(_, time)| *time < cutoff).then_some(Self { first, last })
    }
}
