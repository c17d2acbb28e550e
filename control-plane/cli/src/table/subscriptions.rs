//! Commands about subscriptions.

use super::spec::{
    ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, ETAG, ORDER_BY, RAW_FILTER,
    REGION_FILTER, SHOW_DELETED, SUBSCRIPTION, TENANT_PARENT, etag, lists, option, positional,
    required, shows, shows_field, updates,
};

/// The subscription that a command is about.
const fn subscription(field: &'static str) -> ArgumentSpec {
    let value = ArgumentValue::Name(SUBSCRIPTION);
    positional("SUBSCRIPTION", "The subscription: its id", field, value)
}

/// The same for a command outside of the group, as its siblings have it.
const NAME_OPTION: ArgumentSpec =
    required("subscription", "The subscription: its id", "name", ArgumentValue::Name(SUBSCRIPTION));

/// A signing secret that the caller chose.
const fn own_secret(field: &'static str) -> ArgumentSpec {
    let help = "A secret of your own: the text, @FILE, or - for standard input";
    option("signing-secret", help, field, ArgumentValue::Content)
}

const NAME: ArgumentSpec = subscription("name");
const REASON: ArgumentSpec =
    option("reason", "Why, for whoever reads it later", "reason", ArgumentValue::Text);

const DISPLAY_NAME: ArgumentSpec =
    option("display-name", "What people call it", "subscription.display_name", ArgumentValue::Text);
const URL: ArgumentSpec =
    option("url", "Where webhooks are sent", "subscription.url", ArgumentValue::Text);
const EVENT_TYPES: ArgumentSpec = option(
    "types",
    "Event types, or prefixes such as payment.*; several with commas",
    "subscription.event_types",
    ArgumentValue::Words,
);
const ACCOUNTS: ArgumentSpec = option(
    "accounts",
    "Only events of these accounts; several with commas",
    "subscription.accounts",
    ArgumentValue::Words,
);
const CONDITION: ArgumentSpec = option(
    "condition",
    "Only events for which this CEL expression is true",
    "subscription.content_filter",
    ArgumentValue::Text,
);
const REGION: ArgumentSpec = option(
    "region",
    "Where its agents are",
    "subscription.region",
    ArgumentValue::Name("regions/{}"),
);
const ENVELOPE: ArgumentSpec = option(
    "envelope",
    "none, standard-webhooks, id-type-payload-date, cloudevents-structured or -binary",
    "subscription.envelope",
    ArgumentValue::EnumName("ENVELOPE_"),
);
const ORDERING: ArgumentSpec = option(
    "ordering",
    "unordered, or per-key",
    "subscription.ordering",
    ArgumentValue::EnumName("ORDERING_"),
);
const RATE: ArgumentSpec = option(
    "max-requests-per-second",
    "Most requests in a second",
    "subscription.max_requests_per_second",
    ArgumentValue::Number,
);
const IN_FLIGHT: ArgumentSpec = option(
    "max-in-flight",
    "Most requests at once",
    "subscription.max_in_flight",
    ArgumentValue::Number,
);
const TIMEOUT: ArgumentSpec = option(
    "request-timeout",
    "How long an attempt may take, as in 10s",
    "subscription.request_timeout",
    ArgumentValue::Span,
);
const DOCUMENT: ArgumentSpec = option(
    "json",
    "Any fields of a subscription, as JSON: the text, @FILE, or - for standard input",
    "subscription",
    ArgumentValue::Document,
);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["subscriptions", "list"],
        about: "List a tenant's subscriptions",
        examples: "  postrider subscriptions --status disabled\n  \
                   postrider subscriptions --type payment.completed --output json",
        arguments: &[
            TENANT_PARENT,
            option(
                "status",
                "enabled, paused or disabled",
                "",
                ArgumentValue::FilterWord("status = {}"),
            ),
            option(
                "type",
                "Only those that would get events of this type",
                "",
                ArgumentValue::FilterText("event_type = {}"),
            ),
            REGION_FILTER,
            option(
                "search",
                "A part of the display name or the URL",
                "search",
                ArgumentValue::Text,
            ),
            SHOW_DELETED,
            ORDER_BY,
            RAW_FILTER,
        ],
        action: lists("postrider.v1.SubscriptionService/ListSubscriptions", "subscriptions"),
    },
    CommandSpec {
        words: &["subscriptions", "get"],
        about: "Show a subscription",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.SubscriptionService/GetSubscription"),
    },
    CommandSpec {
        words: &["subscriptions", "create"],
        about: "Create a subscription; a signing secret that is made is shown this once",
        examples: "  postrider subscriptions create orders --url https://hooks.example/orders \\\n    \
                   --types 'payment.*' --condition 'data.amount.value > 1000'\n\n  \
                   Fields that have no option, as JSON:\n    \
                   --json '{\"retryPolicy\": {\"fixedDelays\": {\"delays\": [\"5s\", \"60s\"]}}}'\n    \
                   --json '{\"signatureSchemes\": [{\"standardWebhooksV1a\": {}}]}'",
        arguments: &[
            positional(
                "SUBSCRIPTION",
                "The subscription's id",
                "subscription_id",
                ArgumentValue::Text,
            ),
            TENANT_PARENT,
            URL,
            EVENT_TYPES,
            ACCOUNTS,
            CONDITION,
            REGION,
            DISPLAY_NAME,
            ENVELOPE,
            ORDERING,
            RATE,
            IN_FLIGHT,
            TIMEOUT,
            option(
                "status",
                "enabled, paused or disabled",
                "subscription.status",
                ArgumentValue::EnumName("SUBSCRIPTION_STATUS_"),
            ),
            own_secret("subscription.signing_secret"),
            DOCUMENT,
        ],
        action: shows("postrider.v1.SubscriptionService/CreateSubscription"),
    },
    CommandSpec {
        words: &["subscriptions", "update"],
        about: "Change a subscription: the fields that are given",
        examples: "  postrider subscriptions update orders --url https://hooks.example/v2/orders\n  \
                   postrider subscriptions update orders --clear content_filter --clear accounts\n  \
                   postrider subscriptions update orders --signing-secret @secret \\\n    \
                   --json '{\"signatureSchemes\": [{\"staticSecret\": {\"header\": \"x-secret\"}}]}'\n\n  \
                   Its status is changed by enable, pause and disable.",
        arguments: &[
            subscription("subscription.name"),
            URL,
            EVENT_TYPES,
            ACCOUNTS,
            CONDITION,
            REGION,
            DISPLAY_NAME,
            ENVELOPE,
            ORDERING,
            RATE,
            IN_FLIGHT,
            TIMEOUT,
            option(
                "signing-secret",
                "The secret in use, where the change would show it: the text, @FILE, or -",
                "subscription.signing_secret",
                ArgumentValue::Content,
            ),
            DOCUMENT,
            option("clear", "A field to clear, as in accounts", "", ArgumentValue::Cleared),
            option(
                "status",
                "",
                "",
                ArgumentValue::Elsewhere(
                    "the status is changed by subscriptions enable, pause or disable",
                ),
            ),
            etag("subscription.etag"),
        ],
        action: updates("postrider.v1.SubscriptionService/UpdateSubscription", "subscription"),
    },
    CommandSpec {
        words: &["subscriptions", "delete"],
        about: "Delete a subscription, for good",
        examples: "  postrider subscriptions delete orders",
        arguments: &[NAME, ETAG],
        action: shows("postrider.v1.SubscriptionService/DeleteSubscription"),
    },
    CommandSpec {
        words: &["subscriptions", "enable"],
        about: "Send to it, and what has waited while it was paused",
        examples: "  postrider subscriptions enable orders --reason 'the receiver is back'",
        arguments: &[NAME, REASON, ETAG],
        action: shows("postrider.v1.SubscriptionService/EnableSubscription"),
    },
    CommandSpec {
        words: &["subscriptions", "pause"],
        about: "Send nothing for now; what comes waits",
        examples: "  postrider subscriptions pause orders --reason 'the ERP is being moved'",
        arguments: &[NAME, REASON, ETAG],
        action: shows("postrider.v1.SubscriptionService/PauseSubscription"),
    },
    CommandSpec {
        words: &["subscriptions", "disable"],
        about: "Send nothing; what comes is suppressed",
        examples: "  postrider subscriptions disable orders --reason 'the shop is closed'",
        arguments: &[NAME, REASON, ETAG],
        action: shows("postrider.v1.SubscriptionService/DisableSubscription"),
    },
    CommandSpec {
        words: &["subscriptions", "rotate-secret"],
        about: "Make a new signing key; the older ones go on signing for a while",
        examples: "  postrider subscriptions rotate-secret orders --grace-period 72h\n  \
                   postrider subscriptions rotate-secret orders --signing-secret @secret --grace-period 0s",
        arguments: &[
            NAME,
            option(
                "grace-period",
                "How long older keys go on signing, 0s to 7d; 24h unless given",
                "grace_period",
                ArgumentValue::Span,
            ),
            own_secret("signing_secret"),
            option(
                "kind",
                "standard, text or ed25519",
                "kind",
                ArgumentValue::EnumName("SIGNING_KEY_KIND_"),
            ),
            ETAG,
        ],
        action: shows_field("postrider.v1.SubscriptionService/RotateSigningSecret", "subscription"),
    },
    CommandSpec {
        words: &["subscriptions", "revoke-signing-key"],
        about: "Take a signing key out of use at once",
        examples: "  postrider subscriptions revoke-signing-key orders --key key-93e5eec6a074edc8",
        arguments: &[
            NAME,
            required(
                "key",
                "The key's id, as the subscription shows it",
                "key_id",
                ArgumentValue::Text,
            ),
            ETAG,
        ],
        action: shows("postrider.v1.SubscriptionService/RevokeSigningKey"),
    },
    CommandSpec {
        words: &["subscriptions", "release-ordering-key"],
        about: "Let a key go on that is held because a delivery of it was exhausted",
        examples: "  postrider subscriptions release-ordering-key orders --key SE35",
        arguments: &[
            NAME,
            required("key", "The ordering key", "ordering_key", ArgumentValue::Text),
        ],
        action: shows("postrider.v1.SubscriptionService/ReleaseOrderingKey"),
    },
    CommandSpec {
        words: &["stats"],
        about: "Show a subscription's figures by hours and days",
        examples: "  postrider stats --subscription orders",
        arguments: &[NAME_OPTION],
        action: CommandAction::Stats,
    },
    CommandSpec {
        words: &["test"],
        about: "Send a sample event to a subscription, and show the attempt",
        examples: "  postrider test --subscription orders --type payment.completed\n  \
                   postrider test --subscription orders --type payment.completed \\\n    \
                   --data '{\"amount\": {\"value\": 4200, \"currency\": \"SEK\"}}'\n\n  \
                   Ends with 7 if the attempt did not succeed.",
        arguments: &[
            NAME_OPTION,
            required("type", "The sample's event type", "event_type", ArgumentValue::Text),
            option(
                "data",
                "The sample's body: the text, @FILE, or - for standard input",
                "",
                ArgumentValue::Payload,
            ),
            option(
                "retry",
                "Try again if it fails, as for any event",
                "retry",
                ArgumentValue::Switch,
            ),
        ],
        action: CommandAction::TestSubscription,
    },
];
