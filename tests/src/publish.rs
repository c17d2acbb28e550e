//! What nearly every test does with the API.
//!
//! Fed by an [`Api`]; feeds tests with names, deliveries and attempts. Guarantees
//! that waits for a state read it through the API, as an operator would, and
//! that lists are read to their last page.

use std::time::Duration;

use anyhow::{Context, Result};
use postrider_proto::v1::event::PayloadForm;
use postrider_proto::v1::retry_policy::Timetable;
use postrider_proto::v1::{
    Attempt, CreateSubscriptionRequest, CreateTenantRequest, Delivery, DeliveryState, Event,
    FixedDelays, GetAttemptRequest, GetDeliveryRequest, ListAttemptsRequest, ListDeliveriesRequest,
    PublishEventRequest, PublishEventResponse, RetryPolicy, Subscription, Tenant,
};
use tonic::Status;

use crate::api::Api;
use crate::wait;

/// As large as pages can be, for what is read in whole.
const PAGE_SIZE: i32 = 1_000;

/// An event of this type with a JSON payload.
pub fn event(event_type: &str, payload_json: &str) -> Event {
    Event {
        event_type: event_type.to_owned(),
        payload_form: Some(PayloadForm::PayloadJson(payload_json.to_owned())),
        ..Event::default()
    }
}

/// A subscription to these types at this URL, with everything else by default.
pub fn subscription(url: &str, event_types: &[&str]) -> Subscription {
    Subscription {
        url: url.to_owned(),
        event_types: event_types.iter().map(|name| (*name).to_owned()).collect(),
        ..Subscription::default()
    }
}

/// Tries again after exactly these delays, without jitter.
pub fn fixed_delays(delays: &[Duration]) -> Result<RetryPolicy> {
    let delays: Result<Vec<_>, _> = delays.iter().map(|delay| (*delay).try_into()).collect();
    Ok(RetryPolicy {
        timetable: Some(Timetable::FixedDelays(FixedDelays { delays: delays? })),
        jitter_percent: Some(0),
        ..RetryPolicy::default()
    })
}

impl Api {
    /// Creates a tenant and returns its name, `tenants/{id}`.
    pub async fn create_tenant(&mut self, id: &str) -> Result<String, Status> {
        let tenant = self.tenants.create_tenant(CreateTenantRequest {
            tenant_id: id.to_owned(),
            tenant: Some(Tenant::default()),
        });
        Ok(tenant.await?.into_inner().name)
    }

    /// Creates a subscription; the answer is the only one that has its secret.
    pub async fn subscribe(
        &mut self,
        tenant: &str,
        subscription: Subscription,
    ) -> Result<Subscription, Status> {
        let created = self.subscriptions.create_subscription(CreateSubscriptionRequest {
            parent: tenant.to_owned(),
            subscription_id: String::new(),
            subscription: Some(subscription),
        });
        Ok(created.await?.into_inner())
    }

    /// Publishes an event; without a key when it is empty.
    pub async fn publish(
        &mut self,
        tenant: &str,
        event: Event,
        idempotency_key: &str,
    ) -> Result<PublishEventResponse, Status> {
        let published = self.events.publish_event(PublishEventRequest {
            parent: tenant.to_owned(),
            event: Some(event),
            idempotency_key: idempotency_key.to_owned(),
        });
        Ok(published.await?.into_inner())
    }

    /// Every delivery of a tenant that the filter selects, the newest first.
    pub async fn all_deliveries(
        &mut self,
        tenant: &str,
        filter: &str,
    ) -> Result<Vec<Delivery>, Status> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = self.deliveries.list_deliveries(ListDeliveriesRequest {
                parent: tenant.to_owned(),
                filter: filter.to_owned(),
                page_size: PAGE_SIZE,
                page_token,
            });
            let page = page.await?.into_inner();
            all.extend(page.deliveries);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// The deliveries of one event.
    pub async fn deliveries_of(&mut self, event: &str) -> Result<Vec<Delivery>> {
        let (tenant, _) = event
            .rsplit_once("/events/")
            .with_context(|| format!("{event} is not an event's name"))?;
        let filter = format!("event = \"{event}\"");
        Ok(self.all_deliveries(tenant, &filter).await?)
    }

    pub async fn delivery(&mut self, name: &str) -> Result<Delivery, Status> {
        let name = name.to_owned();
        let delivery = self.deliveries.get_delivery(GetDeliveryRequest { name });
        Ok(delivery.await?.into_inner())
    }

    /// A delivery's attempts in the order of their numbers.
    pub async fn attempts(&mut self, delivery: &str) -> Result<Vec<Attempt>, Status> {
        let mut all = Vec::new();
        let mut page_token = String::new();
        loop {
            let page = self.deliveries.list_attempts(ListAttemptsRequest {
                parent: delivery.to_owned(),
                page_token,
                ..ListAttemptsRequest::default()
            });
            let page = page.await?.into_inner();
            all.extend(page.attempts);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    /// An attempt with its request.
    pub async fn attempt(&mut self, name: &str) -> Result<Attempt, Status> {
        let name = name.to_owned();
        let attempt = self.deliveries.get_attempt(GetAttemptRequest { name });
        Ok(attempt.await?.into_inner())
    }

    /// Waits until a delivery is in a state and returns it.
    pub async fn wait_for_state(
        &self,
        delivery: &str,
        state: DeliveryState,
        limit: Duration,
    ) -> Result<Delivery> {
        let what = format!("{delivery} to be {}", state.as_str_name());
        wait::until(&what, limit, || {
            let mut api = self.clone();
            async move {
                let seen = api.delivery(delivery).await.map_err(|e| e.to_string())?;
                wait::when(seen, |seen| seen.state() == state)
            }
        })
        .await
    }

    /// Waits until a tenant has `count` deliveries that the filter selects.
    pub async fn wait_for_deliveries(
        &self,
        tenant: &str,
        filter: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Delivery>> {
        let what = format!("{count} deliveries of {tenant} with {filter:?}");
        wait::until(&what, limit, || {
            let mut api = self.clone();
            async move {
                let seen = api.all_deliveries(tenant, filter).await;
                let seen = seen.map_err(|error| error.to_string())?;
                if seen.len() == count {
                    Ok(seen)
                } else {
                    Err(format!("{} deliveries", seen.len()))
                }
            }
        })
        .await
    }
}
