//! A stream's answer that ends when its caller may no longer call, or with its connection.
//!
//! Fed by `layer` with an answer and with what waits for the end; feeds the connection.
//! Guarantees that nothing is sent after that end but the error.
//!
//! Keeps the invariant `revoked-means-refused`.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::HeaderMap;
use http_body::Frame;
use tonic::Status;
use tonic::body::Body;

/// An answer with a watch over its caller.
pub struct GuardedBody {
    /// Absent once it was cut off.
    inner: Option<Body>,
    end: BoxFuture<'static, Status>,
}

impl GuardedBody {
    pub fn new(inner: Body, end: BoxFuture<'static, Status>) -> Self {
        Self { inner: Some(inner), end }
    }
}

impl http_body::Body for GuardedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.inner.is_none() {
            return Poll::Ready(None);
        }
        if let Poll::Ready(status) = self.end.as_mut().poll(context) {
            // What it still was about to say goes with it.
            self.inner = None;
            let mut trailers = HeaderMap::new();
            let told = status.add_header(&mut trailers);
            return Poll::Ready(Some(told.map(|()| Frame::trailers(trailers))));
        }
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(http_body::Body::is_end_stream)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt as _, Full};

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_with_the_error() {
        let never = Box::pin(std::future::pending());
        let whole = GuardedBody::new(Body::new(Full::new(Bytes::from_static(b"x"))), never);
        assert_eq!(whole.collect().await.unwrap().to_bytes(), "x");
        let now = Box::pin(async { Status::unauthenticated("it was revoked") });
        let endless = http_body_util::StreamBody::new(futures::stream::pending::<
            Result<Frame<Bytes>, Status>,
        >());
        let cut = GuardedBody::new(Body::new(endless), now).collect().await.unwrap();
        let trailers = cut.trailers().unwrap();
        assert_eq!(trailers.get("grpc-status").unwrap(), "16");
        assert_eq!(trailers.get("grpc-message").unwrap(), "it%20was%20revoked");
    }
}
