//! Turns PostgreSQL's errors into the store's.

use std::io::ErrorKind;
use std::time::Duration;

use sqlx::Error;
use sqlx::error::DatabaseError;

use crate::error::{StoreError, StoreResult};
use crate::faults;

const UNIQUE_VIOLATION: &str = "23505";

/// Classes of SQLSTATEs that end a start: a name or password that is refused, a database that
/// is not there. (In a session that was let in before they pass.)
const REFUSED_CONNECTION_CLASSES: [&str; 2] = ["28", "3D"];

/// What a server says to a change once it is a standby, or was set to be only read
/// (`read_only_sql_transaction`): the statement had no effect, and succeeds elsewhere.
const READ_ONLY: &str = "25006";

/// Converts the driver's errors to the store's.
pub(super) trait Checked<T> {
    fn checked(self) -> StoreResult<T>;
}

impl<T> Checked<T> for Result<T, Error> {
    fn checked(self) -> StoreResult<T> {
        self.map_err(store_error)
    }
}

pub(super) fn store_error(error: Error) -> StoreError {
    match error {
        Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            let text = format!("{} (SQLSTATE {code})", error.message());
            faults::of_sqlstate(&code, error.constraint()).error(text)
        }
        // A type that the schema should have, or invalid settings.
        Error::TypeNotFound { .. } | Error::Configuration(_) => {
            StoreError::Faulty(error.to_string())
        }
        // The answer of a call that may have taken effect is invalid.
        Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnDecode { .. }
        | Error::Decode(_)
        | Error::RowNotFound => StoreError::Corrupt(error.to_string()),
        Error::Encode(_) | Error::InvalidArgument(_) => StoreError::Rejected(error.to_string()),
        // No answer, or an unusable one: the connection is at fault.
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// Why a statement failed.
pub(super) enum StatementError {
    Answered(Error),
    /// It was not answered within the call's time.
    Silent(Duration),
}

impl StatementError {
    pub(super) fn is_of_read_only_server(&self) -> bool {
        let Self::Answered(Error::Database(error)) = self else { return false };
        error.code().as_deref() == Some(READ_ONLY)
    }

    pub(super) fn of_store(self) -> StoreError {
        match self {
            Self::Answered(error) => store_error(error),
            Self::Silent(limit) => {
                StoreError::Unavailable(format!("no answer in {} s", limit.as_secs()))
            }
        }
    }
}

/// The error of a first connection. What the settings are to blame for is a rejection, since
/// trying again does not mend it; so is TLS on which both ends do not agree.
pub(super) fn connect_error(error: Error) -> StoreError {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let is_refused = code
        .is_some_and(|code| REFUSED_CONNECTION_CLASSES.iter().any(|class| code.starts_with(class)));
    let is_without_tls = match &error {
        Error::Tls(_) => true,
        // What rustls finds wrong in a handshake.
        Error::Io(error) => error.kind() == ErrorKind::InvalidData,
        _ => false,
    };
    match store_error(error) {
        StoreError::Unavailable(text) if is_refused || is_without_tls => StoreError::Rejected(text),
        error => error,
    }
}

/// Whether an INSERT failed because the id that a caller chose is taken.
pub(super) fn is_taken(error: &Error) -> bool {
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(UNIQUE_VIOLATION))
}

/// Whether the object to create exists, or was created at the same time.
pub(super) fn exists_already(error: &Error) -> bool {
    // duplicate_table, duplicate_object (of the table's row type), unique_violation
    // (of the catalogue), wrong_object_type (of a table that is a partition already).
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| matches!(code.as_ref(), "42P07" | "42710" | UNIQUE_VIOLATION | "42809"))
}
