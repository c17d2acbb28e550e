//! What is wrong with a setting, and where it was given.
//!
//! Fed by reading and checking the settings; feeds the program's message. Guarantees
//! that an error names the place of the setting: the file and line, the variable, or the
//! flag.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    File { path: PathBuf, line: Option<usize> },
    Variable(String),
    Flag,
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => path.display().fmt(f),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Flag => f.write_str("a flag"),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the settings cannot be read")]
    Read(#[from] config::ConfigError),
    #[error("{}: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("{path}: {problem} ({place})")]
    Given { path: String, problem: String, place: SettingOrigin },
    /// An invalid value that is not given anywhere: the default itself.
    #[error("{name}: {problem}")]
    Value { name: &'static str, problem: String },
}
