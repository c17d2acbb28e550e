//! Accepts connections and completes their handshakes.
//!
//! Fed by a listening socket; feeds a gRPC server with connections. Guarantees that a
//! handshake has a time limit and holds up no other, that so many are made at once and
//! no more, and that each is made with the certificates that are current.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use futures::Stream;
use postrider_tls::Reloading;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::connection::DoorConnection;
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
        let (tls, sender) = (tls.clone(), sender.clone());
        tokio::spawn(async move {
            match complete(stream, address, tls).await {
                // The server has ended: so does the connection.
                Ok(connection) => drop(sender.send(connection).await),
                Err(error) => {
                    tracing::debug!(%door, %address, error = format!("{error:#}"), "no connection");
                }
            }
            drop(permit);
        });
    }
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
