//! An address of an issuer, and requests to it.
//!
//! Fed by `fetch` for keys and by `sign_in` for ID tokens; feeds them with answers. Guarantees
//! that a request ends in time and an answer has so many bytes at most, that redirects are not
//! followed, and that plain HTTP goes to this machine only, which the settings' check sees to.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// Most bytes of an answer: as many keys as are taken, each with a chain of certificates.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// A call waits for it. An issuer is near, or across an ocean.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub struct IssuerEndpoint {
    url: Url,
    /// Absent for plain HTTP.
    tls: Option<TlsConnector>,
}

impl IssuerEndpoint {
    /// Trusts the authorities of a file, or this machine's where there is none.
    pub fn new(url: &str, ca_file: &str) -> anyhow::Result<Self> {
        let url: Url = url.parse().context("the URL of an issuer")?;
        let tls = match url.scheme() {
            "https" => Some(connector(ca_file)?),
            _ => None,
        };
        Ok(Self { url, tls })
    }

    /// Where it is, without what a URL may have of credentials.
    pub fn place(&self) -> String {
        format!("{}{}", self.url.host_str().unwrap_or_default(), self.url.path())
    }

    /// The answer to a request, whose headers are given.
    pub async fn send(
        &self,
        method: Method,
        headers: Vec<(header::HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> anyhow::Result<Response<Bytes>> {
        let sent = self.send_without_limit(self.request(method, headers, body)?);
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, sent).await;
        answer.context("no answer in time").and_then(|answer| answer).context(self.place())
    }

    fn request(
        &self,
        method: Method,
        headers: Vec<(header::HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> anyhow::Result<Request<Full<Bytes>>> {
        let target = match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().context("the path of an issuer")?;
        let host = HeaderValue::from_str(self.url.authority())?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("postrider"));
        request.headers_mut().extend(headers);
        Ok(request)
    }

    async fn send_without_limit(
        &self,
        request: Request<Full<Bytes>>,
    ) -> anyhow::Result<Response<Bytes>> {
        let host = self.url.host_str().context("the URL has no host")?;
        let port = self.url.port_or_known_default().context("the URL has no port")?;
        let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        match &self.tls {
            None => exchange(tcp, request).await,
            Some(tls) => {
                let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
                exchange(tls.connect(name, tcp).await?, request).await
            }
        }
    }
}

async fn exchange(
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> anyhow::Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(connection)).await?;
    // Closed with the request, also with one that is given up.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let (head, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!(error))?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

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
