//! The public API over HTTP/1.1 and JSON, as a caller without gRPC has it.
//!
//! Fed by a replica's URL, an authority and a token; feeds tests with statuses and texts as
//! they came. Guarantees that nothing of gRPC is spoken: over TLS only HTTP/1.1 is offered.

use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::cluster::Cluster;
use crate::token::TEST_TOKEN;

/// A body in JSON.
pub const JSON_BODY: &str = "application/json";
/// A body of lines.
pub const LINES_BODY: &str = "application/x-ndjson";

/// Calls one replica, each call on a connection of its own.
#[derive(Clone, Debug)]
pub struct JsonApi {
    authority: String,
    host: String,
    tls: Option<Arc<ClientConfig>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct JsonReply {
    pub status: StatusCode,
    pub text: String,
}

impl JsonApi {
    /// Of the first replica.
    pub fn of(cluster: &Cluster) -> Result<Self> {
        Self::of_replica(cluster, 0)
    }

    /// Of a replica, counted from 0.
    pub fn of_replica(cluster: &Cluster, number: usize) -> Result<Self> {
        let replica = cluster.replicas.get(number).context("no such replica")?;
        let url: Uri = replica.url().parse()?;
        let authority = url.authority().context("no authority")?.to_string();
        let host = url.host().context("no host")?.to_owned();
        let tls = url.scheme_str() == Some("https");
        let tls = tls.then(|| http1_config(cluster.pki().ca_pem())).transpose()?;
        Ok(Self { authority, host, tls })
    }

    /// Calls, as the tests' administrator, with a body of this type unless it is empty.
    pub async fn call(&self, call: &str, media_type: &str, body: &str) -> Result<JsonReply> {
        let (method, path) = call.split_once(' ').context("a method and a path")?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {TEST_TOKEN}"));
        if !body.is_empty() {
            request = request.header("content-type", media_type);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned())))?;
        let (head, body) = self.exchange(request).await?.into_parts();
        Ok(JsonReply { status: head.status, text: String::from_utf8(body.to_vec())? })
    }

    /// Sends a request as it is, but for the host, and reads the whole answer.
    pub async fn exchange(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Bytes>> {
        let host = HeaderValue::from_str(&self.authority)?;
        request.headers_mut().insert("host", host);
        let tcp = TcpStream::connect(&self.authority).await?;
        match &self.tls {
            None => Self::send(TokioIo::new(tcp), request).await,
            Some(config) => {
                let name = ServerName::try_from(self.host.clone())?;
                let stream = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await?;
                Self::send(TokioIo::new(stream), request).await
            }
        }
    }

    async fn send<T>(stream: TokioIo<T>, request: Request<Full<Bytes>>) -> Result<Response<Bytes>>
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }
}

fn http1_config(authority_pem: &str) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
