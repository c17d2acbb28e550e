//! Commands about tokens.

use super::spec::{
    ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, lists, option, positional, required,
    shows,
};

const NAME: ArgumentSpec =
    positional("TOKEN", "The token: its public id", "name", ArgumentValue::Name("tokens/{}"));

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["tokens", "list"],
        about: "List tokens, ended ones included until they are forgotten",
        examples: "  postrider tokens --portal",
        arguments: &[option("portal", "Portal tokens too", "show_portal", ArgumentValue::Switch)],
        action: lists("postrider.v1.TokenService/ListTokens", "tokens"),
    },
    CommandSpec {
        words: &["tokens", "get"],
        about: "Show a token, without its text",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.TokenService/GetToken"),
    },
    CommandSpec {
        words: &["tokens", "create"],
        about: "Make a token; its text is shown this once",
        examples: "  postrider tokens create --role publisher --tenant acme --ttl 90d --display-name billing\n  \
                   postrider tokens create --role operator --installation\n\n  \
                   The first token of an installation is made at its database: bootstrap-token.",
        arguments: &[
            required(
                "role",
                "publisher, reader, subscription-manager, operator, autoscaler or administrator; \
                 several with commas",
                "",
                ArgumentValue::Words,
            ),
            option(
                "tenant",
                "The tenants in which it holds; several with commas [variable: POSTRIDER_TENANT]",
                "",
                ArgumentValue::Words,
            ),
            option(
                "installation",
                "It holds in the whole installation instead",
                "",
                ArgumentValue::Switch,
            ),
            option(
                "display-name",
                "What people call it",
                "token.display_name",
                ArgumentValue::Text,
            ),
            option(
                "ttl",
                "How long it is valid; until it is revoked unless given",
                "ttl",
                ArgumentValue::Span,
            ),
        ],
        action: CommandAction::CreateToken,
    },
    CommandSpec {
        words: &["tokens", "revoke"],
        about: "Revoke a token: no replica accepts it any more",
        examples: "",
        arguments: &[NAME],
        action: shows("postrider.v1.TokenService/RevokeToken"),
    },
];
