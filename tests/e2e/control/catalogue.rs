//! The catalogue of event types.
//!
//! Fed by a small cluster on each engine that refuses unknown event types; feeds
//! `tests/run`. Guarantees that only what the catalogue has can be published, by
//! its schemas, and that the catalogues shipped with Postrider are such that
//! their own samples can be.

use std::fs;
use std::path::Path;

use postrider_proto::v1::{
    ArchiveEventTypeRequest, CreateEventTypeRequest, DeleteEventTypeRequest, EventType,
    GetEventTypeRequest, ImportEventTypesRequest, ImportEventTypesResponse, ListEventTypesRequest,
    PublishEventResponse, SchemaValidation, Subscription, TestSubscriptionRequest,
    UnarchiveEventTypeRequest, UpdateEventTypeRequest,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::publish::{event, subscription};
use prost_types::FieldMask;
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::stage::{DEFAULT_REGION, Stage};

const EXAMPLE_SYSTEMS: [&str; 5] = ["bank", "ivy", "kivra", "kkiapay", "kwik"];
const AMOUNT_SCHEMA: &str = r#"{
  "type": "object",
  "required": ["amount", "currency"],
  "properties": {
    "amount": {"type": "object", "properties": {"minor": {"type": "integer", "minimum": 1}}},
    "currency": {"enum": ["EUR", "SEK"]}
  }
}"#;
const INVALID_PAYLOAD: &str = r#"{"amount": {"minor": 0.5}, "currency": "USD"}"#;
const VALID_PAYLOAD: &str = r#"{"amount": {"minor": 5}, "currency": "SEK"}"#;

async fn strict(engine: Engine) -> Cluster {
    let description =
        Description { engine, allow_unknown_event_types: false, ..Description::default() };
    Cluster::start(&description).await.unwrap()
}

async fn the_catalogue_decides_what_is_published(engine: Engine) {
    let cluster = &strict(engine).await;
    play!(
        cluster;
        an_event_type_is_created_changed_and_deleted,
        an_unknown_type_is_refused,
        an_enforced_schema_refuses,
        a_warning_schema_publishes_all_the_same,
        an_archived_type_cannot_be_published,
        a_catalogue_is_imported_whole,
        tests_send_the_sample,
        what_is_shipped_can_be_imported_and_published,
    );
}

on_both_engines!(the_catalogue_decides_what_is_published);

async fn create(stage: &Stage, id: &str, event_type: EventType) -> Result<EventType, Status> {
    let mut api = stage.api.clone();
    let created = api.event_types.create_event_type(CreateEventTypeRequest {
        event_type_id: id.to_owned(),
        event_type: Some(event_type),
    });
    Ok(created.await?.into_inner())
}

async fn update(stage: &Stage, event_type: EventType, paths: &[&str]) -> Result<EventType, Status> {
    let mut api = stage.api.clone();
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let updated = api.event_types.update_event_type(UpdateEventTypeRequest {
        event_type: Some(event_type),
        update_mask: Some(FieldMask { paths }),
    });
    Ok(updated.await?.into_inner())
}

async fn get(stage: &Stage, name: &str) -> Result<EventType, Status> {
    let mut api = stage.api.clone();
    let got = api.event_types.get_event_type(GetEventTypeRequest { name: name.to_owned() });
    Ok(got.await?.into_inner())
}

async fn delete(stage: &Stage, name: &str, force: bool) -> Result<(), Status> {
    let mut api = stage.api.clone();
    let name = name.to_owned();
    let asked = DeleteEventTypeRequest { name, force, ..DeleteEventTypeRequest::default() };
    api.event_types.delete_event_type(asked).await.map(|_| ())
}

async fn list(stage: &Stage, request: ListEventTypesRequest) -> (Vec<String>, String) {
    let mut api = stage.api.clone();
    let page = api.event_types.list_event_types(request).await.unwrap().into_inner();
    let names = page.event_types.into_iter().map(|event_type| event_type.name);
    (names.collect(), page.next_page_token)
}

async fn import(
    stage: &Stage,
    catalogue: &str,
    validate_only: bool,
) -> Result<ImportEventTypesResponse, Status> {
    let mut api = stage.api.clone();
    let catalogue = catalogue.to_owned();
    let asked = ImportEventTypesRequest { catalogue, validate_only };
    Ok(api.event_types.import_event_types(asked).await?.into_inner())
}

async fn publish(
    stage: &Stage,
    event_type: &str,
    payload: &str,
) -> Result<PublishEventResponse, Status> {
    let mut api = stage.api.clone();
    api.publish(&stage.tenant, event(event_type, payload), "").await
}

async fn subscribe(stage: &Stage, event_types: &[&str]) -> Result<Subscription, Status> {
    let mut api = stage.api.clone();
    let wanted = subscription(&stage.receiver.url("/hook"), event_types);
    let wanted = Subscription { region: DEFAULT_REGION.to_owned(), ..wanted };
    api.subscribe(&stage.tenant, wanted).await
}

/// With a schema and how it is enforced.
fn checked(validation: SchemaValidation) -> EventType {
    EventType {
        json_schema: AMOUNT_SCHEMA.to_owned(),
        schema_validation: validation.into(),
        ..EventType::default()
    }
}

async fn an_event_type_is_created_changed_and_deleted(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-live").await;
    let given = EventType {
        description: "A bill was paid".to_owned(),
        group: "bills".to_owned(),
        sample_payload_json: "{ }".to_owned(),
        ..EventType::default()
    };
    let made = create(&stage, "bill.paid", given.clone()).await.unwrap();
    assert_eq!(made.name, "eventTypes/bill.paid");
    assert_eq!(made.schema_validation(), SchemaValidation::Off);
    assert_eq!(made.sample_payload_json, "{ }");
    assert_eq!(get(&stage, &made.name).await.unwrap(), made);
    let twice = create(&stage, "bill.paid", given.clone()).await.unwrap_err();
    assert_eq!((twice.code(), reason(&twice).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    let wrong = create(&stage, "postrider.mine", checked(SchemaValidation::Enforce)).await;
    assert_eq!(violated_fields(&wrong.unwrap_err()), ["event_type_id"]);
    for name in ["bill.made", "bill.lost"] {
        create(&stage, name, given.clone()).await.unwrap();
    }

    let changed = EventType { group: "old bills".to_owned(), ..made.clone() };
    let updated = update(&stage, changed, &["group"]).await.unwrap();
    assert_ne!(updated.etag, made.etag);
    assert_eq!((updated.group.as_str(), &updated.description), ("old bills", &made.description));
    let stale = update(&stage, made.clone(), &["group"]).await.unwrap_err();
    assert_eq!((stale.code(), reason(&stale).as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    let no_schema = EventType {
        schema_validation: SchemaValidation::Enforce.into(),
        etag: String::new(),
        ..made.clone()
    };
    let refused = update(&stage, no_schema, &["schema_validation"]).await.unwrap_err();
    assert_eq!(violated_fields(&refused), ["event_type.schema_validation"]);

    let search = "BILL WAS".to_owned();
    let mut pages =
        ListEventTypesRequest { page_size: 2, search, ..ListEventTypesRequest::default() };
    let (first, token) = list(&stage, pages.clone()).await;
    assert_eq!(first, ["eventTypes/bill.lost", "eventTypes/bill.made"]);
    pages.page_token = token;
    let (second, token) = list(&stage, pages).await;
    assert_eq!((second, token), (vec![made.name.clone()], String::new()));
    let group = "bills".to_owned();
    let (found, _) = list(&stage, ListEventTypesRequest { group, ..Default::default() }).await;
    assert_eq!(found, first);

    let user = subscribe(&stage, &["bill.paid"]).await.unwrap();
    let refused = delete(&stage, &made.name, false).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "EVENT_TYPE_IN_USE");
    assert!(refused.message().contains(&made.name), "{refused} for {}", user.name);
    delete(&stage, &made.name, true).await.unwrap();
    let gone = get(&stage, &made.name).await.unwrap_err();
    assert_eq!((gone.code(), reason(&gone).as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    let again = create(&stage, "bill.paid", given).await.unwrap();
    assert!(again.etag != made.etag && again.etag != updated.etag, "an etag came twice");
}

async fn an_unknown_type_is_refused(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-unknown").await;
    let refused = publish(&stage, "unknown.type", "{}").await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(reason(&refused), "UNKNOWN_EVENT_TYPE");
    assert_eq!(violated_fields(&refused), ["event.event_type"]);
    let refused = subscribe(&stage, &["unknown.*", "unknown.type"]).await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_REQUEST");
    assert_eq!(violated_fields(&refused), ["subscription.event_types[1]"]);

    create(&stage, "unknown.type", EventType::default()).await.unwrap();
    let made = subscribe(&stage, &["unknown.*", "unknown.type"]).await.unwrap();
    assert_eq!(publish(&stage, "unknown.type", "{}").await.unwrap().matched_subscriptions, 1);

    let change = async |event_types: &[&str], paths: &[&str]| {
        let changed = Subscription {
            name: made.name.clone(),
            event_types: event_types.iter().map(|name| (*name).to_owned()).collect(),
            max_in_flight: 3,
            ..Subscription::default()
        };
        stage.api.update(changed, paths).await.map(|_| ())
    };
    let refused = change(&["unknown.other"], &["event_types"]).await.unwrap_err();
    assert_eq!(violated_fields(&refused), ["subscription.event_types[0]"]);
    change(&["unknown.other"], &["max_in_flight"]).await.unwrap();
    change(&["postrider.endpoint.failing", "postrider.*"], &["event_types"]).await.unwrap();
    let refused = publish(&stage, "postrider.endpoint.failing", "{}").await.unwrap_err();
    assert_eq!(reason(&refused), "INVALID_REQUEST");
    assert_eq!(violated_fields(&refused), ["event.event_type"]);
}

async fn an_enforced_schema_refuses(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-enforced").await;
    let wrong_sample = EventType {
        sample_payload_json: INVALID_PAYLOAD.to_owned(),
        ..checked(SchemaValidation::Enforce)
    };
    let refused = create(&stage, "enforced", wrong_sample).await.unwrap_err();
    assert!(violated_fields(&refused).contains(&"event_type.sample_payload_json".to_owned()));
    let made = create(&stage, "enforced", checked(SchemaValidation::Unspecified)).await.unwrap();
    assert_eq!(made.schema_validation(), SchemaValidation::Enforce);
    assert_eq!(made.json_schema, AMOUNT_SCHEMA);

    let refused = publish(&stage, "enforced", INVALID_PAYLOAD).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(reason(&refused), "SCHEMA_VIOLATION");
    let mut fields = violated_fields(&refused);
    fields.sort();
    fields.dedup();
    assert_eq!(fields, ["event.payload/amount/minor", "event.payload/currency"]);
    assert!(!format!("{refused:?}").contains("USD"), "the payload is repeated");
    let refused = publish(&stage, "enforced", "{}").await.unwrap_err();
    assert_eq!(violated_fields(&refused), ["event.payload", "event.payload"]);
    let published = publish(&stage, "enforced", VALID_PAYLOAD).await.unwrap();
    assert!(published.schema_warnings.is_empty());

    let off = EventType { schema_validation: SchemaValidation::Off.into(), ..made };
    update(&stage, off, &["schema_validation"]).await.unwrap();
    publish(&stage, "enforced", INVALID_PAYLOAD).await.unwrap();
}

async fn a_warning_schema_publishes_all_the_same(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-warned").await;
    create(&stage, "warned", checked(SchemaValidation::Warn)).await.unwrap();
    let published = publish(&stage, "warned", INVALID_PAYLOAD).await.unwrap();
    let mut paths: Vec<_> =
        published.schema_warnings.into_iter().map(|schema_warning| schema_warning.path).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths, ["/amount/minor", "/currency"]);
    assert!(publish(&stage, "warned", VALID_PAYLOAD).await.unwrap().schema_warnings.is_empty());
}

async fn an_archived_type_cannot_be_published(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-archived").await;
    let made = create(&stage, "archived", EventType::default()).await.unwrap();
    let mut api = stage.api.clone();
    let asked = ArchiveEventTypeRequest { name: made.name.clone(), etag: "r0".to_owned() };
    let stale = api.event_types.archive_event_type(asked.clone()).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_MISMATCH");
    let asked = ArchiveEventTypeRequest { etag: made.etag.clone(), ..asked };
    let gone = api.event_types.archive_event_type(asked).await.unwrap().into_inner();
    assert!(gone.archive_time.is_some() && gone.etag != made.etag, "{gone:?}");
    let asked = ArchiveEventTypeRequest { name: made.name.clone(), etag: String::new() };
    assert_eq!(api.event_types.archive_event_type(asked).await.unwrap().into_inner(), gone);
    let refused = publish(&stage, "archived", "{}").await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "EVENT_TYPE_ARCHIVED");
    let search = "archived".to_owned();
    let wanted = ListEventTypesRequest { search, ..ListEventTypesRequest::default() };
    assert!(list(&stage, wanted.clone()).await.0.is_empty());
    let all = ListEventTypesRequest { show_archived: true, ..wanted };
    assert_eq!(list(&stage, all).await.0, std::slice::from_ref(&made.name));
    let asked = UnarchiveEventTypeRequest { name: made.name, etag: gone.etag };
    let back = api.event_types.unarchive_event_type(asked).await.unwrap().into_inner();
    assert_eq!(back.archive_time, None);
    publish(&stage, "archived", "{}").await.unwrap();
}

fn counts(answer: ImportEventTypesResponse) -> (u32, u32, u32) {
    (answer.created_count, answer.updated_count, answer.unchanged_count)
}

async fn a_catalogue_is_imported_whole(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-imported").await;
    let document = |group: &str| {
        let types = (0..20).map(|n| json!({"name": format!("imported.n{n}"), "group": group}));
        json!({"event_types": types.collect::<Vec<_>>()}).to_string()
    };
    let first = document("g");
    assert_eq!(counts(import(&stage, &first, true).await.unwrap()), (20, 0, 0));
    assert!(get(&stage, "eventTypes/imported.n0").await.is_err(), "it was only to be checked");
    assert_eq!(counts(import(&stage, &first, false).await.unwrap()), (20, 0, 0));
    let made = get(&stage, "eventTypes/imported.n0").await.unwrap();
    assert_eq!(counts(import(&stage, &first, false).await.unwrap()), (0, 0, 20));
    assert_eq!(get(&stage, &made.name).await.unwrap(), made, "nothing was to be changed");
    let mut api = stage.api.clone();
    let asked = ArchiveEventTypeRequest { name: made.name.clone(), etag: String::new() };
    api.event_types.archive_event_type(asked).await.unwrap();
    assert_eq!(counts(import(&stage, &first, false).await.unwrap()), (0, 1, 19));
    publish(&stage, "imported.n0", "{}").await.unwrap();
    let other = document("other");
    assert_eq!(counts(import(&stage, &other, false).await.unwrap()), (0, 20, 0));

    let wrong = json!({"event_types": [
        {"name": "imported.new"},
        {"name": "imported.n1", "schema": {"$ref": "https://example.com/schema"}},
        {"name": "a..b", "validation": "SOMETIMES"},
    ]});
    let refused = import(&stage, &wrong.to_string(), false).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    let fields = violated_fields(&refused);
    for field in ["event_types[1].schema", "event_types[2].validation", "event_types[2].name"] {
        assert!(fields.contains(&format!("catalogue.{field}")), "{field} of {fields:?}");
    }
    assert!(get(&stage, "eventTypes/imported.new").await.is_err(), "all or nothing");
}

async fn tests_send_the_sample(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-sampled").await;
    let sample = "{\"amount\" :1.00}".to_owned();
    let given = EventType { sample_payload_json: sample.clone(), ..EventType::default() };
    create(&stage, "sampled", given).await.unwrap();
    let made = subscribe(&stage, &["sampled"]).await.unwrap();
    let mut api = stage.api.clone();
    for event_type in ["sampled", "not.sampled"] {
        let tested = api.subscriptions.test_subscription(TestSubscriptionRequest {
            name: made.name.clone(),
            event_type: event_type.to_owned(),
            ..TestSubscriptionRequest::default()
        });
        tested.await.unwrap();
    }
    let requests = stage.receiver.requests();
    assert_eq!(requests[0].body, sample);
    assert_ne!(requests[1].body, sample);
}

/// What is shipped for each system can be imported, again without a change, and
/// every sample published.
async fn what_is_shipped_can_be_imported_and_published(cluster: &Cluster) {
    let stage = Stage::set(cluster, "types-shipped").await;
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples");
    for system in EXAMPLE_SYSTEMS {
        let document = fs::read_to_string(top.join(system).join("event-types.json")).unwrap();
        let whole: Value = serde_json::from_str(&document).unwrap();
        let types = whole["event_types"].as_array().unwrap();
        import(&stage, &document, false).await.unwrap();
        let again = import(&stage, &document, false).await.unwrap();
        assert_eq!(again.unchanged_count as usize, types.len(), "{system}: {again:?}");
        for one in types {
            let name = one["name"].as_str().unwrap();
            let published = publish(&stage, name, &one["sample"].to_string()).await;
            let published = published.unwrap_or_else(|status| panic!("{system} {name}: {status}"));
            assert!(published.schema_warnings.is_empty(), "{system} {name}: {published:?}");
        }
    }
}
