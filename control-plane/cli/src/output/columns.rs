//! Which fields of a resource a table has.

/// A column: its title, and the path of its field. A path that begins with "/" is of a
/// resource's name, of which the last part is shown; one that begins with "@" is of a
/// `google.protobuf.Any`, whose type is shown. A path leads through an `Any` into what it holds.
pub(super) type TableColumn = (&'static str, &'static str);

/// The columns of a type's table; none for a type that is not listed.
pub(super) fn columns_of(type_name: &str) -> &'static [TableColumn] {
    TABLES.iter().find(|(name, _)| *name == type_name).map_or(&[], |(_, columns)| columns)
}

const TABLES: &[(&str, &[TableColumn])] = &[
    (
        "postrider.v1.Tenant",
        &[
            ("TENANT", "/name"),
            ("DISPLAY NAME", "display_name"),
            ("LABELS", "labels"),
            ("CREATED", "create_time"),
            ("DELETED", "delete_time"),
        ],
    ),
    (
        "postrider.v1.Subscription",
        &[
            ("SUBSCRIPTION", "/name"),
            ("STATUS", "status"),
            ("CIRCUIT", "endpoint_health.circuit_state"),
            ("EVENT TYPES", "event_types"),
            ("REGION", "/region"),
            ("URL", "url"),
        ],
    ),
    (
        "postrider.v1.EventType",
        &[
            ("EVENT TYPE", "/name"),
            ("GROUP", "group"),
            ("VALIDATION", "schema_validation"),
            ("ARCHIVED", "archive_time"),
            ("DESCRIPTION", "description"),
        ],
    ),
    (
        "postrider.v1.Event",
        &[
            ("EVENT", "/name"),
            ("TYPE", "event_type"),
            ("ACCOUNT", "account"),
            ("BYTES", "payload_size"),
            ("MATCHED", "matched_subscriptions"),
            ("DELIVERIES", "delivery_summary"),
            ("CREATED", "create_time"),
        ],
    ),
    (
        "postrider.v1.Delivery",
        &[
            ("DELIVERY", "/name"),
            ("STATE", "state"),
            ("REASON", "end_reason"),
            ("ATTEMPTS", "attempt_count"),
            ("LAST", "last_outcome"),
            ("HTTP", "last_http_status"),
            ("TYPE", "event_type"),
            ("SUBSCRIPTION", "/subscription"),
            ("NEXT", "next_attempt_time"),
            ("CREATED", "create_time"),
        ],
    ),
    (
        "postrider.v1.Attempt",
        &[
            ("STARTED", "start_time"),
            ("OUTCOME", "outcome"),
            ("HTTP", "http_status"),
            ("TOOK", "timings.total"),
            ("TYPE", "event_type"),
            ("SUBSCRIPTION", "/subscription"),
            ("DELIVERY", "/delivery"),
            ("NO.", "number"),
            ("AGENT", "/agent"),
            ("ERROR", "error"),
        ],
    ),
    (
        "postrider.v1.ReconciledEvent",
        &[
            ("EVENT", "/event"),
            ("TYPE", "event_type"),
            ("ACCOUNT", "account"),
            ("SUBSCRIPTION", "/subscription"),
            ("STATE", "state"),
            ("REASON", "end_reason"),
            ("SEQUENCE", "sequence"),
            ("DELIVERIES", "delivery_count"),
            ("CREATED", "create_time"),
        ],
    ),
    (
        "postrider.v1.StatsPeriod",
        &[
            ("FROM", "start_time"),
            ("ATTEMPTS", "attempt_count"),
            ("SUCCESS RATE", "success_rate"),
            ("MEDIAN", "p50_duration"),
            ("P95", "p95_duration"),
            ("OUTCOMES", "outcomes"),
        ],
    ),
    (
        "postrider.v1.Region",
        &[
            ("REGION", "/name"),
            ("AGENTS", "agent_count"),
            ("IN FLIGHT", "in_flight_count"),
            ("WANTED", "wanted_count"),
            ("CREDIT", "credit_available"),
            ("BACKLOG", "backlog_count"),
            ("OLDEST", "oldest_waiting_time"),
        ],
    ),
    (
        "postrider.v1.Agent",
        &[
            ("AGENT", "/name"),
            ("REGION", "/region"),
            ("STATE", "state"),
            ("IN FLIGHT", "in_flight_count"),
            ("AT MOST", "max_in_flight"),
            ("CLOCK", "clock_skew"),
            ("VERSION", "version"),
            ("HEARD", "last_heard_time"),
        ],
    ),
    (
        "postrider.v1.Replica",
        &[
            ("REPLICA", "/name"),
            ("ADDRESS", "address"),
            ("SHARDS", "owned_shard_count"),
            ("VERSION", "version"),
            ("HEARTBEAT", "last_heartbeat_time"),
        ],
    ),
    (
        "postrider.v1.BackgroundLoop",
        &[
            ("LOOP", "name"),
            ("ROUNDS", "round_count"),
            ("FAILURES", "failure_count"),
            ("LAST", "last_round.start_time"),
            ("TOOK", "last_round.duration"),
            ("RUNNING SINCE", "running_since_time"),
            ("FAILED", "last_failed_round.start_time"),
            ("WHY", "last_failed_round.failure"),
        ],
    ),
    (
        "postrider.v1.LogLevels",
        &[("REPLICA", "/replica"), ("FILTER", "filter"), ("UNTIL", "expire_time")],
    ),
    (
        "postrider.v1.Token",
        &[
            ("TOKEN", "/name"),
            ("DISPLAY NAME", "display_name"),
            ("GRANTS", "grants"),
            ("CREATOR", "creator"),
            ("LAST USE", "last_use_time"),
            ("ENDS", "expire_time"),
            ("REVOKED", "revoke_time"),
        ],
    ),
    (
        "postrider.v1.AuditRecord",
        &[
            ("RECORD", "name"),
            ("WHEN", "record_time"),
            ("WHO", "actor"),
            ("METHOD", "method"),
            ("RESOURCE", "resource"),
        ],
    ),
    (
        "postrider.v1.AuditFault",
        &[
            ("FAULT", "kind"),
            ("FROM", "first_number"),
            ("TO", "last_number"),
            ("WRITTEN AS", "original_number"),
        ],
    ),
    (
        "google.longrunning.Operation",
        &[
            ("OPERATION", "/name"),
            ("KIND", "@metadata"),
            ("BEGAN", "metadata.create_time"),
            ("ENDED", "metadata.end_time"),
            ("EXAMINED", "metadata.examined_count"),
            ("DONE", "done"),
            ("ERROR", "error.message"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use postrider_proto::FILE_DESCRIPTOR_SET;
    use prost_reflect::DescriptorPool;

    use super::*;

    /// What the `Any` of operations holds.
    const OPERATION_METADATA: [&str; 3] = [
        "postrider.v1.ReplayDeliveriesMetadata",
        "postrider.v1.BackfillSubscriptionMetadata",
        "postrider.v1.ExpungeEventsMetadata",
    ];

    #[test]
    fn operations_have_their_columns_whatever_they_do() {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        let columns = columns_of("google.longrunning.Operation").iter();
        for path in columns.filter_map(|(_, path)| path.strip_prefix("metadata.")) {
            for metadata in OPERATION_METADATA {
                let message = pool.get_message_by_name(metadata).expect(metadata);
                assert!(message.get_field_by_name(path).is_some(), "{metadata} has no {path}");
            }
        }
    }

    #[test]
    fn every_column_is_a_field() {
        let pool = DescriptorPool::decode(FILE_DESCRIPTOR_SET).unwrap();
        for (type_name, columns) in TABLES {
            let message = pool.get_message_by_name(type_name).expect(type_name);
            for (_, path) in *columns {
                let mut message = Some(message.clone());
                for name in path.trim_start_matches(['/', '@']).split('.') {
                    let inside = message.take().expect(path);
                    if inside.full_name() == "google.protobuf.Any" {
                        break;
                    }
                    let field = inside.get_field_by_name(name);
                    let field = field.unwrap_or_else(|| panic!("{type_name} has no {path}"));
                    message = field.kind().as_message().cloned();
                }
            }
        }
    }
}
