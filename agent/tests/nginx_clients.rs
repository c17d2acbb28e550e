//! The agent against a real nginx of a private authority, which demands a certificate of
//! whoever comes and tells whose it was.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::fs;
use std::net::SocketAddr;

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use support::control_plane::ScriptedReplica;
use support::nginx::{RunningNginx, free_addresses};
use support::{assignment, config, start, subscription};

/// A private authority, which signs for receiver and clients.
struct PrivateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl PrivateAuthority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "a bank's authority");
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key.
    fn issue(&self, common_name: &str) -> (String, String) {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A receiver with a certificate of the authority, which lets in who has one, too.
fn start_nginx(authority: &PrivateAuthority) -> (RunningNginx, SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.issue("receiver");
    for (name, text) in
        [("certificate", certificate), ("key", key), ("clients", authority.pem.clone())]
    {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let [address] = free_addresses();
    let http = format!(
        "  access_log off;
  ssl_certificate certificate; ssl_certificate_key key;
  ssl_client_certificate clients; ssl_verify_client on;
  server {{
    listen {address} ssl http2;
    location / {{ return 200 'you are $ssl_client_s_dn, $ssl_session_reused'; }}
  }}
"
    );
    (RunningNginx::start(folder, address, &http), address)
}

fn settings(tenant: &str, url: &str, tls: wire::ReceiverTls) -> wire::SubscriptionUpdate {
    wire::SubscriptionUpdate {
        tenant: tenant.to_owned(),
        receiver_tls: Some(tls),
        ..subscription(url, 1)
    }
}

#[tokio::test]
async fn nginx_lets_in_who_has_a_certificate_and_knows_who_it_is() {
    let authority = PrivateAuthority::new();
    let (_nginx, address) = start_nginx(&authority);
    let url = format!("https://localhost:{}/hooks", address.port());
    let mut replica = ScriptedReplica::start("replica-1").await;
    let _agent = start(config(&[&replica], &[]));
    let mut stream = replica.welcome_stream().await;
    let trusting =
        wire::ReceiverTls { ca_certificates: authority.pem.clone(), ..Default::default() };
    let of_client = |name: &str| {
        let (certificate_chain, key) = authority.issue(name);
        let private_key = key.into_bytes().into();
        wire::ReceiverTls { certificate_chain, private_key, ..trusting.clone() }
    };
    for (tenant, tls) in [
        ("acme", of_client("acme")),
        ("other", of_client("other")),
        ("none", trusting.clone()),
        ("untrusting", wire::ReceiverTls { ca_certificates: String::new(), ..of_client("x") }),
    ] {
        let update = settings(tenant, &url, tls);
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
    }
    // Twice: the second time over a connection that is kept.
    for (number, (tenant, expected)) in [
        ("acme", "you are CN=acme"),
        ("none", "400 No required SSL certificate"),
        ("other", "you are CN=other"),
        ("none", "400 No required SSL certificate"),
        ("acme", "you are CN=acme"),
        ("other", "you are CN=other"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = u32::try_from(number).unwrap() + 1;
        let assignment = wire::Assignment { tenant: tenant.to_owned(), ..assignment(number) };
        let result = stream.attempt(assignment).await;
        assert_eq!(result.fact(), Fact::Response, "{tenant}: {result:?}");
        let body = String::from_utf8_lossy(&result.response_body);
        assert!(body.contains(expected), "{tenant}: {body}");
    }
    let untrusting = wire::Assignment { tenant: "untrusting".to_owned(), ..assignment(7) };
    assert_eq!(stream.attempt(untrusting).await.fact(), Fact::TlsFailed);
}
