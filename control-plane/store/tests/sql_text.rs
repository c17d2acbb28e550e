//! What is true of the statements' texts, in `sql/` and in the engines' constants.
//!
//! Fed by the files themselves. Guarantees that a number with a name beside it is that
//! name's code, that no state stands there without its name, that every list of a
//! table's columns is whole and in one order, which SQLite's rows are read by, and that
//! statements that are variants of each other differ in what they are named for only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

use std::fmt::Debug;
use std::fs;
use std::path::{Path, PathBuf};

use postrider_domain::delivery::{DeliveryState, Trigger};
use postrider_domain::operation::OperationState;
use postrider_identity::TokenKind;

const ENGINES: [&str; 2] = ["postgres", "sqlite"];

/// Columns with which whole rows are read or written; who adds one adds it here first.
const POSTGRES_LISTS: &[&str] = &[
    "id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts, failures, \
     trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed",
    "id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger, due, \
     deadline, ordering_key, sequence, test, resend_of, filter_failed",
    "tenant, id, create_time, event_type, account, attributes, ordering_key, content_type, \
     payload_sha256, traceparent, tracestate, idempotency_key, matched, test",
    "delivery, number, tenant, subscription, event, event_type, outcome, http_status, start_time, \
     dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers, response_body, \
     response_body_bytes, response_body_truncated, error, agent, region, remote_address, \
     http_version, trigger, test, next_attempt_time, settings_revision, delivery_state, \
     delivery_end_reason",
    "id AS delivery, attempts AS number, tenant, subscription, event, event_type, outcome, \
     http_status, start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, \
     response_headers, response_body, response_body_bytes, response_body_truncated, error, agent, \
     region, remote_address, http_version, trigger, test, NULL::bigint AS next_attempt_time, \
     settings_revision, state AS delivery_state, end_reason AS delivery_end_reason",
    "outcome, http_status, start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, \
     response_headers, response_body, response_body_bytes, response_body_truncated, error, agent, \
     region, remote_address, http_version",
    "id, display_name, allow_insecure_urls, labels, config_version, revision, create_time, \
     update_time, delete_time, history_retention, payload_retention",
    "tenant, id, status, status_reason, settings, data_key, signing_keys, header_values, \
     credentials, paused_total_us, paused_since, revision, request_revision, create_time, \
     update_time, delete_time",
    "name, description, group_name, json_schema, validation, sample, archive_time, create_time, \
     update_time, revision",
    "tenant, id, shard, task, state, failure, cursor, examined, made, unfinished, payload_bytes, \
     create_time, end_time",
    "id, hash, kind, display_name, grants, created_by, create_time, expire_time, revoke_time, \
     last_use_time, tenant",
    "hash, kind, caller, tenant, identity, create_time, last_use_time, expire_time",
    AUDIT_RECORD,
    AUDIT_CHAIN,
];

const AUDIT_RECORD: &str = "chain, sequence, previous, hash, record_time, actor, address, \
     request_id, method, resource, changes, left_out";
const AUDIT_CHAIN: &str = "chain, sequence, hash, checkpoint_sequence, checkpoint_hash, \
     checkpoint_time, checkpoint_signature";

const SQLITE_LISTS: &[&str] = &[
    "id, tenant, subscription, event, event_type, account, shard, epoch, state, end_reason, \
     attempts, failures, cause, due, deadline, end_time, ordering_key, sequence, test, resend_of, \
     filter_failed",
    "id, event, tenant, subscription, event_type, account, state, end_reason, attempts, failures, \
     cause, due, deadline, end_time, ordering_key, sequence, test, resend_of, filter_failed",
    "tenant, id, event_type, account, attributes, ordering_key, content_type, payload_sha256, \
     traceparent, tracestate, idempotency_key, matched, test, payload",
    "record_time, tenant, delivery, number, subscription, event, event_type, outcome, http_status, \
     start_time, dns, connect, tls, first_byte, total, response_headers, response_body, \
     response_body_bytes, response_body_truncated, error, agent, region, remote_address, \
     http_version, cause, test, next_attempt_time, settings_revision, delivery_state, \
     delivery_end_reason",
    "end_time AS record_time, tenant, id AS delivery, attempts AS number, subscription, event, \
     event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total, \
     response_headers, response_body, response_body_bytes, response_body_truncated, error, agent, \
     region, remote_address, http_version, cause, test, NULL AS next_attempt_time, \
     settings_revision, state AS delivery_state, end_reason AS delivery_end_reason",
    "outcome, http_status, start_time, dns, connect, tls, first_byte, total, response_headers, \
     response_body, response_body_bytes, response_body_truncated, error, agent, region, \
     remote_address, http_version",
    "id, display_name, allow_insecure_urls, labels, config_version, revision, create_time, \
     update_time, delete_time, history_retention, payload_retention",
    "tenant, id, status, status_reason, settings, data_key, signing_keys, header_values, \
     credentials, paused_total, paused_since, revision, request_revision, create_time, \
     update_time, delete_time",
    "name, description, group_name, json_schema, validation, sample, archive_time, create_time, \
     update_time, revision",
    "tenant, id, shard, task, state, failure, cursor, examined, made, unfinished, payload_bytes, \
     create_time, end_time",
    "id, hash, kind, display_name, grants, created_by, create_time, expire_time, revoke_time, \
     last_use_time, tenant",
    "hash, kind, caller, tenant, identity, create_time, last_use_time, expire_time",
    AUDIT_RECORD,
    AUDIT_CHAIN,
];

fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

/// A file without comments of a line's length, and without line breaks.
fn collapsed(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let kept = text.lines().filter(|line| !line.trim_start().starts_with(['-', '/']));
    let text = kept.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(" )", ")")
}

fn texts(engine: &str) -> Vec<(PathBuf, String)> {
    let all = [files(&format!("src/{engine}")), files(&format!("sql/{engine}"))].concat();
    all.into_iter().map(|path| (path.clone(), collapsed(&path))).collect()
}

/// `InFlight` as IN_FLIGHT.
fn name(variant: impl Debug) -> String {
    let mut name = String::new();
    for letter in format!("{variant:?}").chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(letter.to_uppercase());
    }
    name
}

/// The names that numbers may have beside them in a file.
fn codes(path: &Path) -> Vec<(String, i16)> {
    if path.file_stem().unwrap() == "operations" {
        return OperationState::ALL.iter().map(|state| (name(state), state.code())).collect();
    }
    if path.file_stem().unwrap() == "tokens" {
        return TokenKind::ALL.iter().map(|kind| (name(kind), kind.code())).collect();
    }
    let states = DeliveryState::ALL.iter().map(|state| (name(state), state.code()));
    states.chain(Trigger::ALL.iter().map(|trigger| (name(trigger), trigger.code()))).collect()
}

/// The number at the end of a text, whatever it is cast to.
fn last_number(text: &str) -> Option<i16> {
    let text = text.trim_end().trim_end_matches("::smallint");
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_digit());
    text[digits.len()..].parse().ok()
}

#[test]
fn a_number_with_a_name_is_its_code() {
    let mut seen = 0;
    for (path, text) in ENGINES.iter().flat_map(|engine| texts(engine)) {
        for (at, _) in text.match_indices("/* ") {
            let (label, _) = text[at + 3..].split_once(" */").unwrap();
            let code = last_number(&text[..at]).unwrap_or_else(|| panic!("{path:?}: {label}"));
            assert!(codes(&path).contains(&(label.to_owned(), code)), "{path:?}: {code} {label}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}

/// The numbers that a column is compared with or set to: the texts from each on.
fn compared<'t>(text: &'t str, column: &str) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(column) {
        let before = text[..at].chars().next_back();
        let whole = !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        let Some(rest) = text[at + column.len()..].strip_prefix(' ').filter(|_| whole) else {
            continue;
        };
        let rest = rest.strip_prefix("+ 0 ").unwrap_or(rest);
        let operators = ["= ", "<> ", "< ", "> ", "<= ", ">= "];
        if let Some(list) = rest.strip_prefix("IN (") {
            let end = list.find(')').unwrap_or(list.len());
            found.extend(list[..end].split(", "));
        }
        found.extend(operators.iter().find_map(|operator| rest.strip_prefix(operator)));
    }
    found.retain(|value| value.starts_with(|letter: char| letter.is_ascii_digit()));
    found
}

#[test]
fn no_state_or_trigger_stands_without_its_name() {
    let mut seen = 0;
    for (path, text) in ENGINES.iter().flat_map(|engine| texts(engine)) {
        for column in ["state", "trigger", "cause"] {
            for value in compared(&text, column) {
                let rest = value.trim_start_matches(|letter: char| letter.is_ascii_digit());
                assert!(rest.starts_with(" /* "), "{path:?}: {column} {value:.20}");
                seen += 1;
            }
        }
    }
    assert!(seen > 50, "{seen}");
}

/// Cuts a text at the commas that are in no parentheses, up to the end of a list.
fn elements(text: &str, most: usize) -> Vec<&str> {
    let (mut found, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            _ => {}
        }
        if depth < 0 || found.len() == most {
            break;
        }
        let from = depth == 0 && text[at..].starts_with(" FROM ");
        if depth == 0 && letter == ',' || from || letter == '"' {
            found.push(text[start..at].trim());
            start = at + 1;
        }
        if from || letter == '"' {
            return found;
        }
    }
    if found.len() < most {
        found.push(text[start..].split([')', ' ']).find(|part| !part.is_empty()).unwrap_or(""));
    }
    found
}

/// Compares each list in a text that begins as `list` does; says how many there are.
fn compare_lists(path: &Path, text: &str, list: &str, prefix: &str) -> usize {
    let columns: Vec<_> = list.split(", ").collect();
    let wanted: Vec<_> = columns.iter().map(|column| format!("{prefix}{column}")).collect();
    let beginning = wanted[..3].join(", ") + ",";
    let mut seen = 0;
    for (at, _) in text.match_indices(&beginning) {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|letter| letter.is_alphanumeric() || "_.".contains(letter)) {
            continue;
        }
        let found = elements(&text[at..], columns.len());
        assert_eq!(found.len(), columns.len(), "{path:?}: {found:?}");
        for (found, wanted) in found.iter().zip(&wanted) {
            // Another value may be in a column's place, but not another column.
            let column = found.strip_prefix(prefix).unwrap_or(found);
            let replaced = !columns.contains(&column);
            assert!(found == wanted || replaced, "{path:?}: {found} for {wanted}");
        }
        seen += 1;
    }
    seen
}

#[test]
fn lists_of_columns_are_whole() {
    for (engine, lists) in ENGINES.iter().zip([POSTGRES_LISTS, SQLITE_LISTS]) {
        for list in lists {
            let mut seen = 0;
            for (path, text) in texts(engine) {
                for prefix in ["", "d.", "e."] {
                    seen += compare_lists(&path, &text, list, prefix);
                }
            }
            assert!(seen >= 3, "{engine}: {list}: {seen}");
        }
    }
}

fn statement(name: &str) -> String {
    collapsed(&Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sql/postgres/{name}.sql")))
}

/// The part of a text from one of its words on and up to another.
fn part<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let start = text.find(from).unwrap_or_else(|| panic!("{from} in {text}"));
    let length = text[start..].find(to).unwrap_or_else(|| panic!("{to} in {text}"));
    &text[start..start + length]
}

fn without(text: &str, from: &str, to: &str) -> String {
    text.replacen(part(text, from, to), "", 1)
}

#[test]
fn variants_of_publish_differ_in_what_they_are_named_for() {
    let answer = " SELECT (SELECT open FROM fence) AS in_time";
    let publish = statement("publish");
    let keys = statement("publish_keys");
    for (short, long) in [(&publish, "publish_ended"), (&keys, "publish_keys_ended")] {
        assert_eq!(*short, without(&statement(long), ", ended AS (", answer));
    }
    let keyless = without(&keys, ", asked AS MATERIALIZED (", ", everything AS MATERIALIZED")
        .replace(" AND NOT EXISTS (SELECT FROM refused)", "")
        .replace(" AND id NOT IN (SELECT event FROM refused)", "")
        .replace(" AND event NOT IN (SELECT event FROM refused)", "")
        .replace("(SELECT coalesce(array_agg(event), '{}') FROM refused)", "'{}'::uuid[]");
    assert_eq!(keyless, publish);
}

#[test]
fn deliveries_are_numbered_alike_wherever_they_are_added() {
    let passes = [
        "((SELECT yes FROM everything) OR (SELECT ok FROM checked)[config])",
        "((SELECT yes FROM everything) OR ord IN (SELECT ord FROM added))",
    ];
    let numbered = |name: &str| {
        let text = statement(name);
        let end = ["ended AS (", "later AS (", "SELECT (SELECT open"];
        let end = end.into_iter().find(|end| text.contains(end)).unwrap();
        let text = part(&text, "kept AS MATERIALIZED (", end).trim_end_matches([',', ' ']);
        passes.iter().fold(text.to_owned(), |text, condition| text.replace(condition, "$passes"))
    };
    assert_eq!(numbered("publish"), numbered("add_delivery"));
    assert_eq!(numbered("publish"), numbered("insert_deliveries"));
}

#[test]
fn attempts_are_recorded_and_counted_alike_in_every_conclusion() {
    let ended = statement("conclude_ended");
    let retries = statement("conclude_with_retries");
    let of_ends = without(&retries, ", again AS (", ", applied AS")
        .replace(" UNION ALL SELECT id FROM again", "")
        .replace("delivery_state >= 4 /* SUCCEEDED */ AND ", "");
    assert_eq!(ended, without(&of_ends, ", recorded AS (", ", counted AS ("));
    let applied =
        "((SELECT yes FROM everything) OR (delivery IN (SELECT id FROM applied)) IS TRUE)";
    let going_on = format!("delivery_state < 4 /* SUCCEEDED */ AND {applied}");
    let retries = retries
        .replace(&going_on, "true")
        .replace(applied, "true")
        .replace("(SELECT yes FROM everything)", "true")
        .replace("$12::bigint", "$8::bigint");
    let late = statement("insert_attempt");
    let recorded = part(&retries, "recorded AS (", ", counted AS (");
    let counted = part(&retries, "INSERT INTO attempt_stats", ") SELECT CASE");
    assert_eq!(late, format!("WITH {recorded} {counted}"));
}
