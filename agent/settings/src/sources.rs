//! The sources of settings: defaults, a file, the environment, flags.
//!
//! Fed by all four, each overriding the one before; feeds the settings of a program.
//! Guarantees that an error names the place of the setting: the file and line, the
//! variable, or the flag.

use std::ffi::OsString;
use std::path::Path;

use config::{Config, ConfigError, File, FileFormat, Map, Source as _, Value, ValueKind};
use serde::de::DeserializeOwned;

use crate::error::{SettingOrigin, SettingsError};

/// What stands between a section and a setting of it. A variable without it is none
/// of ours: Kubernetes gives every container some that begin alike
/// (`POSTRIDER_SERVICE_PORT`, `POSTRIDER_AGENT_SERVICE_PORT`) when a Service is called
/// `postrider` or `postrider-agent`.
const SECTION_SEPARATOR: &str = "__";

/// What the settings of one program look like.
#[derive(Debug)]
pub struct SettingsFormat {
    /// Every setting with its default, as TOML.
    pub defaults: &'static str,
    /// What every setting's variable begins with.
    pub variable_prefix: &'static str,
    /// What the variables of another program begin with, where that begins like ours.
    pub foreign_prefix: Option<&'static str>,
    /// The settings that have a flag, with its name, so that an error can name it.
    pub flags: &'static [(&'static str, &'static str)],
}

/// One setting that was given.
struct GivenSetting {
    /// "section.name".
    path: String,
    value: ValueKind,
    place: SettingOrigin,
}

/// Everything that was given, the later overriding the earlier.
pub struct SettingSources {
    format: &'static SettingsFormat,
    given: Vec<GivenSetting>,
}

impl SettingSources {
    /// Reads all sources. `flags` are pairs of a setting's path and its value.
    pub fn read(
        format: &'static SettingsFormat,
        file: Option<&Path>,
        variables: impl Iterator<Item = (OsString, OsString)>,
        flags: &[(&str, String)],
    ) -> Result<Self, SettingsError> {
        let mut given = match file {
            Some(path) => read_file_settings(path)?,
            None => Vec::new(),
        };
        given.extend(format.environment_settings(variables)?);
        given.extend(flags.iter().map(|(path, value)| GivenSetting {
            path: (*path).to_owned(),
            value: ValueKind::String(value.clone()),
            place: format.flag_of(path).map_or(SettingOrigin::Program, SettingOrigin::Flag),
        }));
        let sources = Self { format, given };
        sources.refuse_unknown()?;
        Ok(sources)
    }

    /// All of them over the defaults.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        self.format
            .merge_over_defaults(&self.given)
            .map_err(|error| self.find_invalid_setting::<T>().unwrap_or(SettingsError::Read(error)))
    }

    /// The same error with the place where its setting was given.
    pub fn located(&self, error: SettingsError) -> SettingsError {
        match error {
            SettingsError::Value { name, problem } => match self.origin_of(name) {
                Some(place) => {
                    SettingsError::Given { path: name.to_owned(), problem, place: place.clone() }
                }
                None => SettingsError::Value { name, problem },
            },
            other => other,
        }
    }

    /// Where a setting was given last; `None` when it has its default.
    fn origin_of(&self, path: &str) -> Option<&SettingOrigin> {
        self.given.iter().rev().find(|setting| setting.path == path).map(|setting| &setting.place)
    }

    fn refuse_unknown(&self) -> Result<(), SettingsError> {
        let known = self.format.known_paths()?;
        for GivenSetting { path, place, .. } in &self.given {
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
        let mut each = self.given.iter();
        each.find_map(|setting| {
            let alone = self.format.merge_over_defaults::<T>(std::slice::from_ref(setting));
            let error = alone.err()?;
            Some(SettingsError::Given {
                path: setting.path.clone(),
                problem: problem(&error),
                place: setting.place.clone(),
            })
        })
    }
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

    fn merge_over_defaults<T: DeserializeOwned>(
        &self,
        given: &[GivenSetting],
    ) -> Result<T, ConfigError> {
        let mut builder = Config::builder().add_source(self.defaults_file());
        for GivenSetting { path, value, .. } in given {
            builder = builder.set_override(path, value.clone())?;
        }
        builder.build()?.try_deserialize()
    }

    fn defaults_file(&self) -> File<config::FileSourceString, FileFormat> {
        File::from_str(self.defaults, FileFormat::Toml)
    }

    /// The paths of all settings.
    fn known_paths(&self) -> Result<Vec<String>, SettingsError> {
        let mut paths = Vec::new();
        flatten("", self.defaults_file().collect()?, &mut |path, _| paths.push(path));
        paths.sort_unstable();
        Ok(paths)
    }

    fn environment_settings(
        &self,
        variables: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Vec<GivenSetting>, SettingsError> {
        let known = self.known_paths()?;
        let mut given = Vec::new();
        for (name, value) in variables {
            let Some(name) = name.to_str() else { continue };
            let Some(path) = self.path_of(name) else {
                self.refuse_without_separator(name, &known)?;
                continue;
            };
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

    /// A variable that would name a setting, but for the separator, would be passed over
    /// without a word.
    fn refuse_without_separator(&self, name: &str, known: &[String]) -> Result<(), SettingsError> {
        let Some(rest) = name.strip_prefix(self.variable_prefix) else { return Ok(()) };
        let rest = rest.to_lowercase();
        let meant = known.iter().find(|path| {
            let setting = path.split_once('.').map_or(path.as_str(), |(_, setting)| setting);
            setting == rest || path.replace('.', "_") == rest
        });
        let Some(path) = meant else { return Ok(()) };
        let right = path.replace('.', SECTION_SEPARATOR).to_uppercase();
        Err(SettingsError::Given {
            path: path.clone(),
            problem: format!("must be spelt {}{right}", self.variable_prefix),
            place: SettingOrigin::Variable(name.to_owned()),
        })
    }

    /// The setting that a variable names; `None` if it is not one of ours.
    fn path_of(&self, name: &str) -> Option<String> {
        let foreign = self.foreign_prefix.and_then(|prefix| path_after(prefix, name));
        if foreign.is_some() { None } else { path_after(self.variable_prefix, name) }
    }
}

/// The setting that a variable names after its prefix.
fn path_after(prefix: &str, name: &str) -> Option<String> {
    let (section, setting) = name.strip_prefix(prefix)?.split_once(SECTION_SEPARATOR)?;
    let is_form = !section.is_empty() && !setting.is_empty();
    is_form.then(|| format!("{section}.{setting}").to_lowercase())
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

/// The line, from 1, at which a setting is in a file; `None` where it is written
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
mod tests {
    use serde::Deserialize;

    use super::*;

    static FORMAT: SettingsFormat = SettingsFormat {
        defaults: "[post]\nports = [1, \"2\"]\nhost = \"\"\nlevel = \"3\"",
        variable_prefix: "RIDER_",
        foreign_prefix: Some("RIDER_HORSE_"),
        flags: &[("post.ports", "--port"), ("post.host", "--host")],
    };

    #[derive(Debug, Deserialize)]
    struct Sample {
        post: Post,
    }

    #[derive(Debug, Deserialize)]
    struct Post {
        #[serde(deserialize_with = "crate::list")]
        ports: Vec<u16>,
        #[serde(deserialize_with = "crate::parsed_unless_empty")]
        host: Option<u16>,
        #[serde(deserialize_with = "crate::parsed")]
        level: u16,
    }

    #[derive(Debug, Deserialize)]
    struct PortList {
        #[serde(rename = "ports", deserialize_with = "crate::list")]
        _ports: Vec<u16>,
    }

    fn read(variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Post, SettingsError> {
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let sources = SettingSources::read(&FORMAT, None, variables, &flags)?;
        Ok(sources.settings::<Sample>()?.post)
    }

    #[test]
    fn texts_and_lists_are_parsed_in_either_form() {
        let defaults = FORMAT.default_settings::<Sample>().unwrap().post;
        assert_eq!((defaults.ports, defaults.host, defaults.level), (vec![1, 2], None, 3));
        let given = read(
            &[("RIDER_POST__PORTS", "5, 6"), ("RIDER_POST__HOST", "7")],
            &[("post.ports", "8"), ("post.level", "9")],
        );
        let given = given.unwrap();
        assert_eq!((given.ports, given.host, given.level), (vec![8], Some(7), 9));
        assert!(read(&[("RIDER_POST__PORTS", "")], &[]).unwrap().ports.is_empty());
        for (name, value, place) in [
            ("post.ports", "5,x", "the flag --port"),
            ("post.host", "x", "the flag --host"),
            ("post.level", "", "the program"),
        ] {
            let message = read(&[], &[(name, value)]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("{name}: ")), "{message}");
            assert!(message.ends_with(&format!(" ({place})")), "{message}");
        }
    }

    #[test]
    fn a_wrong_entry_of_a_list_is_named() {
        let message = read(&[("RIDER_POST__PORTS", "5, 6x ,7")], &[]).unwrap_err().to_string();
        assert!(message.starts_with("post.ports: \"6x\": invalid digit"), "{message}");
        let array: Map<String, Value> =
            [("ports".to_owned(), Value::from(vec![Value::from("5"), Value::from("6x")]))].into();
        let array: Result<PortList, _> = Value::from(array).try_deserialize();
        let message = problem(&array.unwrap_err());
        assert!(message.starts_with("\"6x\": invalid digit"), "{message}");
    }

    #[test]
    fn variables_of_another_program_are_left_to_it() {
        let level = |name| read(&[(name, "4")], &[]).map(|post| post.level);
        assert_eq!(level("RIDER_HORSE_POST__LEVEL").unwrap(), 3);
        assert_eq!(level("RIDER_POST__LEVEL").unwrap(), 4);
        // No setting of either: a section that begins like the other's prefix.
        assert!(level("RIDER_HORSE__LEVEL").is_err());
    }

    #[test]
    fn a_variable_without_its_section_is_refused_with_the_right_form() {
        for name in ["RIDER_LEVEL", "RIDER_POST_LEVEL"] {
            let message = read(&[(name, "4")], &[]).unwrap_err().to_string();
            let right = "post.level: must be spelt RIDER_POST__LEVEL";
            assert_eq!(message, format!("{right} (the variable {name})"));
        }
        assert!(read(&[("RIDER_SERVICE_HOST", "4"), ("RIDER_LEVELS", "4")], &[]).is_ok());
    }
}
