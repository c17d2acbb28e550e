//! Accepts connections and completes their handshakes.
//!
//! Fed by a listening socket; feeds a gRPC server with connections. Guarantees that a
//! handshake has a time limit and holds up no other, that so many are made at once and
//! no more, that each is made with the certificates that are current, and that the log
//! says what those who are refused did wrong, since they are told little.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use futures::Stream;
use postrider_tls::Reloading;
use rustls::{InvalidMessage, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::connection::DoorConnection;
use super::denials::DenialLog;
use super::door::Door;

/// A caller far away needs one second, with lost packets a few.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Further connections wait in the socket's queue. All agents of a few regions that come
/// back together; a handshake takes a millisecond of a processor.
const MAX_CONCURRENT_HANDSHAKES: usize = 512;
/// Connections that the server has not taken yet, which it does at once.
const MAX_WAITING_CONNECTIONS: usize = 64;
/// After an error of the socket: mostly, that there are too many open files, of which some are
/// closed soon.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// The connections of a door, until it is dropped, which closes the door.
pub struct DoorConnections {
    connections: mpsc::Receiver<DoorConnection>,
    _accepting: AbortOnDropHandle<()>,
}

impl Stream for DoorConnections {
    type Item = Result<DoorConnection, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(context).map(|connection| connection.map(Ok))
    }
}

pub(super) fn accept(
    door: Door,
    listener: TcpListener,
    tls: Option<Reloading<ServerConfig>>,
) -> DoorConnections {
    let (sender, connections) = mpsc::channel(MAX_WAITING_CONNECTIONS);
    let accepting = AbortOnDropHandle::new(tokio::spawn(accept_all(door, listener, tls, sender)));
    DoorConnections { connections, _accepting: accepting }
}

async fn accept_all(
    door: Door,
    listener: TcpListener,
    tls: Option<Reloading<ServerConfig>>,
    sender: mpsc::Sender<DoorConnection>,
) {
    let handshakes = Arc::new(Semaphore::new(MAX_CONCURRENT_HANDSHAKES));
    let denials = Arc::new(DenialLog::default());
    loop {
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
            return;
        };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%door, %error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                continue;
            }
        };
        let (tls, sender, denials) = (tls.clone(), sender.clone(), Arc::clone(&denials));
        tokio::spawn(async move {
            match complete(stream, address, tls).await {
                // The server has ended: so does the connection.
                Ok(connection) => drop(sender.send(connection).await),
                Err(error) => match clients_fault(&error) {
                    Some(reason) => denials.note_handshake(door, address, &reason),
                    None => {
                        let error = format!("{error:#}");
                        tracing::debug!(%door, %address, error, "no connection");
                    }
                },
            }
            drop(permit);
        });
    }
}

/// What whoever came did wrong, if an operator can do something about it.
fn clients_fault(error: &anyhow::Error) -> Option<String> {
    let error = error.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref::<rustls::Error>()?;
    if let rustls::Error::InvalidCertificate(problem) = error {
        return Some(format!("its certificate is not accepted: {problem}"));
    }
    let fault = if matches!(error, rustls::Error::NoCertificatesPresented) {
        "it showed no certificate"
    } else if matches!(error, rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) {
        "it speaks without TLS; the URL must begin with https://"
    } else {
        return None;
    };
    Some(fault.to_owned())
}

async fn complete(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<Reloading<ServerConfig>>,
) -> anyhow::Result<DoorConnection> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        return Ok(DoorConnection::plain(address, stream));
    };
    let handshake = TlsAcceptor::from(tls.current()).accept(stream);
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await;
    DoorConnection::tls(address, handshake.context("no handshake in time")??)
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    fn failed(error: rustls::Error) -> Option<String> {
        clients_fault(&io::Error::new(io::ErrorKind::InvalidData, error).into())
    }

    #[test]
    fn the_log_says_what_a_client_did_wrong() {
        let none = failed(rustls::Error::NoCertificatesPresented).unwrap();
        assert!(none.contains("no certificate"), "{none}");
        let plain = failed(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType));
        assert!(plain.unwrap().contains("https://"));
        let expired = failed(rustls::Error::InvalidCertificate(CertificateError::Expired));
        assert!(expired.unwrap().to_lowercase().contains("expired"));
        let gone = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(clients_fault(&gone.into()), None, "a probe of the port");
    }
}
