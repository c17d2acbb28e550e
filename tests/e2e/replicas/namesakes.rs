//! Processes that take the name of another.

use std::path::Path;
use std::time::Duration;

use postrider_proto::v1::{AgentState, ListAgentsRequest, ListReplicasRequest};
use postrider_tests::agent::{Agent, Plan};
use postrider_tests::api::Api;
use postrider_tests::cluster::{Cluster, Description};
use postrider_tests::process::{self, Program};
use postrider_tests::publish::event;
use postrider_tests::wait;
use tokio::time::sleep;

use super::{many_tenants, publish_to_each, two_replicas, two_replicas_that};
use crate::stage::SOON_LIMIT;

/// What a refused agent says of itself.
const REFUSED_LOG_LINE: &str = "give each agent its own id";
/// What an agent says whose region nobody subscribes to.
const UNSUBSCRIBED_LOG_LINE: &str = "no subscription uses this region";
/// How long the refused one keeps trying, beside heartbeats and publishes.
const WATCH_TIME: Duration = Duration::from_secs(3);

/// One more agent of this id, with a log of its own, that knows these replicas.
fn agent(cluster: &Cluster, id: &str, folder: &Path, replicas: &[usize]) -> Agent {
    let urls = replicas.iter().map(|number| cluster.replicas[*number].agents_url());
    Agent::start(Plan {
        id: id.to_owned(),
        region: "eu".to_owned(),
        control_planes: urls.collect(),
        ca_file: cluster.pki().ca_file(),
        identity: Some(cluster.pki().agent("eu", id).unwrap()),
        max_in_flight: 64,
        arguments: Vec::new(),
        environment: Vec::new(),
        folder: folder.to_owned(),
    })
    .unwrap()
}

fn says(agent: &mut Agent, what: &str) -> usize {
    agent.program().unwrap().log().matches(what).count()
}

/// The processes that are connected under an id, with the number of their replicas.
async fn connected(api: &Api) -> Vec<(String, usize)> {
    let mut api = api.clone();
    let agents = api.fleet.list_agents(ListAgentsRequest::default()).await.unwrap();
    let agents = agents.into_inner().agents.into_iter();
    let connected = agents.filter(|agent| agent.state() == AgentState::Connected);
    connected.map(|agent| (agent.incarnation, agent.connected_replicas.len())).collect()
}

async fn last_heartbeats(api: &Api) -> Vec<(i64, i32)> {
    let mut api = api.clone();
    let replicas = api.fleet.list_replicas(ListReplicasRequest::default()).await.unwrap();
    let times = replicas.into_inner().replicas.into_iter().map(|replica| {
        let time = replica.last_heartbeat_time.unwrap();
        (time.seconds, time.nanos)
    });
    times.collect()
}

/// Waits until one of the agents says that it was refused.
async fn wait_until_refused(agents: &mut [&mut Agent]) {
    wait::until("one to be refused", SOON_LIMIT, || {
        let refused = agents.iter_mut().map(|agent| says(agent, REFUSED_LOG_LINE)).sum::<usize>();
        async move { wait::when(refused, |refused| *refused > 0) }
    })
    .await
    .unwrap();
}

/// The second of two agents of one id waits for the first's end and costs nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_of_anothers_id_waits_until_that_one_is_gone_on_postgres() {
    let mut cluster = two_replicas().await;
    let api = cluster.api().unwrap();
    wait::until("the region to be called unsubscribed", SOON_LIMIT, || {
        let said = says(&mut cluster.agents[0], UNSUBSCRIBED_LOG_LINE);
        async move { wait::when(said, |said| *said > 0) }
    })
    .await
    .unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let subscriptions = many_tenants(&api, &receiver, "namesakes").await;
    let folder = tempfile::tempdir().unwrap();
    let id = cluster.agents[0].id().to_owned();
    let mut second = agent(&cluster, &id, folder.path(), &[0, 1]);
    wait_until_refused(&mut [&mut second]).await;
    let (first, before) = (connected(&api).await.remove(0).0, last_heartbeats(&api).await);
    sleep(WATCH_TIME).await;
    publish_to_each(&api, &subscriptions).await;
    receiver.wait_for(subscriptions.len() as u64, SOON_LIMIT).await.unwrap();
    wait::until("one process at both replicas", SOON_LIMIT, || async {
        let now = connected(&api).await;
        assert!(now.iter().all(|(process, _)| *process == first), "two processes: {now:?}");
        wait::when(now, |now| *now == [(first.clone(), 2)])
    })
    .await
    .unwrap();
    wait::until("heartbeats of both replicas", SOON_LIMIT, || async {
        let after = last_heartbeats(&api).await;
        wait::when(after, |after| before.iter().zip(after).all(|(before, after)| before < after))
    })
    .await
    .unwrap();
    assert_eq!(says(&mut second, REFUSED_LOG_LINE), 1);
    assert_eq!(says(&mut cluster.agents[0], UNSUBSCRIBED_LOG_LINE), 1, "two replicas know it");

    cluster.agents[0].kill().await.unwrap();
    wait::until("the second to be admitted", SOON_LIMIT, || async {
        let now = connected(&api).await;
        wait::when(now, |now| now.len() == 1 && now[0].0 != first && now[0].1 == 2)
    })
    .await
    .unwrap();
    publish_to_each(&api, &subscriptions).await;
    receiver.wait_for(2 * subscriptions.len() as u64, SOON_LIMIT).await.unwrap();
    let said = second.program().unwrap().log();
    assert!(!said.contains(UNSUBSCRIBED_LOG_LINE), "{said}");

    // Whoever says goodbye makes room at once.
    second.stop().await.unwrap();
    let others = tempfile::tempdir().unwrap();
    let mut third = agent(&cluster, &id, others.path(), &[0, 1]);
    publish_to_each(&api, &subscriptions).await;
    receiver.wait_for(3 * subscriptions.len() as u64, SOON_LIMIT).await.unwrap();
    assert!(says(&mut third, "work stream opened") > 0);
    a_replica_of_anothers_name_does_not_start(&cluster, folder.path()).await;
}

/// Nothing tells the later of two that each come to another replica at one moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_agents_of_one_id_one_gives_way_on_postgres() {
    let description = Description { agents: Vec::new(), ..Description::default() };
    let mut cluster = two_replicas_that(description).await;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut agents =
        [0, 1].map(|number| agent(&cluster, "same", folders[number].path(), &[number]));
    let [one, other] = &mut agents;
    wait_until_refused(&mut [one, other]).await;
    sleep(WATCH_TIME).await;
    let refused = [says(one, REFUSED_LOG_LINE), says(other, REFUSED_LOG_LINE)];
    assert_eq!(refused[0] + refused[1], 1, "one of them works");
    // The one that works knows its own replica only, which then has to own every tenant.
    let (unserved, served) = if refused[0] == 1 { (0, 1) } else { (1, 0) };
    cluster.replicas[unserved].stop().await.unwrap();
    let api = cluster.replicas[served].api();
    let tenant = api.clone().create_tenant("alone").await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    api.clone().subscribe(&tenant, super::wanted(&receiver, "/alone", &["*"])).await.unwrap();
    api.clone().publish(&tenant, event("payment.completed", "{}"), "").await.unwrap();
    receiver.wait_for(1, SOON_LIMIT).await.unwrap();
}

async fn a_replica_of_anothers_name_does_not_start(cluster: &Cluster, folder: &Path) {
    let mut command = process::command("postrider").unwrap();
    let id = cluster.replicas[0].id();
    command
        .args(["serve", "--metrics-listen", "", "--replica-id", id, "--listen", "localhost:0"])
        .args(["--agents-listen", "localhost:0", "--replicas-listen", "localhost:0"])
        .args(["--database-url", cluster.database().unwrap().url()])
        .arg("--keys-file")
        .arg(cluster.keys_file())
        .arg("--data-dir")
        .arg(folder.join("data"));
    let log = folder.join("replica.log");
    let mut program = Program::start("another replica", command, &log).unwrap();
    program.wait_for_exit(1, SOON_LIMIT).await.unwrap();
    let said = program.log();
    assert!(said.contains(&format!("another replica named {id}")), "{said}");
}
