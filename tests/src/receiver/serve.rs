//! Acts out a receiver's behaviours on real connections.
//!
//! Fed by a listener, the scripts and the certificates; feeds the record.
//! Guarantees that a request is recorded before it is answered, so that a test
//! that has seen the effect of an answer also sees the request.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::behaviour::{Answer, Behaviour, Body};
use super::record::{InFlight, Received};
use super::{Admission, Protocols, Shared};

/// In answers of a receiver that numbers them: which request it was.
pub const NUMBER_HEADER: &str = "receiver-number";
/// A request with a larger body is not answered.
const MAX_REQUEST_BYTES: usize = 16 << 20;
/// Between the beginning of a body that is cut and its end.
const CUT_PAUSE: Duration = Duration::from_millis(30);
const BODY_PIECE: &[u8] = &[b'x'; 64 << 10];

type AnswerBody = BoxBody<Bytes, io::Error>;

/// Accepts until the receiver stops.
pub(super) async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    protocols: Protocols,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let connection = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let mut ended = shared.generation.subscribe();
        let admission = shared.admission();
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            let served = async {
                match admission {
                    Admission::Accept => {
                        connected(stream, shared, tls, protocols, connection).await
                    }
                    Admission::Drop => {}
                    Admission::Stall => std::future::pending().await,
                }
            };
            tokio::select! {
                () = served => {}
                _ = ended.changed() => {}
            }
        });
    }
}

async fn connected(
    stream: TcpStream,
    shared: Arc<Shared>,
    tls: Option<TlsAcceptor>,
    protocols: Protocols,
    connection: u64,
) {
    // Small answers leave at once; tests measure the client, not this side.
    let _ = stream.set_nodelay(true);
    match tls {
        // A handshake that fails is the client's finding, not an error here.
        Some(tls) => {
            if let Ok(stream) = tls.accept(stream).await {
                serve(stream, shared, protocols, connection).await;
            }
        }
        None => serve(stream, shared, protocols, connection).await,
    }
}

async fn serve<S>(stream: S, shared: Arc<Shared>, protocols: Protocols, connection: u64)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let builder = auto::Builder::new(TokioExecutor::new());
    let builder = match protocols {
        Protocols::Http1 => builder.http1_only(),
        Protocols::Http2 => builder.http2_only(),
        Protocols::Both => builder,
    };
    let service = service_fn(move |request| answer(request, Arc::clone(&shared), connection));
    // Clients that go away in the middle are part of what is tested.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    shared: Arc<Shared>,
    connection: u64,
) -> io::Result<Response<AnswerBody>> {
    let (at, wall) = (Instant::now(), SystemTime::now());
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_REQUEST_BYTES).collect().await;
    let body = body.map_err(io::Error::other)?.to_bytes();
    let behaviour = shared.behaviour(head.uri.path());
    let in_flight = shared.record.add(Received {
        number: 0,
        method: head.method,
        uri: head.uri,
        version: head.version,
        headers: head.headers,
        body,
        at,
        wall,
        connection,
    });
    match behaviour {
        Behaviour::Answer(answer) if shared.numbered => {
            let number = in_flight.number();
            respond(answer.header(NUMBER_HEADER, number), in_flight).await
        }
        Behaviour::Answer(answer) => respond(answer, in_flight).await,
        Behaviour::Hang => std::future::pending().await,
        Behaviour::CloseBeforeAnswer => Err(io::Error::other("closed before the answer")),
    }
}

async fn respond(answer: Answer, in_flight: InFlight) -> io::Result<Response<AnswerBody>> {
    if let Some(gate) = &answer.gate {
        gate.passed().await;
    }
    if !answer.after.is_zero() {
        tokio::time::sleep(answer.after).await;
    }
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    if let Body::Sized(bytes) = answer.body {
        response = response.header(CONTENT_LENGTH, bytes);
    }
    response.body(body(answer.body, in_flight)).map_err(io::Error::other)
}

/// The body; it keeps the answer in flight until it is sent or given up.
fn body(body: Body, in_flight: InFlight) -> AnswerBody {
    match body {
        Body::Whole(bytes) => http_body_util::Full::new(bytes)
            .map_err(|never: Infallible| match never {})
            .map_frame(move |frame| {
                let _ = &in_flight;
                frame
            })
            .boxed(),
        Body::Sized(bytes) => streamed(sized(bytes), in_flight),
        Body::Drip { piece, every } => {
            let drops = stream::repeat(piece).then(move |piece| async move {
                tokio::time::sleep(every).await;
                Ok(piece)
            });
            streamed(drops, in_flight)
        }
        Body::Cut(bytes) => {
            // At once, the end would overtake the beginning: HTTP/2 drops what
            // it has not sent of a stream that is reset.
            let end = stream::once(async {
                tokio::time::sleep(CUT_PAUSE).await;
                Err(io::Error::other("closed in the body"))
            });
            streamed(stream::iter([Ok(bytes)]).chain(end), in_flight)
        }
    }
}

fn sized(bytes: u64) -> impl Stream<Item = io::Result<Bytes>> {
    stream::iter((0..bytes).step_by(BODY_PIECE.len()).map(move |sent| {
        let left = usize::try_from(bytes - sent).unwrap_or(usize::MAX);
        Ok(Bytes::from_static(BODY_PIECE).slice(..left.min(BODY_PIECE.len())))
    }))
}

fn streamed(
    pieces: impl Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    in_flight: InFlight,
) -> AnswerBody {
    let frames = pieces.map(move |piece| {
        let _ = &in_flight;
        piece.map(Frame::data)
    });
    BodyExt::boxed(StreamBody::new(frames))
}
