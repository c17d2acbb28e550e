//! The catalogue of event types, on two replicas.
//!
//! Fed by a cluster of two; feeds `replicas`. Guarantees that once a change of
//! the catalogue is answered by one replica, the other publishes by it.

use postrider_proto::v1::{
    ArchiveEventTypeRequest, CreateEventTypeRequest, EventType, SchemaValidation,
    UnarchiveEventTypeRequest, UpdateEventTypeRequest,
};
use postrider_tests::api::{Api, reason};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use prost_types::FieldMask;

const CHANGE_ROUNDS: usize = 10;

/// Why a publish was refused; empty when it was not.
async fn refusal(api: &mut Api, tenant: &str, event_type: &str) -> String {
    let published = api.publish(tenant, event(event_type, "[]"), "").await;
    published.err().map(|status| reason(&status)).unwrap_or_default()
}

pub async fn change_here_publish_there(cluster: &Cluster) {
    let apis = [cluster.api_of(0).unwrap(), cluster.api_of(1).unwrap()];
    let tenant = apis[0].clone().create_tenant("types").await.unwrap();
    for round in 0..CHANGE_ROUNDS {
        let [mut here, mut there] = [apis[round % 2].clone(), apis[(round + 1) % 2].clone()];
        let id = format!("shared.n{round}");
        let made = here.event_types.create_event_type(CreateEventTypeRequest {
            event_type_id: id.clone(),
            event_type: Some(EventType {
                json_schema: r#"{"type": "object"}"#.to_owned(),
                ..EventType::default()
            }),
        });
        let made = made.await.unwrap().into_inner();
        assert_eq!(refusal(&mut there, &tenant, &id).await, "SCHEMA_VIOLATION", "created");
        let update = UpdateEventTypeRequest {
            event_type: Some(EventType {
                schema_validation: SchemaValidation::Off.into(),
                ..made.clone()
            }),
            update_mask: Some(FieldMask { paths: vec!["schema_validation".to_owned()] }),
        };
        here.event_types.update_event_type(update).await.unwrap();
        assert_eq!(refusal(&mut there, &tenant, &id).await, "", "updated");
        let archive = ArchiveEventTypeRequest { name: made.name.clone(), etag: String::new() };
        here.event_types.archive_event_type(archive).await.unwrap();
        assert_eq!(refusal(&mut there, &tenant, &id).await, "EVENT_TYPE_ARCHIVED");
        let back = UnarchiveEventTypeRequest { name: made.name, etag: String::new() };
        here.event_types.unarchive_event_type(back).await.unwrap();
        assert_eq!(refusal(&mut there, &tenant, &id).await, "", "brought back");
    }
}
