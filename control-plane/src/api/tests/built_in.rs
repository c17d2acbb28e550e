//! The event types that Postrider publishes itself, as the service shows them.

use postrider_proto::v1;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::api::tests::TestApi;

const FAILING_TYPE_NAME: &str = "eventTypes/postrider.endpoint.failing";

impl TestApi {
    async fn list_types(&mut self, request: v1::ListEventTypesRequest) -> (Vec<String>, String) {
        let page = self.event_types.list_event_types(request).await.unwrap().into_inner();
        (
            page.event_types.into_iter().map(|event_type| event_type.name).collect(),
            page.next_page_token,
        )
    }
}

fn refused_field(refused: Status) -> String {
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    refused.get_details_bad_request().unwrap().field_violations.remove(0).field
}

#[tokio::test]
async fn they_are_read_and_listed_among_the_others() {
    let mut api = TestApi::start().await;
    for id in ["a.first", "postriders", "z.last"] {
        let event_type = Some(v1::EventType::default());
        let made = v1::CreateEventTypeRequest { event_type_id: id.into(), event_type };
        api.event_types.create_event_type(made).await.unwrap();
    }
    let read = v1::GetEventTypeRequest { name: FAILING_TYPE_NAME.into() };
    let read = api.event_types.get_event_type(read).await.unwrap().into_inner();
    assert!(read.built_in && read.json_schema.contains("failing_since"));
    assert!(read.sample_payload_json.contains("hooks.acme.example"));
    assert_eq!((read.etag.as_str(), read.create_time), ("", None));

    let mut asked = v1::ListEventTypesRequest::default();
    assert_eq!(api.list_types(asked.clone()).await.0.len(), 3);
    asked.show_built_in = true;
    let (all, end) = api.list_types(asked.clone()).await;
    assert_eq!((all.len(), end.as_str()), (9, ""));
    assert!(all.is_sorted() && all.contains(&FAILING_TYPE_NAME.to_owned()));
    let mut paged = Vec::new();
    asked.page_size = 3;
    loop {
        let (page, next) = api.list_types(asked.clone()).await;
        assert!(page.len() <= 3);
        paged.extend(page);
        if next.is_empty() {
            break;
        }
        asked.page_token = next;
    }
    assert_eq!(paged, all);
    let search = v1::ListEventTypesRequest {
        search: "ENDPOINT.".into(),
        show_built_in: true,
        ..Default::default()
    };
    assert_eq!(api.list_types(search).await.0.len(), 3);
    let group = v1::ListEventTypesRequest {
        group: "other".into(),
        show_built_in: true,
        ..Default::default()
    };
    assert!(api.list_types(group).await.0.is_empty());
    api.plane.stop().await;
}

#[tokio::test]
async fn nobody_changes_a_built_in_type() {
    let mut api = TestApi::start().await;
    let given =
        v1::EventType { name: FAILING_TYPE_NAME.into(), group: "x".into(), ..Default::default() };
    let update = v1::UpdateEventTypeRequest { event_type: Some(given), update_mask: None };
    let refused = api.event_types.update_event_type(update).await.unwrap_err();
    assert_eq!(refused_field(refused), "event_type.name");
    let archive =
        v1::ArchiveEventTypeRequest { name: FAILING_TYPE_NAME.into(), etag: String::new() };
    let refused = api.event_types.archive_event_type(archive).await.unwrap_err();
    assert_eq!(refused_field(refused), "name");
    let delete =
        v1::DeleteEventTypeRequest { name: FAILING_TYPE_NAME.into(), ..Default::default() };
    let refused = api.event_types.delete_event_type(delete).await.unwrap_err();
    assert_eq!(refused_field(refused), "name");
    let document = include_str!("../../../../examples/operational-events/event-types.json");
    let import = v1::ImportEventTypesRequest { catalogue: document.into(), validate_only: true };
    let refused = api.event_types.import_event_types(import).await.unwrap_err();
    assert_eq!(refused_field(refused), "catalogue.event_types[0].name");
    api.plane.stop().await;
}
