//! The types of a statement with its parameters bound, and of what it answers; and a statement
//! with room for the parameters of a large batch.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Arguments as _, Decode, Postgres, Type};

pub(super) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// A statement with room for so many bytes of parameters: those of a batch are not copied
/// again and again as they grow.
pub(super) fn query_with_room(sql: &'static str, bytes: usize) -> PgQuery<'static> {
    let mut arguments = PgArguments::default();
    arguments.reserve(0, bytes);
    sqlx::query_with(sql, arguments)
}

/// What a column is read as.
pub(super) trait ColumnValue:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin
{
}

impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin> ColumnValue for T {}
