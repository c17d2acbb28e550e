//! What the `dev` command prints.

use std::net::SocketAddr;
use std::time::Duration;

use postrider_proto::v1::{Attempt, Delivery};

/// A realistic payment: the amount is in minor units.
pub const DEMO_PAYMENT_JSON: &str = r#"{"payment_id":"pay_8f2c41","status":"completed","amount":{"value":129900,"currency":"SEK"},"method":"swish","invoice_reference":"INV-2041","payer":"cust_77"}"#;

fn milliseconds(duration: Option<prost_types::Duration>) -> String {
    let span = duration.and_then(|d| Duration::try_from(d).ok());
    span.map_or_else(|| "-".to_owned(), |span| format!("{:.2} ms", span.as_secs_f64() * 1000.0))
}

/// A delivery and its attempts with their timings.
pub fn delivery(delivery: &Delivery, attempts: &[Attempt]) {
    println!("\ndelivered {}\n  of {}", delivery.name, delivery.event);
    for attempt in attempts {
        let timings = attempt.timings.unwrap_or_default();
        println!(
            "  attempt {}: HTTP {}, dns {}, connect {}, tls {}, first byte {}, total {}",
            attempt.number,
            attempt.http_status,
            milliseconds(timings.dns),
            milliseconds(timings.connect),
            milliseconds(timings.tls),
            milliseconds(timings.first_byte),
            milliseconds(timings.total),
        );
    }
}

/// As browsers on this machine reach it: they keep cookies of "localhost" apart from others'.
fn browsed(address: SocketAddr) -> String {
    match address.ip().is_loopback() {
        true => format!("localhost:{}", address.port()),
        false => address.to_string(),
    }
}

/// Commands to paste.
pub fn commands(address: SocketAddr, receiver: SocketAddr, token: &str) {
    let event = r#"{"parent":"tenants/acme","event":{"event_type":"payment.completed","payload_json":"{\"payment_id\":\"pay_2\",\"amount\":{\"value\":4200,\"currency\":\"SEK\"}}"}}"#;
    let port = receiver.port();
    let browsed = browsed(address);
    println!(
        r#"
Postrider runs; Ctrl-C stops it. Paste these into another terminal:

# who calls: an administrator, by a token that is kept in the data directory
export POSTRIDER_TOKEN={token}

# the same token signs in at the web console, in a browser
#   http://{browsed}/console

# publish a payment
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" -d '{event}' {address} postrider.v1.EventService/PublishEvent

# the newest deliveries, and every attempt as it happens
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" -d '{{"parent":"tenants/acme","page_size":5}}' {address} postrider.v1.DeliveryService/ListDeliveries
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" -d '{{"parent":"tenants/acme"}}' {address} postrider.v1.DeliveryService/WatchAttempts

# or by postrider itself, in a terminal with the same variable
export POSTRIDER_ADDRESS=http://{address} POSTRIDER_TENANT=acme
postrider tail
postrider deliveries --limit 5

# a test send, and how the endpoint has been doing
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" -d '{{"name":"tenants/acme/subscriptions/payments","event_type":"payment.failed"}}' {address} postrider.v1.SubscriptionService/TestSubscription
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" -d '{{"name":"tenants/acme/subscriptions/payments"}}' {address} postrider.v1.SubscriptionService/GetSubscriptionStats

# break the receiver, publish again, watch the retry after 5 s, mend it
curl -sk https://localhost:{port}/break
curl -sk https://localhost:{port}/mend

# everything there is
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" {address} list
grpcurl -plaintext -H "authorization: Bearer $POSTRIDER_TOKEN" {address} describe postrider.v1.EventService"#
    );
}
