//! SQLite's file by another name, and without one.

use std::fs;
use std::path::Path;
use std::process::Command;

use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::process::{self, Program};

use super::{HEALTH_REPORT_LIMIT, TestEndpoint, assert_alive, assert_refused, wait_until_ready};

/// Runs a command of the program on a database; what it said before it failed.
async fn refused_by(database: &Path, arguments: &[&str], log: &Path) -> String {
    let mut command: Command = process::command("postrider").unwrap();
    command.args(arguments).arg("--database-url").arg(format!("sqlite:{}", database.display()));
    let mut program = Program::start("second", command, log).unwrap();
    program.wait_for_exit(1, HEALTH_REPORT_LIMIT).await.unwrap();
    program.log()
}

/// Whatever is started beside a replica, by whatever name of its file, is refused and
/// changes nothing; and a file that is taken away stops its writers, until it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_has_one_process_by_all_its_names_on_sqlite() {
    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "names", 0).await;
    let folder = cluster.folder().to_owned();
    let [database, hard, soft, away] =
        ["postrider.db", "hard.db", "soft.db", "away.db"].map(|name| folder.join(name));
    fs::hard_link(&database, &hard).unwrap();
    std::os::unix::fs::symlink(&database, &soft).unwrap();
    let anywhere = "127.0.0.1:0";
    let serve =
        ["serve", "--listen", anywhere, "--agents-listen", anywhere, "--metrics-listen", ""];
    for (name, arguments) in [
        (&hard, &serve[..]),
        (&soft, &serve[..]),
        (&hard, &["migrate"][..]),
        (&soft, &["migrate"][..]),
    ] {
        let log = folder.join(format!("{}-{}.log", name.display(), arguments[0]));
        let said = refused_by(name, arguments, &log).await;
        assert!(said.contains("another process has"), "{said}");
        payee.publish(&api, 2).await;
    }
    fs::remove_file(&hard).unwrap();

    fs::rename(&database, &away).unwrap();
    assert_refused(&api, &payee, "away").await;
    wait_until_ready(&api, false, HEALTH_REPORT_LIMIT).await;
    assert_alive(&api).await;
    fs::rename(&away, &database).unwrap();
    wait_until_ready(&api, true, HEALTH_REPORT_LIMIT).await;
    payee.publish_surely(&api, "away").await;
    payee.assert_delivered_once(&api, &receiver).await;
}
