//! The file of contexts: names for servers, with what is needed to call them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::exits::CliError;

/// Nobody but its owner.
const OWNER_ONLY_MODE: u32 = 0o600;
const OTHERS_MODE_BITS: u32 = 0o077;

/// The contexts, and which is used when none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextFile {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub current: String,
    pub contexts: BTreeMap<String, ContextEntry>,
}

/// One server, as one caller. What is empty is not given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContextEntry {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ca: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_cert: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_key: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_file: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tenant: String,
}

/// `$XDG_CONFIG_HOME/postrider/client.toml`, by default in `~/.config`.
pub fn default_path() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty());
    let configuration = folder("XDG_CONFIG_HOME").map(PathBuf::from);
    let configuration =
        configuration.or_else(|| folder("HOME").map(|home| Path::new(&home).join(".config")))?;
    Some(configuration.join("postrider").join("client.toml"))
}

impl ContextFile {
    /// Reads a file; one that is not there has no contexts.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => {
                return Err(anyhow::Error::new(error)
                    .context(format!("cannot read {}", path.display()))
                    .into());
            }
        };
        let file: Self = toml::from_str(&text)
            .map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
        if file.contexts.values().any(|entry| !entry.token.is_empty()) {
            warn_if_open(path);
        }
        Ok(file)
    }

    /// Writes it whole or not at all, readable by its owner alone.
    pub fn write(&self, path: &Path) -> Result<(), CliError> {
        let text = toml::to_string_pretty(self).context("the contexts as TOML")?;
        let folder = path.parent().context("a file of contexts without a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let new = path.with_extension("toml.new");
        let written = write_for_owner(&new, &text).and_then(|()| fs::rename(&new, path));
        Ok(written.with_context(|| format!("cannot write {}", path.display()))?)
    }
}

fn write_for_owner(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = File::options();
    let mut file =
        options.write(true).create(true).truncate(true).mode(OWNER_ONLY_MODE).open(path)?;
    // A file that was left there keeps its mode.
    file.set_permissions(fs::Permissions::from_mode(OWNER_ONLY_MODE))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Tells of a file with a secret that others can read or write.
pub(super) fn warn_if_open(path: &Path) {
    let mode = fs::metadata(path).map(|file| file.permissions().mode());
    if mode.is_ok_and(|mode| mode & OTHERS_MODE_BITS != 0) {
        let path = path.display();
        eprintln!("warning: others can read or write {path}: chmod 600 closes it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_and_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("postrider/client.toml");
        assert_eq!(ContextFile::read(&path).unwrap(), ContextFile::default());
        let entry = ContextEntry {
            address: "https://postrider.internal:7443".to_owned(),
            token: "prt_x".to_owned(),
            tenant: "acme".to_owned(),
            ..ContextEntry::default()
        };
        let file = ContextFile {
            current: "prod".to_owned(),
            contexts: [("prod".to_owned(), entry)].into(),
        };
        file.write(&path).unwrap();
        file.write(&path).unwrap();
        assert_eq!(ContextFile::read(&path).unwrap(), file);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, OWNER_ONLY_MODE);
        assert!(!fs::read_to_string(&path).unwrap().contains("client_key"));
    }

    #[test]
    fn a_word_that_means_nothing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.toml");
        fs::write(&path, "[contexts.prod]\nplace = \"x\"\n").unwrap();
        assert!(matches!(
            ContextFile::read(&path),
            Err(CliError::Usage(problem)) if problem.contains("place")
        ));
    }
}
