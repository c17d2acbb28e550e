//! TLS of the gRPC port.
//!
//! Fed by the settings; feeds the server and the calls to other replicas. Guarantees
//! that where certificates are in force, agents and replicas, which get signing keys
//! and direct the work, have shown a certificate of our CA.

use anyhow::Context as _;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use tonic::{Request, Status};

use crate::settings::Settings;

/// How this replica shows who it is, and knows the others. PEM.
#[derive(Clone)]
pub struct PeerTls {
    pub ca: Vec<u8>,
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

/// The TLS of one replica, if it has any.
pub struct ReplicaTls {
    pub server: ServerTlsConfig,
    pub peers: PeerTls,
}

/// Reads the PEM files that the settings name.
pub fn load(settings: &Settings) -> anyhow::Result<Option<ReplicaTls>> {
    let server = &settings.server;
    if server.tls_cert.is_empty() {
        return Ok(None);
    }
    let read = |name: &str, path: &str| {
        std::fs::read(path)
            .with_context(|| format!("{}: cannot read {path}", settings.name_with_place(name)))
    };
    let certificate = read("server.tls_cert", &server.tls_cert)?;
    let key = read("server.tls_key", &server.tls_key)?;
    let ca = read("server.tls_client_ca", &server.tls_client_ca)?;
    let config = ServerTlsConfig::new()
        .identity(Identity::from_pem(&certificate, &key))
        .client_ca_root(Certificate::from_pem(&ca))
        .client_auth_optional(true);
    Ok(Some(ReplicaTls { server: config, peers: PeerTls { ca, certificate, key } }))
}

/// Whether callers of the internal services must present a certificate.
#[derive(Clone, Copy, Debug)]
pub struct CertificateCheck {
    pub required: bool,
}

impl CertificateCheck {
    /// Refuses a caller without a certificate if one is required.
    pub fn certificate_of<T>(self, request: &Request<T>) -> Result<(), Status> {
        let shown = request.peer_certs().is_some_and(|certificates| !certificates.is_empty());
        if self.required && !shown {
            return Err(Status::unauthenticated("a client certificate is required"));
        }
        Ok(())
    }
}
