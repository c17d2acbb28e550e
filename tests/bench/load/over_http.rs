//! Publishing over HTTP/1.1 and JSON, one call at a time on each connection.
//!
//! Fed by `publish` with whom to call; feeds it how long each answer took. Guarantees that the
//! connections are there before anything is measured.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures::future::try_join_all;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;

use super::{Access, Target, micros_since};
use crate::client::{self, Address};
use crate::payload;
use crate::worker::now_ns;

/// Connections to one method.
pub struct HttpPublisher {
    connections: Vec<SendRequest<Full<Bytes>>>,
    address: Address,
    authorization: String,
    body: Bytes,
}

impl HttpPublisher {
    pub async fn connect(access: &Access, target: &Target, connections: usize) -> Result<Self> {
        let url = format!("{}/v1/{}/events:publish", access.url, target.tenant);
        let address = Address::new(&url, &access.ca_file)?;
        let opened = try_join_all((0..connections).map(|_| client::connect(&address))).await?;
        let (event_type, data) = (&target.event_type, payload::plain());
        let body = format!(r#"{{"event":{{"eventType":"{event_type}","data":{data}}}}}"#);
        let authorization = format!("Bearer {}", access.credential);
        Ok(Self { connections: opened, address, authorization, body: body.into() })
    }

    /// Publishes so many events; the microseconds that each call took.
    pub async fn publish(self, events: u64) -> Result<Vec<u32>> {
        let Self { connections, address, authorization, body } = self;
        let left = AtomicU64::new(events);
        let take = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        let calls = connections.into_iter().map(|mut sender| {
            let (take, address, authorization, body) = (&take, &address, &authorization, &body);
            async move {
                let mut micros = Vec::new();
                while take().is_ok() {
                    let began_ns = now_ns();
                    let request = Request::post(address.path.as_str())
                        .header("host", &address.authority)
                        .header("authorization", authorization)
                        .header("content-type", "application/json")
                        .body(Full::new(body.clone()))?;
                    let answer = sender.send_request(request).await?;
                    let status = answer.status();
                    let text = answer.into_body().collect().await?.to_bytes();
                    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&text));
                    micros.push(micros_since(began_ns));
                    sender.ready().await.context("the connection was closed")?;
                }
                Ok::<_, anyhow::Error>(micros)
            }
        });
        Ok(try_join_all(calls).await?.concat())
    }
}
