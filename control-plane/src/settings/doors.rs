//! Checks of the listeners' settings: addresses, certificates, and who may come in.
//!
//! Fed by the settings as they were read; feeds their check and `listeners`.

use std::path::Path;

use postrider_settings::SettingsError;
use postrider_telemetry::ListenAddress;
use postrider_tls::{PemFile, PemFiles};

use super::identities::is_process_id;
use super::{AgentsSettings, ReplicasSettings, ServerSettings, Settings};

/// As much as a peer accepts (`replicas/service.rs`).
const MAX_ADVERTISE_BYTES: usize = 512;
/// Of a name in the DNS.
const MAX_HOST_BYTES: usize = 253;

impl Settings {
    pub(super) fn check_doors(&self) -> Result<(), SettingsError> {
        self.server.check()?;
        let (agents, replicas) = (&self.agents, &self.replicas);
        check_pair(["agents.tls_cert", "agents.tls_key"], &agents.tls_cert, &agents.tls_key)?;
        let names = ["replicas.tls_cert", "replicas.tls_key"];
        check_pair(names, &replicas.tls_cert, &replicas.tls_key)?;
        agents.check(&self.server)?;
        replicas.check(&self.server)
    }

    /// What makes the callers' door less than it should be, by the settings' names.
    pub fn insecure_settings(&self) -> Vec<&'static str> {
        let server = &self.server;
        let all = [
            ("server.insecure_no_auth", server.insecure_no_auth),
            ("server.insecure_no_tls", server.insecure_no_tls),
        ];
        all.into_iter().filter_map(|(name, is_set)| is_set.then_some(name)).collect()
    }

    /// The files with secrets that the doors, the issuers and the database name: private
    /// keys, the tokens with which keys are fetched, clients' secrets, and the database's URL.
    /// Others are told of by who reads them.
    pub fn secret_files(&self) -> Vec<&Path> {
        let keys = [&self.server.tls_key, &self.agents.tls_key, &self.replicas.tls_key];
        let tokens = self.auth.issuers.iter().map(|issuer| &issuer.bearer_token_file);
        let clients = self.console.providers.iter().map(|provider| &provider.client_secret_file);
        let named = keys.into_iter().chain(tokens).chain(clients);
        let named = named.filter(|file| !file.is_empty());
        named.map(Path::new).chain(self.database.url_file()).collect()
    }

    /// The files of the agents' door; `None` without TLS.
    pub fn agents_tls(&self) -> Option<PemFiles> {
        let agents = &self.agents;
        let authorities = PemFile::named("agents.tls_client_ca", &agents.tls_client_ca)?;
        let certificate = PemFile::named("agents.tls_cert", &agents.tls_cert);
        let own = certificate.zip(PemFile::named("agents.tls_key", &agents.tls_key));
        Some(self.mutual(own, authorities))
    }

    /// The files of the replicas' door, with which other replicas are dialled, too; `None`
    /// without TLS.
    pub fn replicas_tls(&self) -> Option<PemFiles> {
        let replicas = &self.replicas;
        let authorities = PemFile::named("replicas.tls_ca", &replicas.tls_ca)?;
        let certificate = PemFile::named("replicas.tls_cert", &replicas.tls_cert);
        let own = certificate.zip(PemFile::named("replicas.tls_key", &replicas.tls_key));
        Some(self.mutual(own, authorities))
    }

    /// A door's own certificate, or the callers' door's.
    fn mutual(&self, own: Option<(PemFile, PemFile)>, authorities: PemFile) -> PemFiles {
        PemFiles {
            identity: own.or_else(|| self.server.identity()),
            authorities: vec![authorities],
        }
    }
}

impl ServerSettings {
    fn check(&self) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        check_pair(["server.tls_cert", "server.tls_key"], &self.tls_cert, &self.tls_key)?;
        if self.tls_cert.is_empty() && !self.tls_client_ca.is_empty() {
            return bad("server.tls_client_ca", "needs server.tls_cert and server.tls_key");
        }
        if self.tls_cert.is_empty() && !self.listen.is_loopback() && !self.insecure_no_tls {
            return bad(
                "server.listen",
                "without a certificate only a loopback address is allowed, unless \
                 server.insecure_no_tls is set",
            );
        }
        if !self.http_allowed_origins.iter().all(|origin| is_origin(origin)) {
            return bad(
                "server.http_allowed_origins",
                "must be origins as browsers send them, as in https://ops.example: without a path",
            );
        }
        if !self.http_allowed_hosts.iter().all(|host| is_host(host)) {
            return bad(
                "server.http_allowed_hosts",
                "must be names in lower case, as in hooks.internal: without a port",
            );
        }
        if !self.metrics_listen.is_empty() && self.metrics_address().is_none() {
            return bad("server.metrics_listen", "must be a host and a port, or empty");
        }
        if !self.replica_id.is_empty() && !is_process_id(&self.replica_id) {
            return bad(
                "server.replica_id",
                "must be 1 to 128 letters, digits, dots, underscores and hyphens, or empty",
            );
        }
        Ok(())
    }

    /// Where metrics are served; `None` for nowhere.
    pub fn metrics_address(&self) -> Option<ListenAddress> {
        self.metrics_listen.parse().ok()
    }

    /// The files of the callers' door; `None` without TLS.
    pub fn tls(&self) -> Option<PemFiles> {
        let identity = self.identity()?;
        let authorities = PemFile::named("server.tls_client_ca", &self.tls_client_ca);
        Some(PemFiles { identity: Some(identity), authorities: authorities.into_iter().collect() })
    }

    fn identity(&self) -> Option<(PemFile, PemFile)> {
        let certificate = PemFile::named("server.tls_cert", &self.tls_cert);
        certificate.zip(PemFile::named("server.tls_key", &self.tls_key))
    }
}

impl AgentsSettings {
    fn check(&self, server: &ServerSettings) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        self.identities.iter().try_for_each(|rule| rule.check())?;
        check_trust_domain("agents.spiffe_trust_domain", &self.spiffe_trust_domain)?;
        if self.tls_client_ca.is_empty() {
            if !self.listen.is_loopback() {
                return bad(
                    "agents.listen",
                    "without agents.tls_client_ca only a loopback address is allowed",
                );
            }
            if !self.tls_cert.is_empty() {
                return bad("agents.tls_client_ca", "is required with agents.tls_cert");
            }
            return Ok(());
        }
        if self.tls_cert.is_empty() && server.tls_cert.is_empty() {
            return bad("agents.tls_client_ca", "needs agents.tls_cert or server.tls_cert");
        }
        if self.identities.is_empty() && self.spiffe_trust_domain.is_empty() {
            return bad(
                "agents.tls_client_ca",
                "needs agents.spiffe_trust_domain or agents.identities: without them no \
                 certificate is an agent's",
            );
        }
        Ok(())
    }
}

impl ReplicasSettings {
    fn check(&self, server: &ServerSettings) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        self.identities.iter().try_for_each(|rule| rule.check())?;
        check_trust_domain("replicas.spiffe_trust_domain", &self.spiffe_trust_domain)?;
        if !self.advertise.is_empty() && !self.advertises_an_origin() {
            return bad(
                "replicas.advertise",
                "must be https://HOST:PORT, or http:// without replicas.tls_ca, and no longer \
                 than 512 bytes",
            );
        }
        if self.tls_ca.is_empty() {
            if !self.listen.is_loopback() {
                return bad(
                    "replicas.listen",
                    "without replicas.tls_ca only a loopback address is allowed",
                );
            }
            if !self.tls_cert.is_empty() {
                return bad("replicas.tls_ca", "is required with replicas.tls_cert");
            }
            return Ok(());
        }
        if self.tls_cert.is_empty() && server.tls_cert.is_empty() {
            return bad("replicas.tls_ca", "needs replicas.tls_cert or server.tls_cert");
        }
        if self.identities.is_empty() && self.spiffe_trust_domain.is_empty() {
            return bad(
                "replicas.tls_ca",
                "needs replicas.spiffe_trust_domain or replicas.identities: without them no \
                 certificate is a replica's",
            );
        }
        Ok(())
    }

    fn advertises_an_origin(&self) -> bool {
        let scheme = if self.tls_ca.is_empty() { "http" } else { "https" };
        self.advertise.len() <= MAX_ADVERTISE_BYTES
            && url::Url::parse(&self.advertise).is_ok_and(|url| {
                url.scheme() == scheme
                    && url.has_host()
                    && url.path() == "/"
                    && url.query().is_none()
                    && url.username().is_empty()
            })
    }
}

/// A scheme, a host and, if it is not the scheme's own, a port.
pub(super) fn is_origin(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| url.origin().ascii_serialization() == text)
}

/// A name as browsers send it.
fn is_host(text: &str) -> bool {
    let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
    (1..=MAX_HOST_BYTES).contains(&text.len()) && text.bytes().all(is_plain)
}

fn check_pair(names: [&'static str; 2], certificate: &str, key: &str) -> Result<(), SettingsError> {
    if certificate.is_empty() == key.is_empty() {
        return Ok(());
    }
    let problem = format!("{} and {} must be set together", names[0], names[1]);
    Err(SettingsError::relation(&names, problem))
}

/// As SPIFFE has it: lower-case letters, digits, dots, hyphens and underscores.
fn check_trust_domain(name: &'static str, domain: &str) -> Result<(), SettingsError> {
    const MAX_TRUST_DOMAIN_BYTES: usize = 255;
    let plain =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
    if domain.len() <= MAX_TRUST_DOMAIN_BYTES && domain.bytes().all(plain) {
        return Ok(());
    }
    let problem = "must be the name of a SPIFFE trust domain, for example bank.example, or empty";
    Err(SettingsError::value(name, problem))
}
