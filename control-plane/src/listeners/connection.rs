//! A connection whose handshake is over.
//!
//! Fed by `accept`; feeds a gRPC server, which gives each request a copy of the
//! [`ConnectionPeer`] among its extensions. Guarantees that a connection ends soon after
//! the certificate that was shown on it.
//!
//! Keeps the invariant `certificate-says-who`.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use postrider_tls::CertificateNames;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::expiry::{self, EXPIRED_CONNECTION_GRACE};

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionPeer {
    pub address: SocketAddr,
    /// The names in the certificate that was shown, if one was. Its chain is verified.
    pub certificate: Option<Arc<CertificateNames>>,
}

/// Completes when the connection is to be closed.
type ConnectionEnd = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// With TLS or without.
pub struct DoorConnection {
    peer: ConnectionPeer,
    transport: Transport,
    /// For one whose other end has shown a certificate.
    end: Option<ConnectionEnd>,
}

impl DoorConnection {
    pub(super) fn plain(address: SocketAddr, stream: TcpStream) -> Self {
        let peer = ConnectionPeer { address, certificate: None };
        Self { peer, transport: Transport::Plain(stream), end: None }
    }

    /// An error if the certificate that was shown cannot be read.
    pub(super) fn tls(address: SocketAddr, stream: TlsStream<TcpStream>) -> anyhow::Result<Self> {
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(CertificateNames::parse).transpose()?.map(Arc::new);
        let end = certificate.as_ref().map(|shown| close_after(shown.not_after));
        let peer = ConnectionPeer { address, certificate };
        Ok(Self { peer, transport: Transport::Tls(Box::new(stream)), end })
    }

    /// An error once the certificate has expired. Whoever reads is woken for it, and an
    /// HTTP/2 server always reads.
    fn require_valid(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let has_ended = self.end.as_mut().is_some_and(|end| end.as_mut().poll(context).is_ready());
        if has_ended {
            // It is not polled again.
            self.end = Some(Box::pin(std::future::ready(())));
            let problem = "the client's certificate has expired";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, problem));
        }
        Ok(())
    }
}

/// The calls that go on have ended with a status by then.
fn close_after(not_after: SystemTime) -> ConnectionEnd {
    Box::pin(expiry::wait_until(not_after + EXPIRED_CONNECTION_GRACE))
}

impl Connected for DoorConnection {
    type ConnectInfo = ConnectionPeer;

    fn connect_info(&self) -> ConnectionPeer {
        self.peer.clone()
    }
}

impl AsyncRead for DoorConnection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let connection = self.get_mut();
        connection.require_valid(context)?;
        match &mut connection.transport {
            Transport::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for DoorConnection {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().transport {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_connection_ends_by_itself_while_its_other_end_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, address) = listener.accept().await.unwrap();
        let mut connection = DoorConnection::plain(address, stream);
        connection.end = Some(Box::pin(tokio::time::sleep(Duration::from_millis(200))));
        client.write_all(b"a").await.unwrap();
        assert_eq!(connection.read_u8().await.unwrap(), b'a');
        for _ in 0..2 {
            let ended = connection.read_u8().await.unwrap_err();
            assert_eq!(ended.kind(), io::ErrorKind::ConnectionAborted, "{ended}");
        }
    }
}
