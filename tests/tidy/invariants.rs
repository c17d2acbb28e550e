//! The rules about invariants: what the page lists and what the code cites are the same.
//!
//! Fed by all files; feeds `main` with findings. Guarantees that an invariant that code
//! cites can be looked up, that every file that the page says keeps an invariant cites it,
//! and that the page names every file that does.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

/// The page that lists the invariants, one `###` heading each.
pub const INVARIANTS_PAGE: &str = "docs/invariants.md";
/// The samples below are no citations.
const OWN_FILE: &str = "tests/tidy/invariants.rs";

fn has_citations(path: &str) -> bool {
    [".rs", ".sql", ".proto", ".toml"].iter().any(|ending| path.ends_with(ending))
        && path != OWN_FILE
}

/// Names in backticks after the word "invariant", to the end of the sentence.
fn cited(comment: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in comment.match_indices("nvariant") {
        let rest = comment.get(at..).unwrap_or_default();
        let sentence = rest.split(['.', ')', ':', ';']).next().unwrap_or_default();
        let quoted = sentence.split('`').skip(1).step_by(2);
        names.extend(quoted.filter(|name| is_invariant_name(name)).map(str::to_owned));
    }
    names
}

fn is_invariant_name(name: &str) -> bool {
    name.contains('-') && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// The comments of a file, each block in one line.
fn comments(text: &str) -> String {
    let mut all = String::new();
    for line in text.lines() {
        let line = line.trim_start();
        let comment =
            ["//!", "///", "//", "--", "#"].iter().find_map(|mark| line.strip_prefix(mark));
        all.push_str(comment.unwrap_or("\n"));
    }
    all
}

/// Every invariant that is cited is on the page, and every one on the page is cited.
pub fn unknown_invariants(files: &[Source]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == INVARIANTS_PAGE) else {
        return vec![format!("{INVARIANTS_PAGE} is missing")];
    };
    let listed: BTreeSet<&str> =
        page.text.lines().filter_map(|line| line.strip_prefix("### ")).map(str::trim).collect();
    let mut findings = Vec::new();
    let mut all = BTreeSet::new();
    for file in files.iter().filter(|file| has_citations(&file.path)) {
        for name in cited(&comments(&file.text)) {
            if !listed.contains(name.as_str()) {
                findings
                    .push(file.at(1, &format!("cites the invariant {name}, which is not listed")));
            }
            all.insert(name);
        }
    }
    let uncited = listed.iter().filter(|name| !all.contains(**name));
    findings.extend(uncited.map(|name| format!("{INVARIANTS_PAGE}: nothing cites {name}")));
    findings
}

/// The files that the page says keep each invariant.
fn keepers(page: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut listed: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut name = None;
    for line in page.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            name = Some(heading.trim());
            listed.entry(heading.trim()).or_default();
        } else if let (Some(name), Some(code)) = (name, line.strip_prefix("- Code:")) {
            listed.entry(name).or_default().extend(code.split('`').skip(1).step_by(2));
        }
    }
    listed
}

/// Whether a comment has this invariant's name, in whichever sentence.
fn mentions(comment: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    comment.match_indices(name).any(|(at, _)| {
        let before = comment.get(..at).and_then(|text| text.chars().next_back());
        let after = comment.get(at + name.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

/// The files that the page lists for an invariant are those whose comments name it. Of
/// tests only these rules keep one.
pub fn other_keepers(files: &[Source]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == INVARIANTS_PAGE) else {
        return vec![format!("{INVARIANTS_PAGE} is missing")];
    };
    let keeps = |file: &&Source| {
        has_citations(&file.path) && (!file.test || file.path.starts_with("tests/tidy/"))
    };
    let code: Vec<_> =
        files.iter().filter(keeps).map(|file| (file.path.as_str(), comments(&file.text))).collect();
    let mut findings = Vec::new();
    for (name, listed) in keepers(&page.text) {
        let citing = code.iter().filter(|(_, comment)| mentions(comment, name));
        let citing: BTreeSet<&str> = citing.map(|(path, _)| *path).collect();
        let silent = listed.difference(&citing);
        findings.extend(silent.map(|path| format!("{path}: listed for {name}, does not cite it")));
        let unlisted = citing.difference(&listed);
        findings.extend(unlisted.map(|path| format!("{path}: cites {name}, is not listed")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> Source {
        Source::sample(INVARIANTS_PAGE, text)
    }

    fn code(path: &str, text: &str) -> Source {
        Source::sample(path, text)
    }

    #[test]
    fn invariants_are_compared_in_both_directions() {
        let path = "control-plane/src/x.rs";
        let cites =
            code(path, "//! Keeps the invariants `one-owner` and\n//! `read-your-writes`.\n");
        let both = page("### one-owner\n\n### read-your-writes\n");
        assert!(unknown_invariants(&[both, cites]).is_empty());
        let cites = code(path, "/// (invariant `one-owner`): `x-api-key` is a header.\n");
        let other = page("### every-delivery-ends\n");
        assert_eq!(unknown_invariants(&[other, cites]).len(), 2);
    }

    #[test]
    fn files_that_keep_an_invariant_are_listed_and_cite_it() {
        let found = |listed: &str, files: &[(&str, &str)]| {
            let mut all: Vec<_> = files.iter().map(|(path, text)| code(path, text)).collect();
            all.push(page(&format!("### one-owner\n\n- Code: {listed}\n- Tests: `t.rs`\n")));
            other_keepers(&all)
        };
        let cites = ("a/src/x.rs", "/// Only the owner (one-owner).\n");
        let silent =
            ("a/src/y.rs", "/// Of one-owners and no-one-owner.\nlet x = \"one-owner\";\n");
        let shows = ("a/src/tests.rs", "//! Shows the invariant `one-owner`.\n");
        assert_eq!(found("`a/src/x.rs`", &[cites, silent, shows]), [""; 0]);
        assert_eq!(
            found("`a/src/y.rs`", &[cites, silent]),
            [
                "a/src/y.rs: listed for one-owner, does not cite it",
                "a/src/x.rs: cites one-owner, is not listed"
            ]
        );
    }
}
