//! Notes of what was removed, until its tables were vacuumed or rewritten.
//!
//! Fed by the transactions that remove something, and by maintenance; feeds `meta`.

use postrider_domain::time::Timestamp;

use super::call::DatabaseCall;
use crate::data_keys::REWRITE_PAUSE;
use crate::error::StoreResult;

const GET_META: &str = "SELECT value FROM meta WHERE key = $1";
const SET_META: &str = "INSERT INTO meta (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value";
const CLEAR_META: &str = "DELETE FROM meta WHERE key = $1 AND value = $2";

/// One kind of things that are removed.
pub(super) struct RemovalNote {
    /// In `meta` while something was removed and not yet followed up: when.
    pub(super) removed: &'static str,
    /// When it was last followed up.
    pub(super) followed_up: &'static str,
}

impl RemovalNote {
    /// Has the next maintenance follow it up.
    pub(super) async fn note(
        &self,
        call: &mut DatabaseCall<'_>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let query = sqlx::query(SET_META).bind(self.removed).bind(now.as_micros().to_string());
        call.execute(query).await.map(drop)
    }

    /// Runs statements if something was removed, and it was not done lately.
    pub(super) async fn follow_up(
        &self,
        call: &mut DatabaseCall<'_>,
        now: Timestamp,
        statements: &[&'static str],
    ) -> StoreResult<()> {
        let removed: Option<String> =
            call.optional_value(sqlx::query(GET_META).bind(self.removed)).await?;
        let Some(removed) = removed else {
            return Ok(());
        };
        let last: Option<String> =
            call.optional_value(sqlx::query(GET_META).bind(self.followed_up)).await?;
        let last = last.and_then(|at| at.parse().ok()).map(Timestamp::from_micros);
        if last.is_some_and(|at| now < at + REWRITE_PAUSE && at < now + REWRITE_PAUSE) {
            return Ok(());
        }
        call.run_apart(statements).await?;
        // What was removed meanwhile has another time, and stays noted.
        call.execute(sqlx::query(CLEAR_META).bind(self.removed).bind(removed)).await?;
        let query = sqlx::query(SET_META).bind(self.followed_up).bind(now.as_micros().to_string());
        call.execute(query).await.map(drop)
    }
}
