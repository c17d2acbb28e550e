//! The catalogue of event types. One connection writes, so that changes happen
//! one after the other.

use std::collections::HashMap;

use async_trait::async_trait;
use postrider_domain::event_type::EventType;
use postrider_domain::ids::SubscriptionKey;
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, QueryBuilder};

use super::bulk::{BoundValues, BulkStatement};
use super::engine::SqliteStore;
use super::errors::stored;
use super::rows::RowReader;
use crate::codec::{self, corrupt};
use crate::config::WriteError;
use crate::error::StoreResult;
use crate::event_types::{
    CatalogueError, EventTypeQuery, EventTypeStore, MAX_NAMED_USERS, may_put,
};
use crate::list_sql::event_type_list;

const SELECT_VERSION: &str = "SELECT version FROM catalogue";
const RAISE_VERSION: &str = "UPDATE catalogue SET version = version + 1 RETURNING version";

const COUNT_TYPES: &str = "SELECT count(*) FROM event_types";
const INSERT_TYPE: &str = "INSERT INTO event_types (
        name, description, group_name, json_schema, validation, sample, archive_time, create_time,
        update_time, revision, search
    )
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (name) DO NOTHING";
const UPDATE_TYPE: &str = "UPDATE event_types
    SET description = ?2, group_name = ?3, json_schema = ?4, validation = ?5, sample = ?6,
        archive_time = ?7, create_time = ?8, update_time = ?9, revision = ?10, search = ?11
    WHERE name = ?1 AND revision = ?12";
const DELETE_TYPE: &str = "DELETE FROM event_types WHERE name = ? AND revision = ?";
const SELECT_TYPE: &str =
    "SELECT name, description, group_name, json_schema, validation, sample, archive_time,
        create_time, update_time, revision
    FROM event_types
    WHERE name = ?";
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
    "SELECT e.name, e.revision FROM json_each(?) j CROSS JOIN event_types e ON e.name = j.value";
const UPSERT_TYPES: BulkStatement = BulkStatement {
    sql: "INSERT INTO event_types (
            name, description, group_name, json_schema, validation, sample, archive_time,
            create_time, update_time, revision, search
        )
        VALUES {rows}
        ON CONFLICT (name) DO UPDATE
            SET description = excluded.description, group_name = excluded.group_name,
                json_schema = excluded.json_schema, validation = excluded.validation,
                sample = excluded.sample, archive_time = excluded.archive_time,
                create_time = excluded.create_time, update_time = excluded.update_time,
                revision = excluded.revision, search = excluded.search",
    columns: 11,
};
/// Subscriptions one of whose patterns is this very text.
const SELECT_USERS: &str = "SELECT tenant, id FROM subscriptions s
    WHERE delete_time IS NULL
        AND EXISTS (SELECT 1 FROM json_each(s.settings, '$.event_types') WHERE value = ?)
    ORDER BY tenant, id LIMIT ?";

#[async_trait]
impl EventTypeStore for SqliteStore {
    async fn create_event_type(
        &self,
        event_type: &EventType,
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let version = first_number(&mut tx, RAISE_VERSION).await?;
        let there = first_number(&mut tx, COUNT_TYPES).await?;
        if usize::try_from(there).unwrap_or(usize::MAX) >= most {
            return Err(CatalogueError::TooMany);
        }
        let mut values = BoundValues::default();
        put(&mut values, event_type, version);
        if values.change(&mut tx, INSERT_TYPE).await? == 0 {
            return Err(WriteError::AlreadyExists.into());
        }
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(version)
    }

    async fn get_event_type(&self, name: &str) -> StoreResult<Option<EventType>> {
        find(&mut *self.reader().await?, name).await
    }

    async fn list_event_types(&self, query: &EventTypeQuery) -> StoreResult<Vec<EventType>> {
        let mut sql = QueryBuilder::new(LIST_TYPES);
        event_type_list(&mut sql, query);
        let rows = sql.build().fetch_all(&mut *self.list_reader().await?).await.map_err(stored)?;
        rows.iter().map(event_type).collect()
    }

    async fn update_event_type(
        &self,
        event_type: &EventType,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let version = first_number(&mut tx, RAISE_VERSION).await?;
        let mut values = BoundValues::default();
        put(&mut values, event_type, version);
        values.add(expected_revision);
        if values.change(&mut tx, UPDATE_TYPE).await? == 0 {
            return Err(missed(&mut tx, &event_type.name).await?.into());
        }
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(version)
    }

    async fn delete_event_type(
        &self,
        name: &str,
        expected_revision: i64,
        force: bool,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let version = first_number(&mut tx, RAISE_VERSION).await?;
        let mut values = BoundValues::default();
        values.text(name).add(expected_revision);
        if values.change(&mut tx, DELETE_TYPE).await? == 0 {
            return Err(missed(&mut tx, name).await?.into());
        }
        if !force {
            let users = users(&mut tx, name).await?;
            if !users.is_empty() {
                return Err(CatalogueError::InUse(users));
            }
        }
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(version)
    }

    async fn put_event_types(
        &self,
        event_types: &[EventType],
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let names: Vec<_> = event_types.iter().map(|event_type| event_type.name.as_str()).collect();
        let names = codec::to_json(&names)?;
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let version = first_number(&mut tx, RAISE_VERSION).await?;
        let there = revisions(&mut tx, names).await?;
        let count = first_number(&mut tx, COUNT_TYPES).await?;
        may_put(event_types, &there, count, most)?;
        UPSERT_TYPES
            .run(&mut tx, event_types, |values, event_type| {
                put(values, event_type, version);
                Ok(())
            })
            .await?;
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(version)
    }

    async fn catalogue(&self) -> StoreResult<(i64, Vec<EventType>)> {
        let mut reader = self.reader().await?;
        // One transaction, so that both reads see one moment.
        let mut tx = reader.begin().await.map_err(stored)?;
        let version = first_number(&mut tx, SELECT_VERSION).await?;
        let rows = BoundValues::default().run(&mut tx, SELECT_ALL_TYPES).await?;
        Ok((version, rows.iter().map(event_type).collect::<StoreResult<_>>()?))
    }

    async fn catalogue_version(&self) -> StoreResult<i64> {
        first_number(&mut *self.reader().await?, SELECT_VERSION).await
    }
}

/// The one number that a statement gives.
async fn first_number(connection: &mut SqliteConnection, sql: &'static str) -> StoreResult<i64> {
    let rows = BoundValues::default().run(connection, sql).await?;
    let row = rows.first().ok_or_else(|| corrupt("the catalogue has no version"))?;
    RowReader::of(row).int()
}

async fn find(connection: &mut SqliteConnection, name: &str) -> StoreResult<Option<EventType>> {
    let mut values = BoundValues::default();
    values.text(name);
    values.run(connection, SELECT_TYPE).await?.first().map(event_type).transpose()
}

/// Why a conditional change found no row.
async fn missed(connection: &mut SqliteConnection, name: &str) -> StoreResult<WriteError> {
    let found = find(connection, name).await?;
    Ok(if found.is_some() { WriteError::RevisionMismatch } else { WriteError::NotFound })
}

async fn users(connection: &mut SqliteConnection, name: &str) -> StoreResult<Vec<SubscriptionKey>> {
    let mut values = BoundValues::default();
    values.text(name).add(i64::from(MAX_NAMED_USERS));
    let rows = values.run(connection, SELECT_USERS).await?;
    rows.iter()
        .map(|row| {
            let mut columns = RowReader::of(row);
            let (tenant, subscription) = (columns.tenant()?, columns.subscription()?);
            Ok(SubscriptionKey { tenant, subscription })
        })
        .collect()
}

async fn revisions(
    connection: &mut SqliteConnection,
    names: String,
) -> StoreResult<HashMap<String, i64>> {
    let mut values = BoundValues::default();
    values.add(names);
    let rows = values.run(connection, SELECT_REVISIONS).await?;
    rows.iter()
        .map(|row| {
            let mut columns = RowReader::of(row);
            Ok((columns.get()?, columns.int()?))
        })
        .collect()
}

/// Values 1 to 11 of the statements that write.
fn put(values: &mut BoundValues, event_type: &EventType, revision: i64) {
    values
        .text(&event_type.name)
        .text(&event_type.description)
        .text(&event_type.group)
        .optional_text(event_type.schema.as_deref())
        .add(codec::validation_code(event_type.validation))
        .optional_text(event_type.sample.as_deref())
        .add(event_type.archive_time.map(Timestamp::as_micros))
        .add(event_type.create_time.as_micros())
        .add(event_type.update_time.as_micros())
        .add(revision)
        .add(codec::search_text(&[&event_type.name, &event_type.description]));
}

fn event_type(row: &SqliteRow) -> StoreResult<EventType> {
    let mut columns = RowReader::of(row);
    Ok(EventType {
        name: columns.get()?,
        description: columns.get()?,
        group: columns.get()?,
        schema: columns.get()?,
        validation: codec::validation(columns.int()?)?,
        sample: columns.get()?,
        archive_time: columns.optional_time()?,
        create_time: columns.time()?,
        update_time: columns.time()?,
        revision: columns.int()?,
    })
}
