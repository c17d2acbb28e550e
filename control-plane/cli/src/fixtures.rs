//! Values that tests of several modules begin with.

use postrider_proto::FILE_DESCRIPTOR_SET;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value as Json;

/// A message of a type, from its JSON.
pub fn message(type_name: &str, fields: Json) -> DynamicMessage {
    let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
    let descriptor = pool.get_message_by_name(type_name).unwrap();
    DynamicMessage::deserialize(descriptor, fields).unwrap()
}
