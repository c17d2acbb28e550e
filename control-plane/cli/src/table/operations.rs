//! Commands about work in bulk.

use super::spec::{
    ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, EVENT, OPERATION, SUBSCRIPTION,
    TENANT, TENANT_PARENT, does, implied, lists, option, positional, shows,
};

const NAME: ArgumentSpec =
    positional("OPERATION", "The operation: its id", "name", ArgumentValue::Name(OPERATION));
const SINCE: ArgumentSpec = option(
    "since",
    "From then on: a time, a date, or a span before now",
    "start_time",
    ArgumentValue::Time,
);
const UNTIL: ArgumentSpec = option("until", "Before then", "end_time", ArgumentValue::Time);
const RATE: ArgumentSpec = option(
    "max-per-second",
    "Most deliveries made in a second, 1 to 10000; 100 unless given",
    "max_deliveries_per_second",
    ArgumentValue::Number,
);
const DETACH: ArgumentSpec =
    option("detach", "Begin it, print its name and end", "", ArgumentValue::Switch);
const CANCEL: ArgumentSpec =
    option("cancel", "Cancel this operation instead", "", ArgumentValue::Name(OPERATION));
const FOLLOW: ArgumentSpec =
    option("follow", "Follow this operation instead", "", ArgumentValue::Name(OPERATION));

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["replay"],
        about: "Send again what ended in a window of time",
        examples: "  postrider replay --since 6h --subscription orders\n  \
                   postrider replay --since 2026-11-01 --states exhausted,cancelled\n\n  \
                   Ctrl-C leaves it running; --follow OPERATION comes back to it, --cancel ends it.",
        arguments: &[
            TENANT_PARENT,
            SINCE,
            UNTIL,
            option(
                "subscription",
                "Only to this one",
                "subscription",
                ArgumentValue::Name(SUBSCRIPTION),
            ),
            option(
                "states",
                "succeeded, exhausted, cancelled, suppressed; exhausted and suppressed unless given",
                "states",
                ArgumentValue::EnumNames("DELIVERY_STATE_"),
            ),
            option("types", "Only events of these types", "event_types", ArgumentValue::Words),
            RATE,
            DETACH,
            FOLLOW,
            CANCEL,
        ],
        action: CommandAction::Replay,
    },
    CommandSpec {
        words: &["backfill"],
        about: "Send past events to a subscription that did not match them then",
        examples: "  postrider backfill --subscription orders --since 7d\n\n  \
                   Ctrl-C leaves it running; --follow OPERATION comes back to it, --cancel ends it.",
        arguments: &[
            option("subscription", "The subscription", "name", ArgumentValue::Name(SUBSCRIPTION)),
            SINCE,
            UNTIL,
            RATE,
            DETACH,
            FOLLOW,
            CANCEL,
        ],
        action: CommandAction::Backfill,
    },
    CommandSpec {
        words: &["expunge"],
        about: "Remove the payloads of events, or of an account's events, for good",
        examples: "  postrider expunge --account SE35 --dry-run\n  \
                   postrider expunge --account SE35 --yes\n  \
                   postrider expunge --events evt_0123456789abcdef0123456789abcdef --yes",
        arguments: &[
            TENANT_PARENT,
            option(
                "events",
                "These events; several with commas",
                "events",
                ArgumentValue::Names(EVENT),
            ),
            option("account", "All events of this account", "account", ArgumentValue::Text),
            SINCE,
            UNTIL,
            option(
                "cancel-unfinished",
                "Cancel deliveries that have not ended, instead of keeping their payloads",
                "cancel_unfinished",
                ArgumentValue::Switch,
            ),
            option("dry-run", "Only count", "dry_run", ArgumentValue::Switch),
            option("yes", "Remove them: there is no way back", "", ArgumentValue::Switch),
            DETACH,
            FOLLOW,
            CANCEL,
        ],
        action: CommandAction::Expunge,
    },
    CommandSpec {
        words: &["operations", "list"],
        about: "List a tenant's operations, the newest first",
        examples: "",
        arguments: &[implied("name", ArgumentValue::Name(TENANT))],
        action: lists("google.longrunning.Operations/ListOperations", "operations"),
    },
    CommandSpec {
        words: &["operations", "get"],
        about: "Show an operation and how far it is",
        examples: "",
        arguments: &[NAME],
        action: shows("google.longrunning.Operations/GetOperation"),
    },
    CommandSpec {
        words: &["operations", "follow"],
        about: "Show an operation's progress until it ends; Ctrl-C leaves it running",
        examples: "",
        arguments: &[NAME],
        action: CommandAction::FollowOperation,
    },
    CommandSpec {
        words: &["operations", "cancel"],
        about: "Cancel an operation; what it has made stays",
        examples: "",
        arguments: &[NAME],
        action: does("google.longrunning.Operations/CancelOperation", "it is being cancelled"),
    },
    CommandSpec {
        words: &["operations", "delete"],
        about: "Forget an operation that has ended",
        examples: "",
        arguments: &[NAME],
        action: does("google.longrunning.Operations/DeleteOperation", "deleted"),
    },
];
