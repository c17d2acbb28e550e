//! Who may come in at which door, by what certificate.

mod reload;

use futures::{StreamExt as _, stream};
use postrider_proto::agent::v1::agent_service_client::AgentServiceClient;
use postrider_proto::agent::v1::work_request::Message;
use postrider_proto::agent::v1::{Hello, WorkRequest};
use postrider_proto::replica::v1::replica_service_client::ReplicaServiceClient;
use postrider_proto::replica::v1::{CheckReplicaRequest, HintRequest};
use postrider_proto::v1::fleet_service_client::FleetServiceClient;
use postrider_proto::v1::{DrainAgentRequest, ListReplicasRequest};
use postrider_tests::api::channel;
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::pki::{Identity, Signer, TRUST_DOMAIN, Wanted};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::replicas::two_replicas;
use crate::stage::SOON_LIMIT;

/// What a work stream is answered with.
pub async fn open_work_stream(channel: Channel, hello: Hello) -> Result<(), Status> {
    let hello = WorkRequest { message: Some(Message::Hello(hello)) };
    let outgoing = stream::iter([hello]).chain(stream::pending());
    let mut agents = AgentServiceClient::new(channel);
    timeout(SOON_LIMIT, agents.work(outgoing)).await.unwrap().map(drop)
}

pub fn hello(region: &str, agent: &str) -> Hello {
    Hello {
        agent_id: agent.to_owned(),
        incarnation: vec![7; 16].into(),
        region: region.to_owned(),
        version: "0".to_owned(),
        max_in_flight: 8,
        stream: 1,
        ..Hello::default()
    }
}

fn as_somebody(cluster: &Cluster, url: &str, identity: &Identity) -> Channel {
    channel(url, Some((cluster.pki(), identity))).unwrap()
}

fn at_agents_door(cluster: &Cluster, identity: &Identity) -> Channel {
    as_somebody(cluster, &cluster.replicas[0].agents_url(), identity)
}

async fn a_publishers_certificate_is_no_agent(cluster: &Cluster) {
    for identity in [cluster.caller(), &cluster.pki().replica("replica-1").unwrap()] {
        let channel = at_agents_door(cluster, identity);
        let refused = open_work_stream(channel, hello("eu", "thief")).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        assert!(refused.message().contains("is no agent's"), "{refused}");
        assert!(refused.message().contains("DNS:"), "it says what was shown: {refused}");
    }
}

/// The handshake failed. How a client finds out depends on the moment.
pub fn assert_no_connection(refused: &Status) {
    let broken = [Code::Unavailable, Code::Unknown, Code::Cancelled, Code::Internal];
    assert!(broken.contains(&refused.code()), "{refused}");
}

async fn nobody_and_strangers_are_no_agents(cluster: &Cluster) {
    let wanted = Wanted {
        common_name: "stranger",
        names: &["127.0.0.1"],
        uri: Some("spiffe://postrider.test/postrider/agent/eu"),
        signer: Signer::Stranger,
        expired: false,
    };
    let stranger = cluster.pki().issue(&wanted).unwrap();
    let late = Wanted { signer: Signer::Trusted, expired: true, ..wanted };
    let late = cluster.pki().issue(&late).unwrap();
    for identity in [&stranger, &late] {
        let channel = at_agents_door(cluster, identity);
        let refused = open_work_stream(channel, hello("eu", "thief")).await.unwrap_err();
        assert_no_connection(&refused);
    }
    let nobody = crate::replicas::nobodys_channel(cluster, &cluster.replicas[0].agents_url());
    let refused = open_work_stream(nobody, hello("eu", "thief")).await.unwrap_err();
    assert_no_connection(&refused);
}

async fn hello_keeps_within_the_certificate(cluster: &Cluster) {
    let bound = cluster.pki().agent("us", "agent-us-1").unwrap();
    for (region, id) in [("eu", "agent-us-1"), ("us", "agent-us-2"), ("us", "agent-eu-1")] {
        let channel = at_agents_door(cluster, &bound);
        let refused = open_work_stream(channel, hello(region, id)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{region} {id}: {refused}");
        let said = "allows region us under id agent-us-1";
        assert!(refused.message().contains(said), "{refused}");
    }
    let channel = at_agents_door(cluster, &bound);
    open_work_stream(channel, hello("us", "agent-us-1")).await.unwrap();

    // Pods of one Deployment share a certificate, which names no id.
    let shared = cluster.pki().issue(&Wanted {
        common_name: "agents",
        names: &["agents.invalid"],
        uri: Some(&format!("spiffe://{TRUST_DOMAIN}/postrider/agent/apac")),
        signer: Signer::Trusted,
        expired: false,
    });
    let shared = shared.unwrap();
    for pod in ["agent-pod-1", "agent-pod-2"] {
        let channel = at_agents_door(cluster, &shared);
        open_work_stream(channel, hello("apac", pod)).await.unwrap();
    }
}

/// Names of the operator's own are mapped in the configuration.
async fn a_name_in_the_configuration_is_an_agent(cluster: &Cluster) {
    let legacy = cluster.pki().issue(&Wanted {
        common_name: "legacy",
        names: &["legacy.agents.example"],
        uri: None,
        signer: Signer::Trusted,
        expired: false,
    });
    let legacy = legacy.unwrap();
    let open = |region, id| open_work_stream(at_agents_door(cluster, &legacy), hello(region, id));
    open("eu", "legacy-1").await.unwrap();
    let refused = open("us", "legacy-1").await.unwrap_err();
    assert!(refused.message().contains("allows region eu under ids legacy-*"), "{refused}");
    assert_eq!(open("eu", "agent-eu-1").await.unwrap_err().code(), Code::PermissionDenied);
}

async fn each_door_has_its_own_services(cluster: &Cluster) {
    let agent = cluster.pki().agent("eu", "agent-eu-9").unwrap();
    let mut fleet = FleetServiceClient::new(at_agents_door(cluster, &agent));
    let refused = fleet.list_replicas(ListReplicasRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    let callers = as_somebody(cluster, &cluster.replicas[0].url(), &agent);
    let refused = open_work_stream(callers.clone(), hello("eu", "agent-eu-9")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    assert!(refused.message().contains("agents come in at agents.listen"), "{refused}");
    let refused = ReplicaServiceClient::new(callers).hint(HintRequest::default()).await;
    assert_eq!(refused.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_are_what_their_certificates_say() {
    let settings = "[[agents.identities]]\ndns = \"legacy.agents.example\"\nregions = [\"eu\"]\n\
                    id = \"legacy-*\"\n";
    let description = Description { settings: settings.to_owned(), ..Description::default() };
    let cluster = Cluster::start(&description).await.unwrap();
    play!(
        &cluster;
        a_publishers_certificate_is_no_agent,
        nobody_and_strangers_are_no_agents,
        hello_keeps_within_the_certificate,
        a_name_in_the_configuration_is_an_agent,
        each_door_has_its_own_services,
    );
}

/// An agent's and a publisher's certificate are no replica's; a replica's is, for what
/// replicas tell each other and under its own name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_are_what_their_certificates_say_on_postgres() {
    let cluster = two_replicas().await;
    let to_others = |identity: &Identity| replica_channel(&cluster, identity);
    let agent = cluster.pki().agent("eu", "agent-eu-1").unwrap();
    for identity in [cluster.caller(), &agent] {
        let mut replicas = ReplicaServiceClient::new(to_others(identity));
        let refused = replicas.hint(HintRequest::default()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
        assert!(refused.message().contains("is no replica's"), "{refused}");
        let mut fleet = FleetServiceClient::new(to_others(identity));
        let mut drain = Request::new(DrainAgentRequest { name: "agents/agent-eu-1".to_owned() });
        drain.metadata_mut().insert("postrider-forwarded", "1".parse().unwrap());
        let refused = fleet.drain_agent(drain).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    }
    let replica = cluster.pki().replica("replica-2").unwrap();
    let mut replicas = ReplicaServiceClient::new(to_others(&replica));
    replicas.hint(HintRequest::default()).await.unwrap();
    let another = CheckReplicaRequest {
        replica_id: "replica-1".to_owned(),
        address: "https://127.0.0.1:1".to_owned(),
    };
    let refused = replicas.check_replica(another).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
    let mut fleet = FleetServiceClient::new(to_others(&replica));
    let refused = fleet.list_replicas(ListReplicasRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented, "{refused}");
    // A forwarded call is somebody's, and a replica is no caller.
    let mut drain = Request::new(DrainAgentRequest { name: "agents/agent-eu-1".to_owned() });
    drain.metadata_mut().insert("postrider-forwarded", "1".parse().unwrap());
    let refused = fleet.drain_agent(drain).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused}");
}

/// To the first replica's door for replicas, whose certificate has no host's name.
fn replica_channel(cluster: &Cluster, identity: &Identity) -> Channel {
    let pem = tonic::transport::Identity::from_pem(&identity.certificate_pem, &identity.key_pem);
    let tls = tonic::transport::ClientTlsConfig::new()
        .ca_certificate(tonic::transport::Certificate::from_pem(cluster.pki().ca_pem()))
        .domain_name("replica.invalid")
        .identity(pem);
    let url = cluster.replicas[0].replicas_url();
    Channel::from_shared(url).unwrap().tls_config(tls).unwrap().connect_lazy()
}

/// What makes a callers' door less than it should be is logged and told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_insecure_is_told() {
    let description = Description {
        replica_arguments: vec!["--insecure-no-tls".to_owned()],
        tls: false,
        ..Description::default()
    };
    let mut cluster = Cluster::start(&description).await.unwrap();
    let listed = cluster.api().unwrap().fleet.list_replicas(ListReplicasRequest::default()).await;
    assert_eq!(listed.unwrap().into_inner().insecure_settings, ["server.insecure_no_tls"]);
    let said = cluster.replicas[0].program().unwrap().log();
    assert!(said.contains("WARN") && said.contains("server.insecure_no_tls"), "{said}");

    let cluster = Cluster::small(Engine::Sqlite).await.unwrap();
    let listed = cluster.api().unwrap().fleet.list_replicas(ListReplicasRequest::default()).await;
    assert!(listed.unwrap().into_inner().insecure_settings.is_empty());
}
