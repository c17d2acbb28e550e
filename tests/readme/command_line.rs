//! README's examples of the command line, as a reader would paste them.
//!
//! Fed by the blocks of README.md whose info string is `sh postrider`; feeds `postrider dev`
//! through the program's own client commands. Guarantees that each line works, in its order,
//! and prints something for people; only ports and the file of contexts differ, so that
//! whoever runs the tests keeps his own.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use postrider_tests::ports::free_port;
use postrider_tests::process::{self, Program};
use postrider_tests::token::TEST_TOKEN;
use postrider_tests::wait;

use crate::{DEFAULT_LISTEN, RECEIVER_LISTEN};

const README_PAGE: &str = include_str!("../../README.md");
const CODE_FENCE: &str = "```sh postrider\n";
const START_LIMIT: Duration = Duration::from_secs(60);
/// The document tells what else the command says on standard error.
const SILENT_COMMANDS: [&str; 1] = ["postrider contexts set"];

fn examples() -> Vec<&'static str> {
    let blocks = README_PAGE.split(CODE_FENCE).skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect()
}

/// Runs one line in a shell that finds `postrider`.
fn shell(line: &str, folder: &Path) -> Output {
    let program = process::binary("postrider").unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = [program.parent().unwrap().to_owned()];
    let folders = folders.into_iter().chain(std::env::split_paths(&path).collect::<Vec<_>>());
    process::without_settings(Command::new("sh"))
        .args(["-c", line])
        .env("PATH", std::env::join_paths(folders).unwrap())
        .env("POSTRIDER_TOKEN", TEST_TOKEN)
        .env("POSTRIDER_CLIENT_CONFIG", folder.join("client.toml"))
        .output()
        .unwrap()
}

#[tokio::test]
async fn every_command_of_the_readme_works() {
    let lines = examples();
    assert_eq!(lines.len(), 10, "{lines:?}");
    let folder = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let receiver = format!("127.0.0.1:{}", free_port().unwrap());
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("dev-token"), TEST_TOKEN).unwrap();
    let mut command = process::command("postrider").unwrap();
    command
        .args(["dev", "--listen", &listen, "--receiver-listen", &receiver])
        .arg("--data-dir")
        .arg(data);
    let mut dev = Program::start("dev", command, &folder.path().join("log")).unwrap();
    wait::until("dev to have shown its first delivery", START_LIMIT, || {
        let ended = dev.still_runs().err();
        let log = dev.log();
        async move {
            match ended {
                Some(ended) => Err(format!("{ended:#}")),
                None => wait::when(log, |log| log.contains("Ctrl-C")).map(drop),
            }
        }
    })
    .await
    .unwrap();
    for line in lines {
        let command = line.replace(DEFAULT_LISTEN, &listen).replace(RECEIVER_LISTEN, &receiver);
        let output = shell(&command, folder.path());
        let (printed, told) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}\nprinted {printed}\nand said {told}");
        let is_silent = SILENT_COMMANDS.iter().any(|begin| line.starts_with(begin));
        assert!(is_silent || !printed.trim().is_empty(), "{line} printed nothing");
    }
    dev.still_runs().unwrap();
}
