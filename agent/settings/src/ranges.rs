//! What a number may be, and how two of them may stand to each other.
//!
//! Fed by each program's table of ranges; feeds the check of what was given, and of a
//! configuration that a program made by itself.

use std::fmt;

use crate::error::SettingsError;

/// What one setting's number may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingRange {
    /// "section.name".
    pub path: &'static str,
    pub least: u64,
    pub most: u64,
    /// What is counted, for messages: "seconds".
    pub unit: &'static str,
}

/// A row of a table of ranges.
pub const fn whole_numbers(
    path: &'static str,
    least: u64,
    most: u64,
    unit: &'static str,
) -> SettingRange {
    SettingRange { path, least, most, unit }
}

impl SettingRange {
    pub(crate) const fn contains(&self, number: u64) -> bool {
        self.least <= number && number <= self.most
    }
}

impl fmt::Display for SettingRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, most, unit, .. } = self;
        write!(f, "a whole number of {unit} from {least} to {most}")
    }
}

/// Refuses a number outside its range, for a configuration that was not read.
pub fn check_range(
    ranges: &[SettingRange],
    name: &'static str,
    number: u64,
) -> Result<(), SettingsError> {
    match ranges.iter().find(|range| range.path == name) {
        Some(range) if !range.contains(number) => {
            Err(SettingsError::value(name, format!("must be {range}, not {number}")))
        }
        _ => Ok(()),
    }
}

/// Refuses a setting whose number exceeds that of another. Each is a name and its number.
pub fn require_at_most(
    (name, number): (&'static str, u64),
    (limit_name, limit): (&'static str, u64),
) -> Result<(), SettingsError> {
    if number <= limit {
        return Ok(());
    }
    let problem = format!("{name} ({number}) must not exceed {limit_name} ({limit})");
    Err(SettingsError::relation(&[name, limit_name], problem))
}
