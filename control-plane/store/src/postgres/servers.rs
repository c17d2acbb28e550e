//! Which server of the database can be written to.
//!
//! Fed by the servers that the URL names, each of which is asked; feeds `open` and the
//! watch with the one to use. Guarantees that it is a server that can be written to, of
//! several that say so the one of the newest timeline, and none of an older timeline than
//! one that was used before: a primary that was failed over from, and does not know it, is
//! on an older one.
//!
//! Keeps the invariant `only-a-writable-server`.

use std::cmp::Ordering;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use sqlx::postgres::PgRow;
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _};

use super::errors::{Checked as _, connect_error};
use super::server_list::NamedServer;
use crate::error::{StoreError, StoreResult};

/// `on` at a standby, and where somebody has set `default_transaction_read_only`.
const SHOW_READ_ONLY: &str = "SHOW transaction_read_only";
/// The timeline's number, in hexadecimal, is the beginning of the name; a standby has none.
const SELECT_ROLE: &str = "SELECT current_setting('transaction_read_only') AS read_only,
    CASE WHEN pg_is_in_recovery() THEN NULL
        ELSE pg_walfile_name(pg_current_wal_insert_lsn()) END AS wal_file";
const TIMELINE_DIGITS: usize = 8;

/// The number of a line of history: a promotion begins the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimelineId(pub(super) u32);

/// The server to use, with a connection to it.
pub(super) struct WritableServer {
    /// Its place in the list.
    pub(super) place: usize,
    /// Zero where the URL names one server, of which nothing is asked but whether it can be
    /// written to.
    pub(super) timeline: TimelineId,
    pub(super) connection: PgConnection,
}

/// Connects to the server that can be written to. Each server may take as long as `limit`
/// to answer; they are asked at the same time.
///
/// One whose timeline is newer than `used` is taken without waiting for the others, and one
/// whose timeline is older is not taken.
///
/// # Errors
/// `Unavailable` when there is none now; another error when no waiting helps.
pub(super) async fn find_writable(
    servers: &[NamedServer],
    used: Option<TimelineId>,
    limit: Duration,
) -> StoreResult<WritableServer> {
    if let [only] = servers {
        let connection = within(limit, connect_to_only(only)).await?;
        return Ok(WritableServer { place: 0, timeline: TimelineId::default(), connection });
    }
    let mut answers: FuturesUnordered<_> = (0..)
        .zip(servers)
        .map(|(place, server)| async move { (place, within(limit, ask(server)).await) })
        .collect();
    let (mut best, mut errors) = (None::<WritableServer>, Vec::new());
    while let Some((place, answer)) = answers.next().await {
        match answer {
            Ok((timeline, connection)) => {
                let found = WritableServer { place, timeline, connection };
                if used.is_some_and(|used| timeline > used) {
                    return Ok(found);
                }
                if best.as_ref().is_none_or(|best| comes_before(&found, best)) {
                    best = Some(found);
                }
            }
            Err(error) => errors.push(at(servers, place, error)),
        }
    }
    match best {
        Some(best) if used.is_some_and(|used| best.timeline < used) => {
            let told = "can be written to, but is on an older timeline than the database was: \
                a primary that was failed over from";
            let error = StoreError::Unavailable(told.to_owned());
            Err(at(servers, best.place, error))
        }
        Some(best) => Ok(best),
        None => Err(together(errors)),
    }
}

fn comes_before(found: &WritableServer, best: &WritableServer) -> bool {
    match found.timeline.cmp(&best.timeline) {
        Ordering::Equal => found.place < best.place,
        order => order.is_gt(),
    }
}

async fn within<T>(
    limit: Duration,
    asking: impl Future<Output = StoreResult<T>>,
) -> StoreResult<T> {
    tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| {
        Err(StoreError::Unavailable(format!("no answer in {} s", limit.as_secs())))
    })
}

async fn connect_to_only(server: &NamedServer) -> StoreResult<PgConnection> {
    let mut connection = server.connect.connect().await.map_err(connect_error)?;
    let row = connection.fetch_one(sqlx::raw_sql(SHOW_READ_ONLY)).await.checked()?;
    match says_read_only(&row).checked()? {
        true => Err(read_only()),
        false => Ok(connection),
    }
}

/// Whether a server takes no changes, by its answer to `SHOW transaction_read_only`.
pub(super) fn says_read_only(row: &PgRow) -> Result<bool, sqlx::Error> {
    Ok(row.try_get::<&str, _>(0)? == "on")
}

/// A connection to a server that can be written to, and its timeline.
async fn ask(server: &NamedServer) -> StoreResult<(TimelineId, PgConnection)> {
    let mut connection = server.connect.connect().await.map_err(connect_error)?;
    let row = connection.fetch_one(sqlx::raw_sql(SELECT_ROLE)).await.checked()?;
    let is_read_only: &str = row.try_get("read_only").checked()?;
    let wal_file: Option<&str> = row.try_get("wal_file").checked()?;
    match wal_file {
        Some(name) if is_read_only == "off" => Ok((timeline_of(name)?, connection)),
        _ => {
            // What becomes of a goodbye says nothing more.
            let _ = connection.close().await;
            Err(read_only())
        }
    }
}

/// The timeline in the name of a WAL file.
fn timeline_of(wal_file: &str) -> StoreResult<TimelineId> {
    let digits = wal_file.get(..TIMELINE_DIGITS).unwrap_or_default();
    u32::from_str_radix(digits, 16)
        .map(TimelineId)
        .map_err(|_| StoreError::Corrupt("a WAL file's name begins with a timeline".to_owned()))
}

fn read_only() -> StoreError {
    let told = "it can only be read: it is a standby, or default_transaction_read_only is on";
    StoreError::Unavailable(told.to_owned())
}

/// An error with the server that it comes from.
fn at(servers: &[NamedServer], place: usize, error: StoreError) -> StoreError {
    let address = servers.get(place).map_or("", |server| server.address.as_str());
    match error {
        StoreError::Unavailable(text) => StoreError::Unavailable(format!("{address}: {text}")),
        StoreError::Rejected(text) => StoreError::Rejected(format!("{address}: {text}")),
        StoreError::Faulty(text) => StoreError::Faulty(format!("{address}: {text}")),
        StoreError::Corrupt(text) => StoreError::Corrupt(format!("{address}: {text}")),
        // Of a row: no server is asked for one before it is the one that is chosen.
        row @ (StoreError::UnreadableConfig { .. } | StoreError::UnreadableRow { .. }) => row,
    }
}

/// What all servers together say. As long as one of them may come, waiting can help.
fn together(errors: Vec<StoreError>) -> StoreError {
    if let Some(first) = errors.first()
        && !errors.iter().any(StoreError::is_transient)
    {
        return first.clone();
    }
    let texts = errors.into_iter().map(|error| match error {
        StoreError::Unavailable(text)
        | StoreError::Rejected(text)
        | StoreError::Faulty(text)
        | StoreError::Corrupt(text) => text,
        row @ (StoreError::UnreadableConfig { .. } | StoreError::UnreadableRow { .. }) => {
            row.to_string()
        }
    });
    StoreError::Unavailable(texts.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::server_list::named_servers;

    #[test]
    fn a_wal_file_tells_its_timeline() {
        assert_eq!(timeline_of("000000010000000000000003").unwrap(), TimelineId(1));
        assert_eq!(timeline_of("0000001A00000001000000FF").unwrap(), TimelineId(26));
        assert!(timeline_of("").is_err());
        assert!(timeline_of("backup_label").is_err());
    }

    #[test]
    fn one_server_that_may_come_is_waited_for() {
        let (away, refused) = (
            StoreError::Unavailable("one:1: away".to_owned()),
            StoreError::Rejected("two:2: no such user".to_owned()),
        );
        let both = together(vec![refused.clone(), away]);
        assert!(both.is_transient(), "{both}");
        let said = both.to_string();
        assert!(said.contains("one:1: away") && said.contains("two:2: no such user"), "{said}");
        let never = together(vec![refused.clone(), refused]);
        assert!(matches!(never, StoreError::Rejected(_)), "{never}");
    }

    #[tokio::test]
    async fn servers_that_are_not_there_are_told_one_by_one() {
        let url = "postgres://me:secret@127.0.0.1:1,127.0.0.1:2/x?sslmode=disable";
        let servers = named_servers(url).unwrap();
        let limit = Duration::from_secs(5);
        let error = find_writable(&servers, None, limit).await.err().unwrap();
        assert!(error.is_transient(), "{error}");
        let said = error.to_string();
        assert!(said.contains("127.0.0.1:1: ") && said.contains("127.0.0.1:2: "), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}
