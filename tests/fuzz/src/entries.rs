//! How often fields of messages repeat, counted before a message is decoded.

use postrider::api::fuzzing::{EntryFault, count_entries};
use postrider_proto::agent::v1::WorkRequest;
use postrider_proto::v1::{PublishEventRequest, PublishEventsRequest};
use prost::{DecodeError, Message as _};

use crate::{agents, events};

/// A message is counted alike however it is cut, and what the decoder takes is no fault but
/// for the number of its entries.
pub fn counted(data: &[u8]) {
    check("/postrider.v1.EventService/PublishEvents", data, PublishEventsRequest::decode(data));
    check("/postrider.agent.v1.AgentService/Work", data, WorkRequest::decode(data));
}

fn check<T>(path: &str, data: &[u8], decoded: Result<T, DecodeError>) {
    let whole = count_entries(path, data, data.len());
    for part_bytes in [1, 3, 16] {
        assert_eq!(count_entries(path, data, part_bytes), whole, "in parts of {part_bytes}");
    }
    assert!(decoded.is_err() || whole != Err(EntryFault::Malformed), "{path}");
}

/// Batches of events, and what agents say.
pub fn requests() -> Vec<Vec<u8>> {
    let publishes = events::publishes();
    let decoded = publishes.iter().filter_map(|seed| PublishEventRequest::decode(&**seed).ok());
    let requests = decoded.collect();
    let batch = PublishEventsRequest { parent: "tenants/acme".into(), requests };
    let mut seeds = agents::agent_messages();
    seeds.extend([batch.encode_to_vec(), [0x12, 0].repeat(1030)]);
    seeds
}
