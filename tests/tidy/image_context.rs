//! The rules about what images are built from.
//!
//! Fed by all files, the Containerfiles and .containerignore among them, and by what each
//! crate needs; feeds `main` with findings. Guarantees that what a program's code includes
//! while it is compiled is copied into its image's build, and that what is copied is sent to
//! the builder: an image is built by few, and late.

use std::collections::BTreeSet;

use crate::crates::{DependencyMap, reached};
use crate::source::Source;

const IGNORE_FILE: &str = ".containerignore";
/// Each program's Containerfile and crate.
const IMAGES: [(&str, &str); 2] = [
    ("deploy/images/control-plane/Containerfile", "postrider"),
    ("deploy/images/agent/Containerfile", "postrider-agent"),
];
const MANIFEST: &str = "Cargo.toml";
/// What includes a file while code is compiled, by its path from the file with the code.
const INCLUDING_CALLS: [&str; 3] = ["include_str!(", "include_bytes!(", "include!("];
/// What a path from the crate's own folder begins with.
const CRATE_FOLDER: &str = "env!(\"CARGO_MANIFEST_DIR\")";

/// A file that code includes from outside of its crate's folder.
struct Inclusion {
    place: String,
    included: String,
}

/// What is copied from the context, and to where, both from the top.
struct CopyStep {
    from: String,
    to: String,
    /// A file keeps its name.
    into_folder: bool,
}

impl CopyStep {
    /// Where a file of the context is in the image's build, if this copies it.
    fn place_of(&self, path: &str) -> Option<String> {
        let name = match below(path, &self.from)? {
            "" if self.into_folder => path.rsplit('/').next()?,
            rest => rest,
        };
        Some(resolved(&self.to, name))
    }
}

/// The rest of a path that is a folder or below it.
fn below<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(folder)?;
    if rest.is_empty() || folder.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

/// A path from a folder, from the top of the repository.
fn resolved(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// Files that production code includes from outside of its crate, in a folder.
fn inclusions(file: &Source, crate_folder: &str) -> Vec<Inclusion> {
    let mut code = String::new();
    let mut starts = Vec::new();
    for (number, line) in file.production_lines() {
        starts.push((code.len(), number));
        code.push_str(line.trim());
    }
    let own_folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for call in INCLUDING_CALLS.into_iter().chain([CRATE_FOLDER]) {
        for (at, _) in code.match_indices(call) {
            let rest = code.get(at + call.len()..).unwrap_or_default();
            // A path that begins with the crate's folder or another variable is no literal.
            let literal = match call {
                CRATE_FOLDER => rest.split(';').next().and_then(|rest| rest.split('"').nth(1)),
                _ => rest.strip_prefix('"').and_then(|rest| rest.split('"').next()),
            };
            let Some(literal) = literal else { continue };
            let from = if call == CRATE_FOLDER { crate_folder } else { own_folder };
            let included = resolved(from, literal);
            if below(&included, crate_folder).is_none() {
                let number = starts.iter().rev().find(|(start, _)| *start <= at);
                let number = number.map_or(1, |(_, number)| *number);
                found.push(Inclusion { place: format!("{}:{number}", file.path), included });
            }
        }
    }
    found
}

/// What a Containerfile copies from the context.
fn copies(containerfile: &Source) -> Vec<CopyStep> {
    let text = containerfile.text.replace("\\\n", " ");
    let mut copies = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if words.next() != Some("COPY") || line.contains("--from=") {
            continue;
        }
        let mut words: Vec<_> = words.filter(|word| !word.starts_with("--")).collect();
        let Some(to) = words.pop() else { continue };
        copies.extend(words.into_iter().map(|from| CopyStep {
            from: resolved("", from),
            to: resolved("", to),
            into_folder: to == "." || to.ends_with('/'),
        }));
    }
    copies
}

/// Whether a pattern is that of a path or of a folder that it is in. A `*` may stand for all
/// of a name; other wildcards are not used.
fn matches(pattern: &str, path: &str) -> bool {
    let mut names = path.split('/');
    let mut parts = pattern.split('/');
    parts.all(|part| names.next().is_some_and(|name| part == "*" || part == name))
}

/// Whether a file is sent to the builder: the last pattern that is about it decides.
fn let_through(ignored: &Source, path: &str) -> bool {
    let lines = ignored.text.lines().map(str::trim);
    let patterns = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut about = patterns.map(|line| match line.strip_prefix('!') {
        Some(pattern) => (pattern, true),
        None => (line, false),
    });
    let decides = about.rfind(|(pattern, _)| matches(pattern.trim_matches('/'), path));
    decides.is_none_or(|(_, sent)| sent)
}

/// What a Containerfile copies and the builder would not find.
fn held_back(containerfile: &Source, ignored: &Source, files: &[Source]) -> Vec<String> {
    let mut findings = Vec::new();
    for copy in copies(containerfile) {
        let copied: Vec<_> =
            files.iter().filter(|file| below(&file.path, &copy.from).is_some()).collect();
        if copied.is_empty() {
            findings.push(format!("{}: {} is no file", containerfile.path, copy.from));
        }
        if let Some(file) = copied.iter().find(|file| !let_through(ignored, &file.path)) {
            let (at, path) = (&containerfile.path, &file.path);
            findings.push(format!("{at}: {IGNORE_FILE} holds back {path}, which is copied"));
        }
    }
    findings
}

/// The folders of a program's crates, by what their manifests are called.
fn folders<'a>(files: &'a [Source], names: &BTreeSet<&str>) -> Vec<&'a str> {
    let mut folders = Vec::new();
    for file in files {
        let Some(folder) = file.path.strip_suffix(MANIFEST) else { continue };
        let mut lines = file.text.lines();
        let name = lines.find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
        if name.is_some_and(|name| names.contains(name)) {
            folders.push(folder.trim_end_matches('/'));
        }
    }
    folders
}

/// What code of these crates includes and a Containerfile does not copy to where it is.
fn left_out(containerfile: &Source, files: &[Source], crates: &[&str]) -> Vec<String> {
    let copies = copies(containerfile);
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        // A crate may be in the folder of another: the deepest is a file's own.
        let own = crates.iter().filter(|folder| below(&file.path, folder).is_some());
        let Some(own) = own.max_by_key(|folder| folder.len()) else { continue };
        for Inclusion { place, included } in inclusions(file, own) {
            let copied =
                copies.iter().any(|copy| copy.place_of(&included).as_ref() == Some(&included));
            if !copied {
                let at = &containerfile.path;
                findings.push(format!("{place}: {included} is not copied by {at}"));
            }
        }
    }
    findings
}

/// What images could not be built for.
pub fn missing_from_builds(files: &[Source], needs: &DependencyMap) -> Vec<String> {
    let named = |path: &str| files.iter().find(|file| file.path == path);
    let Some(ignored) = named(IGNORE_FILE) else {
        return vec![format!("{IGNORE_FILE} is missing")];
    };
    let mut findings = Vec::new();
    for (path, program) in IMAGES {
        let Some(containerfile) = named(path) else {
            findings.push(format!("{path} is missing"));
            continue;
        };
        findings.extend(held_back(containerfile, ignored, files));
        let mut names = reached(needs, program);
        names.insert(program);
        let crates = folders(files, &names);
        if crates.is_empty() {
            findings.push(format!("{program}: no such crate; the rule about it is stale"));
        }
        findings.extend(left_out(containerfile, files, &crates));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const INCLUDING: &str = "const A: &str = include_str!(\"../own.toml\");\n\
        const B: &str =\n    include_str!(\n        \"../../docs/page.md\"\n    );\n\
        include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n\
        const C: &[u8] = include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/../x.bin\"));\n\
        #[cfg(test)]\nmod tests {\n    const D: &str = include_str!(\"../../docs/other.md\");\n}\n";

    fn findings(copied: &str, ignored: &str) -> Vec<String> {
        let files = [
            Source::sample("agent/Cargo.toml", "[package]\nname = \"postrider-agent\"\n"),
            Source::sample("agent/src/lib.rs", INCLUDING),
            Source::sample("control-plane/Cargo.toml", "[package]\nname = \"postrider\"\n"),
            Source::sample("docs/page.md", ""),
            Source::sample("x.bin", ""),
            Source::sample(IGNORE_FILE, ignored),
            Source::sample(IMAGES[0].0, "COPY --from=build /image /\n"),
            Source::sample(IMAGES[1].0, copied),
        ];
        missing_from_builds(&files, &DependencyMap::new())
    }

    #[test]
    fn what_is_included_from_elsewhere_is_copied_to_where_it_is() {
        let found = findings("COPY agent agent\n", "");
        let at = IMAGES[1].0;
        assert_eq!(
            found,
            [
                format!("agent/src/lib.rs:3: docs/page.md is not copied by {at}"),
                format!("agent/src/lib.rs:7: x.bin is not copied by {at}"),
            ]
        );
        for copied in [
            "COPY docs docs\nCOPY x.bin ./\n",
            "COPY docs/page.md docs/page.md\nCOPY --chown=1 x.bin \\\n  docs/page.md ./\n",
            "COPY docs/page.md docs/\nCOPY x.bin x.bin\n",
        ] {
            assert_eq!(findings(copied, ""), [""; 0], "{copied}");
        }
        let elsewhere = findings("COPY docs/page.md page.md\nCOPY x.bin ./\n", "");
        assert_eq!(elsewhere, [format!("agent/src/lib.rs:3: docs/page.md is not copied by {at}")]);
    }

    #[test]
    fn what_is_copied_is_let_through() {
        let copied = "COPY docs/page.md docs/page.md\nCOPY x.bin agent ./\n";
        assert_eq!(findings(copied, "*\n!docs/page.md\n!x.bin\n!agent\n"), [""; 0]);
        let at = IMAGES[1].0;
        for (ignored, path) in [
            ("*\n!agent\n!x.bin\n", "docs/page.md"),
            ("# all\n*\n!docs/\n!x.bin\n!agent\ndocs/*\n", "docs/page.md"),
            ("agent/src\n", "agent/src/lib.rs"),
        ] {
            let expected = format!("{at}: {IGNORE_FILE} holds back {path}, which is copied");
            assert_eq!(findings(copied, ignored), [expected]);
        }
        let gone = findings("COPY docs x.bin ./docs/gone.md ./\nCOPY docs docs\n", "");
        assert_eq!(gone, [format!("{at}: docs/gone.md is no file")]);
    }
}
