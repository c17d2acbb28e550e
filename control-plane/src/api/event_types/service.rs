//! `EventTypeService`, and its reads. Changes are in `changes`.

use std::sync::Arc;

use postrider_domain::event_type::EventType;
use postrider_domain::operational_event;
use postrider_proto::v1;
use postrider_proto::v1::event_type_service_server::EventTypeService;
use postrider_store::{EventTypeQuery, Store, StoreResult};
use tonic::{Request, Response, Status, async_trait};

use crate::api::event_types::changes::EventTypeChange;
use crate::api::event_types::conversion::shown;
use crate::api::event_types::handler::EventTypeApi;
use crate::api::lists::conditions::contains;
use crate::api::lists::listing::{ListCall, StoredList};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors;
use crate::api::values::names;

/// Most rows read at once: each may hold a schema and a sample. With 128 KiB each at most,
/// 13 MB.
const MAX_READ_ROWS: usize = 100;
/// A page ends before it exceeds what clients usually accept.
const MAX_PAGE_BYTES: usize = 3 * 1024 * 1024;

impl EventTypeApi {
    /// Reads an event type, built in or not.
    async fn get(&self, name: &str) -> Result<EventType, Status> {
        match operational_event::built_in_type(name) {
            Some(known) => Ok(known.clone()),
            None => self.read(name).await,
        }
    }

    async fn list(
        &self,
        request: v1::ListEventTypesRequest,
    ) -> Result<v1::ListEventTypesResponse, Status> {
        let v1::ListEventTypesRequest { page_size, page_token, .. } = &request;
        let (settings, key) = (&self.context.settings.api, &self.context.assignment_key);
        let mut call = ListCall::begin("ListEventTypes", *page_size, page_token, settings, key);
        let group = call.text(&request.group);
        let search = call.search(&request.search);
        let show_archived = call.choice("with archived", request.show_archived);
        let show_built_in = call.choice("with built in", request.show_built_in);
        let ((), page) = call.finish(Some(()))?;
        let store = Arc::clone(&self.context.store);
        let list = EventTypeList { store, group, search, show_archived, show_built_in };
        let page = page.fill(&list).await?;
        Ok(v1::ListEventTypesResponse {
            event_types: page.items.iter().map(shown).collect(),
            next_page_token: page.next_page_token,
        })
    }
}

struct EventTypeList {
    store: Arc<dyn Store>,
    group: Option<String>,
    search: Option<String>,
    show_archived: bool,
    show_built_in: bool,
}

impl StoredList for EventTypeList {
    type Row = EventType;
    /// The name of an event type.
    type Position = String;

    async fn read(&self, after: Option<String>, limit: u32) -> StoreResult<Vec<EventType>> {
        let (group, search) = (self.group.clone(), self.search.clone());
        let query =
            EventTypeQuery { group, search, show_archived: self.show_archived, after, limit };
        let found = self.store.list_event_types(&query).await?;
        Ok(if self.show_built_in { with_built_in(found, &query) } else { found })
    }

    fn position(&self, row: &EventType) -> String {
        row.name.clone()
    }

    fn bytes(&self, row: &EventType) -> usize {
        let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        size(&row.schema) + size(&row.sample) + row.description.len()
    }

    fn max_page_bytes(&self) -> usize {
        MAX_PAGE_BYTES
    }

    fn max_read_rows(&self) -> usize {
        MAX_READ_ROWS
    }
}

/// Merges the built-in types that match the query into a page, by name.
fn with_built_in(mut found: Vec<EventType>, query: &EventTypeQuery) -> Vec<EventType> {
    let wanted = |item: &&EventType| {
        let part = |part: &String| contains(&item.name, part) || contains(&item.description, part);
        query.group.as_ref().is_none_or(|group| *group == item.group)
            && query.search.as_ref().is_none_or(part)
            && query.after.as_ref().is_none_or(|after| item.name > *after)
    };
    found.extend(operational_event::built_in().iter().filter(wanted).cloned());
    found.sort_by(|found, other| found.name.cmp(&other.name));
    found.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
    found
}

/// Parses an event type's name.
fn named(name: &str) -> Result<String, Status> {
    names::event_type(name).map_err(|error| errors::invalid("name", error))
}

#[async_trait]
impl EventTypeService for EventTypeApi {
    async fn create_event_type(
        &self,
        request: Request<v1::CreateEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.create(message, &caller).await.map(Response::new)
    }

    async fn get_event_type(
        &self,
        request: Request<v1::GetEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let (_, message) = Caller::admit(request)?;
        async { Ok(shown(&self.get(&named(&message.name)?).await?)) }.await.map(Response::new)
    }

    async fn list_event_types(
        &self,
        request: Request<v1::ListEventTypesRequest>,
    ) -> Result<Response<v1::ListEventTypesResponse>, Status> {
        let (_, message) = Caller::admit(request)?;
        self.list(message).await.map(Response::new)
    }

    async fn update_event_type(
        &self,
        request: Request<v1::UpdateEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.update(message, &caller).await.map(Response::new)
    }

    async fn archive_event_type(
        &self,
        request: Request<v1::ArchiveEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let (caller, message) = Caller::admit(request)?;
        let v1::ArchiveEventTypeRequest { name, etag } = message;
        self.set_archived(&name, &etag, EventTypeChange::Archive, &caller).await.map(Response::new)
    }

    async fn unarchive_event_type(
        &self,
        request: Request<v1::UnarchiveEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let (caller, message) = Caller::admit(request)?;
        let v1::UnarchiveEventTypeRequest { name, etag } = message;
        self.set_archived(&name, &etag, EventTypeChange::Unarchive, &caller)
            .await
            .map(Response::new)
    }

    async fn delete_event_type(
        &self,
        request: Request<v1::DeleteEventTypeRequest>,
    ) -> Result<Response<v1::DeleteEventTypeResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.delete(message, &caller).await.map(Response::new)
    }

    async fn import_event_types(
        &self,
        request: Request<v1::ImportEventTypesRequest>,
    ) -> Result<Response<v1::ImportEventTypesResponse>, Status> {
        let (caller, message) = Caller::admit(request)?;
        self.import(message, &caller).await.map(Response::new)
    }
}
