//! The catalogue of event types: names, schemas, verdicts and import documents.

use postrider_domain::event_type::{
    CatalogueVerdict, CompiledSchema, EventType, EventTypeCatalogue, EventTypeField,
    EventTypeInput, ImportDocument, MAX_IMPORT_TYPES, MAX_VIOLATIONS, SchemaError, ValidationMode,
};
use postrider_domain::event_type_name::is_reserved;
use postrider_domain::time::Timestamp;

const SCHEMA: &str = r##"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "required": ["id", "amount", "currency"],
  "properties": {
    "id": {"type": "string", "pattern": "^pay_[0-9]+$"},
    "amount": {"type": "integer", "minimum": 1},
    "currency": {"$ref": "#/$defs/currency"},
    "due": {"type": "string", "format": "date"},
    "fee": {"type": "number", "multipleOf": 0.01}
  },
  "additionalProperties": false,
  "$defs": {"currency": {"enum": ["EUR", "SEK"]}}
}"##;

fn input(name: &str, validation: ValidationMode) -> EventTypeInput {
    EventTypeInput {
        name: name.to_owned(),
        schema: Some(SCHEMA.to_owned()),
        validation,
        ..EventTypeInput::default()
    }
}

fn event_type(name: &str, validation: ValidationMode) -> EventType {
    EventType::new(input(name, validation), Timestamp::from_micros(1))
}

fn wrong(schema: &str, payload: &str) -> Vec<String> {
    let schema = CompiledSchema::compile(schema).unwrap();
    schema.violations(payload.as_bytes()).iter().map(ToString::to_string).collect()
}

#[test]
fn a_violation_names_the_place_and_the_rule_and_not_the_value() {
    let good =
        r#"{"id": "pay_1", "amount": 100, "currency": "EUR", "due": "2026-02-28", "fee": 19.99}"#;
    assert_eq!(wrong(SCHEMA, good), Vec::<String>::new());
    let bad = r#"{"id": "SECRET", "amount": 0, "currency": "SECRET", "due": "2026-02-30", "fee": 0.005, "iban": "SECRET"}"#;
    let mut found = wrong(SCHEMA, bad);
    found.sort();
    assert_eq!(
        found,
        [
            "/ must not have the field \"iban\"",
            "/amount must be at least 1",
            "/currency must be one of [\"EUR\",\"SEK\"]",
            "/due must have the format date",
            "/fee must be a multiple of 0.01",
            "/id must match the pattern ^pay_[0-9]+$",
        ]
    );
    assert_eq!(
        wrong(SCHEMA, "{"),
        ["/ must be JSON: EOF while parsing an object at line 1 column 1"]
    );
    assert_eq!(wrong(SCHEMA, "[]"), ["/ must be of type object"]);
    let required = wrong(SCHEMA, "{}");
    assert_eq!(required.len(), 3, "{required:?}");
    assert_eq!(required[0], "/ must have the field \"id\"");
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    assert_eq!(wrong("true", &deep), ["/ must be nested at most 64 deep"]);
}

/// What is JSON by its grammar says which limit it is beyond, and where.
#[test]
fn json_beyond_a_limit_says_which() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(wrong(SCHEMA, &deep), ["/ must be nested at most 64 deep"]);
    for (payload, place) in [
        ("{\"id\":\"\\ud800\"}", "(line 1, column 14)"),
        ("{\"id\":\n\"\\udc00\\ud800\"}", "(line 2, column 7)"),
        ("{\"\\ud83d x\":1}", "(line 1, column 9)"),
        ("[\"\\ud83d\\u0041\"]", "(line 1, column 14)"),
    ] {
        let told = wrong(SCHEMA, payload);
        let wanted = "/ must have no \\u escape of half a surrogate pair, which is not a character";
        assert_eq!(told, [format!("{wanted} {place}")]);
    }
    let wanted = "/ must have no number beyond a double's range, about 1.8e308";
    assert_eq!(wrong(SCHEMA, "[1e999]"), [format!("{wanted} (line 1, column 6)")]);
    let long = format!("[-1{}]", "0".repeat(400));
    assert!(wrong(SCHEMA, &long)[0].starts_with(wanted));
}

#[test]
fn violations_are_few_and_short() {
    let schema = r#"{"items": {"type": "string"}, "propertyNames": {"maxLength": 3}, "additionalProperties": {"type": "null"}}"#;
    let many = format!("[{}1]", "1,".repeat(50_000));
    assert_eq!(wrong(schema, &many).len(), MAX_VIOLATIONS);
    let huge = format!("[{}1]", "1,".repeat(500_000));
    assert_eq!(wrong(schema, &huge), ["/0 must be of type string"]);
    let name = "n".repeat(5000);
    for message in wrong(schema, &format!("{{\"{name}\": 1}}")) {
        assert!(message.chars().count() < 220, "{message}");
    }
}

#[test]
fn integers_are_exact_and_decimals_are_decimals() {
    let exact = r#"{"const": 9007199254740993}"#;
    assert!(wrong(exact, "9007199254740993").is_empty());
    assert_eq!(wrong(exact, "9007199254740992").len(), 1);
    let most = r#"{"maximum": 9007199254740992}"#;
    assert_eq!(wrong(most, "9007199254740993").len(), 1);
    assert_eq!(wrong(r#"{"maximum": 18446744073709551614}"#, "18446744073709551615").len(), 1);
    for cents in ["19.99", "0.07", "1.1", "4.35", "1000000.01", "3"] {
        assert!(wrong(r#"{"multipleOf": 0.01}"#, cents).is_empty(), "{cents}");
    }
    assert_eq!(wrong(r#"{"multipleOf": 0.01}"#, "19.999").len(), 1);
    assert_eq!(wrong(r#"{"type": "integer"}"#, "1.5").len(), 1);
    assert!(wrong(r#"{"type": "integer"}"#, "1.0").is_empty());
}

#[test]
fn a_reference_out_of_the_schema_is_refused_with_its_place() {
    for remote in
        ["https://example.com/a.json", "file:///etc/passwd", "other.json#/a", "urn:a:b", "//h/x"]
    {
        let schema = format!(r#"{{"properties": {{"a/b": {{"items": {{"$ref": "{remote}"}}}}}}}}"#);
        let pointer = "#/properties/a~1b/items/$ref".to_owned();
        let reference = remote.to_owned();
        assert_eq!(
            CompiledSchema::compile(&schema).unwrap_err(),
            SchemaError::RemoteReference { pointer, reference }
        );
    }
    let anchored =
        r##"{"$ref": "#money", "$defs": {"m": {"$anchor": "money", "type": "integer"}}}"##;
    assert!(wrong(anchored, "1").is_empty());
    assert_eq!(wrong(anchored, "\"1\""), ["/ must be of type integer"]);
    // What only looks like a reference is data.
    assert!(CompiledSchema::compile(r#"{"const": {"$ref": "https://example.com"}}"#).is_ok());
    assert!(CompiledSchema::compile(r#"{"properties": {"$ref": {"type": "string"}}}"#).is_ok());
}

#[test]
fn what_cannot_be_bounded_or_understood_is_refused() {
    let error = |schema: &str| CompiledSchema::compile(schema).expect_err(schema);
    assert!(matches!(error("{"), SchemaError::NotJson(_)));
    assert_eq!(error("3"), SchemaError::NotASchema);
    assert_eq!(error(&format!("{{\"title\": \"{}\"}}", "a".repeat(70_000))), SchemaError::TooLarge);
    let deep = format!("{}true{}", r#"{"not":"#.repeat(40), "}".repeat(40));
    assert_eq!(error(&deep), SchemaError::TooDeep);
    for circle in [
        r##"{"$ref": "#"}"##,
        r##"{"properties": {"default": {"$ref": "#"}}}"##,
        r##"{"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}"##,
        r##"{"oneOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}"##,
    ] {
        assert!(matches!(error(circle), SchemaError::Recursive { .. }), "{circle}");
    }
    let fan: Vec<String> = (0..15)
        .map(|n| {
            let next = vec![format!(r##"{{"$ref": "#/$defs/d{}"}}"##, n + 1); 10].join(",");
            format!(r#""d{n}": {{"allOf": [{next}]}}"#)
        })
        .collect();
    let fan = format!(r##"{{"$ref": "#/$defs/d0", "$defs": {{{}, "d15": true}}}}"##, fan.join(","));
    assert_eq!(error(&fan), SchemaError::TooManyRules);
    assert!(matches!(error(r##"{"$ref": "#/$defs/none"}"##), SchemaError::LostReference { .. }));
    assert!(matches!(error(r##"{"$dynamicRef": "#a"}"##), SchemaError::Unsupported { .. }));
    // What the inspection and the validator could understand differently.
    let twice = r##"{"$defs": {"a": {"$anchor": "x", "items": {"$ref": "#x"}}},
        "examples": [{"$anchor": "x"}]}"##;
    assert!(matches!(error(twice), SchemaError::Unsupported { .. }));
    let encoded = r##"{"$ref": "#/$defs/x%41", "$defs": {"x%41": true, "xA": true}}"##;
    assert!(matches!(error(encoded), SchemaError::LostReference { .. }));
    let draft7 = r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#;
    assert!(matches!(error(draft7), SchemaError::Dialect { .. }));
    for (invalid, pointer) in [
        (r#"{"properties": {"a": {"type": "money"}}}"#, "#/properties/a/type"),
        (r#"{"properties": {"a": {"minimum": "1"}}}"#, "#/properties/a/minimum"),
        (r#"{"properties": {"a": {"pattern": "^(?!x)"}}}"#, "#/properties/a/pattern"),
        (r#"{"properties": {"a": {"pattern": "(a)\\1"}}}"#, "#/properties/a/pattern"),
        (r#"{"properties": {"a": {"pattern": "("}}}"#, "#/properties/a/pattern"),
    ] {
        let SchemaError::Invalid { pointer: found, message } = error(invalid) else {
            panic!("{invalid}: {}", error(invalid))
        };
        assert_eq!(found, pointer, "{message}");
    }
}

#[test]
fn a_pattern_runs_in_linear_time() {
    let schema = CompiledSchema::compile(r#"{"pattern": "^(a+)+$"}"#).unwrap();
    let payload = format!("\"{}!\"", "a".repeat(100_000));
    let start = std::time::Instant::now();
    assert_eq!(schema.violations(payload.as_bytes()).len(), 1);
    // One that goes back would not end.
    assert!(start.elapsed().as_secs() < 30);
}

#[test]
fn a_verdict_is_the_catalogues() {
    let mut archived = event_type("old", ValidationMode::Enforce);
    archived.archive_time = Some(Timestamp::from_micros(2));
    let mut broken = event_type("broken", ValidationMode::Enforce);
    broken.schema = Some("{".to_owned());
    let types = vec![
        event_type("off", ValidationMode::Off),
        event_type("warn", ValidationMode::Warn),
        event_type("enforce", ValidationMode::Enforce),
        archived,
        broken,
    ];
    let catalogue = EventTypeCatalogue::default().rebuilt(7, types.clone());
    assert_eq!((catalogue.version(), catalogue.len()), (7, 5));
    let good = br#"{"id": "pay_1", "amount": 1, "currency": "SEK"}"#;
    let check = |name: &str, payload: &[u8]| catalogue.check(name, "application/json", payload);
    for name in ["off", "warn", "enforce"] {
        assert_eq!(check(name, good), CatalogueVerdict::Accepted, "{name}");
    }
    assert_eq!(check("off", b"{"), CatalogueVerdict::Accepted);
    assert!(matches!(check("warn", b"{"), CatalogueVerdict::Warned(v) if v.len() == 1));
    assert!(matches!(check("enforce", b"{}"), CatalogueVerdict::Refused(v) if v.len() == 3));
    assert_eq!(check("old", good), CatalogueVerdict::Archived);
    assert_eq!(check("new", good), CatalogueVerdict::Unknown);
    assert_eq!(check("postrider.endpoint.failing", good), CatalogueVerdict::Reserved);
    assert!(matches!(check("broken", good), CatalogueVerdict::Warned(_)));
    assert!(matches!(catalogue.check("enforce", "text/plain", good), CatalogueVerdict::Refused(_)));
    assert_eq!(
        catalogue.check("enforce", "Application/CloudEvents+JSON; charset=utf-8", good),
        CatalogueVerdict::Accepted
    );

    let mut changed = types;
    changed.remove(0);
    changed[0].schema = Some("true".to_owned());
    let next = catalogue.rebuilt(8, changed);
    assert_eq!(next.check("warn", "application/json", b"{}"), CatalogueVerdict::Accepted);
    assert_eq!(next.check("off", "application/json", b"{}"), CatalogueVerdict::Unknown);
    assert!(matches!(
        next.check("enforce", "application/json", b"{}"),
        CatalogueVerdict::Refused(_)
    ));
}

#[test]
fn an_event_type_is_checked_as_a_whole() {
    let fields = |input: EventTypeInput| -> Vec<EventTypeField> {
        input.check().into_iter().map(|error| error.field).collect()
    };
    assert_eq!(fields(input("payment.completed", ValidationMode::Enforce)), []);
    let sample = |sample: &str, validation| EventTypeInput {
        sample: Some(sample.to_owned()),
        ..input("a", validation)
    };
    let good = r#"{"id": "pay_1", "amount": 1, "currency": "SEK"}"#;
    assert_eq!(fields(sample(good, ValidationMode::Enforce)), []);
    assert_eq!(fields(sample("{}", ValidationMode::Warn)), []);
    assert_eq!(fields(sample("{}", ValidationMode::Enforce)), [EventTypeField::Sample; 3]);
    assert_eq!(fields(sample("{", ValidationMode::Off)), [EventTypeField::Sample]);
    for reserved in ["postrider", "postrider.endpoint.failing", "postrider.anything"] {
        assert!(is_reserved(reserved));
        assert_eq!(fields(input(reserved, ValidationMode::Off)), [EventTypeField::Name]);
    }
    assert!(!is_reserved("postriders.a") && !is_reserved("my.postrider"));
    let all_wrong = EventTypeInput {
        name: "a..b".into(),
        description: "å".repeat(1025),
        group: "å".repeat(65),
        schema: None,
        validation: ValidationMode::Warn,
        sample: Some("x".into()),
    };
    assert_eq!(
        fields(all_wrong),
        [
            EventTypeField::Name,
            EventTypeField::Description,
            EventTypeField::Group,
            EventTypeField::Validation,
            EventTypeField::Sample
        ]
    );
}

#[test]
fn an_import_keeps_bytes_and_defaults() {
    let document = r#"{"event_types": [
      {"name": "payment.completed", "description": "Paid — in full", "group": "payments",
       "schema": { "type" : "object",
                   "required":["amount"]}, "sample": {"amount":  10.00} },
      {"name": "order_created", "sample": [1, 2.50]},
      {"name": "IncomingPaymentBooked", "schema": true, "validation": "WARN"}
    ]}"#;
    let types = ImportDocument::parse(document).unwrap();
    let [payment, order, booked] = types.as_slice() else { panic!("{types:?}") };
    assert_eq!(
        (payment.description.as_str(), payment.group.as_str()),
        ("Paid — in full", "payments")
    );
    let schema = "{ \"type\" : \"object\",\n                   \"required\":[\"amount\"]}";
    assert_eq!(payment.schema.as_deref(), Some(schema));
    assert_eq!(payment.sample.as_deref(), Some("{\"amount\":  10.00}"));
    assert_eq!(payment.validation, ValidationMode::Enforce);
    assert_eq!((order.validation, order.schema.as_deref()), (ValidationMode::Off, None));
    assert_eq!(order.sample.as_deref(), Some("[1, 2.50]"));
    assert_eq!(booked.validation, ValidationMode::Warn);
}

#[test]
fn an_import_names_all_its_errors() {
    let document = r#"{"event_types": [
      {"name": "a", "schema": {"type": "x"}},
      {"name": "postrider.a", "colour": "red"},
      {"name": "a", "group": 7, "validation": "MAYBE"},
      [],
      {"description": "nameless", "description": "twice"},
      {"name": "b", "schema": {"required": ["x"]}, "sample": {}},
      {"name": "c", "schema": {"items": {"$ref": "http://a/b"}}}
    ]}"#;
    let errors = ImportDocument::parse(document).unwrap_err();
    let paths: Vec<&str> = errors.iter().map(|error| error.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "event_types[0].schema",
            "event_types[1].colour",
            "event_types[1].name",
            "event_types[2].group",
            "event_types[2].validation",
            "event_types[2].name",
            "event_types[3]",
            "event_types[4].description",
            "event_types[4].name",
            "event_types[5].sample",
            "event_types[6].schema",
        ]
    );
    assert!(errors[10].message.contains("#/items/$ref"), "{}", errors[10]);
    for (document, path) in [
        ("", ""),
        ("[]", ""),
        ("{}", "event_types"),
        (r#"{"event_types": {}}"#, "event_types"),
        (r#"{"event_types": [], "events": []}"#, "events"),
        (r#"{"event_types": []} trailing"#, ""),
        (&format!("{{\"event_types\": [{}1]}}", "1,".repeat(MAX_IMPORT_TYPES)), "event_types"),
        (&" ".repeat(4 * 1024 * 1024 + 1), ""),
    ] {
        let errors = ImportDocument::parse(document).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].path, path);
    }
    assert_eq!(ImportDocument::parse(r#"{"event_types": []}"#), Ok(vec![]));
}
