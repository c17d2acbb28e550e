//! The agent against a real nginx of a private authority, which demands a certificate of
//! whoever comes and tells whose it was.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod support;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use support::control_plane::ScriptedReplica;
use support::{TEST_TIMEOUT, assignment, config, start, subscription};

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

/// A server of its own in a folder of its own, ended when dropped.
struct Nginx {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Nginx {
    fn start(authority: &PrivateAuthority) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = authority.issue("receiver");
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        for (name, text) in [
            ("certificate", certificate),
            ("key", key),
            ("clients", authority.pem.clone()),
            ("nginx.conf", configuration(address)),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let process = Command::new("nginx")
            .args(["-c", "nginx.conf", "-e", "error.log", "-p"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let began = Instant::now();
        while std::net::TcpStream::connect(address).is_err() {
            assert!(began.elapsed() < TEST_TIMEOUT, "nginx does not listen");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Self { process, address, _folder: folder }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn configuration(address: SocketAddr) -> String {
    format!(
        "daemon off; master_process off; pid pid; error_log error.log;
events {{ worker_connections 200; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  ssl_certificate certificate; ssl_certificate_key key;
  ssl_client_certificate clients; ssl_verify_client on;
  server {{
    listen {address} ssl http2;
    location / {{ return 200 'you are $ssl_client_s_dn, $ssl_session_reused'; }}
  }}
}}
"
    )
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
    let nginx = Nginx::start(&authority);
    let url = format!("https://localhost:{}/hooks", nginx.address.port());
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
