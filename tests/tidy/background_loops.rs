//! The rule about background loops: the page lists each of them, and what each counts.
//!
//! Fed by all files; feeds `main` with findings. Guarantees that an operator who reads the
//! name of a loop, or of what it counted, finds it on the page, and finds nothing else there.

use std::collections::BTreeSet;

use crate::source::Source;

/// The page with the table of the loops.
pub const LOOPS_PAGE: &str = "docs/background-loops.md";
/// What names a loop, or what one counts, in code.
const NAMING_CALLS: [&str; 4] =
    ["register_loop(\"", "register_slow_loop(\"", "counts.add(\"", "counts.add_all(\""];

/// What the code names. Formatted code may begin a call's arguments on their own line.
fn named(file: &Source) -> BTreeSet<String> {
    let code: String = file.production_lines().iter().map(|(_, line)| line.trim()).collect();
    let mut found = BTreeSet::new();
    for call in NAMING_CALLS {
        for (at, _) in code.match_indices(call) {
            let name = code.get(at + call.len()..).and_then(|rest| rest.split('"').next());
            found.extend(name.map(str::to_owned));
        }
    }
    found
}

/// The names in the first and the last column of the table.
fn listed(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| {
        let columns: Vec<&str> = row.split('|').collect();
        let of_interest = [columns.get(1).copied(), columns.get(3).copied()];
        of_interest.into_iter().flatten().flat_map(|column| column.split('`').skip(1).step_by(2))
    });
    names.map(str::to_owned).collect()
}

/// Loops and counts that are not on the page, and those on the page that nobody has.
pub fn other_than_listed(files: &[Source]) -> Vec<String> {
    let Some(page) = files.iter().find(|file| file.path == LOOPS_PAGE) else {
        return vec![format!("{LOOPS_PAGE} is missing")];
    };
    let is_code = |file: &&Source| file.is_rust() && file.path.starts_with("control-plane/src/");
    let named: BTreeSet<_> = files.iter().filter(is_code).flat_map(named).collect();
    let listed = listed(&page.text);
    let missing = named.difference(&listed);
    let mut findings: Vec<_> =
        missing.map(|name| format!("{name} is not in {LOOPS_PAGE}")).collect();
    let other = listed.difference(&named);
    findings.extend(other.map(|name| format!("{LOOPS_PAGE}: no loop has {name}")));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_compared_in_both_directions() {
        let code = "let a = loops.register_loop(\"leases\");\ncounts\n    .add_all(\"shards_taken\", 1);\n";
        let found = |page: &str| {
            let code = Source::sample("control-plane/src/x.rs", code);
            other_than_listed(&[Source::sample(LOOPS_PAGE, page), code])
        };
        assert_eq!(found("| `leases` | Keeps `x`. | `shards_taken` |\n"), [""; 0]);
        assert_eq!(
            found("| `leases` | Keeps them. | `shards_lost` |\n"),
            [
                "shards_taken is not in docs/background-loops.md",
                "docs/background-loops.md: no loop has shards_lost",
            ]
        );
    }
}
