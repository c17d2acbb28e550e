//! What TLS is spoken with receivers, and what is not: the table of `docs/receivers.md`,
//! against an nginx that knows all of it.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::agent::v1::{self as wire, Fact};
use rcgen::{CertificateParams, KeyPair};
use support::control_plane::ScriptedReplica;
use support::nginx::{RunningNginx, free_addresses};
use support::{assignment, config, start, subscription};

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

/// The servers of the receivers.
fn servers(addresses: &[SocketAddr]) -> String {
    let mut servers = "  access_log off;\n".to_owned();
    for ((certificate, settings, _), address) in RECEIVERS.iter().zip(addresses) {
        writeln!(
            servers,
            "  server {{ listen {address} ssl; ssl_certificate {certificate}.pem;
    ssl_certificate_key {certificate}.key; {settings}
    location / {{ return 200 'thank you'; }} }}"
        )
        .unwrap();
    }
    servers
}

#[tokio::test]
async fn nginx_is_spoken_to_by_tls_as_the_document_says() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = write_certificates(folder.path());
    let addresses = free_addresses::<{ RECEIVERS.len() }>();
    let _nginx = RunningNginx::start(folder, addresses[0], &servers(&addresses));
    let mut replica = ScriptedReplica::start("replica-1").await;
    let mut config = config(&[&replica], &[]);
    config.extra_ca_pem = certificates;
    let _agent = start(config);
    let mut stream = replica.welcome_stream().await;
    let receivers = RECEIVERS.iter().zip(&addresses);
    for (number, ((certificate, settings, is_reached), address)) in (1..).zip(receivers) {
        let id = format!("receiver-{number}");
        let url = format!("https://localhost:{}/hooks", address.port());
        let update = wire::SubscriptionUpdate { subscription: id.clone(), ..subscription(&url, 1) };
        stream.send(ReplicaMessage::SubscriptionUpdate(update)).await;
        let assignment = wire::Assignment { subscription: id, ..assignment(number) };
        let result = stream.attempt(assignment).await;
        let wanted = if *is_reached { Fact::Response } else { Fact::TlsFailed };
        assert_eq!(result.fact(), wanted, "{certificate}, {settings} {result:?}");
    }
}
