//! A name server on loopback whose answers the test chooses.
//!
//! It answers over UDP, and over TCP what is too large for a datagram. A name without an
//! answer of its own has its parent domain's; without one it does not exist.
#![allow(
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise; unit tests include it too"
)]
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

/// Larger answers go over TCP (RFC 1035, section 4.2.1).
const DATAGRAM_BYTES_MAX: usize = 512;

/// What is said of a name.
#[derive(Debug, Clone)]
pub enum DnsReply {
    /// Its addresses, of both families, and their time to live in seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The same, so much later.
    Late(Duration, Vec<IpAddr>, u32),
    /// Addresses of IPv4; to the question for IPv6 nothing is said.
    OnlyV4(Vec<IpAddr>, u32),
    /// Nothing.
    Silence,
    Failure,
    NoSuchName,
}

type Replies = Arc<Mutex<HashMap<String, DnsReply>>>;

pub struct NameServer {
    pub address: SocketAddr,
    replies: Replies,
    asked: Arc<Mutex<Vec<String>>>,
}

impl NameServer {
    pub async fn start() -> Self {
        let (socket, listener) = loop {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()).await {
                break (Arc::new(socket), listener);
            }
        };
        let address = socket.local_addr().unwrap();
        let server = Self { address, replies: Replies::default(), asked: Arc::default() };
        tokio::spawn(serve(socket, Arc::clone(&server.replies), Arc::clone(&server.asked)));
        tokio::spawn(serve_large(listener, Arc::clone(&server.replies)));
        server
    }

    /// From now on, for `name` and all below it.
    pub fn reply(&self, name: &str, reply: DnsReply) {
        self.replies.lock().insert(name.to_owned(), reply);
    }

    /// One address that holds for a minute.
    pub fn point(&self, name: &str, address: &str) {
        self.reply(name, DnsReply::Addresses(vec![address.parse().unwrap()], 60));
    }

    /// How many questions there were for addresses of IPv4 of exactly this name;
    /// whoever asks repeats them when nothing is said.
    pub fn questions(&self, name: &str) -> usize {
        self.asked.lock().iter().filter(|asked| *asked == name).count()
    }
}

async fn serve(socket: Arc<UdpSocket>, replies: Replies, asked: Arc<Mutex<Vec<String>>>) {
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
        let Some(query) = question.queries.first() else { continue };
        let name = query.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        if query.query_type() == RecordType::A {
            asked.lock().push(name.clone());
        }
        let reply = reply_for(&replies, &name);
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            let Some(answer) = answer(question, reply).await else { return };
            let mut written = answer.to_vec().unwrap();
            if written.len() > DATAGRAM_BYTES_MAX {
                written = answer.truncate().to_vec().unwrap();
            }
            let _ = socket.send_to(&written, from).await;
        });
    }
}

async fn serve_large(listener: TcpListener, replies: Replies) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let replies = Arc::clone(&replies);
        tokio::spawn(async move {
            while let Ok(length) = stream.read_u16().await {
                let mut question = vec![0; length.into()];
                stream.read_exact(&mut question).await.unwrap();
                let question = Message::from_vec(&question).unwrap();
                let name = question.queries[0].name().to_ascii();
                let reply = reply_for(&replies, name.trim_end_matches('.'));
                let Some(answer) = answer(question, reply).await else { continue };
                let written = answer.to_vec().unwrap();
                stream.write_u16(u16::try_from(written.len()).unwrap()).await.unwrap();
                stream.write_all(&written).await.unwrap();
            }
        });
    }
}

fn reply_for(replies: &Replies, name: &str) -> DnsReply {
    let replies = replies.lock();
    let above = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
    let found = std::iter::once(name).chain(above).find_map(|name| replies.get(name));
    found.cloned().unwrap_or(DnsReply::NoSuchName)
}

async fn answer(question: Message, reply: DnsReply) -> Option<Message> {
    let query = question.queries[0].clone();
    let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
    answer.metadata.recursion_desired = true;
    answer.metadata.recursion_available = true;
    answer.add_query(query.clone());
    let (addresses, seconds) = match reply {
        DnsReply::Addresses(addresses, seconds) => (addresses, seconds),
        DnsReply::Late(late, addresses, seconds) => {
            tokio::time::sleep(late).await;
            (addresses, seconds)
        }
        DnsReply::OnlyV4(addresses, seconds) if query.query_type() == RecordType::A => {
            (addresses, seconds)
        }
        DnsReply::OnlyV4(..) | DnsReply::Silence => return None,
        DnsReply::Failure => {
            answer.metadata.response_code = ResponseCode::ServFail;
            return Some(answer);
        }
        DnsReply::NoSuchName => {
            answer.metadata.response_code = ResponseCode::NXDomain;
            return Some(answer);
        }
    };
    let asked_for = |address: &IpAddr| match query.query_type() {
        RecordType::A => address.is_ipv4(),
        RecordType::AAAA => address.is_ipv6(),
        _ => false,
    };
    for address in addresses.into_iter().filter(asked_for) {
        let record = Record::from_rdata(query.name().clone(), seconds, RData::from(address));
        answer.add_answer(record);
    }
    Some(answer)
}
