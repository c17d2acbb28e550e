//! The place of unit tests, and tests that a document names.
//!
//! Fed by all files; feeds `main` with findings. Guarantees that the tests of a file
//! are in `mod tests`, at its end, or in the one other place there is once both
//! together are long: `tests.rs` (or the folder `tests`) beside `mod.rs` and `lib.rs`,
//! `x_tests.rs` beside `x.rs`; and that what is said to keep an invariant is there.

use std::collections::BTreeMap;

use crate::invariants::INVARIANTS_PAGE;
use crate::source::Source;

/// Tests that make a file longer than this may be in a file of their own; less than
/// a file's limit, so that nobody moves them for a line.
const MIN_APART_LINES: usize = 350;
/// Modules for tests alone: the tests, and values that tests of several files share.
const TEST_MODULES: [&str; 2] = ["tests", "fixtures"];
/// Pages that say which test stands for what: in lines that begin so, or in tables.
const PAGES_WITH_TESTS: [&str; 2] = [INVARIANTS_PAGE, "SECURITY.md"];
const TEST_STARTS: [&str; 3] = ["#[test]", "#[tokio::test", "proptest! {"];

/// Everything that is wrong about where unit tests stand.
pub fn misplaced(files: &[Source]) -> Vec<String> {
    let sources: Vec<_> =
        files.iter().filter(|file| file.is_rust() && file.path.contains("/src/")).collect();
    let by_path: BTreeMap<_, _> = sources.iter().map(|file| (file.path.as_str(), *file)).collect();
    let mut findings = Vec::new();
    for file in sources {
        if let Some(tested) = tested(&file.path) {
            findings.extend(wrongly_apart(file, &tested, &by_path));
        } else if !is_in_tests_folder(&file.path) {
            findings.extend(outside_of_module(file));
        }
        findings.extend(module_of_another_name(file));
    }
    findings
}

fn is_in_tests_folder(path: &str) -> bool {
    path.split_once("/src/")
        .is_some_and(|(_, inside)| inside.starts_with("tests/") || inside.contains("/tests/"))
}

/// The files that the tests of a file of tests may be about.
fn tested(path: &str) -> Option<Vec<String>> {
    if let Some(stem) = path.strip_suffix("_tests.rs") {
        return Some(vec![format!("{stem}.rs")]);
    }
    let folder = path.strip_suffix("/tests.rs").or_else(|| path.strip_suffix("/tests/mod.rs"))?;
    Some(["mod", "lib", "main"].map(|root| format!("{folder}/{root}.rs")).to_vec())
}

fn wrongly_apart(
    file: &Source,
    tested: &[String],
    by_path: &BTreeMap<&str, &Source>,
) -> Option<String> {
    let Some(beside) = tested.iter().find_map(|path| by_path.get(path.as_str())) else {
        return Some(file.at(1, "tests of no file beside it"));
    };
    let folder = file.path.strip_suffix("mod.rs");
    let here = by_path.iter().filter(|(path, _)| match folder {
        Some(folder) => path.starts_with(folder),
        None => **path == file.path,
    });
    let lines = here.map(|(_, file)| file.text.lines().count()).sum::<usize>();
    let together = lines + beside.text.lines().count();
    (together < MIN_APART_LINES).then(|| {
        file.at(1, &format!("with {} {together} lines: put it there, in `mod tests`", beside.path))
    })
}

/// Tests before `mod tests`, and what stands behind it.
fn outside_of_module(file: &Source) -> Vec<String> {
    let mut lines = file.text.lines().zip(1..);
    let before = lines.by_ref().take_while(|(line, _)| *line != "mod tests {");
    let is_test = |line: &str| TEST_STARTS.iter().any(|start| line.trim_start().starts_with(start));
    let mut findings: Vec<_> = before
        .filter(|(line, _)| is_test(line))
        .map(|(_, number)| file.at(number, "a test outside of `mod tests`"))
        .collect();
    let mut behind = lines.skip_while(|(line, _)| *line != "}").skip(1);
    let behind = behind.find(|(line, _)| !line.is_empty());
    findings.extend(behind.map(|(_, number)| file.at(number, "stands behind `mod tests`")));
    findings
}

fn module_of_another_name(file: &Source) -> Vec<String> {
    let lines: Vec<_> = file.text.lines().zip(1..).collect();
    let attributed = lines.iter().filter(|(line, _)| *line == "#[cfg(test)]");
    let declared = attributed.filter_map(|(_, number)| {
        let item = lines.get(*number..)?.iter().find(|(line, _)| !line.starts_with("#["))?;
        let (_, name) = item.0.rsplit_once("mod ")?;
        Some((item.1, name.trim_end_matches([';', '{', ' '])))
    });
    declared
        .filter(|(_, name)| !TEST_MODULES.contains(name))
        .map(|(number, name)| file.at(number, &format!("{name} is not the name of a test module")))
        .collect()
}

/// Files that the pages about what is kept name and nobody has, and tests that are not in
/// the file named before them.
pub fn missing_tests(files: &[Source]) -> Vec<String> {
    if !files.iter().any(|file| file.path == INVARIANTS_PAGE) {
        return vec![format!("{INVARIANTS_PAGE} is missing")];
    }
    let pages = files.iter().filter(|file| PAGES_WITH_TESTS.contains(&file.path.as_str()));
    pages.flat_map(|page| missing_on_page(page, files)).collect()
}

fn missing_on_page(page: &Source, files: &[Source]) -> Vec<String> {
    let is_name = |text: &str| {
        text.contains('_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let mut findings = Vec::new();
    for (line, number) in page.text.lines().zip(1..) {
        let names_tests = line.starts_with("- Tests:") || line.starts_with('|');
        let mut named: Option<&Source> = None;
        for quoted in line.split('`').skip(1).step_by(2) {
            if quoted.ends_with(".rs") {
                named = files.iter().find(|file| file.path == quoted);
                if named.is_none() {
                    findings.push(page.at(number, &format!("there is no {quoted}")));
                }
            } else if let Some(file) = named
                && names_tests
                && is_name(quoted)
                && !["(", "<"].iter().any(|end| file.text.contains(&format!("fn {quoted}{end}")))
            {
                findings.push(page.at(number, &format!("{} has no {quoted}", file.path)));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<_> = files.iter().map(|(path, text)| Source::sample(path, text)).collect();
        misplaced(&files)
    }

    const INLINE: &str = "fn a() {}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn b() {}\n}\n";

    #[test]
    fn tests_at_the_end_of_their_file_are_in_their_place() {
        assert_eq!(
            found(&[("a/src/x.rs", INLINE), ("a/tests/y.rs", "#[test]\nfn b() {}\n")]),
            [""; 0]
        );
    }

    #[test]
    fn tests_in_the_midst_of_a_file_are_seen() {
        assert_eq!(found(&[("a/src/x.rs", "#[test]\nfn b() {}\n")]).len(), 1);
        assert_eq!(found(&[("a/src/x.rs", &format!("{INLINE}\nfn c() {{}}\n"))]).len(), 1);
    }

    #[test]
    fn test_modules_of_other_names_are_seen() {
        let named = |name: &str| format!("#[cfg(test)]\n#[allow(x)]\nmod {name};\n");
        assert_eq!(found(&[("a/src/x.rs", &named("more_tests"))]).len(), 1);
        assert_eq!(
            found(&[("a/src/x.rs", &named("tests")), ("a/src/y.rs", &named("fixtures"))]),
            [""; 0]
        );
    }

    #[test]
    fn files_of_tests_belong_to_a_long_file_beside_them() {
        let long = "fn a() {}\n".repeat(MIN_APART_LINES);
        let test = "#[test]\nfn b() {}\n";
        assert_eq!(found(&[("a/src/x.rs", &long), ("a/src/x_tests.rs", test)]), [""; 0]);
        assert_eq!(found(&[("a/src/y/mod.rs", &long), ("a/src/y/tests.rs", test)]), [""; 0]);
        assert_eq!(
            found(&[
                ("a/src/lib.rs", "mod a;\n"),
                ("a/src/tests/mod.rs", test),
                ("a/src/tests/more.rs", &long)
            ]),
            [""; 0]
        );
        assert_eq!(found(&[("a/src/x.rs", "fn a() {}\n"), ("a/src/x_tests.rs", test)]).len(), 1);
        assert_eq!(found(&[("a/src/x.rs", &long), ("a/src/other_tests.rs", test)]).len(), 1);
        assert_eq!(found(&[("a/src/y/x.rs", &long), ("a/src/y/tests.rs", test)]).len(), 1);
    }
    #[test]
    fn tests_that_the_page_of_the_invariants_names_and_nobody_has_are_seen() {
        let missing = |page: &str| {
            let file = Source::sample("a/src/x.rs", INLINE);
            missing_tests(&[Source::sample(INVARIANTS_PAGE, page), file]).len()
        };
        assert_eq!(missing("- Code: `a/src/x.rs`\n- Tests: `a/src/x.rs` (`b`, `fn_b`)\n"), 1);
        assert_eq!(missing("- Code: `a/src/y.rs`, `fn_c`\n- Tests: `a/src/x.rs`\n"), 1);
        assert_eq!(missing("- Tests: `a/src/x.rs` (`b`)\n"), 0);
        assert_eq!(missing("| a dump | `a/src/x.rs` (`b`, `fn_b`) |\n"), 1);
    }
}
