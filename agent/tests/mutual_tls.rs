//! The work stream over mutual TLS.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use postrider_agent::ClientCertificate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::control_plane::ScriptedReplica;
use support::{config, start};
use tokio::time::timeout;
use tonic::transport::{Certificate, ServerTlsConfig};

struct Authority {
    folder: tempfile::TempDir,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), &pem).unwrap();
        Self { folder, pem, issuer: Issuer::new(params, key) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn issue(&self, name: &str) -> ClientCertificate {
        let file = |ending| self.folder.path().join(format!("{name}.{ending}"));
        let issued = ClientCertificate { certificate: file("pem"), key: file("key") };
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(&issued.certificate, certificate.pem()).unwrap();
        fs::write(&issued.key, key.serialize_pem()).unwrap();
        issued
    }
}

async fn replica(authority: &Authority, name: &str) -> ScriptedReplica {
    let server = authority.issue(name);
    let [certificate, key] = [&server.certificate, &server.key].map(|file| fs::read(file).unwrap());
    let tls = ServerTlsConfig::new()
        .identity(tonic::transport::Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(&authority.pem));
    ScriptedReplica::start_tls("replica-1", tls).await
}

#[tokio::test]
async fn an_agent_with_a_certificate_is_let_in() {
    let authority = Authority::new();
    let mut replica = replica(&authority, "localhost").await;
    let mut config = config(&[&replica], &[]);
    config.tls.ca = Some(authority.file());
    config.tls.identity = Some(authority.issue("agent-1"));
    let _agent = start(config);
    let (_, hello) = replica.accept_stream().await;
    assert_eq!(hello.agent_id, "agent-1");
    assert_eq!(hello.region, "eu-1");
    assert_eq!(hello.incarnation.len(), 16);
}

#[tokio::test]
async fn both_sides_check_each_other() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (name, agent_from, trusted) in [
        ("another.example", &authority, &authority),
        ("localhost", &stranger, &authority),
        ("localhost", &authority, &stranger),
    ] {
        let mut replica = replica(&authority, name).await;
        let mut config = config(&[&replica], &[]);
        config.tls.ca = Some(trusted.file());
        config.tls.identity = Some(agent_from.issue("agent-1"));
        let _agent = start(config);
        let accept_stream = timeout(Duration::from_millis(700), replica.accept_stream()).await;
        assert!(accept_stream.is_err(), "{name}");
    }
}
