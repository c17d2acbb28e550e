//! README's examples of the command line, as a reader would paste them.
//!
//! Fed by the blocks of README.md whose info string is `sh postrider`; feeds `postrider dev`
//! through the program's own client commands. Guarantees that each line works, in its order,
//! and prints something for people; only ports and the file of contexts differ, so that
//! whoever runs the tests keeps his own.

use crate::dev::RunningDev;
use crate::{CONTEXTS_VARIABLE, shell_command};

const README_PAGE: &str = include_str!("../../README.md");
const CODE_FENCE: &str = "```sh postrider\n";
/// The document tells what else the command says on standard error.
const SILENT_COMMANDS: [&str; 1] = ["postrider contexts set"];

fn examples() -> Vec<&'static str> {
    let blocks = README_PAGE.split(CODE_FENCE).skip(1);
    let blocks = blocks.filter_map(|rest| rest.split_once("```").map(|(block, _)| block));
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect()
}

#[tokio::test]
async fn every_command_of_the_readme_works() {
    let lines = examples();
    assert_eq!(lines.len(), 10, "{lines:?}");
    let mut dev = RunningDev::start().await;
    for line in lines {
        let contexts = dev.folder().join("client.toml");
        let mut command = shell_command(&dev.line(line));
        let output = command.env(CONTEXTS_VARIABLE, contexts).output().unwrap();
        let (printed, told) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}\nprinted {printed}\nand said {told}");
        let is_silent = SILENT_COMMANDS.iter().any(|begin| line.starts_with(begin));
        assert!(is_silent || !printed.trim().is_empty(), "{line} printed nothing");
    }
    dev.assert_runs();
}
