//! Connects over TLS with the certificates that are current.
//!
//! Fed by gRPC channels, each time that one connects; feeds them with the connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::Service;

use crate::reloading::Reloading;

const HTTPS_PORT: u16 = 443;

/// Dials the host and port of a URI. A channel must be given the URI with the scheme http,
/// since it would bring TLS of its own for https.
#[derive(Clone)]
pub struct TlsDialer {
    config: Reloading<ClientConfig>,
    server_name: ServerName<'static>,
}

impl TlsDialer {
    /// `server_name` is the name, or the address, that is asked for.
    pub fn new(config: Reloading<ClientConfig>, server_name: &str) -> anyhow::Result<Self> {
        let server_name = ServerName::try_from(server_name.to_owned())?;
        Ok(Self { config, server_name })
    }
}

type Connecting =
    Pin<Box<dyn Future<Output = io::Result<TokioIo<TlsStream<TcpStream>>>> + Send + 'static>>;

impl Service<Uri> for TlsDialer {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting {
        let connector = TlsConnector::from(self.config.current());
        let server_name = self.server_name.clone();
        Box::pin(async move {
            let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
            let tcp = TcpStream::connect((host, uri.port_u16().unwrap_or(HTTPS_PORT))).await?;
            tcp.set_nodelay(true)?;
            Ok(TokioIo::new(connector.connect(server_name, tcp).await?))
        })
    }
}
