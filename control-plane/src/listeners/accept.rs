//! Accepts connections and completes their handshakes.
//!
//! Fed by a listening socket; feeds a door's server with connections. Guarantees that a
//! handshake has a time limit and holds up no other, that there are so many connections and
//! handshakes and no more, that neither a stalled handshake nor a certificate that is nobody's
//! at the door takes a connection's place, that each is made with the certificates that are
//! current, and that the log says what those who are refused did wrong, since they are told
//! little.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::Stream;
use postrider_tls::Reloading;
use rustls::{InvalidMessage, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use super::connection::{self, ConnectionPeer, ConnectionPlace, ConnectionTimes, DoorConnection};
use super::denials::DenialLog;
use super::door::{Door, HolderCheck};
use super::handshakes::HandshakeQueue;
use super::holder_bytes::HolderBytes;
use super::keepalive;
use super::slots::{ConnectionSlot, ConnectionSlots};
use crate::metrics::LimitMetrics;
use crate::settings::ConnectionSettings;

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

/// How connections of a door are taken in.
pub(super) struct ConnectionIntake {
    door: Door,
    slots: ConnectionSlots,
    handshakes: Arc<HandshakeQueue>,
    times: ConnectionTimes,
    /// Absent where a certificate says nothing, or none is shown.
    holders: Option<HolderCheck>,
    certificate_bytes: HolderBytes,
    denials: DenialLog,
}

impl ConnectionIntake {
    pub fn new(
        door: Door,
        settings: &ConnectionSettings,
        slots: ConnectionSlots,
        metrics: LimitMetrics,
        holders: Option<HolderCheck>,
    ) -> Self {
        let handshakes = HandshakeQueue::new(door, settings.max_handshakes, metrics.clone());
        let times = ConnectionTimes::new(door, settings, metrics);
        let (certificate_bytes, denials) = (HolderBytes::default(), DenialLog::default());
        Self { door, slots, handshakes, times, holders, certificate_bytes, denials }
    }
}

pub(super) fn accept(
    intake: ConnectionIntake,
    listener: TcpListener,
    tls: Option<Reloading<ServerConfig>>,
) -> DoorConnections {
    let (sender, connections) = mpsc::channel(MAX_WAITING_CONNECTIONS);
    let accepting = tokio::spawn(accept_all(Arc::new(intake), listener, tls, sender));
    DoorConnections { connections, _accepting: AbortOnDropHandle::new(accepting) }
}

async fn accept_all(
    intake: Arc<ConnectionIntake>,
    listener: TcpListener,
    tls: Option<Reloading<ServerConfig>>,
    sender: mpsc::Sender<DoorConnection>,
) {
    let door = intake.door;
    loop {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%door, %error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
                    continue;
                }
            },
            () = sender.closed() => return,
        };
        // Its place it takes after its handshake: who stalls that has none.
        if !intake.slots.have_room(door, address.ip()) {
            intake.denials.note_full(door, address);
            continue;
        }
        let (intake, tls, sender) = (Arc::clone(&intake), tls.clone(), sender.clone());
        tokio::spawn(async move {
            match intake.complete(stream, address, tls).await {
                // The server has ended: so does the connection.
                Ok(connection) => drop(sender.send(connection).await),
                Err(error) => match clients_fault(&error) {
                    Some(reason) => intake.denials.note_handshake(door, address, &reason),
                    None => {
                        let error = format!("{error:#}");
                        tracing::debug!(%door, %address, error, "no connection");
                    }
                },
            }
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

impl ConnectionIntake {
    async fn complete(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        tls: Option<Reloading<ServerConfig>>,
    ) -> anyhow::Result<DoorConnection> {
        stream.set_nodelay(true)?;
        keepalive::watch(&stream, self.times.write_timeout)?;
        let Some(tls) = tls else {
            let slot = self.take_slot(address)?;
            return Ok(DoorConnection::plain(address, stream, &self.times, slot));
        };
        let running = self.handshakes.begin();
        let handshake = TlsAcceptor::from(tls.current()).accept(stream);
        let handshake = tokio::time::timeout(self.times.handshake_timeout, handshake);
        let handshake = tokio::select! {
            handshake = handshake => handshake,
            () = running.displaced.cancelled() => bail!("there are too many handshakes"),
        };
        if handshake.is_err() {
            self.times.metrics.reached("connections.handshake_timeout_milliseconds");
        }
        let stream = handshake.context("no handshake in time")??;
        let certificate = connection::shown_certificate(&stream)?;
        let is_somebody = match (&self.holders, certificate.as_deref()) {
            (Some(are_holders), Some(shown)) => are_holders(shown),
            (None, _) | (_, None) => true,
        };
        let place = match is_somebody {
            true => ConnectionPlace::Slot(self.take_slot(address)?),
            false => ConnectionPlace::Stranger(running),
        };
        let mut peer = ConnectionPeer::new(address, certificate);
        // Replicas do not harm each other, and a caller's certificate may be many users'.
        if let (Door::Agents, Some(names)) = (self.door, &peer.certificate) {
            peer.receiving = self.certificate_bytes.shared(&names.holder());
        }
        Ok(DoorConnection::tls(peer, stream, &self.times, place))
    }

    fn take_slot(&self, address: SocketAddr) -> anyhow::Result<ConnectionSlot> {
        self.slots.take(self.door, address.ip()).context("no place for a connection")
    }
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
