//! Fetches a key set over HTTPS.
//!
//! Fed by `key_set`; feeds it the text. Guarantees that one fetch takes a few seconds and
//! reads so many bytes at most, that redirects are not followed, and that plain HTTP goes
//! to this machine only, which the settings' check sees to.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use crate::settings::IssuerSettings;

/// Most bytes of a key set: as many keys as are taken, each with a chain of certificates.
pub const MAX_KEY_SET_BYTES: usize = 256 * 1024;
/// A call waits for it. An issuer is near, or across an ocean.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where keys are fetched, and how.
pub struct KeyAddress {
    url: Url,
    /// Absent for plain HTTP.
    tls: Option<TlsConnector>,
    /// Read at each fetch: Kubernetes renews it.
    bearer_token_file: Option<PathBuf>,
}

impl KeyAddress {
    /// Where they are, without what a URL may have of credentials.
    pub fn place(&self) -> String {
        format!("{}{}", self.url.host_str().unwrap_or_default(), self.url.path())
    }

    pub fn new(settings: &IssuerSettings) -> anyhow::Result<Self> {
        let url: Url = settings.jwks_url.parse().context("jwks_url")?;
        let tls = match url.scheme() {
            "https" => Some(connector(&settings.ca_file)?),
            _ => None,
        };
        let file = &settings.bearer_token_file;
        let bearer_token_file = (!file.is_empty()).then(|| file.into());
        Ok(Self { url, tls, bearer_token_file })
    }

    pub async fn fetch(&self) -> anyhow::Result<Bytes> {
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.fetch_without_limit()).await;
        fetched.context("no answer in time").and_then(|fetched| fetched).context(self.url.clone())
    }

    async fn fetch_without_limit(&self) -> anyhow::Result<Bytes> {
        let host = self.url.host_str().context("jwks_url has no host")?;
        let port = self.url.port_or_known_default().context("jwks_url has no port")?;
        let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        match &self.tls {
            None => self.get(tcp).await,
            Some(tls) => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
                self.get(tls.connect(name, tcp).await?).await
            }
        }
    }

    async fn get(
        &self,
        connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> anyhow::Result<Bytes> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(self.request()?).await?;
        ensure!(answer.status() == StatusCode::OK, "the answer is {}", answer.status());
        let body = Limited::new(answer.into_body(), MAX_KEY_SET_BYTES).collect().await;
        connection.abort();
        let body = body.map_err(|error| anyhow::anyhow!(error))?;
        Ok(body.to_bytes())
    }

    fn request(&self) -> anyhow::Result<Request<Empty<Bytes>>> {
        let host = self.url.authority();
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let mut request = Request::get(target)
            .header(header::HOST, host)
            .header(header::ACCEPT, "application/json, application/jwk-set+json")
            .header(header::USER_AGENT, "postrider");
        if let Some(path) = &self.bearer_token_file {
            let token = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let mut value = http::HeaderValue::from_str(&format!("Bearer {}", token.trim()))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        Ok(request.body(Empty::new())?)
    }
}

/// Trusts the authorities of a file, or this machine's where there is none.
fn connector(ca_file: &str) -> anyhow::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    if ca_file.is_empty() {
        for certificate in rustls_native_certs::load_native_certs().certs {
            // One that cannot be read is not trusted.
            let _ = roots.add(certificate);
        }
    } else {
        let all = CertificateDer::pem_file_iter(ca_file)
            .with_context(|| format!("ca_file: cannot read {ca_file}"))?;
        for certificate in all {
            roots.add(certificate.with_context(|| format!("ca_file: {ca_file}"))?)?;
        }
    }
    ensure!(!roots.is_empty(), "no certificate of an authority was found");
    let provider = postrider_tls::crypto_provider();
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
