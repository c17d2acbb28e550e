//! The five systems' pages, run from top to bottom.
//!
//! Fed by the pages in `examples/*`: one by grpcurl, one by curl and one by postrider for each
//! system; feeds a Postrider of each page's own. Guarantees that every block does what its mark
//! says where types are strict and every webhook is welcome, that all three pages of a system
//! send the same number of webhooks, and that each finding of a page is told, not only the
//! first.

use std::fs;
use std::path::Path;
use std::time::Duration;

use postrider_tests::cluster::{Cluster, Description};

use crate::blocks::{Block, blocks};
use crate::{CONTEXTS_VARIABLE, DEFAULT_LISTEN, RECEIVER_LISTEN, shell_command};

/// The region of a subscription that names none.
const PAGE_REGION: &str = "default";
/// How long the last webhooks of a page may take.
const START_LIMIT: Duration = Duration::from_secs(20);

/// Runs a page; its blocks see nothing but what its earlier blocks have made, and
/// its receiver gets as many webhooks as the page's text makes one expect.
async fn run(system: &str, page: &str, webhooks: u64) {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = fs::read_to_string(top.join("examples").join(system).join(page)).unwrap();
    let blocks = blocks(&text).unwrap_or_else(|problem| panic!("{system}/{page}: {problem}"));
    assert!(blocks.len() >= 10, "{system}/{page} has {} blocks", blocks.len());
    let folder = tempfile::tempdir().unwrap();
    let contexts = folder.path().join("client.toml");

    let description = Description {
        agents: vec![(PAGE_REGION.to_owned(), 1)],
        tls: false,
        allow_unknown_event_types: false,
        ..Description::default()
    };
    let cluster = Cluster::start(&description).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let listen = cluster.replicas[0].url().replace("http://", "");
    let receiver_listen = format!("127.0.0.1:{}", receiver.port());
    let mut findings = Vec::new();
    for (number, block) in (1..).zip(&blocks) {
        let command = block.command.replace(DEFAULT_LISTEN, &listen);
        let command = command.replace(RECEIVER_LISTEN, &receiver_listen);
        let block = Block { command, ..block.clone() };
        let output = {
            let mut command = shell_command(&block.command);
            command.env(CONTEXTS_VARIABLE, &contexts);
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
        };
        if let Err(finding) = block.judge(&output) {
            findings.push(format!("--- {system}/{page}, block {number}, {finding}"));
        }
    }
    if !findings.is_empty() {
        drop(cluster); // before the panic, so that the logs do not hide the findings
        let (bad, all) = (findings.len(), blocks.len());
        panic!("{}\n{bad} of {all} blocks of {system}/{page}", findings.join("\n"));
    }
    receiver.wait_for(webhooks, START_LIMIT).await.unwrap();
    assert_eq!(receiver.received(), webhooks, "{system}/{page}");
}

/// A test for each page of each system, with how many webhooks the system's pages send.
macro_rules! pages {
    ($($system:ident: $webhooks:literal),+) => {
        $(
            mod $system {
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn by_grpcurl() {
                    super::run(stringify!($system), "README.md", $webhooks).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn by_curl() {
                    super::run(stringify!($system), "curl.md", $webhooks).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn by_postrider() {
                    super::run(stringify!($system), "postrider.md", $webhooks).await;
                }
            }
        )+
    };
}

pages!(bank: 12, ivy: 9, kivra: 19, kkiapay: 4, kwik: 13);
