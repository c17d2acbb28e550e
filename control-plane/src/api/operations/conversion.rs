//! Turns a replay, a backfill or an expunge into a long-running operation (AIP-151), with
//! its metadata.

use postrider_domain::ids::SubscriptionKey;
use postrider_domain::operation::{
    Backfill, Operation, OperationFailure, OperationState, OperationTask,
};
use postrider_proto::longrunning::{self, operation};
use postrider_proto::v1;
use prost::Message;
use prost_types::Any;
use tonic::Status;

use crate::api::rpc::errors::{self, ErrorReason, ResourceKind};
use crate::api::values::names;
use crate::api::values::time::timestamp;

pub fn to_proto(found: &Operation) -> longrunning::Operation {
    longrunning::Operation {
        name: names::of_operation(&found.tenant, found.id),
        metadata: Some(metadata(found)),
        done: found.state != OperationState::Running,
        result: match found.state {
            OperationState::Running => None,
            OperationState::Succeeded => Some(operation::Result::Response(response(found))),
            OperationState::Cancelled | OperationState::Failed => {
                Some(operation::Result::Error(errors::to_proto(&error(found))))
            }
        },
    }
}

fn metadata(found: &Operation) -> Any {
    let create_time = Some(timestamp(found.create_time));
    let end_time = found.end_time.map(timestamp);
    let progress_time = Some(timestamp(found.progress_time()));
    let cancel_requested = found.state == OperationState::Cancelled;
    let (examined_count, delivery_count) = (count(found.examined), count(found.made));
    match &found.task {
        OperationTask::Replay(_) => packed(
            "ReplayDeliveriesMetadata",
            &v1::ReplayDeliveriesMetadata {
                parent: names::of_tenant(&found.tenant),
                create_time,
                end_time,
                progress_time,
                examined_count,
                delivery_count,
                cancel_requested,
            },
        ),
        OperationTask::Backfill(backfill) => packed(
            "BackfillSubscriptionMetadata",
            &v1::BackfillSubscriptionMetadata {
                subscription: subscription(found, backfill),
                create_time,
                end_time,
                progress_time,
                examined_count,
                delivery_count,
                cancel_requested,
            },
        ),
        OperationTask::Expunge(expunge) => packed(
            "ExpungeEventsMetadata",
            &v1::ExpungeEventsMetadata {
                parent: names::of_tenant(&found.tenant),
                create_time,
                end_time,
                progress_time,
                examined_count,
                event_count: delivery_count,
                payload_bytes: count(found.payload_bytes),
                unfinished_event_count: count(found.unfinished),
                dry_run: expunge.dry_run,
                cancel_requested,
            },
        ),
    }
}

fn response(found: &Operation) -> Any {
    let (examined_count, delivery_count) = (count(found.examined), count(found.made));
    match found.task {
        OperationTask::Replay(_) => packed(
            "ReplayDeliveriesResponse",
            &v1::ReplayDeliveriesResponse { examined_count, delivery_count },
        ),
        OperationTask::Backfill(_) => packed(
            "BackfillSubscriptionResponse",
            &v1::BackfillSubscriptionResponse { examined_count, delivery_count },
        ),
        OperationTask::Expunge(_) => packed(
            "ExpungeEventsResponse",
            &v1::ExpungeEventsResponse {
                examined_count,
                event_count: delivery_count,
                payload_bytes: count(found.payload_bytes),
                unfinished_event_count: count(found.unfinished),
            },
        ),
    }
}

/// The error of an operation that did not succeed.
fn error(found: &Operation) -> Status {
    match (found.failure, &found.task) {
        (None, _) => errors::status(ErrorReason::OperationCancelled, "the operation was cancelled"),
        (Some(OperationFailure::SubscriptionDeleted), OperationTask::Backfill(backfill)) => {
            errors::resource(
                ErrorReason::SubscriptionDeleted,
                ResourceKind::Subscription,
                &subscription(found, backfill),
                "was deleted in the meantime",
            )
        }
        (Some(_), _) => errors::deleted(ResourceKind::Tenant, &names::of_tenant(&found.tenant)),
    }
}

fn subscription(found: &Operation, backfill: &Backfill) -> String {
    let subscription = backfill.subscription.clone();
    SubscriptionKey { tenant: found.tenant.clone(), subscription }.to_string()
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn packed(name: &str, message: &impl Message) -> Any {
    Any {
        type_url: format!("type.googleapis.com/postrider.v1.{name}"),
        value: message.encode_to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use postrider_domain::operation::{Replay, TimeWindow};
    use postrider_domain::time::Timestamp;

    use super::*;

    fn replay(state: OperationState) -> Operation {
        let window = TimeWindow { from: Timestamp::default(), until: Timestamp::from_micros(9) };
        Operation {
            tenant: "acme".parse().unwrap(),
            id: format!("op_{}", "0".repeat(32)).parse().unwrap(),
            shard: postrider_domain::ids::Shard(0),
            task: OperationTask::Replay(Replay {
                window,
                per_second: 1,
                subscription: None,
                states: Vec::new(),
                event_types: Vec::new(),
            }),
            state,
            failure: None,
            cursor: None,
            examined: 5,
            made: 3,
            unfinished: 0,
            payload_bytes: 0,
            create_time: Timestamp::default(),
            end_time: None,
        }
    }

    #[test]
    fn an_operation_is_done_with_a_response_or_an_error() {
        let running = to_proto(&replay(OperationState::Running));
        assert!(!running.done && running.result.is_none());
        let metadata = running.metadata.unwrap();
        assert!(metadata.type_url.ends_with("/postrider.v1.ReplayDeliveriesMetadata"));
        let metadata = v1::ReplayDeliveriesMetadata::decode(&metadata.value[..]).unwrap();
        assert_eq!((metadata.examined_count, metadata.delivery_count), (5, 3));

        let Some(operation::Result::Response(response)) =
            to_proto(&replay(OperationState::Succeeded)).result
        else {
            panic!("no response");
        };
        let response = v1::ReplayDeliveriesResponse::decode(&response.value[..]).unwrap();
        assert_eq!(response.delivery_count, 3);

        let Some(operation::Result::Error(error)) =
            to_proto(&replay(OperationState::Cancelled)).result
        else {
            panic!("no error");
        };
        assert_eq!((error.code, error.details.len()), (1, 1));
    }
}
