//! Values as they were written, and the kinds of values that settings take.
//!
//! Fed by the sources; feeds the merged settings. Guarantees that no value is turned into
//! one of another kind: a number is a number, and "yes" is not true.

use std::fmt;

use config::{Value, ValueKind};

use crate::error::SettingOrigin;
use crate::ranges::SettingRange;

/// A value as it was written.
#[derive(Clone, Debug)]
pub(crate) enum WrittenValue {
    /// In a variable or a flag, which have nothing but text.
    Bare(String),
    /// A text in a file.
    Text(String),
    Number(u64),
    Truth(bool),
    List(Vec<Self>),
    /// In an array of tables; the entries in no particular order.
    Table(Vec<(String, Self)>),
    /// What no setting takes: a fraction, a number below 0 or too large, a date.
    Other(String),
}

impl fmt::Display for WrittenValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A number that is wrong is plain enough without quotation marks.
            Self::Bare(text) if text.parse::<f64>().is_ok() => f.write_str(text),
            Self::Bare(text) | Self::Text(text) => write!(f, "{text:?}"),
            Self::Number(number) => number.fmt(f),
            Self::Truth(truth) => truth.fmt(f),
            Self::List(_) => f.write_str("an array"),
            Self::Table(_) => f.write_str("a table"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// One setting as it was written.
pub(crate) struct WrittenSetting {
    /// "section.name".
    pub path: String,
    pub value: WrittenValue,
    pub place: SettingOrigin,
}

/// What kind of value a setting takes, which is that of its default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SettingKind {
    Text,
    Number,
    Truth,
    List,
}

impl SettingKind {
    /// The kind of a default; `None` if no setting may have it.
    pub fn of(default: &WrittenValue) -> Option<Self> {
        match default {
            WrittenValue::Text(_) => Some(Self::Text),
            WrittenValue::Number(_) => Some(Self::Number),
            WrittenValue::Truth(_) => Some(Self::Truth),
            WrittenValue::List(_) => Some(Self::List),
            WrittenValue::Bare(_) | WrittenValue::Table(_) | WrittenValue::Other(_) => None,
        }
    }

    /// The value to merge, or what is wrong with it.
    pub fn accept(
        self,
        value: &WrittenValue,
        range: Option<&SettingRange>,
    ) -> Result<ValueKind, String> {
        match self {
            Self::Text => match value {
                WrittenValue::Bare(text) | WrittenValue::Text(text) => Ok(text.clone().into()),
                other => Err(format!("must be a text in quotation marks, not {other}")),
            },
            Self::Number => accept_number(value, range),
            Self::Truth => match value {
                WrittenValue::Truth(truth) => Ok((*truth).into()),
                WrittenValue::Bare(text) if text == "true" => Ok(true.into()),
                WrittenValue::Bare(text) if text == "false" => Ok(false.into()),
                other => Err(format!("must be true or false, not {other}")),
            },
            Self::List => accept_list(value),
        }
    }
}

fn accept_number(value: &WrittenValue, range: Option<&SettingRange>) -> Result<ValueKind, String> {
    let number = match value {
        WrittenValue::Number(number) => Some(*number),
        WrittenValue::Bare(text) => exact_number(text),
        WrittenValue::Text(_)
        | WrittenValue::Truth(_)
        | WrittenValue::List(_)
        | WrittenValue::Table(_)
        | WrittenValue::Other(_) => None,
    };
    match (number, range) {
        (Some(number), Some(range)) if range.contains(number) => Ok(number.into()),
        (Some(number), None) => Ok(number.into()),
        (_, Some(range)) => Err(format!("must be {range}, not {value}")),
        (None, None) => Err(format!("must be a whole number of at least 0, not {value}")),
    }
}

/// A number in the form in which it would be printed: no sign, no space, no leading zero.
fn exact_number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn accept_list(value: &WrittenValue) -> Result<ValueKind, String> {
    let entries = match value {
        WrittenValue::Bare(text) | WrittenValue::Text(text) => return Ok(text.clone().into()),
        WrittenValue::List(entries) => entries,
        other => return Err(format!("must be an array of texts, not {other}")),
    };
    let values = entries.iter().map(|entry| match entry {
        WrittenValue::Text(text) => Ok(Value::from(text.clone())),
        // Which settings are of tables is known by those who read them alone.
        WrittenValue::Table(_) => accept_in_table(entry),
        other => Err(format!("must be an array of texts; {other} is not one")),
    });
    Ok(ValueKind::Array(values.collect::<Result<_, _>>()?))
}

/// A table of an array of tables, or what stands in one.
fn accept_in_table(value: &WrittenValue) -> Result<Value, String> {
    Ok(match value {
        WrittenValue::Bare(text) | WrittenValue::Text(text) => text.clone().into(),
        WrittenValue::Number(number) => (*number).into(),
        WrittenValue::Truth(truth) => (*truth).into(),
        WrittenValue::List(entries) => {
            let entries = entries.iter().map(accept_in_table);
            ValueKind::Array(entries.collect::<Result<_, _>>()?).into()
        }
        WrittenValue::Table(entries) => {
            let entry = |(name, value): &(String, _)| Ok((name.clone(), accept_in_table(value)?));
            let entries = entries.iter().map(entry).collect::<Result<_, String>>()?;
            ValueKind::Table(entries).into()
        }
        WrittenValue::Other(other) => {
            return Err(format!(
                "has {other} in a table, whose values are texts, whole numbers of at least 0, \
                 true, false, arrays and tables"
            ));
        }
    })
}
