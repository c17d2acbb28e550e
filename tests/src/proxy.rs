//! A wire that a test bends: a TCP proxy between two programs.
//!
//! Fed by a test with what each direction does; feeds bytes, or none, to the
//! other end. Guarantees that nothing is reordered or lost but by a cut, that a
//! stalled direction keeps its connections (neither side can tell it from a slow
//! network), that what is under way is bounded, and that dropping the proxy ends
//! every connection.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::ports::free_port;

const PIECE_BYTES: usize = 16 << 10;
/// Pieces that are delayed at once in one direction; beyond them the sender waits.
const MAX_BUFFERED_PIECES: usize = 256;

/// What one direction does with bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    #[default]
    Pass,
    /// No byte gets through, and no end of a connection; all of it follows later.
    Stall,
    /// Everything comes this much later.
    Delay(Duration),
}

/// What both directions do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProxiedConnection {
    pub to_server: Way,
    pub to_client: Way,
}

/// A proxy on a port of its own.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    server: u16,
    wire: Arc<watch::Sender<ProxiedConnection>>,
    /// Raised to reset every connection there is.
    generation: Arc<watch::Sender<u64>>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Before a server on this port of the loopback interface, which need not
    /// listen yet.
    pub async fn start(server: u16) -> Result<Self> {
        let mut proxy = Self {
            port: free_port()?,
            server,
            wire: Arc::new(watch::Sender::new(ProxiedConnection::default())),
            generation: Arc::new(watch::Sender::new(0)),
            accepting: None,
        };
        proxy.admit().await?;
        Ok(proxy)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on both directions do this, on connections there are and come.
    pub fn bend(&self, wire: ProxiedConnection) {
        self.wire.send_replace(wire);
    }

    /// Nothing passes in either direction.
    pub fn stall(&self) {
        self.bend(ProxiedConnection { to_server: Way::Stall, to_client: Way::Stall });
    }

    /// Each direction takes this long.
    pub fn delay(&self, by: Duration) {
        self.bend(ProxiedConnection { to_server: Way::Delay(by), to_client: Way::Delay(by) });
    }

    /// As if it were not there.
    pub fn pass(&self) {
        self.bend(ProxiedConnection::default());
    }

    /// Resets every connection there is; new ones are welcome.
    pub fn cut(&self) {
        self.generation.send_modify(|generation| *generation += 1);
    }

    /// Resets every connection and refuses new ones, until [`Self::admit`].
    pub async fn refuse(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // The port is closed once the task is gone, not when it is told to go.
            let _ = accepting.await;
        }
        self.cut();
    }

    /// Listens (again) on the same port.
    pub async fn admit(&mut self) -> Result<()> {
        self.refuse().await;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).await;
        let listener = listener.with_context(|| format!("listen on port {}", self.port))?;
        let (server, wire) = (self.server, Arc::clone(&self.wire));
        let generation = Arc::clone(&self.generation);
        self.accepting = Some(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(join(client, server, wire.subscribe(), generation.subscribe()));
            }
        }));
        Ok(())
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
        self.cut();
    }
}

/// Joins a client to the server until either ends or the wire is cut.
async fn join(
    client: TcpStream,
    server: u16,
    wire: watch::Receiver<ProxiedConnection>,
    cut: watch::Receiver<u64>,
) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await else {
        let _ = client.set_zero_linger();
        return;
    };
    // A delay is what the test asks for, and nothing else.
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    let (client_says, client_hears) = client.into_split();
    let (server_says, server_hears) = server.into_split();
    let (to_server, to_client) = (wire.clone(), wire);
    tokio::join!(
        carry(client_says, server_hears, to_server, |wire| wire.to_server, cut.clone()),
        carry(server_says, client_hears, to_client, |wire| wire.to_client, cut),
    );
}

/// Carries one direction to its end, and then closes it at the other side; or
/// until the wire is cut, which resets both.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    wire: watch::Receiver<ProxiedConnection>,
    way: fn(&ProxiedConnection) -> Way,
    mut cut: watch::Receiver<u64>,
) {
    let (pieces, arriving) = mpsc::channel(MAX_BUFFERED_PIECES);
    let carried = async {
        let read = read(&mut from, pieces, wire.clone(), way);
        tokio::join!(read, write(&mut to, arriving, wire, way))
    };
    let was_cut = tokio::select! {
        _ = carried => false,
        _ = cut.changed() => true,
    };
    if was_cut {
        // Dropped, both are reset rather than closed.
        let _ = from.as_ref().set_zero_linger();
        let _ = to.as_ref().set_zero_linger();
        // Otherwise the half would say first that it ends.
        to.forget();
    }
}

/// A piece and when it may go on.
type Piece = (Instant, Vec<u8>);

async fn read(
    from: &mut OwnedReadHalf,
    pieces: mpsc::Sender<Piece>,
    mut wire: watch::Receiver<ProxiedConnection>,
    way: fn(&ProxiedConnection) -> Way,
) {
    loop {
        let mut piece = vec![0; PIECE_BYTES];
        let Ok(Ok(count)) = passing(&mut wire, way, from.read(&mut piece)).await else {
            return;
        };
        piece.truncate(count);
        let late = match way(&wire.borrow()) {
            Way::Delay(by) => by,
            Way::Pass | Way::Stall => Duration::ZERO,
        };
        if count == 0 || pieces.send((Instant::now() + late, piece)).await.is_err() {
            return;
        }
    }
}

async fn write(
    to: &mut OwnedWriteHalf,
    mut arriving: mpsc::Receiver<Piece>,
    mut wire: watch::Receiver<ProxiedConnection>,
    way: fn(&ProxiedConnection) -> Way,
) {
    while let Some((due, piece)) = arriving.recv().await {
        sleep_until(due).await;
        let open = passing(&mut wire, way, async {}).await;
        if open.is_err() || to.write_all(&piece).await.is_err() {
            return;
        }
    }
    let _ = passing(&mut wire, way, async {}).await;
    let _ = to.shutdown().await;
}

/// Acts once the direction lets something through.
async fn passing<T>(
    wire: &mut watch::Receiver<ProxiedConnection>,
    way: fn(&ProxiedConnection) -> Way,
    act: impl Future<Output = T>,
) -> Result<T, watch::error::RecvError> {
    let open = |wire: &ProxiedConnection| way(wire) != Way::Stall;
    wire.wait_for(open).await?;
    let acted = act.await;
    // What was read while it closed is not let through either.
    wire.wait_for(open).await?;
    Ok(acted)
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::{Instant, timeout};

    use super::{ProxiedConnection, Proxy, Way};

    const SHORT_TIME: Duration = Duration::from_millis(150);
    const WAIT_LIMIT: Duration = Duration::from_secs(5);

    /// A server that says everything back, and a proxy before it.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Proxy::start(port).await.unwrap()
    }

    async fn dial(proxy: &Proxy) -> TcpStream {
        TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap()
    }

    async fn heard(stream: &mut TcpStream, count: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        let read = timeout(WAIT_LIMIT, stream.read_exact(&mut bytes)).await;
        read.expect("an answer in time").map(|_| bytes)
    }

    #[tokio::test]
    async fn a_stall_keeps_the_connection_and_every_byte() {
        let proxy = echo().await;
        let mut stream = dial(&proxy).await;
        stream.write_all(b"one").await.unwrap();
        assert_eq!(heard(&mut stream, 3).await.unwrap(), b"one");
        for wire in [
            ProxiedConnection { to_server: Way::Stall, ..ProxiedConnection::default() },
            ProxiedConnection { to_client: Way::Stall, ..ProxiedConnection::default() },
        ] {
            proxy.bend(wire);
            stream.write_all(b"two").await.unwrap();
            let mut byte = [0];
            assert!(timeout(SHORT_TIME, stream.read(&mut byte)).await.is_err(), "{wire:?} passed");
            proxy.pass();
            assert_eq!(heard(&mut stream, 3).await.unwrap(), b"two");
        }
    }

    #[tokio::test]
    async fn a_delay_counts_in_each_direction() {
        let proxy = echo().await;
        let mut stream = dial(&proxy).await;
        proxy.delay(SHORT_TIME);
        let begun = Instant::now();
        stream.write_all(b"slow").await.unwrap();
        assert_eq!(heard(&mut stream, 4).await.unwrap(), b"slow");
        assert!(begun.elapsed() >= SHORT_TIME * 2);
    }

    #[tokio::test]
    async fn a_cut_resets_and_a_refusal_refuses() {
        let mut proxy = echo().await;
        let mut stream = dial(&proxy).await;
        stream.write_all(b"x").await.unwrap();
        heard(&mut stream, 1).await.unwrap();
        proxy.cut();
        assert_eq!(heard(&mut stream, 1).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        proxy.refuse().await;
        let refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        proxy.admit().await.unwrap();
        let mut stream = dial(&proxy).await;
        stream.write_all(b"back").await.unwrap();
        assert_eq!(heard(&mut stream, 4).await.unwrap(), b"back");
    }

    #[tokio::test]
    async fn an_end_is_carried_over() {
        let proxy = echo().await;
        let mut stream = dial(&proxy).await;
        stream.write_all(b"bye").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut all = Vec::new();
        timeout(WAIT_LIMIT, stream.read_to_end(&mut all)).await.expect("an end in time").unwrap();
        assert_eq!(all, b"bye");
    }
}
