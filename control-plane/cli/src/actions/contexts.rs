//! The commands about contexts: nobody is called.

use std::path::PathBuf;

use crate::arguments::{CommonOptions, read_input};
use crate::exits::CliError;
use crate::output::TextTable;
use crate::session::{printer, target_options, variable};
use crate::target::{ContextEntry, ContextFile};
use crate::terminal::one_line;

/// The file of contexts, and where it is.
fn open(given: CommonOptions<'_>) -> Result<(PathBuf, ContextFile), CliError> {
    let path = target_options(given).file_path(variable).ok_or_else(|| {
        CliError::Usage("neither HOME nor --client-config says where contexts are".to_owned())
    })?;
    let file = ContextFile::read(&path)?;
    Ok((path, file))
}

fn name(given: CommonOptions<'_>) -> &str {
    given.text("NAME").unwrap_or_default()
}

/// Shows all, without their tokens.
pub(super) fn list(given: CommonOptions<'_>) -> Result<(), CliError> {
    let (_, mut file) = open(given)?;
    let printer = printer(given)?;
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
pub(super) fn set(given: CommonOptions<'_>) -> Result<(), CliError> {
    let (path, mut file) = open(given)?;
    let options = target_options(given);
    let entry = file.contexts.entry(name(given).to_owned()).or_default();
    for (field, value) in [
        (&mut entry.address, options.address),
        (&mut entry.ca, absolute(options.ca)?),
        (&mut entry.client_cert, absolute(options.client_cert)?),
        (&mut entry.client_key, absolute(options.client_key)?),
        (&mut entry.token_file, absolute(options.token_file)?),
        (&mut entry.tenant, options.tenant),
    ] {
        if let Some(value) = value {
            *field = value;
        }
    }
    if given.switch("read-token") {
        let token = String::from_utf8_lossy(&read_input("-")?).trim().to_owned();
        if token.is_empty() {
            return Err(CliError::Usage("there is no token on standard input".to_owned()));
        }
        entry.token = token;
        entry.token_file.clear();
    }
    if file.current.is_empty() {
        name(given).clone_into(&mut file.current);
    }
    file.write(&path)?;
    eprintln!("kept in {}", path.display());
    if file.current != name(given) {
        let (current, name) = (one_line(&file.current), one_line(name(given)));
        eprintln!("{current} stays the current one: \"contexts use {name}\" changes that");
    }
    Ok(())
}

/// A file's path from the root, since a context is used in any folder. An empty one takes
/// the file away.
fn absolute(file: Option<String>) -> Result<Option<String>, CliError> {
    let Some(file) = file else { return Ok(None) };
    if file.is_empty() {
        return Ok(Some(file));
    }
    let path = std::path::absolute(&file);
    let path = path.map_err(|error| CliError::Usage(format!("{file}: {error}")))?;
    Ok(Some(path.display().to_string()))
}

/// Makes one the current one.
pub(super) fn make_current(given: CommonOptions<'_>) -> Result<(), CliError> {
    let (path, mut file) = open(given)?;
    require(&file, name(given))?;
    name(given).clone_into(&mut file.current);
    file.write(&path)
}

/// Forgets one.
pub(super) fn remove(given: CommonOptions<'_>) -> Result<(), CliError> {
    let (path, mut file) = open(given)?;
    require(&file, name(given))?;
    file.contexts.remove(name(given));
    if file.current == name(given) {
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
