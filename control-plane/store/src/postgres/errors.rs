//! What PostgreSQL's errors mean to a caller.

use sqlx::Error;
use sqlx::error::DatabaseError;

use crate::config::WriteError;
use crate::error::{StoreError, StoreResult};

const UNIQUE_VIOLATION: &str = "23505";
const CHECK_VIOLATION: &str = "23514";

/// Turns the driver's errors into the store's.
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
        Error::Database(error) => database_error(error.as_ref()),
        Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::ColumnDecode { .. }
        | Error::Decode(_)
        | Error::TypeNotFound { .. }
        | Error::RowNotFound => StoreError::Corrupt(error.to_string()),
        Error::Encode(_) | Error::InvalidArgument(_) | Error::Configuration(_) => {
            StoreError::Rejected(error.to_string())
        }
        // No answer, or none that makes sense: the connection is at fault.
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn database_error(error: &dyn DatabaseError) -> StoreError {
    let code = error.code().unwrap_or_default();
    let text = format!("{} (SQLSTATE {code})", error.message());
    // A row that has no partition: the partition is missing, the row is not wrong.
    if code == CHECK_VIOLATION && error.constraint().is_none() {
        return StoreError::Unavailable(text);
    }
    match code.get(..2).unwrap_or_default() {
        // Data and constraints; limits that this very input exceeds.
        "22" | "23" | "54" => StoreError::Rejected(text),
        // Connections, authorisation, read-only standbys, lost transactions,
        // resources, locks, cancelled statements and shutdowns, the system.
        "08" | "0A" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58" => {
            StoreError::Unavailable(text)
        }
        _ => StoreError::Corrupt(text),
    }
}

/// The error of an INSERT that names its row by an id that people choose.
pub(super) fn insert_error(error: Error) -> WriteError {
    let taken = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some(UNIQUE_VIOLATION));
    if taken { WriteError::AlreadyExists } else { WriteError::Store(store_error(error)) }
}

/// Whether what was to be created is there already, or came at the same moment.
pub(super) fn exists_already(error: &Error) -> bool {
    // duplicate_table, duplicate_object (of the table's row type), unique_violation
    // (of the catalogue), wrong_object_type (of a table that is a partition already).
    error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| matches!(code.as_ref(), "42P07" | "42710" | UNIQUE_VIOLATION | "42809"))
}
