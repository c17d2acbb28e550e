//! Publishing as fast as the control plane answers.

use anyhow::{Context, Result, bail};
use futures::StreamExt as _;
use futures::stream::{self, FuturesUnordered};
use postrider_proto::v1::publish_stream_response::Result as Answer;
use postrider_proto::v1::{
    CreateSubscriptionRequest, CreateTenantRequest, Event, PublishEventRequest,
    PublishEventsRequest, PublishStreamRequest, Subscription, SubscriptionStatus, Tenant, event,
    publish_result,
};
use postrider_tests::api::Api;

use crate::PAYLOAD_BYTES;

const TENANT: &str = "bench";
/// Events in one PublishEvents, and how many of these are under way.
const BATCH: u64 = 100;
const BATCHES_IN_FLIGHT: usize = 8;

/// How events are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    pub const fn name(self) -> &'static str {
        match self {
            Self::Unary { in_flight: 16 } => "unary 16",
            Self::Unary { in_flight: 64 } => "unary 64",
            Self::Unary { .. } => "unary 256",
            Self::Batch => "batch 100",
            Self::Stream => "stream",
        }
    }
}

/// JSON of the size that everybody measures with.
pub fn payload() -> String {
    let filler = "x".repeat(PAYLOAD_BYTES - r#"{"payment":""}"#.len());
    format!(r#"{{"payment":"{filler}"}}"#)
}

/// One tenant with one subscription.
pub async fn set_up(api: &Api, url: &str) -> Result<()> {
    let tenant =
        CreateTenantRequest { tenant_id: TENANT.to_owned(), tenant: Some(Tenant::default()) };
    api.tenants.clone().create_tenant(tenant).await?;
    let subscription = Subscription {
        url: url.to_owned(),
        event_types: vec!["*".to_owned()],
        status: SubscriptionStatus::Enabled.into(),
        region: "regions/eu".to_owned(),
        ..Subscription::default()
    };
    let create = CreateSubscriptionRequest {
        parent: format!("tenants/{TENANT}"),
        subscription_id: "all".to_owned(),
        subscription: Some(subscription),
    };
    api.subscriptions.clone().create_subscription(create).await?;
    Ok(())
}

fn request(payload: &str) -> PublishEventRequest {
    PublishEventRequest {
        parent: format!("tenants/{TENANT}"),
        event: Some(Event {
            event_type: "payment.completed".to_owned(),
            payload_form: Some(event::PayloadForm::PayloadJson(payload.to_owned())),
            ..Event::default()
        }),
        ..PublishEventRequest::default()
    }
}

/// Publishes so many events; returns once all are acknowledged.
pub async fn publish(api: &Api, mode: Mode, events: u64) -> Result<()> {
    match mode {
        Mode::Unary { in_flight } => unary(api, in_flight, events).await,
        Mode::Batch => batches(api, events).await,
        Mode::Stream => streamed(api, events).await,
    }
}

async fn unary(api: &Api, in_flight: usize, events: u64) -> Result<()> {
    let payload = payload();
    let mut calls = stream::iter(0..events)
        .map(|_| {
            let (mut client, request) = (api.events.clone(), request(&payload));
            async move { client.publish_event(request).await }
        })
        .buffer_unordered(in_flight);
    while let Some(answer) = calls.next().await {
        answer?;
    }
    Ok(())
}

async fn batches(api: &Api, events: u64) -> Result<()> {
    let payload = payload();
    let mut under_way = FuturesUnordered::new();
    let mut left = events;
    while left > 0 || !under_way.is_empty() {
        while left > 0 && under_way.len() < BATCHES_IN_FLIGHT {
            let size = left.min(BATCH);
            left -= size;
            let requests = (0..size).map(|_| request(&payload)).collect();
            let batch = PublishEventsRequest { parent: format!("tenants/{TENANT}"), requests };
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

async fn streamed(api: &Api, events: u64) -> Result<()> {
    let payload = payload();
    let requests = stream::iter(0..events)
        .map(move |id| PublishStreamRequest { request_id: id, publish: Some(request(&payload)) });
    let mut answers = api.events.clone().publish_stream(requests).await?.into_inner();
    for _ in 0..events {
        let answer = answers.message().await?.context("the stream ended early")?;
        if let Some(Answer::Error(status)) = answer.result {
            bail!("an event was refused: {}", status.message);
        }
    }
    Ok(())
}
