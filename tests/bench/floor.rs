//! The floor: a bare loop that POSTs signed bodies as fast as it can.

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
use postrider_tests::pki::Pki;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::load::payload;

/// Trusts the test's authority.
pub fn client_tls(pki: &Pki) -> Result<Arc<rustls::ClientConfig>> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki.ca_file())?)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// One keep-alive connection.
pub async fn connect(
    url: &str,
    tls: &Arc<rustls::ClientConfig>,
) -> Result<SendRequest<Full<Bytes>>> {
    let address = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let stream = TcpStream::connect(address.context("a URL")?).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("127.0.0.1")?;
    let stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

/// POSTs `events` bodies over so many connections, one request at a time on each.
pub async fn run(url: &str, pki: &Pki, connections: usize, events: u64) -> Result<()> {
    let tls = client_tls(pki)?;
    let body = Bytes::from(payload());
    let mut workers = JoinSet::new();
    for worker in 0..connections as u64 {
        let share = events / connections as u64 + u64::from(worker < events % connections as u64);
        let (url, tls, body) = (url.to_owned(), Arc::clone(&tls), body.clone());
        workers.spawn(async move { post(&url, &tls, body, worker, share).await });
    }
    while let Some(ended) = workers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn post(
    url: &str,
    tls: &Arc<rustls::ClientConfig>,
    body: Bytes,
    worker: u64,
    share: u64,
) -> Result<()> {
    let mut connection = connect(url, tls).await?;
    let key = Hmac::<Sha256>::new_from_slice(&[7; 32])?;
    for n in 0..share {
        let id = format!("evt_{worker:016x}{n:016x}");
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut mac = key.clone();
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(&body);
        let request = Request::post("/webhooks")
            .header("host", "receiver")
            .header("content-type", "application/json")
            .header("user-agent", "floor")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())),
            )
            .body(Full::new(body.clone()))?;
        let answer = connection.send_request(request).await?;
        ensure!(answer.status().is_success(), "the receiver answered {}", answer.status());
        answer.into_body().collect().await?;
        connection.ready().await?;
    }
    Ok(())
}
