//! The help and the man pages, as they are printed.
//!
//! Fed by the program; compares with `tests/golden/postrider-cli`. Guarantees that nobody
//! changes a word, an option or a default of the command line without seeing it.
//! `POSTRIDER_WRITE_GOLDEN=1` writes what is printed instead.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use postrider_tests::process;

const GOLDEN_FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/postrider-cli");

fn printed(words: &[&str]) -> String {
    let mut command: Command = process::command("postrider").unwrap();
    let output = command.args(words).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn compare(name: &str, text: &str) {
    let path = Path::new(GOLDEN_FOLDER).join(name);
    if std::env::var_os("POSTRIDER_WRITE_GOLDEN").is_some() {
        fs::create_dir_all(GOLDEN_FOLDER).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_default();
    let other = text.lines().zip(golden.lines()).find(|(is, was)| is != was);
    assert!(
        text == golden,
        "{} is another, first in {other:?}; POSTRIDER_WRITE_GOLDEN=1 accepts it",
        path.display()
    );
}

#[test]
fn the_help_is_as_it_was() {
    let mut text = printed(&["--help"]);
    for words in postrider_cli::command_words() {
        let words: Vec<&str> = words.split(' ').collect();
        let _ = writeln!(text, "\n$ postrider {} -h\n", words.join(" "));
        text.push_str(&printed(&[&words[..], &["-h"]].concat()));
    }
    let _ = writeln!(text, "\n$ postrider tenants list --help\n");
    text.push_str(&printed(&["tenants", "list", "--help"]));
    compare("help.txt", &text);
}

#[test]
fn the_man_pages_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    printed(&["man", folder.path().to_str().unwrap()]);
    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    let mut text = String::new();
    for page in pages {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        let _ = writeln!(text, "=== {name}\n{}", fs::read_to_string(&page).unwrap());
    }
    compare("man-pages.txt", &text);
}
