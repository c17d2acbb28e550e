//! Agents that are told to stop while nobody answers them.
//!
//! Fed by name servers and control planes that stay silent; feeds nobody. Guarantees that
//! such an agent ends at once: an orchestrator kills what does not, and counts it as failed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use postrider_tests::agent::{Agent, Plan};
use postrider_tests::pki::Pki;
use postrider_tests::wait;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::stage::SOON_LIMIT;

/// Well below ten seconds, which an agent waits for a replica's welcome, and below any grace
/// period of an orchestrator.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A look-up as the C library makes it while no name server answers.
const SILENT_LOOKUP: &str = r#"
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found) {
    close(open("asked", O_CREAT | O_WRONLY, 0600));
    sleep(60);
    return EAI_AGAIN;
}
"#;

fn agent_of(url: String, folder: &Path, environment: Vec<(String, String)>) -> Agent {
    let plan = Plan {
        id: "waiting".to_owned(),
        region: "default".to_owned(),
        control_planes: vec![url],
        ca_file: Pki::create(folder).unwrap().ca_file(),
        identity: None,
        max_in_flight: 1,
        arguments: vec![],
        environment,
        folder: folder.to_owned(),
    };
    Agent::start(plan).unwrap()
}

async fn assert_stops(agent: &mut Agent) {
    let program = agent.program().unwrap();
    program.terminate().unwrap();
    program.wait_for_exit(0, STOP_LIMIT).await.unwrap();
}

#[tokio::test]
async fn an_agent_stops_while_no_name_server_answers() {
    let folder = tempfile::tempdir().unwrap();
    let [source, library] = ["lookup.c", "lookup.so"].map(|name| folder.path().join(name));
    fs::write(&source, SILENT_LOOKUP).unwrap();
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o"]).args([&library, &source]);
    assert!(compiler.status().unwrap().success(), "the look-up cannot be compiled");
    let preload = ("LD_PRELOAD".to_owned(), library.display().to_string());
    // Looked up as any other name, and permitted without TLS.
    let url = "http://localhost:1".to_owned();
    let mut agent = agent_of(url, folder.path(), vec![preload]);
    let asked = folder.path().join("asked");
    let is_asked = async || wait::when(asked.exists(), |exists| *exists);
    wait::until("a look-up", SOON_LIMIT, is_asked).await.unwrap();
    assert_stops(&mut agent).await;
}

#[tokio::test]
async fn an_agent_stops_while_a_replica_does_not_welcome_it() {
    let folder = tempfile::tempdir().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut agent = agent_of(url, folder.path(), vec![]);
    let connection = timeout(SOON_LIMIT, silent.accept()).await.unwrap().unwrap();
    assert_stops(&mut agent).await;
    drop(connection);
}
