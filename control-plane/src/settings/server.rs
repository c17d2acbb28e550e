//! Checks of the `[server]` settings: addresses and certificates.
//!
//! Fed by the settings as they were read; feeds their check.

use postrider_settings::SettingsError;
use postrider_telemetry::ListenAddress;

use super::ServerSettings;

impl ServerSettings {
    pub(super) fn check(&self) -> Result<(), SettingsError> {
        let bad = |name, problem| Err(SettingsError::value(name, problem));
        if self.tls_cert.is_empty() != self.tls_key.is_empty() {
            return Err(SettingsError::relation(
                &["server.tls_cert", "server.tls_key"],
                "server.tls_cert and server.tls_key must be set together",
            ));
        }
        if self.tls_cert.is_empty() && !self.tls_client_ca.is_empty() {
            return bad("server.tls_client_ca", "needs server.tls_cert and server.tls_key");
        }
        if !self.tls_cert.is_empty() && self.tls_client_ca.is_empty() {
            return Err(SettingsError::relation(
                &["server.tls_client_ca", "server.tls_cert"],
                "server.tls_cert needs server.tls_client_ca, the CA of agents and replicas",
            ));
        }
        if self.tls_cert.is_empty() && !self.listen.is_loopback() {
            return bad(
                "server.listen",
                "without a certificate only a loopback address is allowed",
            );
        }
        if !self.metrics_listen.is_empty() && self.metrics_address().is_none() {
            return bad("server.metrics_listen", "must be a host and a port, or empty");
        }
        if !self.advertise.is_empty() && !self.advertises_an_origin() {
            return bad(
                "server.advertise",
                "must be https://HOST:PORT, or http:// without a certificate, and no longer than \
                 512 bytes",
            );
        }
        if !self.replica_id.is_empty() && !is_replica_id(&self.replica_id) {
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

    fn advertises_an_origin(&self) -> bool {
        /// As much as a peer accepts (`replicas/service.rs`).
        const MAX_ADVERTISE_BYTES: usize = 512;
        let scheme = if self.tls_cert.is_empty() { "http" } else { "https" };
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

/// The same form as an agent's id: it appears in names, labels and log lines.
fn is_replica_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.len() <= 128 && text.bytes().all(plain)
}
