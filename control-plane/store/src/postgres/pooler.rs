//! Whether a session is one's own for as long as it lasts.
//!
//! Fed by `open`, before anything else is asked of the database; feeds its caller with
//! a refusal. A pooler in transaction mode hands each transaction to whichever session
//! is free: planner settings and time-outs would hold for whoever comes next, prepared
//! statements would be found by nobody or by the wrong one (SQLSTATE 42P05, 26000), and
//! the lock of a migration would stay with a stranger. Named statements are what the
//! hot paths live by, so such a pooler is refused and not worked around.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row};

use super::errors::{Checked as _, store_error};
use crate::error::{StoreError, StoreResult};

/// How long a second connection is waited for: a pooler lets it wait for a session.
const SECOND_LIMIT: Duration = Duration::from_secs(5);
/// One is enough as long as nobody else uses the same pool.
const ROUNDS: usize = 3;
/// What PgBouncer says to BEGIN in statement mode (protocol_violation).
const NO_TRANSACTIONS: &str = "08P01";

const SHARED: &str = "it is reached through a pooler that hands each transaction or \
    statement to another session, where prepared statements and settings are not kept: \
    connect to PostgreSQL itself, or let the pooler keep sessions (PgBouncer: pool_mode = session)";

/// Refuses sessions that are shared: marks one, and looks for the mark from another
/// while that is in a transaction, and from the first.
///
/// In simple queries only, which leave no prepared statement behind.
pub(super) async fn refuse_shared_sessions(
    connect: &PgConnectOptions,
    first: &mut PgConnection,
) -> StoreResult<()> {
    let mark = uuid::Uuid::now_v7().simple().to_string();
    let marking = format!("SELECT set_config('postrider.session', '{mark}', false) AS mark");
    first.execute(sqlx::raw_sql(AssertSqlSafe(marking))).await.checked()?;
    let looking = async {
        let mut second = connect.connect().await.checked()?;
        for _ in 0..ROUNDS {
            second.execute(sqlx::raw_sql("BEGIN")).await.map_err(begin_error)?;
            if marked(&mut second, &mark).await? || !marked(first, &mark).await? {
                return Err(StoreError::Rejected(SHARED.to_owned()));
            }
            second.execute(sqlx::raw_sql("COMMIT")).await.checked()?;
        }
        second.close().await.checked()
    };
    tokio::time::timeout(SECOND_LIMIT, looking).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!(
            "a second connection got no answer in {} s: does its pooler keep fewer sessions \
             than database.max_connections and two more?",
            SECOND_LIMIT.as_secs()
        )))
    })
}

async fn marked(connection: &mut PgConnection, mark: &str) -> StoreResult<bool> {
    let query = sqlx::raw_sql("SELECT current_setting('postrider.session', true) AS mark");
    let row: PgRow = connection.fetch_one(query).await.checked()?;
    Ok(row.try_get::<Option<String>, _>("mark").checked()?.as_deref() == Some(mark))
}

fn begin_error(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code().map(String::from));
    if code.as_deref() == Some(NO_TRANSACTIONS) {
        StoreError::Rejected(SHARED.to_owned())
    } else {
        store_error(error)
    }
}
