//! The types of a statement with its parameters bound, and of what it answers.

use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{Decode, Postgres, Type};

pub(super) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// What a column is read as.
pub(super) trait ColumnValue:
    for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin
{
}

impl<T: for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin> ColumnValue for T {}
