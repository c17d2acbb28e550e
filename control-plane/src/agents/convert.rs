//! Turns messages of the work stream into values of the domain, and back.

use bytes::Bytes;
use postrider_domain::delivery::Delivery;
use postrider_domain::event::Event;
use postrider_domain::ids::{AgentId, AttemptKey, EventId, Region};
use postrider_domain::scheduler::{AgentIdentity, Dispatch, ScheduledDelivery};
use postrider_domain::subscription::{BodyEnvelope, JsonForm, Subscription};
use postrider_domain::time::Timestamp;
use postrider_proto::agent::v1 as wire;
use postrider_proto::agent::v1::work_response::Message as ReplicaMessage;
use postrider_proto::attempt_limits::is_unprintable;
use postrider_proto::webhook_url::is_insecure;
use postrider_telemetry::process_tracer;
use tonic::Status;

use super::assignment_proof::AssignmentProver;
use super::dispatch_span::record_dispatch;
use super::duration::duration;
use super::receiver_credentials::{authorization, receiver_tls};
use super::signing;
use crate::settings::AgentsSettings;
use crate::state::dispatcher::streams::{ConnectedAgent, StreamCommand};

/// Longest agent name, in bytes.
const MAX_AGENT_ID_BYTES: usize = 128;
/// A version with a commit's hash has about 50.
const MAX_VERSION_CHARACTERS: usize = 64;
/// Most streams that a process may name as its other ones.
const MAX_OPEN_STREAMS: usize = 1024;

/// How many attempts an agent can hold that makes at most so many at once: a result
/// keeps its attempt's place until it is acknowledged.
pub(super) fn most_claims(max_in_flight: u32) -> usize {
    usize::try_from(max_in_flight).unwrap_or(usize::MAX)
}

/// Checks a Hello.
pub fn agent_state(
    hello: &wire::Hello,
    settings: &AgentsSettings,
    now: Timestamp,
) -> Result<ConnectedAgent, Status> {
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
        || hello.version.chars().any(is_unprintable)
    {
        return refuse("version");
    }
    if !(1..=settings.max_in_flight_per_agent).contains(&hello.max_in_flight) {
        return Err(Status::invalid_argument(format!(
            "hello.max_in_flight must be between 1 and {}, this replica's \
             agents.max_in_flight_per_agent",
            settings.max_in_flight_per_agent
        )));
    }
    let claims = hello.in_flight.len().saturating_add(hello.unacknowledged.len());
    if claims > most_claims(hello.max_in_flight) {
        return refuse("in_flight");
    }
    if hello.open_streams.len() > MAX_OPEN_STREAMS {
        return refuse("open_streams");
    }
    Ok(ConnectedAgent {
        identity: AgentIdentity {
            agent: AgentId::in_region(&region, &hello.agent_id),
            incarnation,
        },
        region,
        version: hello.version.clone(),
        max_in_flight: hello.max_in_flight,
        in_flight: u32::try_from(hello.in_flight.len()).unwrap_or(u32::MAX),
        draining: false,
        clock_skew_us: 0,
        last_heard: now,
    })
}

/// The messages that carry a command to an agent, in order.
pub fn to_agent(
    message: StreamCommand,
    prover: &AssignmentProver,
    now: Timestamp,
) -> Vec<wire::WorkResponse> {
    let messages = match message {
        StreamCommand::Dispatch(dispatch) => dispatch_messages(dispatch, prover, now),
        StreamCommand::Acknowledge(keys) => {
            let keys = keys.into_iter().map(|key| wire_key(key, 0, 0, Bytes::new())).collect();
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

fn dispatch_messages(
    dispatch: Dispatch,
    prover: &AssignmentProver,
    now: Timestamp,
) -> Vec<ReplicaMessage> {
    let mut messages: Vec<ReplicaMessage> = dispatch
        .updates
        .iter()
        .map(|s| ReplicaMessage::SubscriptionUpdate(to_subscription_update(s, now)))
        .collect();
    let assignments: Vec<wire::Assignment> = dispatch
        .deliveries
        .iter()
        .filter_map(|(scheduled, version)| assignment(scheduled, *version, (prover, now)))
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
        value: Bytes::copy_from_slice(header.value.expose().as_bytes()),
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
        send_trace_context: settings.send_trace_context,
        receiver_tls: receiver_tls(&settings.credentials),
        authorization: settings.credentials.authorization.as_ref().map(authorization),
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
fn assignment(
    scheduled: &ScheduledDelivery,
    version: i64,
    (prover, now): (&AssignmentProver, Timestamp),
) -> Option<wire::Assignment> {
    let event = scheduled.event.as_ref()?;
    let delivery = &scheduled.delivery;
    let mac = prover.prove(delivery.current_attempt(), delivery.epoch.0);
    let mut assignment = to_assignment(delivery, event, version, mac);
    let dispatch =
        process_tracer().and_then(|tracer| record_dispatch(tracer, scheduled, event, now));
    if let Some(traceparent) = dispatch {
        assignment.traceparent = traceparent;
    }
    Some(assignment)
}

/// The delivery's current attempt, with the settings of a version and the proof that it
/// was assigned.
pub(super) fn to_assignment(
    delivery: &Delivery,
    event: &Event,
    version: i64,
    mac: Bytes,
) -> wire::Assignment {
    let (shard, epoch) = (u32::from(delivery.shard.0), delivery.epoch.0);
    let mut webhook_id = String::with_capacity(EventId::TEXT_BYTES);
    event.id.append_to(&mut webhook_id);
    wire::Assignment {
        key: Some(wire_key(delivery.current_attempt(), shard, epoch, mac)),
        tenant: event.tenant.as_str().to_owned(),
        subscription: delivery.subscription.subscription.as_str().to_owned(),
        subscription_version: u64::try_from(version).unwrap_or(0),
        webhook_id,
        event_id: id_bytes(event.id.0.into_bytes()),
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

fn wire_key(key: AttemptKey, shard: u32, epoch: u64, mac: Bytes) -> wire::AttemptKey {
    wire::AttemptKey {
        delivery_id: id_bytes(key.delivery.0.into_bytes()),
        number: key.number,
        shard,
        epoch,
        mac,
    }
}

/// The bytes of an id. Encoding clones them, and these have their count beside them: copied
/// from a slice they would take another allocation for it.
fn id_bytes(id: [u8; 16]) -> Bytes {
    Bytes::from_owner(id)
}
