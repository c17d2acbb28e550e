//! Commands about events.

use super::spec::{
    ACCOUNT_FILTER, ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, EVENT, RAW_FILTER,
    SINCE_FILTER, SUBSCRIPTION, TENANT_PARENT, TYPE_FILTER, UNTIL_FILTER, lists, option,
    positional, required, shows,
};

const NAME: ArgumentSpec =
    positional("EVENT", "The event: its id, evt_…", "name", ArgumentValue::Name(EVENT));

const PUBLISH_EXAMPLES: &str = "  postrider publish --type payment.completed --key order-1 \\\n    \
     --data '{\"amount\": {\"value\": 4200, \"currency\": \"SEK\"}}'\n  \
     postrider publish --type statement.ready --content-type application/pdf --data @statement.pdf\n\n  \
     Many events, a JSON object a line; data is any JSON value, and its bytes are kept:\n    \
     {\"type\": \"payment.completed\", \"key\": \"order-1\", \"account\": \"SE35\", \"data\": {\"amount\": 1.00}}\n    \
     {\"type\": \"payment.failed\", \"key\": \"order-2\", \"data\": {\"reason\": \"limit\"}}\n\n  \
     postrider publish --stream <events.ndjson\n  \
     postrider publish --stream --file events.ndjson --position-file done    # again: goes on\n\n  \
     Without a key for each (\"key\" in the line, or --key-prefix) an event whose answer is lost\n  \
     is not sent again, and the command ends with 6.";

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["publish"],
        about: "Publish an event, or with --stream as many as are read",
        examples: PUBLISH_EXAMPLES,
        arguments: &[
            TENANT_PARENT,
            option("type", "The event's type", "event.event_type", ArgumentValue::Text),
            option(
                "data",
                "The payload: the text, @FILE, or - for standard input",
                "event",
                ArgumentValue::Payload,
            ),
            option("account", "The account that it is about", "event.account", ArgumentValue::Text),
            option(
                "attribute",
                "A label, as KEY=VALUE; several times",
                "event.attributes",
                ArgumentValue::Pairs,
            ),
            option(
                "ordering-key",
                "What it stays in order with",
                "event.ordering_key",
                ArgumentValue::Text,
            ),
            option(
                "content-type",
                "The payload's media type; application/json unless given",
                "event.content_type",
                ArgumentValue::Text,
            ),
            option(
                "key",
                "An idempotency key: the same again publishes nothing",
                "idempotency_key",
                ArgumentValue::Text,
            ),
            option("stream", "Read events, a JSON object a line", "", ArgumentValue::Switch),
            option(
                "file",
                "Where lines are read; standard input unless given",
                "",
                ArgumentValue::Path,
            ),
            option("from-line", "The first line to publish, from 1", "", ArgumentValue::Number),
            option(
                "position-file",
                "Keep in this file how many lines are done, and go on from there",
                "",
                ArgumentValue::Path,
            ),
            option(
                "key-prefix",
                "The key of a line without one: this and the line's number",
                "",
                ArgumentValue::Text,
            ),
        ],
        action: CommandAction::Publish,
    },
    CommandSpec {
        words: &["events", "list"],
        about: "List a tenant's events, the newest first",
        examples: "  postrider events --type payment.completed --since 1h\n  \
                   postrider events --attribute currency=EUR --limit 0 --output json",
        arguments: &[
            TENANT_PARENT,
            TYPE_FILTER,
            SINCE_FILTER,
            UNTIL_FILTER,
            ACCOUNT_FILTER,
            option(
                "attribute",
                "Only those with this attribute, as KEY=VALUE",
                "",
                ArgumentValue::FilterPair("attributes.{} = {}"),
            ),
            RAW_FILTER,
        ],
        action: lists("postrider.v1.EventService/ListEvents", "events"),
    },
    CommandSpec {
        words: &["events", "get"],
        about: "Show an event with its payload",
        examples: "  postrider events get evt_0123456789abcdef0123456789abcdef --output json",
        arguments: &[
            NAME,
            option("view", "basic or full", "view", ArgumentValue::EnumName("EVENT_VIEW_")),
        ],
        action: shows("postrider.v1.EventService/GetEvent"),
    },
    CommandSpec {
        words: &["resend"],
        about: "Send an event again, to one subscription or to all that it went to",
        examples: "  postrider resend evt_0123456789abcdef0123456789abcdef --subscription orders",
        arguments: &[
            NAME,
            option(
                "subscription",
                "Only to this one, whether or not the event matched it",
                "subscription",
                ArgumentValue::Name(SUBSCRIPTION),
            ),
        ],
        action: lists("postrider.v1.EventService/ResendEvent", "deliveries"),
    },
    CommandSpec {
        words: &["reconcile"],
        about: "Account for every event of a window of time",
        examples: "  postrider reconcile --since 2026-11-01 --until 2026-11-02\n  \
                   postrider reconcile --since 24h --csv account.csv --require-success\n\n  \
                   Ends with 7 if the account does not add up.",
        arguments: &[
            TENANT_PARENT,
            required(
                "since",
                "From then on: a time, a date, or a span before now",
                "start_time",
                ArgumentValue::Time,
            ),
            option("until", "Before then; now unless given", "end_time", ArgumentValue::Time),
            option(
                "subscription",
                "Only this subscription's rows",
                "subscription",
                ArgumentValue::Name(SUBSCRIPTION),
            ),
            option(
                "csv",
                "Write the rows to this file as CSV; - for standard output",
                "",
                ArgumentValue::Path,
            ),
            option("summary", "Only the counts", "", ArgumentValue::Switch),
            option(
                "require-success",
                "End with 7 also if something was not delivered",
                "",
                ArgumentValue::Switch,
            ),
        ],
        action: CommandAction::Reconcile,
    },
];
