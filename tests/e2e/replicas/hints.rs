//! Hints that arrive, and hints that do not.

use std::time::Duration;

use postrider_tests::pki::TRUST_DOMAIN;
use postrider_tests::ports::free_port;
use postrider_tests::process::{self, Program};
use postrider_tests::replica::Replica;
use postrider_tests::wait;
use tokio::time::sleep;

use super::two_replicas;
use crate::stage::SOON_LIMIT;

/// Replicas greet each other every 2 s: twice, and a busy machine.
const GREETING_TIME: Duration = Duration::from_secs(5);

/// Replicas that reach each other say so; of one that cannot be reached where it says,
/// both sides tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_others_do_not_reach_is_told_of_on_postgres() {
    let mut cluster = two_replicas().await;
    for number in 0..2 {
        let other = format!("replica-{}", 2 - number);
        // Before anything is published.
        wait_for_reachable(&cluster.replicas[number], &other, true).await;
        let program = cluster.replicas[number].program().unwrap();
        wait::until("the replica to say so", SOON_LIMIT, || async {
            wait::when(program.log(), |said| said.contains("other replicas can reach this one"))
        })
        .await
        .unwrap();
    }

    let identity = cluster.pki().replica("odd").unwrap();
    let closed = free_port().unwrap();
    let mut command = process::command("postrider").unwrap();
    command
        .args(["serve", "--metrics-listen", "", "--replica-id", "odd", "--listen", "127.0.0.1:0"])
        .args(["--agents-listen", "127.0.0.1:0", "--replicas-listen", "127.0.0.1:0"])
        .args(["--advertise", &format!("https://127.0.0.1:{closed}")])
        .args(["--database-url", cluster.database().unwrap().url()])
        .args(["--spiffe-trust-domain", TRUST_DOMAIN])
        .arg("--keys-file")
        .arg(cluster.keys_file())
        .args(identity.arguments())
        .arg("--replicas-tls-ca")
        .arg(cluster.pki().ca_file());
    let log = cluster.folder().join("odd.log");
    let odd = Program::start("odd", command, &log).unwrap();
    wait::until("the odd replica to say so", SOON_LIMIT, || async {
        wait::when(odd.log(), |said| {
            said.contains("other replicas cannot reach this one")
                && said.contains("Connection refused")
        })
    })
    .await
    .unwrap();
    let replica = &mut cluster.replicas[0];
    let program = replica.program().unwrap();
    wait::until("its peer to say so", SOON_LIMIT, || async {
        wait::when(program.log(), |said| said.contains("a replica is unreachable"))
    })
    .await
    .unwrap();
    sleep(GREETING_TIME).await;
    assert_eq!(program.log().matches("a replica is unreachable").count(), 1);
    wait_for_reachable(replica, "odd", false).await;
}

/// Waits until a replica says that it reaches another, or that it does not.
async fn wait_for_reachable(replica: &Replica, other: &str, reachable: bool) {
    let wanted = f64::from(u8::from(reachable));
    wait::until(&format!("{other} to be reachable: {reachable}"), SOON_LIMIT, || async {
        let metrics = replica.metrics().await.map_err(|error| error.to_string())?;
        let told = metrics.sum("postrider_replica_reachable", &[("replica", other)]);
        let told = told.map_err(|error| error.to_string())?;
        wait::when(told, |told| *told == wanted)
    })
    .await
    .unwrap();
}
