//! How pages call what they are not about, and where they say that they stand.

use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::event_service_client::EventServiceClient;

use super::*;

impl Browser {
    /// Publishes an event, once a replica takes some for the tenant. Returns its name.
    async fn publish(&self) -> String {
        let event = v1::Event {
            event_type: "payment.completed".to_owned(),
            payload_form: Some(PayloadForm::PayloadJson("{}".to_owned())),
            ..v1::Event::default()
        };
        let request = v1::PublishEventRequest {
            parent: "tenants/acme".to_owned(),
            event: Some(event),
            ..v1::PublishEventRequest::default()
        };
        let mut events = EventServiceClient::new(self.channel().await);
        for _ in 0..200 {
            match events.publish_event(by_administrator(request.clone())).await {
                Ok(published) => return published.into_inner().event,
                Err(status) if status.code() == tonic::Code::Unavailable => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(status) => panic!("{status}"),
            }
        }
        panic!("no replica takes an event");
    }
}

/// Where the tenant's pages are that the navigation marks.
fn marked(shown: &Shown) -> Vec<&str> {
    let (_, links) = shown.text.split_once("aria-label=\"acme\"").unwrap();
    let (links, _) = links.split_once("</nav>").unwrap();
    let entries = links.split("<a href=\"/console/tenants/acme/").skip(1);
    let marked = entries.filter(|entry| entry.contains("aria-current=\"page\""));
    marked.map(|entry| entry.split('"').next().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_is_called_by_its_subscription_and_stands_below_it() {
    let mut browser = Browser::with(&[("publish.allow_unknown_event_types", "true")]).await;
    browser.create_tenant("acme", "Acme").await;
    browser.sign_in(BOOTSTRAP).await;
    let own = browser.make("Ledger").await;
    let event = format!("/console/{}", browser.publish().await);
    let shown = browser.until(&event, |shown| shown.text.contains("/acme/deliveries/")).await;
    let link = format!("<a href=\"{own}\">Ledger</a>");
    assert!(shown.text.contains(&link), "{}", shown.text);
    assert_eq!(marked(&shown), ["events"]);
    let (_, delivery) =
        shown.text.split_once("<a href=\"/console/tenants/acme/deliveries/").unwrap();
    let delivery = delivery.split('"').next().unwrap();
    let delivery = browser.get(&format!("/console/tenants/acme/deliveries/{delivery}")).await;
    assert!(delivery.text.contains(&link), "{}", delivery.text);
    assert_eq!(marked(&delivery), ["subscriptions"]);
    let id = own.rsplit('/').next().unwrap();
    for (page, entry) in [
        ("new-subscription".to_owned(), "subscriptions"),
        (format!("subscriptions/{id}/attempts"), "subscriptions"),
        (format!("tail?subscription={id}"), "tail"),
        ("replay".to_owned(), "operations"),
    ] {
        let shown = browser.get(&format!("/console/tenants/acme/{page}")).await;
        assert_eq!(marked(&shown), [entry], "{page}");
    }
}
