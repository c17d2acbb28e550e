//! Events as lines of JSON.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read as _};

use clap::ArgMatches;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::arguments::text;
use crate::exits::CliError;

/// Lines that are read ahead.
const READ_AHEAD_LINES: usize = 256;
/// More than a request may have.
const MAX_LINE_BYTES: u64 = 32 << 20;

/// A line with its number, from 1, or why there are no more.
pub(super) type ReadLine = Result<(u64, String), CliError>;

/// An event as a line has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventLine<'a> {
    #[serde(rename = "type", alias = "event_type")]
    event_type: Option<String>,
    /// Any JSON value, whose bytes are the payload.
    #[serde(default, borrow, deserialize_with = "value_of_any_kind")]
    data: Option<&'a RawValue>,
    /// Any bytes, in base64.
    payload: Option<String>,
    account: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
    ordering_key: Option<String>,
    content_type: Option<String>,
    #[serde(alias = "idempotency_key")]
    key: Option<String>,
}

/// A value that is there, also where it is null.
fn value_of_any_kind<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// What lines do not say.
pub(super) struct LineDefaults {
    pub parent: String,
    pub event_type: String,
    /// A line without a key has this and its number.
    pub key_prefix: Option<String>,
}

impl LineDefaults {
    pub fn of(matches: &ArgMatches, parent: String) -> Self {
        Self {
            parent,
            event_type: text(matches, "type").unwrap_or_default().to_owned(),
            key_prefix: text(matches, "key-prefix").map(str::to_owned),
        }
    }

    /// The request of a line, and whether it has a key.
    pub fn request(&self, number: u64, line: &str) -> Result<(Json, bool), CliError> {
        let problem = |problem: String| CliError::Usage(format!("line {number}: {problem}"));
        // The parser's own count of lines would contradict the line's number.
        let wrong = |error: serde_json::Error| {
            problem(error.to_string().replace(" at line 1 column", " at column"))
        };
        let line: EventLine<'_> = serde_json::from_str(line.trim_end()).map_err(wrong)?;
        let mut event =
            json!({"event_type": line.event_type.as_deref().unwrap_or(&self.event_type)});
        match (line.data, line.payload) {
            (Some(data), None) => event["payload_json"] = json!(data.get()),
            (None, Some(payload)) => event["payload"] = json!(payload),
            _ => return Err(problem("must have data or payload".to_owned())),
        }
        for (field, value) in [
            ("account", line.account),
            ("ordering_key", line.ordering_key),
            ("content_type", line.content_type),
        ] {
            if let Some(value) = value {
                event[field] = json!(value);
            }
        }
        if let Some(attributes) = line.attributes {
            event["attributes"] = json!(attributes);
        }
        let made = || self.key_prefix.as_ref().map(|prefix| format!("{prefix}{number}"));
        let key = line.key.filter(|key| !key.is_empty()).or_else(made);
        let publish = json!({
            "parent": self.parent,
            "event": event,
            "idempotency_key": key.as_deref().unwrap_or_default(),
        });
        Ok((json!({"request_id": number, "publish": publish}), key.is_some()))
    }
}

/// Reads lines from this one on, in a thread, since a terminal or a pipe may block.
pub(super) fn read_lines(
    matches: &ArgMatches,
    first: u64,
) -> Result<mpsc::Receiver<ReadLine>, CliError> {
    let (sender, receiver) = mpsc::channel(READ_AHEAD_LINES);
    let input: Box<dyn BufRead + Send> = match text(matches, "file") {
        None | Some("-") => Box::new(BufReader::new(std::io::stdin())),
        Some(path) => {
            let file = std::fs::File::open(path)
                .map_err(|error| CliError::Usage(format!("cannot read {path}: {error}")))?;
            Box::new(BufReader::new(file))
        }
    };
    std::thread::spawn(move || send_lines(input, first, &sender));
    Ok(receiver)
}

fn send_lines(mut input: Box<dyn BufRead + Send>, first: u64, sender: &mpsc::Sender<ReadLine>) {
    for number in 1.. {
        let line = match read_line(&mut *input, number) {
            Ok(Some(line)) if number < first || line.trim().is_empty() => continue,
            Ok(Some(line)) => Ok((number, line)),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let is_last = line.is_err();
        // Nobody reads any more: the command has ended.
        if sender.blocking_send(line).is_err() || is_last {
            return;
        }
    }
}

fn read_line(input: &mut dyn BufRead, number: u64) -> Result<Option<String>, CliError> {
    let mut bytes = Vec::new();
    let read = input.take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut bytes);
    let read = read.map_err(|error| CliError::Usage(format!("line {number}: {error}")))?;
    if read == 0 {
        return Ok(None);
    }
    if u64::try_from(read).is_ok_and(|read| read > MAX_LINE_BYTES) {
        let problem = format!("line {number}: longer than {MAX_LINE_BYTES} bytes");
        return Err(CliError::Usage(problem));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| CliError::Usage(format!("line {number}: is no UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(key_prefix: Option<&str>) -> LineDefaults {
        LineDefaults {
            parent: "tenants/acme".to_owned(),
            event_type: "payment.completed".to_owned(),
            key_prefix: key_prefix.map(str::to_owned),
        }
    }

    #[test]
    fn a_line_is_an_event_whose_bytes_are_kept() {
        let line = r#"{"type": "a", "data": {"x": 1.00, "x": 1e400}, "key": "k", "account": "SE"}"#;
        let (request, has_key) = defaults(None).request(7, line).unwrap();
        assert_eq!(
            request,
            json!({"request_id": 7, "publish": {
                "parent": "tenants/acme",
                "event": {
                    "event_type": "a",
                    "payload_json": r#"{"x": 1.00, "x": 1e400}"#,
                    "account": "SE",
                },
                "idempotency_key": "k",
            }})
        );
        assert!(has_key);
    }

    #[test]
    fn a_line_without_a_key_has_one_of_its_number_or_none() {
        let line = r#"{"data": null}"#;
        let (request, has_key) = defaults(Some("run-1/")).request(7, line).unwrap();
        assert_eq!((&request["publish"]["idempotency_key"], has_key), (&json!("run-1/7"), true));
        assert_eq!(request["publish"]["event"]["event_type"], "payment.completed");
        assert!(!defaults(None).request(7, line).unwrap().1);
    }

    #[test]
    fn a_wrong_line_is_told_by_its_number() {
        for bad in
            ["", "{\n", "[]", "{}", r#"{"data": 1, "payload": "eA=="}"#, r#"{"data": 1, "x": 1}"#]
        {
            let problem = defaults(None).request(7, bad).map(drop).unwrap_err().to_string();
            assert!(problem.starts_with("line 7: "), "{problem}");
            assert_eq!(problem.matches("line").count(), 1, "{problem}");
        }
    }

    #[tokio::test]
    async fn lines_are_read_from_the_wanted_one_on() {
        let (sender, mut receiver) = mpsc::channel(8);
        let input = Box::new(std::io::Cursor::new("1\n2\n\n4"));
        std::thread::spawn(move || send_lines(input, 2, &sender));
        let mut read = Vec::new();
        while let Some(line) = receiver.recv().await {
            read.push(line.unwrap());
        }
        assert_eq!(read, [(2, "2\n".to_owned()), (4, "4".to_owned())]);
    }
}
