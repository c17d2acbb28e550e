//! The rule about the heads of rooms: they say what comes in, what goes out, and what holds.
//!
//! Fed by all files; feeds `main` with findings. Guarantees that whoever opens a folder, a
//! crate or a loop of the programs reads first what feeds it, what it feeds and what it
//! guarantees. Other files only have to begin with a head (`rules`).

use std::collections::BTreeSet;

use crate::source::Source;

/// The page with the table of the loops.
const GLOSSARY_PAGE: &str = "docs/glossary.md";
/// What a head has to say, without the first letter, which may be a capital.
const HEAD_PARTS: [(&str, &str); 3] = [
    ("ed ", "what feeds it (\"Fed by …\")"),
    ("eeds ", "what it feeds"),
    ("uarantee", "what it guarantees"),
];

/// The comment that a file begins with, in one line.
fn head(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.collect::<Vec<_>>().join(" ")
}

/// The files that the glossary's table of loops names.
fn loops(files: &[Source]) -> BTreeSet<&str> {
    let glossary = files.iter().find(|file| file.path == GLOSSARY_PAGE);
    let section = glossary.and_then(|page| page.text.split("### The loops").nth(1));
    let table = section.and_then(|rest| rest.split("\n###").next()).unwrap_or_default();
    table.split('`').filter(|quoted| quoted.ends_with(".rs")).collect()
}

fn says(head: &str, part: &str) -> bool {
    let begins = |before: char| "FfGg".contains(before);
    head.match_indices(part).any(|(at, _)| {
        let before = head.get(..at).unwrap_or_default();
        let word = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        word.len() == 1 && word.chars().all(begins)
    })
}

/// Rooms of the programs' crates whose head leaves out one of the three.
pub fn silent_rooms(files: &[Source]) -> Vec<String> {
    let loops = loops(files);
    let is_room = |file: &&Source| {
        let room = ["/mod.rs", "/lib.rs"].iter().any(|end| file.path.ends_with(end));
        let program = ["agent/", "control-plane/"].iter().any(|top| file.path.starts_with(top));
        program && !file.test && (room || loops.contains(file.path.as_str()))
    };
    let mut findings = Vec::new();
    for file in files.iter().filter(is_room) {
        let head = head(&file.text);
        let missing = HEAD_PARTS.iter().filter(|(part, _)| !says(&head, part));
        findings.extend(missing.map(|(_, what)| file.at(1, &format!("does not say {what}"))));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let glossary = "### The loops\n\n| `control-plane/src/flow/x.rs` | Loops. |\n\n### Other\n";
        let files = [Source::sample(GLOSSARY_PAGE, glossary), Source::sample(path, text)];
        silent_rooms(&files).len()
    }

    #[test]
    fn rooms_that_leave_something_out_are_seen() {
        let whole = "//! A room.\n//!\n//! Fed by x; feeds\n//! y. Guarantees z.\nfn a() {}\n";
        assert_eq!(found("agent/src/x/mod.rs", whole), 0);
        assert_eq!(found("agent/src/lib.rs", "//! Used by x. Guarantees z.\nfn feeds () {}\n"), 2);
        assert_eq!(found("control-plane/src/flow/x.rs", "//! Needs x.\n"), 3);
    }

    #[test]
    fn other_files_only_say_what_they_do() {
        assert_eq!(found("control-plane/src/flow/y.rs", "//! Turns x into y.\n"), 0);
        assert_eq!(found("control-plane/src/x/tests/mod.rs", "//! Tests.\n"), 0);
        assert_eq!(found("tests/sim/src/lib.rs", "//! Simulates.\n"), 0);
    }
}
