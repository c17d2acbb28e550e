//! The `[keys]` settings: key-encryption keys, from a file and the environment.
//!
//! Fed by the settings as they were read and by the file that they name; feeds the store.
//! Guarantees that no error and no log quotes a key.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use postrider_secret_encryption::{KeyId, KeyListError, LocalKeys, generate_key_entry};
use serde::Deserialize;
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::secret_files;

/// Thousands of keys.
const MAX_KEY_FILE_BYTES: u64 = 1024 * 1024;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    pub file: PathBuf,
    pub encryption_keys: SecretSetting,
    pub current: String,
}

/// A setting that is never printed, and is wiped.
#[derive(Clone, Default, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct SecretSetting(String);

impl fmt::Debug for SecretSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSetting(…)")
    }
}

/// Why key-encryption keys cannot be read.
#[derive(Debug, Error)]
pub enum KeySettingsError {
    #[error("keys.file: cannot read {file}: {problem}")]
    Read { file: String, problem: io::Error },
    #[error("cannot write {file}: {problem}")]
    Write { file: String, problem: io::Error },
    #[error("{file} was written, and the key is not in it as it was made")]
    NotKept { file: String },
    #[error("keys.current: {0}")]
    Current(KeyListError),
    #[error("keys.file, keys.encryption_keys: {0}")]
    List(KeyListError),
    #[error("the system gives no random bytes")]
    NoRandomness,
}

impl KeySettings {
    /// Reads the keys; none where none are given.
    pub fn load(&self) -> Result<LocalKeys, KeySettingsError> {
        let of_file = match self.file.as_os_str().is_empty() {
            true => Zeroizing::default(),
            false => {
                secret_files::warn_if_open_to_others(&self.file);
                read_key_file(&self.file).map_err(|error| unreadable(&self.file, error))?
            }
        };
        let lists: [&str; 2] = [&of_file, &self.encryption_keys.0];
        LocalKeys::parse(&lists, &self.current).map_err(|error| match error {
            KeyListError::CurrentMissing(_) | KeyListError::NoCurrent => {
                KeySettingsError::Current(error)
            }
            KeyListError::Entry(_)
            | KeyListError::Id(_)
            | KeyListError::Key(_)
            | KeyListError::Twice(_) => KeySettingsError::List(error),
        })
    }
}

fn unreadable(path: &Path, problem: io::Error) -> KeySettingsError {
    KeySettingsError::Read { file: path.display().to_string(), problem }
}

fn read_key_file(path: &Path) -> io::Result<Zeroizing<String>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len().min(MAX_KEY_FILE_BYTES);
    // With room for all of it, so that it need not be moved.
    let room = usize::try_from(length).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a file has a key of this id; not if there is no file.
pub fn holds_key(path: &Path, id: &KeyId) -> Result<bool, KeySettingsError> {
    let text = match read_key_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        text => text.map_err(|error| unreadable(path, error))?,
    };
    // Named as the current key, it must be there.
    match LocalKeys::parse(&[&text], id.as_str()) {
        Ok(_) => Ok(true),
        Err(KeyListError::CurrentMissing(_)) => Ok(false),
        Err(error) => Err(KeySettingsError::List(error)),
    }
}

/// Adds a new random key, on a line of its own, to a file of keys; makes one that only its
/// owner may read if there is none. The file is read again afterwards.
pub fn add_key_to_file(path: &Path, id: &KeyId) -> Result<(), KeySettingsError> {
    let entry = generate_key_entry(id).ok_or(KeySettingsError::NoRandomness)?;
    let line = Zeroizing::new(format!("{}\n", *entry));
    let add = || {
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
        if !ends_with_line_end(&mut file)? {
            file.write_all(b"\n")?;
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    let file = || path.display().to_string();
    add().map_err(|problem| KeySettingsError::Write { file: file(), problem })?;
    let text = read_key_file(path).map_err(|error| unreadable(path, error))?;
    let is_kept = text.lines().any(|kept| kept == *entry);
    match is_kept && holds_key(path, id)? {
        true => Ok(()),
        false => Err(KeySettingsError::NotKept { file: file() }),
    }
}

/// Whether what is written next begins a line; so it does in an empty file.
fn ends_with_line_end(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use postrider_secret_encryption::KeyEncryptionKeys as _;

    use super::*;

    fn settings(file: &Path, inline: &str, current: &str) -> KeySettings {
        KeySettings {
            file: file.to_owned(),
            encryption_keys: SecretSetting(inline.to_owned()),
            current: current.to_owned(),
        }
    }

    #[test]
    fn a_key_gets_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        let first = generate_key_entry(&"old".parse().unwrap()).unwrap();
        std::fs::write(&file, first.as_bytes()).unwrap();
        add_key_to_file(&file, &"new".parse().unwrap()).unwrap();
        let keys = settings(&file, "", "old").load().unwrap();
        assert_eq!(keys.ids().count(), 2);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(&format!("{}\n", *first)) && text.ends_with('\n'));
        assert_eq!(text.lines().count(), 2);
    }

    #[test]
    fn a_file_that_is_no_list_of_keys_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        std::fs::write(&file, "no key").unwrap();
        assert!(add_key_to_file(&file, &"new".parse().unwrap()).is_err());
    }

    #[test]
    fn keys_are_made_in_a_file_and_read_from_it_and_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys");
        add_key_to_file(&file, &"old".parse().unwrap()).unwrap();
        add_key_to_file(&file, &"new".parse().unwrap()).unwrap();
        let written = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, written.trim_end()).unwrap();
        add_key_to_file(&file, &"newest".parse().unwrap()).unwrap();
        assert!(holds_key(&file, &"old".parse().unwrap()).unwrap());
        assert!(holds_key(&file, &"newest".parse().unwrap()).unwrap());
        assert!(!holds_key(&file, &"other".parse().unwrap()).unwrap());
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let inline = generate_key_entry(&"third".parse().unwrap()).unwrap();
        let keys = settings(&file, &inline, "new").load().unwrap();
        assert_eq!(keys.ids().count(), 4);
        assert_eq!(keys.current().unwrap().as_str(), "new");
        let told = |given: KeySettings| given.load().unwrap_err().to_string();
        assert!(told(settings(&file, "", "")).starts_with("keys.current: several"));
        assert!(told(settings(&file, "", "lost")).contains("\"lost\", is not among"));
        assert!(told(settings(&folder.path().join("none"), "", "")).starts_with("keys.file: "));
        let bad = settings(Path::new(""), "a:hunter2", "");
        assert!(told(bad.clone()).starts_with("keys.file, keys.encryption_keys: the key \"a\""));
        assert!(!format!("{bad:?} {}", told(bad.clone())).contains("hunter2"));
        assert!(settings(Path::new(""), "", "").load().unwrap().is_empty());
    }
}
