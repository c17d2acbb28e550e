//! What the layer gives to a service.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tower::{Layer as _, Service as _, service_fn};

use super::*;
use crate::api::rpc::caller::Caller;
use crate::api::rpc::deadlines::AnswerDeadline;
use crate::api::rpc::gate::{CallGate, CredentialSource};
use crate::api::rpc::layer::CallLayer;
use crate::callers::Authenticator;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_finds_the_caller_and_the_deadline() {
    let api = TestApi::start().await;
    let context = &api.plane.context;
    let clock = Arc::clone(&context.clock);
    let authenticator = Authenticator::new(&context.settings, context.tokens.clone(), clock);
    let gate = CallGate::new(CredentialSource::Callers, context, authenticator.unwrap()).unwrap();
    let inner = service_fn(|request: Request<Body>| async move {
        let extensions = request.extensions();
        let who = extensions.get::<Caller>().map(|caller| caller.who.clone());
        let deadline = extensions.get::<AnswerDeadline>().copied();
        let found = format!("{who:?} {deadline:?}");
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(found))))
    });
    let mut layer = CallLayer { gate: Arc::new(gate) }.layer(inner);
    let request = Request::post("/postrider.v1.EventService/PublishEvent")
        .header("grpc-timeout", "1S")
        .body(Body::empty())
        .unwrap();
    let deadline = AnswerDeadline::of(request.headers());
    assert_ne!(deadline, AnswerDeadline::default());
    let answer = layer.call(request).await.unwrap();
    let found = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(found, format!("{:?} {:?}", Some("address:unknown"), Some(deadline)));
    let unknown = Request::post("/postrider.v1.EventService/Nothing").body(Body::empty()).unwrap();
    let answer = layer.call(unknown).await.unwrap();
    assert_eq!(answer.headers().get("grpc-status").unwrap(), "12");
    let status = Status::from_header_map(answer.headers()).unwrap();
    assert_eq!(reason(&status), "METHOD_NOT_FOUND");
    api.plane.stop().await;
}
