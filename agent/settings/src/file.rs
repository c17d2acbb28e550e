//! Settings in TOML: the embedded defaults, and a file that overrides some.
//!
//! Feeds the sources. Guarantees that each setting comes with the line of its name.

use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::error::{SettingOrigin, SettingsError};
use crate::written::{WrittenSetting, WrittenValue};

/// The settings of a text.
#[derive(Debug)]
pub(crate) struct TomlSetting {
    /// "section.name".
    pub path: String,
    pub value: WrittenValue,
    /// From 1.
    pub line: usize,
}

/// All settings of a text; the parser's message has the line and the column.
pub(crate) fn toml_settings(text: &str) -> Result<Vec<TomlSetting>, toml::de::Error> {
    let mut found = Vec::new();
    flatten(text, "", DeTable::parse(text)?.into_inner(), &mut found);
    Ok(found)
}

/// The settings of a table of tables, each with its path.
fn flatten(text: &str, prefix: &str, table: DeTable<'_>, found: &mut Vec<TomlSetting>) {
    for (name, value) in table {
        let line = line_at(text, name.span().start);
        let path = match prefix {
            "" => name.into_inner().into_owned(),
            prefix => format!("{prefix}.{}", name.into_inner()),
        };
        match value.into_inner() {
            DeValue::Table(table) => flatten(text, &path, table, found),
            value => found.push(TomlSetting { path, value: written(value), line }),
        }
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}

fn written(value: DeValue<'_>) -> WrittenValue {
    match value {
        DeValue::String(text) => WrittenValue::Text(text.into_owned()),
        DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => WrittenValue::Number(number),
            Err(_) => WrittenValue::Other(number.to_string()),
        },
        DeValue::Boolean(truth) => WrittenValue::Truth(truth),
        DeValue::Float(number) => WrittenValue::Other(number.to_string()),
        DeValue::Datetime(time) => WrittenValue::Other(time.to_string()),
        DeValue::Array(values) => {
            let values = values.into_iter().map(|value| written(value.into_inner()));
            WrittenValue::List(values.collect())
        }
        DeValue::Table(table) => {
            let entries = table
                .into_iter()
                .map(|(name, value)| (name.into_inner().into_owned(), written(value.into_inner())));
            WrittenValue::Table(entries.collect())
        }
    }
}

/// The text of a file.
pub(crate) fn read_file(path: &Path) -> Result<String, SettingsError> {
    std::fs::read_to_string(path)
        .map_err(|error| SettingsError::File { path: path.to_owned(), problem: error.to_string() })
}

/// The settings of a file's text.
pub(crate) fn file_settings(path: &Path, text: &str) -> Result<Vec<WrittenSetting>, SettingsError> {
    let unreadable = |problem: String| SettingsError::File { path: path.to_owned(), problem };
    let settings = toml_settings(text).map_err(|error| unreadable(error.to_string()))?;
    let with_place = settings.into_iter().map(|TomlSetting { path: name, value, line }| {
        let place = SettingOrigin::File { path: path.to_owned(), line };
        WrittenSetting { path: name, value, place }
    });
    Ok(with_place.collect())
}
