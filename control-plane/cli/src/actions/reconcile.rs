//! The account of a window of time, and whether it adds up.

use std::io::Write;

use anyhow::Context as _;
use clap::ArgMatches;
use prost_reflect::DynamicMessage;
use serde_json::Value as Json;

use crate::arguments::{switch, text};
use crate::calls::{message_at, number_at, text_at};
use crate::exits::CliError;
use crate::output::{OutputFormat, TextTable};
use crate::session::CommandSession;
use crate::values::counts::counted;
use crate::values::times::TimeStyle;

const ROW_TYPE: &str = "postrider.v1.ReconciledEvent";
const STATE_FIELDS: [&str; 7] =
    ["held", "waiting", "in_flight", "succeeded", "exhausted", "cancelled", "suppressed"];
/// Rows of a table are aligned with each other in parts of this many.
const TABLE_PART_ROWS: usize = 1000;

/// Reads the account and shows it; one that does not add up is not as it should be.
pub(super) async fn run(
    session: &CommandSession,
    request: Json,
    matches: &ArgMatches,
) -> Result<(), CliError> {
    let is_of_one_subscription = request.get("subscription").is_some();
    let mut stream =
        session.api.watch("postrider.v1.EventService/ReconcileEvents", request).await?;
    let mut output = AccountOutput::open(session, matches)?;
    let mut seen = SeenRows::default();
    let mut summary = None;
    while let Some(part) = stream.message().await? {
        if let Some(row) = message_at(&part, "row") {
            seen.count(&row);
            output.add(row)?;
        }
        summary = message_at(&part, "summary").or(summary);
    }
    output.finish()?;
    let Some(summary) = summary else {
        return Err(CliError::Mismatch("the account ended before its summary".to_owned()));
    };
    match output.is_to_standard_output {
        // A program reads the rows; people see the counts beside them.
        true => eprintln!("{}", counts(&summary)),
        false => session.printer.message(&summary)?,
    }
    let mut problems = differences(&summary, &seen, is_of_one_subscription);
    if switch(matches, "require-success") {
        let pairs = number_at(&summary, "pair_count");
        let delivered = number_at(&summary, "pair_counts.succeeded");
        if delivered != pairs {
            let pairs = counted(pairs, "pair has", "pairs have");
            problems.push(format!("{delivered} of {pairs} succeeded"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(CliError::Mismatch(problems.join("\n"))) }
}

/// Rows as they came, counted.
#[derive(Default)]
struct SeenRows {
    pairs: i64,
    unmatched: i64,
    matched_events: i64,
    last_event: String,
}

impl SeenRows {
    fn count(&mut self, row: &DynamicMessage) {
        if text_at(row, "subscription").is_empty() {
            self.unmatched += 1;
            return;
        }
        self.pairs += 1;
        // An event's rows follow one another.
        let event = text_at(row, "event");
        if event != self.last_event {
            self.matched_events += 1;
            self.last_event = event;
        }
    }
}

/// What contradicts itself in an account.
fn differences(summary: &DynamicMessage, seen: &SeenRows, is_of_one: bool) -> Vec<String> {
    let number = |path: &str| number_at(summary, path);
    let states: i64 =
        STATE_FIELDS.iter().map(|state| number(&format!("pair_counts.{state}"))).sum();
    let mut checks = vec![
        ("pairs in all states", states, "pairs", number("pair_count")),
        ("rows with a subscription", seen.pairs, "pairs", number("pair_count")),
    ];
    // The rows of one subscription say nothing of the events of others.
    if !is_of_one {
        let unmatched = number("unmatched_event_count");
        checks.push(("rows without a subscription", seen.unmatched, "unmatched events", unmatched));
        let events = seen.matched_events + unmatched;
        checks.push(("events of rows", events, "events", number("event_count")));
    }
    let wrong = checks.into_iter().filter(|(_, left, _, right)| left != right);
    wrong.map(|(what, left, other, right)| format!("{left} {what}, but {right} {other}")).collect()
}

fn counts(summary: &DynamicMessage) -> String {
    let pairs = number_at(summary, "pair_count");
    let events = number_at(summary, "event_count");
    let delivered = number_at(summary, "pair_counts.succeeded");
    let events = counted(events, "event", "events");
    let pairs = counted(pairs, "pair with a subscription", "pairs with subscriptions");
    format!("{events}, {pairs}, {delivered} succeeded")
}

/// Whether standard output has the rows as a program reads them, and nothing beside them.
fn has_rows_for_programs(csv: Option<&str>, is_summary: bool, is_table: bool) -> bool {
    match csv {
        Some(path) => path == "-",
        None => !is_summary && !is_table,
    }
}

/// Where rows go.
struct AccountOutput<'a> {
    session: &'a CommandSession,
    /// A file of CSV; `None` for the printer's format.
    csv: Option<Box<dyn Write + Send>>,
    is_to_standard_output: bool,
    is_left_out: bool,
    is_begun: bool,
    rows: Vec<DynamicMessage>,
}

impl<'a> AccountOutput<'a> {
    fn open(session: &'a CommandSession, matches: &ArgMatches) -> Result<Self, CliError> {
        let csv: Option<Box<dyn Write + Send>> = match text(matches, "csv") {
            None => None,
            Some("-") => Some(Box::new(std::io::stdout())),
            Some(path) => {
                let file = std::fs::File::create(path);
                let file = file.with_context(|| format!("cannot make {path}"))?;
                Some(Box::new(std::io::BufWriter::new(file)))
            }
        };
        Ok(Self {
            session,
            csv,
            is_to_standard_output: has_rows_for_programs(
                text(matches, "csv"),
                switch(matches, "summary"),
                session.printer.is_table(),
            ),
            is_left_out: switch(matches, "summary"),
            is_begun: false,
            rows: Vec::new(),
        })
    }

    fn add(&mut self, row: DynamicMessage) -> Result<(), CliError> {
        if self.csv.is_none() && self.is_left_out {
            return Ok(());
        }
        if self.csv.is_none() && self.session.printer.format != OutputFormat::Table {
            return self.session.printer.streamed(&row);
        }
        self.rows.push(row);
        if self.rows.len() < TABLE_PART_ROWS { Ok(()) } else { self.write_part() }
    }

    fn write_part(&mut self) -> Result<(), CliError> {
        let times = TimeStyle { is_absolute: true, ..self.session.printer.times };
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let Some(csv) = &mut self.csv else { return self.session.printer.list(&rows) };
        let lines = TextTable::of(ROW_TYPE, &rows, times).csv_lines();
        // The titles stand once.
        let skipped = usize::from(std::mem::replace(&mut self.is_begun, true));
        for line in lines.iter().skip(skipped) {
            csv.write_all(line.as_bytes())?;
            // As RFC 4180 has it.
            csv.write_all(b"\r\n")?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), CliError> {
        self.write_part()?;
        if let Some(csv) = &mut self.csv {
            csv.flush()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::message;

    fn summary(pairs: u32, succeeded: u32) -> DynamicMessage {
        message(
            "postrider.v1.ReconcileSummary",
            json!({
                "eventCount": 2,
                "unmatchedEventCount": 1,
                "pairCount": pairs,
                "pairCounts": {"succeeded": succeeded, "exhausted": 1},
            }),
        )
    }

    fn seen() -> SeenRows {
        let mut seen = SeenRows::default();
        for (event, subscription) in [("e1", "a"), ("e1", "b"), ("e2", "")] {
            let row = json!({"event": event, "subscription": subscription});
            seen.count(&message(ROW_TYPE, row));
        }
        seen
    }

    #[test]
    fn an_account_that_adds_up_has_no_differences() {
        assert_eq!(differences(&summary(2, 1), &seen(), false), [""; 0]);
    }

    #[test]
    fn a_summary_alone_is_the_answer() {
        assert!(has_rows_for_programs(None, false, false));
        assert!(has_rows_for_programs(Some("-"), false, true));
        assert!(!has_rows_for_programs(None, false, true));
        assert!(!has_rows_for_programs(None, true, false));
        assert!(!has_rows_for_programs(Some("account.csv"), false, false));
    }

    #[test]
    fn what_does_not_add_up_is_told() {
        assert_eq!(
            differences(&summary(3, 1), &seen(), false),
            ["2 pairs in all states, but 3 pairs", "2 rows with a subscription, but 3 pairs"]
        );
        let mut missing = seen();
        missing.matched_events = 0;
        assert_eq!(
            differences(&summary(2, 1), &missing, false),
            ["1 events of rows, but 2 events"]
        );
        assert_eq!(differences(&summary(2, 1), &missing, true), [""; 0]);
    }
}
