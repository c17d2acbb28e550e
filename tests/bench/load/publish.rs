//! Publishing as fast as the control plane answers.
//!
//! Fed by an order; feeds the control plane by one of its three methods, or over HTTP.
//! Guarantees that everything is acknowledged, or tells why not.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use parking_lot::Mutex;
use postrider_proto::v1::publish_stream_response::Result as Answer;
use postrider_proto::v1::{PublishEventsRequest, PublishStreamRequest, publish_result};
use postrider_tests::api::Api;
use serde::{Deserialize, Serialize};

use super::over_http::HttpPublisher;
use super::{Access, Target, micros_since};
use crate::payload;
use crate::receiver::Latencies;
use crate::worker::now_ns;

/// Events in one `PublishEvents`, and how many of these are under way.
const EVENTS_PER_BATCH: u64 = 100;
const BATCHES_IN_FLIGHT: usize = 8;

/// How events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Unary {
        in_flight: usize,
    },
    /// One event in a call over HTTP/1.1 and JSON.
    Json {
        in_flight: usize,
    },
    Batch,
    Stream,
}

impl Mode {
    pub const ALL: &'static [Self] = &[
        Self::Unary { in_flight: 16 },
        Self::Unary { in_flight: 64 },
        Self::Unary { in_flight: 256 },
        Self::Json { in_flight: 16 },
        Self::Json { in_flight: 64 },
        Self::Batch,
        Self::Stream,
    ];

    pub fn name(self) -> String {
        match self {
            Self::Unary { in_flight } => format!("unary, {in_flight} in flight"),
            Self::Json { in_flight } => format!("unary over HTTP and JSON, {in_flight} in flight"),
            Self::Batch => format!("batches of {EVENTS_PER_BATCH}"),
            Self::Stream => "stream".to_owned(),
        }
    }
}

/// When it began, and when the last event was acknowledged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Published {
    pub started_ns: u64,
    pub ended_ns: u64,
    /// From a call, or from an event's turn on a stream, to the answer.
    pub answered: Latencies,
}

/// Publishes so many events; returns once all are acknowledged.
pub async fn all(
    (api, access): (&Api, &Access),
    target: &Target,
    mode: Mode,
    events: u64,
) -> Result<Published> {
    let http = match mode {
        Mode::Json { in_flight } => Some(HttpPublisher::connect(access, target, in_flight).await?),
        Mode::Unary { .. } | Mode::Batch | Mode::Stream => None,
    };
    let started_ns = now_ns();
    let micros = match mode {
        Mode::Unary { in_flight } => unary(api, target, in_flight, events).await?,
        Mode::Json { .. } => http.context("no connection")?.publish(events).await?,
        Mode::Batch => batches(api, target, events).await?,
        Mode::Stream => streamed(api, target, events).await?,
    };
    let ended_ns = now_ns();
    Ok(Published { started_ns, ended_ns, answered: Latencies::of(micros) })
}

async fn unary(api: &Api, target: &Target, in_flight: usize, events: u64) -> Result<Vec<u32>> {
    let payload = payload::plain();
    let mut calls = stream::iter(0..events)
        .map(|_| {
            let (mut client, request) = (api.events.clone(), target.request(payload.clone()));
            async move {
                let began_ns = now_ns();
                client.publish_event(request).await.map(|_| micros_since(began_ns))
            }
        })
        .buffer_unordered(in_flight);
    let mut micros = Vec::new();
    while let Some(answer) = calls.next().await {
        micros.push(answer?);
    }
    Ok(micros)
}

async fn batches(api: &Api, target: &Target, events: u64) -> Result<Vec<u32>> {
    let payload = payload::plain();
    let mut micros = Vec::new();
    let mut under_way = FuturesUnordered::new();
    let mut left = events;
    while left > 0 || !under_way.is_empty() {
        while left > 0 && under_way.len() < BATCHES_IN_FLIGHT {
            let size = left.min(EVENTS_PER_BATCH);
            left -= size;
            let requests = (0..size).map(|_| target.request(payload.clone())).collect();
            let batch = PublishEventsRequest { parent: target.tenant.clone(), requests };
            let mut client = api.events.clone();
            under_way.push(async move {
                let began_ns = now_ns();
                client.publish_events(batch).await.map(|answer| (answer, micros_since(began_ns)))
            });
        }
        if let Some(answer) = under_way.next().await {
            let (answer, took) = answer?;
            micros.push(took);
            for one in answer.into_inner().results {
                if let Some(publish_result::Result::Error(status)) = one.result {
                    bail!("an event was refused: {}", status.message);
                }
            }
        }
    }
    Ok(micros)
}

async fn streamed(api: &Api, target: &Target, events: u64) -> Result<Vec<u32>> {
    let (payload, target) = (payload::plain(), target.clone());
    // By request id; answers may come in another order.
    let times = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&times);
    let requests = stream::iter(0..events).map(move |id| {
        noted.lock().push(now_ns());
        let publish = Some(target.request(payload.clone()));
        PublishStreamRequest { request_id: id, publish }
    });
    let mut micros = Vec::new();
    let mut answers = api.events.clone().publish_stream(requests).await?.into_inner();
    for _ in 0..events {
        let answer = answers.message().await?.context("the stream ended early")?;
        if let Some(Answer::Error(status)) = answer.result {
            bail!("an event was refused: {}", status.message);
        }
        let id = usize::try_from(answer.request_id)?;
        let began_ns: Option<u64> = times.lock().get(id).copied();
        micros.push(micros_since(began_ns.context("an answer without a request")?));
    }
    Ok(micros)
}
