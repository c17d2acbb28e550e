//! A collector of OTLP spans, over gRPC and HTTP at one port, with or without TLS.
//!
//! Fed by the programs' exporters; feeds tests with spans. Guarantees that what it keeps was
//! sent as OTLP says: the right path and content type, and a whole message. It reads gRPC by
//! hand, so that no mistake of a library is made on both sides.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::{Buf, Bytes};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use parking_lot::Mutex;
use prost::Message;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::pki::Identity;
use crate::wait;

const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const HTTP_PATH: &str = "/v1/traces";
/// Of a gRPC message: whether it is compressed, and its length.
const GRPC_PREFIX_BYTES: usize = 5;

/// A span, and who sent it how.
#[derive(Clone, Debug)]
pub struct CollectedSpan {
    /// `service.name` of its resource.
    pub service: String,
    pub schema_url: String,
    /// The request's headers.
    pub headers: HeaderMap,
    pub span: Span,
}

impl CollectedSpan {
    pub fn name(&self) -> &str {
        &self.span.name
    }

    /// An attribute as text; empty where there is none.
    pub fn attribute(&self, key: &str) -> String {
        text(&self.span.attributes, key)
    }

    /// The ids of the spans that it is linked with.
    pub fn linked(&self) -> Vec<&[u8]> {
        self.span.links.iter().map(|link| link.span_id.as_slice()).collect()
    }
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|pair| pair.key == key);
    let value = found.and_then(|pair| pair.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(other) => format!("{other:?}"),
        None => String::new(),
    }
}

/// What was collected. Cheap to clone.
#[derive(Clone, Default)]
struct CollectedSpans(Arc<Mutex<Vec<CollectedSpan>>>);

/// A collector that runs until it is dropped.
pub struct OtlpCollector {
    port: u16,
    scheme: &'static str,
    collected: CollectedSpans,
    server: JoinHandle<()>,
}

impl Drop for OtlpCollector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl OtlpCollector {
    /// A collector at a port of this machine, `port` or any; with TLS if it has an identity.
    pub async fn start(port: u16, identity: Option<&Identity>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let port = listener.local_addr()?.port();
        let tls = identity.map(acceptor).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let collected = CollectedSpans::default();
        let server = tokio::spawn(accept(listener, tls, collected.clone()));
        Ok(Self { port, scheme, collected, server })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// Everything that was collected.
    pub fn spans(&self) -> Vec<CollectedSpan> {
        self.collected.0.lock().clone()
    }

    /// Waits until a trace has so many spans and all that they are linked with is there too;
    /// returns them by their beginning.
    pub async fn wait_for_trace(
        &self,
        trace_id: &[u8],
        count: usize,
        limit: Duration,
    ) -> Result<Vec<CollectedSpan>> {
        wait::until("the spans of a trace", limit, || async {
            let mut spans = self.spans();
            spans.retain(|collected| collected.span.trace_id == trace_id);
            spans.sort_by_key(|collected| collected.span.start_time_unix_nano);
            let all = self.spans();
            let is_there = |id: &[u8]| all.iter().any(|collected| collected.span.span_id == id);
            let is_whole = spans.iter().flat_map(CollectedSpan::linked).all(is_there);
            let names: Vec<_> = spans.iter().map(|span| span.name().to_owned()).collect();
            if spans.len() >= count && is_whole { Ok(spans) } else { Err(format!("{names:?}")) }
        })
        .await
    }
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor> {
    let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes())?;
    let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, collected: CollectedSpans) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, collected) = (tls.clone(), collected.clone());
        tokio::spawn(async move {
            match tls {
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, collected).await;
                    }
                }
                None => serve(stream, collected).await,
            }
        });
    }
}

async fn serve<S>(stream: S, collected: CollectedSpans)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(request, collected.clone()));
    let builder = auto::Builder::new(TokioExecutor::new());
    // An exporter that goes away is no error here.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

type AnswerBody = BoxBody<Bytes, Infallible>;

async fn answer(
    request: Request<Incoming>,
    collected: CollectedSpans,
) -> Result<Response<AnswerBody>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let is_grpc = head.uri.path() == GRPC_PATH;
    let message = match (head.uri.path(), content_type) {
        (GRPC_PATH, Some(b"application/grpc")) => grpc_message(body),
        (HTTP_PATH, Some(b"application/x-protobuf")) => Some(body),
        _ => None,
    };
    let export = message.and_then(|message| ExportTraceServiceRequest::decode(message).ok());
    let Some(export) = export.filter(|_| head.method == Method::POST) else {
        let mut refusal = Response::new(Full::default().boxed());
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(refusal);
    };
    keep(&collected, &head.headers, export);
    Ok(if is_grpc { grpc_answer() } else { Response::new(Full::default().boxed()) })
}

/// A message without its prefix, if it is whole and not compressed.
fn grpc_message(mut body: Bytes) -> Option<Bytes> {
    if body.len() < GRPC_PREFIX_BYTES || body.get_u8() != 0 {
        return None;
    }
    let length = body.get_u32() as usize;
    (body.len() == length).then_some(body)
}

/// An empty message, and trailers that say that all went well.
fn grpc_answer() -> Response<AnswerBody> {
    let message = Full::new(Bytes::from_static(&[0; GRPC_PREFIX_BYTES]));
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let body = message.with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(body.boxed());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn keep(collected: &CollectedSpans, headers: &HeaderMap, export: ExportTraceServiceRequest) {
    let mut kept = collected.0.lock();
    for of_resource in export.resource_spans {
        let resource = of_resource.resource.unwrap_or_default();
        let service = text(&resource.attributes, "service.name");
        for of_scope in of_resource.scope_spans {
            kept.extend(of_scope.spans.into_iter().map(|span| CollectedSpan {
                service: service.clone(),
                schema_url: of_scope.schema_url.clone(),
                headers: headers.clone(),
                span,
            }));
        }
    }
}
