//! What the documents show, as a reader would paste it.
//!
//! Fed by README.md, the pages under examples/, docs/backup.md and docs/receivers.md; feeds
//! Postrider through a shell and grpcurl, curl and postrider themselves. Guarantees that what a
//! document shows works, in its order, against nothing but what the document itself has made.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

mod backup;
mod blocks;
mod command_line;
mod dev;
mod pages;
mod readme;
mod receivers;

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use postrider_tests::process;
use postrider_tests::token::TEST_TOKEN;

/// Where Postrider listens, and `dev`'s receiver, when nobody says otherwise.
const DEFAULT_LISTEN: &str = "127.0.0.1:7443";
const RECEIVER_LISTEN: &str = "127.0.0.1:8443";
/// Where contexts are kept, so that whoever runs the tests keeps his own.
const CONTEXTS_VARIABLE: &str = "POSTRIDER_CLIENT_CONFIG";

/// The folder of the grpcurl that tests/run made; none when it is on the PATH.
fn grpcurl_folder() -> Option<PathBuf> {
    let program = PathBuf::from(env::var_os("POSTRIDER_TEST_GRPCURL")?);
    program.parent().map(Path::to_owned)
}

/// A command for a shell, at the top of the repository, that finds grpcurl and postrider.
fn shell_command(command: &str) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    let program = process::binary("postrider").unwrap();
    let own = grpcurl_folder().into_iter().chain(program.parent().map(Path::to_owned));
    let folders = own.chain(env::split_paths(&path).collect::<Vec<_>>());
    let mut shell = process::without_settings(Command::new("sh"));
    shell
        .args(["-c", command])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env("PATH", env::join_paths(folders).unwrap())
        .env("POSTRIDER_TOKEN", TEST_TOKEN);
    shell
}

/// Runs a command in a shell.
fn shell(command: &str) -> Output {
    shell_command(command).output().unwrap()
}
