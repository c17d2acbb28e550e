//! Commands that call nobody.

use super::spec::{ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, option, positional};

const CONTEXT: ArgumentSpec = positional("NAME", "The context's name", "", ArgumentValue::Text);

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        words: &["contexts", "list"],
        about: "List contexts",
        examples: "",
        arguments: &[],
        action: CommandAction::ListContexts,
    },
    CommandSpec {
        words: &["contexts", "set"],
        about: "Make or change a context from the options that are given",
        examples: "  postrider contexts set prod --address https://postrider.internal:7443 \\\n    \
                   --ca ca.pem --token-file ~/.postrider-token --tenant acme\n  \
                   postrider contexts set dev --address http://127.0.0.1:7443 --read-token <dev-token",
        arguments: &[
            CONTEXT,
            option(
                "read-token",
                "Read a token from standard input and keep it",
                "",
                ArgumentValue::Switch,
            ),
        ],
        action: CommandAction::SetContext,
    },
    CommandSpec {
        words: &["contexts", "use"],
        about: "Make a context the one that is used when none is named",
        examples: "",
        arguments: &[CONTEXT],
        action: CommandAction::UseContext,
    },
    CommandSpec {
        words: &["contexts", "remove"],
        about: "Forget a context",
        examples: "",
        arguments: &[CONTEXT],
        action: CommandAction::RemoveContext,
    },
    CommandSpec {
        words: &["completions"],
        about: "Print a shell's completions",
        examples: "  postrider completions bash >/etc/bash_completion.d/postrider",
        arguments: &[positional(
            "SHELL",
            "bash, zsh, fish, elvish or powershell",
            "",
            ArgumentValue::Text,
        )],
        action: CommandAction::Completions,
    },
    CommandSpec {
        words: &["man"],
        about: "Write the man pages, one for each command",
        examples: "  postrider man /usr/local/share/man/man1",
        arguments: &[positional("FOLDER", "The folder to write them to", "", ArgumentValue::Text)],
        action: CommandAction::ManPages,
    },
];
