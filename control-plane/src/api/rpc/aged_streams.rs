//! A service whose streams end with an error before their connection is closed by age.
//!
//! Fed by the connection; feeds a service that is open to all, which `layer` is not around.
//! Guarantees nothing of its answers but that.

use std::task::{Context, Poll};

use futures::TryFutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

use crate::api::rpc::guarded_body::GuardedBody;
use crate::api::rpc::lifetimes;

/// See the module.
#[derive(Clone)]
pub struct EndedByAge<S>(pub S);

impl<S: NamedService> NamedService for EndedByAge<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for EndedByAge<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let latest = lifetimes::latest_end(request.extensions());
        let answered = self.0.call(request);
        Box::pin(answered.map_ok(move |answer| match latest {
            Some(latest) => {
                let ends = lifetimes::aged_at(latest);
                answer.map(|body| Body::new(GuardedBody::new(body, ends)))
            }
            None => answer,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::{BodyExt as _, StreamBody};
    use tokio::time::{Instant, timeout};
    use tonic::Status;

    use super::*;
    use crate::listeners::ConnectionPeer;

    async fn endless(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        let silence = futures::stream::pending::<Result<Frame<Bytes>, Status>>();
        Ok(Response::new(Body::new(StreamBody::new(silence))))
    }

    #[tokio::test]
    async fn a_stream_ends_with_a_status_before_its_connection() {
        let mut service = EndedByAge(tower::service_fn(endless));
        let endless = service.call(Request::new(Body::empty())).await.unwrap().into_body();
        assert!(timeout(Duration::from_millis(100), endless.collect()).await.is_err());
        let mut request = Request::new(Body::empty());
        let mut peer = ConnectionPeer::new(([127, 0, 0, 1], 1).into(), None);
        peer.last_streams_end = Some(Instant::now() + Duration::from_millis(50));
        request.extensions_mut().insert(peer);
        let ended = service.call(request).await.unwrap().into_body().collect().await.unwrap();
        assert_eq!(ended.trailers().unwrap().get("grpc-status").unwrap(), "14");
    }
}
