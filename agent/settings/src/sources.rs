//! The sources of settings: a file, the environment, flags.
//!
//! Fed by all three, each overriding the one before, and all of them the defaults; feeds
//! the settings of a program. Guarantees that an error names the place of the setting: the
//! file and line, the variable, or the flag.

use std::ffi::OsString;
use std::path::Path;

use config::ConfigError;
use serde::de::DeserializeOwned;

use crate::effective::{EffectiveSetting, effective_settings};
use crate::environment::environment_settings;
use crate::error::{SettingOrigin, SettingPlaces, SettingsError};
use crate::file::{file_settings, read_file};
use crate::format::{GivenSetting, SettingsFormat};
use crate::written::{WrittenSetting, WrittenValue};

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
        let text = file.map(|path| read_file(path).map(|text| (path, text))).transpose()?;
        let text = text.as_ref().map(|(path, text)| (*path, text.as_str()));
        Self::parse(format, text, variables, flags)
    }

    /// The same with the text of a file.
    pub fn parse(
        format: &'static SettingsFormat,
        file: Option<(&Path, &str)>,
        variables: impl Iterator<Item = (OsString, OsString)>,
        flags: &[(&str, String)],
    ) -> Result<Self, SettingsError> {
        let known = format.known_settings()?;
        let mut written = match file {
            Some((path, text)) => file_settings(path, text)?,
            None => Vec::new(),
        };
        written.extend(environment_settings(format, &known, variables)?);
        written.extend(flags.iter().map(|(path, value)| WrittenSetting {
            path: (*path).to_owned(),
            value: WrittenValue::Bare(value.clone()),
            place: format.flag_of(path).map_or(SettingOrigin::Program, SettingOrigin::Flag),
        }));
        let given = written.into_iter().map(|setting| format.accept(&known, setting));
        Ok(Self { format, given: given.collect::<Result<_, _>>()? })
    }

    /// All of them over the defaults.
    pub fn settings<T: DeserializeOwned>(&self) -> Result<T, SettingsError> {
        self.format
            .merge_over_defaults(&self.given)
            .map_err(|error| self.find_invalid_setting::<T>().unwrap_or(SettingsError::Read(error)))
    }

    /// The same error with the place where its setting was given.
    pub fn located(&self, error: SettingsError) -> SettingsError {
        self.places().locate(error)
    }

    /// Where each setting was given.
    pub fn places(&self) -> SettingPlaces {
        let given = self.given.iter();
        SettingPlaces::new(given.map(|setting| (setting.path.clone(), setting.place.clone())))
    }

    /// Every setting with its value, in the order of the defaults.
    pub fn effective(&self) -> Result<Vec<EffectiveSetting>, SettingsError> {
        effective_settings(self.format, &self.given)
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
    use config::{Map, Value};
    use serde::Deserialize;

    use super::*;
    use crate::ranges::{require_at_most, whole_numbers};

    static FORMAT: SettingsFormat = SettingsFormat {
        defaults: "[post]\nports = [\"1\", \"2\"]\nhost = \"\"\nlevel = \"3\"\n\n\
                   [horse]\nlegs = 4\nspeed = 9\ntame = false",
        ranges: &[whole_numbers("horse.legs", 1, 4, "legs")],
        variable_prefix: "RIDER_",
        foreign_prefix: Some("RIDER_HORSE_"),
        flags: &[("post.ports", "--port"), ("post.host", "--host")],
    };

    #[derive(Debug, Deserialize)]
    struct Sample {
        post: Post,
        horse: Horse,
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
    struct Horse {
        legs: u8,
        speed: u64,
        tame: bool,
    }

    /// Of another program, whose ports are tables.
    #[derive(Debug, Deserialize)]
    struct TableSample {
        post: TablePost,
    }

    #[derive(Debug, Deserialize)]
    struct TablePost {
        ports: Vec<PortTable>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct PortTable {
        name: String,
        numbers: Vec<u16>,
        open: bool,
    }

    #[derive(Debug, Deserialize)]
    struct PortList {
        #[serde(rename = "ports", deserialize_with = "crate::list")]
        _ports: Vec<u16>,
    }

    fn sources(
        file: Option<&str>,
        variables: &[(&str, &str)],
        flags: &[(&str, &str)],
    ) -> Result<SettingSources, SettingsError> {
        let directory = tempfile::tempdir().unwrap();
        let path = file.map(|text| {
            let path = directory.path().join("rider.toml");
            std::fs::write(&path, text).unwrap();
            path
        });
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let flags: Vec<_> =
            flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        SettingSources::read(&FORMAT, path.as_deref(), variables, &flags)
    }

    fn read(variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Post, SettingsError> {
        let sources = sources(None, variables, flags)?;
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

    #[test]
    fn a_section_alone_is_no_setting() {
        for name in ["RIDER_POST", "RIDER_POST__", "RIDER_HORSE"] {
            let message = read(&[(name, "4")], &[]).unwrap_err().to_string();
            assert!(
                message.contains(": is a section; a setting of it is spelt as RIDER_"),
                "{message}"
            );
            assert!(message.ends_with(&format!("(the variable {name})")), "{message}");
        }
        for other in ["RIDER", "RIDER_", "RIDER_PORT", "RIDER_PORT_80_TCP", "RIDER_POST_PORT"] {
            assert!(read(&[(other, "4")], &[]).is_ok(), "{other}");
        }
    }

    #[test]
    fn an_array_of_tables_is_for_settings_that_are_tables() {
        let text = "[[post.ports]]\nname = \"a\"\nnumbers = [4]\nopen = true";
        let tables = sources(Some(text), &[], &[]).unwrap().settings::<TableSample>();
        let table = PortTable { name: "a".to_owned(), numbers: vec![4], open: true };
        assert_eq!(tables.unwrap().post.ports, [table]);
        let texts = sources(Some(text), &[], &[]).unwrap().settings::<Sample>();
        let message = texts.unwrap_err().to_string();
        assert!(
            message.contains("post.ports") && message.contains("an array of texts"),
            "{message}"
        );
        let message =
            sources(Some("[[post.ports]]\nlegs = -1"), &[], &[]).err().unwrap().to_string();
        assert!(message.starts_with("post.ports: has -1 in a table"), "{message}");
    }

    #[test]
    fn a_value_is_of_its_settings_kind() {
        let legs = "horse.legs: must be a whole number of legs from 1 to 4, not ";
        let speed = "horse.speed: must be a whole number of at least 0, not ";
        let tame = "horse.tame: must be true or false, not ";
        for (text, words) in [
            ("horse.legs = 0", format!("{legs}0")),
            ("horse.legs = 5", format!("{legs}5")),
            ("horse.legs = -1", format!("{legs}-1")),
            ("horse.legs = 1.5", format!("{legs}1.5")),
            ("horse.legs = true", format!("{legs}true")),
            ("horse.legs = \"4\"", format!("{legs}\"4\"")),
            ("horse.legs = []", format!("{legs}an array")),
            ("horse.speed = -7", format!("{speed}-7")),
            ("horse.speed = 18446744073709551616", format!("{speed}18446744073709551616")),
            ("horse.tame = 1", format!("{tame}1")),
            ("horse.tame = \"true\"", format!("{tame}\"true\"")),
            ("post.host = 7", "post.host: must be a text in quotation marks, not 7".to_owned()),
            ("post.ports = 7", "post.ports: must be an array of texts, not 7".to_owned()),
            ("post.ports = [7]", "post.ports: must be an array of texts; 7 is not one".to_owned()),
        ] {
            let message =
                sources(Some(&format!("\n\n{text}")), &[], &[]).err().unwrap().to_string();
            assert!(message.starts_with(&format!("{words} (")), "{message}");
            assert!(message.ends_with("rider.toml:3)"), "{message}");
        }
        for (path, value, words) in [
            ("horse.legs", "-1", "-1"),
            ("horse.legs", "1.0", "1.0"),
            ("horse.legs", "true", "\"true\""),
            ("horse.legs", "", "\"\""),
            ("horse.legs", "04", "04"),
            ("horse.legs", "+4", "+4"),
            ("horse.legs", " 4", "\" 4\""),
            ("horse.tame", "yes", "\"yes\""),
            ("horse.tame", "1", "1"),
            ("horse.tame", "True", "\"True\""),
        ] {
            let message = sources(None, &[], &[(path, value)]).err().unwrap().to_string();
            assert!(message.ends_with(&format!("not {words} (the program)")), "{message}");
        }
    }

    #[test]
    fn numbers_and_truths_are_taken_in_their_exact_forms() {
        let horse = |file: Option<&str>, flags: &[(&str, &str)]| {
            sources(file, &[], flags).unwrap().settings::<Sample>().unwrap().horse
        };
        let read = horse(Some("[horse]\nlegs = 0x3\nspeed = 1_000\ntame = true"), &[]);
        assert_eq!((read.legs, read.speed, read.tame), (3, 1_000, true));
        let largest = u64::MAX.to_string();
        let read = horse(
            Some("horse = { legs = 2, tame = true }"),
            &[("horse.legs", "1"), ("horse.speed", &largest), ("horse.tame", "false")],
        );
        assert_eq!((read.legs, read.speed, read.tame), (1, u64::MAX, false));
    }

    #[test]
    fn a_relation_names_both_settings_and_who_gave_them() {
        let locate = |file: Option<&str>, flags: &[(&str, &str)]| {
            let relation = require_at_most(("post.host", 5), ("horse.legs", 4)).unwrap_err();
            sources(file, &[], flags).unwrap().located(relation).to_string()
        };
        let both = "post.host (5) must not exceed horse.legs (4)";
        assert_eq!(
            locate(None, &[("horse.legs", "4")]),
            format!("horse.legs: {both} (the program)")
        );
        assert_eq!(
            locate(None, &[("post.host", "5")]),
            format!("post.host: {both} (the flag --host)")
        );
        let message = locate(Some("horse.legs = 4"), &[("post.host", "5")]);
        assert!(message.starts_with(&format!("post.host: {both}; horse.legs is given by ")));
        assert!(message.ends_with("rider.toml:1 (the flag --host)"), "{message}");
        assert_eq!(locate(None, &[]), format!("post.host, horse.legs: {both}"));
    }

    #[test]
    fn a_place_is_told_with_the_name() {
        let places = sources(None, &[], &[("post.host", "5")]).unwrap().places();
        assert_eq!(places.name_with_place("post.host"), "post.host (the flag --host)");
        assert_eq!(places.name_with_place("post.ports"), "post.ports");
    }

    #[test]
    fn what_is_in_force_is_told_with_its_place() {
        let sources = sources(Some("horse.legs = 3"), &[], &[("post.host", "5")]).unwrap();
        let told = sources.effective().unwrap();
        let value = |path: &str| {
            let setting = told.iter().find(|setting| setting.path == path).unwrap();
            (setting.value.as_str(), setting.place.clone())
        };
        assert_eq!(value("post.host"), ("\"5\"", Some(SettingOrigin::Flag("--host"))));
        assert_eq!(value("post.ports"), ("[\"1\", \"2\"]", None));
        assert_eq!((value("horse.legs").0, value("horse.tame")), ("3", ("false", None)));
    }

    #[test]
    fn a_number_without_a_range_is_found() {
        assert_eq!(FORMAT.wrong_ranges().unwrap(), ["horse.speed"]);
    }
}
