//! The invariants of the design, kept by reading the repository.
//!
//! Fed by every file that git has or would add and by Cargo's view of the
//! workspace; feeds the run with one test for the files and one for the crates.
//! Guarantees that what the design forbids is found by a machine, with the place
//! and the rule, and not by a reviewer's luck.

mod background_loops;
mod circles;
mod crates;
mod heads;
mod image_context;
mod invariants;
mod log_lines;
mod rules;
mod source;
mod test_places;
mod words;

#[test]
fn files_keep_the_rules() {
    let mut findings = Vec::new();
    for file in source::all().unwrap() {
        for (name, rule) in rules::ALL {
            findings.extend(rule(&file).into_iter().map(|at| format!("{at} ({name})")));
        }
    }
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn crates_stay_apart() {
    let mut findings = crates::not_apart(&crates::needs().unwrap());
    findings.extend(crates::not_only_in_dev(&crates::needs_without_dev().unwrap()));
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn arrows_lead_down() {
    let files = source::all().unwrap();
    let mut findings = circles::circles_of_files(&files);
    findings.extend(circles::arrows_up(&files));
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn rooms_say_what_they_are_for() {
    let findings = heads::silent_rooms(&source::all().unwrap());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn images_are_built_from_all_they_need() {
    let findings =
        image_context::missing_from_builds(&source::all().unwrap(), &crates::needs().unwrap());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn versions_stand_once() {
    let files = source::all().unwrap();
    let manifests = files.iter().filter(|f| f.path.ends_with("Cargo.toml"));
    let findings: Vec<_> = manifests.flat_map(crates::own_versions).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn names_have_one_meaning() {
    let files = source::all().unwrap();
    let findings = words::types_named_alike(&files);
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn invariants_are_cited_where_they_are_kept() {
    let files = source::all().unwrap();
    let mut findings = invariants::unknown_invariants(&files);
    findings.extend(invariants::other_keepers(&files));
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn lines_of_the_log_are_listed() {
    let files = source::all().unwrap();
    let mut findings = log_lines::other_than_listed(&files);
    findings.extend(log_lines::with_values_or_full_stops(&files));
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn background_loops_are_listed() {
    let findings = background_loops::other_than_listed(&source::all().unwrap());
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn unit_tests_have_one_place() {
    let files = source::all().unwrap();
    let mut findings = test_places::misplaced(&files);
    findings.extend(test_places::missing_tests(&files));
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}
