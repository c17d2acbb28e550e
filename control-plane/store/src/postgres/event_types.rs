//! The catalogue of event types.
//!
//! Every change first raises the catalogue's version, which locks its one row:
//! changes happen one after the other.

use async_trait::async_trait;
use postrider_domain::event_type::EventType;
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::QueryBuilder;
use sqlx::postgres::PgRow;

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::query::PgQuery;
use super::rows::{get, optional_time, read, small, subscription_key, time};
use crate::codec;
use crate::config::WriteError;
use crate::error::StoreResult;
use crate::event_types::{
    CatalogueError, EventTypeQuery, EventTypeStore, MAX_NAMED_USERS, may_put,
};
use crate::list_sql::event_type_list;

const READ_ONLY: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const SELECT_VERSION: &str = "SELECT version FROM catalogue";
const RAISE_VERSION: &str = "UPDATE catalogue SET version = version + 1 RETURNING version";

const COUNT_TYPES: &str = "SELECT count(*) FROM event_types";
const INSERT_TYPE: &str = "INSERT INTO event_types (
        name, description, group_name, json_schema, validation, sample, archive_time, create_time,
        update_time, revision, search
    )
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const UPDATE_TYPE: &str = "UPDATE event_types
    SET description = $2, group_name = $3, json_schema = $4, validation = $5, sample = $6,
        archive_time = $7, create_time = $8, update_time = $9, revision = $10, search = $11
    WHERE name = $1 AND revision = $12";
const DELETE_TYPE: &str = "DELETE FROM event_types WHERE name = $1 AND revision = $2";
const SELECT_TYPE: &str =
    "SELECT name, description, group_name, json_schema, validation, sample, archive_time,
        create_time, update_time, revision
    FROM event_types
    WHERE name = $1";
const SELECT_ALL_TYPES: &str =
    "SELECT name, description, group_name, json_schema, validation, sample, archive_time,
        create_time, update_time, revision
    FROM event_types
    ORDER BY name";
const LIST_TYPES: &str = "SELECT name, description, group_name, json_schema, validation, sample,
        archive_time, create_time, update_time, revision
    FROM event_types
    WHERE true";
const SELECT_REVISIONS: &str =
    "SELECT name, revision FROM event_types WHERE name = ANY($1::text[])";
const UPSERT_TYPES: &str = "INSERT INTO event_types (
        name, description, group_name, json_schema, validation, sample, archive_time, create_time,
        update_time, revision, search
    )
    SELECT *
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::smallint[], $6::text[], $7::bigint[],
        $8::bigint[], $9::bigint[], $10::bigint[], $11::text[]
    )
    ON CONFLICT (name) DO UPDATE
        SET description = excluded.description, group_name = excluded.group_name,
            json_schema = excluded.json_schema, validation = excluded.validation,
            sample = excluded.sample, archive_time = excluded.archive_time,
            create_time = excluded.create_time, update_time = excluded.update_time,
            revision = excluded.revision, search = excluded.search";
/// Subscriptions one of whose patterns is this very text.
const SELECT_USERS: &str = "SELECT tenant, id AS subscription FROM subscriptions
    WHERE delete_time IS NULL AND (settings::jsonb -> 'event_types') ? $1
    ORDER BY tenant, id LIMIT $2";

#[async_trait]
impl EventTypeStore for PostgresStore {
    async fn create_event_type(
        &self,
        event_type: &EventType,
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let (_turn, mut call) = self.change_call("create_event_type", audit).await?;
        call.begin().await?;
        let version = raise(&mut call).await?;
        let there: i64 = call.value(sqlx::query(COUNT_TYPES)).await?;
        if usize::try_from(there).unwrap_or(usize::MAX) >= most {
            return Err(CatalogueError::TooMany);
        }
        call.insert(bind(INSERT_TYPE, event_type, version)).await?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(version)
    }

    async fn get_event_type(&self, name: &str) -> StoreResult<Option<EventType>> {
        let mut call = self.call("get_event_type");
        let row = call.row(sqlx::query(SELECT_TYPE).bind(name)).await?;
        row.as_ref().map(event_type).transpose()
    }

    async fn list_event_types(&self, query: &EventTypeQuery) -> StoreResult<Vec<EventType>> {
        let mut call = self.read_call("list_event_types");
        let mut sql = QueryBuilder::new(LIST_TYPES);
        event_type_list(&mut sql, query);
        let rows = call.rows(sql.build().persistent(false)).await?;
        read(&rows, event_type)
    }

    async fn update_event_type(
        &self,
        event_type: &EventType,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let (_turn, mut call) = self.change_call("update_event_type", audit).await?;
        call.begin().await?;
        let version = raise(&mut call).await?;
        let done =
            call.execute(bind(UPDATE_TYPE, event_type, version).bind(expected_revision)).await?;
        if done == 0 {
            return Err(missed(&mut call, &event_type.name).await?.into());
        }
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(version)
    }

    async fn delete_event_type(
        &self,
        name: &str,
        expected_revision: i64,
        force: bool,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let (_turn, mut call) = self.change_call("delete_event_type", audit).await?;
        call.begin().await?;
        let version = raise(&mut call).await?;
        let done =
            call.execute(sqlx::query(DELETE_TYPE).bind(name).bind(expected_revision)).await?;
        if done == 0 {
            return Err(missed(&mut call, name).await?.into());
        }
        if !force {
            let users = call
                .rows(sqlx::query(SELECT_USERS).bind(name).bind(i64::from(MAX_NAMED_USERS)))
                .await?;
            if !users.is_empty() {
                return Err(CatalogueError::InUse(read(&users, subscription_key)?));
            }
        }
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(version)
    }

    async fn put_event_types(
        &self,
        event_types: &[EventType],
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let (_turn, mut call) = self.change_call("put_event_types", audit).await?;
        call.begin().await?;
        let version = raise(&mut call).await?;
        let names: Vec<_> = event_types.iter().map(|event_type| event_type.name.as_str()).collect();
        let rows = call.rows(sqlx::query(SELECT_REVISIONS).bind(names)).await?;
        let there = read(&rows, |row| Ok((get(row, "name")?, get(row, "revision")?)))?;
        let count = call.value(sqlx::query(COUNT_TYPES)).await?;
        may_put(event_types, &there.into_iter().collect(), count, most)?;
        call.execute(bind_all(event_types, version)).await?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(version)
    }

    async fn catalogue(&self) -> StoreResult<(i64, Vec<EventType>)> {
        let mut call = self.call("catalogue");
        call.begin_with(READ_ONLY).await?;
        let version = call.value(sqlx::query(SELECT_VERSION)).await?;
        let rows = call.rows(sqlx::query(SELECT_ALL_TYPES)).await?;
        call.commit().await?;
        Ok((version, read(&rows, event_type)?))
    }

    async fn catalogue_version(&self) -> StoreResult<i64> {
        let mut call = self.call("catalogue_version");
        call.value(sqlx::query(SELECT_VERSION)).await
    }
}

/// Locks the catalogue, and raises its version.
async fn raise(call: &mut DatabaseCall<'_>) -> StoreResult<i64> {
    call.value(sqlx::query(RAISE_VERSION)).await
}

/// Why a conditional change found no row.
async fn missed(call: &mut DatabaseCall<'_>, name: &str) -> StoreResult<WriteError> {
    let found = call.row(sqlx::query(SELECT_TYPE).bind(name)).await?;
    Ok(if found.is_some() { WriteError::RevisionMismatch } else { WriteError::NotFound })
}

fn search_text(event_type: &EventType) -> String {
    codec::search_text(&[&event_type.name, &event_type.description])
}

/// Parameters 1 to 11 of both statements that write one event type.
fn bind<'q>(sql: &'static str, event_type: &'q EventType, revision: i64) -> PgQuery<'q> {
    sqlx::query(sql)
        .bind(&event_type.name)
        .bind(&event_type.description)
        .bind(&event_type.group)
        .bind(&event_type.schema)
        .bind(codec::validation_code(event_type.validation))
        .bind(&event_type.sample)
        .bind(event_type.archive_time.map(Timestamp::as_micros))
        .bind(event_type.create_time.as_micros())
        .bind(event_type.update_time.as_micros())
        .bind(revision)
        .bind(search_text(event_type))
}

/// The same parameters, as arrays.
fn bind_all(event_types: &[EventType], revision: i64) -> PgQuery<'_> {
    fn each<'e, T>(all: &'e [EventType], part: impl Fn(&'e EventType) -> T) -> Vec<T> {
        all.iter().map(part).collect()
    }
    sqlx::query(UPSERT_TYPES)
        .bind(each(event_types, |item| item.name.as_str()))
        .bind(each(event_types, |item| item.description.as_str()))
        .bind(each(event_types, |item| item.group.as_str()))
        .bind(each(event_types, |item| item.schema.as_deref()))
        .bind(each(event_types, |item| codec::validation_code(item.validation)))
        .bind(each(event_types, |item| item.sample.as_deref()))
        .bind(each(event_types, |item| item.archive_time.map(Timestamp::as_micros)))
        .bind(each(event_types, |item| item.create_time.as_micros()))
        .bind(each(event_types, |item| item.update_time.as_micros()))
        .bind(vec![revision; event_types.len()])
        .bind(each(event_types, search_text))
}

fn event_type(row: &PgRow) -> StoreResult<EventType> {
    Ok(EventType {
        name: get(row, "name")?,
        description: get(row, "description")?,
        group: get(row, "group_name")?,
        schema: get(row, "json_schema")?,
        validation: codec::validation(small(row, "validation")?)?,
        sample: get(row, "sample")?,
        archive_time: optional_time(row, "archive_time")?,
        revision: get(row, "revision")?,
        create_time: time(row, "create_time")?,
        update_time: time(row, "update_time")?,
    })
}
