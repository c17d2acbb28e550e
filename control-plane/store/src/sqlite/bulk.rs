//! Values of statements for one row or a thousand.
//!
//! Each statement costs a hop to the connection's thread, so rows are sent together.
//! Batches are cut into lengths that are powers of two, so that a few prepared
//! statements serve every batch.

use std::sync::Arc;

use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, SqlSafeStr, Type};
use uuid::Uuid;

use super::errors::stored;
use crate::error::{StoreError, StoreResult};

/// The longest run. Longer ones gain little: the hop to the worker thread is shared by 128
/// already.
const MAX_RUN: usize = 128;

/// The values of a statement, in order.
#[derive(Default)]
pub(super) struct BoundValues {
    arguments: SqliteArguments,
    refused: Option<StoreError>,
}

impl BoundValues {
    pub(super) fn add<'v, T: Encode<'v, Sqlite> + Type<Sqlite>>(&mut self, value: T) -> &mut Self {
        if let Err(error) = self.arguments.add(value) {
            self.refused = Some(StoreError::Rejected(error.to_string()));
        }
        self
    }

    /// Adds a text. A NUL is rejected as PostgreSQL does; SQLite would store it and
    /// then compare only what precedes it.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        if text.contains('\0') {
            self.refused = Some(StoreError::Rejected("text contains a NUL".to_owned()));
        }
        self.add(text)
    }

    pub(super) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => self.add(None::<&str>),
        }
    }

    pub(super) fn id(&mut self, id: Uuid) -> &mut Self {
        self.add(id)
    }

    /// Runs a statement with these values.
    pub(super) async fn run(
        self,
        connection: &mut SqliteConnection,
        sql: impl SqlSafeStr,
    ) -> StoreResult<Vec<SqliteRow>> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        sqlx::query_with(sql, self.arguments).fetch_all(connection).await.map_err(stored)
    }

    /// Runs a statement with these values; returns how many rows it changed.
    pub(super) async fn change(
        self,
        connection: &mut SqliteConnection,
        sql: impl SqlSafeStr,
    ) -> StoreResult<u64> {
        if let Some(refused) = self.refused {
            return Err(refused);
        }
        let done =
            sqlx::query_with(sql, self.arguments).execute(connection).await.map_err(stored)?;
        Ok(done.rows_affected())
    }
}

/// A statement in which `{rows}` stands for `(?,?,…),(?,?,…)`; it has no other
/// parameters.
pub(super) struct BulkStatement {
    pub(super) sql: &'static str,
    pub(super) columns: usize,
}

impl BulkStatement {
    /// Runs the statement over all items; returns the rows it gave.
    pub(super) async fn run<T>(
        &self,
        connection: &mut SqliteConnection,
        items: &[T],
        mut values: impl FnMut(&mut BoundValues, &T) -> StoreResult<()>,
    ) -> StoreResult<Vec<SqliteRow>> {
        let mut given = Vec::new();
        let mut rest = items;
        while !rest.is_empty() {
            let run = MAX_RUN.min(1 << rest.len().ilog2());
            let (now, later) = rest.split_at(run);
            let mut row = BoundValues::default();
            row.arguments.reserve(run * self.columns, 0);
            for item in now {
                values(&mut row, item)?;
            }
            given.extend(row.run(&mut *connection, AssertSqlSafe(self.text(run))).await?);
            rest = later;
        }
        Ok(given)
    }

    fn text(&self, rows: usize) -> Arc<str> {
        let mut list = String::with_capacity(rows * (2 * self.columns + 2));
        for row in 0..rows {
            list.push_str(if row == 0 { "(" } else { ",(" });
            for column in 0..self.columns {
                list.push_str(if column == 0 { "?" } else { ",?" });
            }
            list.push(')');
        }
        self.sql.replace("{rows}", &list).into()
    }
}

/// Ids as a JSON array of hexadecimal text, for `unhex(value) FROM json_each(?)`:
/// one statement for any number of them.
pub(super) fn id_list(ids: impl Iterator<Item = Uuid>) -> String {
    let mut json = String::from("[");
    for id in ids {
        if json.len() > 1 {
            json.push(',');
        }
        json.push('"');
        json.push_str(id.as_simple().encode_lower(&mut Uuid::encode_buffer()));
        json.push('"');
    }
    json.push(']');
    json
}
