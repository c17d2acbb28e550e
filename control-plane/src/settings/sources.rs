//! The sources of settings: defaults, a file, the environment, flags.
//!
//! Fed by all four, each overriding the one before; feeds the settings, as one
//! configuration. Guarantees that an error names the place of the setting: the file and
//! line, the variable, or the flag.

use std::ffi::OsString;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Map, Source as _, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::error::{SettingOrigin, SettingsError};

/// The defaults, which are also the documentation.
pub const DEFAULT_SETTINGS_TOML: &str = include_str!("../../config.default.toml");

/// The prefix of every setting's variable.
const VARIABLE_PREFIX: &str = "POSTRIDER_";
/// What stands between a section and a setting of it. A variable without it is none
/// of ours: Kubernetes gives every container some that begin alike
/// (`POSTRIDER_SERVICE_PORT`) when a Service is called `postrider`.
const SECTION_SEPARATOR: &str = "__";

/// One setting that was given.
struct GivenSetting {
    /// "section.name".
    path: String,
    value: ValueKind,
    place: SettingOrigin,
}

/// Everything that was given, the later overriding the earlier.
pub(super) struct SettingSources(Vec<GivenSetting>);

impl SettingSources {
    /// Reads all sources. `flags` are pairs of a setting's path and its value.
    pub fn read(
        file: Option<&Path>,
        variables: impl Iterator<Item = (OsString, OsString)>,
        flags: &[(&str, String)],
    ) -> Result<Self, SettingsError> {
        let mut given = match file {
            Some(path) => read_file_settings(path)?,
            None => Vec::new(),
        };
        given.extend(read_environment_settings(variables)?);
        given.extend(flags.iter().map(|(path, value)| GivenSetting {
            path: (*path).to_owned(),
            value: ValueKind::String(value.clone()),
            place: SettingOrigin::Flag,
        }));
        let sources = Self(given);
        sources.refuse_unknown()?;
        Ok(sources)
    }

    /// All of them over the defaults.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        match merge_over_defaults(&self.0) {
            Ok(settings) => Ok(settings),
            Err(error) => {
                Err(self.find_invalid_setting::<T>().unwrap_or(SettingsError::Read(error)))
            }
        }
    }

    /// Where a setting was given last; `None` when it has its default.
    pub fn origin_of(&self, path: &str) -> Option<&SettingOrigin> {
        self.0.iter().rev().find(|setting| setting.path == path).map(|setting| &setting.place)
    }

    fn refuse_unknown(&self) -> Result<(), SettingsError> {
        let known = known_paths()?;
        for GivenSetting { path, place, .. } in &self.0 {
            if known.contains(path) {
                continue;
            }
            let section = path.split('.').next().unwrap_or_default();
            let prefix = format!("{section}.");
            let names: Vec<&str> =
                known.iter().filter_map(|known| known.strip_prefix(&prefix)).collect();
            let exists = match names.is_empty() {
                true => "there is no such section".to_owned(),
                false => format!("[{section}] has {}", names.join(", ")),
            };
            return Err(SettingsError::Given {
                path: path.clone(),
                problem: format!("is not a setting; {exists}"),
                place: place.clone(),
            });
        }
        Ok(())
    }

    /// The first setting that alone makes the configuration invalid.
    fn find_invalid_setting<T: DeserializeOwned>(&self) -> Option<SettingsError> {
        let mut each = self.0.iter();
        each.find_map(|setting| {
            let error = merge_over_defaults::<T>(std::slice::from_ref(setting)).err()?;
            Some(SettingsError::Given {
                path: setting.path.clone(),
                problem: problem(&error),
                place: setting.place.clone(),
            })
        })
    }
}

fn merge_over_defaults<T: DeserializeOwned>(given: &[GivenSetting]) -> Result<T, ConfigError> {
    let mut builder = Config::builder().add_source(defaults());
    for GivenSetting { path, value, .. } in given {
        builder = builder.set_override(path, value.clone())?;
    }
    builder.build()?.try_deserialize()
}

fn defaults() -> File<config::FileSourceString, FileFormat> {
    File::from_str(DEFAULT_SETTINGS_TOML, FileFormat::Toml)
}

/// The paths of all settings.
fn known_paths() -> Result<Vec<String>, SettingsError> {
    let mut paths = Vec::new();
    flatten("", defaults().collect()?, &mut |path, _| paths.push(path));
    paths.sort_unstable();
    Ok(paths)
}

fn read_file_settings(path: &Path) -> Result<Vec<GivenSetting>, SettingsError> {
    let unreadable = |error: std::io::Error| SettingsError::File {
        path: path.to_owned(),
        problem: error.to_string(),
    };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let read = File::from_str(&text, FileFormat::Toml).collect().map_err(|error| {
        // The parser's message has the line and the column.
        let problem = match error {
            ConfigError::FileParse { cause, .. } => cause.to_string(),
            other => other.to_string(),
        };
        SettingsError::File { path: path.to_owned(), problem }
    })?;
    let mut given = Vec::new();
    flatten("", read, &mut |setting, value| {
        let line = line_of(&text, &setting);
        let place = SettingOrigin::File { path: path.to_owned(), line };
        given.push(GivenSetting { path: setting, value, place });
    });
    Ok(given)
}

/// The settings of a table of tables, each with its path.
fn flatten(prefix: &str, table: Map<String, Value>, take: &mut impl FnMut(String, ValueKind)) {
    for (name, value) in table {
        let path = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value.kind {
            ValueKind::Table(table) => flatten(&path, table, take),
            kind => take(path, kind),
        }
    }
}

/// The line, from 1, at which a setting stands in a file; `None` where it is written
/// in a way that is not looked for.
fn line_of(text: &str, setting: &str) -> Option<usize> {
    let mut section = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            section = format!("{}.", name.trim());
            continue;
        }
        let Some((name, _)) = line.split_once('=') else { continue };
        if format!("{section}{}", name.trim()) == setting {
            return Some(number);
        }
    }
    None
}

fn read_environment_settings(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<GivenSetting>, SettingsError> {
    let mut given = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = path_of(name) else { continue };
        let place = SettingOrigin::Variable(name.to_owned());
        let Some(value) = value.to_str() else {
            let problem = "must be UTF-8".to_owned();
            return Err(SettingsError::Given { path, problem, place });
        };
        given.push(GivenSetting { path, value: ValueKind::String(value.to_owned()), place });
    }
    given.sort_by(|setting, other| setting.path.cmp(&other.path));
    Ok(given)
}

/// The setting that a variable names; `None` if it is not one of ours.
fn path_of(name: &str) -> Option<String> {
    let (section, setting) = name.strip_prefix(VARIABLE_PREFIX)?.split_once(SECTION_SEPARATOR)?;
    let is_form = !section.is_empty() && !setting.is_empty();
    is_form.then(|| format!("{section}.{setting}").to_lowercase())
}

/// What is wrong with a value, without the place.
fn problem(error: &ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => problem(error),
        ConfigError::Type { unexpected, expected, .. } => {
            format!("must be {expected}, not {unexpected}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::Settings;

    fn read(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        SettingSources::read(None, variables, &[])?.settings()
    }

    fn read_file(text: &str) -> Result<Settings, SettingsError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("postrider.toml");
        std::fs::write(&path, text).unwrap();
        SettingSources::read(Some(&path), std::iter::empty(), &[])?.settings()
    }

    #[test]
    fn what_kubernetes_says_of_a_service_is_no_setting() {
        let settings = read(&[
            ("POSTRIDER_SERVICE_HOST", "10.0.0.7"),
            ("POSTRIDER_SERVICE_PORT", "7443"),
            ("POSTRIDER_SERVICE_PORT_GRPC", "7443"),
            ("POSTRIDER_PORT", "tcp://10.0.0.7:7443"),
            ("POSTRIDER_PORT_7443_TCP", "tcp://10.0.0.7:7443"),
            ("POSTRIDER_PORT_7443_TCP_PROTO", "tcp"),
            ("POSTRIDER_AGENT_REGION", "eu"),
            ("POSTRIDER_TEST_SEED", "1"),
            ("POSTRIDER__", "x"),
            ("POSTRIDER_API__MAX_PAGE_SIZE", "77"),
        ]);
        assert_eq!(settings.unwrap().api.max_page_size, 77);
    }

    #[test]
    fn a_variable_that_is_wrong_is_named() {
        for (name, value, words) in [
            ("POSTRIDER_SERVER__LISTENS", "x", "is not a setting; [server] has "),
            ("POSTRIDER_SERVICE__LISTEN", "x", "there is no such section"),
            ("POSTRIDER_AGENT__HEARTBEAT_INTERVAL_MILLISECONDS", "1", "there is no such section"),
            ("POSTRIDER_API__MAX_PAGE_SIZE", "many", "api.max_page_size: "),
            ("POSTRIDER_DATABASE__MIGRATE_AT_START", "perhaps", "database.migrate_at_start: "),
        ] {
            let message = read(&[(name, value)]).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
            assert!(message.ends_with(&format!("(the variable {name})")), "{message}");
        }
    }

    #[test]
    fn a_file_that_is_wrong_is_named_with_the_line() {
        for (text, words, line) in [
            ("[server]\n\nlisten = 7", "server.listen: ", ":3)"),
            ("[api]\n# few\nmax_page_size = \"many\"", "api.max_page_size: ", ":3)"),
            ("[api]\nmax_page = 1", "api.max_page: is not a setting; [api] has ", ":2)"),
            ("api.max_page = 1", "api.max_page: is not a setting", ":1)"),
            ("[api]\nmax_page_size = ", "line 2, column", ""),
        ] {
            let message = read_file(text).unwrap_err().to_string();
            assert!(message.contains(words) && message.contains("postrider.toml"), "{message}");
            assert!(message.ends_with(line), "{message}");
        }
        let missing =
            SettingSources::read(Some(Path::new("/nowhere/a.toml")), std::iter::empty(), &[]);
        let message = missing.err().unwrap().to_string();
        assert!(message.starts_with("/nowhere/a.toml: "), "{message}");
        assert_eq!(read_file("[api]\nmax_page_size = 78").unwrap().api.max_page_size, 78);
    }
}
