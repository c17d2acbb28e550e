//! What the protos say of their methods, messages and fields.
//!
//! Fed by the descriptors, which have the comments; feeds the other parts with texts and with
//! what a field is for.

use std::collections::HashMap;

use prost_reflect::{DescriptorPool, ExtensionDescriptor, FieldDescriptor, FileDescriptor};

/// The option's name.
const BEHAVIOR_OPTION: &str = "google.api.field_behavior";
/// Its values.
const REQUIRED_BEHAVIOR: i32 = 2;
const OUTPUT_ONLY_BEHAVIOR: i32 = 3;

/// The comments of all files, by the places of what they are about.
pub struct ProtoComments {
    texts: HashMap<(String, Vec<i32>), String>,
    behavior: Option<ExtensionDescriptor>,
}

impl ProtoComments {
    pub fn read(pool: &DescriptorPool) -> Self {
        let mut texts = HashMap::new();
        for file in pool.files() {
            let info = file.file_descriptor_proto().source_code_info.as_ref();
            for location in info.into_iter().flat_map(|info| &info.location) {
                if let Some(comment) = &location.leading_comments {
                    let place = (file.name().to_owned(), location.path.clone());
                    texts.insert(place, plain(comment));
                }
            }
        }
        Self { texts, behavior: pool.get_extension_by_name(BEHAVIOR_OPTION) }
    }

    /// What a file says at a place; empty if nothing.
    pub fn of(&self, file: &FileDescriptor, path: &[i32]) -> String {
        let place = (file.name().to_owned(), path.to_vec());
        self.texts.get(&place).cloned().unwrap_or_default()
    }

    pub fn is_required(&self, field: &FieldDescriptor) -> bool {
        self.has_behavior(field, REQUIRED_BEHAVIOR)
    }

    pub fn is_output_only(&self, field: &FieldDescriptor) -> bool {
        self.has_behavior(field, OUTPUT_ONLY_BEHAVIOR)
    }

    fn has_behavior(&self, field: &FieldDescriptor, wanted: i32) -> bool {
        let Some(option) = &self.behavior else { return false };
        let options = field.options();
        let behaviors = options.get_extension(option);
        let behaviors = behaviors.as_list().unwrap_or_default();
        behaviors.iter().any(|behavior| behavior.as_enum_number() == Some(wanted))
    }
}

/// Without the space before each line.
fn plain(comment: &str) -> String {
    let lines = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end());
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
