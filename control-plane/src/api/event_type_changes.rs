//! The half of EventTypeService that creates and changes.
//!
//! Schemas are compiled away from the threads that serve calls: it takes long
//! enough for other calls to notice.

use postrider_domain::event_type::{EventType, EventTypeInput, ImportDocument, MAX_EVENT_TYPES};
use postrider_domain::ids::SubscriptionKey;
use postrider_proto::v1;
use postrider_store::{CatalogueError, WriteError};
use prost_types::FieldMask;
use tonic::Status;
use tonic_types::PreconditionViolation;

use super::changes::{again, same_etag};
use super::convert::event_type::{apply, fields, note, to_proto};
use super::errors::{self, Kind, Reason, Violations};
use super::event_types::{EventTypes, changeable};
use super::masks::Mask;
use super::{elsewhere, names, observe};

/// A wish for an event type that is there.
pub(super) enum Change {
    Fields { given: Box<v1::EventType>, mask: Mask },
    Archive,
    Unarchive,
}

impl EventTypes {
    pub(super) async fn create(
        &self,
        request: v1::CreateEventTypeRequest,
        who: &str,
    ) -> Result<v1::EventType, Status> {
        let Some(given) = request.event_type else {
            return Err(errors::invalid("event_type", "is missing"));
        };
        let mut violations = Violations::default();
        let everything = FieldMask { paths: vec!["*".to_owned()] };
        let mask = Mask::read(Some(&everything), &fields(&given), &[], &mut violations);
        let mut input = EventTypeInput { name: request.event_type_id, ..EventTypeInput::default() };
        apply(&mut input, &given, &mask, &mut violations);
        let input = checked(input, violations).await?;
        let new = EventType::new(input, self.flow.clock.now());
        let name = new.name.clone();
        let created = self.flow.event_types.create(new).await;
        let created = created.map_err(|error| refused(error, &name))?;
        observe::changed(who, "event type created", &names::of_event_type(&name));
        Ok(to_proto(&created))
    }

    pub(super) async fn update(
        &self,
        request: v1::UpdateEventTypeRequest,
        who: &str,
    ) -> Result<v1::EventType, Status> {
        let Some(given) = request.event_type else {
            return Err(errors::invalid("event_type", "is missing"));
        };
        let mut violations = Violations::default();
        let name = changeable("event_type.name", &given.name)?;
        let elsewhere = elsewhere::EVENT_TYPE;
        let mask =
            Mask::read(request.update_mask.as_ref(), &fields(&given), elsewhere, &mut violations);
        violations.check()?;
        let etag = given.etag.clone();
        let changed =
            self.change(&name, &etag, &Change::Fields { given: Box::new(given), mask }).await?;
        observe::changed(who, "event type updated", &names::of_event_type(&name));
        Ok(to_proto(&changed))
    }

    pub(super) async fn set_archived(
        &self,
        name: &str,
        etag: &str,
        change: Change,
        who: &str,
    ) -> Result<v1::EventType, Status> {
        let changed = self.change(&changeable("name", name)?, etag, &change).await?;
        let what = match changed.is_archived() {
            true => "event type archived",
            false => "event type brought back",
        };
        observe::changed(who, what, &name);
        Ok(to_proto(&changed))
    }

    /// Changes an event type under its etag; without one, the change is made
    /// again on what another change at the same moment left.
    async fn change(&self, name: &str, etag: &str, change: &Change) -> Result<EventType, Status> {
        let mut tries = 0;
        loop {
            tries += 1;
            let there = self.read(name).await?;
            let revision = there.revision;
            if !same_etag(etag, revision) {
                return Err(refused(WriteError::RevisionMismatch.into(), name));
            }
            let Some(changed) = self.changed(&there, change).await? else {
                return Ok(there);
            };
            match self.flow.event_types.update(changed, revision).await {
                Err(CatalogueError::Write(error)) if again(&error, etag, tries) => {}
                done => return done.map_err(|error| refused(error, name)),
            }
        }
    }

    /// An event type as it is to be; `None` when it is so already.
    async fn changed(
        &self,
        there: &EventType,
        change: &Change,
    ) -> Result<Option<EventType>, Status> {
        let now = self.flow.clock.now();
        Ok(match change {
            Change::Fields { given, mask } => {
                let mut violations = Violations::default();
                if mask.is_whole() {
                    elsewhere::in_event_type(given, there, &mut violations);
                }
                let mut input = there.input();
                apply(&mut input, given, mask, &mut violations);
                let input = checked(input, violations).await?;
                (input != there.input()).then(|| there.changed(input, now))
            }
            Change::Archive if there.is_archived() => None,
            Change::Unarchive if !there.is_archived() => None,
            Change::Archive => {
                Some(EventType { archive_time: Some(now), update_time: now, ..there.clone() })
            }
            Change::Unarchive => {
                Some(EventType { archive_time: None, update_time: now, ..there.clone() })
            }
        })
    }

    pub(super) async fn delete(
        &self,
        request: v1::DeleteEventTypeRequest,
        who: &str,
    ) -> Result<v1::DeleteEventTypeResponse, Status> {
        let (name, etag) = (changeable("name", &request.name)?, request.etag);
        let mut tries = 0;
        loop {
            tries += 1;
            let revision = self.read(&name).await?.revision;
            if !same_etag(&etag, revision) {
                return Err(refused(WriteError::RevisionMismatch.into(), &name));
            }
            match self.flow.event_types.delete(&name, revision, request.force).await {
                Err(CatalogueError::Write(error)) if again(&error, &etag, tries) => {}
                Err(error) => return Err(refused(error, &name)),
                Ok(()) => break,
            }
        }
        observe::changed(who, "event type deleted", &request.name);
        Ok(v1::DeleteEventTypeResponse {})
    }

    pub(super) async fn import(
        &self,
        request: v1::ImportEventTypesRequest,
        who: &str,
    ) -> Result<v1::ImportEventTypesResponse, Status> {
        let document = request.catalogue;
        let read = off_thread(move || ImportDocument::parse(&document)).await?;
        let inputs = read.map_err(|wrong| {
            let mut violations = Violations::default();
            for error in wrong {
                let dot = if error.path.is_empty() { "" } else { "." };
                violations.add(format!("catalogue{dot}{}", error.path), error.message);
            }
            violations.because(Reason::InvalidRequest)
        })?;
        let plan = self.flow.event_types.import(inputs, request.validate_only).await;
        let plan = plan.map_err(|error| match error {
            CatalogueError::Write(WriteError::RevisionMismatch) => {
                errors::retry_soon(Reason::Overloaded, "others keep changing these event types")
            }
            error => refused(error, "-"),
        })?;
        if !request.validate_only && !plan.writes.is_empty() {
            observe::changed(who, "event types imported", &names::of_event_type("-"));
        }
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(v1::ImportEventTypesResponse {
            created_count: count(plan.created),
            updated_count: count(plan.updated),
            unchanged_count: count(plan.unchanged),
        })
    }
}

/// What was chosen, when nothing is wrong with it.
async fn checked(
    input: EventTypeInput,
    mut violations: Violations,
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
    done.map_err(|_| errors::plain(Reason::Internal, "the schema could not be looked at"))
}

/// A change that was not made.
fn refused(error: CatalogueError, name: &str) -> Status {
    let resource = names::of_event_type(name);
    match error {
        CatalogueError::Write(WriteError::AlreadyExists) => {
            errors::resource(Reason::ResourceExists, Kind::EventType, &resource, "exists")
        }
        CatalogueError::Write(error) => errors::write(error, Kind::EventType, &resource),
        CatalogueError::TooMany => {
            let message = format!("there can be {MAX_EVENT_TYPES} event types");
            errors::plain(Reason::TooManyEventTypes, message)
        }
        CatalogueError::InUse(subscriptions) => {
            let user = |key: &SubscriptionKey| {
                PreconditionViolation::new("SUBSCRIPTION", key.to_string(), "names it")
            };
            let message = format!("subscriptions name {resource}; set force to delete it too");
            let violations = subscriptions.iter().map(user).collect();
            errors::precondition(Reason::EventTypeInUse, message, violations)
        }
    }
}
