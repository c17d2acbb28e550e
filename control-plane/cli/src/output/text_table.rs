//! Rows of texts as a table, or as CSV.

use prost_reflect::{DynamicMessage, ReflectMessage as _, Value};

use super::columns::{TableColumn, columns_of};
use super::scalars::{scalar, short_name};
use crate::calls::{text_at, value_at};
use crate::terminal::{ColorChoice, TextTone, one_line};
use crate::values::times::TimeStyle;

/// Between two columns.
const GAP_SPACES: usize = 2;
/// Of fields that count something.
const COUNT_ENDING: &str = "_count";

/// A table: titles, and texts without line ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextTable {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl TextTable {
    pub fn new(titles: &[&str]) -> Self {
        Self { titles: titles.iter().map(|title| (*title).to_owned()).collect(), rows: Vec::new() }
    }

    /// The table of messages of one type.
    pub fn of(type_name: &str, messages: &[DynamicMessage], times: TimeStyle) -> Self {
        let columns = columns_of(type_name);
        let titles: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
        let mut table = Self::new(&titles);
        table.rows = messages.iter().map(|message| row(message, columns, times)).collect();
        table
    }

    /// Adds a row; texts from elsewhere may be in it.
    pub fn add<T: AsRef<str>>(&mut self, row: &[T]) {
        self.rows.push(row.iter().map(|text| one_line(text.as_ref())).collect());
    }

    /// The lines of the table. Columns in which nothing stands are left out.
    pub fn lines(&self, colors: ColorChoice) -> Vec<String> {
        let widths: Vec<usize> = (0..self.titles.len()).map(|at| self.width(at)).collect();
        let is_shown = |at: usize| widths.get(at).is_some_and(|width| *width > 0);
        let last = (0..widths.len()).rev().find(|at| is_shown(*at));
        let line = |texts: &[String]| {
            let mut line = String::new();
            for (at, text) in texts.iter().enumerate().filter(|(at, _)| is_shown(*at)) {
                line.push_str(text);
                if Some(at) != last {
                    let width = widths.get(at).copied().unwrap_or(0) + GAP_SPACES;
                    line.push_str(&" ".repeat(width.saturating_sub(text.chars().count())));
                }
            }
            line.trim_end().to_owned()
        };
        let head = colors.paint(TextTone::Heading, &line(&self.titles));
        std::iter::once(head).chain(self.rows.iter().map(|row| line(row))).collect()
    }

    /// The widest text of a column, with its title; 0 where no row has any.
    fn width(&self, at: usize) -> usize {
        let widest =
            self.rows.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count());
        match widest.max() {
            None | Some(0) => 0,
            Some(widest) => {
                widest.max(self.titles.get(at).map_or(0, |title| title.chars().count()))
            }
        }
    }

    /// The lines of the table as CSV (RFC 4180).
    pub fn csv_lines(&self) -> Vec<String> {
        let line = |texts: &[String]| {
            let texts: Vec<String> = texts.iter().map(|text| csv_field(text)).collect();
            texts.join(",")
        };
        let titles = line(&self.titles);
        std::iter::once(titles).chain(self.rows.iter().map(|row| line(row))).collect()
    }
}

fn csv_field(text: &str) -> String {
    // A spreadsheet would take the first for a formula.
    let text =
        if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

fn row(message: &DynamicMessage, columns: &[TableColumn], times: TimeStyle) -> Vec<String> {
    columns.iter().map(|(_, path)| cell(message, path, times)).collect()
}

fn cell(message: &DynamicMessage, path: &str, times: TimeStyle) -> String {
    if let Some(path) = path.strip_prefix('@') {
        return one_line(kind_name(&text_at(message, &format!("{path}.type_url"))));
    }
    let (path, is_name) = path.strip_prefix('/').map_or((path, false), |path| (path, true));
    let Some((field, value)) = value_at(message, path) else { return String::new() };
    // What is not set says nothing in a table; that there are none of something does.
    let is_count = path.ends_with(COUNT_ENDING);
    if !is_count && !field.supports_presence() && value.is_default_for_field(&field) {
        return String::new();
    }
    match &value {
        Value::String(name) if is_name => one_line(short_name(name)),
        value => scalar(&field.kind(), value, times),
    }
}

/// `ReplayDeliveries` of `type.googleapis.com/postrider.v1.ReplayDeliveriesMetadata`.
fn kind_name(type_url: &str) -> &str {
    let name = type_url.rsplit(['/', '.']).next().unwrap_or(type_url);
    name.strip_suffix("Metadata").unwrap_or(name)
}

/// The full name of a message's type.
pub(super) fn type_name(message: &DynamicMessage) -> String {
    message.descriptor().full_name().to_owned()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::fixtures::message;

    #[test]
    fn a_table_of_operations_says_what_each_does() {
        let operation = message(
            "google.longrunning.Operation",
            json!({"name": "tenants/acme/operations/op_1", "metadata": {
                "@type": "type.googleapis.com/postrider.v1.ReplayDeliveriesMetadata",
                "createTime": "2026-11-02T11:00:00Z",
                "examinedCount": "25",
            }}),
        );
        let now: Timestamp = "2026-11-02T12:00:00Z".parse().unwrap();
        let times = TimeStyle { is_absolute: false, now };
        let table = TextTable::of("google.longrunning.Operation", &[operation], times);
        assert_eq!(
            table.lines(ColorChoice::of("never")),
            [
                "OPERATION  KIND              BEGAN    EXAMINED",
                "op_1       ReplayDeliveries  1 h ago  25"
            ]
        );
    }

    #[test]
    fn that_there_is_no_agent_is_shown() {
        let region = message("postrider.v1.Region", json!({"name": "regions/eu"}));
        let times = TimeStyle { is_absolute: true, now: Timestamp::UNIX_EPOCH };
        let table = TextTable::of("postrider.v1.Region", &[region], times);
        assert_eq!(
            table.lines(ColorChoice::of("never")),
            ["REGION  AGENTS  IN FLIGHT  WANTED  BACKLOG", "eu      0       0          0       0"]
        );
    }

    fn table() -> TextTable {
        let mut table = TextTable::new(&["NAME", "NOTHING", "TEXT"]);
        table.add(&["a", "", "x, \"y\""]);
        table.add(&["longer", "", "\u{1b}[2J\nz"]);
        table
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        assert_eq!(
            table().lines(ColorChoice::of("never")),
            ["NAME    TEXT", "a       x, \"y\"", "longer  \\u{1b}[2J\\nz"]
        );
    }

    #[test]
    fn csv_is_quoted_and_has_no_formulas() {
        assert_eq!(
            table().csv_lines(),
            ["NAME,NOTHING,TEXT", "a,,\"x, \"\"y\"\"\"", "longer,,\\u{1b}[2J\\nz"]
        );
        assert_eq!(csv_field("=1+1"), "'=1+1");
    }
}
