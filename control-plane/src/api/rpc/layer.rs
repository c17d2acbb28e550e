//! What every call has, made once: its caller, its span, its deadline, and the line about
//! its failure.
//!
//! Fed by requests before they are decoded; feeds the services with them ([`Caller`] and
//! [`AnswerDeadline`] among a request's extensions) and the log. Guarantees that a
//! service's code runs in the call's span, and that a call which fails leaves one line,
//! whether a service refused it or it could not be decoded. The services' streams log the
//! errors that end them ([`super::spans::log_stream_end`]).

use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use tonic::Status;
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::spans;

/// Wraps the public services.
#[derive(Clone, Copy)]
pub struct CallLayer;

impl<S> Layer<S> for CallLayer {
    type Service = CallService<S>;

    fn layer(&self, inner: S) -> CallService<S> {
        CallService { inner }
    }
}

#[derive(Clone)]
pub struct CallService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for CallService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let caller = Caller::of_connection(request.extensions());
        let deadline = AnswerDeadline::of(request.headers());
        let span = spans::call_span(request.uri().path(), &caller);
        request.extensions_mut().insert(caller);
        request.extensions_mut().insert(deadline);
        let answer = span.in_scope(|| self.inner.call(request));
        let answered = async move {
            let answer = answer.await?;
            if let Some(status) = answer.extensions().get::<Status>() {
                spans::log_failure(status);
            }
            Ok(answer)
        };
        Box::pin(answered.instrument(span))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use tower::service_fn;

    use super::*;

    type Found = (Option<Caller>, Option<AnswerDeadline>);

    #[tokio::test]
    async fn a_service_finds_the_caller_and_the_deadline() {
        let inner = service_fn(|request: Request<()>| async move {
            let extensions = request.extensions();
            let found: Found = (extensions.get().cloned(), extensions.get().copied());
            Ok::<_, Infallible>(Response::new(found))
        });
        let request = Request::post("/postrider.v1.EventService/PublishEvent")
            .header("grpc-timeout", "1S")
            .body(())
            .unwrap();
        let deadline = AnswerDeadline::of(request.headers());
        assert_ne!(deadline, AnswerDeadline::default());
        let answer = CallLayer.layer(inner).call(request).await.unwrap();
        let caller = Caller { who: "address:unknown".to_owned() };
        assert_eq!(answer.into_body(), (Some(caller), Some(deadline)));
    }
}
