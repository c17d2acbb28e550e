//! Commands about event types.

use super::spec::{
    ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, ETAG, does, etag, implied, lists,
    option, positional, shows, updates,
};

const EVENT_TYPE: ArgumentValue = ArgumentValue::Name("eventTypes/{}");
const NAME: ArgumentSpec =
    positional("TYPE", "The type, as in payment.completed", "name", EVENT_TYPE);
const DESCRIPTION: ArgumentSpec =
    option("description", "What it tells", "event_type.description", ArgumentValue::Text);
const GROUP: ArgumentSpec = option(
    "group",
    "A word under which types stand together",
    "event_type.group",
    ArgumentValue::Text,
);
const SCHEMA: ArgumentSpec = option(
    "schema",
    "JSON Schema of payloads: the text, @FILE, or - for standard input",
    "event_type.json_schema",
    ArgumentValue::Content,
);
const VALIDATION: ArgumentSpec = option(
    "validation",
    "off, warn or enforce",
    "event_type.schema_validation",
    ArgumentValue::EnumName("SCHEMA_VALIDATION_"),
);
const SAMPLE: ArgumentSpec = option(
    "sample",
    "A payload for tests: the text, @FILE, or - for standard input",
    "event_type.sample_payload_json",
    ArgumentValue::Content,
);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["event-types", "list"],
        about: "List the catalogue",
        examples: "  postrider event-types --group payments\n  \
                   postrider event-types --search refund --archived",
        arguments: &[
            option("group", "Only those of this group", "group", ArgumentValue::Text),
            option(
                "search",
                "A part of the name or the description",
                "search",
                ArgumentValue::Text,
            ),
            option("archived", "Archived ones too", "show_archived", ArgumentValue::Switch),
            option("built-in", "Postrider's own too", "show_built_in", ArgumentValue::Switch),
        ],
        action: lists("postrider.v1.EventTypeService/ListEventTypes", "event_types"),
    },
    CommandSpec {
        words: &["event-types", "get"],
        about: "Show an event type with its schema and sample",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.EventTypeService/GetEventType"),
    },
    CommandSpec {
        words: &["event-types", "create"],
        about: "Create an event type",
        examples: "  postrider event-types create payment.completed --group payments \\\n    \
                   --schema @payment.schema.json --validation enforce",
        arguments: &[
            positional(
                "TYPE",
                "The type, as in payment.completed",
                "event_type_id",
                ArgumentValue::Text,
            ),
            implied("event_type", ArgumentValue::Document),
            DESCRIPTION,
            GROUP,
            SCHEMA,
            VALIDATION,
            SAMPLE,
        ],
        action: shows("postrider.v1.EventTypeService/CreateEventType"),
    },
    CommandSpec {
        words: &["event-types", "update"],
        about: "Change an event type: the fields that are given",
        examples: "  postrider event-types update payment.completed --schema @payment.schema.json\n  \
                   postrider event-types update payment.completed --validation warn --clear description",
        arguments: &[
            positional("TYPE", "The type", "event_type.name", EVENT_TYPE),
            DESCRIPTION,
            GROUP,
            SCHEMA,
            VALIDATION,
            SAMPLE,
            option("clear", "A field to clear, as in json_schema", "", ArgumentValue::Cleared),
            etag("event_type.etag"),
        ],
        action: updates("postrider.v1.EventTypeService/UpdateEventType", "event_type"),
    },
    CommandSpec {
        words: &["event-types", "archive"],
        about: "Take an event type out of use",
        examples: "  postrider event-types archive payment.completed",
        arguments: &[NAME, ETAG],
        action: shows("postrider.v1.EventTypeService/ArchiveEventType"),
    },
    CommandSpec {
        words: &["event-types", "unarchive"],
        about: "Take it back into use",
        examples: "  postrider event-types unarchive payment.completed",
        arguments: &[NAME, ETAG],
        action: shows("postrider.v1.EventTypeService/UnarchiveEventType"),
    },
    CommandSpec {
        words: &["event-types", "delete"],
        about: "Delete an event type",
        examples: "  postrider event-types delete payment.completed",
        arguments: &[
            NAME,
            ETAG,
            option("force", "Even if subscriptions name it", "force", ArgumentValue::Switch),
        ],
        action: does("postrider.v1.EventTypeService/DeleteEventType", "deleted"),
    },
    CommandSpec {
        words: &["event-types", "import"],
        about: "Import a catalogue from a file, after showing what it would change",
        examples: "  postrider event-types import catalogue.json --dry-run\n  \
                   postrider event-types import catalogue.json --yes\n\n  \
                   catalogue.json:\n    \
                   {\"event_types\": [{\"name\": \"payment.completed\", \"group\": \"payments\",\n      \
                   \"schema\": {\"type\": \"object\", \"required\": [\"amount\"]},\n      \
                   \"validation\": \"ENFORCE\", \"sample\": {\"amount\": 1}}]}",
        arguments: &[
            positional("FILE", "The file, or - for standard input", "", ArgumentValue::Text),
            option(
                "dry-run",
                "Show what it would change, and change nothing",
                "",
                ArgumentValue::Switch,
            ),
            option("yes", "Change it without asking", "", ArgumentValue::Switch),
        ],
        action: CommandAction::ImportEventTypes,
    },
];
