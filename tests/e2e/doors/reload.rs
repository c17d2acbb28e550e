//! Certificates that are renewed while everything runs.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use postrider_proto::v1::WatchAttemptsRequest;
use postrider_tests::cluster::{Cluster, Engine};
use postrider_tests::pki::Identity;
use postrider_tests::publish::{event, subscription};
use postrider_tests::wait;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::stage::{DEFAULT_REGION, SOON_LIMIT};

const NOT_AFTER_METRIC: &str = "postrider_certificate_not_after_timestamp_seconds";
const FAILING_METRIC: &str = "postrider_certificate_reload_failing";
/// Files are read every 2 s, and one that is bad counts at the second look.
const RELOAD_LIMIT: Duration = Duration::from_secs(15);

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

/// What a new connection to a port is shown.
async fn shown_certificate(cluster: &Cluster, port: u16) -> CertificateDer<'static> {
    let mut roots = RootCertStore::empty();
    roots.add(der(cluster.pki().ca_pem())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

/// Renewed in place, as `cp` does it.
fn overwrite(identity: &Identity, with: &Identity) {
    fs::write(&identity.certificate_file, &with.certificate_pem).unwrap();
    fs::write(&identity.key_file, &with.key_pem).unwrap();
}

async fn wait_for_shown(cluster: &Cluster, port: u16, wanted: &Identity) {
    let wanted = der(&wanted.certificate_pem);
    let shown = wait::until("the renewed certificate", RELOAD_LIMIT, || async {
        wait::when(shown_certificate(cluster, port).await, |shown| *shown == wanted)
    });
    shown.await.unwrap();
}

async fn metric(cluster: &Cluster, name: &str, setting: &str) -> f64 {
    let metrics = cluster.replicas[0].metrics().await.unwrap();
    metrics.sum(name, &[("setting", setting)]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewed_certificates_are_shown_and_no_connection_is_lost() {
    let mut cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let receiver = cluster.receiver().await.unwrap();
    let mut api = cluster.api().unwrap();
    let tenant = api.create_tenant("reload").await.unwrap();
    let wanted = postrider_proto::v1::Subscription {
        region: DEFAULT_REGION.to_owned(),
        ..subscription(&receiver.url("/reload"), &["*"])
    };
    api.subscribe(&tenant, wanted).await.unwrap();
    let watch = WatchAttemptsRequest { parent: tenant.clone(), ..WatchAttemptsRequest::default() };
    let mut tail = api.deliveries.watch_attempts(watch).await.unwrap().into_inner();
    let own = cluster.replicas[0].identity().unwrap().clone();
    let ports = [cluster.replicas[0].port(), cluster.replicas[0].agents_port()];
    assert_eq!(shown_certificate(&cluster, ports[0]).await, der(&own.certificate_pem));

    // A chain without its key changes nothing but a line and a metric.
    let renewed = cluster.pki().server("replica-1").unwrap();
    fs::write(&own.certificate_file, "-----BEGIN NOTHING").unwrap();
    wait::until("the bad file to be told of", RELOAD_LIMIT, || async {
        wait::when(metric(&cluster, FAILING_METRIC, "server.tls_cert").await, |value| *value >= 1.0)
    })
    .await
    .unwrap();
    assert_eq!(shown_certificate(&cluster, ports[0]).await, der(&own.certificate_pem));

    overwrite(&own, &renewed);
    wait_for_shown(&cluster, ports[0], &renewed).await;
    assert_eq!(metric(&cluster, FAILING_METRIC, "server.tls_cert").await, 0.0);

    // The streams that were open go on: a caller's, and the agent's.
    api.publish(&tenant, event("payment.completed", "{}"), "").await.unwrap();
    assert!(timeout(SOON_LIMIT, tail.message()).await.unwrap().unwrap().is_some());
    receiver.wait_for(1, SOON_LIMIT).await.unwrap();
    let said = cluster.replicas[0].program().unwrap().log();
    let file = own.certificate_file.display().to_string();
    let lines = said.lines().filter(|line| line.contains("cannot be used"));
    let lines: Vec<_> = lines.filter(|line| line.contains(&file)).collect();
    assert!((1..=2).contains(&lines.len()), "once for each of two doors: {lines:?}");
    assert!(!said.contains("agent stream ended"), "{said}");
    assert_eq!(said.matches("agent connected").count(), 1, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expiring_certificate_is_a_metric() {
    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    for setting in ["server.tls_cert", "server.tls_client_ca", "agents.tls_client_ca"] {
        let until = metric(&cluster, NOT_AFTER_METRIC, setting).await;
        assert!(until > now, "{setting}: {until}");
    }
}

/// An agent shows what its files hold when it connects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_shows_its_renewed_certificate() {
    let mut cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let own = cluster.agents[0].identity().unwrap().clone();
    let elsewhere = cluster.pki().agent("us", "agent-eu-1").unwrap();
    overwrite(&own, &elsewhere);
    let agent = cluster.agents[0].program().unwrap();
    wait::until("the agent to read it", RELOAD_LIMIT, || async {
        wait::when(agent.log(), |said| said.contains("certificates were read again"))
    })
    .await
    .unwrap();
    cluster.replicas[0].kill().await.unwrap();
    cluster.replicas[0].start_again().await.unwrap();
    let replica = cluster.replicas[0].program().unwrap();
    wait::until("the agent to be refused", RELOAD_LIMIT, || async {
        wait::when(replica.log(), |said| said.contains("allows region us under id agent-eu-1"))
    })
    .await
    .unwrap();
    overwrite(&own, &cluster.pki().agent("eu", "agent-eu-1").unwrap());
    cluster.wait_for_agents().await.unwrap();
}
