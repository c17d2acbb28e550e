//! What TLS is spoken with receivers, and what is not: the table of `docs/receivers.md`,
//! against an nginx that knows all of it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop at the first surprise"
)]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use rcgen::{CertificateParams, KeyPair};
use support::control_plane::ScriptedReplica;
use support::{TEST_TIMEOUT, assignment, config, start, subscription};

/// `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`.
const RSA_KEY: &str = include_str!("tls/rsa.key");
/// What ring can neither make nor read: made by openssl, for 100 years.
const P521_CERTIFICATE: &str = include_str!("tls/p521.pem");
const P521_KEY: &str = include_str!("tls/p521.key");

/// A receiver: its certificate, its settings, and whether it can be reached.
const RECEIVERS: [(&str, &str, bool); 13] = [
    ("p256", "ssl_protocols TLSv1.3;", true),
    ("p256", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256;", true),
    ("p256", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-CHACHA20-POLY1305;", true),
    ("rsa", "ssl_protocols TLSv1.3;", true),
    ("rsa", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384;", true),
    ("p256", "ssl_ecdh_curve secp384r1;", true),
    // CBC, with ECDSA and with RSA; RSA key exchange.
    ("p256", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-ECDSA-AES128-SHA256;", false),
    ("rsa", "ssl_protocols TLSv1.2; ssl_ciphers ECDHE-RSA-AES256-SHA384;", false),
    ("rsa", "ssl_protocols TLSv1.2; ssl_ciphers AES128-GCM-SHA256;", false),
    ("p256", "ssl_protocols TLSv1.1; ssl_ciphers DEFAULT@SECLEVEL=0;", false),
    ("p256", "ssl_ecdh_curve secp521r1;", false),
    ("p521", "ssl_protocols TLSv1.3;", false),
    ("p521", "ssl_protocols TLSv1.2;", false),
];

/// A server of its own in a folder of its own, ended when dropped.
struct NginxReceivers {
    process: Child,
    ports: Vec<u16>,
    certificates: Vec<Vec<u8>>,
    _folder: tempfile::TempDir,
}

impl NginxReceivers {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificates = write_certificates(folder.path());
        let free: Vec<_> = RECEIVERS
            .iter()
            .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
            .collect();
        let ports: Vec<_> = free.iter().map(|free| free.local_addr().unwrap().port()).collect();
        drop(free);
        fs::write(folder.path().join("nginx.conf"), configuration(&ports)).unwrap();
        let process = Command::new("nginx")
            .args(["-c", "nginx.conf", "-e", "error.log", "-p"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed");
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, ports[0])).is_err() {
            let log = fs::read_to_string(folder.path().join("error.log")).unwrap_or_default();
            assert!(began.elapsed() < TEST_TIMEOUT, "nginx does not listen: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { process, ports, certificates, _folder: folder }
    }
}

impl Drop for NginxReceivers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Writes each certificate, which signed itself, beside its key, and gives all of them.
fn write_certificates(folder: &Path) -> Vec<Vec<u8>> {
    let certified = |key: KeyPair| {
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let made = [
        ("p256", certified(KeyPair::generate().unwrap())),
        ("rsa", certified(KeyPair::from_pem(RSA_KEY).unwrap())),
        ("p521", (P521_CERTIFICATE.to_owned(), P521_KEY.to_owned())),
    ];
    let mut certificates = Vec::new();
    for (name, (certificate, key)) in made {
        fs::write(folder.join(format!("{name}.pem")), &certificate).unwrap();
        fs::write(folder.join(format!("{name}.key")), key).unwrap();
        certificates.push(certificate.into_bytes());
    }
    certificates
}

fn configuration(ports: &[u16]) -> String {
    let mut servers = String::new();
    for ((certificate, settings, _), port) in RECEIVERS.iter().zip(ports) {
        writeln!(
            servers,
            "  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}.pem;
    ssl_certificate_key {certificate}.key; {settings}
    location / {{ return 200 'thank you'; }} }}"
        )
        .unwrap();
    }
    format!(
        "daemon off; master_process off; pid pid; error_log error.log;
events {{ worker_connections 200; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi; scgi_temp_path scgi;
{servers}}}
"
    )
}

#[tokio::test]
async fn nginx_is_spoken_to_by_tls_as_the_document_says() {
    let nginx = NginxReceivers::start();
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[]);
    config.extra_ca_pem.clone_from(&nginx.certificates);
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    let receivers = RECEIVERS.iter().zip(&nginx.ports);
    for (number, ((certificate, settings, is_reached), port)) in (1..).zip(receivers) {
        let id = format!("receiver-{number}");
        let url = format!("https://localhost:{port}/hooks");
        let update = wire::SubscriptionUpdate { subscription: id.clone(), ..subscription(&url, 1) };
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
        let assignment = wire::Assignment { subscription: id, ..assignment(number) };
        let result = stream.attempt(assignment).await;
        let wanted = if *is_reached { Fact::Response } else { Fact::TlsFailed };
        assert_eq!(result.fact(), wanted, "{certificate}, {settings} {result:?}");
    }
}
