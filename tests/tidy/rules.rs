//! The rules about files.
//!
//! Fed by one file at a time; feeds `main` with findings, each a line that says
//! where and what. Guarantees that every rule has been seen to fail: the tests
//! below break each of them.
//!
//! Keeps the invariant `layers-stay-apart`.

use crate::source::{Source, indent};
use crate::words;

const MAX_FILE_LINES: usize = 400;
const MAX_FUNCTION_LINES: usize = 70;
const MAX_FILE_BYTES: u64 = 1 << 20;
/// A file with this line says why it, or a function in it, is long.
const REASON_MARKER: &str = "// tidy: long because ";

/// A rule about one file.
pub type Rule = fn(&Source) -> Vec<String>;

/// All of them, by name.
pub const ALL: &[(&str, Rule)] = &[
    ("every module says what it is for", module_doc),
    ("no file is long without a reason", long_file),
    ("no function is long without a reason", long_function),
    ("no production code can panic or grow without bound", sharp_tools),
    ("SQL stands only in the store", sql_outside_store),
    ("a handler opens judged requests only", unjudged_requests),
    ("a fault of the server has details", bare_faults),
    ("a statement stands whole", sql_in_macros),
    ("proto types stop at the edges", proto_inside),
    ("only dev knows the agent", agent_outside_dev),
    ("the domain does no I/O and has no clock", impure_domain),
    ("no file is large", large_file),
    ("a number's name says what it counts", words::numbers_without_words),
    ("a parameter is named by what it is", words::parameters_named_one),
    ("no file names a package host or a private folder", private_names),
];

fn module_doc(file: &Source) -> Vec<String> {
    let documented = file.text.trim_start().starts_with("//!");
    if file.is_rust() && !documented {
        return vec![file.at(1, "begins without a //! module document")];
    }
    Vec::new()
}

fn has_reason(file: &Source) -> bool {
    let mut lines = file.text.lines();
    lines.any(|line| line.trim_start().starts_with(REASON_MARKER))
}

fn long_file(file: &Source) -> Vec<String> {
    let lines = file.text.lines().count();
    if file.is_rust() && lines > MAX_FILE_LINES && !has_reason(file) {
        let what = format!("{lines} lines, more than {MAX_FILE_LINES}");
        return vec![file.at(lines, &what)];
    }
    Vec::new()
}

/// Whether a line begins a function.
fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let modifier = |word: &&str| {
        word.starts_with("pub") || ["const", "async", "unsafe", "extern", "\"C\""].contains(word)
    };
    words.find(|word| !modifier(word)) == Some("fn")
}

fn long_function(file: &Source) -> Vec<String> {
    if !file.is_rust() || has_reason(file) {
        return Vec::new();
    }
    let lines: Vec<_> = file.text.lines().collect();
    let mut findings = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        if !begins_function(line) {
            continue;
        }
        let rest = lines.get(start..).unwrap_or_default();
        let head = rest.iter().position(|l| l.ends_with(['{', ';', '}']));
        let opens = head.and_then(|at| rest.get(at)).is_some_and(|l| l.ends_with('{'));
        let close =
            rest.iter().position(|l| l.trim_end() == format!("{}}}", " ".repeat(indent(line))));
        let length = close.map_or(1, |close| close + 1);
        if opens && length > MAX_FUNCTION_LINES {
            let what = format!("a function of {length} lines, more than {MAX_FUNCTION_LINES}");
            findings.push(file.at(start + 1, &what));
        }
    }
    findings
}

/// A finding for each production line that has one of the needles.
fn lines_with(file: &Source, needles: &[&str], what: &str) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let lines = file.production_lines().into_iter();
    lines
        .filter_map(|(number, line)| {
            let needle = needles.iter().find(|needle| line.contains(*needle))?;
            Some(file.at(number, &format!("{} {what}", needle.trim())))
        })
        .collect()
}

fn sharp_tools(file: &Source) -> Vec<String> {
    let needles = [
        ".unwrap()",
        // Result's; other types may have a method of this name.
        ".expect(\"",
        "panic!(",
        "unreachable!(",
        "todo!(",
        "unimplemented!(",
        "unbounded_channel",
        "mpsc::unbounded",
    ];
    lines_with(file, &needles, "in production code")
}

/// A handler opens a request by `Caller::admit`, which judges the tenant that it names.
fn unjudged_requests(file: &Source) -> Vec<String> {
    let handlers = "control-plane/src/api/";
    if !file.path.starts_with(handlers) || file.path.starts_with("control-plane/src/api/rpc/") {
        return Vec::new();
    }
    let needles = ["request.into_inner()", "request.get_ref()", "request.into_parts()"];
    lines_with(file, &needles, "opens a request that was not judged: Caller::admit does")
}

/// Without details it would be taken for tonic's own, and blame the caller.
fn bare_faults(file: &Source) -> Vec<String> {
    if !file.path.starts_with("control-plane/") {
        return Vec::new();
    }
    let needles = ["Status::internal(", "Status::out_of_range("];
    lines_with(file, &needles, "blames the caller: errors::status has details")
}

fn sql_outside_store(file: &Source) -> Vec<String> {
    if file.path.starts_with("control-plane/store/") || file.test {
        return Vec::new();
    }
    if file.path.ends_with(".sql") {
        return vec![file.at(1, "SQL outside the store")];
    }
    let needles = ["SELECT ", "INSERT INTO ", "DELETE FROM ", "CREATE TABLE ", "sqlx::"];
    lines_with(file, &needles, "outside the store")
}

/// Statements put together by macros cannot be read, nor pasted into psql.
fn sql_in_macros(file: &Source) -> Vec<String> {
    if !file.is_rust() || !file.path.starts_with("control-plane/store/") {
        return Vec::new();
    }
    let words = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    let mut findings = Vec::new();
    let mut macro_indent = None;
    for (line, number) in file.text.lines().zip(1..) {
        if line.trim_start().starts_with("macro_rules! ") {
            macro_indent = Some(indent(line));
        } else if macro_indent == Some(indent(line)) && line.trim() == "}" {
            macro_indent = None;
        }
        if macro_indent.is_some() && words.iter().any(|word| line.contains(word)) {
            findings.push(file.at(number, "SQL in a macro"));
        }
    }
    findings
}

fn proto_inside(file: &Source) -> Vec<String> {
    // The command line and the console are callers like any other.
    let inside = [
        "src/api/",
        "src/agents/",
        "src/replicas/",
        "src/console/",
        "src/dev/",
        "control-plane/cli/",
        // Calls are counted where they come in.
        "src/metrics/calls.rs",
    ];
    let edge = inside.iter().any(|folder| file.path.contains(folder));
    if !file.path.starts_with("control-plane/") || edge {
        return Vec::new();
    }
    lines_with(file, &["postrider_proto"], "away from the edges")
}

fn agent_outside_dev(file: &Source) -> Vec<String> {
    let elsewhere = file.path.starts_with("control-plane/");
    if !elsewhere || file.path.starts_with("control-plane/src/dev/") {
        return Vec::new();
    }
    lines_with(file, &["postrider_agent"], "away from dev")
}

fn impure_domain(file: &Source) -> Vec<String> {
    if !file.path.starts_with("control-plane/domain/src/") {
        return Vec::new();
    }
    let needles = [
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "now_v7",
        "new_v4",
        "std::fs",
        "std::net::Tcp",
        "std::env",
        "std::thread",
        "std::process",
    ];
    lines_with(file, &needles, "in the domain")
}

fn large_file(file: &Source) -> Vec<String> {
    if file.bytes > MAX_FILE_BYTES {
        let what = format!("{} bytes, more than {MAX_FILE_BYTES}", file.bytes);
        return vec![file.at(1, &what)];
    }
    Vec::new()
}

/// Names that belong to one machine or to a place packages come from, written so
/// that this file does not have them either.
fn private() -> Vec<String> {
    let hosts: [&[&str]; 8] = [
        &["crates", "io"],
        &["pypi", "org"],
        &["npmjs", "org"],
        &["npmjs", "com"],
        &["proxy", "golang", "org"],
        &["deb", "debian", "org"],
        &["maven", "org"],
        &["pythonhosted", "org"],
    ];
    let hosts = hosts.iter().map(|parts| parts.join("."));
    let folders = [["", "work", ""], ["", "root", ""]].map(|parts| parts.join("/"));
    hosts.chain(folders).collect()
}

fn private_names(file: &Source) -> Vec<String> {
    // Cargo writes its index's address into the lock file by itself.
    if file.path == "Cargo.lock" {
        return Vec::new();
    }
    let private = private();
    let mut findings = Vec::new();
    for (line, number) in file.text.lines().zip(1..) {
        let found = private.iter().find(|name| names(line, name));
        if let Some(name) = found {
            findings.push(file.at(number, &format!("names {name}")));
        }
    }
    findings
}

/// Whether a line has a name that is not the end of a longer path.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !name.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || "}.-_".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(rule: Rule, path: &str, text: &str) -> usize {
        rule(&Source::sample(path, text)).len()
    }

    const CODE_PATH: &str = "control-plane/src/flow/x.rs";

    #[test]
    fn module_documents_are_missed() {
        assert_eq!(found(module_doc, CODE_PATH, "//! x\n"), 0);
        assert_eq!(found(module_doc, CODE_PATH, "use x;\n"), 1);
    }

    #[test]
    fn long_files_and_functions_are_seen_unless_they_say_why() {
        let body = "    x();\n".repeat(MAX_FUNCTION_LINES);
        let function = format!("pub(crate) async fn f(\n    a: A,\n) {{\n{body}}}\n");
        assert_eq!(found(long_function, CODE_PATH, &function), 1);
        assert_eq!(found(long_function, CODE_PATH, "fn f() {\n    x();\n}\n"), 0);
        let declared = format!("    fn f(\n        a: A,\n    );\n{body}}}\n");
        assert_eq!(found(long_function, CODE_PATH, &declared), 0);
        let long = "x\n".repeat(MAX_FILE_LINES + 1);
        assert_eq!(found(long_file, CODE_PATH, &long), 1);
        let reason = format!("{REASON_MARKER}it is one table\n{function}{long}");
        assert_eq!(found(long_function, CODE_PATH, &reason), 0);
        assert_eq!(found(long_file, CODE_PATH, &reason), 0);
    }

    #[test]
    fn sharp_tools_are_seen_outside_tests_only() {
        let bad = "let a = b.unwrap();\nlet c = d.expect(\"e\");\nunreachable!();\n\
                   let (t, r) = mpsc::unbounded_channel();\n// panic!() in words\n";
        assert_eq!(found(sharp_tools, CODE_PATH, bad), 4);
        assert_eq!(found(sharp_tools, "tests/e2e/x.rs", bad), 0);
        let tests = format!("#[cfg(test)]\nmod tests {{\n    {}}}\n", bad.trim_end());
        assert_eq!(found(sharp_tools, CODE_PATH, &tests), 0);
        let good = "a.unwrap_or_default();\nself.results.expect(id);\n";
        assert_eq!(found(sharp_tools, CODE_PATH, good), 0);
    }

    #[test]
    fn sql_is_seen_outside_the_store() {
        let sql = "let q = \"SELECT 1\";\n";
        assert_eq!(found(sql_outside_store, CODE_PATH, sql), 1);
        assert_eq!(found(sql_outside_store, "agent/x.sql", "x"), 1);
        assert_eq!(found(sql_outside_store, "control-plane/store/src/x.rs", sql), 0);
    }

    #[test]
    fn faults_without_details_are_seen() {
        let bad = "return Err(Status::internal(\"broke\"));\n";
        assert_eq!(found(bare_faults, CODE_PATH, bad), 1);
        assert_eq!(found(bare_faults, "tests/src/x.rs", bad), 0);
    }

    #[test]
    fn sql_is_seen_in_macros() {
        let path = "control-plane/store/src/x.rs";
        let sql = "macro_rules! list {\n    () => {\n        \"SELECT 1\"\n    };\n}\n";
        assert_eq!(found(sql_in_macros, path, sql), 1);
        assert_eq!(found(sql_in_macros, CODE_PATH, sql), 0);
        let after = "macro_rules! list {\n    () => {};\n}\nconst A: &str = \"SELECT 1\";\n";
        assert_eq!(found(sql_in_macros, path, after), 0);
    }

    #[test]
    fn proto_types_are_seen_away_from_the_edges() {
        let bad = "use postrider_proto::v1::Event;\n";
        assert_eq!(found(proto_inside, CODE_PATH, bad), 1);
        assert_eq!(found(proto_inside, "control-plane/store/src/x.rs", bad), 1);
        assert_eq!(found(proto_inside, "control-plane/src/api/x.rs", bad), 0);
        assert_eq!(found(proto_inside, "control-plane/cli/src/x.rs", bad), 0);
        assert_eq!(found(proto_inside, "agent/src/x.rs", bad), 0);
    }

    #[test]
    fn the_agent_is_seen_away_from_dev() {
        let bad = "use postrider_agent::AgentConfig;\n";
        assert_eq!(found(agent_outside_dev, CODE_PATH, bad), 1);
        assert_eq!(found(agent_outside_dev, "control-plane/src/dev/x.rs", bad), 0);
        assert_eq!(found(agent_outside_dev, "tests/sim/src/x.rs", bad), 0);
    }

    #[test]
    fn clocks_are_seen_in_the_domain() {
        let bad = "let now = Instant::now();\n";
        assert_eq!(found(impure_domain, "control-plane/domain/src/x.rs", bad), 1);
        assert_eq!(found(impure_domain, CODE_PATH, bad), 0);
    }

    #[test]
    fn large_files_are_seen() {
        let mut file = Source::sample("picture.png", "");
        assert!(large_file(&file).is_empty());
        file.bytes = MAX_FILE_BYTES + 1;
        assert_eq!(large_file(&file).len(), 1);
    }

    #[test]
    fn private_names_are_seen() {
        for name in private() {
            let text = format!("fine\nsee {name} for more\n");
            assert_eq!(found(private_names, "README.md", &text), 1, "{name}");
            assert_eq!(found(private_names, "Cargo.lock", &text), 0);
        }
        let longer = format!("\"$dir{}\"\n", ["", "work", ""].join("/"));
        assert_eq!(found(private_names, "tests/run", &longer), 0);
    }

    #[test]
    fn the_rules_do_not_break_themselves() {
        let file = Source::sample("tests/tidy/rules.rs", include_str!("rules.rs"));
        for (name, rule) in ALL {
            assert!(rule(&file).is_empty(), "{name}: {:?}", rule(&file));
        }
    }
}
