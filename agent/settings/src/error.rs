//! Why settings cannot be used, and where a setting was given.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    File {
        path: PathBuf,
        line: Option<usize>,
    },
    Variable(String),
    /// By its name: `--listen`.
    Flag(&'static str),
    /// By the program itself, or a test.
    Program,
}

impl fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line: Some(line) } => write!(f, "{}:{line}", path.display()),
            Self::File { path, line: None } => path.display().fmt(f),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Flag(name) => write!(f, "the flag {name}"),
            Self::Program => f.write_str("the program"),
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("the settings cannot be read")]
    Read(#[from] config::ConfigError),
    #[error("{}: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("{path}: {problem} ({place})")]
    Given { path: String, problem: String, place: SettingOrigin },
    /// An invalid value whose place is not known: the default itself, or what a program
    /// finds when it checks the whole.
    #[error("{name}: {problem}")]
    Value { name: &'static str, problem: String },
}

impl SettingsError {
    /// What is wrong with a setting's value.
    pub fn value(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Value { name, problem: problem.into() }
    }
}
