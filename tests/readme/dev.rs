//! `postrider dev`, as README.md has its reader start it.
//!
//! Fed by nothing; feeds README's examples with a Postrider of their own. Guarantees that it
//! has shown its first delivery, and that nothing but the ports, the folder and the token are
//! others than a reader's.

use std::path::Path;
use std::time::Duration;

use postrider_tests::ports::free_port;
use postrider_tests::process::{self, Program};
use postrider_tests::token::TEST_TOKEN;
use postrider_tests::wait;
use tempfile::TempDir;

use crate::{DEFAULT_LISTEN, RECEIVER_LISTEN};

const START_LIMIT: Duration = Duration::from_secs(60);

/// A `postrider dev` in a folder of its own, ended when dropped.
pub struct RunningDev {
    program: Program,
    listen: String,
    receiver: String,
    folder: TempDir,
}

impl RunningDev {
    /// Starts it, and waits for its first delivery.
    pub async fn start() -> Self {
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
        let mut program = Program::start("dev", command, &folder.path().join("log")).unwrap();
        wait::until("dev to have shown its first delivery", START_LIMIT, || {
            let ended = program.still_runs().err();
            let log = program.log();
            async move {
                match ended {
                    Some(ended) => Err(format!("{ended:#}")),
                    None => wait::when(log, |log| log.contains("Ctrl-C")).map(drop),
                }
            }
        })
        .await
        .unwrap();
        Self { program, listen, receiver, folder }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A line of README.md, with the places of this one.
    pub fn line(&self, line: &str) -> String {
        line.replace(DEFAULT_LISTEN, &self.listen).replace(RECEIVER_LISTEN, &self.receiver)
    }

    pub fn assert_runs(&mut self) {
        self.program.still_runs().unwrap();
    }
}
