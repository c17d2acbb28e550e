//! The files of the repository as the rules read them.
//!
//! Fed by git's list of files; feeds the rules with lines of production code.
//! Guarantees that tests, comments and what git ignores are told apart once,
//! here, and that formatted code is enough to find where a block ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// One file.
pub struct Source {
    /// From the top of the repository.
    pub path: String,
    pub bytes: u64,
    /// Empty when it is not text.
    pub text: String,
    /// Whether the whole file is test code.
    pub test: bool,
}

impl Source {
    #[cfg(test)]
    pub fn sample(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            bytes: text.len() as u64,
            text: text.to_owned(),
            test: is_test_path(path),
        }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Lines with their numbers, without comments and test modules.
    pub fn production_lines(&self) -> Vec<(usize, &str)> {
        if self.test {
            return Vec::new();
        }
        let mut kept = Vec::new();
        let mut lines = self.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            if line.trim_start().starts_with("#[cfg(test)]") {
                skip_item(line, &mut lines);
            } else if !line.trim_start().starts_with("//") {
                kept.push((number, line));
            }
        }
        kept
    }

    /// A finding about a line.
    pub fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || name == "tests.rs"
        || name.ends_with("_tests.rs")
}

/// Where the modules lie that this file declares for tests only, without `.rs`.
fn test_modules(file: &Source) -> Vec<String> {
    let folder = ["/mod.rs", "/lib.rs", "/main.rs"]
        .iter()
        .find_map(|root| file.path.strip_suffix(root))
        .unwrap_or_else(|| file.path.strip_suffix(".rs").unwrap_or(&file.path));
    let cfg_test = "#[cfg(test)]";
    let lines: Vec<_> = file
        .text
        .lines()
        .map(str::trim)
        .filter(|line| *line == cfg_test || !line.starts_with("#["))
        .collect();
    let pairs = lines.windows(2).filter_map(|pair| match pair {
        [attribute, next] if *attribute == cfg_test => next.strip_suffix(';'),
        _ => None,
    });
    pairs
        .filter_map(|declared| declared.rsplit_once("mod "))
        .map(|(_, name)| format!("{folder}/{name}"))
        .collect()
}

fn mark_test_modules(sources: &mut [Source]) {
    let modules: Vec<_> = sources.iter().flat_map(test_modules).collect();
    for source in sources {
        source.test |= modules.iter().any(|module| {
            let rest = source.path.strip_prefix(module.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        });
    }
}

/// Skips the item that an attribute stands before. Formatted code ends it on its
/// first line, or with the first `}` that is indented as the attribute is.
fn skip_item<'a>(attribute: &str, lines: &mut impl Iterator<Item = (&'a str, usize)>) {
    let indent = indent(attribute);
    let mut begun = false;
    for (line, _) in lines {
        let text = line.trim();
        if !begun && (text.starts_with("#[") || text.starts_with("//")) {
            continue;
        }
        let whole = !begun && text.ends_with([';', '}', ',']);
        let closed = begun && text.starts_with('}') && self::indent(line) == indent;
        if whole || closed {
            return;
        }
        begun = true;
    }
}

/// How far a line is indented.
pub fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).into()
}

/// Every file that git has or would add.
pub fn all() -> Result<Vec<Source>> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root())
        .output()
        .context("run git")?;
    ensure!(listed.status.success(), "git ls-files: {}", listed.status);
    let mut sources = Vec::new();
    for path in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        // Deleted and not yet committed: listed, and not there.
        if let Ok(content) = fs::read(root().join(path)) {
            sources.push(Source {
                path: path.to_owned(),
                bytes: content.len() as u64,
                text: String::from_utf8(content).unwrap_or_default(),
                test: is_test_path(path),
            });
        }
    }
    ensure!(!sources.is_empty(), "git lists no files");
    mark_test_modules(&mut sources);
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::{Source, mark_test_modules};

    #[test]
    fn tests_and_comments_are_no_production_code() {
        let text = "//! doc\nfn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {\n    }\n}\nfn c() {}\n\
                    #[cfg(test)]\nmod d_tests;\nfn e() {}\n";
        let source = Source::sample("agent/src/x.rs", text);
        let kept: Vec<_> = source.production_lines();
        assert_eq!(kept, [(2, "fn a() {}"), (8, "fn c() {}"), (11, "fn e() {}")]);
        assert!(Source::sample("tests/e2e/x.rs", "fn a() {}").test);
        assert!(Source::sample("control-plane/domain/src/delivery_tests.rs", "").test);
    }

    #[test]
    fn modules_declared_for_tests_are_test_code() {
        let declares = "mod real;\n#[cfg(test)]\n#[allow(x)]\npub(crate) mod samples;\n";
        let mut sources = [
            Source::sample("a/src/lib.rs", declares),
            Source::sample("a/src/samples.rs", ""),
            Source::sample("a/src/real.rs", declares),
            Source::sample("a/src/real/samples/deep.rs", ""),
            Source::sample("a/src/samples_of_old.rs", ""),
        ];
        mark_test_modules(&mut sources);
        assert_eq!(sources.map(|s| s.test), [false, true, false, true, false]);
    }
}
