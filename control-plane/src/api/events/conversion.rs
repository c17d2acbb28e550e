//! Turns an event and the counts of its deliveries into the messages that callers read.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::event::{EventContent, PayloadRemoval, RemovalReason};
use postrider_proto::v1;
use postrider_proto::v1::event::PayloadForm;
use postrider_store::{DeliveryCounts, ListedEvent};

use crate::api::values::names;
use crate::api::values::time::timestamp;

/// Converts an event without its deliveries; the payload only if `with_payload`.
pub fn to_proto(listed: ListedEvent, with_payload: bool) -> v1::Event {
    let ListedEvent { event, payload_bytes } = listed;
    let create_time = event.create_time();
    let removal = event.payload_removal;
    let size = removal.map_or(payload_bytes, |removal| removal.bytes);
    let is_shown = with_payload && removal.is_none();
    let content = event.content;
    v1::Event {
        name: names::of_event(&event.tenant, event.id),
        payload_size: i64::try_from(size).unwrap_or(i64::MAX),
        payload_form: is_shown.then(|| payload_form(&content)),
        event_type: content.event_type,
        account: content.account.unwrap_or_default(),
        attributes: content.attributes.into_iter().collect(),
        ordering_key: content.ordering_key.unwrap_or_default(),
        content_type: content.content_type,
        traceparent: content.traceparent,
        tracestate: content.tracestate,
        payload_sha256: hex::encode(content.payload_sha256),
        create_time: Some(timestamp(create_time)),
        idempotency_key: content.idempotency_key.unwrap_or_default(),
        matched_subscriptions: event.matched,
        delivery_summary: None,
        test: event.test,
        payload_removal: removal.map(payload_removal),
    }
}

fn payload_removal(removal: PayloadRemoval) -> v1::PayloadRemoval {
    let reason = match removal.reason {
        RemovalReason::Expunged => v1::PayloadRemovalReason::Expunged,
        RemovalReason::RetentionEnded => v1::PayloadRemovalReason::RetentionEnded,
    };
    v1::PayloadRemoval { reason: reason.into(), remove_time: Some(timestamp(removal.time)) }
}

/// JSON as text and everything else as bytes, whichever form it was published in.
fn payload_form(content: &EventContent) -> PayloadForm {
    match std::str::from_utf8(&content.payload) {
        Ok(text) if content.is_json() => PayloadForm::PayloadJson(text.to_owned()),
        _ => PayloadForm::Payload(content.payload.clone()),
    }
}

/// Counts of an event's deliveries by state.
pub fn summary(counts: &DeliveryCounts) -> v1::DeliverySummary {
    let mut summary = v1::DeliverySummary::default();
    for (state, count) in &counts.by_state {
        let slot = match state {
            DeliveryState::Held => &mut summary.held,
            DeliveryState::Waiting => &mut summary.waiting,
            DeliveryState::InFlight => &mut summary.in_flight,
            DeliveryState::Succeeded => &mut summary.succeeded,
            DeliveryState::Exhausted => &mut summary.exhausted,
            DeliveryState::Cancelled => &mut summary.cancelled,
            DeliveryState::Suppressed => &mut summary.suppressed,
        };
        *slot = slot.saturating_add(*count);
    }
    summary
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use postrider_domain::event::Event;

    use super::*;
    use crate::fixtures;

    #[test]
    fn the_payload_has_the_form_of_its_type() {
        let mut event = fixtures::event();
        let listed = |event: Event| ListedEvent { event, payload_bytes: 2 };
        let form = |event: &Event| to_proto(listed(event.clone()), true).payload_form;
        assert_eq!(form(&event), Some(PayloadForm::PayloadJson("{}".into())));
        event.content.content_type = "text/plain".into();
        assert_eq!(form(&event), Some(PayloadForm::Payload(event.content.payload.clone())));
        event.content.payload = Bytes::new();
        let basic = to_proto(listed(event), false);
        assert_eq!((basic.payload_form, basic.payload_size), (None, 2));
    }

    #[test]
    fn a_removed_payload_leaves_its_size_and_hash() {
        let (reason, time) = (RemovalReason::Expunged, fixtures::FIXTURE_TIME);
        let mut event = fixtures::event();
        event.content.payload = Bytes::new();
        event.payload_removal = Some(PayloadRemoval { reason, time, bytes: 2 });
        let shown = to_proto(ListedEvent { event, payload_bytes: 0 }, true);
        assert_eq!((shown.payload_form, shown.payload_size), (None, 2));
        assert_eq!(shown.payload_sha256.len(), 64);
        let removal = shown.payload_removal.unwrap();
        assert_eq!(removal.reason(), v1::PayloadRemovalReason::Expunged);
        assert_eq!(removal.remove_time, Some(timestamp(time)));
    }

    #[test]
    fn counts_and_hash_are_shown() {
        let by_state = vec![(DeliveryState::Waiting, 2), (DeliveryState::Succeeded, 3)];
        let summary = summary(&DeliveryCounts { by_state });
        assert_eq!((summary.waiting, summary.succeeded, summary.held), (2, 3, 0));
        let event = fixtures::event();
        let payload_bytes = 2;
        let shown = to_proto(ListedEvent { event, payload_bytes }, false);
        assert_eq!(shown.payload_sha256.len(), 64);
        assert!(shown.payload_sha256.starts_with("44136fa355b3678a"), "{}", shown.payload_sha256);
    }
}
