//! When a caller's stream ends by itself: its connection is old, or the replica stops.
//!
//! Fed by the connection; feeds the streams. Guarantees that a stream ends with an error
//! that says so (those to autoscalers with none), and not in the middle of an answer: what is
//! under way is answered first.
//! Streams that cannot be resumed go on until the connection is closed, and are then ended
//! with the error by the layers around the services.

use futures::future::BoxFuture;
use http::Extensions;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};

use crate::api::rpc::errors::{self, ErrorReason};
use crate::listeners::ConnectionPeer;

/// How long a stream lasts.
#[derive(Clone, Debug)]
pub struct StreamLifetime {
    stopping: CancellationToken,
    /// `None`: the connection does not age.
    pub aged_at: Option<Instant>,
}

impl StreamLifetime {
    /// Of a request that came in at a door.
    pub fn of<T>(request: &Request<T>, stopping: CancellationToken) -> Self {
        let peer = request.extensions().get::<ConnectionPeer>();
        Self { stopping, aged_at: peer.and_then(|peer| peer.streams_end) }
    }

    /// Returns at the end, with the error that tells it.
    pub fn ended(&self) -> BoxFuture<'static, Status> {
        let Self { stopping, aged_at } = self.clone();
        let aging = async move {
            match aged_at {
                Some(at) => tokio::time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        Box::pin(async move {
            tokio::select! {
                () = stopping.cancelled() => stopping_replica(),
                () = aging => aged_connection(),
            }
        })
    }
}

/// When a stream of a request ends at the latest, whatever it is; `None`: not by age.
pub fn latest_end(extensions: &Extensions) -> Option<Instant> {
    extensions.get::<ConnectionPeer>().and_then(|peer| peer.last_streams_end)
}

/// Returns at that time, with the error that tells it.
pub fn aged_at(latest: Instant) -> BoxFuture<'static, Status> {
    Box::pin(async move {
        tokio::time::sleep_until(latest).await;
        aged_connection()
    })
}

/// This replica stops; another one serves.
pub fn stopping_replica() -> Status {
    errors::retry_soon(ErrorReason::Stopping, "this replica is stopping")
}

/// The connection takes no more requests; a new one does.
pub fn aged_connection() -> Status {
    let message = "the connection has reached its age (connections.max_age_seconds)";
    errors::retry(ErrorReason::ConnectionAged, message, std::time::Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::Code;
    use tonic_types::StatusExt as _;

    use super::*;

    #[tokio::test]
    async fn a_stream_ends_with_its_connections_age_or_its_replica() {
        let mut request = Request::new(());
        let never = CancellationToken::new();
        let endless = StreamLifetime::of(&request, never.clone()).ended();
        assert!(tokio::time::timeout(Duration::from_millis(50), endless).await.is_err());
        let mut peer = ConnectionPeer::new(([127, 0, 0, 1], 1).into(), None);
        peer.streams_end = Some(Instant::now() + Duration::from_millis(50));
        request.extensions_mut().insert(peer);
        let ended = StreamLifetime::of(&request, never.clone()).ended().await;
        assert_eq!(ended.code(), Code::Unavailable);
        assert_eq!(ended.get_details_error_info().unwrap().reason, "CONNECTION_AGED");
        never.cancel();
        let ended = StreamLifetime::of(&Request::new(()), never).ended().await;
        assert_eq!(ended.get_details_error_info().unwrap().reason, "STOPPING");
    }
}
