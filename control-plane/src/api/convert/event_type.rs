//! Event types.

use postrider_domain::event_type::{EventType, EventTypeInput, Field, FieldError, Validation};
use postrider_domain::notice::is_built_in;
use postrider_proto::v1;
use postrider_proto::v1::SchemaValidation;

use super::super::errors::Violations;
use super::super::masks::Mask;
use super::super::names;
use super::etag;
use super::time::timestamp;

pub fn to_proto(event_type: &EventType) -> v1::EventType {
    let validation = match event_type.validation {
        Validation::Off => SchemaValidation::Off,
        Validation::Warn => SchemaValidation::Warn,
        Validation::Enforce => SchemaValidation::Enforce,
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

/// Shows an event type, which may be one of Postrider's own.
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

/// Every field that UpdateEventType can change, with whether it has a value.
pub fn fields(given: &v1::EventType) -> [(&'static str, bool); 5] {
    [
        ("description", !given.description.is_empty()),
        ("group", !given.group.is_empty()),
        ("json_schema", !given.json_schema.is_empty()),
        ("schema_validation", given.schema_validation != 0),
        ("sample_payload_json", !given.sample_payload_json.is_empty()),
    ]
}

/// Puts the fields that the mask has into what is chosen so far.
pub fn apply(
    input: &mut EventTypeInput,
    given: &v1::EventType,
    mask: &Mask,
    violations: &mut Violations,
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
            Ok(SchemaValidation::Unspecified) => Validation::by_default(input.schema.is_some()),
            Ok(SchemaValidation::Off) => Validation::Off,
            Ok(SchemaValidation::Warn) => Validation::Warn,
            Ok(SchemaValidation::Enforce) => Validation::Enforce,
            Err(_) => {
                violations.add("event_type.schema_validation", "must be OFF, WARN or ENFORCE");
                input.validation
            }
        };
    }
}

/// Notes what is wrong with what was chosen, under the names of the API.
pub fn note(errors: Vec<FieldError>, violations: &mut Violations) {
    for error in errors {
        let field = match error.field {
            Field::Name => "event_type_id",
            Field::Description => "event_type.description",
            Field::Group => "event_type.group",
            Field::Schema => "event_type.json_schema",
            Field::Validation => "event_type.schema_validation",
            Field::Sample => "event_type.sample_payload_json",
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
            validation: Validation::Warn,
            ..EventTypeInput::default()
        };
        let mut violations = Violations::default();
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let mask = Mask::read(Some(&FieldMask { paths }), &fields(given), &[], &mut violations);
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
        assert!(super::super::etag_is(&shown.etag, 1));
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
        assert_eq!(input.validation, Validation::Enforce);
        assert_eq!((input.description.as_str(), input.schema.as_deref()), ("d", Some("{}")));
        let (input, _) = changed(&["*"], &v1::EventType::default());
        assert_eq!((input.validation, input.schema), (Validation::Off, None));
        let unknown = v1::EventType { schema_validation: 9, ..Default::default() };
        assert!(!changed(&["schema_validation"], &unknown).1);
    }
}
