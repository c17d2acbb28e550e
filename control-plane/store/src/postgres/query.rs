//! The type of a statement with its parameters bound.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

pub(super) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;
