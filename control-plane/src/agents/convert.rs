//! Turns messages of the work stream into values of the domain, and back.

use std::sync::Arc;

use bytes::Bytes;
use postrider_domain::delivery::{
    AttemptRecord, Delivery, Outcome, ReportedResponse, StepTimings, Trigger,
};
use postrider_domain::event::Event;
use postrider_domain::ids::{
    AgentId, AttemptKey, DeliveryId, EventId, Region, SubscriptionId, SubscriptionKey, TenantId,
};
use postrider_domain::retry::parse_retry_after;
use postrider_domain::scheduler::{AgentIdentity, Dispatch, ScheduledDelivery, StreamId};
use postrider_domain::subscription::{BodyEnvelope, JsonForm, Subscription};
use postrider_domain::time::Timestamp;
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::webhook_url::is_insecure;
use tonic::Status;
use uuid::Uuid;

use super::duration::{duration, span};
use super::signing;
use crate::flow::conclude::AttemptReport;
use crate::state::dispatcher::streams::{ConnectedAgent, StreamCommand};

/// Longest agent name, in bytes.
const MAX_AGENT_ID_BYTES: usize = 128;
/// A version with a commit's hash has about 50.
const MAX_VERSION_CHARACTERS: usize = 64;

/// Attempt keys, less those that are malformed.
pub fn keys(keys: &[wire::AttemptKey]) -> Vec<AttemptKey> {
    keys.iter().filter_map(key).collect()
}

fn key(key: &wire::AttemptKey) -> Option<AttemptKey> {
    let delivery = DeliveryId(Uuid::from_slice(&key.delivery_id).ok()?);
    (key.number > 0).then_some(AttemptKey { delivery, number: key.number })
}

/// Checks a Hello.
pub fn agent_state(hello: &wire::Hello, now: Timestamp) -> Result<ConnectedAgent, Status> {
    let refuse = |field: &str| Err(Status::invalid_argument(format!("hello.{field} is not valid")));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !(1..=MAX_AGENT_ID_BYTES).contains(&hello.agent_id.len())
        || !hello.agent_id.bytes().all(plain)
    {
        return refuse("agent_id");
    }
    let Ok(incarnation) = <[u8; 16]>::try_from(hello.incarnation.as_ref()) else {
        return refuse("incarnation");
    };
    let Ok(region) = hello.region.parse::<Region>() else {
        return refuse("region");
    };
    if hello.version.chars().count() > MAX_VERSION_CHARACTERS
        || hello.version.chars().any(char::is_control)
    {
        return refuse("version");
    }
    Ok(ConnectedAgent {
        identity: AgentIdentity { agent: AgentId(hello.agent_id.as_str().into()), incarnation },
        region,
        version: hello.version.clone(),
        max_in_flight: hello.max_in_flight,
        in_flight: u32::try_from(hello.in_flight.len()).unwrap_or(u32::MAX),
        draining: false,
        clock_skew_us: 0,
        last_heard: now,
    })
}

/// Converts a result; the error names the invalid field.
pub fn to_attempt_report(
    result: wire::AttemptResult,
    agent: &ConnectedAgent,
    stream: StreamId,
    now: Timestamp,
) -> Result<AttemptReport, &'static str> {
    let attempt = result.key.as_ref().and_then(key).ok_or("key")?;
    let tenant: TenantId = result.tenant.parse().map_err(|_| "tenant")?;
    let subscription: SubscriptionId = result.subscription.parse().map_err(|_| "subscription")?;
    let event = EventId(Uuid::from_slice(&result.event_id).map_err(|_| "event_id")?);
    let outcome = outcome(result.fact()).ok_or("fact")?;
    let http_status = u16::try_from(result.http_status).ok().filter(|status| *status > 0);
    let trigger =
        i16::try_from(result.trigger).ok().and_then(Trigger::from_code).ok_or("trigger")?;
    let age = span(result.age).unwrap_or_default();
    let retry_after = match result.retry_after.as_ref() {
        [] => None,
        value => {
            let date = result
                .response_headers
                .iter()
                .find(|response_header| response_header.name.eq_ignore_ascii_case("date"));
            parse_retry_after(value, date.map(|date| &*date.value), now)
        }
    };
    // A status is a response, whatever became of the body.
    let response = http_status.map(|_| ReportedResponse { outcome, error: result.error.clone() });
    let record = AttemptRecord {
        key: attempt,
        subscription: SubscriptionKey { tenant, subscription },
        event,
        event_type: result.event_type,
        outcome,
        http_status,
        start_time: attempt.delivery.no_earlier(now - age),
        timings: timings(result.timings.unwrap_or_default()),
        response_headers: result
            .response_headers
            .into_iter()
            .map(|header| (header.name, header.value))
            .collect(),
        response_body: result.response_body,
        response_body_bytes: result.response_body_bytes,
        response_body_truncated: result.response_body_truncated,
        error: result.error,
        agent: agent.identity.agent.clone(),
        region: agent.region.clone(),
        remote_address: result.remote_address,
        http_version: result.http_version,
        trigger,
        test: result.test,
        next_attempt_time: None,
        settings_revision: i64::try_from(result.subscription_version).ok().filter(|v| *v > 0),
    };
    let record = Arc::new(record);
    Ok(AttemptReport { record, response, retry_after, stream: Some(stream) })
}

/// The outcome of a fact, unless the response's status decides instead.
fn outcome(fact: wire::Fact) -> Option<Outcome> {
    match fact {
        wire::Fact::Unspecified => None,
        wire::Fact::Response => Some(Outcome::HttpStatus),
        wire::Fact::Timeout => Some(Outcome::Timeout),
        wire::Fact::DnsFailed => Some(Outcome::DnsFailed),
        wire::Fact::ConnectFailed => Some(Outcome::ConnectFailed),
        wire::Fact::TlsFailed => Some(Outcome::TlsFailed),
        wire::Fact::ConnectionClosed => Some(Outcome::ConnectionClosed),
        wire::Fact::ResponseTooLarge => Some(Outcome::ResponseTooLarge),
        wire::Fact::BlockedAddress => Some(Outcome::BlockedAddress),
        wire::Fact::InvalidRequest => Some(Outcome::InvalidRequest),
    }
}

fn timings(timings: wire::Timings) -> StepTimings {
    StepTimings {
        dns: span(timings.dns),
        connect: span(timings.connect),
        tls: span(timings.tls),
        first_byte: span(timings.first_byte),
        total: span(timings.total).unwrap_or_default(),
    }
}

/// The messages that carry a command to an agent, in order.
pub fn to_agent(message: StreamCommand, now: Timestamp) -> Vec<wire::WorkResponse> {
    let messages = match message {
        StreamCommand::Dispatch(dispatch) => dispatch_messages(dispatch, now),
        StreamCommand::Acknowledge(keys) => {
            let keys = keys.into_iter().map(|key| wire_key(key, 0, 0)).collect();
            vec![ReplicaMessage::ResultAck(wire::ResultAck { keys })]
        }
        StreamCommand::TakeOver(lease) => vec![ReplicaMessage::TakeOver(wire::TakeOver {
            shard: u32::from(lease.shard.0),
            epoch: lease.epoch.0,
        })],
        StreamCommand::Drain => vec![ReplicaMessage::Drain(wire::Drain {})],
    };
    messages.into_iter().map(|message| wire::WorkResponse { message: Some(message) }).collect()
}

fn dispatch_messages(dispatch: Dispatch, now: Timestamp) -> Vec<ReplicaMessage> {
    let mut messages: Vec<ReplicaMessage> = dispatch
        .updates
        .iter()
        .map(|s| ReplicaMessage::SubscriptionUpdate(to_subscription_update(s, now)))
        .collect();
    let assignments: Vec<wire::Assignment> = dispatch
        .deliveries
        .iter()
        .filter_map(|(scheduled, version)| assignment(scheduled, *version))
        .collect();
    if !assignments.is_empty() {
        messages.push(ReplicaMessage::Assign(wire::Assign { assignments }));
    }
    messages
}

pub(super) fn to_subscription_update(
    subscription: &Subscription,
    now: Timestamp,
) -> wire::SubscriptionUpdate {
    let settings = &subscription.settings;
    let headers = settings.headers.iter().map(|header| wire::Header {
        name: header.name.clone(),
        value: Bytes::copy_from_slice(header.value.as_bytes()),
    });
    wire::SubscriptionUpdate {
        tenant: subscription.tenant.to_string(),
        subscription: subscription.id.to_string(),
        version: u64::try_from(subscription.revision).unwrap_or(0),
        url: settings.url.clone(),
        request_timeout: Some(duration(settings.request_timeout)),
        allow_insecure_url: is_insecure(&settings.url),
        signers: signing::signers(subscription, now),
        unsigned: settings.schemes.is_empty(),
        envelope: envelope(settings.envelope).into(),
        headers: headers.collect(),
        compact_json: settings.json_form == JsonForm::Compact,
        http1_only: settings.http1_only,
    }
}

const fn envelope(envelope: BodyEnvelope) -> wire::Envelope {
    match envelope {
        BodyEnvelope::None => wire::Envelope::None,
        BodyEnvelope::StandardWebhooks => wire::Envelope::StandardWebhooks,
        BodyEnvelope::IdTypePayloadDate => wire::Envelope::IdTypePayloadDate,
        BodyEnvelope::CloudEventsStructured => wire::Envelope::CloudeventsStructured,
        BodyEnvelope::CloudEventsBinary => wire::Envelope::CloudeventsBinary,
    }
}

/// `None` for a delivery that an agent already holds.
fn assignment(scheduled: &ScheduledDelivery, version: i64) -> Option<wire::Assignment> {
    let event = scheduled.event.as_ref()?;
    Some(to_assignment(&scheduled.delivery, event, version))
}

/// The delivery's current attempt, with the settings of a version.
pub(super) fn to_assignment(delivery: &Delivery, event: &Event, version: i64) -> wire::Assignment {
    wire::Assignment {
        key: Some(wire_key(
            delivery.current_attempt(),
            u32::from(delivery.shard.0),
            delivery.epoch.0,
        )),
        tenant: event.tenant.to_string(),
        subscription: delivery.subscription.subscription.to_string(),
        subscription_version: u64::try_from(version).unwrap_or(0),
        webhook_id: event.id.to_string(),
        event_id: Bytes::copy_from_slice(event.id.0.as_bytes()),
        event_type: event.content.event_type.clone(),
        payload: event.content.payload.clone(),
        content_type: event.content.content_type.clone(),
        traceparent: event.content.traceparent.clone(),
        tracestate: event.content.tracestate.clone(),
        test: delivery.test,
        trigger: u32::try_from(delivery.trigger.code()).unwrap_or(0),
        account: event.content.account.clone().unwrap_or_default(),
        sequence: delivery.sequence.unwrap_or(0),
    }
}

fn wire_key(key: AttemptKey, shard: u32, epoch: u64) -> wire::AttemptKey {
    wire::AttemptKey {
        delivery_id: Bytes::copy_from_slice(key.delivery.0.as_bytes()),
        number: key.number,
        shard,
        epoch,
    }
}
