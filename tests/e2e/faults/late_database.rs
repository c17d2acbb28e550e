//! Programs that are started before their database.

use std::fs;
use std::path::Path;
use std::process::Command;

use postrider_tests::cluster::Description;
use postrider_tests::pki::write_secret_file;
use postrider_tests::postgres::{Server, Stop};
use postrider_tests::process::{self, Program};
use postrider_tests::wait;

use super::{HEALTH_REPORT_LIMIT, TestEndpoint, small_on};
use crate::stage::SOON_LIMIT;

const WAITING_LOG_LINE: &str = "the database is not there; waiting for it";

/// With the database's URL in a file.
fn migrate(url: &str, folder: &Path) -> Program {
    fs::create_dir(folder).unwrap();
    let file = folder.join("url");
    write_secret_file(&file, &format!("{url}\n")).unwrap();
    let mut command: Command = process::command("postrider").unwrap();
    command.args(["migrate", "--database-url-file"]).arg(&file);
    Program::start("migrate", command, &folder.join("log")).unwrap()
}

async fn wait_for_line(program: &Program, line: &str) {
    wait::until(&format!("\"{line}\""), SOON_LIMIT, || async {
        wait::when(program.log(), |said| said.contains(line))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_its_database_on_postgres() {
    let mut server = Server::start().await.unwrap();
    let mut cluster = small_on(Some(&server), Description::default()).await;
    let api = cluster.api().unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut payee = TestEndpoint::create(&api, &receiver, "late", 0).await;
    payee.publish(&api, 1).await;
    receiver.wait_for_at(&payee.path, 1, SOON_LIMIT).await.unwrap();
    let url = cluster.database().unwrap().url().to_owned();
    let folder = cluster.folder().to_owned();
    let replica = &mut cluster.replicas[0];
    replica.stop().await.unwrap();
    server.stop(Stop::Fast).await.unwrap();

    // Whoever waits can be stopped.
    replica.launch().unwrap();
    wait_for_line(replica.program().unwrap(), WAITING_LOG_LINE).await;
    replica.stop().await.unwrap();

    replica.launch().unwrap();
    let mut migrating = migrate(&url, &folder.join("migrating"));
    wait_for_line(&migrating, WAITING_LOG_LINE).await;
    server.start_again().await.unwrap();
    replica.wait_until_serving().await.unwrap();
    migrating.wait_for_exit(0, SOON_LIMIT).await.unwrap();
    wait_for_line(&migrating, "the schema is up to date").await;
    payee.publish_surely(&api, "late").await;
    payee.assert_delivered_once(&api, &receiver).await;

    // Nobody of this name will ever be let in.
    let (_, address) = url.split_once('@').unwrap();
    let unknown = format!("postgres://nobody_known@{address}");
    let mut refused = migrate(&unknown, &folder.join("refused"));
    refused.wait_for_exit(1, HEALTH_REPORT_LIMIT).await.unwrap();
    let said = refused.log();
    assert!(said.contains("database.url_file") && said.contains("nobody_known"), "{said}");
}
