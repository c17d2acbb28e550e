//! Five payment systems, each configured through the API alone.
//!
//! Fed by the catalogues in `examples/` and by what each system tells its
//! customers. Guarantees that every promise of those documents
//! that a webhook can keep is kept, seen from outside: at a receiver that does
//! what that system's customers do, and in the API.

mod bank;
mod ivy;
mod kivra;
mod kkiapay;
mod kwik;
pub mod verify;

use std::fs;
use std::path::Path;
use std::time::Duration;

use postrider_proto::v1::signature_scheme::Scheme;
use postrider_proto::v1::{
    Delivery, ImportEventTypesRequest, ResendEventRequest, SignatureScheme, SuccessRule,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::{Cluster, Description, Engine};
use postrider_tests::publish::event;
use postrider_tests::receiver::Received;
use serde_json::Value;

use crate::stage::Stage;

/// The system's catalogue, as it is imported.
fn catalogue(system: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(top.join("examples").join(system).join("event-types.json")).unwrap()
}

/// A small cluster whose catalogue is the system's and which allows no other types.
async fn with_catalogue(system: &str, engine: Engine) -> Cluster {
    let description =
        Description { engine, allow_unknown_event_types: false, ..Description::default() };
    let cluster = Cluster::start(&description).await.unwrap();
    let catalogue = catalogue(system);
    let import = ImportEventTypesRequest { catalogue, validate_only: false };
    let imported = cluster.api().unwrap().event_types.import_event_types(import).await.unwrap();
    let imported = imported.into_inner().created_count as usize;
    assert_eq!(imported, samples(system).len());
    cluster
}

/// The fields that an event with this payload is refused for.
async fn refused(stage: &Stage, event_type: &str, payload: &Value) -> Vec<String> {
    let mut api = stage.api.clone();
    let event = event(event_type, &payload.to_string());
    let refused = api.publish(&stage.tenant, event, "").await.unwrap_err();
    assert_eq!(reason(&refused), "SCHEMA_VIOLATION", "{refused:?}");
    violated_fields(&refused)
}

/// A system's event types and their samples, in the order of its catalogue.
fn samples(system: &str) -> Vec<(String, Value)> {
    let catalogue: Value = serde_json::from_str(&catalogue(system)).unwrap();
    let types = catalogue["event_types"].as_array().unwrap().iter();
    types.map(|item| (item["name"].as_str().unwrap().to_owned(), item["sample"].clone())).collect()
}

/// The sample of one type.
fn sample(system: &str, event_type: &str) -> Value {
    let mut all = samples(system).into_iter();
    all.find(|(name, _)| name == event_type).unwrap().1
}

fn schemes(schemes: impl IntoIterator<Item = Scheme>) -> Vec<SignatureScheme> {
    schemes.into_iter().map(|scheme| SignatureScheme { scheme: Some(scheme) }).collect()
}

/// Only 200 is success.
fn only_200() -> Option<SuccessRule> {
    Some(SuccessRule { status_codes: vec![200] })
}

fn names(types: &[&str]) -> Vec<String> {
    types.iter().map(|name| (*name).to_owned()).collect()
}

fn wire(span: Duration) -> Option<prost_types::Duration> {
    Some(span.try_into().unwrap())
}

/// The type and the data, byte for byte, in a Standard Webhooks envelope.
fn enveloped(request: &Received) -> (String, String) {
    let body = std::str::from_utf8(&request.body).unwrap();
    let (head, data) = body.split_once(",\"data\":").unwrap();
    let event_type = head.strip_prefix("{\"type\":\"").unwrap();
    let (event_type, _timestamp) = event_type.split_once("\",\"timestamp\":\"").unwrap();
    (event_type.to_owned(), data.strip_suffix('}').unwrap().to_owned())
}

/// Publishes a payload and returns the event's name.
async fn publish(stage: &Stage, event_type: &str, payload: &Value) -> String {
    stage.publish_event(event(event_type, &payload.to_string())).await
}

/// Sends an event to its only subscription again.
async fn send_again(stage: &Stage, event: &str) -> Delivery {
    let mut api = stage.api.clone();
    let asked = ResendEventRequest { name: event.to_owned(), ..ResendEventRequest::default() };
    let mut again = api.events.resend_event(asked).await.unwrap().into_inner().deliveries;
    assert_eq!(again.len(), 1);
    again.remove(0)
}
