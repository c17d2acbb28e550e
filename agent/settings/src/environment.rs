//! Settings in the environment.
//!
//! Fed by the program's variables; feeds the sources. Guarantees that a variable which
//! was meant as a setting is never passed over, and that one of another program, or of
//! Kubernetes, is.

use std::ffi::OsString;

use crate::error::{SettingOrigin, SettingsError};
use crate::format::{KnownSettings, SettingsFormat};
use crate::written::{WrittenSetting, WrittenValue};

/// What stands between a section and a setting of it. A variable without it is none
/// of ours: Kubernetes gives every container some that begin alike
/// (`POSTRIDER_SERVICE_PORT`, `POSTRIDER_AGENT_SERVICE_PORT`) when a Service is called
/// `postrider` or `postrider-agent`.
const SECTION_SEPARATOR: &str = "__";

/// The settings that variables give.
pub(crate) fn environment_settings(
    format: &SettingsFormat,
    known: &KnownSettings,
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Vec<WrittenSetting>, SettingsError> {
    let mut given = Vec::new();
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = path_of(format, name) else {
            refuse_misspelt(format.variable_prefix, known, name)?;
            continue;
        };
        let place = SettingOrigin::Variable(name.to_owned());
        let Some(value) = value.to_str() else {
            let problem = "must be UTF-8".to_owned();
            return Err(SettingsError::Given { path, problem, place });
        };
        given.push(WrittenSetting { path, value: WrittenValue::Bare(value.to_owned()), place });
    }
    given.sort_by(|setting, other| setting.path.cmp(&other.path));
    Ok(given)
}

/// The setting that a variable names; `None` if it is not one of ours.
fn path_of(format: &SettingsFormat, name: &str) -> Option<String> {
    let foreign = format.foreign_prefix.and_then(|prefix| path_after(prefix, name));
    if foreign.is_some() { None } else { path_after(format.variable_prefix, name) }
}

/// The setting that a variable names after its prefix.
fn path_after(prefix: &str, name: &str) -> Option<String> {
    let (section, setting) = name.strip_prefix(prefix)?.split_once(SECTION_SEPARATOR)?;
    let is_form = !section.is_empty() && !setting.is_empty();
    is_form.then(|| format!("{section}.{setting}").to_lowercase())
}

/// A variable that would name a setting but for the separator, or names a section and no
/// setting of it, would be passed over without a word.
fn refuse_misspelt(prefix: &str, known: &KnownSettings, name: &str) -> Result<(), SettingsError> {
    let Some(rest) = name.strip_prefix(prefix) else { return Ok(()) };
    let rest = rest.to_lowercase();
    let variable =
        |path: &str| format!("{prefix}{}", path.replace('.', SECTION_SEPARATOR).to_uppercase());
    let meant = known.paths().find(|path| {
        let setting = path.split_once('.').map_or(*path, |(_, setting)| setting);
        setting == rest || path.replace('.', "_") == rest
    });
    let (path, problem) = match meant {
        Some(path) => (path, format!("must be spelt {}", variable(path))),
        None => {
            let section = rest.trim_end_matches('_');
            let Some(first) = known.of_section(section).next() else { return Ok(()) };
            let example = variable(&format!("{section}.{first}"));
            (section, format!("is a section; a setting of it is spelt as {example} is"))
        }
    };
    let place = SettingOrigin::Variable(name.to_owned());
    Err(SettingsError::Given { path: path.to_owned(), problem, place })
}
