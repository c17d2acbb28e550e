//! The work stream over mutual TLS.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use std::time::Duration;

use postrider_agent::ClientCertificate;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use support::control_plane::ScriptedReplica;
use support::{config, start};
use tokio::time::timeout;
use tonic::transport::{Certificate, ServerTlsConfig};

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, name: &str) -> ClientCertificate {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        ClientCertificate {
            certificate_pem: certificate.pem().into_bytes(),
            key_pem: key.serialize_pem().into_bytes().into(),
        }
    }
}

async fn replica(authority: &Authority, name: &str) -> ScriptedReplica {
    let server = authority.issue(name);
    let key = server.key_pem.as_slice();
    let tls = ServerTlsConfig::new()
        .identity(tonic::transport::Identity::from_pem(&server.certificate_pem, key))
        .client_ca_root(Certificate::from_pem(&authority.pem));
    ScriptedReplica::start_tls("replica-1", tls).await
}

#[tokio::test]
async fn an_agent_with_a_certificate_is_let_in() {
    let authority = Authority::new();
    let mut replica = replica(&authority, "localhost").await;
    let mut config = config(&[&replica], &[]);
    config.tls.ca_pem = Some(authority.pem.clone().into_bytes());
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
        config.tls.ca_pem = Some(trusted.pem.clone().into_bytes());
        config.tls.identity = Some(agent_from.issue("agent-1"));
        let _agent = start(config);
        let accept_stream = timeout(Duration::from_millis(700), replica.accept_stream()).await;
        assert!(accept_stream.is_err(), "{name}");
    }
}
