//! The rules about words: names of constants, types and parameters.
//!
//! Fed by one file at a time or by all of them; feeds `main` with findings. Guarantees
//! that a name says what it is without its context: a number names what it counts, and a
//! type has one meaning in the workspace.

use std::collections::BTreeMap;

use crate::source::Source;

const NUMBER_TYPES: [&str; 14] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "isize", "f32", "f64",
    "Duration",
];
/// Words of constants that measure time, and units that tell it for a bare number.
const TIME_WORDS: [&str; 7] = ["TIMEOUT", "INTERVAL", "DELAY", "PERIOD", "AGE", "PAUSE", "TTL"];
const TIME_UNITS: [&str; 8] =
    ["SECONDS", "MILLISECONDS", "MICROS", "MICROSECONDS", "MINUTES", "HOURS", "DAYS", "ROUNDS"];
/// Types that two crates name alike, and why.
const SHARED_TYPE_NAMES: [(&str, &str); 2] = [
    ("Settings", "each program's own, and no code sees both"),
    ("CountedAttempts", "two stores' own way of counting, each private to its store"),
];

/// The name and the type of a constant that a line of code defines.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (before, rest) = line.split_once("const ").or_else(|| line.split_once("static "))?;
    let visible = before.trim();
    if !visible.is_empty() && !visible.starts_with("pub") {
        return None;
    }
    let (name, rest) = rest.split_once(':')?;
    let kind = rest.split('=').next()?.trim();
    let is_name =
        |name: &str| name.chars().all(|c| c.is_ascii_uppercase() || "_0123456789".contains(c));
    is_name(name).then_some((name, kind))
}

/// A number's name has two words, and one of a time its unit, unless its type tells it.
pub fn numbers_without_words(file: &Source) -> Vec<String> {
    if !file.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (number, line) in file.production_lines() {
        // What belongs to a type is read with its name before it.
        let Some((name, kind)) = constant(line).filter(|_| !line.starts_with("    ")) else {
            continue;
        };
        if !NUMBER_TYPES.contains(&kind) {
            continue;
        }
        let words: Vec<_> = name.split('_').collect();
        if words.len() < 2 {
            findings.push(file.at(number, &format!("{name} is one word")));
        }
        let is_time =
            words.iter().any(|word| TIME_WORDS.contains(word)) && !words.contains(&"FACTOR");
        if is_time && kind != "Duration" && !words.iter().any(|word| TIME_UNITS.contains(word)) {
            findings.push(file.at(number, &format!("{name} has no unit")));
        }
    }
    findings
}

/// A parameter is named by what it is.
pub fn parameters_named_one(file: &Source) -> Vec<String> {
    // This file has samples of both kinds.
    if !file.is_rust() || file.path == "tests/tidy/words.rs" {
        return Vec::new();
    }
    let lines = file.text.lines().zip(1..);
    let code = lines.filter(|(line, _)| !line.trim_start().starts_with("//"));
    code.filter(|(line, _)| has_parameter_one(line))
        .map(|(_, number)| file.at(number, "a closure's parameter is named `one`"))
        .collect()
}

fn has_parameter_one(line: &str) -> bool {
    let parts: Vec<_> = line.split('|').collect();
    let mut lists = parts.windows(2).step_by(2).filter_map(|pair| match pair {
        [before, parameters] if !before.ends_with('"') => Some(*parameters),
        _ => None,
    });
    lists.any(|parameters| {
        let is_list = !parameters.contains(['"', '=', ';', '{']) && parameters.len() < 80;
        let mut words = parameters.split(|c: char| !c.is_alphanumeric() && c != '_');
        is_list && words.any(|word| word == "one")
    })
}

/// The type that a line of code defines, with its name.
fn type_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    if !["struct", "enum", "trait", "union"].contains(&words.next()?) {
        return None;
    }
    words.next()?.split(|c: char| !c.is_alphanumeric()).next()
}

/// A type's name is unique in the workspace's production code.
pub fn types_named_alike(files: &[Source]) -> Vec<String> {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        for (number, line) in file.production_lines() {
            // Within a function or a macro it is seen nowhere else.
            if let Some(name) = type_name(line).filter(|_| !line.starts_with(' ')) {
                places.entry(name).or_default().push(file.at(number, name));
            }
        }
    }
    let shared = |name: &str| SHARED_TYPE_NAMES.iter().any(|(known, _)| *known == name);
    let alike = places.into_iter().filter(|(name, at)| at.len() > 1 && !shared(name));
    alike.map(|(_, at)| format!("{} (a type's name is unique)", at.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Source {
        Source::sample("control-plane/src/x.rs", text)
    }

    #[test]
    fn numbers_without_words_are_seen() {
        let bad = "const MOST: usize = 1;\npub const QUERY_TIMEOUT: u64 = 5;\n\
                   pub(super) static WAIT: Duration = X;\n";
        assert_eq!(numbers_without_words(&code(bad)).len(), 3);
        let good = "const MAX_ROWS: usize = 1;\nconst QUERY_TIMEOUT_SECONDS: u64 = 5;\n\
                    const RETRY_DELAY: Duration = X;\nconst TYPE: &str = \"\";\n    const MAX: u32 = 1;\n\
                    const fn most() -> usize {\n";
        assert!(numbers_without_words(&code(good)).is_empty());
    }

    #[test]
    fn parameters_named_one_are_seen() {
        let bad = "x.map(|one| one.id);\nx.map(|(_, one)| one);\nx.map(|one: &Row| one)\n";
        assert_eq!(parameters_named_one(&code(bad)).len(), 3);
        let good = "x.map(|row| row.one);\nlet a = one | two;\n// |one|\nlet s = \"|one|\";\n";
        assert!(parameters_named_one(&code(good)).is_empty());
    }

    #[test]
    fn types_named_alike_are_seen() {
        let files = [
            code("pub struct Row {\nstruct Settings;\n"),
            code("enum Row<T> {\nstruct Settings;\n"),
        ];
        assert_eq!(types_named_alike(&files).len(), 1);
    }
}
