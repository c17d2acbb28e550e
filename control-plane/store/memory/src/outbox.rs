//! The outbox of operational events, and failure streaks, in memory: `OutboxStore`.

use async_trait::async_trait;
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::operational_event::OperationalEvent;
use postrider_domain::time::Timestamp;
use postrider_store::engine::StreakChanges;
use postrider_store::{OutboxEntry, OutboxStore, StoreResult, StreakChange};

use crate::MemoryStore;
use crate::tables::MemoryTables;

#[async_trait]
impl OutboxStore for MemoryStore {
    async fn list_outbox(&self, shards: &[Shard], limit: u32) -> StoreResult<Vec<OutboxEntry>> {
        let tables = self.tables()?;
        let of_shards = tables.outbox.iter().filter(|(_, operational_event)| {
            shards.contains(&tables.shard_of(&operational_event.subscription.tenant))
        });
        let waiting = |(place, item): (&i64, &OperationalEvent)| OutboxEntry {
            place: *place,
            operational_event: item.clone(),
        };
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(of_shards.take(wanted).map(waiting).collect())
    }

    async fn delete_from_outbox(&self, places: &[i64]) -> StoreResult<()> {
        let mut tables = self.tables()?;
        for place in places {
            tables.outbox.remove(place);
        }
        Ok(())
    }

    async fn streaks(
        &self,
        shards: &[Shard],
    ) -> StoreResult<Vec<(SubscriptionKey, FailureStreak)>> {
        let tables = self.tables()?;
        let of_shards =
            tables.failing.iter().filter(|(key, _)| shards.contains(&tables.shard_of(&key.tenant)));
        Ok(of_shards.map(|(key, streak)| (key.clone(), *streak)).collect())
    }

    async fn streak(&self, key: &SubscriptionKey) -> StoreResult<Option<FailureStreak>> {
        Ok(self.tables()?.failing.get(key).copied())
    }

    async fn raise_streak(
        &self,
        key: &SubscriptionKey,
        from: FailureStreak,
        to: WarningStage,
        operational_event: Option<&OperationalEvent>,
    ) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        let Some(streak) = tables.failing.get_mut(key).filter(|streak| **streak == from) else {
            return Ok(false);
        };
        streak.stage = to;
        tables.write_to_outbox(operational_event);
        Ok(true)
    }

    async fn end_streak(
        &self,
        key: &SubscriptionKey,
        recovered: Option<&OperationalEvent>,
    ) -> StoreResult<()> {
        let change = StreakChange::End { recovered: recovered.cloned() };
        let mut changes = StreakChanges::default();
        changes.push(key, &change);
        self.tables()?.change_streaks(&changes);
        Ok(())
    }

    async fn due_certificate_warnings(
        &self,
        shards: &[Shard],
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(SubscriptionKey, Timestamp)>> {
        let tables = self.tables()?;
        let due = tables
            .certificate_warnings
            .iter()
            .filter(|(key, due)| **due <= now && shards.contains(&tables.shard_of(&key.tenant)));
        let mut due: Vec<_> = due.map(|(key, due)| (key.clone(), *due)).collect();
        due.sort_by_key(|(_, due)| *due);
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn warn_of_certificates(
        &self,
        key: &SubscriptionKey,
        due: Timestamp,
        next: Option<Timestamp>,
        operational_events: &[OperationalEvent],
    ) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        if tables.certificate_warnings.get(key) != Some(&due) {
            return Ok(false);
        }
        tables.set_certificate_warning(key, next);
        tables.write_to_outbox(operational_events);
        Ok(true)
    }
}

impl MemoryTables {
    /// Notes when a subscription is warned next, if it is.
    pub fn set_certificate_warning(&mut self, key: &SubscriptionKey, next: Option<Timestamp>) {
        match next {
            Some(next) => self.certificate_warnings.insert(key.clone(), next),
            None => self.certificate_warnings.remove(key),
        };
    }

    /// Applies changes of streaks, and writes the operational events about them.
    pub fn change_streaks(&mut self, changes: &StreakChanges<'_>) {
        for key in changes.ended() {
            if let Some(streak) = self.failing.remove(key) {
                self.write_to_outbox(changes.recovered(key, streak.stage));
            }
        }
        for (key, since) in changes.begun() {
            self.failing.entry(key.clone()).or_insert(FailureStreak::begun(since));
        }
    }
}
