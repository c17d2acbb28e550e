//! `EventTypeService`, and its reads. Changes are in `changes`.

use std::sync::Arc;

use postrider_domain::event_type::EventType;
use postrider_domain::operational_event;
use postrider_proto::v1;
use postrider_proto::v1::event_type_service_server::EventTypeService;
use postrider_store::EventTypeQuery;
use tonic::{Request, Response, Status, async_trait};

use crate::api::event_types::changes::EventTypeChange;
use crate::api::event_types::conversion::shown;
use crate::api::event_types::handler::EventTypeApi;
use crate::api::lists::conditions::contains;
use crate::api::lists::pages;
use crate::api::lists::pages::{PageFill, PageItems, QueryHash};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, FieldViolations};
use crate::api::values::{names, validate};

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
        let mut violations = FieldViolations::default();
        let want = pages::read_page_size(
            request.page_size,
            &self.flow.context.settings.api,
            &mut violations,
        );
        validate::search(&request.search, &mut violations);
        violations.check()?;
        let archived = if request.show_archived { "with archived" } else { "" };
        let built_in = if request.show_built_in { "with built in" } else { "" };
        let query =
            QueryHash::of("ListEventTypes", &[&request.group, &request.search, archived, built_in]);
        let plan = PageFill {
            after: pages::decode_token::<String>(&request.page_token, query)?,
            want,
            exact: true,
            max_batch: MAX_READ_ROWS,
            max_bytes: MAX_PAGE_BYTES,
        };
        let items = PageItems {
            keep: &|_: &EventType| true,
            position: &|event_type: &EventType| event_type.name.clone(),
            bytes: &|event_type: &EventType| {
                let size = |text: &Option<String>| text.as_ref().map_or(0, String::len);
                size(&event_type.schema) + size(&event_type.sample) + event_type.description.len()
            },
        };
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let (event_types, next) = pages::fill_page(plan, items, |after, limit| {
            let query = EventTypeQuery {
                group: given(&request.group),
                search: given(&request.search),
                show_archived: request.show_archived,
                after,
                limit,
            };
            let store = Arc::clone(&self.flow.context.store);
            let built_in = request.show_built_in;
            async move {
                let found = store.list_event_types(&query).await?;
                Ok(if built_in { with_built_in(found, &query) } else { found })
            }
        })
        .await?;
        Ok(v1::ListEventTypesResponse {
            event_types: event_types.iter().map(shown).collect(),
            next_page_token: pages::encode_token(query, next.as_ref()),
        })
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
        let who = Caller::of(&request).who;
        self.create(request.into_inner(), &who).await.map(Response::new)
    }

    async fn get_event_type(
        &self,
        request: Request<v1::GetEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        async { Ok(shown(&self.get(&named(&request.get_ref().name)?).await?)) }
            .await
            .map(Response::new)
    }

    async fn list_event_types(
        &self,
        request: Request<v1::ListEventTypesRequest>,
    ) -> Result<Response<v1::ListEventTypesResponse>, Status> {
        self.list(request.into_inner()).await.map(Response::new)
    }

    async fn update_event_type(
        &self,
        request: Request<v1::UpdateEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let who = Caller::of(&request).who;
        self.update(request.into_inner(), &who).await.map(Response::new)
    }

    async fn archive_event_type(
        &self,
        request: Request<v1::ArchiveEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let who = Caller::of(&request).who;
        let v1::ArchiveEventTypeRequest { name, etag } = request.into_inner();
        self.set_archived(&name, &etag, EventTypeChange::Archive, &who).await.map(Response::new)
    }

    async fn unarchive_event_type(
        &self,
        request: Request<v1::UnarchiveEventTypeRequest>,
    ) -> Result<Response<v1::EventType>, Status> {
        let who = Caller::of(&request).who;
        let v1::UnarchiveEventTypeRequest { name, etag } = request.into_inner();
        self.set_archived(&name, &etag, EventTypeChange::Unarchive, &who).await.map(Response::new)
    }

    async fn delete_event_type(
        &self,
        request: Request<v1::DeleteEventTypeRequest>,
    ) -> Result<Response<v1::DeleteEventTypeResponse>, Status> {
        let who = Caller::of(&request).who;
        self.delete(request.into_inner(), &who).await.map(Response::new)
    }

    async fn import_event_types(
        &self,
        request: Request<v1::ImportEventTypesRequest>,
    ) -> Result<Response<v1::ImportEventTypesResponse>, Status> {
        let who = Caller::of(&request).who;
        self.import(request.into_inner(), &who).await.map(Response::new)
    }
}
