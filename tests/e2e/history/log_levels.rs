//! What replicas log, and changing it while they run.
//!
//! Fed by clusters with replicas whose logs can be read; feeds `history`. Guarantees that
//! levels are set at each replica that is named, for as long as they were set for, that
//! SIGHUP has the filter read again, and that the log names who is lost and whose shards are
//! taken.

use std::fs;

use postrider_proto::v1::{GetTenantRequest, SetLogLevelsRequest};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::wait;

use crate::stage::SOON_LIMIT;

const REFUSED_LINE: &str = "call refused";
const BACK_LINE: &str = "log levels are those of the settings again";

/// How many lines of a replica's log have these words.
fn lines(cluster: &mut Cluster, replica: usize, words: &str) -> usize {
    let log = cluster.replicas[replica].program().unwrap().log();
    log.lines().filter(|line| line.contains(words)).count()
}

/// Asks a replica for what is not there, which is logged at `debug`.
async fn ask_in_vain(cluster: &Cluster, replica: usize) {
    let mut api = cluster.api_of(replica).unwrap();
    let missing = GetTenantRequest { name: "tenants/nobody-has-this-name".to_owned() };
    api.tenants.get_tenant(missing).await.unwrap_err();
}

/// Waits until a replica's log has more than so many lines with these words.
async fn wait_for_line(cluster: &mut Cluster, replica: usize, words: &str, before: usize) {
    let what = format!("a line with {words:?}");
    let found = wait::until(&what, SOON_LIMIT, || {
        let count = lines(cluster, replica, words);
        async move { wait::when(count, |count| *count > before) }
    });
    found.await.unwrap();
}

pub async fn log_levels_are_set_everywhere_for_a_while(cluster: &mut Cluster) {
    let before = [0, 1].map(|replica| lines(cluster, replica, REFUSED_LINE));
    let set = SetLogLevelsRequest {
        name: "replicas/-".to_owned(),
        filter: "info,postrider::api=debug".to_owned(),
        ttl: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
    };
    let told = cluster.api_of(1).unwrap().fleet.set_log_levels(set).await.unwrap().into_inner();
    let names: Vec<_> = told.log_levels.iter().map(|levels| levels.replica.as_str()).collect();
    assert_eq!(names, ["replicas/replica-1", "replicas/replica-2"]);
    assert!(told.unreachable.is_empty());
    for (replica, before) in before.into_iter().enumerate() {
        ask_in_vain(cluster, replica).await;
        wait_for_line(cluster, replica, REFUSED_LINE, before).await;
    }
    for replica in 0..2 {
        wait_for_line(cluster, replica, BACK_LINE, 0).await;
        let before = lines(cluster, replica, REFUSED_LINE);
        ask_in_vain(cluster, replica).await;
        assert_eq!(lines(cluster, replica, REFUSED_LINE), before);
    }
}

/// Kills the second replica, and leaves it dead.
pub async fn who_is_lost_is_named_in_the_log(cluster: &mut Cluster) {
    let settled = lines(cluster, 0, "shards are settled");
    assert!(settled >= 1, "its own, after its start");
    cluster.replicas[1].kill().await.unwrap();
    wait_for_line(cluster, 0, "a replica is lost", 0).await;
    wait_for_line(cluster, 0, "from=\"replica-2\"", 0).await;
    wait_for_line(cluster, 0, "shards are settled", settled).await;
    let log = cluster.replicas[0].program().unwrap().log();
    let lost = log.lines().find(|line| line.contains("a replica is lost")).unwrap();
    assert!(lost.contains("WARN") && lost.contains("replica=replica-2"), "{lost}");
    let taken = log.lines().find(|line| line.contains("from=\"replica-2\"")).unwrap();
    assert!(taken.contains("acquired shards") && taken.contains("numbers=\""), "{taken}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_filter_of_the_log_is_read_again_at_sighup() {
    let folder = tempfile::tempdir().unwrap();
    let filter = folder.path().join("filter");
    fs::write(&filter, "info\n").unwrap();
    let variable = "POSTRIDER_TELEMETRY__LOG_FILTER_FILE".to_owned();
    let description = Description {
        engine: Engine::Sqlite,
        replica_environment: vec![(variable, filter.display().to_string())],
        ..Description::default()
    };
    let mut cluster = Cluster::start(&description).await.unwrap();
    ask_in_vain(&cluster, 0).await;
    assert_eq!(lines(&mut cluster, 0, REFUSED_LINE), 0);

    fs::write(&filter, "# a look at calls\ninfo\npostrider::api=debug\n").unwrap();
    cluster.replicas[0].program().unwrap().hang_up().unwrap();
    wait_for_line(&mut cluster, 0, "the filter of the log was read again", 0).await;
    ask_in_vain(&cluster, 0).await;
    wait_for_line(&mut cluster, 0, REFUSED_LINE, 0).await;

    fs::write(&filter, "postrider=loud\n").unwrap();
    cluster.replicas[0].program().unwrap().hang_up().unwrap();
    wait_for_line(&mut cluster, 0, "the one from before stays in force", 0).await;
    let before = lines(&mut cluster, 0, REFUSED_LINE);
    ask_in_vain(&cluster, 0).await;
    wait_for_line(&mut cluster, 0, REFUSED_LINE, before).await;
}
