//! Importing a catalogue, with what it would change first.

use std::collections::BTreeMap;
use std::io::{BufRead as _, IsTerminal as _, Write as _};

use clap::ArgMatches;
use prost_reflect::DynamicMessage;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::arguments::{read_input, switch, text};
use crate::calls::{text_at, time_at};
use crate::exits::CliError;
use crate::output::TextTable;
use crate::session::CommandSession;

const IMPORT_METHOD: &str = "postrider.v1.EventTypeService/ImportEventTypes";
const LIST_METHOD: &str = "postrider.v1.EventTypeService/ListEventTypes";

/// What the file says, as far as it is compared. The API judges it.
#[derive(Deserialize)]
struct CatalogueFile {
    event_types: Vec<FileEventType>,
}

#[derive(Deserialize)]
struct FileEventType {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    group: String,
    schema: Option<Json>,
    #[serde(default)]
    validation: String,
    sample: Option<Json>,
}

/// A line of what an import would change.
#[derive(Debug, PartialEq, Eq)]
struct CatalogueChange {
    name: String,
    what: &'static str,
    fields: Vec<&'static str>,
}

/// Shows what the file would change; then changes it, once that is wanted.
pub(super) async fn import(session: &CommandSession, matches: &ArgMatches) -> Result<(), CliError> {
    let name = text(matches, "NAME").unwrap_or_default();
    let input = if name == "-" { name.to_owned() } else { format!("@{name}") };
    let catalogue = String::from_utf8(read_input(&input)?)
        .map_err(|_| CliError::Usage(format!("{name} is no UTF-8 text")))?;
    let file: CatalogueFile = serde_json::from_str(&catalogue)
        .map_err(|error| CliError::Usage(format!("{name}: {error}")))?;
    let request =
        |is_only_checked: bool| json!({"catalogue": catalogue, "validate_only": is_only_checked});
    // It is checked as a whole before anything is shown.
    let checked = session.api.call(IMPORT_METHOD, request(true)).await?;
    let everything = json!({"show_archived": true});
    let stored = session.api.list(LIST_METHOD, &everything, "event_types", 0).await?;
    let changes = changes(&file.event_types, &stored.items);
    show(session, &changes)?;
    if switch(matches, "dry-run") || changes.is_empty() {
        return session.printer.message(&checked);
    }
    if !switch(matches, "yes") && !is_confirmed(name)? {
        return Err(CliError::Usage("nothing was changed: give --yes to change it".to_owned()));
    }
    let imported = session.api.call(IMPORT_METHOD, request(false)).await?;
    session.printer.message(&imported)
}

fn show(session: &CommandSession, changes: &[CatalogueChange]) -> Result<(), CliError> {
    if !session.printer.is_table() {
        return Ok(());
    }
    if changes.is_empty() {
        eprintln!("it would change nothing");
        return Ok(());
    }
    let mut rows = TextTable::new(&["CHANGE", "EVENT TYPE", "FIELDS"]);
    for change in changes {
        rows.add(&[change.what, &change.name, &change.fields.join(", ")]);
    }
    session.printer.table(&rows)
}

/// Asks whoever types; without a terminal, or with the file on standard input, nobody.
fn is_confirmed(name: &str) -> Result<bool, CliError> {
    let input = std::io::stdin();
    if name == "-" || !input.is_terminal() {
        return Ok(false);
    }
    let mut errors = std::io::stderr().lock();
    write!(errors, "change it? [y/N] ")?;
    errors.flush()?;
    let mut answer = String::new();
    input.lock().read_line(&mut answer)?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

/// What differs between the file and the catalogue. Types that the file does not name
/// stay as they are.
fn changes(wanted: &[FileEventType], stored: &[DynamicMessage]) -> Vec<CatalogueChange> {
    let stored: BTreeMap<String, &DynamicMessage> =
        stored.iter().map(|stored| (text_at(stored, "name"), stored)).collect();
    let compared =
        wanted.iter().map(|wanted| match stored.get(&format!("eventTypes/{}", wanted.name)) {
            None => CatalogueChange { name: wanted.name.clone(), what: "new", fields: Vec::new() },
            Some(stored) => {
                let fields = differing(wanted, stored);
                CatalogueChange { name: wanted.name.clone(), what: "changed", fields }
            }
        });
    compared.filter(|change| change.what == "new" || !change.fields.is_empty()).collect()
}

fn differing(wanted: &FileEventType, stored: &DynamicMessage) -> Vec<&'static str> {
    let json = |field: &str| serde_json::from_str::<Json>(&text_at(stored, field)).ok();
    // What is not said follows from whether there is a schema.
    let validation = match (wanted.validation.as_str(), &wanted.schema) {
        ("", None) => "OFF",
        ("", Some(_)) => "ENFORCE",
        (said, _) => said,
    };
    let stored_validation = text_at(stored, "schema_validation");
    let compared = [
        ("description", wanted.description == text_at(stored, "description")),
        ("group", wanted.group == text_at(stored, "group")),
        ("schema", wanted.schema == json("json_schema")),
        ("validation", stored_validation == format!("SCHEMA_VALIDATION_{validation}")),
        ("sample", wanted.sample == json("sample_payload_json")),
        ("archived", time_at(stored, "archive_time").is_none()),
    ];
    compared.iter().filter(|(_, is_same)| !is_same).map(|(field, _)| *field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::message;

    fn stored(fields: Json) -> DynamicMessage {
        message("postrider.v1.EventType", fields)
    }

    #[test]
    fn new_and_changed_types_are_told_with_their_fields() {
        let file: CatalogueFile = serde_json::from_value(json!({"event_types": [
            {"name": "a", "group": "payments", "schema": {"type": "object"}, "validation": "WARN"},
            {"name": "b"},
            {"name": "c", "sample": {"x": 1}},
        ]}))
        .unwrap();
        let catalogue = [
            stored(json!({
                "name": "eventTypes/a",
                "group": "payments",
                "jsonSchema": "{ \"type\": \"object\" }",
                "schemaValidation": "SCHEMA_VALIDATION_ENFORCE",
            })),
            stored(json!({"name": "eventTypes/b", "schemaValidation": "SCHEMA_VALIDATION_OFF"})),
        ];
        let changed = |name: &str, what, fields: &[&'static str]| CatalogueChange {
            name: name.to_owned(),
            what,
            fields: fields.to_vec(),
        };
        assert_eq!(
            changes(&file.event_types, &catalogue),
            [changed("a", "changed", &["validation"]), changed("c", "new", &[])]
        );
    }
}
