//! A read's request that is complete only once the read has its turn.
//!
//! Fed by the connection and by the turns of reads; feeds the decoder. Guarantees that a
//! caller who does not finish a request takes no turn, and that the bytes of one that waits
//! stay counted among those that are being received.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::future::BoxFuture;
use http_body::Frame;
use parking_lot::Mutex;
use tonic::Status;
use tonic::body::Body;

use crate::api::rpc::errors;
use crate::state::read_turns::{NoReadTurn, ReadOwner, ReadTurn, ReadTurns};

/// The turn of a call, once it has one; given back with the last clone.
pub type TurnOfCall = Arc<Mutex<Option<ReadTurn>>>;

/// See the module.
pub struct ReadTurnBody {
    /// Kept to the end: what it holds is counted until the request is decoded.
    inner: Body,
    is_received: bool,
    /// Absent once there is a turn, or an error.
    turn: Option<BoxFuture<'static, Result<ReadTurn, NoReadTurn>>>,
    taken: TurnOfCall,
}

impl ReadTurnBody {
    /// The body of a caller's read.
    pub fn new(inner: Body, turns: ReadTurns, owner: ReadOwner, taken: TurnOfCall) -> Self {
        let turn = Box::pin(async move { turns.take(&owner).await });
        Self { inner, is_received: false, turn: Some(turn), taken }
    }
}

impl http_body::Body for ReadTurnBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.is_received {
            match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
                // They are the end too, and whoever reads them looks no further. Nothing is
                // told in a request's trailers.
                Some(Ok(frame)) if frame.is_trailers() => {}
                Some(frame) => return Poll::Ready(Some(frame)),
                None => {}
            }
            self.is_received = true;
        }
        let Some(turn) = &mut self.turn else { return Poll::Ready(None) };
        let turn = ready!(turn.as_mut().poll(context));
        self.turn = None;
        match turn {
            Ok(turn) => {
                *self.taken.lock() = Some(turn);
                Poll::Ready(None)
            }
            Err(refusal) => Poll::Ready(Some(Err(errors::no_read_turn(refusal)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.turn.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::stream;
    use http::HeaderMap;
    use http_body_util::{BodyExt as _, Full, StreamBody};
    use tonic::Code;

    use super::*;
    use crate::metrics::LimitMetrics;
    use crate::state::read_turns::ReadLimits;

    /// One for each caller, for which nobody waits long.
    fn turns() -> ReadTurns {
        let limits = ReadLimits { all: 3, per_tenant: 1, per_caller: 1 };
        ReadTurns::with(limits, Duration::from_millis(50), LimitMetrics::alone())
    }

    #[tokio::test]
    async fn a_request_waits_for_its_turn_and_not_for_ever() {
        let turns = turns();
        let body = |taken: &TurnOfCall| {
            let inner = Body::new(Full::new(Bytes::from_static(b"x")));
            ReadTurnBody::new(inner, turns.clone(), "somebody".into(), Arc::clone(taken))
        };
        let (first, second) = (TurnOfCall::default(), TurnOfCall::default());
        assert_eq!(body(&first).collect().await.unwrap().to_bytes(), "x");
        assert!(first.lock().is_some());
        let mut waiting = body(&second);
        assert!(waiting.frame().await.unwrap().unwrap().is_data());
        assert!(second.lock().is_none());
        let refused = waiting.frame().await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(waiting.frame().await.is_none());
        *first.lock() = None;
        body(&second).collect().await.unwrap();
    }

    #[tokio::test]
    async fn a_request_with_trailers_waits_for_its_turn_too() {
        let turns = turns();
        let held = turns.take(&"somebody".into()).await.unwrap();
        let taken = TurnOfCall::default();
        let body = || {
            let data = Frame::data(Bytes::from_static(b"x"));
            let frames = [Ok::<_, Status>(data), Ok(Frame::trailers(HeaderMap::new()))];
            let inner = Body::new(StreamBody::new(stream::iter(frames)));
            ReadTurnBody::new(inner, turns.clone(), "somebody".into(), Arc::clone(&taken))
        };
        let mut waiting = body();
        assert!(waiting.frame().await.unwrap().unwrap().is_data());
        let refused = waiting.frame().await.unwrap().unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        drop(held);
        let mut read = body();
        assert!(read.frame().await.unwrap().unwrap().is_data());
        assert!(read.frame().await.is_none(), "the trailers are left out");
        assert!(taken.lock().is_some());
    }
}
