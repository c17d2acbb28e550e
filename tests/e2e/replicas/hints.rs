//! Hints that arrive, and hints that do not.

use postrider_tests::metrics::Metrics;
use postrider_tests::pki::{Signer, Wanted};
use postrider_tests::ports::free_port;
use postrider_tests::process::{self, Program};
use postrider_tests::wait;

use super::two_replicas;
use crate::stage::SOON_LIMIT;

/// Replicas that reach each other say so; of one whose certificate does not have the
/// name by which it is reached, both sides tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_that_others_do_not_reach_is_told_of_on_postgres() {
    let mut cluster = two_replicas().await;
    for number in 0..2 {
        let other = format!("replica-{}", 2 - number);
        let metrics = cluster.replicas[number].metrics().await.unwrap();
        let reached = metrics.sum("postrider_replica_reachable", &[("replica", &other)]);
        assert_eq!(reached.unwrap(), 1.0, "before anything was published");
        let said = cluster.replicas[number].program().unwrap().log();
        assert!(said.contains("other replicas can reach this one"), "{said}");
    }

    let identity = cluster.pki().issue(&Wanted {
        common_name: "odd",
        names: &["127.0.0.1"],
        signer: Signer::Trusted,
        expired: false,
    });
    let identity = identity.unwrap();
    let port = free_port().unwrap();
    let mut command = process::command("postrider").unwrap();
    command
        .args(["serve", "--metrics-listen", "", "--replica-id", "odd"])
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--advertise", &format!("https://localhost:{port}")])
        .args(["--database-url", cluster.database().unwrap().url()])
        .args(identity.arguments())
        .arg("--tls-client-ca")
        .arg(cluster.pki().ca_file());
    let log = cluster.folder().join("odd.log");
    let odd = Program::start("odd", command, &log).unwrap();
    wait::until("the odd replica to say so", SOON_LIMIT, || async {
        wait::when(odd.log(), |said| {
            said.contains("other replicas cannot reach this one")
                && said.contains("NotValidForName")
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
    assert_eq!(program.log().matches("a replica is unreachable").count(), 1);
    let metrics: Metrics = replica.metrics().await.unwrap();
    let reached = metrics.sum("postrider_replica_reachable", &[("replica", "odd")]).unwrap();
    assert_eq!(reached, 0.0);
}
