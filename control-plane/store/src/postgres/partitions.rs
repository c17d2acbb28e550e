//! Partitions by day (invariant `partitions-made-ahead`).
//!
//! A partition is made as a table of its own and then attached, which does not
//! stop anybody; dropping one locks its parent for a moment, and gives way at once
//! when it cannot have that lock.

use postrider_domain::time::Timestamp;
use sqlx::AssertSqlSafe;

use super::call::DatabaseCall;
use super::errors::exists_already;
use crate::error::{FirstFault, StoreError, StoreResult};

const DAY_MICROSECONDS: i64 = 86_400_000_000;

/// Days ahead for which a new schema gets partitions. As `database.partitions_ahead_days`
/// by default.
pub(super) const INITIAL_PARTITION_DAYS: u32 = 7;

/// The partitioned tables, with the column that decides.
pub(super) const PARTITIONED_TABLES: &[(&str, &str)] =
    &[("events", "create_time"), ("ended_deliveries", "end_time"), ("attempts", "record_time")];

const SELECT_PARTITIONS: &str = "SELECT child.relname::text FROM pg_inherits i
    JOIN pg_class child ON child.oid = i.inhrelid
    JOIN pg_class parent ON parent.oid = i.inhparent
    JOIN pg_namespace n ON n.oid = parent.relnamespace
    WHERE parent.relkind = 'p' AND n.nspname = current_schema()
        AND NOT i.inhdetachpending";

/// How often a lock is requested that others hold. Chosen, not measured: the next run of
/// the maintenance tries again.
const MAX_LOCK_TRIES: u32 = 5;

/// One day of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DayPartition {
    pub(super) table: &'static str,
    column: &'static str,
    pub(super) from: i64,
    pub(super) until: i64,
}

impl DayPartition {
    fn new(table: &(&'static str, &'static str), day: i64) -> Self {
        let from = day.saturating_mul(DAY_MICROSECONDS);
        Self { table: table.0, column: table.1, from, until: from.saturating_add(DAY_MICROSECONDS) }
    }

    /// `events_20260131`.
    pub(super) fn name(&self) -> StoreResult<String> {
        let time = Timestamp::from_micros(self.from).to_string();
        match time.split_once('T') {
            Some((date, _)) => Ok(format!("{}_{}", self.table, date.replace('-', ""))),
            None => Err(StoreError::Rejected(format!("there is no partition for {time}"))),
        }
    }
}

fn day(time: Timestamp) -> i64 {
    time.as_micros().div_euclid(DAY_MICROSECONDS)
}

/// The partitions of each table from yesterday on.
fn wanted(now: Timestamp, days_ahead: u32) -> impl Iterator<Item = DayPartition> {
    let days = day(now) - 1..=day(now).saturating_add(days_ahead.into());
    PARTITIONED_TABLES
        .iter()
        .flat_map(move |table| days.clone().map(|day| DayPartition::new(table, day)))
}

/// The names of the existing partitions.
async fn existing(call: &mut DatabaseCall<'_>) -> StoreResult<Vec<String>> {
    call.values(sqlx::query(SELECT_PARTITIONS)).await
}

/// Creates missing partitions; other replicas may do the same. Returns how many.
pub(super) async fn create(
    call: &mut DatabaseCall<'_>,
    now: Timestamp,
    days_ahead: u32,
) -> StoreResult<u64> {
    let existing = existing(call).await?;
    let mut faults = FirstFault::default();
    let mut made = Vec::new();
    for partition in wanted(now, days_ahead) {
        let name = partition.name()?;
        if !existing.contains(&name) {
            match create_one(call, &partition, &name).await {
                Ok(true) => made.push(name),
                Ok(false) => {}
                Err(error) => {
                    faults.keep::<()>(Err(error))?;
                }
            }
        }
    }
    if !made.is_empty() {
        tracing::info!(count = made.len(), partitions = made.join(","), "partitions were made");
    }
    faults.into_result().map(|()| made.len() as u64)
}

/// Creates a partition; false if another replica was first.
async fn create_one(
    call: &mut DatabaseCall<'_>,
    partition: &DayPartition,
    name: &str,
) -> StoreResult<bool> {
    let DayPartition { table, column, from, until } = partition;
    // The constraint spares the check of the rows; the bounds follow from it.
    let sql = format!(
        "SET LOCAL lock_timeout = '2s';
        CREATE TABLE {name} (LIKE {table} INCLUDING ALL,
            CONSTRAINT {name}_day CHECK ({column} >= {from} AND {column} < {until}));
        ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({from}) TO ({until});
        ALTER TABLE {name} DROP CONSTRAINT {name}_day"
    );
    call.begin().await?;
    // Unless another replica created it at the same time.
    let is_new = call.run_unless(AssertSqlSafe(sql), exists_already).await?;
    if is_new {
        call.commit().await?;
    }
    Ok(is_new)
}

/// What today or tomorrow has no partition for.
pub(super) async fn missing(
    call: &mut DatabaseCall<'_>,
    now: Timestamp,
) -> StoreResult<Vec<String>> {
    let existing = existing(call).await?;
    let mut missing = Vec::new();
    for partition in wanted(now, 1).filter(|partition| partition.until > now.as_micros()) {
        let name = partition.name()?;
        if !existing.contains(&name) {
            missing.push(name);
        }
    }
    Ok(missing)
}

/// The partitions with only rows older than `cutoff`.
pub(super) async fn past(
    call: &mut DatabaseCall<'_>,
    cutoff: Timestamp,
) -> StoreResult<Vec<(DayPartition, String)>> {
    let existing = existing(call).await?;
    let first_kept = day(cutoff);
    let mut past = Vec::new();
    for name in existing {
        let Some((table, date)) = name.rsplit_once('_') else {
            continue;
        };
        let Some(table) = PARTITIONED_TABLES.iter().find(|(known, _)| *known == table) else {
            continue;
        };
        let Some(day) = day_of(date) else { continue };
        if day < first_kept {
            past.push((DayPartition::new(table, day), name));
        }
    }
    Ok(past)
}

/// The day that eight digits name, counted from the epoch.
fn day_of(date: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| date.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
    // Years begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days_before_month = (153 * month + 2) / 5;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    (date.len() == 8).then_some(year * 365 + leap_days + days_before_month + day - 1 - 719_468)
}

/// Drops a partition. `before` runs while nobody can read or write the table.
pub(super) async fn drop(
    call: &mut DatabaseCall<'_>,
    partition: &DayPartition,
    name: &str,
    before: Option<(&'static str, [uuid::Uuid; 2])>,
) -> StoreResult<()> {
    let mut round = 0;
    loop {
        round += 1;
        match drop_once(call, partition, name, before).await {
            Err(StoreError::Unavailable(_)) if round < MAX_LOCK_TRIES => {
                tokio::time::sleep(std::time::Duration::from_millis(200 * u64::from(round))).await;
            }
            other => return other,
        }
    }
}

async fn drop_once(
    call: &mut DatabaseCall<'_>,
    partition: &DayPartition,
    name: &str,
    before: Option<(&'static str, [uuid::Uuid; 2])>,
) -> StoreResult<()> {
    call.begin().await?;
    // The parent first, like readers, and only briefly.
    let lock = format!(
        "SET LOCAL lock_timeout = '500ms'; SET LOCAL enable_seqscan = on;
        LOCK TABLE ONLY {} IN ACCESS EXCLUSIVE MODE",
        partition.table
    );
    call.run(AssertSqlSafe(lock)).await?;
    if let Some((sql, [from, until])) = before {
        call.execute(sqlx::query(sql).bind(from).bind(until)).await?;
    }
    call.run(AssertSqlSafe(format!("DROP TABLE IF EXISTS {name}"))).await?;
    call.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_days_agree() {
        for day in [0, 58, 59, 60, 365, 11_016, 11_017, 19_782, 19_783, 20_782, 47_540] {
            for table in PARTITIONED_TABLES {
                let partition = DayPartition::new(table, day);
                let name = partition.name().unwrap();
                let (_, date) = name.rsplit_once('_').unwrap();
                assert_eq!(day_of(date), Some(day), "{name}");
            }
        }
        let partition = DayPartition::new(&("events", "create_time"), 20_484);
        assert_eq!(partition.name().unwrap(), "events_20260131");
        assert_eq!(day_of("2026013"), None);
        assert_eq!(day_of("2026x131"), None);
    }

    #[test]
    fn partitions_are_wanted_from_yesterday_on() {
        let now = Timestamp::from_micros(10 * DAY_MICROSECONDS + 5);
        let days: Vec<_> = wanted(now, 2)
            .filter(|partition| partition.table == "events")
            .map(|partition| partition.from / DAY_MICROSECONDS)
            .collect();
        assert_eq!(days, [9, 10, 11, 12]);
    }
}
