//! Fields that are messages.
//!
//! Fed by descriptors; feeds `routes` and `query_parameters`.

use prost_reflect::{FieldDescriptor, MessageDescriptor};

/// The message that a field holds, if it holds one.
pub(super) fn message_of(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    let kind = field.kind();
    kind.as_message().filter(|_| !field.is_list() && !field.is_map()).cloned()
}
