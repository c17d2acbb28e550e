//! What the settings of one program look like: names, kinds, ranges and defaults.
//!
//! Fed by the program; feeds the sources. Guarantees that a value which is accepted is of
//! its setting's kind and in its range.

use config::{Config, ConfigError, File, FileFormat, ValueKind};
use serde::de::DeserializeOwned;

use crate::error::{SettingOrigin, SettingsError};
use crate::file::toml_settings;
use crate::ranges::SettingRange;
use crate::written::{SettingKind, WrittenSetting, WrittenValue};

/// What the settings of one program look like.
#[derive(Debug)]
pub struct SettingsFormat {
    /// Every setting with its default, as TOML.
    pub defaults: &'static str,
    /// What every number may be.
    pub ranges: &'static [SettingRange],
    /// What every setting's variable begins with.
    pub variable_prefix: &'static str,
    /// What the variables of another program begin with, where that begins like ours.
    pub foreign_prefix: Option<&'static str>,
    /// The settings that have a flag, with its name, so that an error can name it.
    pub flags: &'static [(&'static str, &'static str)],
}

/// One setting that was given, of the right kind and in its range.
pub(crate) struct GivenSetting {
    pub path: String,
    pub value: ValueKind,
    pub place: SettingOrigin,
}

impl SettingsFormat {
    /// The name of the flag that gives a setting, if it has one.
    pub fn flag_of(&self, setting: &str) -> Option<&'static str> {
        self.flags.iter().find(|(path, _)| *path == setting).map(|(_, flag)| *flag)
    }

    /// The settings of a program that was given nothing.
    pub fn default_settings<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        Ok(self.merge_over_defaults(&[])?)
    }

    /// Every number without a range, and every range that has no number or leaves out the
    /// default. For a test of each program's table.
    pub fn wrong_ranges(&self) -> Result<Vec<String>, SettingsError> {
        let mut wrong = Vec::new();
        let mut numbers = Vec::new();
        for setting in toml_settings(self.defaults).map_err(unreadable_defaults)? {
            let WrittenValue::Number(default) = setting.value else { continue };
            let fits = |range: &SettingRange| range.contains(default);
            if !self.range_of(&setting.path).is_some_and(fits) {
                wrong.push(setting.path.clone());
            }
            numbers.push(setting.path);
        }
        let without_number = |range: &&SettingRange| !numbers.iter().any(|path| path == range.path);
        wrong.extend(self.ranges.iter().filter(without_number).map(|range| range.path.to_owned()));
        Ok(wrong)
    }

    fn range_of(&self, path: &str) -> Option<&SettingRange> {
        self.ranges.iter().find(|range| range.path == path)
    }

    /// A setting that exists, with a value that it may have.
    pub(crate) fn accept(
        &self,
        known: &KnownSettings,
        setting: WrittenSetting,
    ) -> Result<GivenSetting, SettingsError> {
        let WrittenSetting { path, value, place } = setting;
        let accepted = match known.kind_of(&path) {
            Some(kind) => kind.accept(&value, self.range_of(&path)),
            None => Err(known.why_unknown(&path)),
        };
        match accepted {
            Ok(value) => Ok(GivenSetting { path, value, place }),
            Err(problem) => Err(SettingsError::Given { path, problem, place }),
        }
    }

    pub(crate) fn merge_over_defaults<T: DeserializeOwned>(
        &self,
        given: &[GivenSetting],
    ) -> Result<T, ConfigError> {
        let defaults = File::from_str(self.defaults, FileFormat::Toml);
        let mut builder = Config::builder().add_source(defaults);
        for GivenSetting { path, value, .. } in given {
            builder = builder.set_override(path, value.clone())?;
        }
        builder.build()?.try_deserialize()
    }

    pub(crate) fn known_settings(&self) -> Result<KnownSettings, SettingsError> {
        let settings = toml_settings(self.defaults).map_err(unreadable_defaults)?;
        let kinds = settings
            .into_iter()
            .filter_map(|setting| Some((setting.path, SettingKind::of(&setting.value)?)));
        let mut kinds: Vec<_> = kinds.collect();
        kinds.sort_unstable_by(|(path, _), (other, _)| path.cmp(other));
        Ok(KnownSettings(kinds))
    }
}

fn unreadable_defaults(error: toml::de::Error) -> SettingsError {
    SettingsError::Defaults(error.to_string())
}

/// The paths and kinds of all settings that there are.
pub(crate) struct KnownSettings(Vec<(String, SettingKind)>);

impl KnownSettings {
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(path, _)| path.as_str())
    }

    /// The names of a section's settings, without the section.
    pub fn of_section(&self, section: &str) -> impl Iterator<Item = &str> {
        self.paths().filter_map(move |path| path.strip_prefix(section)?.strip_prefix('.'))
    }

    fn kind_of(&self, path: &str) -> Option<SettingKind> {
        self.0.iter().find(|(known, _)| known == path).map(|(_, kind)| *kind)
    }

    fn why_unknown(&self, path: &str) -> String {
        let section = path.split('.').next().unwrap_or_default();
        let names: Vec<&str> = self.of_section(section).collect();
        match names.is_empty() {
            true => "is not a setting; there is no such section".to_owned(),
            false => format!("is not a setting; [{section}] has {}", names.join(", ")),
        }
    }
}
