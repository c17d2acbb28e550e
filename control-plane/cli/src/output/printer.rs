//! What goes to standard output.

use std::io::Write as _;

use prost_reflect::DynamicMessage;
use serde::Serialize;

use super::details::details;
use super::documents::{json_line, pretty_json, yaml};
use super::text_table::{TextTable, type_name};
use crate::exits::CliError;
use crate::terminal::{ColorChoice, TextTone};
use crate::values::times::TimeStyle;

/// How answers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    Table,
    Json,
    Yaml,
}

impl OutputFormat {
    /// As `--output` names them.
    pub const NAMES: [&'static str; 3] = ["table", "json", "yaml"];

    pub fn named(name: &str) -> Option<Self> {
        match name {
            "table" => Some(Self::Table),
            "json" => Some(Self::Json),
            "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }

    /// A value that stands among lines of others: a line of JSON, or a YAML document. People
    /// read none.
    pub fn among_lines<T: Serialize>(self, value: &T) -> Result<Option<String>, CliError> {
        match self {
            Self::Table => Ok(None),
            Self::Json => json_line(value).map(Some),
            Self::Yaml => Ok(Some(format!("---\n{}", yaml(value)?))),
        }
    }
}

/// Writes answers in the format that was asked for.
#[derive(Clone, Copy, Debug)]
pub struct AnswerPrinter {
    pub format: OutputFormat,
    pub colors: ColorChoice,
    pub times: TimeStyle,
}

impl AnswerPrinter {
    /// One resource.
    pub fn message(&self, message: &DynamicMessage) -> Result<(), CliError> {
        match self.format {
            OutputFormat::Table => {
                let lines = details(message, self.times);
                if lines.is_empty() {
                    eprintln!("done");
                }
                self.lines(&lines)
            }
            OutputFormat::Json | OutputFormat::Yaml => self.document(message),
        }
    }

    /// A list: a table, or one document with an array.
    pub fn list(&self, messages: &[DynamicMessage]) -> Result<(), CliError> {
        match (self.format, messages.first()) {
            (OutputFormat::Table, None) => {
                eprintln!("there are none");
                Ok(())
            }
            (OutputFormat::Table, Some(first)) => {
                self.table(&TextTable::of(&type_name(first), messages, self.times))
            }
            (OutputFormat::Json | OutputFormat::Yaml, _) => self.document(&messages),
        }
    }

    /// One of a list that has no end: a line of JSON, or a YAML document.
    pub fn streamed(&self, message: &DynamicMessage) -> Result<(), CliError> {
        match self.format {
            OutputFormat::Yaml => self.line(&format!("---\n{}", yaml(message)?)),
            OutputFormat::Json | OutputFormat::Table => self.line(&json_line(message)?),
        }
    }

    /// A document of anything; JSON where a table is asked for.
    pub fn document<T: Serialize>(&self, value: &T) -> Result<(), CliError> {
        match self.format {
            OutputFormat::Yaml => self.line(&yaml(value)?),
            OutputFormat::Json | OutputFormat::Table => self.line(&pretty_json(value)?),
        }
    }

    /// A table, whatever the format.
    pub fn table(&self, rows: &TextTable) -> Result<(), CliError> {
        self.lines(&rows.lines(self.colors))
    }

    pub fn heading(&self, text: &str) -> Result<(), CliError> {
        self.line(&self.colors.paint(TextTone::Heading, text))
    }

    pub fn lines(&self, lines: &[String]) -> Result<(), CliError> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// A line; what others wrote of it is escaped by whoever made it.
    pub fn line(&self, line: &str) -> Result<(), CliError> {
        // Not println!, which panics once nobody reads.
        writeln!(std::io::stdout().lock(), "{line}")?;
        Ok(())
    }

    /// Whether people read what is written.
    pub fn is_table(&self) -> bool {
        self.format == OutputFormat::Table
    }
}
