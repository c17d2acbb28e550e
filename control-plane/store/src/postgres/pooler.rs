//! Refuses poolers that share sessions.
//!
//! Fed by `open`, before any other statement. A pooler in transaction mode gives each
//! transaction any free session: planner settings and time-outs would apply to others,
//! prepared statements would be missing or wrong (SQLSTATE 42P05, 26000), and a
//! migration's lock would stay in a stranger's session. The hot paths need named
//! statements, so such a pooler is refused instead of worked around.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row};

use super::errors::{Checked as _, store_error};
use crate::error::{StoreError, StoreResult};

/// How long to wait for a second connection: a pooler lets it wait for a session. As a call
/// waits for one.
const SECOND_CONNECTION_LIMIT: Duration = Duration::from_secs(5);
/// How often the mark is looked for. One round is enough unless others use the same pool;
/// three are chosen, not measured.
const MARK_CHECK_ROUNDS: usize = 3;
/// What PgBouncer says to BEGIN in statement mode (`protocol_violation`).
const NO_TRANSACTIONS: &str = "08P01";

const SHARED_SESSION_ERROR: &str = "it is reached through a pooler that hands each transaction or \
    statement to another session, where prepared statements and settings are not kept: \
    connect to PostgreSQL itself, or let the pooler keep sessions (PgBouncer: pool_mode = session)";

/// Refuses shared sessions: sets a mark and looks for it from another session while
/// that is in a transaction, and from the first one.
///
/// Uses simple queries only, which leave no prepared statement behind.
pub(super) async fn refuse_shared_sessions(
    connect: &PgConnectOptions,
    first: &mut PgConnection,
) -> StoreResult<()> {
    let mark = uuid::Uuid::now_v7().simple().to_string();
    let marking = format!("SELECT set_config('postrider.session', '{mark}', false) AS mark");
    first.execute(sqlx::raw_sql(AssertSqlSafe(marking))).await.checked()?;
    let looking = async {
        let mut second = connect.connect().await.checked()?;
        for _ in 0..MARK_CHECK_ROUNDS {
            second.execute(sqlx::raw_sql("BEGIN")).await.map_err(begin_error)?;
            if marked(&mut second, &mark).await? || !marked(first, &mark).await? {
                return Err(StoreError::Rejected(SHARED_SESSION_ERROR.to_owned()));
            }
            second.execute(sqlx::raw_sql("COMMIT")).await.checked()?;
        }
        second.close().await.checked()
    };
    tokio::time::timeout(SECOND_CONNECTION_LIMIT, looking).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!(
            "a second connection got no answer in {} s: does its pooler keep fewer sessions \
             than database.max_connections and two more?",
            SECOND_CONNECTION_LIMIT.as_secs()
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
        StoreError::Rejected(SHARED_SESSION_ERROR.to_owned())
    } else {
        store_error(error)
    }
}
