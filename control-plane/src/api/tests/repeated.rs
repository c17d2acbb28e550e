//! Publishing again what was accepted, after the catalogue or a subscription has
//! changed.

use postrider_proto::v1;
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::{publish_result, publish_stream_response};
use tokio_stream::StreamExt;
use tonic::{Code, Status};

use crate::api::tests::{TestApi, reason};

const TYPE: &str = "payment.completed";

fn request(payload: &str, key: &str) -> v1::PublishEventRequest {
    v1::PublishEventRequest {
        parent: "tenants/acme".into(),
        event: Some(v1::Event {
            event_type: TYPE.into(),
            payload_form: Some(PayloadForm::PayloadJson(payload.into())),
            ..Default::default()
        }),
        idempotency_key: key.into(),
    }
}

impl TestApi {
    async fn set_type(&mut self, schema: &str) -> String {
        let name = format!("eventTypes/{TYPE}");
        let given = v1::EventType {
            name: name.clone(),
            json_schema: schema.into(),
            schema_validation: v1::SchemaValidation::Enforce.into(),
            ..Default::default()
        };
        let paths = vec!["json_schema".to_owned(), "schema_validation".to_owned()];
        let changed = self.event_types.update_event_type(v1::UpdateEventTypeRequest {
            event_type: Some(given.clone()),
            update_mask: Some(prost_types::FieldMask { paths }),
        });
        if changed.await.is_err() {
            let made = self.event_types.create_event_type(v1::CreateEventTypeRequest {
                event_type_id: TYPE.into(),
                event_type: Some(v1::EventType { name: String::new(), ..given }),
            });
            made.await.unwrap();
        }
        name
    }

    /// By each of the three methods.
    async fn publish_each_way(
        &mut self,
        request: v1::PublishEventRequest,
    ) -> [Result<v1::PublishEventResponse, (Code, String)>; 3] {
        let told = |status: Status| (status.code(), reason(&status));
        let of_proto = |status: tonic_types::pb::Status| {
            let details = prost::bytes::Bytes::from(prost::Message::encode_to_vec(&status));
            told(Status::with_details(Code::from(status.code), status.message, details))
        };
        let unary = self.publish(request.clone()).await.map_err(told);
        let batch = v1::PublishEventsRequest {
            parent: "tenants/acme".into(),
            requests: vec![request.clone()],
        };
        let mut batch = self.events.publish_events(batch).await.unwrap().into_inner();
        let batch = match batch.results.remove(0).result.unwrap() {
            publish_result::Result::Response(response) => Ok(response),
            publish_result::Result::Error(status) => Err(of_proto(status)),
        };
        let one = v1::PublishStreamRequest { request_id: 1, publish: Some(request) };
        let stream = self.events.publish_stream(tokio_stream::once(one)).await.unwrap();
        let answer = stream.into_inner().next().await.unwrap().unwrap();
        let stream = match answer.result.unwrap() {
            publish_stream_response::Result::Response(response) => Ok(response),
            publish_stream_response::Result::Error(status) => Err(of_proto(status)),
        };
        [unary, batch, stream]
    }

    async fn assert_answered_as(&mut self, first: &v1::PublishEventResponse, now: &str) {
        for again in self.publish_each_way(request("{\"a\":1}", "key")).await {
            let again = again.unwrap_or_else(|refused| panic!("{now}: {refused:?}"));
            assert!(again.duplicate, "{now}");
            assert_eq!((&again.event, again.create_time), (&first.event, first.create_time));
            assert_eq!(again.matched_subscriptions, first.matched_subscriptions);
        }
        for other in self.publish_each_way(request("{\"a\":2}", "key")).await {
            let refused = (Code::AlreadyExists, "IDEMPOTENCY_KEY_REUSED".to_owned());
            assert_eq!(other.unwrap_err(), refused, "{now}");
        }
    }

    async fn assert_refused(&mut self, key: &str, why: &str) {
        for refused in self.publish_each_way(request("{\"a\":1}", key)).await {
            assert_eq!(refused.unwrap_err().1, why);
        }
    }
}

#[tokio::test]
async fn what_was_accepted_stays_accepted() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    api.subscription("erp", |_| {}).await;
    let name = api.set_type("{\"type\":\"object\"}").await;
    let first = api.publish(request("{\"a\":1}", "key")).await.unwrap();
    assert_eq!((first.duplicate, first.matched_subscriptions), (false, 1));

    api.set_type("{\"required\":[\"b\"]}").await;
    api.assert_answered_as(&first, "its schema has changed").await;
    api.assert_refused("new", "SCHEMA_VIOLATION").await;
    api.assert_refused("", "SCHEMA_VIOLATION").await;

    let archived = v1::ArchiveEventTypeRequest { name: name.clone(), etag: String::new() };
    api.event_types.archive_event_type(archived).await.unwrap();
    api.assert_answered_as(&first, "its type is archived").await;
    api.assert_refused("new", "EVENT_TYPE_ARCHIVED").await;

    let deleted = v1::DeleteEventTypeRequest { name, force: true, ..Default::default() };
    api.event_types.delete_event_type(deleted).await.unwrap();
    api.assert_answered_as(&first, "its type is gone").await;
    api.plane.stop().await;
}

#[tokio::test]
async fn a_subscription_that_wants_json_by_now_changes_no_answer() {
    let mut api = TestApi::start().await;
    api.tenant("acme").await;
    let made = api.subscription("erp", |_| {}).await;
    let text = |key: &str| {
        let mut request = request("plain", key);
        request.event.as_mut().unwrap().content_type = "text/plain".into();
        request
    };
    let first = api.publish(text("key")).await.unwrap();
    let changed = v1::UpdateSubscriptionRequest {
        subscription: Some(v1::Subscription {
            name: made.name,
            envelope: v1::Envelope::StandardWebhooks.into(),
            ..Default::default()
        }),
        update_mask: None,
    };
    api.subscriptions.update_subscription(changed).await.unwrap();
    for again in api.publish_each_way(text("key")).await {
        assert_eq!(again.unwrap(), v1::PublishEventResponse { duplicate: true, ..first.clone() });
    }
    for refused in api.publish_each_way(text("new")).await {
        assert_eq!(refused.unwrap_err().1, "ENVELOPE_NEEDS_JSON");
    }
    api.plane.stop().await;
}
