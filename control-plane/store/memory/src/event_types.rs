//! The catalogue of event types, in memory: `EventTypeStore`.

use std::collections::HashMap;

use async_trait::async_trait;
use postrider_domain::event_type::EventType;
use postrider_domain::ids::SubscriptionKey;
use postrider_identity::AuditDraft;
use postrider_store::engine::{MAX_NAMED_USERS, may_put, search_text};
use postrider_store::{CatalogueError, EventTypeQuery, EventTypeStore, StoreResult, WriteError};

use crate::tables::MemoryTables;
use crate::{MemoryStore, refuse_nul};

#[async_trait]
impl EventTypeStore for MemoryStore {
    async fn create_event_type(
        &self,
        event_type: &EventType,
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        refuse(event_type)?;
        let mut tables = self.tables()?;
        if tables.event_types.len() >= most {
            return Err(CatalogueError::TooMany);
        }
        if tables.event_types.contains_key(&event_type.name) {
            return Err(WriteError::AlreadyExists.into());
        }
        tables.append_record(audit)?;
        Ok(put(&mut tables, std::slice::from_ref(event_type)))
    }

    async fn get_event_type(&self, name: &str) -> StoreResult<Option<EventType>> {
        Ok(self.tables()?.event_types.get(name).cloned())
    }

    async fn list_event_types(&self, query: &EventTypeQuery) -> StoreResult<Vec<EventType>> {
        let tables = self.tables()?;
        let search = query.search.as_ref().map(|search| search_text(&[search]));
        let found = tables.event_types.values().filter(|event_type| {
            let text = search_text(&[&event_type.name, &event_type.description]);
            query.group.as_ref().is_none_or(|group| event_type.group == *group)
                && search.as_ref().is_none_or(|search| text.contains(search.as_str()))
                && (query.show_archived || event_type.archive_time.is_none())
                && query.after.as_ref().is_none_or(|after| event_type.name > *after)
        });
        Ok(found.take(usize::try_from(query.limit).unwrap_or(usize::MAX)).cloned().collect())
    }

    async fn update_event_type(
        &self,
        event_type: &EventType,
        expected_revision: i64,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        refuse(event_type)?;
        let mut tables = self.tables()?;
        current(&tables, &event_type.name, expected_revision)?;
        tables.append_record(audit)?;
        Ok(put(&mut tables, std::slice::from_ref(event_type)))
    }

    async fn delete_event_type(
        &self,
        name: &str,
        expected_revision: i64,
        force: bool,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        let mut tables = self.tables()?;
        current(&tables, name, expected_revision)?;
        if !force {
            let users = users(&tables, name);
            if !users.is_empty() {
                return Err(CatalogueError::InUse(users));
            }
        }
        tables.event_types.remove(name);
        tables.append_record(audit)?;
        Ok(put(&mut tables, &[]))
    }

    async fn put_event_types(
        &self,
        event_types: &[EventType],
        most: usize,
        audit: &AuditDraft,
    ) -> Result<i64, CatalogueError> {
        event_types.iter().try_for_each(refuse)?;
        let mut tables = self.tables()?;
        let there: HashMap<String, i64> = event_types
            .iter()
            .filter_map(|event_type| tables.event_types.get(&event_type.name))
            .map(|event_type| (event_type.name.clone(), event_type.revision))
            .collect();
        let count = i64::try_from(tables.event_types.len()).unwrap_or(i64::MAX);
        may_put(event_types, &there, count, most)?;
        tables.append_record(audit)?;
        Ok(put(&mut tables, event_types))
    }

    async fn catalogue(&self) -> StoreResult<(i64, Vec<EventType>)> {
        let tables = self.tables()?;
        Ok((tables.catalogue_version, tables.event_types.values().cloned().collect()))
    }

    async fn catalogue_version(&self) -> StoreResult<i64> {
        Ok(self.tables()?.catalogue_version)
    }
}

fn refuse(event_type: &EventType) -> StoreResult<()> {
    let texts = [&event_type.name, &event_type.description, &event_type.group];
    let optional = event_type.schema.iter().chain(&event_type.sample);
    refuse_nul(texts.into_iter().chain(optional).map(String::as_str))
}

fn current(tables: &MemoryTables, name: &str, expected_revision: i64) -> Result<(), WriteError> {
    match tables.event_types.get(name) {
        None => Err(WriteError::NotFound),
        Some(found) if found.revision != expected_revision => Err(WriteError::RevisionMismatch),
        Some(_) => Ok(()),
    }
}

/// Writes event types under the catalogue's next version.
fn put(tables: &mut MemoryTables, event_types: &[EventType]) -> i64 {
    tables.catalogue_version += 1;
    let revision = tables.catalogue_version;
    for one in event_types {
        tables.event_types.insert(one.name.clone(), EventType { revision, ..one.clone() });
    }
    revision
}

/// Subscriptions one of whose patterns is this very text.
fn users(tables: &MemoryTables, name: &str) -> Vec<SubscriptionKey> {
    let named = tables.subscriptions.iter().filter(|(_, subscription)| {
        let mut patterns = subscription.settings.event_types.iter();
        subscription.delete_time.is_none() && patterns.any(|pattern| pattern.to_string() == name)
    });
    let most = usize::try_from(MAX_NAMED_USERS).unwrap_or(usize::MAX);
    named.take(most).map(|(key, _)| key.clone()).collect()
}
