//! The `[database]` settings, and the file that may hold the database's URL.
//!
//! Fed by the settings as they were read and by the file that they name; feeds whoever opens
//! the database. Guarantees that no error quotes a URL, which may have a password in it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use postrider_settings::SettingsError;
use serde::Deserialize;

/// Far more than a URL has.
const MAX_URL_FILE_BYTES: u64 = 64 * 1024;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSettings {
    pub url: String,
    pub url_file: PathBuf,
    pub data_dir: PathBuf,
    pub max_connections: u32,
    pub max_read_connections: u32,
    pub start_timeout_seconds: u64,
    pub migrate_at_start: bool,
    pub shard_count: u16,
    pub retention_days: u32,
    pub min_history_retention_days: u32,
    pub min_payload_retention_hours: u32,
    pub partitions_ahead_days: u32,
}

impl DatabaseSettings {
    /// How long a start waits for a database that is away.
    pub fn start_timeout(&self) -> Duration {
        Duration::from_secs(self.start_timeout_seconds)
    }

    /// How long history is kept, where a tenant has no retention of its own.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 86_400)
    }

    /// The shortest history that a tenant may have.
    pub fn min_history_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.min_history_retention_days) * 86_400)
    }

    /// The shortest that a tenant may keep payloads.
    pub fn min_payload_retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.min_payload_retention_hours) * 3_600)
    }

    /// The file that holds the URL, if one does.
    pub fn url_file(&self) -> Option<&Path> {
        Some(self.url_file.as_path()).filter(|file| !file.as_os_str().is_empty())
    }

    /// The setting that says where the database is.
    pub(super) fn url_setting(&self) -> &'static str {
        match self.url_file() {
            Some(_) => "database.url_file",
            None => "database.url",
        }
    }

    pub(super) fn check(&self) -> Result<(), SettingsError> {
        if self.url.is_empty() {
            // In the file, or SQLite in `data_dir`.
            return Ok(());
        }
        if self.url_file().is_some() {
            let names = ["database.url", "database.url_file"];
            let problem = "database.url and database.url_file must not both be set";
            return Err(SettingsError::relation(&names, problem));
        }
        match names_engine(&self.url) {
            true => Ok(()),
            false => {
                Err(SettingsError::value("database.url", "must begin with postgres:// or sqlite:"))
            }
        }
    }

    /// Takes the URL from the file, if it is there.
    pub(super) fn read_url_file(&mut self) -> Result<(), SettingsError> {
        let Some(file) = self.url_file() else { return Ok(()) };
        let shown = file.display();
        let bad = |problem| Err(SettingsError::value("database.url_file", problem));
        let text = match read_text(file) {
            Ok(text) => text,
            Err(error) => return bad(format!("cannot read {shown}: {error}")),
        };
        let url = text.trim();
        if !names_engine(url) {
            return bad(format!("{shown} must hold a URL that begins with postgres:// or sqlite:"));
        }
        self.url = url.to_owned();
        Ok(())
    }
}

fn names_engine(url: &str) -> bool {
    const SCHEMES: [&str; 3] = ["postgres://", "postgresql://", "sqlite:"];
    SCHEMES.iter().any(|scheme| url.starts_with(scheme))
}

fn read_text(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MAX_URL_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}
