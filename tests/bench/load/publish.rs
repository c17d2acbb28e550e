//! Publishing as fast as the control plane answers.
//!
//! Fed by an order; feeds the control plane by one of its three methods.
//! Guarantees that everything is acknowledged, or tells why not.

use anyhow::{Context, Result, bail};
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use postrider_proto::v1::publish_stream_response::Result as Answer;
use postrider_proto::v1::{PublishEventsRequest, PublishStreamRequest, publish_result};
use postrider_tests::api::Api;
use serde::{Deserialize, Serialize};

use super::Target;
use crate::payload;
use crate::worker::now_ns;

/// Events in one `PublishEvents`, and how many of these are under way.
const EVENTS_PER_BATCH: u64 = 100;
const BATCHES_IN_FLIGHT: usize = 8;

/// How events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    Unary { in_flight: usize },
    Batch,
    Stream,
}

impl Mode {
    pub const ALL: &'static [Self] = &[
        Self::Unary { in_flight: 16 },
        Self::Unary { in_flight: 64 },
        Self::Unary { in_flight: 256 },
        Self::Batch,
        Self::Stream,
    ];

    pub fn name(self) -> String {
        match self {
            Self::Unary { in_flight } => format!("unary, {in_flight} in flight"),
            Self::Batch => format!("batches of {EVENTS_PER_BATCH}"),
            Self::Stream => "stream".to_owned(),
        }
    }
}

/// When it began, and when the last event was acknowledged.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Published {
    pub started_ns: u64,
    pub ended_ns: u64,
}

/// Publishes so many events; returns once all are acknowledged.
pub async fn all(api: &Api, target: &Target, mode: Mode, events: u64) -> Result<Published> {
    let started_ns = now_ns();
    match mode {
        Mode::Unary { in_flight } => unary(api, target, in_flight, events).await?,
        Mode::Batch => batches(api, target, events).await?,
        Mode::Stream => streamed(api, target, events).await?,
    }
    Ok(Published { started_ns, ended_ns: now_ns() })
}

async fn unary(api: &Api, target: &Target, in_flight: usize, events: u64) -> Result<()> {
    let payload = payload::plain();
    let mut calls = stream::iter(0..events)
        .map(|_| {
            let (mut client, request) = (api.events.clone(), target.request(payload.clone()));
            async move { client.publish_event(request).await }
        })
        .buffer_unordered(in_flight);
    while let Some(answer) = calls.next().await {
        answer?;
    }
    Ok(())
}

async fn batches(api: &Api, target: &Target, events: u64) -> Result<()> {
    let payload = payload::plain();
    let mut under_way = FuturesUnordered::new();
    let mut left = events;
    while left > 0 || !under_way.is_empty() {
        while left > 0 && under_way.len() < BATCHES_IN_FLIGHT {
            let size = left.min(EVENTS_PER_BATCH);
            left -= size;
            let requests = (0..size).map(|_| target.request(payload.clone())).collect();
            let batch = PublishEventsRequest { parent: target.tenant.clone(), requests };
            let mut client = api.events.clone();
            under_way.push(async move { client.publish_events(batch).await });
        }
        if let Some(answer) = under_way.next().await {
            for one in answer?.into_inner().results {
                if let Some(publish_result::Result::Error(status)) = one.result {
                    bail!("an event was refused: {}", status.message);
                }
            }
        }
    }
    Ok(())
}

async fn streamed(api: &Api, target: &Target, events: u64) -> Result<()> {
    let (payload, target) = (payload::plain(), target.clone());
    let requests = stream::iter(0..events).map(move |id| PublishStreamRequest {
        request_id: id,
        publish: Some(target.request(payload.clone())),
    });
    let mut answers = api.events.clone().publish_stream(requests).await?.into_inner();
    for _ in 0..events {
        let answer = answers.message().await?.context("the stream ended early")?;
        if let Some(Answer::Error(status)) = answer.result {
            bail!("an event was refused: {}", status.message);
        }
    }
    Ok(())
}
