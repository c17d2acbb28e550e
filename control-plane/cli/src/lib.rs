//! The client commands of `postrider`: the public gRPC API from a terminal.
//!
//! Fed by the command line, variables and the file of contexts; feeds a replica with
//! calls, and standard output with answers. Used by the program `postrider`, which mounts
//! these commands beside its own. Guarantees that a command calls only the public API, as
//! any caller would; that it ends with an exit code that docs/cli.md lists; and that no
//! text from elsewhere reaches the terminal as it is.
//!
//! - `table`: the commands, a row for each. `arguments`: their parser and their requests.
//! - `target`: the server, the caller and the tenant. `calls`: calls by descriptors.
//! - `output`, `values`, `terminal`: how answers are shown.
//! - `actions`: what is more than a call.
//! - `session`: what every command has. `program`: what these commands are a part of.
//! - `exits`, `error_report`, `advice`: how a command ends, and what is told then, to programs
//!   and to people.

mod actions;
mod advice;
mod arguments;
mod calls;
mod error_report;
mod exits;
#[cfg(test)]
mod fixtures;
mod output;
mod program;
mod session;
mod table;
mod target;
mod terminal;
mod values;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

use crate::actions::CommandFailure;
use crate::arguments::CommonOptions;
use crate::error_report::ErrorReport;
use crate::output::OutputFormat;
pub use crate::program::ProgramParser;
use crate::table::CommandSpec;
pub use crate::values::times::parse_span;

/// Options that client commands have in common, given before one. A program has them beside
/// its own commands, of which none takes them.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    matches: ArgMatches,
}

impl FromArgMatches for ClientOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_taken = matches.subcommand_name().is_some_and(arguments::is_client_command);
        let options = arguments::common_arguments();
        let given = options.iter().find(|option| {
            matches.value_source(option.get_id().as_str()) == Some(ValueSource::CommandLine)
        });
        match given {
            Some(option) if !is_taken => {
                let problem = format!("--{} is for commands that call a replica", option.get_id());
                Err(clap::Error::raw(ErrorKind::ArgumentConflict, problem))
            }
            _ => Ok(Self { matches: matches.clone() }),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ClientOptions {
    fn augment_args(command: Command) -> Command {
        command.args(arguments::common_arguments())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// A client command as it was typed.
#[derive(Clone, Debug)]
pub struct ClientCommand {
    matches: ArgMatches,
}

impl FromArgMatches for ClientCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if let Some((_, inside)) = matches.subcommand() {
            arguments::refuse_own_options_before(inside)?;
        }
        Ok(Self { matches: matches.clone() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for ClientCommand {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(arguments::client_commands())
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        arguments::is_client_command(name)
    }
}

/// The words of every client command, for tests that want to have run each.
pub fn command_words() -> Vec<String> {
    table::commands().map(|command| command.words.join(" ")).collect()
}

impl ClientCommand {
    /// Carries it out, and tells on standard error why it did not succeed.
    pub async fn run(self, options: ClientOptions, program: ProgramParser) -> ExitCode {
        let Some((command, matches)) = chosen(&self.matches) else {
            return exits::USAGE_CODE.into();
        };
        let group = self.matches.subcommand().map(|(_, inside)| inside);
        let between = group.filter(|group| group.subcommand_name().is_some());
        let given = CommonOptions { before: &options.matches, between, behind: matches };
        match actions::run(command, given, program).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                if !failure.error.is_silent() {
                    eprintln!("{}", told(&failure, given));
                }
                failure.error.exit_code().into()
            }
        }
    }
}

/// What is told of an error, in the form that was asked for.
fn told(failure: &CommandFailure, given: CommonOptions<'_>) -> String {
    let CommandFailure { error, address } = failure;
    // A variable that names no form is an error itself, and is told to people.
    let format = session::output_format(given).unwrap_or(OutputFormat::Table);
    let document = format.among_lines(&ErrorReport::of(error, address));
    // What cannot be written as a document is told as text.
    let document = document.ok().flatten();
    document.unwrap_or_else(|| format!("postrider: {}", advice::explained(error, address)))
}

/// The row of what was typed, and what was given to it.
fn chosen(matches: &ArgMatches) -> Option<(&'static CommandSpec, &ArgMatches)> {
    let (word, inside) = matches.subcommand()?;
    if let Some((second, deeper)) = inside.subcommand() {
        return Some((table::find(&[word, second])?, deeper));
    }
    let alone = table::find(&[word]).or_else(|| table::find(&[word, "list"]));
    Some((alone?, inside))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Result<ClientOptions, clap::Error> {
        let program = ClientOptions::augment_args(Command::new("postrider"));
        let program = ClientCommand::augment_subcommands(program.subcommand(Command::new("serve")));
        let matches = program.try_get_matches_from(line.split(' ')).unwrap();
        ClientOptions::from_arg_matches(&matches)
    }

    #[test]
    fn options_before_a_command_that_calls_nobody_are_refused() {
        assert!(options("postrider --output json tenants").is_ok());
        assert!(options("postrider serve").is_ok());
        let told = options("postrider --output json serve").unwrap_err().to_string();
        assert!(told.contains("--output is for commands that call a replica"), "{told}");
    }
}
