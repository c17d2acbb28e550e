//! The commands about contexts: nobody is called.

use std::path::PathBuf;

use clap::ArgMatches;

use crate::arguments::{read_input, switch, text};
use crate::exits::CliError;
use crate::output::TextTable;
use crate::session::{printer, target_options, variable};
use crate::target::{ContextEntry, ContextFile};
use crate::terminal::one_line;

/// The file of contexts, and where it is.
fn open(matches: &ArgMatches) -> Result<(PathBuf, ContextFile), CliError> {
    let path = target_options(matches).file_path(variable).ok_or_else(|| {
        CliError::Usage("neither HOME nor --client-config says where contexts are".to_owned())
    })?;
    let file = ContextFile::read(&path)?;
    Ok((path, file))
}

fn name(matches: &ArgMatches) -> &str {
    text(matches, "NAME").unwrap_or_default()
}

/// Shows all, without their tokens.
pub(super) fn list(matches: &ArgMatches) -> Result<(), CliError> {
    let (_, mut file) = open(matches)?;
    let printer = printer(matches)?;
    for entry in file.contexts.values_mut().filter(|entry| !entry.token.is_empty()) {
        "***".clone_into(&mut entry.token);
    }
    if !printer.is_table() {
        return printer.document(&file);
    }
    if file.contexts.is_empty() {
        eprintln!("there are none");
        return Ok(());
    }
    let mut rows = TextTable::new(&["CURRENT", "CONTEXT", "ADDRESS", "TENANT", "CREDENTIAL"]);
    for (name, entry) in &file.contexts {
        let mark = if *name == file.current { "*" } else { "" };
        rows.add(&[mark, name, &entry.address, &entry.tenant, credential(entry)]);
    }
    printer.table(&rows)
}

fn credential(entry: &ContextEntry) -> &str {
    if !entry.token.is_empty() {
        "token"
    } else if !entry.token_file.is_empty() {
        &entry.token_file
    } else if !entry.client_cert.is_empty() {
        &entry.client_cert
    } else {
        ""
    }
}

/// Makes or changes one. The first becomes the current one.
pub(super) fn set(matches: &ArgMatches) -> Result<(), CliError> {
    let (path, mut file) = open(matches)?;
    let options = target_options(matches);
    let entry = file.contexts.entry(name(matches).to_owned()).or_default();
    for (field, given) in [
        (&mut entry.address, options.address),
        (&mut entry.ca, options.ca),
        (&mut entry.client_cert, options.client_cert),
        (&mut entry.client_key, options.client_key),
        (&mut entry.token_file, options.token_file),
        (&mut entry.tenant, options.tenant),
    ] {
        if let Some(given) = given {
            *field = given;
        }
    }
    if switch(matches, "read-token") {
        let token = String::from_utf8_lossy(&read_input("-")?).trim().to_owned();
        if token.is_empty() {
            return Err(CliError::Usage("there is no token on standard input".to_owned()));
        }
        entry.token = token;
        entry.token_file.clear();
    }
    if file.current.is_empty() {
        name(matches).clone_into(&mut file.current);
    }
    file.write(&path)?;
    eprintln!("kept in {}", path.display());
    if file.current != name(matches) {
        let (current, name) = (one_line(&file.current), one_line(name(matches)));
        eprintln!("{current} stays the current one: \"contexts use {name}\" changes that");
    }
    Ok(())
}

/// Makes one the current one.
pub(super) fn make_current(matches: &ArgMatches) -> Result<(), CliError> {
    let (path, mut file) = open(matches)?;
    require(&file, name(matches))?;
    name(matches).clone_into(&mut file.current);
    file.write(&path)
}

/// Forgets one.
pub(super) fn remove(matches: &ArgMatches) -> Result<(), CliError> {
    let (path, mut file) = open(matches)?;
    require(&file, name(matches))?;
    file.contexts.remove(name(matches));
    if file.current == name(matches) {
        file.current.clear();
    }
    file.write(&path)
}

fn require(file: &ContextFile, name: &str) -> Result<(), CliError> {
    if file.contexts.contains_key(name) {
        return Ok(());
    }
    Err(CliError::Usage(format!("there is no context \"{name}\"")))
}
