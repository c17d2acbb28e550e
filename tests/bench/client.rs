//! A bare HTTP/1.1 connection, with or without TLS.
//!
//! Fed by a URL and an authority; feeds the floor, the chain's floor and the publisher over
//! HTTP.
//! Guarantees nothing that hyper and rustls do not: no pool, no retry.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Where to connect, and how.
#[derive(Clone)]
pub struct Address {
    pub authority: String,
    pub path: String,
    tls: Option<Arc<rustls::ClientConfig>>,
}

impl Address {
    /// Of a URL whose receiver this authority has certified.
    pub fn new(url: &str, ca_file: &Path) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").context("a URL")?;
        let (authority, path) = rest.split_once('/').context("a URL with a path")?;
        let tls = (scheme == "https").then(|| client_tls(ca_file)).transpose()?;
        Ok(Self { authority: authority.to_owned(), path: format!("/{path}"), tls })
    }
}

/// Opens a connection that is kept alive.
pub async fn connect(address: &Address) -> Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(&address.authority).await?;
    stream.set_nodelay(true)?;
    match &address.tls {
        None => spawn(TokioIo::new(stream)).await,
        Some(tls) => {
            let name = ServerName::try_from("127.0.0.1")?;
            let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
            spawn(TokioIo::new(stream)).await
        }
    }
}

fn client_tls(ca_file: &Path) -> Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca_file)?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// One keep-alive connection that signs what it sends.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    path: String,
    key: Hmac<Sha256>,
}

impl Connection {
    pub async fn open(address: &Address) -> Result<Self> {
        let sender = connect(address).await?;
        let key = Hmac::<Sha256>::new_from_slice(&[7; 32])?;
        Ok(Self { sender, path: address.path.clone(), key })
    }

    /// One POST with the headers that a webhook has, to the end of its answer.
    pub async fn post(&mut self, id: &str, body: Bytes) -> Result<()> {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut mac = self.key.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(&body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let request = Request::post(self.path.as_str())
            .header("host", "receiver")
            .header("content-type", "application/json")
            .header("user-agent", "floor")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(Full::new(body))?;
        let answer = self.sender.send_request(request).await?;
        ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
        answer.into_body().collect().await?;
        Ok(self.sender.ready().await?)
    }
}

async fn spawn<Stream>(stream: TokioIo<Stream>) -> Result<SendRequest<Full<Bytes>>>
where
    TokioIo<Stream>: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let (sender, connection) = handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender)
}
