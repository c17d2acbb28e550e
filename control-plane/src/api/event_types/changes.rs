//! `EventTypeService`: creating and changing event types.
//!
//! Schemas are compiled on a blocking thread, because it takes long enough to delay
//! other calls.

use postrider_domain::event_type::{EventType, EventTypeInput, ImportDocument, MAX_EVENT_TYPES};
use postrider_domain::ids::SubscriptionKey;
use postrider_identity::AuditFields;
use postrider_proto::v1;
use postrider_store::{CatalogueError, WriteError};
use tonic::{Status, async_trait};
use tonic_types::PreconditionViolation;

use crate::api::event_types::conversion::{apply, fields, note, to_proto};
use crate::api::event_types::handler::{EventTypeApi, changeable};
use crate::api::rpc::caller::Caller;
use crate::api::rpc::errors::{self, ErrorReason, FieldViolations, ResourceKind};
use crate::api::rpc::etag::{ChangeError, ChangeTerms, EtagChange, change_under_etag};
use crate::api::rpc::spans;
use crate::api::values::masks::UpdateMask;
use crate::api::values::{fixed_fields, names};
use crate::audited_fields;
use crate::state::event_types::CATALOGUE_TURN;

/// A change of an existing event type.
pub(in crate::api) enum EventTypeChange {
    Fields { given: Box<v1::EventType>, mask: UpdateMask },
    Archive,
    Unarchive,
}

impl EventTypeApi {
    pub(in crate::api) async fn create(
        &self,
        request: v1::CreateEventTypeRequest,
        caller: &Caller,
    ) -> Result<v1::EventType, Status> {
        let given = errors::required("event_type", request.event_type)?;
        let mut violations = FieldViolations::default();
        let mask = UpdateMask::everything(&fields(&given));
        let mut input = EventTypeInput { name: request.event_type_id, ..EventTypeInput::default() };
        apply(&mut input, &given, &mask, &mut violations);
        let input = checked(input, violations).await?;
        let now = self.context.clock.now();
        let new = EventType::new(input, now);
        let name = new.name.clone();
        let audit = caller.record(&names::of_event_type(&name), now);
        let after = audited_fields::of_event_type(&new);
        let audit = audit.with_changes(&AuditFields::none(), &after);
        let created = self.context.event_types.create(new, &audit).await;
        let created = created.map_err(|error| change_error(error, &name))?;
        spans::log_change(&caller.who, "event type created", &names::of_event_type(&name));
        Ok(to_proto(&created))
    }

    pub(in crate::api) async fn update(
        &self,
        request: v1::UpdateEventTypeRequest,
        caller: &Caller,
    ) -> Result<v1::EventType, Status> {
        let given = errors::required("event_type", request.event_type)?;
        let mut violations = FieldViolations::default();
        let name = changeable("event_type.name", &given.name)?;
        let elsewhere = fixed_fields::EVENT_TYPE_FIELDS;
        let mask = UpdateMask::read(
            request.update_mask.as_ref(),
            &fields(&given),
            elsewhere,
            &mut violations,
        );
        violations.check()?;
        let etag = given.etag.clone();
        let change = EventTypeChange::Fields { given: Box::new(given), mask };
        let changed = self.change(&name, &etag, &change, caller).await?;
        spans::log_change(&caller.who, "event type updated", &names::of_event_type(&name));
        Ok(to_proto(&changed))
    }

    pub(in crate::api) async fn set_archived(
        &self,
        name: &str,
        etag: &str,
        change: EventTypeChange,
        caller: &Caller,
    ) -> Result<v1::EventType, Status> {
        let changed = self.change(&changeable("name", name)?, etag, &change, caller).await?;
        let what = match changed.is_archived() {
            true => "event type archived",
            false => "event type brought back",
        };
        spans::log_change(&caller.who, what, &name);
        Ok(to_proto(&changed))
    }

    /// Changes an event type under its etag. Without an etag, tries again after a
    /// concurrent change.
    async fn change(
        &self,
        name: &str,
        etag: &str,
        change: &EventTypeChange,
        caller: &Caller,
    ) -> Result<EventType, Status> {
        let turns = self.context.event_types.turns();
        let terms = ChangeTerms::new(turns, CATALOGUE_TURN, etag, caller);
        change_under_etag(&terms, &NamedChange { api: self, name, change, caller }).await
    }

    /// The event type after the change; `None` if nothing changes.
    async fn changed(
        &self,
        there: &EventType,
        change: &EventTypeChange,
    ) -> Result<Option<EventType>, Status> {
        let now = self.context.clock.now();
        Ok(match change {
            EventTypeChange::Fields { given, mask } => {
                let mut violations = FieldViolations::default();
                if mask.is_whole() {
                    fixed_fields::in_event_type(given, there, &mut violations);
                }
                let mut input = there.input();
                apply(&mut input, given, mask, &mut violations);
                let input = checked(input, violations).await?;
                (input != there.input()).then(|| there.changed(input, now))
            }
            EventTypeChange::Archive if there.is_archived() => None,
            EventTypeChange::Unarchive if !there.is_archived() => None,
            EventTypeChange::Archive => {
                Some(EventType { archive_time: Some(now), update_time: now, ..there.clone() })
            }
            EventTypeChange::Unarchive => {
                Some(EventType { archive_time: None, update_time: now, ..there.clone() })
            }
        })
    }

    pub(in crate::api) async fn delete(
        &self,
        request: v1::DeleteEventTypeRequest,
        caller: &Caller,
    ) -> Result<v1::DeleteEventTypeResponse, Status> {
        let (name, etag) = (changeable("name", &request.name)?, request.etag);
        let force = request.force;
        let deletion = EventTypeDeletion { api: self, name: &name, force, caller };
        let turns = self.context.event_types.turns();
        let terms = ChangeTerms::new(turns, CATALOGUE_TURN, &etag, caller);
        change_under_etag(&terms, &deletion).await?;
        spans::log_change(&caller.who, "event type deleted", &request.name);
        Ok(v1::DeleteEventTypeResponse {})
    }

    pub(in crate::api) async fn import(
        &self,
        request: v1::ImportEventTypesRequest,
        caller: &Caller,
    ) -> Result<v1::ImportEventTypesResponse, Status> {
        let document = request.catalogue;
        let read = off_thread(move || ImportDocument::parse(&document)).await?;
        let inputs = read.map_err(|wrong| {
            let mut violations = FieldViolations::default();
            for error in wrong {
                let dot = if error.path.is_empty() { "" } else { "." };
                violations.add(format!("catalogue{dot}{}", error.path), error.message);
            }
            violations.because(ErrorReason::InvalidRequest)
        })?;
        let audit = caller.record(&names::of_event_type("-"), self.context.clock.now());
        let validate_only = request.validate_only;
        let plan = self.context.event_types.import(inputs, validate_only, &audit).await;
        let plan = plan.map_err(|error| {
            if matches!(error, CatalogueError::Write(WriteError::RevisionMismatch)) {
                errors::concurrent_changes(ResourceKind::EventType, &names::of_event_type("-"))
            } else {
                change_error(error, "-")
            }
        })?;
        if !request.validate_only && !plan.writes.is_empty() {
            spans::log_change(&caller.who, "event types imported", &names::of_event_type("-"));
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(v1::ImportEventTypesResponse {
            created_count: count(plan.created),
            updated_count: count(plan.updated),
            unchanged_count: count(plan.unchanged),
        })
    }
}

/// A change of the event type of a name.
struct NamedChange<'a> {
    api: &'a EventTypeApi,
    name: &'a str,
    change: &'a EventTypeChange,
    caller: &'a Caller,
}

#[async_trait]
impl EtagChange for NamedChange<'_> {
    type Resource = EventType;
    type Done = EventType;

    async fn read(&self) -> Result<EventType, Status> {
        self.api.read(self.name).await
    }

    fn revision(event_type: &EventType) -> i64 {
        event_type.revision
    }

    async fn write(&self, there: EventType) -> Result<EventType, ChangeError> {
        let Some(changed) = self.api.changed(&there, self.change).await? else {
            return Ok(there);
        };
        let audit = self.caller.record(&names::of_event_type(self.name), changed.update_time);
        let fields = audited_fields::of_event_type;
        let audit = audit.with_changes(&fields(&there), &fields(&changed));
        let event_types = &self.api.context.event_types;
        let updated = event_types.update(changed, there.revision, &audit).await;
        updated.map_err(|error| write_error(error, self.name))
    }

    fn named(&self) -> (ResourceKind, String) {
        (ResourceKind::EventType, names::of_event_type(self.name))
    }
}

struct EventTypeDeletion<'a> {
    api: &'a EventTypeApi,
    name: &'a str,
    /// Although subscriptions name it.
    force: bool,
    caller: &'a Caller,
}

#[async_trait]
impl EtagChange for EventTypeDeletion<'_> {
    type Resource = EventType;
    type Done = ();

    async fn read(&self) -> Result<EventType, Status> {
        self.api.read(self.name).await
    }

    fn revision(event_type: &EventType) -> i64 {
        event_type.revision
    }

    async fn write(&self, there: EventType) -> Result<(), ChangeError> {
        let context = &self.api.context;
        let audit = self.caller.record(&names::of_event_type(self.name), context.clock.now());
        let before = audited_fields::of_event_type(&there);
        let audit = audit.with_changes(&before, &AuditFields::none());
        let (event_types, revision) = (&context.event_types, there.revision);
        let deleted = event_types.delete(self.name, revision, self.force, &audit).await;
        deleted.map_err(|error| write_error(error, self.name))
    }

    fn named(&self) -> (ResourceKind, String) {
        (ResourceKind::EventType, names::of_event_type(self.name))
    }
}

fn write_error(error: CatalogueError, name: &str) -> ChangeError {
    if matches!(error, CatalogueError::Write(WriteError::RevisionMismatch)) {
        ChangeError::LostRace
    } else {
        ChangeError::Refused(change_error(error, name))
    }
}

/// The input, if it is valid.
async fn checked(
    input: EventTypeInput,
    mut violations: FieldViolations,
) -> Result<EventTypeInput, Status> {
    let (input, wrong) = off_thread(move || {
        let wrong = input.check();
        (input, wrong)
    })
    .await?;
    note(wrong, &mut violations);
    violations.finish(Some(input))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| errors::status(ErrorReason::Internal, "the schema could not be compiled"))
}

/// Converts the error of a change that failed.
fn change_error(error: CatalogueError, name: &str) -> Status {
    let resource = names::of_event_type(name);
    match error {
        CatalogueError::Write(WriteError::AlreadyExists) => errors::resource(
            ErrorReason::ResourceExists,
            ResourceKind::EventType,
            &resource,
            "exists",
        ),
        CatalogueError::Write(error) => errors::write(error, ResourceKind::EventType, &resource),
        CatalogueError::TooMany => {
            let message = format!("there are {MAX_EVENT_TYPES} event types already");
            errors::status(ErrorReason::TooManyEventTypes, message)
        }
        CatalogueError::InUse(subscriptions) => {
            let user = |key: &SubscriptionKey| {
                PreconditionViolation::new("SUBSCRIPTION", key.to_string(), "names it")
            };
            let message = format!("subscriptions name {resource}; set force to delete it too");
            let violations = subscriptions.iter().map(user).collect();
            errors::precondition(ErrorReason::EventTypeInUse, message, violations)
        }
    }
}
