//! The receiver's sockets.
//!
//! Fed by connections; feeds `groups`. Guarantees keep-alive, and that a request
//! counts when all of it has come, before it is answered.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::Setting;
use super::groups::State;
use crate::payload;
use crate::worker::now_ns;

/// Listens on every port and serves in the background.
pub async fn listen(setting: &Setting, state: &Arc<State>) -> Result<()> {
    let chain = CertificateDer::pem_file_iter(&setting.certificate_file)?;
    let chain = chain.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(&setting.key_file)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let https = TcpListener::bind(("127.0.0.1", setting.https_port)).await?;
    let ill = TcpListener::bind(("127.0.0.1", setting.ill_port)).await?;
    let http = TcpListener::bind(("127.0.0.1", setting.http_port)).await?;
    tokio::spawn(accept(https, Some(acceptor.clone()), Arc::clone(state)));
    tokio::spawn(accept(ill, Some(acceptor), Arc::clone(state)));
    tokio::spawn(accept(http, None, Arc::clone(state)));
    Ok(())
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, tls.clone(), Arc::clone(&state)));
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, state: Arc<State>) {
    // Without it every answer would wait for the client's next packet.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(TokioIo::new(stream), state).await,
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(TokioIo::new(stream), state).await;
            }
        }
    }
}

async fn serve<Stream>(stream: TokioIo<Stream>, state: Arc<State>)
where
    TokioIo<Stream>: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    let service = service_fn(move |request| answer(request, Arc::clone(&state)));
    // How a client ends its connection is its own affair.
    let _ = hyper::server::conn::http1::Builder::new()
        .pipeline_flush(true)
        .serve_connection(stream, service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(status(StatusCode::BAD_REQUEST));
    };
    let mut path = head.uri.path().trim_start_matches('/').split('/');
    let group = path.next().unwrap_or_default();
    let pause = match (path.next(), path.next()) {
        (Some("once-well"), _) if !state.well.load(Ordering::Relaxed) => {
            return Ok(status(StatusCode::SERVICE_UNAVAILABLE));
        }
        (Some("after"), Some(millis)) => millis.parse().ok().map(Duration::from_millis),
        _ => None,
    };
    state.record(group, now_ns(), payload::time_of(&body.to_bytes()));
    if let Some(pause) = pause {
        tokio::time::sleep(pause).await;
    }
    Ok(status(StatusCode::OK))
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}
