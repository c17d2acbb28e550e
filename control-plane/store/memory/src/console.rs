//! Sessions of the web console.

use async_trait::async_trait;
use postrider_domain::time::Timestamp;
use postrider_identity::{ConsoleEntryKind, ConsoleHash, ConsoleSession};
use postrider_store::{ConsoleBounds, ConsoleCreation, ConsoleStore, StoreResult};

use crate::MemoryStore;

#[async_trait]
impl ConsoleStore for MemoryStore {
    async fn create_console_session(
        &self,
        session: &ConsoleSession,
        bounds: ConsoleBounds,
    ) -> StoreResult<ConsoleCreation> {
        let mut tables = self.tables()?;
        let others = tables.console_sessions.values().filter(|there| {
            there.kind == session.kind && there.identity.principal == session.identity.principal
        });
        let mut others: Vec<_> =
            others.map(|there| (there.last_use_time, there.hash.clone())).collect();
        others.sort_by(|left, right| right.0.cmp(&left.0).then_with(|| left.1.cmp(&right.1)));
        let kept = usize::try_from(bounds.of_caller.saturating_sub(1)).unwrap_or(usize::MAX);
        let gone: Vec<_> = others.into_iter().skip(kept).map(|(_, hash)| hash).collect();
        let left = tables.console_sessions.values().filter(|there| !gone.contains(&there.hash));
        let (mut all, mut of_tenant) = (0, 0);
        for there in left {
            all += 1;
            of_tenant += u64::from(there.counted_tenant() == session.counted_tenant());
        }
        let judged = bounds.judge(session, all, of_tenant);
        if judged == ConsoleCreation::Created {
            tables.console_sessions.retain(|hash, _| !gone.contains(hash));
            tables.console_sessions.insert(session.hash.clone(), session.clone());
        }
        Ok(judged)
    }

    async fn get_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>> {
        let tables = self.tables()?;
        Ok(tables.console_sessions.get(hash).filter(|found| found.kind == kind).cloned())
    }

    async fn note_console_use(&self, hash: &ConsoleHash, used: Timestamp) -> StoreResult<()> {
        if let Some(session) = self.tables()?.console_sessions.get_mut(hash) {
            session.last_use_time = session.last_use_time.max(used);
        }
        Ok(())
    }

    async fn take_console_session(
        &self,
        kind: ConsoleEntryKind,
        hash: &ConsoleHash,
    ) -> StoreResult<Option<ConsoleSession>> {
        let mut tables = self.tables()?;
        let is_there = tables.console_sessions.get(hash).is_some_and(|found| found.kind == kind);
        Ok(if is_there { tables.console_sessions.remove(hash) } else { None })
    }

    async fn forget_console_sessions(
        &self,
        ended_before: Timestamp,
        unused_since: Timestamp,
    ) -> StoreResult<()> {
        self.tables()?.console_sessions.retain(|_, session| {
            session.expire_time >= ended_before && session.last_use_time >= unused_since
        });
        Ok(())
    }
}
