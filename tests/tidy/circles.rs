//! The rules about arrows between files: none leads back, and none leads up.
//!
//! Fed by the production files of a crate; feeds `main` with findings. An arrow leads
//! from a file to the file that has what it uses: by a `use`, or by a path that begins
//! with `crate`, `self`, `super` or a module below. A use through a re-export counts
//! for the file where it leads, and a re-export is an arrow only if the file uses the
//! name itself. Guarantees that a file can be read after those that it uses.
//!
//! Keeps the invariant `layers-stay-apart`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::source::Source;

/// The sources in which no files use each other in a circle.
const CRATE_FOLDERS: &[&str] = &[
    "agent/src",
    "agent/request/src",
    "agent/settings/src",
    "agent/telemetry/src",
    "agent/tls/src",
    "control-plane/cli/src",
    "control-plane/domain/src",
    "control-plane/fair-batch/src",
    "control-plane/identity/src",
    "control-plane/src",
    "control-plane/store/src",
];
/// The rooms of the control plane from the lowest up; those of one row may use each
/// other.
const CONTROL_PLANE_ROOMS: &[&[&str]] = &[
    &["settings", "clock", "listeners", "metrics", "progress", "audited_fields", "event_spans"],
    &["state"],
    &["flow", "callers"],
    &["agents", "replicas", "api", "health"],
    &["console"],
    &["serve"],
    &["dev", "bootstrap_token", "config_command"],
];
/// How many re-exports a name is followed through.
const MAX_REEXPORT_STEPS: usize = 8;

type ModulePath = Vec<String>;
type ArrowMap = BTreeMap<ModulePath, BTreeSet<ModulePath>>;

/// A file, and what it names.
struct Module {
    file: String,
    /// What its `use` statements bind to a name.
    bound: BTreeMap<String, ModulePath>,
    /// What it uses.
    used: Vec<ModulePath>,
}

type ModuleMap = BTreeMap<ModulePath, Module>;

/// Circles of files in the crates that are free of them.
pub fn circles_of_files(files: &[Source]) -> Vec<String> {
    let folders = CRATE_FOLDERS.iter();
    folders
        .flat_map(|folder| {
            let modules = read_modules(folder, files);
            find_circles(&modules, &arrows(&modules))
        })
        .collect()
}

/// Arrows from a lower room of the control plane to a higher one.
pub fn arrows_up(files: &[Source]) -> Vec<String> {
    let modules = read_modules("control-plane/src", files);
    let level = |module: &ModulePath| {
        let room = module.first()?;
        CONTROL_PLANE_ROOMS.iter().position(|rooms| rooms.contains(&room.as_str()))
    };
    let mut findings = Vec::new();
    for (module, targets) in arrows(&modules) {
        for target in targets {
            if level(&module).zip(level(&target)).is_some_and(|(from, to)| from < to) {
                let (from, to) = (file_of(&modules, &module), file_of(&modules, &target));
                findings.push(format!("{from} uses {to}, which is above it"));
            }
        }
    }
    findings
}

fn file_of<'a>(modules: &'a ModuleMap, module: &ModulePath) -> &'a str {
    modules.get(module).map_or("", |module| &module.file)
}

fn read_modules(folder: &str, files: &[Source]) -> ModuleMap {
    let production = files.iter().filter(|file| file.is_rust() && !file.test);
    let placed: Vec<(ModulePath, &Source)> = production
        .filter_map(|file| {
            let inside = file.path.strip_prefix(folder)?.strip_prefix('/')?;
            Some((module_path(inside)?, file))
        })
        .collect();
    let known: BTreeSet<ModulePath> = placed.iter().map(|(path, _)| path.clone()).collect();
    let read = placed.into_iter().map(|(path, file)| {
        let module = read_module(&path, file, &known);
        (path, module)
    });
    read.collect()
}

/// The module in a file; `None` for a program's `main.rs`, a crate of its own.
fn module_path(inside: &str) -> Option<ModulePath> {
    let mut parts: ModulePath =
        inside.strip_suffix(".rs")?.split('/').map(ToOwned::to_owned).collect();
    if parts == ["main"] {
        return None;
    }
    if parts == ["lib"] || parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    Some(parts)
}

fn read_module(own: &ModulePath, file: &Source, known: &BTreeSet<ModulePath>) -> Module {
    let (statements, body) = split_uses(file);
    let named = paths_in(&body);
    let mut module = Module { file: file.path.clone(), bound: BTreeMap::new(), used: Vec::new() };
    for statement in statements {
        let is_public = statement.starts_with("pub ");
        let tree = statement.trim_start_matches("pub ").trim_start_matches("use ");
        for branch in branches(tree.trim_end_matches(';')) {
            let (path, alias) = branch.split_once(" as ").unwrap_or((branch.as_str(), ""));
            let Some(target) = absolute(own, path.trim(), known) else { continue };
            let last = target.last().cloned().unwrap_or_default();
            let name = if alias.is_empty() { last } else { alias.trim().to_owned() };
            let names_it =
                |words: &String| words.split("::").any(|word| word == name && !word.is_empty());
            if !is_public || name == "*" || named.iter().any(names_it) {
                module.used.push(target.clone());
            }
            module.bound.insert(name, target);
        }
    }
    let inside = named.iter().filter(|words| words.contains("::"));
    module.used.extend(inside.filter_map(|path| absolute(own, path, known)));
    module
}

/// The `use` statements of a file, each on one line, and its other lines.
fn split_uses(file: &Source) -> (Vec<String>, String) {
    let (mut statements, mut body) = (Vec::new(), String::new());
    let mut open: Option<String> = None;
    for (_, line) in file.production_lines() {
        let line = without_scopes(line);
        let text = line.trim();
        let begins = text.starts_with("use ") || text.starts_with("pub use ");
        if open.is_none() && !begins {
            // A declared module is not used by that.
            if !(text.ends_with(';') && text.trim_start_matches("pub ").starts_with("mod ")) {
                body.push_str(&line);
                body.push('\n');
            }
            continue;
        }
        let mut statement = open.take().unwrap_or_default();
        statement.push_str(text);
        if text.ends_with(';') {
            statements.push(statement);
        } else {
            statement.push(' ');
            open = Some(statement);
        }
    }
    (statements, body)
}

/// Makes `pub(in crate::api)` and its like a plain `pub`: who may use an item is not a use.
fn without_scopes(line: &str) -> String {
    match line.split_once("pub(") {
        Some((before, rest)) => match rest.split_once(')') {
            Some((_, after)) => format!("{before}pub{}", without_scopes(after)),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    }
}

/// The names of a text, and its paths of names.
fn paths_in(text: &str) -> Vec<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let words = text.split(|c| !is_part(c));
    words
        .filter(|word| !word.is_empty())
        .map(|word| word.trim_end_matches(':').to_owned())
        .collect()
}

/// The paths of a `use` tree: `a::{b, c::d}` has `a::b` and `a::c::d`.
fn branches(tree: &str) -> Vec<String> {
    let tree = tree.trim();
    let Some((head, inner)) = tree.split_once('{') else { return vec![tree.to_owned()] };
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut found, mut depth, mut part) = (Vec::new(), 0_usize, String::new());
    for c in inner.chars().chain([',']) {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c == ',' && depth == 0 {
            if !part.trim().is_empty() {
                found.extend(branches(&format!("{head}{}", part.trim())));
            }
            part.clear();
        } else {
            part.push(c);
        }
    }
    found
}

/// A path from the top of the crate; `None` if it leads out of it, or to a name of the
/// file's own.
fn absolute(own: &ModulePath, path: &str, known: &BTreeSet<ModulePath>) -> Option<ModulePath> {
    let parts: Vec<&str> = path.split("::").collect();
    let (first, rest) = parts.split_first()?;
    let mut target: ModulePath = match *first {
        "crate" => Vec::new(),
        "self" => own.clone(),
        "super" => own.get(..own.len().saturating_sub(1))?.to_vec(),
        below => {
            let module: ModulePath = own.iter().cloned().chain([below.to_owned()]).collect();
            known.contains(&module).then_some(module)?
        }
    };
    for part in rest {
        match *part {
            "super" => drop(target.pop()),
            "self" => {}
            part => target.push(part.to_owned()),
        }
    }
    Some(target)
}

fn arrows(modules: &ModuleMap) -> ArrowMap {
    let drawn = modules.iter().map(|(own, module)| {
        let targets = module.used.iter().filter_map(|path| resolve(path, modules));
        (own.clone(), targets.filter(|target| target != own).collect())
    });
    drawn.collect()
}

/// The file that has what a path names.
fn resolve(path: &ModulePath, modules: &ModuleMap) -> Option<ModulePath> {
    let mut path = path.clone();
    for _ in 0..MAX_REEXPORT_STEPS {
        let depth = (0..=path.len()).rev().find(|n| modules.contains_key(&path[..*n]))?;
        let (module, rest) = path.split_at(depth);
        let bound = rest.first().and_then(|name| modules.get(module)?.bound.get(name));
        match bound {
            Some(target) if *target != path => {
                let rest = rest.iter().skip(1).cloned();
                path = target.iter().cloned().chain(rest).collect();
            }
            _ => return Some(module.to_vec()),
        }
    }
    None
}

/// One circle, the shortest, for each file that is on any and on none found before.
fn find_circles(modules: &ModuleMap, arrows: &ArrowMap) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for start in arrows.keys() {
        if seen.contains(start) {
            continue;
        }
        if let Some(circle) = shortest_circle(start, arrows) {
            let files: Vec<&str> = circle.iter().map(|module| file_of(modules, module)).collect();
            findings.push(format!("a circle of files: {}", files.join(" uses ")));
            seen.extend(circle);
        }
    }
    findings
}

/// The shortest way from a file back to it.
fn shortest_circle(start: &ModulePath, arrows: &ArrowMap) -> Option<Vec<ModulePath>> {
    let mut came_from: BTreeMap<&ModulePath, &ModulePath> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(next) = open.pop_front() {
        for target in arrows.get(next).into_iter().flatten() {
            if target == start {
                let mut circle = vec![start.clone(), next.clone()];
                let mut at = next;
                while let Some(before) = came_from.get(at) {
                    circle.push((*before).clone());
                    at = before;
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(target) {
                came_from.insert(target, next);
                open.push_back(target);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::sample(&format!("control-plane/src/{path}"), text))
            .collect();
        circles_of_files(&files)
    }

    #[test]
    fn a_circle_is_seen_however_it_is_written() {
        let lib = ("lib.rs", "mod a;\nmod b;\n");
        for (there, back) in [
            ("use crate::b::B;\n", "use crate::a::A;\n"),
            ("use super::b::B;\n", "use super::{\n    a::A,\n};\n"),
            ("fn f(b: crate::b::B) {}\n", "pub(super) use super::a::{self as other};\n"),
            ("use crate::{a, b::{B, C}};\n", "use crate::a;\n"),
        ] {
            let back = format!("{back}fn g(_: other::X) {{}}\n");
            let found = circles(&[lib, ("a.rs", there), ("b.rs", &back)]);
            let circle = "control-plane/src/a.rs uses control-plane/src/b.rs \
                          uses control-plane/src/a.rs";
            assert_eq!(found, [format!("a circle of files: {circle}")], "{there}{back}");
        }
        assert!(circles(&[lib, ("a.rs", "use crate::b::B;\n"), ("b.rs", "")]).is_empty());
    }

    #[test]
    fn a_module_and_those_below_it_may_not_use_each_other() {
        let lib = ("lib.rs", "mod a;\n");
        let below = ("a/b.rs", "use super::A;\n");
        for uses in ["use self::b::B;\n", "use b::B;\n", "fn f() {\n    b::g();\n}\n"] {
            assert_eq!(circles(&[lib, ("a/mod.rs", uses), below]).len(), 1, "{uses}");
        }
        assert!(
            circles(&[lib, ("a/mod.rs", "mod b;\npub(in crate::a) fn f() {}\n"), below]).is_empty()
        );
    }

    #[test]
    fn a_reexport_counts_for_the_file_where_it_leads() {
        let lib = ("lib.rs", "mod a;\n");
        let facade = "mod b;\nmod c;\npub use self::b::B;\npub use self::c::C;\n";
        let (b, c) = (("a/b.rs", "struct B;\n"), ("a/c.rs", "use super::B;\n"));
        assert!(circles(&[lib, ("a/mod.rs", facade), b, c]).is_empty());
        let back = ("a/b.rs", "use super::C;\n");
        assert_eq!(circles(&[lib, ("a/mod.rs", facade), back, c]).len(), 1);
        // The file uses what it re-exports, and has what is used.
        let both = format!("{facade}struct D(B);\n");
        let down = ("a/b.rs", "use super::D;\n");
        assert_eq!(circles(&[lib, ("a/mod.rs", &both), down, ("a/c.rs", "")]).len(), 1);
    }

    #[test]
    fn a_long_circle_is_told_file_by_file_and_tests_are_left_out() {
        let files = [
            ("lib.rs", "mod a;\n"),
            ("a.rs", "use crate::b::B;\n"),
            ("b.rs", "use crate::c::C;\n"),
            ("c.rs", "use crate::a::A;\n"),
        ];
        let found = circles(&files);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|circle| circle.matches(".rs").count() == 4), "{found:?}");
        let test = "#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n";
        let files = files.map(|(path, text)| (path, if path == "c.rs" { test } else { text }));
        assert!(circles(&files).is_empty());
    }

    #[test]
    fn an_arrow_up_is_seen() {
        let up = |path: &str, text: &str| {
            let files = ["lib.rs", "state/mod.rs", "flow/mod.rs", "api/mod.rs", "agents/mod.rs"];
            let mut files: Vec<Source> = files
                .iter()
                .map(|path| Source::sample(&format!("control-plane/src/{path}"), ""))
                .collect();
            files.retain(|file| !file.path.ends_with(path));
            files.push(Source::sample(&format!("control-plane/src/{path}"), text));
            arrows_up(&files).len()
        };
        assert_eq!(up("state/mod.rs", "use crate::flow::Flow;\n"), 1);
        assert_eq!(up("flow/mod.rs", "use crate::state::context::ReplicaContext;\n"), 0);
        assert_eq!(up("flow/mod.rs", "fn f(_: &crate::api::A) {}\n"), 1);
        assert_eq!(up("api/mod.rs", "use crate::agents::rebuild_attempt_request;\n"), 0);
    }
}
