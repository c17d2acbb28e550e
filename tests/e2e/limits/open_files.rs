//! Open files: the limit that a replica raises at its start, and what it says of a low one.

use postrider_tests::cluster::write_keys;
use postrider_tests::process::{Program, command_with_open_files, open_files_limits};
use postrider_tests::wait;

use crate::stage::SOON_LIMIT;

const SOFT_LIMIT: u32 = 400;
const HARD_LIMIT: u32 = 1000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_raises_its_soft_limit_and_tells_of_a_low_hard_one() {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("keys");
    write_keys(&keys).unwrap();
    let mut command = command_with_open_files("postrider", SOFT_LIMIT, HARD_LIMIT).unwrap();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--agents-listen", "127.0.0.1:0"])
        .args(["--metrics-listen", ""])
        .arg("--data-dir")
        .arg(folder.path().join("data"))
        .arg("--keys-file")
        .arg(&keys);
    let program = Program::start("replica", command, &folder.path().join("log")).unwrap();
    wait::until("the replica to serve", SOON_LIMIT, || async {
        wait::when(program.log(), |said| said.contains("serving"))
    })
    .await
    .unwrap();
    assert_eq!(open_files_limits(program.id()).unwrap(), [u64::from(HARD_LIMIT); 2]);
    let said = program.log();
    let line = said.lines().find(|line| line.contains("may open fewer files")).unwrap_or_default();
    // Connections, the handshakes of three doors, the database's, and others.
    let figures = "allowed=1000 needed=9994 setting=\"connections.max_connections\"";
    assert!(line.contains(figures), "{said}");
}
