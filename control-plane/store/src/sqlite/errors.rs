//! Turns SQLite's errors into the store's.

use crate::codec::corrupt;
use crate::error::StoreError;
use crate::faults;

/// Sorts an error by whose fault it is.
pub(super) fn stored(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => {
            // The driver tells the extended result code; without one nothing is known.
            let code = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
            let text = format!("{} (result code {code})", error.message());
            faults::of_result_code(code).error(text)
        }
        sqlx::Error::Encode(error) => StoreError::Rejected(error.to_string()),
        error @ (sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::Decode(_)
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::RowNotFound) => corrupt(error),
        error => StoreError::Unavailable(error.to_string()),
    }
}
