//! The memory of assignments.
//!
//! Fed by the coordinator with assignments as they came; feeds it the same, each in memory of
//! its own. Guarantees that what the agent holds of an attempt is what its credit counts.

use bytes::{Bytes, BytesMut};
use postrider_proto::agent::v1::Assignment;

/// Gives an assignment memory of its own. As it came it is a part of its message, which has the
/// payloads of others too: the last attempt of them would keep all, beyond what credit counts.
pub fn detach_from_message(assignment: &mut Assignment) {
    assignment.payload = Bytes::copy_from_slice(&assignment.payload);
    let Some(key) = &mut assignment.key else { return };
    // In one allocation: they stay together until the result is acknowledged.
    let ids = [&key.delivery_id, &key.mac, &assignment.event_id];
    let mut joined = BytesMut::with_capacity(ids.iter().map(|id| id.len()).sum());
    ids.iter().for_each(|id| joined.extend_from_slice(id));
    let mut joined = joined.freeze();
    key.delivery_id = joined.split_to(key.delivery_id.len());
    key.mac = joined.split_to(key.mac.len());
    assignment.event_id = joined;
}

#[cfg(test)]
mod tests {
    use postrider_proto::agent::v1::AttemptKey;

    use super::*;

    #[test]
    fn an_assignment_does_not_keep_the_message_that_it_came_in() {
        let message = Bytes::from((0..64).collect::<Vec<u8>>());
        let key = AttemptKey {
            delivery_id: message.slice(8..24),
            mac: message.slice(24..40),
            ..AttemptKey::default()
        };
        let mut assignment = Assignment {
            key: Some(key),
            event_id: message.slice(40..56),
            payload: message.slice(56..),
            ..Assignment::default()
        };
        let came = assignment.clone();
        detach_from_message(&mut assignment);
        assert_eq!(assignment, came);
        drop(came);
        assert!(message.is_unique(), "nothing is left of it");
    }
}
