//! A receiver that writes HTTP byte by byte over TLS, to do what libraries do not allow.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use super::tls::self_signed;

/// One request as the receiver sees it, each number counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedRequest {
    pub connection: usize,
    /// On its connection.
    pub request: usize,
    pub http2: bool,
}

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum ReceiverAction {
    /// 200 without a body.
    Answer,
    Hang,
    /// Ends the connection, without TLS's `close_notify`.
    Break,
    /// `RST_STREAM` with this code (HTTP/2).
    Reset(u32),
    /// GOAWAY: this request and those after it are not looked at (HTTP/2).
    GoAway,
    /// These bytes; then the connection goes on.
    Bytes(Vec<u8>),
    /// These bytes; then the connection ends, without TLS's `close_notify`.
    BytesAndBreak(Vec<u8>),
    /// 200 without a body, at once; then the connection ends, by a reset where there is
    /// more of the request.
    AnswerAndBreak,
    /// These bytes again and again, as fast as they go.
    Flood(Vec<u8>),
}

pub const REFUSED_STREAM: u32 = 0x7;
pub const HTTP_1_1_REQUIRED: u32 = 0xd;
pub const INTERNAL_ERROR: u32 = 0x2;

type Script = dyn Fn(ReceivedRequest) -> ReceiverAction + Send + Sync;
/// Every request, with its head if it came over HTTP/1.1.
type Record = Arc<Mutex<Vec<(ReceivedRequest, Vec<u8>)>>>;

pub struct RawReceiver {
    pub address: SocketAddr,
    pub ca_pem: Vec<u8>,
    connections: Arc<AtomicUsize>,
    asked: Record,
}

type ClientTlsStream = TlsStream<TcpStream>;

struct Connection {
    number: usize,
    stream: ClientTlsStream,
    script: Arc<Script>,
    asked: Record,
}

impl RawReceiver {
    pub async fn start(
        alpn: &[&[u8]],
        script: impl Fn(ReceivedRequest) -> ReceiverAction + Send + Sync + 'static,
    ) -> Self {
        let (ca_pem, acceptor) = self_signed(&["localhost", "127.0.0.1"], alpn);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (counted, seen) = (Arc::clone(&connections), Arc::clone(&asked));
        let script: Arc<Script> = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // What Nagle's algorithm holds back is lost when the connection is reset.
                stream.set_nodelay(true).unwrap();
                let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
                let (script, asked) = (Arc::clone(&script), Arc::clone(&seen));
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                        let connection = Connection { number, stream, script, asked };
                        let _ = match http2 {
                            true => connection.serve_http2().await,
                            false => connection.serve_http1().await,
                        };
                    }
                });
            }
        });
        Self { address, ca_pem, connections, asked }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/hooks", self.address.port())
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<ReceivedRequest> {
        self.asked.lock().iter().map(|(asked, _)| *asked).collect()
    }

    /// The heads of all requests over HTTP/1.1.
    pub fn heads(&self) -> Vec<String> {
        let asked = self.asked.lock();
        asked.iter().map(|(_, head)| String::from_utf8(head.clone()).unwrap()).collect()
    }
}

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

impl Connection {
    fn ask(&self, request: usize, http2: bool, head: &[u8]) -> ReceiverAction {
        let asked = ReceivedRequest { connection: self.number, request, http2 };
        self.asked.lock().push((asked, head.to_vec()));
        (self.script)(asked)
    }

    async fn flood(mut self, bytes: &[u8]) -> std::io::Result<()> {
        let block = bytes.repeat((64 << 10) / bytes.len());
        loop {
            self.stream.write_all(&block).await?;
        }
    }

    async fn serve_http1(mut self) -> std::io::Result<()> {
        for request in 1.. {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(self.stream.read_u8().await?);
            }
            let text = String::from_utf8_lossy(&head).to_lowercase();
            let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().unwrap());
            let act = self.ask(request, false, &head);
            if !matches!(act, ReceiverAction::AnswerAndBreak) {
                self.stream.read_exact(&mut vec![0; length]).await?;
            }
            let (bytes, end) = match act {
                ReceiverAction::AnswerAndBreak => (HTTP1_OK.to_vec(), true),
                ReceiverAction::Answer => (HTTP1_OK.to_vec(), false),
                ReceiverAction::Bytes(bytes) => (bytes, false),
                ReceiverAction::BytesAndBreak(bytes) => (bytes, true),
                ReceiverAction::Flood(bytes) => return self.flood(&bytes).await,
                ReceiverAction::Hang => std::future::pending().await,
                ReceiverAction::Break | ReceiverAction::Reset(_) | ReceiverAction::GoAway => {
                    (Vec::new(), true)
                }
            };
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await?;
            if end {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn serve_http2(mut self) -> std::io::Result<()> {
        self.stream.read_exact(&mut [0; 24]).await?;
        self.stream.write_all(&frame(4, 0, 0, &[])).await?;
        self.stream.write_all(&frame(8, 0, 0, &0x3fff_0000_u32.to_be_bytes())).await?;
        let mut request = 0;
        loop {
            let mut header = [0; 9];
            self.stream.read_exact(&mut header).await?;
            let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = header;
            let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
            let stream = u32::from_be_bytes([s0, s1, s2, s3]);
            let mut payload = vec![0; length];
            self.stream.read_exact(&mut payload).await?;
            if kind == 4 && flags & 1 == 0 {
                self.stream.write_all(&frame(4, 1, 0, &[])).await?;
            }
            if kind != 1 {
                continue;
            }
            request += 1;
            match self.ask(request, true, &[]) {
                ReceiverAction::Answer => {
                    self.stream.write_all(&frame(1, 5, stream, &[0x88])).await?
                }
                ReceiverAction::Reset(code) => {
                    self.stream.write_all(&frame(3, 0, stream, &code.to_be_bytes())).await?;
                }
                ReceiverAction::GoAway => {
                    let last = u64::from(stream - 2) << 32;
                    self.stream.write_all(&frame(7, 0, 0, &last.to_be_bytes())).await?;
                    self.stream.shutdown().await?;
                    // What is still on its way must not make it a reset.
                    while self.stream.read(&mut payload_buffer()).await? > 0 {}
                    return Ok(());
                }
                ReceiverAction::AnswerAndBreak => {
                    return self.stream.write_all(&frame(1, 5, stream, &[0x88])).await;
                }
                ReceiverAction::Hang => {}
                ReceiverAction::Break => return Ok(()),
                ReceiverAction::Bytes(bytes) | ReceiverAction::BytesAndBreak(bytes) => {
                    self.stream.write_all(&bytes).await?;
                }
                ReceiverAction::Flood(bytes) => return self.flood(&bytes).await,
            }
        }
    }
}

const HTTP1_OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

fn payload_buffer() -> [u8; 4096] {
    [0; 4096]
}
