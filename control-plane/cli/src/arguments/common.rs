//! Options that every client command has, and that may stand before it and its group too.

use clap::{Arg, ArgAction, ArgMatches};

use super::request::{switch, text};
use crate::output::OutputFormat;

const COMMON_HEADING: &str = "Server and output";

/// The common options of a command; what stands behind it counts before what stands before it,
/// and there what stands nearer.
#[derive(Clone, Copy)]
pub struct CommonOptions<'a> {
    /// Given between the program's name and the command.
    pub before: &'a ArgMatches,
    /// Given between the command's group and the command.
    pub between: Option<&'a ArgMatches>,
    /// Given with the command.
    pub behind: &'a ArgMatches,
}

impl<'a> CommonOptions<'a> {
    /// The text of an option; `None` where it is not given.
    pub fn text(&self, id: &str) -> Option<&'a str> {
        let between = self.between.and_then(|between| text(between, id));
        text(self.behind, id).or(between).or_else(|| text(self.before, id))
    }

    /// Whether a switch is given.
    pub fn switch(&self, id: &str) -> bool {
        let is_between = self.between.is_some_and(|between| switch(between, id));
        switch(self.behind, id) || is_between || switch(self.before, id)
    }
}

/// What every client command can be told.
pub fn common_arguments() -> Vec<Arg> {
    let option = |id: &'static str, value: &'static str, help: &'static str| {
        // Man pages have the long help only of what the short help leaves out.
        let argument = Arg::new(id).long(id).value_name(value).help(help).long_help(help);
        argument.help_heading(COMMON_HEADING).hide_short_help(true)
    };
    vec![
        option("tenant", "TENANT", "The tenant's id [variable: POSTRIDER_TENANT]")
            .allow_hyphen_values(true)
            .hide_short_help(false),
        option(
            "output",
            "FORMAT",
            "How to print it; table unless given [variable: POSTRIDER_OUTPUT]",
        )
        .value_parser(OutputFormat::NAMES)
        .hide_short_help(false),
        option("context", "NAME", "The context to use [variable: POSTRIDER_CONTEXT]")
            .hide_short_help(false),
        option("address", "URL", "A replica's address, for callers [variable: POSTRIDER_ADDRESS]"),
        option(
            "ca",
            "FILE",
            "Certificates that the server's is signed by, PEM; the system's unless given [variable: POSTRIDER_CA]",
        ),
        option(
            "client-cert",
            "FILE",
            "The caller's certificate, PEM [variable: POSTRIDER_CLIENT_CERT]",
        ),
        option("client-key", "FILE", "Its private key, PEM [variable: POSTRIDER_CLIENT_KEY]"),
        option(
            "token-file",
            "FILE",
            "A file with the caller's token [variables: POSTRIDER_TOKEN, POSTRIDER_TOKEN_FILE]",
        ),
        option("client-config", "FILE", "The file of contexts [variable: POSTRIDER_CLIENT_CONFIG]"),
        option("timeout", "SPAN", "How long a call may take; 30s unless given"),
        option("color", "WHEN", "When to use colours; auto unless given")
            .value_parser(["auto", "always", "never"]),
        Arg::new("absolute-times")
            .long("absolute-times")
            .help("Show times in full instead of by their distance from now")
            .long_help("Show times in full instead of by their distance from now")
            .help_heading(COMMON_HEADING)
            .hide_short_help(true)
            .action(ArgAction::SetTrue),
    ]
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn options_stand_before_a_command_or_behind_it_which_counts() {
        let program = Command::new("postrider")
            .args(common_arguments())
            .subcommand(Command::new("events").args(common_arguments()));
        let line = "postrider --output json --tenant a --absolute-times events --tenant b";
        let matches = program.try_get_matches_from(line.split(' ')).unwrap();
        let (_, behind) = matches.subcommand().unwrap();
        let given = CommonOptions { before: &matches, between: None, behind };
        assert_eq!(given.text("output"), Some("json"));
        assert_eq!(given.text("tenant"), Some("b"));
        assert_eq!(given.text("context"), None);
        assert!(given.switch("absolute-times"));
    }

    #[test]
    fn options_may_stand_between_a_group_and_its_command() {
        let command = |name: &'static str| Command::new(name).args(common_arguments());
        let group = command("events").subcommand(command("get"));
        let line = "postrider --tenant a --output json events --tenant b --absolute-times get";
        let matches = command("postrider").subcommand(group).try_get_matches_from(line.split(' '));
        let matches = matches.unwrap();
        let (_, between) = matches.subcommand().unwrap();
        let (_, behind) = between.subcommand().unwrap();
        let given = CommonOptions { before: &matches, between: Some(between), behind };
        assert_eq!((given.text("tenant"), given.text("output")), (Some("b"), Some("json")));
        assert!(given.switch("absolute-times"));
    }
}
