//! What one check found.

use serde::Serialize;

use crate::advice::explained;
use crate::exits::{CliError, DENIED_CODE};
use crate::terminal::{ColorChoice, TextTone, one_line};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FindingLevel {
    Fine,
    /// Nobody knows: the caller may not look.
    Skipped,
    Warning,
    Wrong,
}

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoctorFinding {
    pub level: FindingLevel,
    pub about: &'static str,
    pub found: String,
    /// What to do; empty where all is well.
    pub advice: &'static str,
}

impl DoctorFinding {
    pub fn fine(about: &'static str, found: impl Into<String>) -> Self {
        Self { level: FindingLevel::Fine, about, found: found.into(), advice: "" }
    }

    pub fn warning(about: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { level: FindingLevel::Warning, about, found: found.into(), advice }
    }

    pub fn wrong(about: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { level: FindingLevel::Wrong, about, found: found.into(), advice }
    }

    /// A check that could not be made: for want of a credential, which says nothing about the
    /// installation, or because of a fault.
    pub fn unknown(about: &'static str, error: &CliError, address: &str) -> Self {
        let said = explained(error, address);
        let said = said.lines().next().unwrap_or_default().to_owned();
        if error.exit_code() == DENIED_CODE {
            let advice = "not checked: it takes the credential of one who may";
            return Self { level: FindingLevel::Skipped, about, found: said, advice };
        }
        Self::wrong(about, said, "it could not be checked")
    }

    pub fn line(&self, colors: ColorChoice) -> String {
        let (word, tone) = match self.level {
            FindingLevel::Fine => ("ok     ", TextTone::Good),
            FindingLevel::Skipped => ("skipped", TextTone::Warning),
            FindingLevel::Warning => ("warning", TextTone::Warning),
            FindingLevel::Wrong => ("WRONG  ", TextTone::Bad),
        };
        let advice =
            if self.advice.is_empty() { String::new() } else { format!(": {}", self.advice) };
        format!(
            "{}  {:<12}  {}{advice}",
            colors.paint(tone, word),
            self.about,
            one_line(&self.found)
        )
    }
}
