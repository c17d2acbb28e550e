//! The parser of the client commands, made from their table.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::common::common_arguments;
use crate::table::{
    AnswerView, ArgumentForm, ArgumentSpec, ArgumentValue, CommandAction, CommandSpec, GROUPS,
    commands, find,
};

/// Whether a word is a client command's first.
pub fn is_client_command(word: &str) -> bool {
    commands().any(|command| command.words.first() == Some(&word))
}

/// The client commands, to be added to a program's.
pub fn client_commands() -> Vec<Command> {
    let groups = GROUPS.iter().map(|(word, about)| group(word, about));
    let alone = commands().filter(|command| command.words.len() == 1);
    groups.chain(alone.filter_map(|command| Some(leaf(command.words.first()?, command)))).collect()
}

/// A word under which commands stand. Alone it is their list, where there is one. Options of
/// the list are not the commands' ([`refuse_own_options_before`]); common ones are.
fn group(word: &'static str, about: &'static str) -> Command {
    let mut parent = match find(&[word, "list"]) {
        Some(list) => leaf(word, list).subcommand_negates_reqs(true).after_help(""),
        None => Command::new(word).subcommand_required(true).arg_required_else_help(true),
    };
    parent = parent.about(about);
    let inside = commands().filter(|command| command.words.first() == Some(&word));
    parent.subcommands(inside.filter_map(|command| Some(leaf(command.words.get(1)?, command))))
}

fn leaf(word: &'static str, command: &'static CommandSpec) -> Command {
    let mut parser = Command::new(word).about(command.about);
    if !command.examples.is_empty() {
        let title = if command.examples.starts_with("  postrider") { "Examples:\n" } else { "" };
        parser = parser.after_help(format!("{title}{}", command.examples));
    }
    let own = command.arguments.iter();
    let own = own.filter(|argument| argument.form != ArgumentForm::Implied).map(argument);
    parser = parser.args(own);
    if is_list(command) {
        let limit = Arg::new("limit").long("limit").value_name("NUMBER").default_value("100");
        parser = parser.arg(limit.help("Most of them; 0: all"));
    }
    let is_own = |common: &Arg| command.arguments.iter().any(|own| own.id == common.get_id());
    parser.args(common_arguments().into_iter().filter(|common| !is_own(common)))
}

/// Refuses an option of a list that stands before another command of its group, to which it
/// would mean nothing.
pub fn refuse_own_options_before(group: &ArgMatches) -> Result<(), clap::Error> {
    let Some(command) = group.subcommand_name() else { return Ok(()) };
    let common = common_arguments();
    let own = group.ids().filter(|id| common.iter().all(|option| option.get_id() != *id));
    let mut given =
        own.filter(|id| group.value_source(id.as_str()) == Some(ValueSource::CommandLine));
    match given.next() {
        Some(id) => {
            let problem = format!(
                "--{id} cannot stand before \"{command}\": only options for the server and the \
                 output can"
            );
            Err(clap::Error::raw(ErrorKind::ArgumentConflict, problem))
        }
        None => Ok(()),
    }
}

/// Whether a command's answer has pages.
fn is_list(command: &CommandSpec) -> bool {
    match &command.action {
        CommandAction::Call(call) => {
            matches!(call.view, AnswerView::List(_)) && call.method.contains("/List")
        }
        _ => false,
    }
}

fn argument(spec: &'static ArgumentSpec) -> Arg {
    let argument = Arg::new(spec.id).help(spec.help);
    let argument = match spec.form {
        ArgumentForm::Positional(title) => return argument.value_name(title).required(true),
        ArgumentForm::Required => argument.long(spec.id).required(true),
        ArgumentForm::Optional | ArgumentForm::Implied => argument.long(spec.id),
    };
    match spec.value {
        ArgumentValue::Switch | ArgumentValue::FilterSwitch(_) => {
            argument.action(ArgAction::SetTrue)
        }
        ArgumentValue::Words | ArgumentValue::Names(_) | ArgumentValue::EnumNames(_) => argument
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_name(value_name(spec.value)),
        ArgumentValue::Pairs | ArgumentValue::Cleared | ArgumentValue::FilterPair(_) => {
            argument.action(ArgAction::Append).value_name(value_name(spec.value))
        }
        ArgumentValue::Elsewhere(advice) => argument
            .hide(true)
            .value_parser(move |_: &str| -> Result<String, String> { Err(advice.to_owned()) }),
        _ => argument.allow_hyphen_values(true).value_name(value_name(spec.value)),
    }
}

/// What stands for a value in the help.
fn value_name(value: ArgumentValue) -> &'static str {
    match value {
        ArgumentValue::Number => "NUMBER",
        ArgumentValue::Path => "FILE",
        ArgumentValue::Time | ArgumentValue::FilterTime(_) => "TIME",
        ArgumentValue::Span => "SPAN",
        ArgumentValue::Words | ArgumentValue::Names(_) | ArgumentValue::EnumNames(_) => "WORDS",
        ArgumentValue::Name(_) | ArgumentValue::FilterName(_, _) => "NAME",
        ArgumentValue::EnumName(_) | ArgumentValue::FilterWord(_) => "WORD",
        ArgumentValue::Pairs | ArgumentValue::FilterPair(_) => "KEY=VALUE",
        ArgumentValue::Document => "JSON",
        ArgumentValue::Content | ArgumentValue::Payload => "TEXT|@FILE|-",
        ArgumentValue::Filter => "FILTER",
        ArgumentValue::Cleared => "FIELD",
        _ => "TEXT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Command {
        Command::new("postrider").args(common_arguments()).subcommands(client_commands())
    }

    #[test]
    fn the_parser_is_consistent() {
        program().debug_assert();
    }

    /// What a shell makes of a line, as far as the examples need one.
    fn shell_words(line: &str) -> Vec<String> {
        let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
        for letter in line.chars() {
            match letter {
                '\'' => is_quoted = !is_quoted,
                '<' | '>' | '#' if !is_quoted && word.is_empty() => break,
                ' ' if !is_quoted => words.extend(Some(std::mem::take(&mut word))),
                _ => word.push(letter),
            }
        }
        words.push(word);
        words.retain(|word| !word.is_empty());
        words
    }

    #[test]
    fn what_takes_options_has_an_example_and_examples_can_be_typed() {
        for command in commands() {
            let takes_options = command.arguments.iter().any(|argument| {
                matches!(argument.form, ArgumentForm::Optional | ArgumentForm::Required)
            });
            assert!(!takes_options || !command.examples.is_empty(), "{:?}", command.words);
            let text = command.examples.replace("\\\n", "");
            for line in text.lines().filter(|line| line.starts_with("  postrider ")) {
                let matches = program().try_get_matches_from(shell_words(line));
                let matches = matches.unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(matches.subcommand_name(), command.words.first().copied(), "{line}");
            }
        }
    }

    #[test]
    fn every_option_has_a_text_in_the_man_pages() {
        for argument in client_commands().iter().flat_map(Command::get_arguments) {
            let is_told = argument.get_long_help().is_some()
                || (argument.get_help().is_some() && !argument.is_hide_short_help_set());
            assert!(is_told, "{}", argument.get_id());
        }
    }

    #[test]
    fn a_group_alone_is_its_list() {
        let matches = program()
            .try_get_matches_from(["postrider", "attempts", "--failed", "--since", "1h"])
            .unwrap();
        let (word, inside) = matches.subcommand().unwrap();
        assert_eq!((word, inside.subcommand_name()), ("attempts", None));
        assert!(inside.get_flag("failed"));
        let matches = program()
            .try_get_matches_from(["postrider", "attempts", "get", "d/1", "--tenant", "-"])
            .unwrap();
        let (_, inside) = matches.subcommand().unwrap();
        let (word, inside) = inside.subcommand().unwrap();
        assert_eq!(word, "get");
        assert_eq!(inside.get_one::<String>("tenant").map(String::as_str), Some("-"));
    }

    #[test]
    fn common_options_may_stand_between_a_group_and_its_command() {
        let group = |line: &str| {
            let matches = program().try_get_matches_from(line.split(' ')).unwrap();
            matches.subcommand().map(|(_, inside)| inside.clone()).unwrap()
        };
        for line in ["postrider tenants --output json list", "postrider attempts --failed"] {
            assert!(refuse_own_options_before(&group(line)).is_ok(), "{line}");
        }
        let told = refuse_own_options_before(&group("postrider attempts --failed get d/1"));
        let told = told.unwrap_err().to_string();
        assert!(told.contains("--failed cannot stand before \"get\""), "{told}");
    }

    #[test]
    fn an_update_of_the_status_names_what_changes_it() {
        let words = ["postrider", "subscriptions", "update", "orders", "--status", "paused"];
        let told = program().try_get_matches_from(words).unwrap_err().to_string();
        for name in ["'--status", "subscriptions enable, pause or disable"] {
            assert!(told.contains(name), "{told}");
        }
    }

    #[test]
    fn what_is_mistyped_is_told_with_what_is_like_it() {
        for (words, like) in [
            (&["postrider", "subscription", "list"][..], "'subscriptions'"),
            (&["postrider", "tenants", "lst"], "'list'"),
            (&["postrider", "attempts", "--subscripton", "orders"], "'--subscription'"),
            (&["postrider", "tenants", "--output", "jsn"], "'json'"),
        ] {
            let told = program().try_get_matches_from(words).unwrap_err().to_string();
            assert!(told.contains("similar") && told.contains(like), "{told}");
        }
    }

    #[test]
    fn what_is_missing_is_told() {
        for words in [
            &["postrider", "tenants", "get"][..],
            &["postrider", "test", "--subscription", "orders"],
            &["postrider", "stats", "orders"],
            &["postrider", "tenants", "list", "--output", "xml"],
            &["postrider", "nothing"],
        ] {
            assert!(program().try_get_matches_from(words).is_err(), "{words:?}");
        }
    }
}
