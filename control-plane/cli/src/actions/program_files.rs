//! Completions and man pages, of the whole program.

use std::path::Path;

use anyhow::Context as _;
use clap::{ArgMatches, Command, ValueEnum as _};
use clap_complete::aot::{Shell, generate};

use crate::arguments::text;
use crate::exits::CliError;
use crate::program::ProgramParser;

/// The program's name, in completions.
const PROGRAM_NAME: &str = "postrider";

/// Prints a shell's completions.
pub(super) fn completions(matches: &ArgMatches, program: ProgramParser) -> Result<(), CliError> {
    let shell = text(matches, "NAME").unwrap_or_default();
    let shell: Shell = shell.parse().map_err(|_| {
        let known: Vec<_> = Shell::value_variants().iter().map(Shell::to_string).collect();
        let known = known.join(", ");
        CliError::Usage(format!("\"{shell}\" is no shell with completions: there are {known}"))
    })?;
    let mut script = Vec::new();
    generate(shell, &mut program(), PROGRAM_NAME, &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(())
}

/// Writes a man page for each command that somebody can type.
pub(super) fn man_pages(matches: &ArgMatches, program: ProgramParser) -> Result<(), CliError> {
    let folder = Path::new(text(matches, "NAME").unwrap_or_default());
    std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    let mut program = program();
    program.build();
    write_page(&program, &[], folder)
}

fn write_page(command: &Command, above: &[&str], folder: &Path) -> Result<(), CliError> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(());
    }
    let words: Vec<&str> = above.iter().copied().chain([command.get_name()]).collect();
    let name = words.join("-");
    let page = clap_mangen::Man::new(command.clone()).title(name.to_ascii_uppercase());
    let mut text = Vec::new();
    page.render(&mut text).context("a man page")?;
    let path = folder.join(format!("{name}.1"));
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    command.get_subcommands().try_for_each(|inside| write_page(inside, &words, folder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::client_commands;

    fn client_program() -> Command {
        Command::new(PROGRAM_NAME).subcommands(client_commands())
    }

    #[test]
    fn an_unknown_shell_is_told_which_there_are() {
        let words = [PROGRAM_NAME, "completions", "tcsh"];
        let matches = client_program().try_get_matches_from(words).unwrap();
        let (_, inside) = matches.subcommand().unwrap();
        let told = completions(inside, client_program).unwrap_err().to_string();
        assert!(told.ends_with("there are bash, elvish, fish, powershell, zsh"), "{told}");
    }
}
