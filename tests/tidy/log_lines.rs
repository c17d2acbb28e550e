//! The rules about lines of the log: the page lists them all, and how they are written.
//!
//! Fed by all files; feeds `main` with findings. Guarantees that every message that the
//! programs log stands on the page, at its level and with its files, that the page has no
//! other, and that a message is a sentence without values.

use std::collections::BTreeSet;

use crate::source::Source;

/// The page with a table of messages for each level.
pub const LOGGING_PAGE: &str = "docs/logging.md";
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// A message, where it is written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LoggedMessage {
    level: &'static str,
    text: String,
    file: String,
}

impl LoggedMessage {
    fn words(&self) -> String {
        format!("{}: `{}` ({})", self.file, self.text, self.level)
    }
}

/// The code of a file, without comments and tests.
fn code(file: &Source) -> String {
    file.production_lines().iter().flat_map(|(_, line)| [line, "\n"]).collect()
}

/// The arguments of a macro, of which the parenthesis is open: the last string among them.
fn last_string(arguments: &str) -> Option<String> {
    let (mut depth, mut last, mut text) = (1_u32, None, None::<String>);
    let mut characters = arguments.chars().peekable();
    while let Some(c) = characters.next() {
        if let Some(open) = &mut text {
            match c {
                '"' => last = text.take(),
                '\\' => match characters.next()? {
                    // The line goes on at its first word.
                    '\n' => while characters.next_if(|next| next.is_whitespace()).is_some() {},
                    escaped => open.push(escaped),
                },
                other => open.push(other),
            }
            continue;
        }
        match c {
            '"' => text = Some(String::new()),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return last;
        }
    }
    None
}

/// What a file logs.
fn logged(file: &Source) -> BTreeSet<LoggedMessage> {
    let code = code(file);
    let mut found = BTreeSet::new();
    for level in LEVELS {
        let begin = format!("tracing::{level}!(");
        for (at, _) in code.match_indices(&begin) {
            let arguments = code.get(at + begin.len()..).unwrap_or_default();
            let text = last_string(arguments).unwrap_or_default();
            found.insert(LoggedMessage { level, text, file: file.path.clone() });
        }
    }
    found
}

/// What the page lists: in each row of a level's table a message and its files.
fn listed(page: &str) -> BTreeSet<LoggedMessage> {
    let mut found = BTreeSet::new();
    let mut level = None;
    for line in page.lines() {
        if line.starts_with('#') {
            let name = line.strip_prefix("### ");
            level = name.and_then(|name| LEVELS.into_iter().find(|level| *level == name));
        }
        let Some(level) = level.filter(|_| line.starts_with('|')) else { continue };
        let quoted: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let Some((text, files)) = quoted.split_first() else { continue };
        for file in files {
            let (text, file) = ((*text).to_owned(), (*file).to_owned());
            found.insert(LoggedMessage { level, text, file });
        }
    }
    found
}

/// Messages that are not on the page, and those on the page that nobody logs.
pub fn other_than_listed(files: &[Source]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == LOGGING_PAGE) else {
        return vec![format!("{LOGGING_PAGE} is missing")];
    };
    let listed = listed(&page.text);
    let rust = files.iter().filter(|file| file.is_rust());
    let logged: BTreeSet<_> = rust.flat_map(logged).collect();
    let missing = logged.difference(&listed);
    let mut findings: Vec<_> =
        missing.map(|line| format!("{} is not in {LOGGING_PAGE}", line.words())).collect();
    let other = listed.difference(&logged);
    findings.extend(other.map(|line| format!("{LOGGING_PAGE}: {} is not logged", line.words())));
    findings
}

/// Messages that are no sentence without values.
pub fn with_values_or_full_stops(files: &[Source]) -> Vec<String> {
    let rust = files.iter().filter(|file| file.is_rust());
    let is_wrong = |line: &LoggedMessage| {
        line.text.chars().next().is_none_or(char::is_uppercase)
            || line.text.ends_with('.')
            || line.text.contains(['{', '}', '`', '|'])
    };
    let wrong = rust.flat_map(logged).filter(is_wrong);
    wrong.map(|line| format!("{} (a sentence without values)", line.words())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGS: &str = "fn a() {\n    tracing::warn!(%error, why = f(\"x)\"), \"it is \\\n         \
                        \\\"away\\\"; it is tried again\");\n    // tracing::info!(\"nothing\");\n    \
                        tracing::info!(\n        count,\n        \"it is back\"\n    );\n}\n";

    fn findings(page: &str, code: &str) -> Vec<String> {
        let files =
            [Source::sample(LOGGING_PAGE, page), Source::sample("control-plane/src/x.rs", code)];
        other_than_listed(&files)
    }

    #[test]
    fn messages_are_compared_in_both_directions() {
        let whole = "### warn\n\n| the database | `it is \"away\"; it is tried again` | \
                     `control-plane/src/x.rs` |\n\n### info\n\n| the database | `it is back` | \
                     `control-plane/src/x.rs` |\n\n## Fields\n\n| `count` | `a` |\n";
        assert_eq!(findings(whole, LOGS), [""; 0]);
        let other = whole.replace("it is back", "it was back");
        assert_eq!(
            findings(&other, LOGS),
            [
                "control-plane/src/x.rs: `it is back` (info) is not in docs/logging.md",
                "docs/logging.md: control-plane/src/x.rs: `it was back` (info) is not logged",
            ]
        );
        assert_eq!(findings(&whole.replace("### info", "### debug"), LOGS).len(), 2, "its level");
        assert_eq!(findings(&whole.replace("src/x.rs", "src/y.rs"), LOGS).len(), 4, "its file");
    }

    #[test]
    fn a_message_is_a_sentence_without_values() {
        let wrong = |message: &str| {
            let code = format!("fn a() {{\n    tracing::info!(\"{message}\");\n}}\n");
            with_values_or_full_stops(&[Source::sample("agent/src/x.rs", &code)]).len()
        };
        assert_eq!(wrong("a lease was lost"), 0);
        for bad in ["A lease was lost", "a lease was lost.", "lost {count} leases", ""] {
            assert_eq!(wrong(bad), 1, "{bad}");
        }
    }
}
