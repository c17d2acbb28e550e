//! A receiver that only counts, and how to read its count.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use postrider_tests::pki::Pki;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::floor;

/// Serves until the process ends: POSTs count, GET answers the count.
pub async fn serve(port: u16, certificate: &Path, key: &Path) -> Result<()> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let count = Arc::new(AtomicU64::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (acceptor, count) = (acceptor.clone(), Arc::clone(&count));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = service_fn(move |request| answer(request, Arc::clone(&count)));
            let _ = hyper::server::conn::http1::Builder::new()
                .pipeline_flush(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    count: Arc<AtomicU64>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        let seen = count.load(Ordering::Relaxed).to_string();
        return Ok(Response::new(Full::new(Bytes::from(seen))));
    }
    if request.into_body().collect().await.is_ok() {
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(Response::new(Full::new(Bytes::new())))
}

/// Reads a receiver's count.
#[derive(Clone)]
pub struct Counter {
    url: String,
    tls: Arc<rustls::ClientConfig>,
}

impl Counter {
    pub fn new(url: &str, pki: &Pki) -> Result<Self> {
        Ok(Self { url: url.to_owned(), tls: floor::client_tls(pki)? })
    }

    /// The count; the error is in words.
    pub async fn read(&self) -> Result<u64, String> {
        self.ask().await.map_err(|error| format!("{error:#}"))
    }

    async fn ask(&self) -> Result<u64> {
        let mut connection = floor::connect(&self.url, &self.tls).await?;
        let request = Request::get("/count").header("host", "receiver").body(Full::default())?;
        let body = connection.send_request(request).await?.into_body().collect().await?.to_bytes();
        std::str::from_utf8(&body)?.parse().context("the receiver's count")
    }
}
