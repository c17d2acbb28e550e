//! Settings as they are in force, to be shown.

use std::fmt::Write as _;

use config::ValueKind;

use crate::error::{SettingOrigin, SettingsError};
use crate::file::toml_settings;
use crate::format::{GivenSetting, SettingsFormat};
use crate::written::SettingKind;

/// A setting as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// "section.name".
    pub path: String,
    /// As TOML.
    pub value: String,
    /// Where it was given; `None` for a default.
    pub place: Option<SettingOrigin>,
}

/// Every setting of a format with its value, in the order of the defaults.
pub(crate) fn effective_settings(
    format: &SettingsFormat,
    given: &[GivenSetting],
) -> Result<Vec<EffectiveSetting>, SettingsError> {
    let defaults = toml_settings(format.defaults);
    let mut defaults = defaults.map_err(|error| SettingsError::Defaults(error.to_string()))?;
    defaults.sort_by_key(|default| default.line);
    let settings = defaults.into_iter().filter_map(|default| {
        let given = given.iter().rfind(|given| given.path == default.path);
        let value = match given {
            Some(given) => toml_text(&given.value),
            None => {
                let kind = SettingKind::of(&default.value)?;
                toml_text(&kind.accept(&default.value, None).ok()?)
            }
        };
        let place = given.map(|given| given.place.clone());
        Some(EffectiveSetting { path: default.path, value, place })
    });
    Ok(settings.collect())
}

/// A value as TOML, on one line.
fn toml_text(value: &ValueKind) -> String {
    match value {
        ValueKind::Nil => "\"\"".to_owned(),
        ValueKind::Boolean(truth) => truth.to_string(),
        ValueKind::I64(number) => number.to_string(),
        ValueKind::I128(number) => number.to_string(),
        ValueKind::U64(number) => number.to_string(),
        ValueKind::U128(number) => number.to_string(),
        ValueKind::Float(number) => number.to_string(),
        ValueKind::String(text) => quoted(text),
        ValueKind::Table(entries) => {
            let mut entries: Vec<_> = entries
                .iter()
                .map(|(name, value)| format!("{name} = {}", toml_text(&value.kind)))
                .collect();
            entries.sort_unstable();
            format!("{{ {} }}", entries.join(", "))
        }
        ValueKind::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| toml_text(&value.kind)).collect();
            format!("[{}]", values.join(", "))
        }
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use config::{Map, Value};

    use super::*;

    #[test]
    fn values_are_toml() {
        let table: Map<String, Value> =
            [("b".to_owned(), Value::from(true)), ("a".to_owned(), Value::from("x\"\\\n\u{1b}"))]
                .into_iter()
                .collect();
        let values = ValueKind::Array(vec![ValueKind::Table(table).into(), Value::from(7_u64)]);
        let text = r#"[{ a = "x\"\\\n\u001B", b = true }, 7]"#;
        assert_eq!(toml_text(&values), text);
    }
}
