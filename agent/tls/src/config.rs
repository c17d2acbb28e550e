//! The configurations of both ends of a connection.
//!
//! Fed by what PEM files say; feeds listeners and dialers. TLS is rustls with ring, and
//! HTTP/2 the only protocol that is offered, but for a listener of callers. Guarantees that
//! where clients show certificates each handshake checks them: none is resumed.
//!
//! Keeps the invariant `certificate-says-who`.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, Error, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use crate::certificate::CertificateNames;
use crate::pem_files::TlsMaterial;
use crate::provider::crypto_provider;
use crate::server_trust::{ServerTrust, TrustVerifier};

const HTTP2_PROTOCOL: &[u8] = b"h2";
const HTTP1_PROTOCOL: &[u8] = b"http/1.1";

/// The configuration of a listener that speaks HTTP/1.1 too, with those who ask for it or for
/// nothing.
pub fn with_http1(mut config: ServerConfig) -> ServerConfig {
    config.alpn_protocols.push(HTTP1_PROTOCOL.to_vec());
    config
}

/// Whether clients of a listener show certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Each must, signed by one of the authorities.
    Required,
    /// They may, if there are authorities.
    Optional,
}

fn roots(material: &TlsMaterial) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for authority in &material.authorities {
        roots.add(authority.clone()).context("a certificate cannot be used as an authority")?;
    }
    Ok(roots)
}

/// The configuration of a listener.
pub fn server_config(
    material: &TlsMaterial,
    clients: ClientCertificates,
) -> anyhow::Result<ServerConfig> {
    let key = material.key.as_ref().context("a listener needs a certificate and its key")?;
    let builder = ServerConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()?;
    let builder = if material.authorities.is_empty() {
        ensure!(clients == ClientCertificates::Optional, "there is no authority of clients");
        builder.with_no_client_auth()
    } else {
        let roots = Arc::new(roots(material)?);
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, crypto_provider());
        let verifier = match clients {
            ClientCertificates::Required => verifier,
            ClientCertificates::Optional => verifier.allow_unauthenticated(),
        };
        builder.with_client_cert_verifier(verifier.build()?)
    };
    let config = builder.with_single_cert(material.chain.clone(), key.clone_key());
    let mut config = config.context("the certificate and the key cannot be used together")?;
    config.alpn_protocols = vec![HTTP2_PROTOCOL.to_vec()];
    if !material.authorities.is_empty() {
        // A session that is resumed keeps the client's certificate unchecked: one that has
        // expired since, or whose authority was taken away, would go on counting.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(config)
}

/// The configuration of who dials, and checks the name that was dialled. Without
/// authorities of its own the platform's are used.
pub fn client_config(material: &TlsMaterial) -> anyhow::Result<ClientConfig> {
    let mut roots = roots(material)?;
    if roots.is_empty() {
        let native = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(native.certs);
    }
    ensure!(!roots.is_empty(), "there are no authorities to check certificates with");
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), crypto_provider()).build()?;
    client_config_with(material, verifier)
}

/// Decides by the names of a certificate whose chain is good; an error says why not.
pub type NameCheck = dyn Fn(&CertificateNames) -> Result<(), String> + Send + Sync;

/// The configuration of who dials addresses, and checks not the name that was dialled but
/// what the certificate says its holder is.
pub fn client_config_by_names(
    material: &TlsMaterial,
    check: Arc<NameCheck>,
) -> anyhow::Result<ClientConfig> {
    let trust = PeerTrust { roots: roots(material)?, check };
    ensure!(!trust.roots.is_empty(), "there are no authorities to check certificates with");
    client_config_with(material, TrustVerifier::new(Arc::new(trust)))
}

fn client_config_with(
    material: &TlsMaterial,
    verifier: Arc<dyn ServerCertVerifier>,
) -> anyhow::Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &material.key {
        Some(key) => builder
            .with_client_auth_cert(material.chain.clone(), key.clone_key())
            .context("the certificate and the key cannot be used together")?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![HTTP2_PROTOCOL.to_vec()];
    // As listeners do, so that each connection checks the certificate that it is shown.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Checks the chain as always, and the names by a rule instead of by the host.
struct PeerTrust {
    roots: RootCertStore,
    check: Arc<NameCheck>,
}

impl std::fmt::Debug for PeerTrust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerTrust")
    }
}

impl ServerTrust for PeerTrust {
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = crypto_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.roots,
            intermediates,
            now,
            algorithms,
        )?;
        let names = CertificateNames::parse(end_entity);
        let names = names.map_err(|error| Error::General(format!("{error:#}")))?;
        (self.check)(&names).map_err(Error::General)
    }
}

#[cfg(test)]
mod tests {
    use rustls::{ClientConnection, Connection, HandshakeKind, ServerConnection};

    use super::*;

    fn material() -> TlsMaterial {
        let names = vec!["agents.example".to_owned()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = certified.cert.der().clone();
        TlsMaterial {
            chain: vec![certificate.clone()],
            key: Some(certified.signing_key.serialize_der().try_into().unwrap()),
            authorities: vec![certificate],
        }
    }

    fn pass(from: &mut Connection, to: &mut Connection) {
        let mut bytes = Vec::new();
        while from.wants_write() {
            from.write_tls(&mut bytes).unwrap();
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            to.read_tls(&mut rest).unwrap();
            to.process_new_packets().unwrap();
        }
    }

    fn handshake(client: &Arc<ClientConfig>, server: &Arc<ServerConfig>) -> HandshakeKind {
        let name = ServerName::try_from("agents.example").unwrap();
        let client = ClientConnection::new(Arc::clone(client), name).unwrap();
        let server = ServerConnection::new(Arc::clone(server)).unwrap();
        let (mut client, mut server) = (Connection::Client(client), Connection::Server(server));
        for _ in 0..4 {
            pass(&mut client, &mut server);
            pass(&mut server, &mut client);
        }
        assert!(!client.is_handshaking() && !server.is_handshaking());
        assert!(server.peer_certificates().is_some());
        server.handshake_kind().unwrap()
    }

    #[test]
    fn http1_is_offered_only_where_it_is_asked_for() {
        let server = server_config(&material(), ClientCertificates::Optional).unwrap();
        assert_eq!(server.alpn_protocols, [b"h2"]);
        let both: [&[u8]; 2] = [b"h2", b"http/1.1"];
        assert_eq!(with_http1(server).alpn_protocols, both);
    }

    #[test]
    fn a_client_with_a_certificate_never_resumes_a_session() {
        let material = material();
        for clients in [ClientCertificates::Required, ClientCertificates::Optional] {
            let server = Arc::new(server_config(&material, clients).unwrap());
            let mut client = client_config(&material).unwrap();
            // Whatever the client would like.
            client.resumption = Resumption::default();
            let client = Arc::new(client);
            for _ in 0..3 {
                assert_eq!(handshake(&client, &server), HandshakeKind::Full);
            }
        }
    }
}
