//! Commands about records of changes.

use super::spec::{
    ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, RAW_FILTER, implied, lists, option,
};

const CHAIN: ArgumentSpec = implied("parent", ArgumentValue::Chain);
const INSTALLATION: ArgumentSpec =
    option("installation", "The records that belong to no tenant", "", ArgumentValue::Switch);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["audit", "list"],
        about: "List records of changes, the newest first",
        examples: "  postrider audit --since 1d --method Token --installation\n  \
                   postrider audit --tenant acme --actor token:0123456789abcdef0123",
        arguments: &[
            CHAIN,
            INSTALLATION,
            option(
                "actor",
                "Only of whom this is a part",
                "",
                ArgumentValue::FilterText("actor:{}"),
            ),
            option(
                "method",
                "Only of what method this is a part",
                "",
                ArgumentValue::FilterText("method:{}"),
            ),
            option(
                "resource",
                "Only of what resource this is a part",
                "",
                ArgumentValue::FilterText("resource:{}"),
            ),
            option(
                "request",
                "Only of this call",
                "",
                ArgumentValue::FilterText("request_id = {}"),
            ),
            option("since", "From then on", "", ArgumentValue::FilterTime("record_time >= {}")),
            option("until", "Before then", "", ArgumentValue::FilterTime("record_time < {}")),
            RAW_FILTER,
        ],
        action: lists("postrider.v1.AuditService/ListAuditRecords", "audit_records"),
    },
    CommandSpec {
        words: &["audit", "verify"],
        about: "Check a chain of records from its beginning to its end",
        examples: "  postrider audit verify --tenant acme\n  \
                   postrider audit verify --installation --known-number 412 --known-hash 5d41…\n\n  \
                   Ends with 7 if something is wrong.",
        arguments: &[
            CHAIN,
            INSTALLATION,
            option(
                "known-number",
                "A record that was noted earlier, as replicas log them",
                "known_number",
                ArgumentValue::Number,
            ),
            option("known-hash", "Its hash", "known_hash", ArgumentValue::Text),
        ],
        action: CommandAction::VerifyAudit,
    },
];
