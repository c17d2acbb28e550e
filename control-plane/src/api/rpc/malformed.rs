//! What tonic refuses by itself, before a service sees it.
//!
//! Fed by the answers of all doors; feeds callers the code that says whose fault it is.
//! A message that is no protobuf, that is cut off or whose frame is wrong is `INTERNAL` to
//! tonic, which reads as if the server had failed and asks for another try; it is
//! `INVALID_ARGUMENT` here. One that is too large is `OUT_OF_RANGE` to tonic, and
//! `RESOURCE_EXHAUSTED` here, as in other implementations of gRPC. Both get a reason. They
//! are told apart from errors of Postrider's own by the details that those carry.
//! Guarantees that whoever sends bytes that cannot be read is told so, in an answer and
//! at the end of a stream alike.

use std::error::Error;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::TryFutureExt as _;
use futures::future::MapOk;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::api::rpc::errors::{self, ErrorReason};
use crate::api::rpc::request_ids;

/// Why tonic refused a request; `None` for an error of Postrider's own.
pub(super) fn reason(status: &Status) -> Option<ErrorReason> {
    if !status.details().is_empty() {
        return None;
    }
    let codes = [
        (Code::Internal, ErrorReason::MalformedRequest),
        (Code::OutOfRange, ErrorReason::MessageTooLarge),
    ];
    codes.into_iter().find(|(code, _)| *code == status.code()).map(|(_, reason)| reason)
}

/// The error with the code that says whose fault it is; `None` if it has it already.
fn corrected(status: &Status) -> Option<Status> {
    reason(status).map(|reason| errors::status(reason, status.message()))
}

/// Corrects the errors of the services below.
#[derive(Clone, Copy, Debug)]
pub struct MalformedRequestLayer;

impl<S> Layer<S> for MalformedRequestLayer {
    type Service = MalformedRequests<S>;

    fn layer(&self, inner: S) -> MalformedRequests<S> {
        MalformedRequests { inner }
    }
}

/// See [`MalformedRequestLayer`].
#[derive(Clone, Debug)]
pub struct MalformedRequests<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for MalformedRequests<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = MapOk<S::Future, fn(Response<R>) -> Response<Body>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.inner.call(request).map_ok(corrected_answer::<R>)
    }
}

fn corrected_answer<R>(answer: Response<R>) -> Response<Body>
where
    R: HttpBody<Data = Bytes> + Send + 'static,
    R::Error: Into<Box<dyn Error + Send + Sync>>,
{
    // An error without a stream before it is among the headers.
    match answer.extensions().get::<Status>().and_then(corrected) {
        Some(status) => request_ids::kept(&answer, status.into_http()),
        None => answer.map(|body| Body::new(body.map_frame(corrected_frame))),
    }
}

fn corrected_frame(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(trailers) => Frame::trailers(corrected_trailers(trailers)),
        Err(data) => data,
    }
}

fn corrected_trailers(trailers: HeaderMap) -> HeaderMap {
    let Some(status) = Status::from_header_map(&trailers).as_ref().and_then(corrected) else {
        return trailers;
    };
    let mut corrected = HeaderMap::new();
    match status.add_header(&mut corrected) {
        Ok(()) => corrected,
        Err(_) => trailers,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    #[test]
    fn only_what_tonic_says_is_corrected() {
        let garbage = corrected(&Status::internal("failed to decode")).unwrap();
        assert_eq!(
            (garbage.code(), garbage.message()),
            (Code::InvalidArgument, "failed to decode")
        );
        assert_eq!(garbage.get_details_error_info().unwrap().reason, "MALFORMED_REQUEST");
        let large = corrected(&Status::out_of_range("too large")).unwrap();
        assert_eq!(large.get_details_error_info().unwrap().reason, "MESSAGE_TOO_LARGE");
        for kept in [
            errors::status(ErrorReason::Internal, "broke"),
            errors::invalid("f", "is wrong"),
            Status::unavailable("away"),
            Status::permission_denied("no"),
        ] {
            assert!(corrected(&kept).is_none(), "{kept:?}");
        }
    }

    #[test]
    fn a_corrected_answer_keeps_the_calls_id() {
        let answer = Status::internal("failed to decode").into_http::<Body>();
        let corrected = corrected_answer(request_ids::told(answer, "one"));
        assert_eq!(corrected.headers().get("grpc-status").unwrap(), "3");
        assert_eq!(corrected.headers().get("x-request-id").unwrap(), "one");
    }

    #[test]
    fn the_end_of_a_stream_is_corrected_too() {
        let trailers_of = |status: Status| {
            let mut trailers = HeaderMap::new();
            status.add_header(&mut trailers).unwrap();
            corrected_trailers(trailers)
        };
        let end = trailers_of(Status::internal("failed to decode"));
        assert_eq!(end.get("grpc-status").unwrap(), "3");
        assert_eq!(trailers_of(Status::ok("")).get("grpc-status").unwrap(), "0");
        let own = trailers_of(errors::status(ErrorReason::Internal, "broke"));
        assert_eq!(own.get("grpc-status").unwrap(), "13");
        assert!(corrected_trailers(HeaderMap::new()).is_empty());
    }
}
