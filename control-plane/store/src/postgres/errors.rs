//! Turns PostgreSQL's errors into the store's.

use sqlx::Error;
use sqlx::error::DatabaseError;

use crate::config::WriteError;
use crate::error::{StoreError, StoreResult};
use crate::faults;

const UNIQUE_VIOLATION: &str = "23505";

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

/// The error of an INSERT whose id a caller chose.
pub(super) fn insert_error(error: Error) -> WriteError {
    let taken = error
        .as_database_error()
        .is_some_and(|error| error.code().as_deref() == Some(UNIQUE_VIOLATION));
    if taken { WriteError::AlreadyExists } else { WriteError::Store(store_error(error)) }
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
