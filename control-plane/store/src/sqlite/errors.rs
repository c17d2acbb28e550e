//! What SQLite says, in the words of [`StoreError`].

use crate::codec::corrupt;
use crate::error::StoreError;

/// Primary result codes: https://www.sqlite.org/rescode.html
const PERM: i32 = 3;
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const NOMEM: i32 = 7;
const READONLY: i32 = 8;
const INTERRUPT: i32 = 9;
const IOERR: i32 = 10;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const PROTOCOL: i32 = 15;
const TOOBIG: i32 = 18;
const CONSTRAINT: i32 = 19;
const MISMATCH: i32 = 20;

/// Sorts an error by what a caller can do about it.
pub(super) fn stored(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::Database(error) => {
            let extended = error.code().and_then(|code| code.parse::<i32>().ok());
            let message = error.message().to_owned();
            match extended.map(|code| code & 0xff) {
                Some(TOOBIG | CONSTRAINT | MISMATCH) => StoreError::Rejected(message),
                Some(
                    PERM | BUSY | LOCKED | NOMEM | READONLY | INTERRUPT | IOERR | FULL | CANTOPEN
                    | PROTOCOL,
                ) => StoreError::Unavailable(message),
                _ => corrupt(message),
            }
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
