//! Commands about deliveries and attempts.

use super::spec::{
    ACCOUNT_FILTER, ATTEMPT, ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, DELIVERY,
    EVENT, RAW_FILTER, SINCE_FILTER, SUBSCRIPTION, SUBSCRIPTION_FILTER, TENANT, TENANT_PARENT,
    TYPE_FILTER, UNTIL_FILTER, implied, lists, option, positional, shows, shows_field,
};

const NAME: ArgumentSpec =
    positional("DELIVERY", "The delivery: its id", "name", ArgumentValue::Name(DELIVERY));

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["deliveries", "list"],
        about: "List a tenant's deliveries, the newest first",
        examples: "  postrider deliveries --state exhausted --since 1d\n  \
                   postrider deliveries --event evt_0123456789abcdef0123456789abcdef",
        arguments: &[
            TENANT_PARENT,
            option(
                "state",
                "held, waiting, in_flight, succeeded, exhausted, cancelled or suppressed",
                "",
                ArgumentValue::FilterWord("state = {}"),
            ),
            SUBSCRIPTION_FILTER,
            option(
                "event",
                "Only those of this event",
                "",
                ArgumentValue::FilterName("event = {}", EVENT),
            ),
            TYPE_FILTER,
            ACCOUNT_FILTER,
            SINCE_FILTER,
            UNTIL_FILTER,
            RAW_FILTER,
        ],
        action: lists("postrider.v1.DeliveryService/ListDeliveries", "deliveries"),
    },
    CommandSpec {
        words: &["deliveries", "get"],
        about: "Show a delivery",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.DeliveryService/GetDelivery"),
    },
    CommandSpec {
        words: &["deliveries", "retry"],
        about: "Try a delivery now; one that has ended is sent again",
        examples: "",
        arguments: &[NAME],
        action: shows_field("postrider.v1.DeliveryService/RetryDelivery", "delivery"),
    },
    CommandSpec {
        words: &["deliveries", "cancel"],
        about: "End a delivery",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.DeliveryService/CancelDelivery"),
    },
    CommandSpec {
        words: &["attempts", "list"],
        about: "List attempts, the newest first",
        examples: "  postrider attempts --failed --since 1h\n  \
                   postrider attempts --delivery 0190f3c4e5b67d8e9f00a1b2c3d4e5f6",
        arguments: &[
            implied("parent", ArgumentValue::Name(TENANT)),
            option(
                "delivery",
                "Only those of this delivery",
                "parent",
                ArgumentValue::Name(DELIVERY),
            ),
            option(
                "failed",
                "Only those that failed",
                "",
                ArgumentValue::FilterSwitch("outcome != SUCCEEDED AND outcome != UNKNOWN"),
            ),
            option(
                "outcome",
                "succeeded, http_status, timeout, tls_failed or another",
                "",
                ArgumentValue::FilterWord("outcome = {}"),
            ),
            option(
                "http-status",
                "Only those that were answered with this status",
                "",
                ArgumentValue::FilterWord("http_status = {}"),
            ),
            SUBSCRIPTION_FILTER,
            TYPE_FILTER,
            SINCE_FILTER,
            UNTIL_FILTER,
            RAW_FILTER,
        ],
        action: lists("postrider.v1.DeliveryService/ListAttempts", "attempts"),
    },
    CommandSpec {
        words: &["attempts", "get"],
        about: "Show an attempt with its request and its answer",
        examples: "  postrider attempts get 0190f3c4e5b67d8e9f00a1b2c3d4e5f6/1",
        arguments: &[positional(
            "DELIVERY/NUMBER",
            "The delivery's id, and the attempt's number",
            "name",
            ArgumentValue::Name(ATTEMPT),
        )],
        action: shows("postrider.v1.DeliveryService/GetAttempt"),
    },
    CommandSpec {
        words: &["tail"],
        about: "Show attempts as they are concluded, until Ctrl-C",
        examples: "  postrider tail --failed\n  \
                   postrider tail --tenant - --output json\n  \
                   postrider tail --resume TOKEN    # as the last one said at its end",
        arguments: &[
            implied("parent", ArgumentValue::Name(TENANT)),
            option(
                "subscription",
                "Only those of this subscription",
                "subscription",
                ArgumentValue::Name(SUBSCRIPTION),
            ),
            option("failed", "Only those that failed", "", ArgumentValue::Switch),
            option("type", "Only those of this event type", "", ArgumentValue::Text),
            option(
                "resume",
                "Go on where an earlier tail ended",
                "resume_token",
                ArgumentValue::Text,
            ),
            option("count", "End after so many", "", ArgumentValue::Number),
        ],
        action: CommandAction::Tail,
    },
];
