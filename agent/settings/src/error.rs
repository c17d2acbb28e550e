//! Why settings cannot be used, and where a setting was given.

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

/// Where a setting was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingOrigin {
    File {
        path: PathBuf,
        line: usize,
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
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Variable(name) => write!(f, "the variable {name}"),
            Self::Flag(name) => write!(f, "the flag {name}"),
            Self::Program => f.write_str("the program"),
        }
    }
}

/// Where settings were given, the later overriding the earlier. One that is not here has
/// its default.
#[derive(Clone, Debug, Default)]
pub struct SettingPlaces(Vec<(String, SettingOrigin)>);

impl SettingPlaces {
    pub(crate) fn new(given: impl IntoIterator<Item = (String, SettingOrigin)>) -> Self {
        Self(given.into_iter().collect())
    }

    /// A setting's name, with its place if it was given: what a message begins with when
    /// a value turns out wrong only in use.
    pub fn name_with_place(&self, path: &str) -> String {
        match self.latest(path) {
            Some((_, place)) => format!("{path} ({place})"),
            None => path.to_owned(),
        }
    }

    /// The same error with the place where its setting was given. One of several settings
    /// names the one that was given last, since it overrides what worked before.
    pub(crate) fn locate(&self, error: SettingsError) -> SettingsError {
        let (names, mut problem) = match error {
            SettingsError::Value { name, problem } => (vec![name], problem),
            SettingsError::Relation { names, problem } => (names, problem),
            other => return other,
        };
        let mut given: Vec<_> = names.iter().filter_map(|name| self.latest(name)).collect();
        given.sort_unstable_by_key(|(position, _)| *position);
        let Some((position, place)) = given.pop() else {
            return SettingsError::Relation { names, problem };
        };
        for (position, place) in given {
            let (name, _) = &self.0[position];
            problem = format!("{problem}; {name} is given by {place}");
        }
        let (path, place) = (self.0[position].0.clone(), place.clone());
        SettingsError::Given { path, problem, place }
    }

    /// The last place of a setting, and how far back in the order it stands.
    fn latest(&self, path: &str) -> Option<(usize, &SettingOrigin)> {
        let position = self.0.iter().rposition(|(given, _)| given == path)?;
        Some((position, &self.0[position].1))
    }
}

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    #[error("the settings cannot be read")]
    Read(#[from] config::ConfigError),
    #[error("{}: {problem}", path.display())]
    File { path: PathBuf, problem: String },
    #[error("the defaults cannot be read: {0}")]
    Defaults(String),
    #[error("{path}: {problem} ({place})")]
    Given { path: String, problem: String, place: SettingOrigin },
    /// An invalid value whose place is not known: the default itself, or what a program
    /// finds when it checks the whole.
    #[error("{name}: {problem}")]
    Value { name: &'static str, problem: String },
    /// Values that are each valid, but not together. The problem names all of them.
    #[error("{}: {problem}", names.join(", "))]
    Relation { names: Vec<&'static str>, problem: String },
}

impl SettingsError {
    /// What is wrong with a setting's value.
    pub fn value(name: &'static str, problem: impl Into<String>) -> Self {
        Self::Value { name, problem: problem.into() }
    }

    /// What is wrong between settings; `problem` names each of them.
    pub fn relation(names: &[&'static str], problem: impl Into<String>) -> Self {
        Self::Relation { names: names.to_vec(), problem: problem.into() }
    }
}
