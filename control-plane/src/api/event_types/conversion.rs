//! Turns an event type into the message that callers read, and writes the fields of a
//! request into an event type.

use postrider_domain::event_type::{
    EventType, EventTypeField, EventTypeFieldError, EventTypeInput, ValidationMode,
};
use postrider_domain::operational_event::is_built_in;
use postrider_proto::v1;
use postrider_proto::v1::SchemaValidation;

use crate::api::rpc::errors::FieldViolations;
use crate::api::values::etag::etag;
use crate::api::values::masks::UpdateMask;
use crate::api::values::names;
use crate::api::values::time::timestamp;

pub fn to_proto(event_type: &EventType) -> v1::EventType {
    let validation = match event_type.validation {
        ValidationMode::Off => SchemaValidation::Off,
        ValidationMode::Warn => SchemaValidation::Warn,
        ValidationMode::Enforce => SchemaValidation::Enforce,
    };
    v1::EventType {
        name: names::of_event_type(&event_type.name),
        description: event_type.description.clone(),
        group: event_type.group.clone(),
        json_schema: event_type.schema.clone().unwrap_or_default(),
        schema_validation: validation.into(),
        sample_payload_json: event_type.sample.clone().unwrap_or_default(),
        archive_time: event_type.archive_time.map(timestamp),
        create_time: Some(timestamp(event_type.create_time)),
        update_time: Some(timestamp(event_type.update_time)),
        etag: etag(event_type.revision),
        built_in: false,
    }
}

/// Converts an event type, which may be a built-in one.
pub fn shown(event_type: &EventType) -> v1::EventType {
    let shown = to_proto(event_type);
    match is_built_in(&event_type.name) {
        true => v1::EventType {
            create_time: None,
            update_time: None,
            etag: String::new(),
            built_in: true,
            ..shown
        },
        false => shown,
    }
}

/// Every field that `UpdateEventType` can change, and whether the message has a value for
/// it.
pub fn fields(given: &v1::EventType) -> [(&'static str, bool); 5] {
    [
        ("description", !given.description.is_empty()),
        ("group", !given.group.is_empty()),
        ("json_schema", !given.json_schema.is_empty()),
        ("schema_validation", given.schema_validation != 0),
        ("sample_payload_json", !given.sample_payload_json.is_empty()),
    ]
}

/// Copies the fields in the mask into `input`.
pub fn apply(
    input: &mut EventTypeInput,
    given: &v1::EventType,
    mask: &UpdateMask,
    violations: &mut FieldViolations,
) {
    let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    if mask.has("description") {
        input.description.clone_from(&given.description);
    }
    if mask.has("group") {
        input.group.clone_from(&given.group);
    }
    if mask.has("json_schema") {
        input.schema = text(&given.json_schema);
    }
    if mask.has("sample_payload_json") {
        input.sample = text(&given.sample_payload_json);
    }
    if mask.has("schema_validation") {
        input.validation = match SchemaValidation::try_from(given.schema_validation) {
            Ok(SchemaValidation::Unspecified) => ValidationMode::by_default(input.schema.is_some()),
            Ok(SchemaValidation::Off) => ValidationMode::Off,
            Ok(SchemaValidation::Warn) => ValidationMode::Warn,
            Ok(SchemaValidation::Enforce) => ValidationMode::Enforce,
            Err(_) => {
                violations.add("event_type.schema_validation", "must be OFF, WARN or ENFORCE");
                input.validation
            }
        };
    }
}

/// Reports each error under its field's name in the API.
pub fn note(errors: Vec<EventTypeFieldError>, violations: &mut FieldViolations) {
    for error in errors {
        let field = match error.field {
            EventTypeField::Name => "event_type_id",
            EventTypeField::Description => "event_type.description",
            EventTypeField::Group => "event_type.group",
            EventTypeField::Schema => "event_type.json_schema",
            EventTypeField::Validation => "event_type.schema_validation",
            EventTypeField::Sample => "event_type.sample_payload_json",
        };
        violations.add(field, error.message);
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::time::Timestamp;
    use prost_types::FieldMask;

    use super::*;

    fn changed(paths: &[&str], given: &v1::EventType) -> (EventTypeInput, bool) {
        let mut input = EventTypeInput {
            name: "a".into(),
            description: "d".into(),
            schema: Some("{}".into()),
            validation: ValidationMode::Warn,
            ..EventTypeInput::default()
        };
        let mut violations = FieldViolations::default();
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let mask =
            UpdateMask::read(Some(&FieldMask { paths }), &fields(given), &[], &mut violations);
        apply(&mut input, given, &mask, &mut violations);
        (input, violations.is_empty())
    }

    #[test]
    fn an_event_type_is_shown_as_it_was_given() {
        let given = v1::EventType {
            description: "d".into(),
            group: "g".into(),
            json_schema: " {\"type\": \"object\"} ".into(),
            schema_validation: SchemaValidation::Warn.into(),
            sample_payload_json: "{ }".into(),
            ..Default::default()
        };
        let (input, fine) = changed(&["*"], &given);
        assert!(fine);
        let shown = to_proto(&EventType::new(input, Timestamp::from_micros(1)));
        assert_eq!(shown.name, "eventTypes/a");
        assert!(crate::api::values::etag::etag_is(&shown.etag, 1));
        let kept = v1::EventType {
            name: String::new(),
            create_time: None,
            update_time: None,
            etag: String::new(),
            ..shown
        };
        assert_eq!(kept, given);
    }

    #[test]
    fn only_what_the_mask_has_is_changed() {
        let given = v1::EventType { schema_validation: 3, ..Default::default() };
        let (input, fine) = changed(&["schema_validation"], &given);
        assert!(fine);
        assert_eq!(input.validation, ValidationMode::Enforce);
        assert_eq!((input.description.as_str(), input.schema.as_deref()), ("d", Some("{}")));
        let (input, _) = changed(&["*"], &v1::EventType::default());
        assert_eq!((input.validation, input.schema), (ValidationMode::Off, None));
        let unknown = v1::EventType { schema_validation: 9, ..Default::default() };
        assert!(!changed(&["schema_validation"], &unknown).1);
    }
}
