//! What every call of `EventTypeService` works with.
//!
//! Fed by `service` and `changes`; feeds them with the state and with stored event types.

use postrider_domain::event_type::EventType;
use postrider_domain::event_type_name::is_reserved;
use tonic::Status;

use crate::api::rpc::errors::{self, ResourceKind};
use crate::api::values::names;
use crate::state::context::ReplicaContext;

/// Handles the calls of `EventTypeService`.
pub struct EventTypeApi {
    pub(in crate::api) context: ReplicaContext,
}

impl EventTypeApi {
    pub fn new(context: ReplicaContext) -> Self {
        Self { context }
    }

    /// Reads an event type that is not built in.
    pub(in crate::api) async fn read(&self, name: &str) -> Result<EventType, Status> {
        let found = self.context.store.get_event_type(name).await.map_err(errors::store)?;
        found.ok_or_else(|| errors::not_found(ResourceKind::EventType, &names::of_event_type(name)))
    }
}

/// Parses the name of an event type that is to be changed; built-in ones are refused.
pub(in crate::api) fn changeable(field: &str, name: &str) -> Result<String, Status> {
    let name = names::event_type(name).map_err(|error| errors::invalid(field, error))?;
    match is_reserved(&name) {
        true => Err(errors::invalid(field, "is built in and cannot be changed")),
        false => Ok(name),
    }
}
