//! Commands about tenants.

use super::spec::{
    ANY_TENANT, ArgumentSpec, ArgumentValue, CommandSpec, ETAG, ORDER_BY, RAW_FILTER, SHOW_DELETED,
    SINCE_FILTER, TENANT_PARENT, etag, lists, option, positional, required, shows, updates,
};

const NAME: ArgumentSpec =
    positional("TENANT", "The tenant: its id", "name", ArgumentValue::Name(ANY_TENANT));
const DISPLAY_NAME: ArgumentSpec =
    option("display-name", "What people call it", "tenant.display_name", ArgumentValue::Text);
const LABELS: ArgumentSpec =
    option("label", "A label, as KEY=VALUE; several times", "tenant.labels", ArgumentValue::Pairs);
const INSECURE_URLS: ArgumentSpec = option(
    "allow-insecure-urls",
    "Allow http:// URLs, whose payloads anyone on the way can read and change",
    "tenant.allow_insecure_urls",
    ArgumentValue::Switch,
);
const HISTORY_RETENTION: ArgumentSpec = option(
    "history-retention",
    "How long its history is kept, as in 14d",
    "tenant.history_retention",
    ArgumentValue::Span,
);
const PAYLOAD_RETENTION: ArgumentSpec = option(
    "payload-retention",
    "How long payloads are kept, as in 48h",
    "tenant.payload_retention",
    ArgumentValue::Span,
);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["tenants", "list"],
        about: "List tenants",
        examples: "  postrider tenants --label tier=gold --order-by 'create_time desc'",
        arguments: &[
            option(
                "label",
                "Only those with this label, as KEY=VALUE",
                "",
                ArgumentValue::FilterPair("labels.{} = {}"),
            ),
            SINCE_FILTER,
            SHOW_DELETED,
            ORDER_BY,
            RAW_FILTER,
        ],
        action: lists("postrider.v1.TenantService/ListTenants", "tenants"),
    },
    CommandSpec {
        words: &["tenants", "get"],
        about: "Show a tenant",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.TenantService/GetTenant"),
    },
    CommandSpec {
        words: &["tenants", "create"],
        about: "Create a tenant",
        examples: "  postrider tenants create globex --display-name Globex --label tier=gold",
        arguments: &[
            positional("TENANT", "The tenant's id", "tenant_id", ArgumentValue::Text),
            DISPLAY_NAME,
            LABELS,
            INSECURE_URLS,
            HISTORY_RETENTION,
            PAYLOAD_RETENTION,
        ],
        action: shows("postrider.v1.TenantService/CreateTenant"),
    },
    CommandSpec {
        words: &["tenants", "update"],
        about: "Change a tenant: the fields that are given",
        examples: "  postrider tenants update globex --payload-retention 48h\n  \
                   postrider tenants update globex --clear labels",
        arguments: &[
            positional(
                "TENANT",
                "The tenant: its id",
                "tenant.name",
                ArgumentValue::Name(ANY_TENANT),
            ),
            DISPLAY_NAME,
            LABELS,
            INSECURE_URLS,
            HISTORY_RETENTION,
            PAYLOAD_RETENTION,
            option("clear", "A field to clear, as in labels", "", ArgumentValue::Cleared),
            etag("tenant.etag"),
        ],
        action: updates("postrider.v1.TenantService/UpdateTenant", "tenant"),
    },
    CommandSpec {
        words: &["tenants", "delete"],
        about: "Delete a tenant, for good",
        examples: "  postrider tenants delete globex --force",
        arguments: &[
            NAME,
            ETAG,
            option("force", "Delete its subscriptions too", "force", ArgumentValue::Switch),
        ],
        action: shows("postrider.v1.TenantService/DeleteTenant"),
    },
    CommandSpec {
        words: &["tenants", "create-portal-token"],
        about: "Make a short-lived token for the tenant's own people",
        examples: "  postrider tenants create-portal-token --tenant acme --role reader --ttl 15m",
        arguments: &[
            TENANT_PARENT,
            required(
                "role",
                "reader, subscription-manager or another; several with commas",
                "roles",
                ArgumentValue::EnumNames("ROLE_"),
            ),
            option("ttl", "How long it is valid, 1 min to 24 h", "ttl", ArgumentValue::Span),
        ],
        action: shows("postrider.v1.PortalService/CreatePortalToken"),
    },
];
