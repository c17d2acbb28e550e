//! A statement with its parameters.

use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;

pub(super) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;
